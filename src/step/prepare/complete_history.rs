//! The history that blame and new code are told from: noticed when it is missing, fetched where that is possible.

use super::decision::PlannedAnalysis;
use super::setup::Setup;
use crate::analysis::Properties;
use crate::context::Provider;
use crate::error::{Error, Result};
use crate::git::{self, Repository};
use crate::step::job::Job;
use crate::step::sources_clone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Completes each clone of what is analysed, if that is shallow or partial and the input says so, and fetches the
/// branches that the analyses compare with: a pull request's target, the reference branch of new code, and of a
/// shallow clone the default branch. What cannot be fetched gives a warning that says what to write.
///
/// # Errors
/// A pull request's target cannot be fetched in a clone that is whole: SonarQube would count no line as new there, and the
/// quality gate would pass. A folder of the sources looks like a git directory. The run was cancelled.
pub(super) async fn complete(setup: &Setup<'_>, planned: &[PlannedAnalysis<'_>]) -> Result<()> {
    let job = setup.job;
    let mut clones: BTreeMap<PathBuf, BranchRoles> = BTreeMap::new();
    for analysis in planned.iter().filter(|analysis| !analysis.is_skipped()) {
        let properties = analysis.properties(&setup.inputs);
        let settings = Settings { properties: &properties, of_file: &analysis.project.settings };
        if !settings.are_for_git() {
            continue;
        }
        let sources = &analysis.project.sources;
        // A submodule has a history of its own: the clone that git reads there, not what it belongs to.
        if let Some(folder) = sources_clone::false_git_directory(job, sources) {
            return Err(disguised(folder));
        }
        let Some(clone) = sources_clone::nearest_clone(job, sources) else { continue };
        let branches = clones.entry(clone.to_owned()).or_default();
        let default = analysis.scope.default_branch.as_deref();
        let named = [settings.value("sonar.pullrequest.base"), settings.value(REFERENCE), default];
        for (name, role) in named.into_iter().zip([Role::Target, Role::Reference, Role::Default]) {
            let Some(name) = name else { continue };
            let standing = branches.entry(name.to_owned()).or_insert(role);
            *standing = role.min(*standing);
        }
    }
    for (clone, branches) in clones {
        complete_clone(job, setup.inputs.unshallow, &clone, &branches).await?;
    }
    Ok(())
}

fn unsound(reference: &str) -> Error {
    Error::new(format!(
        "the reference {reference} of the clone contains commits that the branch at origin does not have, and the scanner \
         would compare with it, so code that is new in them would not count as new"
    ))
    .hint(format!(
        "Remove it before this task (`git update-ref --no-deref -d {reference}`), or have the checkout begin anew (`clean: true`)."
    ))
}

/// The scanner would ask it what is new, and find what its author likes.
fn disguised(folder: &Path) -> Error {
    Error::new(format!(
        "the folder {} looks like a git directory (HEAD, objects, refs), and the scanner would use it as that of the \
         sources, so it would decide which code is new",
        folder.display()
    ))
    .hint("Remove these files from the repository, or analyse a folder that does not lie below them.")
}

async fn complete_clone(job: &Job, may_fetch: bool, clone: &Path, branches: &BranchRoles) -> Result<()> {
    let result = match sources_clone::open(job, clone).await {
        Ok(repository) => History { job, repository }.complete(may_fetch, branches).await,
        // SonarQube's scanner reads clones without git, too.
        Err(error @ git::GitError::NotInstalled) if clone.join(".git/shallow").is_file() => {
            warn_of_lack(job, &format!("The clone is shallow, and {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    };
    match result {
        Ok(None) => Ok(()),
        Ok(Some(missing)) => Err(missing),
        Err(git::GitError::Cancelled) => Err(Error::cancelled()),
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

type BranchRoles = BTreeMap<String, Role>;

const REFERENCE: &str = "sonar.newCode.referenceBranch";

struct History<'a> {
    job: &'a Job,
    repository: Repository,
}

impl History<'_> {
    /// Tells what is missing and must not be.
    async fn complete(
        &mut self,
        mut may_fetch: bool,
        branches: &BranchRoles,
    ) -> Result<Option<Error>, git::GitError> {
        let is_shallow = self.repository.is_shallow().await?;
        let lack = match self.repository.filter() {
            Some(filter) => Some(format!("partial ({filter})")),
            None if is_shallow => Some("shallow".to_owned()),
            None => None,
        };
        match lack {
            Some(lack) if may_fetch => {
                tracing::info!("The clone is {lack}: fetching the rest of its history");
                if let Some(error) = self.fetch_all().await? {
                    let what = format!(
                        "The clone is {lack}, and the rest of its history cannot be fetched: {error}"
                    );
                    warn_of_lack(self.job, &what);
                    may_fetch = false;
                } else {
                    tracing::info!("The history is complete");
                }
            }
            Some(lack) => tracing::info!(
                "The clone is {lack}, and unshallow is off, so it stays that way: SonarQube cannot tell who changed each line"
            ),
            None => {}
        }
        let failure = match may_fetch {
            true => self.fetch_branches(branches, is_shallow).await?,
            false => None,
        };
        let compared: Vec<_> = branches.iter().filter(|(_, role)| **role != Role::Default).collect();
        // In a shallow clone all lines count as new: that turns no gate green.
        if compared.is_empty() || (is_shallow && self.repository.is_shallow().await?) {
            return Ok(None);
        }
        for (branch, role) in compared {
            match self.found_by_scanner(branch).await? {
                None if *role == Role::Target => {
                    return Ok(Some(self.missing_target(branch, failure.as_ref())));
                }
                Some(reference) if !self.is_sound(&reference, branch).await? => {
                    return Ok(Some(unsound(&reference)));
                }
                _ => {}
            }
        }
        Ok(None)
    }

    /// The reference by which the scanner engine finds a branch: the first of the places where it looks (its own message,
    /// "Could not find ref", names them).
    async fn found_by_scanner(&self, name: &str) -> Result<Option<String>, git::GitError> {
        for place in ["refs/heads/", "refs/remotes/", "refs/remotes/upstream/", "refs/remotes/origin/"] {
            let reference = format!("{place}{name}");
            if self.repository.has_commit(&reference).await? {
                return Ok(Some(reference));
            }
        }
        Ok(None)
    }

    /// Whether a reference of the branch has nothing that the branch at `origin` has not. One that a step or an earlier build
    /// has left, and that leads to what is built, would have no line count as new.
    async fn is_sound(&self, reference: &str, branch: &str) -> Result<bool, git::GitError> {
        let repository = &self.repository;
        let at_origin = format!("refs/remotes/origin/{}", remote_name(branch));
        if repository.is_symbolic(reference).await? {
            return Ok(false);
        }
        if reference == at_origin || !repository.has_commit(&at_origin).await? {
            return Ok(true);
        }
        Ok(!repository.is_symbolic(&at_origin).await?
            && repository.is_ancestor(reference, &at_origin).await?)
    }

    fn missing_target(&self, branch: &str, failure: Option<&git::GitError>) -> Error {
        let reason = failure.map(|error| format!(": {error}")).unwrap_or_default();
        Error::new(format!(
            "the clone {} does not have the pull request's target branch {branch}{reason}. Without it SonarQube counts no \
             line as new, and the quality gate passes whatever the pull request changes",
            self.repository.top_level().display()
        ))
        .hint(format!(
            "Check sonar.pullrequest.base, or fetch the branch in a step before this one (`git fetch origin \
             +refs/heads/{0}:refs/remotes/origin/{0}`); with `unshallow: auto` this task fetches it.",
            remote_name(branch)
        ))
    }

    /// By the commit, which a branch may have left behind; if that fails, by what is built, as some servers give no
    /// commits.
    async fn fetch_all(&mut self) -> Result<Option<git::GitError>, git::GitError> {
        let head = self.repository.head().await?;
        let error = trouble(self.repository.complete(&[&head]).await)?;
        let built =
            self.job.predefined.build_sourcebranch.as_deref().filter(|name| name.starts_with("refs/"));
        match (&error, built) {
            (Some(git::GitError::Failed(..)), Some(built)) => {
                trouble(self.repository.complete(&[built]).await)
            }
            _ => Ok(error),
        }
    }

    /// Fetches the branches to compare with, where there are none; in what was a shallow clone in any case: there they
    /// may be what an earlier build left behind. Tells why the pull request's target could not be fetched.
    async fn fetch_branches(
        &self,
        branches: &BranchRoles,
        was_shallow: bool,
    ) -> Result<Option<git::GitError>, git::GitError> {
        let mut failure = None;
        let built = self.job.predefined.build_sourcebranch.as_deref().unwrap_or_default();
        for (branch, role) in branches {
            if built.strip_prefix("refs/heads/") == Some(branch) || (*role == Role::Default && !was_shallow) {
                continue;
            }
            let name = format!("refs/remotes/origin/{branch}");
            let is_there = match (role, self.found_by_scanner(branch).await?) {
                (Role::Target, Some(reference)) => self.is_sound(&reference, branch).await?,
                (Role::Target, None) => false,
                _ => self.repository.has_commit(&name).await? && self.is_sound(&name, branch).await?,
            };
            if !was_shallow && is_there {
                continue;
            }
            match trouble(self.repository.fetch_branch(remote_name(branch)).await)? {
                Some(error) => {
                    tracing::info!("The branch {branch} cannot be fetched: {error}");
                    failure = failure.or(Some(error).filter(|_| *role == Role::Target));
                }
                None => tracing::debug!("Fetched {branch}"),
            }
        }
        Ok(failure)
    }
}

/// The name that the branch has at `origin`: scanners take `origin/main`, too.
pub(super) fn remote_name(branch: &str) -> &str {
    branch.strip_prefix("origin/").unwrap_or(branch)
}

/// What the analysis will be run with, as far as is known before it.
struct Settings<'a> {
    properties: &'a Properties,
    of_file: &'a Properties,
}

impl Settings<'_> {
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
fn trouble(result: Result<(), git::GitError>) -> Result<Option<git::GitError>, git::GitError> {
    match result {
        Ok(()) => Ok(None),
        Err(git::GitError::Cancelled) => Err(git::GitError::Cancelled),
        Err(error) => Ok(Some(error)),
    }
}

/// Says what the pipeline should do. The job's token opens Azure Repos; for others there is what the checkout leaves behind.
fn warn_of_lack(job: &Job, what: &str) {
    let or = match job.predefined.pipeline_context().provider {
        Provider::TfsGit => "",
        _ => "\nor, to have it fetched here, with persistCredentials: true instead",
    };
    tracing::warn!(
        "{what}. Without it SonarQube cannot tell who changed which line, or which code is new. Check out the whole \
         history, without fetchFilter:\n- checkout: self\n  fetchDepth: 0{or}"
    );
}
