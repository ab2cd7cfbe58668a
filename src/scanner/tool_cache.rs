//! The agent's tool cache, which outlives the job.
//!
//! Contract: the layout of Microsoft's azure-pipelines-tool-lib: `<tool>/<version>/<arch>`, complete
//! when the empty file `<arch>.complete` lies beside it. Versions and processors are spelt as there
//! (`x64`, `arm64`), so that what other tasks put there is found.

use super::archive;
use super::cache::Cache;
use super::cache_seal::CacheSeal;
use super::file_digest::sha256;
use super::file_lock::lock_file;
use super::intact::check_blocking;
use super::ownership::{create_folder, others_on_the_way};
use super::provision_error::ProvisionError;
use super::provisioning::{Check, Provisioning, again_if_replaced};
use super::sealed_folder;
use super::temporary::{Temporary, remove_stale};
use crate::analysis::{Artifact, ScannerRelease};
use crate::error::{Error, Result};
use crate::http::{self, Client, Retry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use url::Url;

/// A scanner that is installed into the tool cache.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// The name of its folder in the tool cache.
    pub name: &'static str,
    /// The input with the SHA-256 of its archive.
    pub hash_input: &'static str,
}

/// The folder `Agent.ToolsDirectory`.
#[derive(Debug, Clone)]
pub struct ToolCache {
    root: PathBuf,
    arch: &'static str,
    /// The folder that replaces this one where others may change it, or this user may not.
    private: Option<PathBuf>,
}

impl ToolCache {
    /// The cache in `root` for this processor, as [`super::Platform`] names it. Touches nothing yet.
    pub fn new(root: PathBuf, arch: &str) -> Self {
        let arch = match arch {
            "aarch64" => "arm64",
            "x86" => "ia32",
            _ => "x64",
        };
        Self { root, arch, private: None }
    }

    /// The same, with a private folder that replaces this one where others may change it, or this user may not.
    #[must_use]
    pub fn or_private(self, root: PathBuf) -> Self {
        Self { private: Some(root), ..self }
    }

    /// The folder of a tool, if it is complete and unchanged since it was sealed for this archive.
    async fn complete(
        &self,
        tool: &str,
        release: &ScannerRelease,
        seal: Option<&CacheSeal>,
    ) -> Option<PathBuf> {
        let folder = self.folder(tool, &release.version);
        let seal = seal.filter(|_| marker(&folder).is_file())?.clone();
        let (checked, what) = (folder.clone(), release.sha256.clone());
        check_blocking(move || sealed_folder::is_whole(&checked, &seal, &what, false)).await.then_some(folder)
    }

    fn folder(&self, tool: &str, version: &str) -> PathBuf {
        self.root.join(tool).join(version).join(self.arch)
    }

    /// The folder with the unpacked archive of `release`: the one in the cache if it holds what the archive holds, else a new
    /// one. It is a private one if others may change the cache, or this user may not. A path is relative to `directory`.
    /// Downloads pass through `downloads`, whose seal is used for tools, too.
    ///
    /// # Errors
    /// The archive could not be downloaded or read, has another hash, or could not be unpacked.
    pub async fn install(
        &self,
        tool: Tool,
        release: &ScannerRelease,
        directory: &Path,
        client: &Client,
        downloads: &Cache,
    ) -> Result<PathBuf> {
        let cache = self.trusted(tool.name, &release.version);
        let (name, version, seal) = (tool.name, release.version.as_str(), downloads.seal());
        let folder = cache.folder(name, version);
        let versions = folder.parent().unwrap_or(&cache.root);
        downloads.tidy();
        remove_stale(versions, SystemTime::now(), |name| name.ends_with(UNPACKING));
        let tell_cached = || tracing::info!("{name} {version} (from the agent's tool cache)");
        if let Some(folder) = cache.complete(name, release, seal).await {
            tell_cached();
            return Ok(folder);
        }
        // A cache that cannot be written may hold the tool nevertheless.
        let is_writable = create_folder(versions);
        let _lock = lock_file(&versions.join(format!("{}.lock", cache.arch)), name).await;
        if let Some(folder) = cache.complete(name, release, seal).await {
            return Ok(folder);
        }
        let archive = obtain(tool, release, directory, client, downloads).await?;
        // It may have been unpacked by another task, by a build with another connection, or with the image of the machine.
        if marker(&folder).is_file() && archive::is_content(&archive, &folder).await {
            cache.seal_folder(&folder, release, seal).await;
            tell_cached();
            return Ok(folder);
        }
        is_writable.map_err(|error| unwritable(versions, &error))?;
        if marker(&folder).is_file() {
            tracing::info!("{} was damaged or changed, and is installed again", folder.display());
        }
        let unpacking =
            Temporary::in_folder(versions, UNPACKING).map_err(|error| unwritable(versions, &error))?;
        let unpacked = archive::unpack(archive, unpacking).await.map_err(ProvisionError::from)?;
        cache.seal_folder(unpacked.as_ref(), release, seal).await;
        // A folder without its marker is incomplete.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&unpacked, &folder)
            .and_then(|()| std::fs::write(marker(&folder), ""))
            .map_err(|error| unwritable(&folder, &error))?;
        Ok(folder)
    }

    /// This cache, if nobody else can change where the tool is, and it can be put there; else the private one.
    fn trusted(&self, name: &str, version: &str) -> Self {
        let Some(private) = &self.private else { return self.clone() };
        let folder = self.folder(name, version);
        let why = others_on_the_way(&folder).or_else(|| {
            let versions = folder.parent().unwrap_or(&self.root);
            (!folder.exists()).then(|| cannot_write(versions)).flatten()
        });
        let Some(why) = why else { return self.clone() };
        let root = self.root.display();
        tracing::info!(
            "The agent's tool cache {root} is not used, because {why}. A private copy of {name} is used instead"
        );
        Self { root: private.clone(), private: None, arch: self.arch }
    }

    /// Seals a folder that is known to hold the content of the archive. Without a seal it is compared with it each time.
    async fn seal_folder(&self, folder: &Path, release: &ScannerRelease, seal: Option<&CacheSeal>) {
        let Some(seal) = seal.cloned() else { return };
        let (folder, what) = (folder.to_owned(), release.sha256.clone());
        check_blocking(move || sealed_folder::write(&folder, &seal, &what).is_ok()).await;
    }
}

impl ToolCache {
    /// What `check` says about the folder of this tool in the cache. If there is none or `check` refuses it, `fill` fills a
    /// new one.
    ///
    /// # Errors
    /// Those of `fill`; those of `check` for what `fill` has left; the cache cannot be written.
    pub async fn provide<T>(
        &self,
        name: &str,
        version: &str,
        check: impl AsyncFn(&Path) -> Result<T>,
        fill: impl AsyncFnOnce(&Path) -> Result<()>,
    ) -> Result<T> {
        let cache = self.trusted(name, version);
        let folder = cache.folder(name, version);
        let versions = folder.parent().unwrap_or(&cache.root);
        remove_stale(versions, SystemTime::now(), |name| name.ends_with(UNPACKING));
        if let Some(found) = checked(&folder, &check).await {
            return Ok(found);
        }
        create_folder(versions).map_err(|error| unwritable(versions, &error))?;
        let _lock = lock_file(&versions.join(format!("{}.lock", self.arch)), name).await;
        if let Some(found) = checked(&folder, &check).await {
            return Ok(found);
        }
        let filling =
            Temporary::in_folder(versions, UNPACKING).map_err(|error| unwritable(versions, &error))?;
        create_folder(filling.as_ref()).map_err(|error| unwritable(filling.as_ref(), &error))?;
        fill(filling.as_ref()).await?;
        check(filling.as_ref()).await?;
        if marker(&folder).is_file() && folder.is_dir() {
            tracing::warn!("{} is replaced, because its files were changed", folder.display());
        }
        // A folder without its marker is incomplete.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&filling, &folder)
            .and_then(|()| std::fs::write(marker(&folder), ""))
            .map_err(|error| unwritable(&folder, &error))?;
        check(&folder).await
    }
}

/// What `check` says about a folder that is complete.
async fn checked<T>(folder: &Path, check: &impl AsyncFn(&Path) -> Result<T>) -> Option<T> {
    if !(marker(folder).is_file() && folder.is_dir()) {
        return None;
    }
    let result = check(folder).await;
    result.inspect_err(|error| tracing::info!("{} is not used: {error}", folder.display())).ok()
}

/// How the name of a folder ends while it is filled.
const UNPACKING: &str = ".unpacking";

/// Why nothing can be installed in `folder`, which may not exist yet.
fn cannot_write(folder: &Path) -> Option<String> {
    let probe = || Temporary::in_folder(folder, UNPACKING).and_then(|probe| create_folder(probe.as_ref()));
    let failed = create_folder(folder).and_then(|()| probe()).err()?;
    Some(format!("it cannot be written ({failed})"))
}

fn marker(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push(".complete");
    folder.with_file_name(name)
}

/// The verified archive: downloaded, or from a path on this machine.
pub(super) async fn obtain(
    Tool { name, hash_input }: Tool,
    release: &ScannerRelease,
    directory: &Path,
    client: &Client,
    downloads: &Cache,
) -> Result<PathBuf> {
    match location(&release.archive, directory)? {
        Location::Url(url) => {
            let file_name = format!("{name}-{}.zip", release.version);
            let artifact = Artifact { file_name, sha256: release.sha256.clone(), url };
            tracing::info!("{name} {}: {}", release.version, http::printable(&artifact.url));
            let provisioning =
                Provisioning { client, credentials: None, cache: downloads, check: Check::Usual };
            let download = async || provisioning.file(&artifact, &|| ()).await;
            let provisioned = again_if_replaced(Retry::replaced_download(), download).await.map_err(|error| {
                Error::new(error.to_string()).hint(format!(
                    "Set scannerDownloadUrl to a mirror that the agent can reach, or to an archive on its disk. If that archive \
                     is not SonarSource's, set {hash_input} to its SHA-256."
                ))
            })?;
            Ok(provisioned.path)
        }
        Location::File(file) => {
            tracing::info!("{name} {}: {}", release.version, file.display());
            let hashed = file.clone();
            let hash = http::blocking(move || sha256(&hashed)).await.map_err(|error| {
                Error::new(format!("the archive {} could not be read: {error}", file.display()))
                    .hint("Set scannerDownloadUrl to a file that the agent's user can read.")
            })?;
            if hash != release.sha256 {
                return Err(Error::new(format!(
                    "the archive {} has the SHA-256 {hash}, but {} was expected",
                    file.display(),
                    release.sha256
                ))
                .hint(format!(
                    "Replace the archive, or set {hash_input} to its SHA-256 if it is not SonarSource's."
                )));
            }
            Ok(file)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Location {
    Url(Url),
    File(PathBuf),
}

/// A URL with a known scheme, or a path. The letter of a drive is not a scheme.
fn location(text: &str, directory: &Path) -> Result<Location> {
    let wrong = |why: &dyn std::fmt::Display| {
        // The message does not show the URL, which may hold a password.
        Error::new(format!("scannerDownloadUrl is not a valid URL: {why}"))
            .hint("Use an https: or file: URL, or a path. In a password write / ? # @ as %2F %3F %23 %40.")
    };
    let is_url = ["http:", "https:", "file:"]
        .iter()
        .any(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    if !is_url {
        return Ok(Location::File(directory.join(text)));
    }
    let url = http::parse_url(text).map_err(|error| wrong(&error))?;
    if url.scheme() != "file" {
        return Ok(Location::Url(url));
    }
    url.to_file_path().map(Location::File).map_err(|()| wrong(&"it names another machine"))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::new(format!("the agent's tool cache {} could not be written: {error}", path.display()))
        .hint("Let the agent's user write to Agent.ToolsDirectory.")
}

#[cfg(test)]
mod tests;
