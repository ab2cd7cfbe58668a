//! The cache folder that SonarSource's scanners and this one share.

use super::cache_seal::CacheSeal;
use super::ownership::others_on_the_way;
use super::provision_error::ProvisionError;
use crate::analysis::Artifact;
use crate::http;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const TEMPORARY_FILES: &str = "_tmp";
const STALE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
const LOCK_ASKED_EVERY: Duration = Duration::from_millis(100);
const LOCK_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// `<SONAR_USER_HOME>/cache`: `<sha256>/<file name>`, `<sha256>/<file name>_extracted` and `_tmp`, as
/// SonarSource's scanners lay it out.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    seal: Option<CacheSeal>,
    /// The user home of the cache that takes the place of this one where need be.
    private_home: Option<PathBuf>,
    /// The cache whose place this one has taken: what it holds is copied, once the copy is known to be right.
    shared: Option<PathBuf>,
}

/// How the names of folders end that archives are unpacked to.
pub(super) const EXTRACTED: &str = "_extracted";

impl Cache {
    /// The cache below a SONAR_USER_HOME. Touches nothing yet.
    pub fn in_user_home(user_home: &Path) -> Self {
        Self { root: user_home.join("cache"), seal: None, private_home: None, shared: None }
    }

    /// The same, in which what was verified is sealed. Without a seal all is verified anew on each run.
    #[must_use]
    pub fn sealed(self, seal: Option<CacheSeal>) -> Self {
        Self { seal, ..self }
    }

    /// The same, with the user home of a private cache for what this one can't hold.
    #[must_use]
    pub fn or_private(self, user_home: PathBuf) -> Self {
        Self { private_home: Some(user_home), ..self }
    }

    /// This cache, if nobody but this user and root may change it; else the private one, and a line that says why.
    #[must_use]
    pub fn trusted(self) -> Self {
        let Some(private) = self.private() else { return self };
        let of_folder = |name: String| others_on_the_way(&self.root.join(name));
        let why = others_on_the_way(&self.root).or_else(|| self.folders().into_iter().find_map(of_folder));
        let Some(why) = why else { return self };
        tracing::info!(
            "The cache {} is not used, because {why}: a private copy in {} is",
            self.root.display(),
            private.root.display()
        );
        private
    }

    /// The private cache that takes the place of this one where need be.
    pub fn private(&self) -> Option<Self> {
        let home = self.private_home.as_deref()?;
        let shared = Some(self.root.clone());
        let private_home = Some(home.to_owned());
        Some(Self { seal: self.seal.clone(), private_home, shared, ..Self::in_user_home(home) })
    }

    /// The SONAR_USER_HOME that it is in.
    pub fn user_home(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn seal(&self) -> Option<&CacheSeal> {
        self.seal.as_ref()
    }

    /// Where the same file may lie, to be copied to `place`.
    pub(super) fn shared_place(&self, place: &Path) -> Option<PathBuf> {
        Some(self.shared.as_ref()?.join(place.strip_prefix(&self.root).ok()?))
    }

    /// Names of the folders that are named after hashes, and of that of temporary files.
    pub(super) fn folders(&self) -> Vec<String> {
        let names = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let is_hash = |name: &String| {
            matches!(name.len(), 32 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_hash(name) || name == TEMPORARY_FILES)
            .collect()
    }

    /// Where `artifact` belongs. Its name and hash come from a server: neither may lead elsewhere.
    pub(super) fn place(&self, artifact: &Artifact) -> Result<PathBuf, ProvisionError> {
        let Artifact { file_name, sha256, .. } = artifact;
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_name = !matches!(file_name.as_str(), "" | "." | "..")
            && !file_name.contains(['/', '\\', ':'])
            && !file_name.contains(char::is_control);
        if !is_hash || !is_name {
            return Err(ProvisionError::Metadata { file_name: file_name.clone(), hash: sha256.clone() });
        }
        Ok(self.root.join(sha256.to_ascii_lowercase()).join(file_name))
    }

    /// Removes what runs that were killed left behind more than a day ago, if it can.
    pub fn tidy(&self) {
        remove_stale(&self.root.join(TEMPORARY_FILES), SystemTime::now(), |_| true);
    }

    /// Makes the cache ready to store a file at `place`.
    pub(super) fn prepare(&self, place: &Path) -> Result<(), ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        for directory in [Some(temporary_files.as_path()), place.parent()].into_iter().flatten() {
            create_folder(directory).map_err(|error| self.unwritable(directory, &error))?;
        }
        Ok(())
    }

    /// A new name for a temporary file or folder, removed when dropped.
    pub(super) fn temporary(&self, what: &str) -> Result<Temporary, ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        Temporary::in_folder(&temporary_files, &format!("-{what}"))
            .map_err(|error| self.unwritable(&temporary_files, &error))
    }

    /// A new folder for what others may still use: it goes when it is stale.
    pub(super) fn aside(&self) -> Result<PathBuf, ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        let folder = new_name(&temporary_files, "-unusable");
        folder
            .and_then(|folder| create_folder(&folder).map(|()| folder))
            .map_err(|error| self.unwritable(&temporary_files, &error))
    }

    /// Waits until no other process provisions `artifact`. The lock's file lies beside it and stays: if it came and
    /// went, two could hold locks on files of the same name.
    pub(super) async fn lock(&self, place: &Path, artifact: &Artifact) -> Option<File> {
        lock_file(&beside(place, ".lock"), &artifact.file_name).await
    }

    /// Where the scanner engine looks for a plugin, and puts it.
    ///
    /// Contract: observed on SonarQube 10.7 and 26.9, `<MD5>/sonar-<key>-plugin.jar`. The engine does not look
    /// into a file that is there.
    pub(super) fn place_of_plugin(&self, key: &str, md5: &str) -> Option<PathBuf> {
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_hash = md5.len() == 32 && md5.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_key && is_hash).then(|| self.root.join(md5).join(format!("sonar-{key}-plugin.jar")))
    }

    pub(super) fn unwritable(&self, path: &Path, cause: &io::Error) -> ProvisionError {
        ProvisionError::Cache { path: path.to_owned(), cause: cause.to_string() }
    }
}

/// Makes a folder, and those above it, that nobody else may write, whatever the umask of the job says.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(path)
}

/// `path` with something at the end of its name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
}

/// Whether a file of this name is an archive of classes, or what goes with it.
pub(super) fn is_of_classes(name: &str) -> bool {
    name.starts_with(CLASSES)
}

/// How the names of archives of classes begin.
pub(super) const CLASSES: &str = "classes-";

/// Waits until no other process holds the lock `path`, under which `what` is provisioned. `None` where locks don't
/// work: then the worst is that a file is downloaded twice.
///
/// Asks again and again instead of blocking a thread: nothing must wait for it after a cancellation.
pub(super) async fn lock_file(path: &Path, what: &str) -> Option<File> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).ok()?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if waited < LOCK_PATIENCE => {}
            Err(_) => return None,
        }
        if waited.is_zero() {
            tracing::info!("Waiting for another job on this machine to provision {what}");
        }
        tokio::time::sleep(LOCK_ASKED_EVERY).await;
        waited += LOCK_ASKED_EVERY;
    }
}

fn new_name(folder: &Path, end: &str) -> io::Result<PathBuf> {
    let mut random = [0; 12];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    Ok(folder.join(format!("{}{end}", http::hex(&random))))
}

/// A file or folder that goes when this value goes.
#[derive(Debug)]
pub(super) struct Temporary(PathBuf);

impl Temporary {
    /// A new name in `folder`, with this end.
    pub(super) fn in_folder(folder: &Path, end: &str) -> io::Result<Self> {
        new_name(folder, end).map(Self)
    }

    /// A new name beside `path` that begins and ends as that does.
    pub(super) fn like(path: &Path) -> io::Result<Self> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let end = path.extension().unwrap_or_default().display();
        Ok(Self(path.with_extension(format!("{}.{end}", http::hex(&random)))))
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        remove(&self.0);
    }
}

/// Removes a file, link or folder, if it can: what stays is removed when it is stale.
pub(super) fn remove(path: &Path) {
    let is_folder = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    let removed = if is_folder { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::debug!("{} could not be removed: {error}", path.display());
        }
        _ => {}
    }
}

/// Removes what `is_ours` by its name and is older than a day.
pub(super) fn remove_stale(folder: &Path, now: SystemTime, is_ours: impl Fn(&str) -> bool) {
    remove_old(folder, now, STALE_AFTER, is_ours);
}

/// Removes what `is_ours` by its name and is older than `limit`.
pub(super) fn remove_old(folder: &Path, now: SystemTime, limit: Duration, is_ours: impl Fn(&str) -> bool) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| is_ours(&entry.file_name().to_string_lossy())) {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|modified| now.duration_since(modified).ok());
        if age.is_some_and(|age| age > limit) {
            remove(&entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(file_name: &str, sha256: &str) -> Artifact {
        Artifact {
            file_name: file_name.to_owned(),
            sha256: sha256.to_owned(),
            url: "http://localhost/x".parse().unwrap(),
        }
    }

    #[test]
    fn places() {
        let cache = Cache::in_user_home(Path::new("/home/me/.sonar"));
        let hash = "AB".repeat(32);
        let place = cache.place(&artifact("engine.jar", &hash)).unwrap();
        assert_eq!(place, Path::new("/home/me/.sonar/cache").join("ab".repeat(32)).join("engine.jar"));
        for name in ["", ".", "..", "../x", "a/b", "a\\b", "/etc/x", "C:x", "x\0", "x\n"] {
            assert!(cache.place(&artifact(name, &hash)).is_err(), "{name:?}");
        }
        let md5 = "0f".repeat(16);
        assert_eq!(
            cache.place_of_plugin("python", &md5).unwrap(),
            Path::new("/home/me/.sonar/cache").join(&md5).join("sonar-python-plugin.jar")
        );
        for (key, md5) in
            [("", md5.as_str()), ("../x", &md5), ("a/b", &md5), ("python", "../x"), ("python", "")]
        {
            assert_eq!(cache.place_of_plugin(key, md5), None, "{key:?} {md5:?}");
        }
        for hash in ["", "..", "../../../../../../../../../../../../../../../../../../../../../etc/x"] {
            assert!(cache.place(&artifact("x", hash)).is_err(), "{hash:?}");
        }
    }

    #[test]
    fn only_stale_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let new = folder.path().join("new");
        std::fs::write(&new, "").unwrap();
        let now = SystemTime::now();
        remove_stale(folder.path(), now + STALE_AFTER / 2, |_| true);
        assert!(new.exists());
        std::fs::create_dir(folder.path().join("jre")).unwrap();
        std::fs::write(folder.path().join("jre/x"), "").unwrap();
        remove_stale(folder.path(), now + 2 * STALE_AFTER, |name| name != "new");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        remove_stale(folder.path(), now + 2 * STALE_AFTER, |_| true);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
