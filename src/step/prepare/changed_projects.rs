//! Which files the change that is built touches.

use super::azure_repos::azure_repos;
use super::complete_history::remote_name;
use super::decision::PlannedAnalysis;
use super::setup::Setup;
use crate::analysis::Target;
use crate::analysis::monorepo::touches;
use crate::context::{GitRef, Scope};
use crate::error::{Error, Result};
use crate::git;
use crate::step::job::Job;
use crate::step::sources_clone::{clone_of, is_of_build, open};
use std::path::{Path, PathBuf};

/// Skips the projects that the change does not touch, where the input `changedOnly` says so, and tells which they are.
///
/// # Errors
/// The run was cancelled.
pub(super) async fn leave_out_untouched(
    setup: &Setup<'_>,
    planned: &mut [PlannedAnalysis<'_>],
) -> Result<()> {
    if !setup.is_changed_only() {
        return Ok(());
    }
    let is_compared =
        |analysis: &PlannedAnalysis<'_>| !analysis.is_skipped() && !analysis.scope.target.is_main_branch();
    if !planned.iter().any(is_compared) {
        if planned.iter().any(|analysis| !analysis.is_skipped()) {
            tracing::info!("changedOnly: every project is analysed, because the main branch is being built");
        }
        return Ok(());
    }
    let mut changes = Changes::default();
    for analysis in planned.iter_mut().filter(|analysis| is_compared(analysis)) {
        let project = analysis.project;
        let change = changes.of(setup, &analysis.scope, &project.base_dir).await?;
        if !change.touches(&project.base_dir) {
            let reason = format!("nothing in {} changed", project.relative(&project.base_dir));
            tracing::info!("{} is not analysed: {reason}", project.key.as_deref().unwrap_or("A project"));
            analysis.scope.skip = Some(reason);
            analysis.is_untouched = true;
        }
    }
    Ok(())
}

/// What a change touches.
#[derive(Debug)]
enum Change {
    /// Everything counts as touched: why.
    Everything(String),
    /// These files.
    Files {
        /// Where their paths start.
        root: PathBuf,
        /// Paths with `/`, both names of what was renamed.
        paths: Vec<String>,
        /// What they were compared with, as `pull request 12`.
        of: String,
    },
}

impl Change {
    fn tell(&self) {
        match self {
            Self::Everything(why) => tracing::warn!("changedOnly: every project is analysed, because {why}"),
            Self::Files { paths, of, .. } => {
                let files = if paths.len() == 1 { "file" } else { "files" };
                tracing::info!("changedOnly: {} {files} of {of} changed", paths.len());
            }
        }
    }

    /// Whether it touches a directory; one that does not lie in the repository counts as touched.
    fn touches(&self, directory: &Path) -> bool {
        let Self::Files { root, paths, .. } = self else { return true };
        let (Ok(root), Ok(directory)) = (root.canonicalize(), directory.canonicalize()) else { return true };
        let Ok(below) = directory.strip_prefix(root) else { return true };
        let parts: Vec<_> = below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let below = parts.join("/");
        paths.iter().any(|path| touches(path, &below, cfg!(any(windows, target_os = "macos"))))
    }
}

/// What was found out of the changes that projects are built for: one for all, unless some have a branch, a pull request
/// or a clone of their own.
#[derive(Debug, Default)]
struct Changes(Vec<TargetChange>);

/// The change that a branch or pull request brings to a clone.
#[derive(Debug)]
struct TargetChange {
    target: Target,
    default_branch: Option<String>,
    clone: Option<PathBuf>,
    change: Change,
}

impl Changes {
    /// What is built of a project in `directory`, compared with where it is to go; told when it is first asked for.
    ///
    /// # Errors
    /// The run was cancelled.
    async fn of(&mut self, setup: &Setup<'_>, scope: &Scope, directory: &Path) -> Result<&Change> {
        let job = setup.job;
        let Scope { target, default_branch, .. } = scope;
        let clone = clone_of(job, directory);
        let known = self.0.iter().position(|known| {
            (&known.target, &known.default_branch, known.clone.as_deref()) == (target, default_branch, clone)
        });
        let place = match known {
            Some(place) => place,
            None => {
                let change = find(job, scope, clone, setup.inputs.unshallow).await?;
                change.tell();
                self.0.push(TargetChange {
                    target: target.clone(),
                    default_branch: default_branch.clone(),
                    clone: clone.map(Path::to_owned),
                    change,
                });
                self.0.len() - 1
            }
        };
        Ok(&self.0[place].change)
    }
}

/// Finds out. What is not to be found out is no error: everything is analysed then.
///
/// # Errors
/// The run was cancelled.
async fn find(job: &Job, scope: &Scope, clone: Option<&Path>, may_fetch: bool) -> Result<Change> {
    let told = async {
        let Some(clone) = clone else {
            let directory = job.predefined.working_directory().unwrap_or_default();
            return Err(git::GitError::NoRepository(directory));
        };
        let base = match &scope.target {
            Target::MainBranch { .. } => {
                return Ok(Change::Everything("the main branch is being built".into()));
            }
            Target::PullRequest { key, base, .. } => {
                if is_of_build(job, clone).await?
                    && let Some(change) = of_pull_request(job, key, clone).await
                {
                    return Ok(change);
                }
                base.as_ref()
            }
            Target::Branch { .. } => scope.default_branch.as_ref(),
        };
        match base {
            Some(base) => by_git(job, clone, base, may_fetch).await,
            None => Ok(Change::Everything(
                "the branch to compare with is not known. For the build of a branch, set the input defaultBranch"
                    .into(),
            )),
        }
    };
    match told.await {
        Ok(change) => Ok(change),
        Err(git::GitError::Cancelled) => Err(Error::cancelled()),
        Err(error @ git::GitError::NoMergeBase(_)) => Ok(Change::Everything(format!(
            "what changed is not known: {error}. Check out the whole history (`fetchDepth: 0`)"
        ))),
        Err(error) => Ok(Change::Everything(format!("what changed is not known: {error}"))),
    }
}

/// By Azure Repos, if the pull request that is built is there. `clone` is one of its repository.
async fn of_pull_request(job: &Job, number: &str, clone: &Path) -> Option<Change> {
    let context = job.predefined.pipeline_context();
    // A number that a user chose may be that of any.
    if context.source != Some(GitRef::PullRequest(number.to_owned())) {
        return None;
    }
    let (azure, project, name) = azure_repos(job, &context)?;
    match azure.changed_paths(project, name, number).await {
        Ok(paths) => {
            Some(Change::Files { root: clone.to_owned(), paths, of: format!("pull request {number}") })
        }
        Err(error) => {
            tracing::info!("Azure Repos could not be asked for the files of pull request {number}: {error}");
            None
        }
    }
}

async fn by_git(job: &Job, clone: &Path, base: &str, may_fetch: bool) -> Result<Change, git::GitError> {
    let clone = open(job, clone).await?;
    let name = remote_name(base);
    let remote = format!("refs/remotes/origin/{name}");
    if may_fetch && !clone.has_commit(&remote).await? {
        clone.fetch_branch(name).await?;
    }
    let paths = clone.changed_files(&remote).await?;
    Ok(Change::Files { root: clone.top_level().to_owned(), paths, of: format!("the branch against {base}") })
}
