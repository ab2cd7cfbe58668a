//! git, as the executable in `PATH`: what the clone of the sources knows, and what its remote `origin` answers and sends.
//!
//! Commands ask no questions, end within a given time, and run in a git directory of our own (`view.rs`), so that no file
//! of the clone decides what they do. Those that go to `origin` get a credential in their environment only, for one URL
//! only (see [`Access`]). Where there is no git or no clone, that is a [`GitError`] that callers go on without.

mod access;
#[cfg(feature = "cli")]
mod checked_out;
mod diff;
mod error;
mod fetch;
mod folders;
mod git_command;
mod git_repository;
mod index;
mod ls_remote;
mod remote;
mod view;

pub use access::Access;
#[cfg(feature = "cli")]
pub(crate) use checked_out::CheckedOut;
pub use error::GitError;
pub use fetch::tracking;
pub use git_repository::Repository;
pub use index::{Stamp, files_in_index};

#[cfg(test)]
#[cfg(unix)]
mod tests;
