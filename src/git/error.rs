//! Why git told nothing.

use std::fmt;
use std::path::PathBuf;

/// A question git did not answer, or something it did not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// There is no `git` in `PATH`.
    NotInstalled,
    /// This directory is in no clone.
    NoRepository(PathBuf),
    /// The clone of this directory can't be read: why.
    Unreadable(PathBuf, String),
    /// The clone has no remote `origin`.
    NoOrigin,
    /// The URL of `origin` is not one of http or https.
    Transport,
    /// This version of git can't be given a credential unseen.
    TooOld(String),
    /// This commit and `HEAD` have no ancestor in common, or the clone does not reach back to it.
    NoMergeBase(String),
    /// A command failed: its name, and git's reason.
    Failed(&'static str, String),
    /// A command took longer than these seconds.
    TimedOut(&'static str, u64),
    /// The run was cancelled.
    Cancelled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInstalled => f.write_str("there is no git in PATH"),
            Self::NoRepository(directory) => write!(f, "{} is in no clone of git", directory.display()),
            Self::Unreadable(directory, reason) => {
                write!(f, "the clone {} can't be read: {reason}", directory.display())
            }
            Self::NoOrigin => f.write_str("the clone has no remote origin"),
            Self::Transport => f.write_str(
                "only a remote at http:// or https:// is asked, and the URL of origin is another one",
            ),
            Self::TooOld(version) => write!(
                f,
                "git {version} reads a credential from files and arguments alone, where others could see it: install git \
                 2.31 or newer"
            ),
            Self::NoMergeBase(base) => write!(f, "git finds no common ancestor of HEAD and {base}"),
            Self::Failed(command, reason) => write!(f, "git {command} failed: {reason}"),
            Self::TimedOut(command, seconds) => write!(f, "git {command} took more than {seconds} seconds"),
            Self::Cancelled => f.write_str("the run was cancelled"),
        }
    }
}

impl std::error::Error for Error {}
