//! The sealed list of all files of an unpacked archive with their SHA-256. By it each run knows that no file was changed,
//! added or removed.

use super::cache_seal::CacheSeal;
use super::file_digest::sha256;
use super::file_stamp::stamp;
use super::intact::{read_note, write_note};
use super::ownership::others;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Beginning and end of the list's name. The list lies in the folder itself, so that one rename moves both.
const NAME: (&str, &str) = ("sonar-azdo.", ".files");

fn list_of(folder: &Path, seal: &CacheSeal) -> PathBuf {
    folder.join(format!("{}{}{}", NAME.0, seal.id(), NAME.1))
}

/// Writes the list of `folder`, which must be known to hold the content of the archive `what`. Each line is a hash (of a
/// link: its target), a stamp and a relative path, with tabs between them.
pub(super) fn write(folder: &Path, seal: &CacheSeal, what: &str) -> io::Result<()> {
    let mut text = String::new();
    for (path, metadata) in entries(folder)? {
        let file = folder.join(&path);
        let content = content_of(&file, &metadata)?;
        line(&mut text, &content, &stamp(folder, &metadata).unwrap_or_default(), &path);
    }
    write_note(&list_of(folder, seal), &seal.seal(what, &text))
}

/// Whether `folder` holds exactly the files of the list that was sealed for the archive `what`, and nobody else may change
/// them. A file with the listed [`stamp`] is not read, unless the folder is `suspect`.
pub(super) fn is_whole(folder: &Path, seal: &CacheSeal, what: &str, suspect: bool) -> bool {
    let Some(note) = read_note(&list_of(folder, seal)) else { return false };
    let Some(text) = seal.unseal(what, &note) else { return false };
    let noted: Option<BTreeMap<_, _>> = text
        .lines()
        .map(|line| {
            let (content, rest) = line.split_once('\t')?;
            let (stamp, path) = rest.split_once('\t')?;
            Some((path, (content, stamp)))
        })
        .collect();
    let (Some(noted), Ok(found)) = (noted, entries(folder)) else { return false };
    let mut renewed = String::new();
    let mut is_new = false;
    let is_as_noted = |(path, metadata): &(String, Metadata)| {
        let (content, noted) = noted.get(path.as_str())?;
        let stamp = stamp(folder, metadata);
        if suspect || metadata.is_symlink() || stamp.as_deref() != Some(*noted) {
            is_new |= stamp.as_deref().is_some_and(|stamp| stamp != *noted);
            (content_of(&folder.join(path), metadata).ok()? == *content).then_some(())?;
        }
        line(&mut renewed, content, &stamp.unwrap_or_default(), path);
        Some(())
    };
    let is_whole = found.len() == noted.len() && found.iter().map(is_as_noted).all(|known| known.is_some());
    if is_whole && is_new {
        // A restored cache has other stamps. Without the new ones each file is hashed next time, too.
        let _ = write_note(&list_of(folder, seal), &seal.seal(what, &renewed));
    }
    is_whole
}

fn line(text: &mut String, content: &str, stamp: &str, path: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{content}\t{stamp}\t{path}");
}

fn content_of(path: &Path, metadata: &Metadata) -> io::Result<String> {
    if metadata.is_symlink() { Ok(format!("{:?}", fs::read_link(path)?)) } else { sha256(path) }
}

/// All files and links below `folder` except our lists, with paths relative to it that have `/` between their parts.
///
/// # Errors
/// A file or folder cannot be read, is of another kind, has a name that a list cannot hold, or may be changed by somebody
/// else.
pub(super) fn entries(folder: &Path) -> io::Result<Vec<(String, Metadata)>> {
    let mut found = Vec::new();
    collect(folder, "", &mut found)?;
    Ok(found)
}

fn collect(folder: &Path, prefix: &str, found: &mut Vec<(String, Metadata)>) -> io::Result<()> {
    let refuse = |why: &str| Err(io::Error::other(format!("{}: {why}", folder.display())));
    if let Some(why) = others(&folder.symlink_metadata()?) {
        return refuse(&why);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { return refuse("a name is not Unicode") };
        if name.contains(['\n', '\t']) {
            return refuse("a name holds a line break or a tab");
        }
        // Of a link these are its own, not those of its target.
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), found)?;
            continue;
        }
        if prefix.is_empty() && metadata.is_file() && name.starts_with(NAME.0) && name.ends_with(NAME.1) {
            continue;
        }
        match others(&metadata) {
            // The mode of a link has no meaning.
            Some(why) if !metadata.is_symlink() => return refuse(&why),
            _ if metadata.is_file() || metadata.is_symlink() => {
                found.push((format!("{prefix}{name}"), metadata));
            }
            _ => return refuse("neither file, folder nor link"),
        }
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    struct Unpacked {
        folder: tempfile::TempDir,
        seal: CacheSeal,
    }

    impl Unpacked {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let unpacked = Self { folder, seal: CacheSeal::new(&Secret::new("squ_1")) };
            fs::create_dir_all(unpacked.path("jdk/lib/empty")).unwrap();
            for (name, content) in
                [("jdk/release", "21"), ("jdk/lib/modules", "modules"), ("jdk/lib/a b.jar", "")]
            {
                fs::write(unpacked.path(name), content).unwrap();
            }
            symlink("lib/modules", unpacked.path("jdk/link")).unwrap();
            write(unpacked.folder.path(), &unpacked.seal, "jre 1").unwrap();
            unpacked
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn is_whole(&self) -> bool {
            is_whole(self.folder.path(), &self.seal, "jre 1", false)
        }
    }

    #[test]
    fn an_unchanged_folder_and_a_copy_of_it_are_whole() {
        let unpacked = Unpacked::new();
        assert!(unpacked.is_whole());
        let list = list_of(unpacked.folder.path(), &unpacked.seal);
        let before = fs::read_to_string(&list).unwrap();
        // A restored cache has other inodes and times.
        let modules = unpacked.path("jdk/lib/modules");
        fs::remove_file(&modules).unwrap();
        fs::write(&modules, "modules").unwrap();
        assert!(unpacked.is_whole());
        assert_eq!(fs::read_to_string(&list).unwrap() != before, cfg!(target_os = "linux"));
        assert!(unpacked.is_whole());
        assert!(is_whole(unpacked.folder.path(), &unpacked.seal, "jre 1", true));
        // Another connection has another list.
        let other = CacheSeal::new(&Secret::new("squ_2"));
        assert!(!is_whole(unpacked.folder.path(), &other, "jre 1", false));
        write(unpacked.folder.path(), &other, "jre 1").unwrap();
        assert!(is_whole(unpacked.folder.path(), &other, "jre 1", false) && unpacked.is_whole());
    }

    #[test]
    fn a_changed_added_or_removed_file_is_noticed() {
        type Tampering<'a> = (&'a str, &'a dyn Fn(&Unpacked));
        let set_mode = |unpacked: &Unpacked, name: &str, mode: u32| {
            fs::set_permissions(unpacked.path(name), fs::Permissions::from_mode(mode)).unwrap();
        };
        let changes: [Tampering<'_>; 12] = [
            ("another content of the same size and time", &|unpacked| {
                let file = unpacked.path("jdk/lib/modules");
                let modified = file.metadata().unwrap().modified().unwrap();
                fs::write(&file, "MODULES").unwrap();
                fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
            }),
            ("an empty file", &|unpacked| fs::write(unpacked.path("jdk/lib/modules"), "").unwrap()),
            ("a lost file", &|unpacked| fs::remove_file(unpacked.path("jdk/lib/a b.jar")).unwrap()),
            ("one more", &|unpacked| fs::write(unpacked.path("jdk/lib/evil.so"), "").unwrap()),
            ("one more, named like a list", &|unpacked| {
                fs::write(unpacked.path("jdk/sonar-azdo.x.files"), "").unwrap();
            }),
            ("another link", &|unpacked| {
                fs::remove_file(unpacked.path("jdk/link")).unwrap();
                symlink("/tmp/evil", unpacked.path("jdk/link")).unwrap();
            }),
            ("a link in place of a file", &|unpacked| {
                fs::remove_file(unpacked.path("jdk/release")).unwrap();
                symlink("lib/modules", unpacked.path("jdk/release")).unwrap();
            }),
            ("a file that others may write", &|unpacked| set_mode(unpacked, "jdk/release", 0o666)),
            ("a folder that others may write", &|unpacked| set_mode(unpacked, "jdk/lib", 0o777)),
            ("a list that was cut short", &|unpacked| {
                fs::write(list_of(unpacked.folder.path(), &unpacked.seal), "").unwrap();
            }),
            ("no list", &|unpacked| {
                fs::remove_file(list_of(unpacked.folder.path(), &unpacked.seal)).unwrap();
            }),
            ("a list that an earlier build wrote for its own files", &|unpacked| {
                fs::write(unpacked.path("jdk/release"), "evil").unwrap();
                let list = list_of(unpacked.folder.path(), &unpacked.seal);
                let own = CacheSeal::new(&Secret::new("of the earlier build"));
                write(unpacked.folder.path(), &own, "jre 1").unwrap();
                fs::rename(list_of(unpacked.folder.path(), &own), list).unwrap();
            }),
        ];
        for (what, change) in changes {
            let unpacked = Unpacked::new();
            change(&unpacked);
            assert!(!unpacked.is_whole(), "{what}");
        }
        let unpacked = Unpacked::new();
        assert!(!is_whole(unpacked.folder.path(), &unpacked.seal, "jre 2", false), "another archive's");
    }
}
