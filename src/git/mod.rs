//! git, as the executable in `PATH`: what the clone of the sources knows, and what its remote `origin` can tell and
//! send.
//!
//! Commands ask nobody anything, end by themselves in a given time, and run in a git directory of our own (`view.rs`), so
//! that no file of the clone has a say in what they do. Those that go to `origin` get a credential in their environment
//! alone, for one URL alone (see [`Access`]). Where there is no git, or no clone, that is an [`Error`] of its own to go
//! on without.

mod access;
mod changes;
mod command;
mod error;
mod folders;
mod history;
mod index;
mod origin;
mod remote;
mod repository;
mod view;

pub use access::Access;
pub use error::Error;
pub use history::tracking;
pub use index::{Stamp, files_in_index};
pub use repository::Repository;

#[cfg(test)]
#[cfg(unix)]
mod tests;
