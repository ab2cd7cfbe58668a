//! Whether a folder holds exactly what an archive holds.

use super::entries::{Entries, inside, refuse};
use crate::scanner::sealed_folder;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A folder that is compared with an archive. The first difference is an error.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    root: &'a Path,
    seen: BTreeSet<PathBuf>,
    stopped: &'a AtomicBool,
}

impl<'a> Comparison<'a> {
    pub(super) fn with(root: &'a Path, stopped: &'a AtomicBool) -> Self {
        Self { root, seen: BTreeSet::new(), stopped }
    }

    fn note(&mut self, name: &str) -> io::Result<PathBuf> {
        let path = inside(name).ok_or_else(|| differs(name))?;
        self.seen.insert(path.clone());
        Ok(self.root.join(path))
    }
}

impl Entries for Comparison<'_> {
    fn directory(&mut self, name: &str) -> io::Result<()> {
        inside(name).map(drop).ok_or_else(|| differs(name))
    }

    fn file(&mut self, name: &str, _mode: Option<u32>, content: &mut dyn Read) -> io::Result<()> {
        let path = self.note(name)?;
        if !path.symlink_metadata()?.is_file() {
            return Err(differs(name));
        }
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        let (mut expected, mut found) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Err(io::Error::other("the run was cancelled"));
            }
            let length = match content.read(&mut expected) {
                Ok(0) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            file.read_exact(&mut found[..length])?;
            if expected[..length] != found[..length] {
                return Err(differs(name));
            }
        }
        if file.read(&mut found[..1])? == 0 { Ok(()) } else { Err(differs(name)) }
    }

    fn hard_link(&mut self, name: &str, target: &str) -> io::Result<()> {
        let mut original = File::open(self.root.join(inside(target).ok_or_else(|| differs(name))?))?;
        self.file(name, None, &mut original)
    }

    /// A link may be missing: SonarSource's scanners unpack none (observed with the Java runtimes of 10.7, whose licences are
    /// links), and a missing file does no harm.
    fn symlink(&mut self, name: &str, target: &str) -> io::Result<()> {
        let path = inside(name).ok_or_else(|| differs(name))?;
        match fs::read_link(self.root.join(&path)) {
            Ok(found) if found == Path::new(target) => drop(self.seen.insert(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            _ => return Err(differs(name)),
        }
        Ok(())
    }

    /// The listing follows no links. So it is the same set of paths only if no path led through a link that is not in the
    /// archive.
    fn finish(&mut self) -> io::Result<()> {
        let found: BTreeSet<_> =
            sealed_folder::entries(self.root)?.into_iter().map(|(path, _)| PathBuf::from(path)).collect();
        if found == self.seen { Ok(()) } else { Err(refuse("the folder holds other files than the archive")) }
    }
}

fn differs(name: &str) -> io::Error {
    refuse(format_args!("{name} differs from the archive"))
}
