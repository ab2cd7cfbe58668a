//! Downloads that are kept: verified, shared with SonarSource's scanners, and made once for all agents of a machine.

use super::archive::{self, UnpackError};
use super::cache::{Cache, EXTRACTED, beside};
use super::file_digest::{copy_if_intact, md5 as md5_of};
use super::intact::{check_blocking, flush, is_intact, note_checked};
use super::ownership::{others, protected_file};
use super::provision_error::ProvisionError;
use super::sealed_folder;
use super::temporary::{Temporary, remove};
use crate::analysis::{Artifact, Jre, Plugin};
use crate::http::{self, Body, Checksum, Client, Credentials, Download, Request, Retry};
use crate::process::is_executable;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

/// A file in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// The file; of a JRE its java executable.
    pub path: PathBuf,
    /// Whether nothing had to be downloaded.
    pub was_cached: bool,
}

/// Where files come from and where they are kept.
#[derive(Clone, Copy)]
pub struct Provisioning<'a> {
    /// Downloads the files.
    pub client: &'a Client,
    /// For files on the SonarQube server.
    pub credentials: Option<&'a Credentials>,
    /// Keeps the files.
    pub cache: &'a Cache,
    /// How files that are there already are checked.
    pub check: Check,
}

/// How a file that is in the cache already is checked before it counts as there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// As before each use: see [`is_intact`].
    Usual,
    /// Every byte, because a run that began at this time failed as if a file of the cache were damaged.
    Suspect(SystemTime),
    /// That it is a file of this user. Whoever runs it later must check it then; until then its content is not believed.
    /// Unpacked folders, whose check is cheap, are checked as usual.
    WhenUsed,
}

impl Check {
    fn is_of_every_byte(self) -> bool {
        matches!(self, Self::Suspect(_))
    }
}

impl Provisioning<'_> {
    /// Brings `artifact` into the cache unless it is there intact; into the private cache if this one cannot be written.
    /// `on_miss` is called before a download, by one process of a machine.
    ///
    /// # Errors
    /// Each kind of [`ProvisionError`] except `NoJava`, `Occupied` and `Unpack`.
    pub async fn file(&self, artifact: &Artifact, on_miss: &dyn Fn()) -> Result<Provisioned, ProvisionError> {
        match self.file_in_cache(artifact, on_miss).await {
            Err(error) => match self.private_instead(&error) {
                Some(private) => self.within(&private).file_in_cache(artifact, on_miss).await,
                None => Err(error),
            },
            provisioned => provisioned,
        }
    }

    async fn file_in_cache(
        &self,
        artifact: &Artifact,
        on_miss: &dyn Fn(),
    ) -> Result<Provisioned, ProvisionError> {
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
            self.tell_unusable(&path);
        }
        let was_cached = self.copy(artifact, &path).await?;
        if !was_cached {
            on_miss();
            let temporary = Arc::new(self.cache.temporary("download")?);
            let download = self.download(artifact, &temporary);
            download.store(self.client).await.map_err(|error| not_downloaded(artifact, false, error))?;
            self.keep(&temporary, &path)?;
        }
        note_checked(&path, &artifact.sha256, self.cache.seal()).await;
        Ok(Provisioned { path, was_cached })
    }

    /// Brings a Java runtime into the cache and unpacks it. The path is that of its java executable.
    ///
    /// # Errors
    /// Each kind of [`ProvisionError`].
    pub async fn jre(&self, jre: &Jre) -> Result<Provisioned, ProvisionError> {
        match self.jre_in_cache(jre).await {
            Err(error) => match self.private_instead(&error) {
                Some(private) => self.within(&private).jre_in_cache(jre).await,
                None => Err(error),
            },
            provisioned => provisioned,
        }
    }

    async fn jre_in_cache(&self, jre: &Jre) -> Result<Provisioned, ProvisionError> {
        let artifact = &jre.artifact;
        let archive = self.cache.place(artifact)?;
        let unpacked = beside(&archive, EXTRACTED);
        let no_java =
            || ProvisionError::NoJava { archive: archive.clone(), java_path: jre.java_path.clone() };
        let java = unpacked.join(archive::inside(&jre.java_path).ok_or_else(no_java)?);
        if self.is_usable(artifact, &archive, &unpacked, &java).await {
            return Ok(Provisioned { path: java, was_cached: true });
        }
        self.cache.prepare(&archive)?;
        let _lock = self.cache.lock(&archive, artifact).await;
        if self.is_usable(artifact, &archive, &unpacked, &java).await {
            return Ok(Provisioned { path: java, was_cached: true });
        }
        if unpacked.exists() {
            self.tell_unusable(&unpacked);
        }
        let mut was_cached = archive.exists() && is_intact(&archive, &artifact.sha256, None, true).await;
        if archive.exists() && !was_cached {
            self.tell_unusable(&archive);
        }
        was_cached = was_cached || self.copy(artifact, &archive).await?;
        let folder = if was_cached {
            archive::unpack(archive.clone(), self.cache.temporary("unpacked")?).await?
        } else {
            self.download_and_unpack(artifact, &archive).await?
        };
        self.seal_folder(folder.as_ref(), artifact)
            .await
            .map_err(|error| self.cache.unwritable(folder.as_ref(), &error))
            .and_then(|()| put_in_place(self.cache, folder.as_ref(), &unpacked, &java))?;
        if is_executable(&java) { Ok(Provisioned { path: java, was_cached }) } else { Err(no_java()) }
    }

    /// Whether the unpacked runtime is what was sealed. If not, it is compared with its archive, and sealed if it is the same.
    async fn is_usable(&self, artifact: &Artifact, archive: &Path, unpacked: &Path, java: &Path) -> bool {
        if !is_executable(java) {
            return false;
        }
        if let Some(seal) = self.cache.seal().cloned() {
            let (folder, what) = (unpacked.to_owned(), artifact.sha256.clone());
            let suspect = self.check.is_of_every_byte();
            if check_blocking(move || sealed_folder::is_whole(&folder, &seal, &what, suspect)).await {
                return true;
            }
        }
        let is_content = protected_file(archive).is_some()
            && is_intact(archive, &artifact.sha256, None, true).await
            && archive::is_content(archive, unpacked).await;
        if is_content && let Err(error) = self.seal_folder(unpacked, artifact).await {
            tracing::debug!(
                "{} could not be sealed, so it is compared with its archive each time: {error}",
                unpacked.display()
            );
        }
        is_content
    }

    /// Seals a folder that is known to hold the content of `artifact`.
    async fn seal_folder(&self, folder: &Path, artifact: &Artifact) -> io::Result<()> {
        let Some(seal) = self.cache.seal().cloned() else { return Ok(()) };
        let (folder, what) = (folder.to_owned(), artifact.sha256.clone());
        http::blocking(move || sealed_folder::write(&folder, &seal, &what)).await
    }

    /// Copies to `path` the file that lies there and that others may change, or the one of the shared cache, if it has the
    /// right hash. Whether there was one.
    async fn copy(&self, artifact: &Artifact, path: &Path) -> Result<bool, ProvisionError> {
        for from in [Some(path.to_owned()), self.cache.shared_place(path)].into_iter().flatten() {
            if !from.is_file() {
                continue;
            }
            let temporary = Arc::new(self.cache.temporary("copy")?);
            let (to, sha256) = (Arc::clone(&temporary), artifact.sha256.clone());
            if check_blocking(move || copy_if_intact(&from, (*to).as_ref(), &sha256)).await {
                self.keep(&temporary, path)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The private cache, if the error is that this one cannot be written.
    fn private_instead(&self, error: &ProvisionError) -> Option<Cache> {
        if !matches!(error, ProvisionError::Cache { .. }) {
            return None;
        }
        let private = self.cache.private().filter(|private| private.user_home() != self.cache.user_home())?;
        tracing::info!("{error}. A private cache in {} is used instead", private.user_home().display());
        Some(private)
    }

    fn within<'b>(&'b self, cache: &'b Cache) -> Provisioning<'b> {
        Provisioning { cache, ..*self }
    }

    /// Puts `plugin` where the scanner engine looks for it, unless it is there. The engine does not check what it finds, so
    /// the file is flushed to the disk.
    ///
    /// # Errors
    /// `Metadata`, `Download` and `Cache`.
    pub async fn plugin(&self, plugin: &Plugin) -> Result<(), ProvisionError> {
        let Plugin { key, md5, url, .. } = plugin;
        let place = self
            .cache
            .place_of_plugin(key, md5)
            .ok_or_else(|| ProvisionError::Metadata { file_name: key.clone(), hash: md5.clone() })?;
        let (found, expected) = (place.clone(), md5.to_ascii_lowercase());
        if check_blocking(move || {
            protected_file(&found).is_some() && md5_of(&found).is_ok_and(|md5| md5 == expected)
        })
        .await
        {
            return Ok(());
        }
        self.cache.prepare(&place)?;
        remove(&place);
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
        // The engine may have been faster, and may be reading its own download.
        if place.exists() { Ok(()) } else { self.keep(&temporary, &place) }
    }

    /// Unpacks during the download, if the kind of archive and the server allow it. What was unpacked is used only after the
    /// hash of the whole archive has been found to be right.
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

    /// Puts a verified download into its place. It is not flushed to the disk, which a first run would wait for: each later
    /// use hashes it first.
    fn keep(&self, temporary: &Temporary, path: &Path) -> Result<(), ProvisionError> {
        std::fs::rename(temporary, path).map_err(|error| self.cache.unwritable(path, &error))
    }

    fn tell_unusable(&self, path: &Path) {
        match path.symlink_metadata().ok().as_ref().and_then(others) {
            Some(why) => {
                tracing::info!(
                    "{} is not used, because {why}. A private copy is used instead",
                    path.display()
                );
            }
            None => tracing::info!("{} was damaged or changed, and is provisioned again", path.display()),
        }
    }

    async fn is_intact(&self, path: &Path, artifact: &Artifact) -> bool {
        if self.check == Check::WhenUsed {
            return protected_file(path).is_some();
        }
        is_intact(path, &artifact.sha256, self.cache.seal(), self.check.is_of_every_byte()).await
    }
}

/// Makes `attempt`, which asks what the server offers and provisions it. Where other bytes came than the server had
/// announced, a new version may have been published in between: then `retry` says how often it is made again.
///
/// # Errors
/// Those of the last attempt.
pub(crate) async fn again_if_replaced<T>(
    retry: Retry,
    attempt: impl AsyncFn() -> Result<T, ProvisionError>,
) -> Result<T, ProvisionError> {
    let started = Instant::now();
    let mut attempts = 0;
    loop {
        let error = match attempt().await {
            Err(error) if error.is_checksum() => error,
            result => return result,
        };
        attempts += 1;
        let Some(pause) = retry.pause(attempts, started.elapsed(), None) else { return Err(error) };
        tracing::info!("{error}. Asking the server again");
        tokio::time::sleep(pause).await;
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

/// Moves the unpacked `folder` to `target`. A damaged folder there is moved away and stays for a day: another analysis may
/// run from it. Another scanner, which does not know our lock, may be faster; then its folder is used.
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
