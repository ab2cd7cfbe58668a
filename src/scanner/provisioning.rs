//! Downloads that are kept: verified, shared with the other scanners, and made once for all agents of
//! a machine.

use super::archive::{self, UnpackError};
use super::cache::{Cache, EXTRACTED, beside};
use super::file_digest::{copy_if_intact, md5 as md5_of};
use super::intact::{check_blocking, flush, is_intact, note_checked};
use super::ownership::{others, protected_file};
use super::provision_error::ProvisionError;
use super::sealed_folder;
use super::temporary::{Temporary, remove};
use crate::analysis::{Artifact, Jre, Plugin};
use crate::http::{self, Body, Checksum, Client, Credentials, Download, Request};
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

/// Where files come from and where they are kept.
#[derive(Clone, Copy)]
pub struct Provisioning<'a> {
    /// Downloads them.
    pub client: &'a Client,
    /// For files on the server itself.
    pub credentials: Option<&'a Credentials>,
    /// Keeps them.
    pub cache: &'a Cache,
    /// When a run began that showed that something in the cache is damaged: every byte of what is there is checked.
    pub suspect_since: Option<SystemTime>,
}

impl Provisioning<'_> {
    /// Brings `artifact` into the cache, if it is not there in good order; into the private one, if the cache can't be
    /// written. `on_miss` is called before a download: by one process of a machine.
    ///
    /// # Errors
    /// Each kind of [`ProvisionError`] but `NoJava`, `Occupied` and `Unpack`.
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

    /// Brings a Java runtime into the cache, unpacked; the path is that of its java executable.
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

    /// Whether the unpacked runtime is what was sealed; or else what its archive holds, which is sealed then.
    async fn is_usable(&self, artifact: &Artifact, archive: &Path, unpacked: &Path, java: &Path) -> bool {
        if !is_executable(java) {
            return false;
        }
        if let Some(seal) = self.cache.seal().cloned() {
            let (folder, what) = (unpacked.to_owned(), artifact.sha256.clone());
            let suspect = self.suspect_since.is_some();
            if check_blocking(move || sealed_folder::is_whole(&folder, &seal, &what, suspect)).await {
                return true;
            }
        }
        let is_content = protected_file(archive).is_some()
            && is_intact(archive, &artifact.sha256, None, true).await
            && archive::is_content(archive, unpacked).await;
        if is_content && let Err(error) = self.seal_folder(unpacked, artifact).await {
            tracing::debug!(
                "{} can't be sealed, so it is compared with its archive each time: {error}",
                unpacked.display()
            );
        }
        is_content
    }

    /// Seals what is known to be the content of `artifact`.
    async fn seal_folder(&self, folder: &Path, artifact: &Artifact) -> io::Result<()> {
        let Some(seal) = self.cache.seal().cloned() else { return Ok(()) };
        let (folder, what) = (folder.to_owned(), artifact.sha256.clone());
        let sealed = http::blocking(Box::new(move || {
            sealed_folder::write(&folder, &seal, &what)?;
            Ok(String::new())
        }));
        sealed.await.map(drop)
    }

    /// Copies to `path` what lies there and others may change, or what the shared cache holds. Whether that was what it
    /// should be.
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

    /// The private cache, where the other can't be written.
    fn private_instead(&self, error: &ProvisionError) -> Option<Cache> {
        if !matches!(error, ProvisionError::Cache { .. }) {
            return None;
        }
        let private = self.cache.private().filter(|private| private.user_home() != self.cache.user_home())?;
        tracing::info!("{error}: a private copy in {} is used", private.user_home().display());
        Some(private)
    }

    fn within<'b>(&'b self, cache: &'b Cache) -> Provisioning<'b> {
        Provisioning { cache, ..*self }
    }

    /// Puts `plugin` where the scanner engine will look for it, unless it is there. The engine does not look
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

    fn tell_unusable(&self, path: &Path) {
        match path.symlink_metadata().ok().as_ref().and_then(others) {
            Some(why) => {
                tracing::info!("{} is not used, because {why}: a private copy is", path.display());
            }
            None => tracing::info!("{} is damaged or altered, and is provisioned afresh", path.display()),
        }
    }

    async fn is_intact(&self, path: &Path, artifact: &Artifact) -> bool {
        is_intact(path, &artifact.sha256, self.cache.seal(), self.suspect_since.is_some()).await
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
