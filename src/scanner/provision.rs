//! Downloads that are kept: verified, shared with the other scanners, and made once for all agents of
//! a machine.

use super::archive::{self, UnpackError};
use super::cache::{Cache, Temporary, beside};
use super::intact::{flush, is_intact, note_checked};
use super::manifest;
use crate::analysis::{Artifact, Jre, Plugin};
use crate::error::Error;
use crate::http::{self, Body, Checksum, Client, Credentials, Download, ErrorKind, Request};
use crate::process::is_executable;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A file that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// The file: for a JRE its java executable.
    pub path: PathBuf,
    /// Whether nothing had to be downloaded.
    pub was_cached: bool,
}

/// Why a file could not be provisioned.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The download failed.
    #[error("{file_name} could not be downloaded: {error}")]
    Download {
        /// What was wanted.
        file_name: String,
        /// Whether that is the server's Java, without which an analysis may do.
        is_java: bool,
        /// Why it did not come.
        error: http::Error,
    },
    /// The server names a file or a hash that is none.
    #[error("the server offers a download with the unusable name {file_name:?} or hash {hash:?}")]
    Metadata {
        /// The name.
        file_name: String,
        /// The hash.
        hash: String,
    },
    /// The cache can't be written.
    #[error("{} can't be written: {cause}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// What is to be replaced can't be moved away, though the cache can be written: Windows moves no folder in use.
    #[error("{} is damaged, and can't be replaced: {cause}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// The system's words.
        cause: String,
    },
    /// The archive can't be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// The JRE's archive has no such executable.
    #[error("{} has no executable {java_path:?}", archive.display())]
    NoJava {
        /// The archive.
        archive: PathBuf,
        /// The path the server named.
        java_path: String,
    },
}

impl ProvisionError {
    /// Whether other bytes came than the server had announced: a new version may have been published
    /// in between, so ask for the metadata once more.
    pub fn is_checksum(&self) -> bool {
        matches!(self, Self::Download { error, .. } if error.kind == ErrorKind::Checksum)
    }
}

const DISK: &str = "Free some space there, or set SONAR_USER_HOME to a folder on another disk.";

const REACH: &str = "The agent must be able to reach that address (DNS, firewall, proxy).";
const OWN_JAVA: &str = "The property sonar.scanner.skipJreProvisioning=true has a Java of the agent used instead of the \
                        server's.";

impl From<ProvisionError> for Error {
    fn from(error: ProvisionError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ProvisionError::Cache { .. } => failure.hint(
                "Let the agent's user write there, or set SONAR_USER_HOME to a folder that it can write.",
            ),
            ProvisionError::Occupied { .. } => failure.hint(
                "If another analysis on this machine runs from it, run this one again when that is done. Otherwise \
                 remove the folder.",
            ),
            ProvisionError::Download { error, is_java, .. } => match (error.kind, is_java) {
                (ErrorKind::Disk, _) => failure.hint(DISK),
                (ErrorKind::Checksum, _) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, false) => failure,
                (ErrorKind::Status | ErrorKind::Redirect | ErrorKind::Setup, true) => failure.hint(OWN_JAVA),
                (_, false) => failure.hint(REACH),
                (_, true) => failure.hint(format!("{REACH} {OWN_JAVA}")),
            },
            ProvisionError::Unpack(error) if error.is_of_disk() => failure.hint(DISK),
            _ => failure,
        }
    }
}

/// Where files come from and where they are kept.
#[derive(Clone, Copy)]
pub struct Provisioning<'a> {
    /// Downloads them.
    pub client: &'a Client,
    /// For files on the server itself.
    pub credentials: Option<&'a Credentials>,
    /// Keeps them.
    pub cache: &'a Cache,
    /// When a run began that showed that something in the cache is damaged: what was put there before is trusted
    /// no more, and every byte of it is checked.
    pub suspect_since: Option<SystemTime>,
}

impl Provisioning<'_> {
    /// Brings `artifact` into the cache, if it is not there in good order. `on_miss` is called before a download: by
    /// one process of a machine.
    ///
    /// # Errors
    /// Each kind of [`ProvisionError`] but `NoJava`, `Occupied` and `Unpack`.
    pub async fn file(&self, artifact: &Artifact, on_miss: &dyn Fn()) -> Result<Provisioned, ProvisionError> {
        let path = self.cache.place(artifact)?;
        if self.is_intact(&path, artifact).await {
            return Ok(Provisioned { path, was_cached: true });
        }
        self.cache.prepare(&path)?;
        let _lock = self.cache.lock(&path, artifact).await;
        if path.exists() {
            if self.is_intact(&path, artifact).await {
                return Ok(Provisioned { path, was_cached: true });
            }
            self.tell_damaged(&path);
        }
        on_miss();
        let temporary = Arc::new(self.cache.temporary("download")?);
        let download = self.download(artifact, &temporary);
        download.store(self.client).await.map_err(|error| not_downloaded(artifact, false, error))?;
        self.keep(&temporary, &path)?;
        note_checked(&path).await;
        Ok(Provisioned { path, was_cached: false })
    }

    /// Brings a Java runtime into the cache, unpacked; the path is that of its java executable.
    ///
    /// # Errors
    /// Each kind of [`ProvisionError`].
    pub async fn jre(&self, jre: &Jre) -> Result<Provisioned, ProvisionError> {
        let artifact = &jre.artifact;
        let archive = self.cache.place(artifact)?;
        let unpacked = beside(&archive, "_extracted");
        let no_java =
            || ProvisionError::NoJava { archive: archive.clone(), java_path: jre.java_path.clone() };
        let java = unpacked.join(archive::inside(&jre.java_path).ok_or_else(no_java)?);
        let is_usable = || {
            let is_trusted = self
                .suspect_since
                .is_none_or(|since| manifest::written(&unpacked).is_some_and(|written| written > since));
            is_trusted && is_executable(&java) && manifest::is_whole(&unpacked)
        };
        if is_usable() {
            return Ok(Provisioned { path: java, was_cached: true });
        }
        self.cache.prepare(&archive)?;
        let _lock = self.cache.lock(&archive, artifact).await;
        if is_usable() {
            return Ok(Provisioned { path: java, was_cached: true });
        }
        if unpacked.exists() {
            self.tell_damaged(&unpacked);
        }
        let was_cached = archive.exists() && is_intact(&archive, &artifact.sha256, true).await;
        let folder = if was_cached {
            archive::unpack(archive.clone(), self.cache.temporary("unpacked")?).await?
        } else {
            if archive.exists() {
                self.tell_damaged(&archive);
            }
            self.download_and_unpack(artifact, &archive).await?
        };
        manifest::write(folder.as_ref())
            .map_err(|error| self.cache.unwritable(folder.as_ref(), &error))
            .and_then(|()| put_in_place(self.cache, folder.as_ref(), &unpacked, &java))?;
        if is_executable(&java) { Ok(Provisioned { path: java, was_cached }) } else { Err(no_java()) }
    }

    /// Puts `plugin` where the scanner engine will look for it, unless something is there. The engine does not look
    /// into what it finds, so this is flushed to the disk.
    ///
    /// # Errors
    /// `Metadata`, `Download` and `Cache`.
    pub async fn plugin(&self, plugin: &Plugin) -> Result<(), ProvisionError> {
        let Plugin { key, md5, url, .. } = plugin;
        let place = self
            .cache
            .place_of_plugin(key, md5)
            .ok_or_else(|| ProvisionError::Metadata { file_name: key.clone(), hash: md5.clone() })?;
        if place.exists() {
            return Ok(());
        }
        self.cache.prepare(&place)?;
        let temporary = Arc::new(self.cache.temporary("plugin")?);
        let download = Download {
            request: Request::get(url.clone()).credentials(self.credentials),
            label: None,
            to: Arc::<Temporary>::clone(&temporary),
            checksum: Some(Checksum::Md5(md5)),
        };
        let failed = |error| ProvisionError::Download { file_name: key.clone(), is_java: false, error };
        download.store(self.client).await.map_err(failed)?;
        let unwritable = |error| self.cache.unwritable(&place, &error);
        flush((*temporary).as_ref()).await.map_err(unwritable)?;
        // The engine may have been faster, and read it by now.
        if place.exists() { Ok(()) } else { self.keep(&temporary, &place) }
    }

    /// Unpacks while the download goes on, where the archive's kind and the server allow it. What was unpacked is
    /// worth nothing until the hash of the whole is known to be right.
    async fn download_and_unpack(
        &self,
        artifact: &Artifact,
        archive: &Path,
    ) -> Result<Temporary, ProvisionError> {
        let temporary = Arc::new(self.cache.temporary("download")?);
        let unpacked: Arc<Mutex<Option<io::Result<Temporary>>>> = Arc::default();
        let is_stream = archive::is_stream(&artifact.file_name);
        let reader = || -> http::Reader {
            let (cache, unpacked) = (self.cache.clone(), Arc::clone(&unpacked));
            Box::new(move |body| {
                let announced = body.announced().filter(|_| is_stream);
                let result = announced.map(|announced| unpack_into_new_folder(body, announced, &cache));
                *unpacked.lock().unwrap_or_else(PoisonError::into_inner) = result;
            })
        };
        let download = self.download(artifact, &temporary);
        download
            .store_and_read(self.client, &reader)
            .await
            .map_err(|error| not_downloaded(artifact, true, error))?;
        self.keep(&temporary, archive)?;
        let unpacked = unpacked.lock().unwrap_or_else(PoisonError::into_inner).take();
        match unpacked {
            Some(Ok(folder)) => Ok(folder),
            Some(Err(cause)) => Err(UnpackError { archive: archive.to_owned(), cause }.into()),
            None => Ok(archive::unpack(archive.to_owned(), self.cache.temporary("unpacked")?).await?),
        }
    }

    fn download<'b>(&'b self, artifact: &'b Artifact, to: &Arc<Temporary>) -> Download<'b> {
        Download {
            request: Request::get(artifact.url.clone())
                .accept("application/octet-stream")
                .credentials(self.credentials),
            label: Some(&artifact.file_name),
            to: Arc::<Temporary>::clone(to),
            checksum: Some(Checksum::Sha256(&artifact.sha256)),
        }
    }

    /// Puts a verified download into its place. It is not flushed to the disk, which a cold start would wait for:
    /// whoever uses it later hashes it first.
    fn keep(&self, temporary: &Temporary, path: &Path) -> Result<(), ProvisionError> {
        std::fs::rename(temporary, path).map_err(|error| self.cache.unwritable(path, &error))
    }

    fn tell_damaged(&self, path: &Path) {
        let what = if self.suspect_since.is_some() { "may be" } else { "is" };
        tracing::info!("{} {what} damaged and is provisioned afresh", path.display());
    }

    async fn is_intact(&self, path: &Path, artifact: &Artifact) -> bool {
        is_intact(path, &artifact.sha256, self.suspect_since.is_some()).await
    }
}

fn unpack_into_new_folder(body: &mut Body, announced: u64, cache: &Cache) -> io::Result<Temporary> {
    let folder = cache.temporary("unpacked").map_err(io::Error::other)?;
    archive::unpack_stream(body, announced, folder.as_ref())?;
    Ok(folder)
}

fn not_downloaded(artifact: &Artifact, is_java: bool, error: http::Error) -> ProvisionError {
    ProvisionError::Download { file_name: artifact.file_name.clone(), is_java, error }
}

/// Moves the unpacked `folder` to `target`. Something unusable there gives way, and stays for a day: to another analysis
/// it may be of use as it is. Another scanner, which does not know our lock, may be faster, and that is as well.
fn put_in_place(cache: &Cache, folder: &Path, target: &Path, java: &Path) -> Result<(), ProvisionError> {
    if target.exists() {
        let aside = cache.aside()?.join("jre");
        std::fs::rename(target, aside).map_err(|error| ProvisionError::Occupied {
            path: target.to_owned(),
            cause: error.to_string(),
        })?;
    }
    match std::fs::rename(folder, target) {
        Err(error) if !is_executable(java) => Err(cache.unwritable(target, &error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
