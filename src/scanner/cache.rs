//! The cache folder that is shared with SonarSource's scanners.

use super::cache_seal::CacheSeal;
use super::file_lock::lock_file;
use super::ownership::{create_folder, others_on_the_way};
use super::provision_error::ProvisionError;
use super::temporary::{Temporary, new_name, remove_stale};
use crate::analysis::Artifact;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

const TEMPORARY_FILES: &str = "_tmp";

/// `<SONAR_USER_HOME>/cache`: `<sha256>/<file name>`, `<sha256>/<file name>_extracted` and `_tmp`, as
/// SonarSource's scanners lay it out.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
    seal: Option<CacheSeal>,
    /// The user home of the private cache that can replace this one.
    private_home: Option<PathBuf>,
    /// The shared cache that this one replaces. Its files are copied after their hash has been checked.
    shared: Option<PathBuf>,
}

/// How the names of folders end to which archives are unpacked.
pub(super) const EXTRACTED: &str = "_extracted";

impl Cache {
    /// The cache below a SONAR_USER_HOME. Touches nothing yet.
    pub fn in_user_home(user_home: &Path) -> Self {
        Self { root: user_home.join("cache"), seal: None, private_home: None, shared: None }
    }

    /// The same, with a seal on what was verified. Without one everything is verified on each run.
    #[must_use]
    pub fn sealed(self, seal: Option<CacheSeal>) -> Self {
        Self { seal, ..self }
    }

    /// The same, with the user home of a private cache that can replace it.
    #[must_use]
    pub fn or_private(self, user_home: PathBuf) -> Self {
        Self { private_home: Some(user_home), ..self }
    }

    /// This cache if nobody but this user and root may change it; else the private one, and a line in the log that says
    /// why.
    #[must_use]
    pub fn trusted(self) -> Self {
        let Some(private) = self.private() else { return self };
        let of_folder = |name: String| others_on_the_way(&self.root.join(name));
        let why = others_on_the_way(&self.root).or_else(|| self.folders().into_iter().find_map(of_folder));
        let Some(why) = why else { return self };
        tracing::info!(
            "The cache {} is not used, because {why}. A private cache in {} is used instead",
            self.root.display(),
            private.root.display()
        );
        private
    }

    /// The private cache that can replace this one.
    pub fn private(&self) -> Option<Self> {
        let home = self.private_home.as_deref()?;
        let shared = Some(self.root.clone());
        let private_home = Some(home.to_owned());
        Some(Self { seal: self.seal.clone(), private_home, shared, ..Self::in_user_home(home) })
    }

    /// The SONAR_USER_HOME that the cache is in.
    pub fn user_home(&self) -> &Path {
        self.root.parent().unwrap_or(&self.root)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn seal(&self) -> Option<&CacheSeal> {
        self.seal.as_ref()
    }

    /// Where the shared cache would have the file that belongs at `place`.
    pub(super) fn shared_place(&self, place: &Path) -> Option<PathBuf> {
        Some(self.shared.as_ref()?.join(place.strip_prefix(&self.root).ok()?))
    }

    /// The names of the folders that are named after hashes, and of the folder for temporary files.
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

    /// Where `artifact` belongs. Its name and hash come from a server, and must not lead out of the cache.
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

    /// Removes what runs that were killed have left behind, after a day.
    pub fn tidy(&self) {
        remove_stale(&self.root.join(TEMPORARY_FILES), SystemTime::now(), |_| true);
    }

    /// Creates the folders that are needed to store a file at `place`.
    pub(super) fn prepare(&self, place: &Path) -> Result<(), ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        for directory in [Some(temporary_files.as_path()), place.parent()].into_iter().flatten() {
            create_folder(directory).map_err(|error| self.unwritable(directory, &error))?;
        }
        Ok(())
    }

    /// A new name for a temporary file or folder, which is removed when the value is dropped.
    pub(super) fn temporary(&self, what: &str) -> Result<Temporary, ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        Temporary::in_folder(&temporary_files, &format!("-{what}"))
            .map_err(|error| self.unwritable(&temporary_files, &error))
    }

    /// A new folder for files that others may still use. It is removed when it is stale.
    pub(super) fn aside(&self) -> Result<PathBuf, ProvisionError> {
        let temporary_files = self.root.join(TEMPORARY_FILES);
        let folder = new_name(&temporary_files, "-unusable");
        folder
            .and_then(|folder| create_folder(&folder).map(|()| folder))
            .map_err(|error| self.unwritable(&temporary_files, &error))
    }

    /// Waits until no other process provisions `artifact`.
    pub(super) async fn lock(&self, place: &Path, artifact: &Artifact) -> Option<File> {
        lock_file(&beside(place, ".lock"), &artifact.file_name).await
    }

    /// Where the scanner engine looks for a plugin, and stores it.
    ///
    /// Contract: observed on SonarQube 10.7 and 26.9, `<MD5>/sonar-<key>-plugin.jar`. The engine does not check a file that
    /// it finds there.
    pub(super) fn place_of_plugin(&self, key: &str, md5: &str) -> Option<PathBuf> {
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let is_hash = md5.len() == 32 && md5.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_key && is_hash).then(|| self.root.join(md5).join(format!("sonar-{key}-plugin.jar")))
    }

    pub(super) fn unwritable(&self, path: &Path, cause: &io::Error) -> ProvisionError {
        ProvisionError::Cache { path: path.to_owned(), cause: cause.to_string() }
    }
}

/// `path` with `end` added to its name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(end);
    path.with_file_name(name)
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
    fn no_name_or_hash_of_a_server_leads_out_of_the_cache() {
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
}
