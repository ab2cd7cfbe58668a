//! The git directory that all commands run in. It is ours, in a folder of the job that nobody else may read; it uses the
//! clone's objects and has a copy of its references and a configuration that we write.
//!
//! So git neither reads nor runs what a repository, a step or an earlier build wrote into the clone's configuration, hooks
//! or attributes. Contract: `gitrepository-layout`(5), `git-config`(1), `reftable`(5).

use super::folders::{CloneFolders, short_text};
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// This git directory. It is removed when the value is dropped.
#[derive(Debug)]
pub(super) struct View {
    folder: PathBuf,
}

/// Formats of a clone, which its configuration names and a copy must share.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CloneFormat {
    /// `extensions.objectFormat`, where it is not SHA-1.
    pub(super) objects: Option<String>,
    /// `extensions.refStorage`, where it is not files.
    pub(super) references: Option<String>,
}

/// Turns off what git would start or read beside the command, by the machine's configuration or by default. A clean-up
/// (`gc`) would remove objects of the clone that our copy of its references does not name.
const SETTINGS: &str = "\
	bare = true
	hooksPath = hooks
	fsmonitor = false
	alternateRefsCommand =
	logAllRefUpdates = false
[gc]
	auto = 0
	pruneExpire = never
[maintenance]
	auto = false
[fetch]
	recurseSubmodules = false
	writeCommitGraph = false
[submodule]
	recurse = false
[transfer]
	bundleURI = false
[credential]
	helper =
[http]
	extraHeader =
	saveCookies = false
	cookieFile =
";

impl View {
    /// Creates an empty one below `temporary`.
    pub(super) fn create(temporary: &Path) -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        let folder = temporary.join(format!("sonar-azdo-git-{:016x}", u64::from_be_bytes(bytes)));
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&folder)?;
        let view = Self { folder };
        for name in ["refs", "objects", "hooks"] {
            fs::create_dir(view.folder.join(name))?;
        }
        fs::write(view.folder.join("HEAD"), "ref: refs/heads/none\n")?;
        view.configure(&CloneFormat::default())?;
        Ok(view)
    }

    /// The git directory.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn configure(&self, format: &CloneFormat) -> io::Result<()> {
        let extensions = [("objectFormat", &format.objects), ("refStorage", &format.references)];
        let mut text = String::from("[core]\n\trepositoryFormatVersion = 1\n");
        text.push_str(SETTINGS);
        text.push_str("[extensions]\n");
        for (key, value) in extensions {
            // Only a word: the value comes from the clone's configuration and must not add settings to ours.
            if let Some(word) =
                value.as_deref().filter(|word| word.bytes().all(|b| b.is_ascii_alphanumeric()))
            {
                text.push_str(&format!("\t{key} = {word}\n"));
            }
        }
        fs::write(self.folder.join("config"), text)
    }

    /// Copies the references of the clone, which has the format `format`.
    pub(super) fn fill(&self, clone: &CloneFolders, format: &CloneFormat) -> io::Result<()> {
        self.configure(format)?;
        let head = short_text(&clone.git_dir.join("HEAD")).unwrap_or_default();
        fs::write(self.folder.join("HEAD"), head)?;
        for name in ["packed-refs", "shallow"] {
            copy_file(&clone.common_dir.join(name), &self.folder.join(name))?;
        }
        for name in ["refs", "reftable"] {
            copy_folder(&clone.common_dir.join(name), &self.folder.join(name))?;
        }
        Ok(())
    }

    /// Writes into the clone what a fetch changed here: `references` (full names and commits), and where the history ends.
    pub(super) fn give_back(&self, clone: &CloneFolders, references: &[(String, String)]) -> io::Result<()> {
        let tables = self.folder.join("reftable");
        if tables.is_dir() {
            give_back_tables(&tables, &clone.common_dir.join("reftable"))?;
        } else {
            for (name, commit) in references {
                write_reference(&clone.common_dir.join(name), commit)?;
            }
        }
        // Last: until this is written the clone only counts as more shallow than it is, which does no harm.
        let (ours, theirs) = (self.folder.join("shallow"), clone.common_dir.join("shallow"));
        match fs::read(&ours) {
            Ok(lines) if fs::read(&theirs).is_ok_and(|old| old == lines) => Ok(()),
            Ok(lines) => replace(&theirs, &lines),
            Err(error) if error.kind() == ErrorKind::NotFound => match fs::remove_file(&theirs) {
                Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
            Err(error) => Err(error),
        }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            tracing::debug!("{} could not be removed: {error}", self.folder.display());
        }
    }
}

/// Writes a reference as git does: a file beside it locks it, and then takes its name.
fn write_reference(path: &Path, commit: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Deleted branches may have left an empty folder of this name.
    let _ = fs::remove_dir(path);
    replace(path, format!("{commit}\n").as_bytes())
}

/// Copies the new tables, then the list that names them.
fn give_back_tables(from: &Path, to: &Path) -> io::Result<()> {
    let list = fs::read(from.join("tables.list"))?;
    for name in String::from_utf8_lossy(&list).lines().filter(|name| !name.contains(['/', '\\'])) {
        if !to.join(name).exists() {
            fs::copy(from.join(name), to.join(name))?;
        }
    }
    replace(&to.join("tables.list"), &list)
}

/// Writes a file of the clone while holding git's lock for it.
fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let lock = path.with_file_name(name);
    let mut file = fs::File::create_new(&lock)?;
    let written = file.write_all(text).and_then(|()| {
        drop(file);
        fs::rename(&lock, path)
    });
    if written.is_err() {
        let _ = fs::remove_file(&lock);
    }
    written
}

/// Copies `from` if it is a regular file.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    match from.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => fs::copy(from, to).map(drop),
        _ => Ok(()),
    }
}

/// Copies the regular files below `from` if that is a folder.
fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    if !from.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, to) = (entry.file_type()?, to.join(entry.file_name()));
        if kind.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else if kind.is_file() {
            copy_file(&entry.path(), &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clone_in(folder: &Path) -> CloneFolders {
        let git_dir = folder.join("clone/.git");
        for name in ["refs/remotes/origin", "objects"] {
            fs::create_dir_all(git_dir.join(name)).unwrap();
        }
        fs::write(git_dir.join("HEAD"), "1111\n").unwrap();
        CloneFolders { top_level: folder.join("clone"), git_dir: git_dir.clone(), common_dir: git_dir }
    }

    #[test]
    fn fetched_references_are_written_into_the_clone() {
        let folder = tempfile::tempdir().unwrap();
        let clone = clone_in(folder.path());
        let reference = |name: &str| clone.common_dir.join("refs/remotes/origin").join(name);
        fs::write(reference("main"), "2222\n").unwrap();
        fs::create_dir(reference("empty")).unwrap();
        fs::write(clone.common_dir.join("shallow"), "3333\n").unwrap();
        let view = View::create(folder.path()).unwrap();
        view.fill(&clone, &CloneFormat::default()).unwrap();
        let copied = |name: &str| fs::read_to_string(view.folder().join(name)).unwrap();
        assert_eq!(copied("HEAD"), "1111\n");
        assert_eq!(copied("refs/remotes/origin/main"), "2222\n");
        assert_eq!(copied("shallow"), "3333\n");

        fs::remove_file(view.folder().join("shallow")).unwrap();
        let fetched = |name: &str| (format!("refs/remotes/origin/{name}"), "4444".to_owned());
        view.give_back(&clone, &[fetched("main"), fetched("a/b"), fetched("empty")]).unwrap();
        for name in ["main", "a/b", "empty"] {
            assert_eq!(fs::read_to_string(reference(name)).unwrap(), "4444\n");
        }
        assert!(!clone.common_dir.join("shallow").exists());
        assert!(view.give_back(&clone, &[fetched("main/x")]).is_err(), "main is not a folder");
        fs::write(reference("main.lock"), "").unwrap();
        assert!(view.give_back(&clone, &[fetched("main")]).is_err(), "somebody else has the lock");

        let place = view.folder().to_owned();
        drop(view);
        assert!(!place.exists());
    }

    #[test]
    fn fetched_reftables_are_written_into_the_clone() {
        let folder = tempfile::tempdir().unwrap();
        let clone = clone_in(folder.path());
        let tables = clone.common_dir.join("reftable");
        fs::create_dir(&tables).unwrap();
        fs::write(tables.join("tables.list"), "one\n").unwrap();
        fs::write(tables.join("one"), "1").unwrap();
        let view = View::create(folder.path()).unwrap();
        let format = CloneFormat { objects: Some("sha256".into()), references: Some("reftable".into()) };
        view.fill(&clone, &format).unwrap();
        let configuration = fs::read_to_string(view.folder().join("config")).unwrap();
        assert!(
            configuration.ends_with("\tobjectFormat = sha256\n\trefStorage = reftable\n"),
            "{configuration}"
        );

        fs::write(view.folder().join("reftable/two"), "2").unwrap();
        fs::write(view.folder().join("reftable/tables.list"), "one\ntwo\n").unwrap();
        view.give_back(&clone, &[]).unwrap();
        assert_eq!(fs::read_to_string(tables.join("two")).unwrap(), "2");
        assert_eq!(fs::read_to_string(tables.join("tables.list")).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn a_format_cannot_add_a_setting() {
        let folder = tempfile::tempdir().unwrap();
        let view = View::create(folder.path()).unwrap();
        let format = CloneFormat { objects: Some("sha1\n[core]\n\tsshCommand = x".into()), references: None };
        view.configure(&format).unwrap();
        assert!(!fs::read_to_string(view.folder().join("config")).unwrap().contains("sshCommand"));
    }

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read_the_git_directory() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let view = View::create(folder.path()).unwrap();
        assert_eq!(view.folder().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
