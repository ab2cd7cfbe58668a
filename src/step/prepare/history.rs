//! The history that blame and new code are told from: noticed when it is missing, fetched where that is possible.

use super::Place;
use crate::agent::PrepareInputs;
use crate::analysis::Properties;
use crate::context::Provider;
use crate::error::{Error, Result};
use crate::git::{self, Repository};
use crate::step::{Job, repository};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A project whose history is wanted: where it lies, what it is analysed with, and the repository's default branch.
pub(super) type Wanted<'a> = (&'a Place, Properties, Option<&'a str>);

/// Completes each clone of what is analysed, if that is shallow or partial and the input says so, and fetches the
/// branches that the analyses compare with: a pull request's target, the reference branch of new code, and of a
/// shallow clone the default branch. What can't be had gives a warning that says what to write.
///
/// # Errors
/// The run was cancelled.
pub(super) async fn complete(job: &Job, inputs: &PrepareInputs, projects: &[Wanted<'_>]) -> Result<()> {
    let mut clones: BTreeMap<Option<PathBuf>, (PathBuf, Branches)> = BTreeMap::new();
    for (place, properties, default) in projects {
        let settings = Settings::read(place, properties);
        if settings.are_for_git() {
            let sources = place.sources(job);
            // A submodule has a history of its own: the clone that git reads there, not what it belongs to.
            let clone = sources.ancestors().find(|folder| folder.join(".git").exists()).map(Path::to_owned);
            let (_, branches) = clones.entry(clone).or_insert((sources, Branches::new()));
            let named = [settings.value("sonar.pullrequest.base"), settings.value(REFERENCE), *default];
            for (name, role) in named.into_iter().zip([Role::Target, Role::Reference, Role::Default]) {
                let Some(name) = name else { continue };
                let standing = branches.entry(name.to_owned()).or_insert(role);
                *standing = role.min(*standing);
            }
        }
    }
    for (directory, branches) in clones.into_values() {
        complete_clone(job, inputs, &directory, &branches).await?;
    }
    Ok(())
}

async fn complete_clone(
    job: &Job,
    inputs: &PrepareInputs,
    directory: &Path,
    branches: &Branches,
) -> Result<()> {
    let result = match repository::open(job, directory).await {
        Ok(repository) => History { job, repository }.complete(inputs.unshallow, branches).await,
        // SonarQube's scanner reads clones without git, too.
        Err(error @ (git::Error::NotInstalled | git::Error::ForeignOwner(_)))
            if has_mark_of_shallow(directory) =>
        {
            warn_of_lack(job, &format!("The clone is shallow, and {error}"));
            Ok(())
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => Ok(()),
        Err(git::Error::Cancelled) => Err(Error::cancelled()),
        Err(error) => {
            tracing::debug!("Whether the history is whole is not known: {error}");
            Ok(())
        }
    }
}

/// What a branch is to the analyses that compare with it, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    /// Target of the pull request.
    Target,
    /// What new code is told by.
    Reference,
    Default,
}

type Branches = BTreeMap<String, Role>;

const REFERENCE: &str = "sonar.newCode.referenceBranch";

struct History<'a> {
    job: &'a Job,
    repository: Repository,
}

impl History<'_> {
    async fn complete(&self, may_fetch: bool, branches: &Branches) -> Result<(), git::Error> {
        let is_shallow = self.repository.is_shallow().await?;
        let lack = match self.repository.filter().await? {
            Some(filter) => Some(format!("partial ({filter})")),
            None if is_shallow => Some("shallow".to_owned()),
            None => None,
        };
        match lack {
            Some(lack) if may_fetch => {
                tracing::info!("The clone is {lack}: fetching the rest of its history");
                if let Some(error) = self.fetch_all().await? {
                    let what =
                        format!("The clone is {lack}, and the rest of its history can't be fetched: {error}");
                    warn_of_lack(self.job, &what);
                    return Ok(());
                }
                tracing::info!("The history is whole");
            }
            Some(lack) => tracing::info!(
                "The clone is {lack}, and stays so (unshallow: off): SonarQube can't tell who changed each line"
            ),
            None => {}
        }
        if may_fetch { self.fetch_branches(branches, is_shallow).await } else { Ok(()) }
    }

    /// By the commit, which a branch may have left behind; if that fails, by what is built, as some servers give no
    /// commits.
    async fn fetch_all(&self) -> Result<Option<git::Error>, git::Error> {
        let head = self.repository.head().await?;
        let error = trouble(self.repository.complete(&[&head]).await)?;
        let built =
            self.job.predefined.build_sourcebranch.as_deref().filter(|name| name.starts_with("refs/"));
        match (&error, built) {
            (Some(git::Error::Failed(..)), Some(built)) => trouble(self.repository.complete(&[built]).await),
            _ => Ok(error),
        }
    }

    /// Fetches the branches to compare with, where there are none; in what was a shallow clone in any case: there they
    /// may be what an earlier build left behind.
    async fn fetch_branches(&self, branches: &Branches, was_shallow: bool) -> Result<(), git::Error> {
        let built = self.job.predefined.build_sourcebranch.as_deref().unwrap_or_default();
        for (branch, role) in branches {
            if built.strip_prefix("refs/heads/") == Some(branch) || (*role == Role::Default && !was_shallow) {
                continue;
            }
            let name = format!("refs/remotes/origin/{branch}");
            if !was_shallow && self.repository.has_commit(&name).await? {
                continue;
            }
            match trouble(self.repository.fetch_branch(branch).await)? {
                Some(error) if *role == Role::Target => {
                    let what = format!("The pull request's target {branch} can't be fetched: {error}");
                    warn_of_lack(self.job, &what);
                }
                Some(error) => tracing::info!("The branch {branch} can't be fetched: {error}"),
                None => tracing::debug!("Fetched {branch}"),
            }
        }
        Ok(())
    }
}

/// What the analysis will be run with, as far as is known before it.
struct Settings<'a> {
    properties: &'a Properties,
    of_file: Properties,
}

impl<'a> Settings<'a> {
    fn read(place: &Place, properties: &'a Properties) -> Self {
        Self { properties, of_file: place.settings() }
    }

    fn value(&self, key: &str) -> Option<&str> {
        let value = self.properties.value(key).or_else(|| self.of_file.value(key));
        value.map(str::trim).filter(|value| !value.is_empty())
    }

    fn are_for_git(&self) -> bool {
        let is_true = |key| self.value(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let is_git = self.value("sonar.scm.provider").is_none_or(|name| name == "git");
        is_git && !is_true("sonar.scm.disabled") && !is_true("sonar.scanner.skip")
    }
}

/// What went wrong, unless the run was cancelled: that ends everything.
fn trouble(result: Result<(), git::Error>) -> Result<Option<git::Error>, git::Error> {
    match result {
        Ok(()) => Ok(None),
        Err(git::Error::Cancelled) => Err(git::Error::Cancelled),
        Err(error) => Ok(Some(error)),
    }
}

/// Whether git's own mark of a shallow clone is there, in this directory or one above it.
fn has_mark_of_shallow(directory: &Path) -> bool {
    directory.ancestors().any(|folder| folder.join(".git/shallow").is_file())
}

/// Says what the pipeline should do. The job's token opens Azure Repos; for others there is what the checkout leaves behind.
fn warn_of_lack(job: &Job, what: &str) {
    let or = match job.predefined.pipeline_context().provider {
        Provider::TfsGit => "",
        _ => "\nor, to have it fetched here, with persistCredentials: true instead",
    };
    tracing::warn!(
        "{what}. Without it SonarQube can't tell who changed which line, nor what is new code. Check out with all of it, \
         and without fetchFilter:\n- checkout: self\n  fetchDepth: 0{or}"
    );
}
