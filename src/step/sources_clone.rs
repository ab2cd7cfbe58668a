//! The clone of the sources, opened with what this job may use.

use crate::agent::{Child, JobConnection, Passed, azure_devops_settings};
use crate::git::{Access, GitError, Repository};
use crate::step::job::Job;
use std::path::Path;
use url::Url;

/// The folder of the clone that `directory` lies in: of a submodule that of what it belongs to. The search does not leave
/// the sources, or the workspace of the pipeline, if it begins there: an agent may live in somebody's clone.
pub(super) fn clone_of<'a>(job: &Job, directory: &'a Path) -> Option<&'a Path> {
    let clones = clones_around(job, directory);
    // That of a submodule or worktree is a file.
    clones.iter().find(|clone| clone.join(".git").is_dir()).or(clones.last()).copied()
}

/// The folder of the clone whose history that of the files in `directory` is: of a submodule its own. The search ends
/// where that of [`clone_of`] does.
pub(super) fn nearest_clone<'a>(job: &Job, directory: &'a Path) -> Option<&'a Path> {
    clones_around(job, directory).first().copied()
}

fn clones_around<'a>(job: &Job, directory: &'a Path) -> Vec<&'a Path> {
    folders_around(job, directory).into_iter().filter(|folder| folder.join(".git").exists()).collect()
}

fn folders_around<'a>(job: &Job, directory: &'a Path) -> Vec<&'a Path> {
    let bounds = [job.predefined.working_directory().ok(), job.predefined.pipeline_workspace.clone()];
    let bound = bounds.into_iter().flatten().find(|bound| directory.starts_with(bound));
    let folders = directory
        .ancestors()
        .take_while(|folder| bound.as_ref().is_none_or(|bound| folder.starts_with(bound)));
    folders.collect()
}

/// A folder that scanners, which search from `directory` upwards, would take for a git directory before they come to the
/// clone: files of the repository that look so (`RepositoryBuilder.findGitDir` of JGit, and git itself, look at the folder
/// after its `.git`).
pub(super) fn false_git_directory<'a>(job: &Job, directory: &'a Path) -> Option<&'a Path> {
    let looks_so = |folder: &Path| ["HEAD", "objects", "refs"].iter().all(|name| folder.join(name).exists());
    let below_clone =
        folders_around(job, directory).into_iter().take_while(|folder| !folder.join(".git").exists());
    below_clone.into_iter().find(|folder| looks_so(folder))
}

/// Whether a clone is of the repository that this build is of, which `Build.Repository.*` and the change speak of. With
/// several checkouts only one clone is; where only another repository is checked out, none is. It has its URL, or holds
/// the commit that is built; a pull request's may have been replaced before the checkout.
///
/// `Build.Repository.LocalPath` does not tell: with several checkouts it is the folder above them (microsoft/azure-pipelines-agent,
/// `BuildJobExtension.cs`).
///
/// # Errors
/// Cancelled.
pub(super) async fn is_of_build(job: &Job, clone: &Path) -> Result<bool, GitError> {
    let Some(commit) = job.predefined.build_sourceversion.as_deref() else { return Ok(true) };
    // As the agent's checkout leaves it.
    if std::fs::read_to_string(clone.join(".git/HEAD")).is_ok_and(|head| head.trim() == commit) {
        return Ok(true);
    }
    let answer = async {
        let clone = open(job, clone).await?;
        let urls = job.predefined.build_repository_uri.as_deref().zip(clone.origin());
        match urls.is_some_and(|(built, origin)| is_same_url(built, origin)) {
            true => Ok(true),
            false => clone.has_commit(commit).await,
        }
    };
    match answer.await {
        Err(GitError::Cancelled) => Err(GitError::Cancelled),
        Err(_) => Ok(job.predefined.build_repository_localpath.as_deref() == Some(clone)),
        known => known,
    }
}

/// But for the user, whom a checkout may have written into one of them.
fn is_same_url(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        let mut url = Url::parse(text).ok()?;
        // Fails for URLs that have no user.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        Some(url)
    };
    plain(a).is_some_and(|a| plain(b).is_some_and(|b| a == b))
}

/// The clone that the history of `directory` is in ([`nearest_clone`]); `origin` is reached with the job's token where that
/// is for it.
///
/// # Errors
/// There is none, or it cannot be read; cancelled.
pub(super) async fn open(job: &Job, directory: &Path) -> Result<Repository, GitError> {
    let folder = nearest_clone(job, directory).ok_or_else(|| GitError::NoRepository(directory.to_owned()))?;
    let temporary = job.predefined.temp_directory();
    let temporary = temporary.map_err(|error| GitError::Unreadable(folder.to_owned(), error.to_string()))?;
    let connection = JobConnection::read(&job.environment, &job.predefined);
    let access = Access {
        job: connection.map(|connection| (connection.collection, connection.token)),
        network: azure_devops_settings(&job.environment),
    };
    let environment = job.environment.for_child(Child::Git, &Passed::default());
    Repository::open(folder, &temporary, environment, &access, &job.cancellation).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_one_repository() {
        for (a, b, expected) in [
            (
                "https://dev.azure.com/o/My%20Shop/_git/a",
                "https://o:pat@dev.azure.com/o/My%20Shop/_git/a",
                true,
            ),
            ("https://dev.azure.com/o/p/_git/a", "https://dev.azure.com/o/p/_git/b", false),
            ("https://dev.azure.com/o/p/_git/a", "../a", false),
            ("a", "a", false),
        ] {
            assert_eq!(is_same_url(a, b), expected, "{a} {b}");
        }
    }
}
