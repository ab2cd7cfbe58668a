//! The class-data archive of the engine: Java maps classes that an earlier run has loaded and verified, instead of reading
//! them from jars again. That saves a fifth of the processor time of a small analysis (docs/performance.md).
//!
//! Java writes the archive at the end of a run, which takes two seconds. So only the third step that runs the same engine,
//! Java and options on a machine writes it: by then the agent is known to be used again, and the server is processing the
//! report meanwhile. Java trusts an archive without a check, so it is sealed for the connection that made it, and used only
//! while it is unchanged. Java also checks the checksums in the archive on each run, and ignores one that does not fit.

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

/// What a run of the engine does with its archive.
#[derive(Debug)]
pub enum ClassArchive {
    /// Nothing.
    Unused,
    /// It maps this archive.
    Used(PathBuf),
    /// It writes the archive.
    Made(Making),
}

/// The archives that the analyses of one step have marked as useful to later steps.
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
/// Extensions of marks beside an archive: it would have been useful to a run; a run is making it, or has tried to.
const WANTED: &str = "wanted";
const TRIED: &str = "tried";

impl ClassArchive {
    /// The archive beside the cached `jar` for the server's `java` with these options. There are no errors: no run needs an
    /// archive.
    pub fn find(cache: &Cache, jar: &Path, java: &Path, java_options: &str, marks: &Marks) -> Self {
        // Without a seal it is not known who made it.
        let Some(seal) = cache.seal() else { return Self::Unused };
        let Some(place) = place(jar, java, java_options, seal) else { return Self::Unused };
        if place.exists() {
            if noted_hash(&place, seal).is_some() {
                return Self::Used(place);
            }
            tracing::info!("{} was damaged or changed, and is not used", place.display());
            remove(&place);
        }
        let (wanted, tried) = (place.with_extension(WANTED), place.with_extension(TRIED));
        // Another analysis in the same step does not show that there will be more steps.
        if marks.0.borrow().contains(&wanted) {
            return Self::Unused;
        }
        // Only one run can rename it.
        if fs::rename(&wanted, &tried).is_ok() {
            if cache.prepare(&place).is_ok()
                && let Ok(temporary) = cache.temporary("classes.jsa")
            {
                tracing::info!(
                    "Java writes an archive of the engine's classes at its end, so that later analyses start faster"
                );
                return Self::Made(Making { temporary, place, seal: seal.clone() });
            }
        } else if !tried.exists() {
            match File::create_new(&wanted) {
                Ok(_) => marks.0.borrow_mut().push(wanted),
                Err(error) => tracing::debug!("{} could not be written: {error}", wanted.display()),
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
            // Without this a single flipped bit would crash Java in the middle of an analysis.
            options.push("-XX:+VerifySharedSpaces".to_owned());
        }
        options
    }

    /// Whether Java goes on writing after the engine is done. How that ends does not tell how the analysis ended.
    pub(super) fn is_made(&self) -> bool {
        matches!(self, Self::Made(_))
    }

    /// Call this when Java may have crashed because of the archive. A later run makes a new one.
    pub(super) fn discard(&self) {
        if let Self::Used(path) = self {
            remove(path);
        }
    }

    /// Call this when Java has ended, or could not be started. Keeps what Java has written if the whole run succeeded. If the
    /// analysis itself failed, another run tries again.
    pub(super) fn finish(&self, analysed: bool, exited_well: bool) {
        let Self::Made(Making { temporary, place, seal }) = self else { return };
        let tried = place.with_extension(TRIED);
        let finished = match (analysed, exited_well) {
            (true, true) => keep(temporary.as_ref(), place, seal).and_then(|()| {
                sweep(place, SystemTime::now());
                fs::remove_file(&tried)
            }),
            (true, false) => Ok(()),
            (false, _) => fs::rename(&tried, place.with_extension(WANTED)),
        };
        if let Err(error) = finished {
            tracing::debug!("{} could not be kept: {error}", place.display());
        }
    }
}

/// Whether a file of this name is an archive of classes, or a mark or note of one.
pub(super) fn is_class_archive(name: &str) -> bool {
    name.starts_with(CLASSES)
}

/// Puts what Java has written into its place and seals it. An archive without a seal is not used.
fn keep(written: &Path, place: &Path, seal: &CacheSeal) -> io::Result<()> {
    make_own(written)?;
    let sha256 = sha256(written)?;
    fs::rename(written, place)?;
    note(place, &sha256, seal)
}

/// Nobody else may write the archive, whatever the umask that Java wrote it with.
fn make_own(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o444))?;
    let _ = file;
    Ok(())
}

/// Removes old archives and marks beside `kept` that were made for another Java or other options.
fn sweep(kept: &Path, now: SystemTime) {
    let Some((folder, stem)) = kept.parent().zip(kept.file_stem()) else { return };
    let stem = stem.to_string_lossy();
    remove_old(folder, now, OLD_AFTER, |name| name.starts_with(CLASSES) && !name.starts_with(&*stem));
}

/// The path of the archive, named after all that it depends on; `None` if that is not known, or for options with which Java
/// might refuse to write one.
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
        // Java compares path, size and time, too. Without them here it would ignore the archive forever.
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
