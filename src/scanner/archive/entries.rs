//! The entries of an archive, and where their paths may lead.

use std::io::{self, Read};
use std::path::PathBuf;

/// What is done with the entries of an archive.
pub(super) trait Entries {
    fn directory(&mut self, name: &str) -> io::Result<()>;
    fn file(&mut self, name: &str, mode: Option<u32>, content: &mut dyn Read) -> io::Result<()>;
    fn hard_link(&mut self, name: &str, target: &str) -> io::Result<()>;
    fn symlink(&mut self, name: &str, target: &str) -> io::Result<()>;
    /// Called after the last entry.
    fn finish(&mut self) -> io::Result<()>;
}

/// The error of an archive that is not unpacked, and why.
pub(super) fn refuse(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

/// `name`, a path in an archive, as a relative path; `None` if it could lead out of the folder that it is joined to. The
/// answer is the same on every platform.
pub(crate) fn inside(name: &str) -> Option<PathBuf> {
    if is_rooted(name) || name.contains('\0') {
        return None;
    }
    parts(name).map(|part| (part != "..").then_some(part)).collect()
}

pub(super) fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(['/', '\\']).filter(|part| !matches!(*part, "" | "."))
}

/// Whether a path starts at a root, or on Windows at a drive or a stream of a file, which `:` begins.
pub(super) fn is_rooted(name: &str) -> bool {
    name.starts_with(['/', '\\']) || name.contains(':')
}
