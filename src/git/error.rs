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
    /// git does not touch the clone of this directory, because it belongs to another user.
    ForeignOwner(PathBuf),
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
            Self::ForeignOwner(directory) => write!(
                f,
                "git does not read the clone {0}, because another user owns it. If that is as it should be, run \
                 `git config --global --add safe.directory {0}` in a step before this one",
                directory.display()
            ),
            Self::NoMergeBase(base) => write!(f, "git finds no common ancestor of HEAD and {base}"),
            Self::Failed(command, reason) => write!(f, "git {command} failed: {reason}"),
            Self::TimedOut(command, seconds) => write!(f, "git {command} took more than {seconds} seconds"),
            Self::Cancelled => f.write_str("the run was cancelled"),
        }
    }
}

impl std::error::Error for Error {}
