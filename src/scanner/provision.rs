//! Downloads that are kept: verified, shared with the other scanners, and made once for all agents of
//! a machine.

use super::archive::{self, UnpackError};
use super::cache::Cache;
use crate::analysis::{Artifact, Jre};
use crate::error::Error;
use crate::http::{self, Client, Credentials, Request};
use crate::process::is_executable;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

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
        /// Why it did not come.
        error: http::Error,
    },
    /// The server names a file or a hash that is none.
    #[error("the server offers a download with the unusable name {file_name:?} or SHA-256 {sha256:?}")]
    Metadata {
        /// The name.
        file_name: String,
        /// The hash.
        sha256: String,
    },
    /// The cache can't be written.
    #[error("{} can't be written: {cause}", path.display())]
    Cache {
        /// The file or folder.
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
        matches!(self, Self::Download { error, .. } if error.kind == http::ErrorKind::Checksum)
    }
}

impl From<ProvisionError> for Error {
    fn from(error: ProvisionError) -> Self {
        let failure = Self::new(error.to_string());
        match error {
            ProvisionError::Cache { .. } => failure.hint(
                "Let the agent's user write there, or set SONAR_USER_HOME to a folder that it can write.",
            ),
            ProvisionError::Download { error, .. } if error.kind == http::ErrorKind::Disk => {
                failure.hint("Free some space there, or set SONAR_USER_HOME to a folder on another disk.")
            }
            _ => failure,
        }
    }
}

/// Brings `artifact` into the cache, if it is not there in good order.
///
/// `credentials` are for artifacts on the server itself; pass none for those elsewhere.
///
/// # Errors
/// Each kind of [`ProvisionError`] but `NoJava` and `Unpack`.
pub async fn provision(
    client: &Client,
    credentials: Option<&Credentials>,
    artifact: &Artifact,
    cache: &Cache,
) -> Result<Provisioned, ProvisionError> {
    let path = cache.place(artifact)?;
    if is_intact(&path, artifact).await {
        return Ok(Provisioned { path, was_cached: true });
    }
    cache.prepare(&path)?;
    let _lock = cache.lock(artifact).await;
    fetch(client, credentials, artifact, cache, path).await
}

/// Brings a Java runtime into the cache, unpacked; the path is that of its java executable.
///
/// # Errors
/// Each kind of [`ProvisionError`].
pub async fn provision_jre(
    client: &Client,
    credentials: Option<&Credentials>,
    jre: &Jre,
    cache: &Cache,
) -> Result<Provisioned, ProvisionError> {
    let archive = cache.place(&jre.artifact)?;
    let unpacked = unpacked_beside(&archive);
    let no_java = || ProvisionError::NoJava { archive: archive.clone(), java_path: jre.java_path.clone() };
    let java = unpacked.join(archive::inside(&jre.java_path).ok_or_else(no_java)?);
    if is_executable(&java) {
        return Ok(Provisioned { path: java, was_cached: true });
    }
    cache.prepare(&archive)?;
    let _lock = cache.lock(&jre.artifact).await;
    if is_executable(&java) {
        return Ok(Provisioned { path: java, was_cached: true });
    }
    let Provisioned { path: archive, was_cached } = match is_intact(&archive, &jre.artifact).await {
        true => Provisioned { path: archive.clone(), was_cached: true },
        false => fetch(client, credentials, &jre.artifact, cache, archive.clone()).await?,
    };
    let folder = archive::unpack(archive.clone(), cache.temporary("unpacked")?).await?;
    put_in_place(cache, folder.as_ref(), &unpacked, &java)?;
    if !is_executable(&java) {
        return Err(ProvisionError::NoJava { archive, java_path: jre.java_path.clone() });
    }
    Ok(Provisioned { path: java, was_cached })
}

/// Downloads under the lock, unless the one who had it before did so.
async fn fetch(
    client: &Client,
    credentials: Option<&Credentials>,
    artifact: &Artifact,
    cache: &Cache,
    path: PathBuf,
) -> Result<Provisioned, ProvisionError> {
    if path.exists() {
        if is_intact(&path, artifact).await {
            return Ok(Provisioned { path, was_cached: true });
        }
        tracing::info!("{} is damaged and downloaded again", path.display());
    }
    let temporary = cache.temporary("download")?;
    let request =
        Request::get(artifact.url.clone()).accept("application/octet-stream").credentials(credentials);
    http::download(client, request, &artifact.file_name, temporary.as_ref(), Some(&artifact.sha256))
        .await
        .map_err(|error| ProvisionError::Download { file_name: artifact.file_name.clone(), error })?;
    std::fs::rename(&temporary, &path).map_err(|error| cache.unwritable(&path, &error))?;
    Ok(Provisioned { path, was_cached: false })
}

fn unpacked_beside(archive: &Path) -> PathBuf {
    let mut name = archive.file_name().unwrap_or_default().to_owned();
    name.push("_extracted");
    archive.with_file_name(name)
}

/// Moves the unpacked `folder` to `target`. Something unusable there gives way; another scanner, which does not
/// know our lock, may be faster, and that is as well.
fn put_in_place(cache: &Cache, folder: &Path, target: &Path, java: &Path) -> Result<(), ProvisionError> {
    let unusable = cache.temporary("unusable")?;
    if target.exists() {
        std::fs::rename(target, &unusable).map_err(|error| cache.unwritable(target, &error))?;
    }
    match std::fs::rename(folder, target) {
        Err(error) if !is_executable(java) => Err(cache.unwritable(target, &error)),
        _ => Ok(()),
    }
}

/// Whether `path` is a file with the artifact's hash.
async fn is_intact(path: &Path, artifact: &Artifact) -> bool {
    matches!(hash_of(path).await, Ok(hash) if hash.eq_ignore_ascii_case(&artifact.sha256))
}

/// Lower-case hex SHA-256 of a file.
pub(super) async fn hash_of(path: &Path) -> io::Result<String> {
    let path = path.to_owned();
    // An error of the join can only be a panic, and that would be no proof of integrity either.
    tokio::task::spawn_blocking(move || hash(&path)).await.map_err(io::Error::other).flatten()
}

pub(super) fn hash(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(http::hex(&hash.finalize())),
            Ok(length) => hash.update(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
