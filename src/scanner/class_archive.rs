//! The engine's class-data archive: Java maps the classes that an earlier run has loaded and verified, instead of
//! reading them out of jars again. A fifth of the processor time of a small analysis is saved (docs/performance.md).
//!
//! Java writes it at the end of a run, which takes two seconds. So only the third step that runs the same engine, Java
//! and options on a machine does: by then it is no throwaway agent, and the server has the report to process meanwhile.
//! Java trusts an archive blindly, so it is sealed for the connection that made it, and used only as long as nobody has
//! changed it since. Each run has Java check the archive's checksums, too; one that does not fit is passed over.

use super::cache::Cache;
use super::cache_seal::CacheSeal;
use super::file_digest::sha256;
use super::intact::{note, noted_hash};
use super::temporary::{Temporary, remove, remove_old};
use crate::http;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a run of the engine has to do with its archive.
#[derive(Debug)]
pub enum ClassArchive {
    /// Nothing.
    Unused,
    /// It is there.
    Used(PathBuf),
    /// Java writes it.
    Made(Making),
}

/// What the analyses of one step have marked as of use to later ones.
#[derive(Debug, Default)]
pub struct Marks(RefCell<Vec<PathBuf>>);

/// An archive that is being written.
#[derive(Debug)]
pub struct Making {
    temporary: Temporary,
    place: PathBuf,
    seal: CacheSeal,
}

/// How the names of archives begin.
const CLASSES: &str = "classes-";
const OLD_AFTER: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Ends of names beside an archive's own: it was of use once; some run tries, or tried, to make it.
const WANTED: &str = "wanted";
const TRIED: &str = "tried";

impl ClassArchive {
    /// The archive beside the cached `jar` for the server's `java` with these options. Nothing here is an error: an
    /// archive is never needed.
    pub fn find(cache: &Cache, jar: &Path, java: &Path, java_options: &str, marks: &Marks) -> Self {
        // Without a seal nobody could tell who made it.
        let Some(seal) = cache.seal() else { return Self::Unused };
        let Some(place) = place(jar, java, java_options, seal) else { return Self::Unused };
        if place.exists() {
            if noted_hash(&place, seal).is_some() {
                return Self::Used(place);
            }
            tracing::info!("{} was damaged or altered, and is not used", place.display());
            remove(&place);
        }
        let (wanted, tried) = (place.with_extension(WANTED), place.with_extension(TRIED));
        // Another analysis of this very step says nothing about steps to come.
        if marks.0.borrow().contains(&wanted) {
            return Self::Unused;
        }
        // One run alone can rename it.
        if fs::rename(&wanted, &tried).is_ok() {
            if cache.prepare(&place).is_ok()
                && let Ok(temporary) = cache.temporary("classes.jsa")
            {
                tracing::info!(
                    "Java writes an archive of the engine's classes at its end: later analyses start faster"
                );
                return Self::Made(Making { temporary, place, seal: seal.clone() });
            }
        } else if !tried.exists() {
            match File::create_new(&wanted) {
                Ok(_) => marks.0.borrow_mut().push(wanted),
                Err(error) => tracing::debug!("{} can't be written: {error}", wanted.display()),
            }
        }
        Self::Unused
    }

    /// Options for Java.
    pub(super) fn options(&self) -> Vec<String> {
        let (option, path) = match self {
            Self::Unused => return Vec::new(),
            Self::Used(path) => ("-XX:SharedArchiveFile", path.as_path()),
            Self::Made(making) => ("-XX:ArchiveClassesAtExit", making.temporary.as_ref()),
        };
        let mut options = vec![format!("{option}={}", path.display()), "-Xlog:cds*=off".to_owned()];
        if matches!(self, Self::Used(_)) {
            // Without it a single flipped bit crashes Java in the middle of an analysis.
            options.push("-XX:+VerifySharedSpaces".to_owned());
        }
        options
    }

    /// Whether Java goes on writing when the engine is done: how that ends says nothing about the analysis.
    pub(super) fn is_made(&self) -> bool {
        matches!(self, Self::Made(_))
    }

    /// To be called when Java may have died of it: it is made anew some day.
    pub(super) fn discard(&self) {
        if let Self::Used(path) = self {
            remove(path);
        }
    }

    /// To be called when Java has ended, or did not start. Keeps what it has written, if the whole run went well; another run tries
    /// once more if the analysis itself failed.
    pub(super) fn settle(&self, analysed: bool, exited_well: bool) {
        let Self::Made(Making { temporary, place, seal }) = self else { return };
        let tried = place.with_extension(TRIED);
        let settled = match (analysed, exited_well) {
            (true, true) => keep(temporary.as_ref(), place, seal).and_then(|()| {
                sweep(place, SystemTime::now());
                fs::remove_file(&tried)
            }),
            (true, false) => Ok(()),
            (false, _) => fs::rename(&tried, place.with_extension(WANTED)),
        };
        if let Err(error) = settled {
            tracing::debug!("{} could not be kept: {error}", place.display());
        }
    }
}

/// Whether a file of this name is an archive of classes, or a mark or note of one.
pub(super) fn is_class_archive(name: &str) -> bool {
    name.starts_with(CLASSES)
}

/// Puts what Java has written into its place, sealed. One without a seal is not used.
fn keep(written: &Path, place: &Path, seal: &CacheSeal) -> io::Result<()> {
    make_own(written)?;
    let sha256 = sha256(written)?;
    fs::rename(written, place)?;
    note(place, &sha256, seal)
}

/// Whatever the umask was that Java wrote it with, nobody else may write it.
fn make_own(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o444))?;
    let _ = file;
    Ok(())
}

/// Removes archives and marks beside `kept` that are made for another Java or other options, once they are old.
fn sweep(kept: &Path, now: SystemTime) {
    let Some((folder, stem)) = kept.parent().zip(kept.file_stem()) else { return };
    let stem = stem.to_string_lossy();
    remove_old(folder, now, OLD_AFTER, |name| name.starts_with(CLASSES) && !name.starts_with(&*stem));
}

/// Named after all that the archive depends on; `None` when it can't be told, or for options under which Java might
/// refuse to write one.
fn place(jar: &Path, java: &Path, java_options: &str, seal: &CacheSeal) -> Option<PathBuf> {
    let harmless = |option: &str| {
        ["-XX:TieredStopAtLevel", "-XX:+UseSerialGC", "-Xm", "-Xss"]
            .iter()
            .any(|start| option.starts_with(start))
            || (option.starts_with("-D")
                && !option.starts_with("-Djdk.")
                && !option.starts_with("-Djava.system."))
    };
    if !java_options.split_whitespace().all(harmless) {
        return None;
    }
    let classes = java.parent()?.parent()?.join("lib").join("modules");
    let mut key = Sha256::new();
    for file in [jar, &classes] {
        let metadata = fs::metadata(file).ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        // Java compares path, size and time, too, and would pass the archive over for ever.
        key.update(format!("{} {} {modified}\n", file.display(), metadata.len()));
    }
    key.update(java_options);
    key.update(format!("\n{}", seal.id()));
    let key = http::hex(&key.finalize()[..8]);
    Some(jar.with_file_name(format!("{CLASSES}{key}.jsa")))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
