//! The folder that an archive is unpacked into. No entry leads out of it.

use super::entries::{Entries, inside, is_rooted, parts, refuse};
use crate::scanner::ownership::{create_folder, create_protected_file};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const MOST_ENTRIES: usize = 100_000;

/// A folder that is being filled. Symbolic links are made last, so that no file is written through one.
#[derive(Debug)]
pub(super) struct UnpackedTree<'a> {
    root: &'a Path,
    bytes_left: u64,
    entries: usize,
    links: BTreeMap<PathBuf, String>,
    stopped: &'a AtomicBool,
}

impl<'a> UnpackedTree<'a> {
    /// Creates the folder `root` for at most `bytes` of content.
    pub(super) fn create(root: &'a Path, bytes: u64, stopped: &'a AtomicBool) -> io::Result<Self> {
        create_folder(root)?;
        Ok(Self { root, bytes_left: bytes, entries: 0, links: BTreeMap::new(), stopped })
    }
}

impl Entries for UnpackedTree<'_> {
    fn directory(&mut self, name: &str) -> io::Result<()> {
        let path = self.count(name)?;
        create_folder(&self.root.join(path))
    }

    fn file(&mut self, name: &str, mode: Option<u32>, content: &mut dyn Read) -> io::Result<()> {
        let path = self.place(name)?;
        let mut file = create_protected_file(&path).map_err(|e| named(name, &e))?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Err(io::Error::other("the run was cancelled"));
            }
            let length = match content.read(&mut buffer) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            self.bytes_left =
                self.bytes_left.checked_sub(length as u64).ok_or_else(|| refuse("it unpacks to too much"))?;
            file.write_all(&buffer[..length]).map_err(|e| named(name, &e))?;
        }
        set_mode(&file, mode)
    }

    fn hard_link(&mut self, name: &str, target: &str) -> io::Result<()> {
        let path = self.place(name)?;
        let original = inside(target).ok_or_else(|| leads_out(name, target))?;
        fs::hard_link(self.root.join(original), path).map_err(|e| named(name, &e))
    }

    fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        let path = self.count(name)?;
        if !stays_inside(&path, target) {
            return Err(leads_out(name, target));
        }
        if self.links.insert(path, target.to_owned()).is_some() {
            return Err(refuse(format_args!("it holds {name:?} twice")));
        }
        Ok(())
    }

    /// Makes the links. All folders exist already, and a link in the place of a folder fails. So no path of the archive leads
    /// through a link.
    fn finish(&mut self) -> io::Result<()> {
        for link in self.links.keys() {
            create_folder(&parent_of(&self.root.join(link)))?;
        }
        for (link, target) in &self.links {
            make_symlink(target, &self.root.join(link)).map_err(|e| named(&link.to_string_lossy(), &e))?;
        }
        Ok(())
    }
}

impl UnpackedTree<'_> {
    /// Where the entry `name` is written. Creates its folder.
    fn place(&mut self, name: &str) -> io::Result<PathBuf> {
        let path = self.root.join(self.count(name)?);
        create_folder(&parent_of(&path)).map_err(|e| named(name, &e))?;
        Ok(path)
    }

    fn count(&mut self, name: &str) -> io::Result<PathBuf> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(refuse(format_args!("it holds more than {MOST_ENTRIES} entries")));
        }
        inside(name).ok_or_else(|| {
            refuse(format_args!("its entry {name:?} would be written outside of the folder it belongs in"))
        })
    }
}

/// Whether the link at `path` stays in the folder: it leads up no further than the root, and not up again after a name,
/// which may be another link. So each link ends inside if the links on its way do.
fn stays_inside(path: &Path, target: &str) -> bool {
    let depth = path.components().count().saturating_sub(1);
    let up = parts(target).take_while(|part| *part == "..").count();
    !is_rooted(target) && up <= depth && parts(target).skip(up).all(|part| part != "..")
}

fn parent_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("")).to_owned()
}

fn leads_out(name: &str, target: &str) -> io::Error {
    refuse(format_args!("its link {name:?} leads to {target:?}, out of the folder it belongs in"))
}

fn named(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// Sets the mode of the archive, so that executables stay executable. Nobody but the owner may write.
#[cfg(unix)]
fn set_mode(file: &File, mode: Option<u32>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(mode) = mode else { return Ok(()) };
    file.set_permissions(fs::Permissions::from_mode((mode & 0o755) | 0o400))
}

#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: Option<u32>) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn make_symlink(target: &str, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

/// Archives for Windows hold no links, and agents usually lack the right to make one.
#[cfg(not(unix))]
fn make_symlink(_target: &str, _path: &Path) -> io::Result<()> {
    Err(refuse("it holds a symbolic link"))
}
