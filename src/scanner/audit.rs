//! Checks what other programs run from the cache without a check of their own: the engine takes plugins as they are, and
//! SonarSource's scanners take engines and Java runtimes as they are.
//!
//! Contract: observed on SonarQube 9.9 to 26.9 and their scanners: `<hash>/<file>`, where the hash is an MD5 (plugins,
//! engines of servers before 10.6) or a SHA-256, `<hash>/<archive>_extracted`, and `<hash>/<plugin>_unzip`.

use super::archive;
use super::cache::{Cache, EXTRACTED};
use super::cache_seal::CacheSeal;
use super::class_archive::is_class_archive;
use super::file_digest::{md5, sha256};
use super::file_stamp::stamp;
use super::intact::{check_blocking, read_note, write_note};
use super::ownership::{others, protected_file};
use super::provision_error::ProvisionError;
use super::sealed_folder;
use crate::http;
use std::collections::BTreeMap;
use std::fs::{DirEntry, Metadata};
use std::path::{Path, PathBuf};

/// Who runs files from the cache without a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audit {
    /// The engine: plugins, and what they unpack. Engine and Java are provisioned, and so checked, by us.
    Engine,
    /// A scanner of SonarSource: all of the cache.
    Scanner,
    /// The same, within the build: after it nobody seals what plugins have unpacked.
    Build,
}

/// The folder beside the cache to which analyzers unpack programs that they run: that of JavaScript a Node.js.
const UNPACKED: &str = "js";

/// How the names of folders end to which plugins are unpacked.
const UNZIPPED: &str = "_unzip";

/// What the note about the files of the cache is sealed for.
const WHAT: &str = "audit";

impl Cache {
    /// Removes each file and folder that is not what its name says, so that the program that needs it fetches it again. What
    /// an earlier run has checked and sealed is not read again.
    ///
    /// # Errors
    /// `Cache`: something cannot be removed. It must not stay: it would be run.
    pub async fn audit(&self, scope: Audit) -> Result<(), ProvisionError> {
        let mut folders = Vec::new();
        for name in self.folders() {
            match (name.len(), scope) {
                (32, _) | (64, Audit::Scanner | Audit::Build) => folders.push(self.root().join(name)),
                _ => {}
            }
        }
        let (seal, root) = (self.seal().cloned(), self.root().to_owned());
        let checked = folders.clone();
        let wrong = http::blocking(move || Ok(wrong_files(&root, &checked, seal.as_ref())));
        let wrong = wrong.await.map_err(|error| self.unwritable(self.root(), &error))?;
        let mut wrong: Vec<PathBuf> = wrong.iter().map(|path| self.root().join(path)).collect();
        for folder in folders {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) && !self.is_right_folder(&entry).await {
                    wrong.push(entry.path());
                }
            }
        }
        if scope != Audit::Build && !self.is_unpacked_sealed().await {
            wrong.push(self.user_home().join(UNPACKED));
        }
        for path in wrong {
            tracing::info!("{} was damaged or changed, and is removed from the cache", path.display());
            // Moved rather than deleted: another analysis may run from this folder.
            let aside = self.aside()?.join("wrong");
            std::fs::rename(&path, aside).map_err(|error| self.unwritable(&path, &error))?;
        }
        Ok(())
    }

    /// Seals what analyzers have unpacked in a run before which the cache was audited.
    pub async fn seal_unpacked(&self) {
        let Some(seal) = self.seal().cloned() else { return };
        let folder = self.user_home().join(UNPACKED);
        if folder.is_dir() && !self.is_unpacked_sealed().await {
            let is_sealed =
                check_blocking(move || sealed_folder::write(&folder, &seal, UNPACKED).is_ok()).await;
            tracing::debug!("Sealed what analyzers have unpacked: {is_sealed}");
        }
    }

    /// Whether analyzers have unpacked nothing, or only what this connection has sealed.
    async fn is_unpacked_sealed(&self) -> bool {
        let folder = self.user_home().join(UNPACKED);
        if folder.symlink_metadata().is_err() {
            return true;
        }
        let Some(seal) = self.seal().cloned() else { return false };
        check_blocking(move || sealed_folder::is_whole(&folder, &seal, UNPACKED, false)).await
    }

    /// Whether a folder holds what the archive that was unpacked to it holds.
    async fn is_right_folder(&self, entry: &DirEntry) -> bool {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(jar) = name.strip_suffix(UNZIPPED) {
            let jar = path.with_file_name(jar);
            return check_blocking(move || archive::holds(&jar, &path)).await;
        }
        let Some(archive) = name.strip_suffix(EXTRACTED) else { return false };
        let archive = path.with_file_name(archive);
        let what = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
        if let Some(seal) = self.seal().cloned() {
            let (folder, what) = (path.clone(), what.clone());
            if check_blocking(move || sealed_folder::is_whole(&folder, &seal, &what, false)).await {
                return true;
            }
        }
        // The archive itself was checked with the other files.
        protected_file(&archive).is_some() && archive::is_content(&archive, &path).await
    }
}

/// Paths, relative to `root`, of the files in `folders` that do not have the hash that their folder is named after. The
/// others are noted.
fn wrong_files(root: &Path, folders: &[PathBuf], seal: Option<&CacheSeal>) -> Vec<String> {
    let note = seal.map(|seal| (seal, root.join(format!("sonar-azdo.{}.checked", seal.id()))));
    let text = note.as_ref().and_then(|(seal, file)| Some(seal.unseal(WHAT, &read_note(file)?)?.to_owned()));
    let text = text.unwrap_or_default();
    let noted: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('\t')).collect();
    let (mut wrong, mut right) = (Vec::new(), BTreeMap::new());
    for folder in folders {
        let expected = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.path().symlink_metadata() else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            if metadata.is_dir() || is_not_run_by_others(&name, &metadata) {
                continue;
            }
            let path = format!("{expected}/{name}");
            let stamp = stamp(&entry.path(), &metadata);
            let is_right = metadata.is_file()
                && others(&metadata).is_none()
                && (stamp.as_deref().is_some_and(|stamp| noted.get(path.as_str()) == Some(&stamp))
                    || digest(&entry.path(), &expected).is_some_and(|hash| hash == expected));
            if is_right {
                right.insert(path, stamp.unwrap_or_default());
            } else {
                wrong.push(path);
            }
        }
    }
    let renewed: String = right.iter().map(|(path, stamp)| format!("{path}\t{stamp}\n")).collect();
    if let Some((seal, file)) = note
        && renewed != text
    {
        // Folders that were left out this time are checked again next time. The cache may be read-only.
        let _ = write_note(&file, &seal.seal(WHAT, &renewed));
    }
    wrong
}

fn digest(path: &Path, expected: &str) -> Option<String> {
    if expected.len() == 32 { md5(path).ok() } else { sha256(path).ok() }
}

/// Locks, notes, and archives of classes: only we use these.
fn is_not_run_by_others(name: &str, metadata: &Metadata) -> bool {
    metadata.is_file() && (metadata.len() == 0 || name.ends_with(".checked") || is_class_archive(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use std::fs;

    struct Machine {
        home: tempfile::TempDir,
        cache: Cache,
    }

    /// Of `a plugin`.
    const MD5: &str = "fedf673d9350fddffc14cd014fcd8f29";

    impl Machine {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            let cache = Cache::in_user_home(home.path()).sealed(Some(CacheSeal::new(&Secret::new("squ_1"))));
            let machine = Self { home, cache };
            machine.write(&format!("{MD5}/sonar-x-plugin.jar"), "a plugin");
            machine.write(&format!("{MD5}/sonar-x-plugin.jar_unzip.lock"), "");
            machine
        }

        fn path(&self, path: &str) -> PathBuf {
            self.home.path().join("cache").join(path)
        }

        fn write(&self, path: &str, content: &str) {
            let file = self.path(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }

        async fn audit(&self) {
            self.cache.audit(Audit::Scanner).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_plugin_that_is_not_what_the_server_announces_is_removed() {
        let machine = Machine::new();
        let plugin = machine.path(&format!("{MD5}/sonar-x-plugin.jar"));
        for _ in 0..2 {
            machine.audit().await;
            assert_eq!(fs::read(&plugin).unwrap(), b"a plugin");
        }
        let modified = plugin.metadata().unwrap().modified().unwrap();
        fs::write(&plugin, "A PLUGIN").unwrap();
        fs::File::options().write(true).open(&plugin).unwrap().set_modified(modified).unwrap();
        machine.cache.audit(Audit::Engine).await.unwrap();
        assert!(!plugin.exists());
        assert!(machine.path(&format!("{MD5}/sonar-x-plugin.jar_unzip.lock")).exists(), "a lock stays");
    }

    #[tokio::test]
    async fn an_engine_and_a_java_that_are_not_what_their_names_say_are_removed() {
        let machine = Machine::new();
        let sha256 = "ab".repeat(32);
        machine.write(&format!("{sha256}/engine.jar"), "evil");
        machine.write(&format!("{sha256}/jre.tar.gz_extracted/bin/java"), "evil");
        machine.write(&format!("{MD5}/sonar-x-plugin.jar_unzip/META-INF/lib/x.jar"), "evil");
        machine.write("unrelated/file", "x");
        machine.cache.audit(Audit::Engine).await.unwrap();
        assert!(machine.path(&format!("{sha256}/engine.jar")).exists(), "it is checked when it is used");
        machine.audit().await;
        for gone in ["engine.jar", "jre.tar.gz_extracted"] {
            assert!(!machine.path(&format!("{sha256}/{gone}")).exists(), "{gone}");
        }
        assert!(!machine.path(&format!("{MD5}/sonar-x-plugin.jar_unzip")).exists());
        assert!(machine.path("unrelated/file").exists());
    }

    #[tokio::test]
    async fn a_program_that_an_analyzer_unpacked_is_run_again_only_if_nobody_has_changed_it() {
        let machine = Machine::new();
        let node = machine.home.path().join("js/node-runtime/node");
        let unpack = |content: &str| {
            fs::create_dir_all(node.parent().unwrap()).unwrap();
            fs::write(&node, content).unwrap();
        };
        unpack("evil");
        machine.cache.audit(Audit::Build).await.unwrap();
        assert!(node.exists(), "after a build that runs its own scanner nobody seals it");
        machine.audit().await;
        assert!(!node.exists());
        unpack("node");
        machine.cache.seal_unpacked().await;
        machine.audit().await;
        assert_eq!(fs::read(&node).unwrap(), b"node");
        let modified = node.metadata().unwrap().modified().unwrap();
        fs::write(&node, "evil").unwrap();
        fs::File::options().write(true).open(&node).unwrap().set_modified(modified).unwrap();
        machine.audit().await;
        assert!(!node.exists());
    }
}
