//! With the machine's own git, in clones of local repositories.

use super::*;
use crate::cancel::CancelSource;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A repository with three commits on `main`, the last one in `feature` too, which has two of its own.
struct Origin {
    folder: TempDir,
}

impl Origin {
    fn new() -> Self {
        let origin = Self { folder: tempfile::tempdir().unwrap() };
        let folder = origin.folder.path();
        git(folder, &["init", "--quiet", "--initial-branch", "main", "origin"]);
        for text in ["one", "two", "three"] {
            origin.commit("a.txt", text);
        }
        git(&origin.path(), &["branch", "feature"]);
        origin.commit("later.txt", "on main");
        git(&origin.path(), &["switch", "--quiet", "feature"]);
        origin.commit("dir/ä \"b\".txt", "feature");
        git(&origin.path(), &["mv", "a.txt", "moved.txt"]);
        git(&origin.path(), &["commit", "--quiet", "-m", "move"]);
        git(&origin.path(), &["switch", "--quiet", "main"]);
        origin
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("origin")
    }

    fn commit(&self, file: &str, text: &str) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        git(&self.path(), &["add", "--all"]);
        git(&self.path(), &["commit", "--quiet", "-m", text]);
    }

    /// A clone as the agent makes it: no branch is checked out, `origin/HEAD` is none.
    fn clone(&self, revision: &str, options: &[&str]) -> PathBuf {
        let clone = self.folder.path().join("clone");
        git(self.folder.path(), &["init", "--quiet", "clone"]);
        git(&clone, &["remote", "add", "origin", &format!("file://{}", self.path().display())]);
        git(&clone, &[&["fetch", "--quiet", "origin"], options].concat());
        git(&clone, &["checkout", "--quiet", "--detach", revision]);
        clone
    }
}

#[expect(clippy::disallowed_methods, reason = "what a test starts")]
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"])
        .args(["-c", "uploadpack.allowFilter=true"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn environment() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]
}

async fn open(directory: &Path) -> Result<Repository, Error> {
    let (_source, cancellation) = CancelSource::new();
    Repository::open(directory, environment(), &Access::default(), &cancellation).await
}

#[tokio::test]
async fn a_clone_is_found_from_below() {
    let origin = Origin::new();
    let clone = origin.clone("origin/feature", &[]);
    let repository = open(&clone.join("dir")).await.unwrap();
    assert_eq!(repository.top_level(), clone.canonicalize().unwrap());
    assert_eq!(repository.head().await.unwrap(), git(&origin.path(), &["rev-parse", "feature"]));
    assert_eq!(repository.origin_head().await, Ok(None));
    git(&clone, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    assert_eq!(repository.origin_head().await, Ok(Some("main".into())));
    assert_eq!(repository.remote_default_branch().await, Ok(Some("main".into())));
    git(&origin.path(), &["symbolic-ref", "HEAD", "refs/heads/trunk/a"]);
    // A default branch without commits is not told, as it is when HEAD is detached.
    assert_eq!(repository.remote_default_branch().await, Ok(None));
    git(&origin.path(), &["branch", "trunk/a", "main"]);
    assert_eq!(repository.remote_default_branch().await, Ok(Some("trunk/a".into())));
}

#[tokio::test]
async fn without_git_or_clone_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()).await.unwrap_err(), Error::NoRepository(folder.path().to_owned()));
    let (source, cancellation) = CancelSource::new();
    let nowhere = vec![("PATH".into(), folder.path().as_os_str().to_owned())];
    let opened = Repository::open(folder.path(), nowhere, &Access::default(), &cancellation).await;
    assert_eq!(opened.unwrap_err(), Error::NotInstalled);
    source.cancel();
    let opened = Repository::open(folder.path(), environment(), &Access::default(), &cancellation).await;
    assert_eq!(opened.unwrap_err(), Error::Cancelled);
}

#[tokio::test]
async fn another_users_clone_is_left_alone() {
    let origin = Origin::new();
    let (_source, cancellation) = CancelSource::new();
    let mut environment = environment();
    // git's own switch for its tests of this.
    environment.push(("GIT_TEST_ASSUME_DIFFERENT_OWNER".into(), "1".into()));
    let opened = Repository::open(&origin.path(), environment, &Access::default(), &cancellation).await;
    let error = opened.unwrap_err();
    assert_eq!(error, Error::ForeignOwner(origin.path()));
    assert!(error.to_string().contains("safe.directory"), "{error}");
}

#[tokio::test]
async fn without_a_remote_its_reason_is_told() {
    let origin = Origin::new();
    let repository = open(&origin.path()).await.unwrap();
    let error = repository.remote_default_branch().await.unwrap_err();
    assert!(matches!(&error, Error::Failed("ls-remote", reason) if reason.contains("origin")), "{error}");
}

#[tokio::test]
async fn changed_files_are_those_since_the_fork() {
    let origin = Origin::new();
    let repository = open(&origin.clone("origin/feature", &[])).await.unwrap();
    let files = repository.changed_files("refs/remotes/origin/main").await.unwrap();
    assert_eq!(files, ["a.txt", "dir/ä \"b\".txt", "moved.txt"]);
    let none = repository.changed_files("HEAD").await.unwrap();
    assert!(none.is_empty(), "{none:?}");
    for unknown in ["refs/remotes/origin/gone", "--output=x"] {
        assert!(repository.changed_files(unknown).await.is_err(), "{unknown}");
        assert!(!repository.has_commit(unknown).await.unwrap_or(false), "{unknown}");
    }
    assert_eq!(repository.has_commit("refs/remotes/origin/main").await, Ok(true));
    assert_eq!(repository.has_commit(&"1".repeat(40)).await, Ok(false));
}

#[tokio::test]
async fn a_shallow_clone_becomes_whole() {
    let origin = Origin::new();
    let clone = origin.clone("FETCH_HEAD", &["--depth=1", "feature"]);
    let repository = open(&clone).await.unwrap();
    assert_eq!(repository.is_shallow().await, Ok(true));
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]), "1");
    repository.fetch_branch("main").await.unwrap();
    assert_eq!(repository.changed_files("origin/main").await, Err(Error::NoMergeBase("origin/main".into())));

    let head = repository.head().await.unwrap();
    repository.complete(&[&head, &tracking("main")]).await.unwrap();
    assert_eq!(repository.is_shallow().await, Ok(false));
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]), "5");
    assert_eq!(git(&clone, &["rev-list", "--count", "origin/main"]), "4");
    assert_eq!(repository.changed_files("origin/main").await.unwrap().len(), 3);
    assert!(repository.complete(&["refs/heads/gone"]).await.is_err());
}

#[tokio::test]
async fn a_partial_clone_gets_its_files() {
    let origin = Origin::new();
    git(&origin.path(), &["config", "uploadpack.allowFilter", "true"]);
    let missing = |clone: &Path| {
        let objects = git(clone, &["rev-list", "--objects", "--missing=print", "HEAD"]);
        objects.lines().filter(|line| line.starts_with('?')).count()
    };
    let clone = origin.clone("FETCH_HEAD", &["--filter=blob:none", "--depth=2", "main"]);
    let repository = open(&clone).await.unwrap();
    assert_eq!(repository.filter().await, Ok(Some("blob:none".into())));
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]), "2");
    repository.complete(&["HEAD"]).await.unwrap();
    assert_eq!((repository.is_shallow().await, repository.filter().await), (Ok(false), Ok(None)));
    assert_eq!((git(&clone, &["rev-list", "--count", "HEAD"]).as_str(), missing(&clone)), ("4", 0));
}
