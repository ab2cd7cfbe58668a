//! With the machine's own git, in clones of local repositories.

use super::*;
use crate::cancel::{CancelSource, Cancellation};
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

/// By a process of its own: a child that another test is just starting would hold the file open for writing.
#[expect(clippy::disallowed_methods, reason = "what a test starts")]
fn program(path: &Path, script: &str) {
    let source = path.with_extension("source");
    std::fs::write(&source, script).unwrap();
    let mut install = std::process::Command::new("install");
    assert!(install.args(["-m", "755"]).args([&source, path]).status().unwrap().success());
}

fn environment() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]
}

async fn open(directory: &Path) -> Result<Repository, GitError> {
    let (_source, cancellation) = CancelSource::new();
    open_with(directory, environment(), &cancellation).await
}

async fn open_with(
    directory: &Path,
    environment: Vec<(OsString, OsString)>,
    cancellation: &Cancellation,
) -> Result<Repository, GitError> {
    let temporary = directory.parent().unwrap();
    Repository::open(directory, temporary, environment, &Access::default(), cancellation).await
}

#[tokio::test]
async fn a_clone_knows_its_head_and_the_default_branch() {
    let origin = Origin::new();
    let clone = origin.clone("origin/feature", &[]);
    let repository = open(&clone).await.unwrap();
    assert_eq!(repository.top_level(), clone.canonicalize().unwrap());
    let below = clone.join("dir");
    assert_eq!(
        open(&below).await.unwrap_err(),
        GitError::NoRepository(below),
        "git does not search further up"
    );
    assert_eq!(repository.head().await.unwrap(), git(&origin.path(), &["rev-parse", "feature"]));
    assert_eq!(repository.origin_head().await, Ok(None));
    git(&clone, &["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
    let repository = open(&clone).await.unwrap();
    assert_eq!(repository.origin_head().await, Ok(Some("main".into())));
    assert_eq!(repository.remote_default_branch().await, Ok(Some("main".into())));
    git(&origin.path(), &["symbolic-ref", "HEAD", "refs/heads/trunk/a"]);
    // A server names no default branch without commits, as it names none when HEAD is detached.
    assert_eq!(repository.remote_default_branch().await, Ok(None));
    git(&origin.path(), &["branch", "trunk/a", "main"]);
    assert_eq!(repository.remote_default_branch().await, Ok(Some("trunk/a".into())));
}

#[tokio::test]
async fn a_missing_git_and_a_missing_clone_are_errors_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(open(folder.path()).await.unwrap_err(), GitError::NoRepository(folder.path().to_owned()));
    let (source, cancellation) = CancelSource::new();
    let nowhere = vec![("PATH".into(), folder.path().as_os_str().to_owned())];
    let opened = open_with(folder.path(), nowhere, &cancellation).await;
    assert_eq!(opened.unwrap_err(), GitError::NotInstalled);
    git(folder.path(), &["init", "--quiet"]);
    source.cancel();
    let opened = open_with(folder.path(), environment(), &cancellation).await;
    assert_eq!(opened.unwrap_err(), GitError::Cancelled);
}

#[tokio::test]
async fn only_a_remote_with_http_or_https_is_asked() {
    let origin = Origin::new();
    let repository = open(&origin.path()).await.unwrap();
    assert_eq!(repository.remote_default_branch().await, Err(GitError::NoOrigin));
    for url in ["git@host:shop", "ssh://host/shop", "ext::sh -c date", "../shop"] {
        git(&origin.path(), &["config", "remote.origin.url", url]);
        let repository = open(&origin.path()).await.unwrap();
        assert_eq!(repository.remote_default_branch().await, Err(GitError::Transport), "{url}");
    }
}

#[tokio::test]
async fn a_submodule_and_a_work_tree_are_clones_of_their_own() {
    let origin = Origin::new();
    let clone = origin.clone("origin/main", &[]);
    let [inner, tree] = ["clone/inner", "tree"].map(|name| origin.folder.path().join(name));
    let url = format!("file://{}", origin.path().display());
    git(&clone, &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &url, "inner"]);
    git(&clone, &["worktree", "add", "--quiet", "--detach", tree.to_str().unwrap(), "origin/feature"]);
    assert!(inner.join(".git").is_file() && tree.join(".git").is_file());
    for (folder, branch) in [(&inner, "main"), (&tree, "feature")] {
        let repository = open(folder).await.unwrap();
        assert_eq!(repository.head().await.unwrap(), git(&origin.path(), &["rev-parse", branch]));
        assert_eq!(repository.origin(), Some(url.as_str()));
    }
}

/// All that a configuration can make git run, or send elsewhere. Each command leaves the file `seen`.
fn hostile(seen: &Path) -> String {
    let run = format!("sh -c 'echo $0 >>{}'", seen.display());
    format!(
        "[core]\n\tsshCommand = {run}\n\tfsmonitor = {run}\n\thooksPath = {hooks}\n\tpager = {run}\n\teditor = {run}\n\
         \taskPass = {run}\n\tgitProxy = {run}\n\talternateRefsCommand = {run}\n\tworktree = /\n\
         [alias]\n\tfetch = !{run}\n\trev-parse = !{run}\n[filter \"x\"]\n\tclean = {run}\n\tsmudge = {run}\n\
         [diff]\n\texternal = {run}\n[diff \"x\"]\n\tcommand = {run}\n\ttextconv = {run}\n\
         [credential]\n\thelper = \"!{run}\"\n[remote \"origin\"]\n\tuploadpack = {run}\n\tvcs = ext\n\tpromisor = true\n\
         [protocol]\n\tallow = always\n[url \"ext::{run}\"]\n\tinsteadOf = file://\n\
         [gc]\n\tauto = 1\n[submodule]\n\trecurse = true\n[fetch]\n\trecurseSubmodules = true\n\
         [gpg]\n\tprogram = {run}\n[log]\n\tshowSignature = true\n",
        hooks = seen.with_file_name("hooks").display()
    )
}

#[tokio::test]
async fn no_command_in_the_configuration_of_a_clone_is_run() {
    let origin = Origin::new();
    let clone = origin.clone("FETCH_HEAD", &["--filter=blob:none", "--depth=1", "feature"]);
    let seen = origin.folder.path().join("seen");
    let hooks = origin.folder.path().join("hooks");
    let script = format!("#!/bin/sh\necho $0 >>'{}'\n", seen.display());
    for folder in [&hooks, &clone.join(".git/hooks")] {
        std::fs::create_dir_all(folder).unwrap();
        for name in ["reference-transaction", "post-checkout", "pre-auto-gc", "fsmonitor-watchman"] {
            program(&folder.join(name), &script);
        }
    }
    std::fs::write(clone.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    // Half of it lies in a tracked file that the clone's configuration includes.
    let tracked = clone.join("tracked.config");
    std::fs::write(&tracked, hostile(&seen)).unwrap();
    let file = clone.join(".git/config");
    let configuration = std::fs::read_to_string(&file).unwrap();
    let include = format!("[include]\n\tpath = {}\n", tracked.display());
    std::fs::write(&file, format!("{configuration}{}{include}", hostile(&seen))).unwrap();

    let mut repository = open(&clone).await.unwrap();
    let head = repository.head().await.unwrap();
    repository.complete(&[&head, &tracking("main")]).await.unwrap();
    assert_eq!(repository.changed_files("refs/remotes/origin/main").await.unwrap().len(), 3);
    repository.remote_default_branch().await.unwrap();
    repository.origin_head().await.unwrap();
    assert!(!seen.exists(), "{}", std::fs::read_to_string(&seen).unwrap());
    // The attack would work: git itself runs these.
    std::fs::write(&file, format!("{configuration}[core]\n\thooksPath = {}\n", hooks.display())).unwrap();
    git(&clone, &["update-ref", "refs/heads/x", "HEAD"]);
    assert!(seen.exists());
}

#[tokio::test]
async fn a_line_of_a_value_is_not_taken_for_another_setting() {
    let origin = Origin::new();
    let clone = origin.clone("origin/main", &[]);
    git(&clone, &["config", "http.extraHeader", "X: y\nremote.origin.partialclonefilter blob:none"]);
    assert_eq!(open(&clone).await.unwrap().filter(), None);
}

#[tokio::test]
async fn a_replaced_commit_is_not_taken_for_the_real_one() {
    let origin = Origin::new();
    let clone = origin.clone("origin/feature", &[]);
    git(&clone, &["replace", "origin/feature", "origin/main"]);
    let repository = open(&clone).await.unwrap();
    assert_eq!(repository.changed_files("refs/remotes/origin/main").await.unwrap().len(), 3);
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
    let mut repository = open(&clone).await.unwrap();
    assert_eq!(repository.is_shallow().await, Ok(true));
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]), "1");
    repository.fetch_branch("main").await.unwrap();
    assert_eq!(
        repository.changed_files("origin/main").await,
        Err(GitError::NoMergeBase("origin/main".into()))
    );

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
    let mut repository = open(&clone).await.unwrap();
    assert_eq!(repository.filter(), Some("blob:none"));
    assert_eq!(git(&clone, &["rev-list", "--count", "HEAD"]), "2");
    repository.complete(&["HEAD"]).await.unwrap();
    assert_eq!((repository.is_shallow().await, repository.filter()), (Ok(false), None));
    assert_eq!(open(&clone).await.unwrap().filter(), None);
    assert_eq!((git(&clone, &["rev-list", "--count", "HEAD"]).as_str(), missing(&clone)), ("4", 0));
}
