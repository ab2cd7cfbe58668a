//! Why a question to git has no answer.

use std::path::PathBuf;

/// A question that git did not answer, or something that it did not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GitError {
    /// No folder of `PATH` holds `git`.
    #[error("there is no git in PATH")]
    NotInstalled,
    /// This folder is not the top of a clone.
    #[error("{} is not a git clone", .0.display())]
    NoRepository(PathBuf),
    /// The clone in this folder could not be read, and why.
    #[error("the clone {} could not be read: {}", .0.display(), .1)]
    Unreadable(PathBuf, String),
    /// The clone has no remote `origin`.
    #[error("the clone has no remote origin")]
    NoOrigin,
    /// The URL of `origin` does not begin with `http:` or `https:`.
    #[error("the URL of origin is neither http:// nor https://, and no other transport is used")]
    Transport,
    /// This version of git takes a credential only from arguments and files, which other processes can read.
    #[error(
        "git {0} takes credentials only from files and arguments, which other processes can read. Install git 2.31 or \
         newer"
    )]
    TooOld(String),
    /// `HEAD` and this commit have no common ancestor in the clone.
    #[error("git finds no common ancestor of HEAD and {0}")]
    NoMergeBase(String),
    /// A command failed: its name, and git's reason.
    #[error("git {0} failed: {1}")]
    Failed(&'static str, String),
    /// A command took longer than this many seconds.
    #[error("git {0} took more than {1} seconds")]
    TimedOut(&'static str, u64),
    /// The run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}
