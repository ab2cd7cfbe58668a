//! Who may change a file or folder, other than this user and root; and files and folders that nobody else may change.
//!
//! Whoever may change a file could do so after it was checked and before it is run. The access control lists of Windows
//! are not read: docs/security.md says what that leaves to the owner of the machine.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Who else may change the file or folder with this metadata: the rest of a sentence after "because".
#[cfg(unix)]
pub(super) fn others(metadata: &Metadata) -> Option<String> {
    unix::owner(metadata).or_else(|| unix::writers(metadata))
}

/// Who else may change the content of `folder`, or the folder that its path leads to.
#[cfg(unix)]
pub(super) fn others_on_the_way(folder: &Path) -> Option<String> {
    let real = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let found = |path: &Path| {
        let metadata = path.symlink_metadata().ok()?;
        // In a folder like /tmp nobody may remove or rename files of others.
        let is_protected = unix::is_sticky(&metadata) && path != folder && path != real;
        let why =
            if metadata.is_symlink() || is_protected { unix::owner(&metadata) } else { others(&metadata) };
        Some(format!("{} of {}", why?, path.display()))
    };
    folder.ancestors().chain(real.ancestors()).find_map(found)
}

#[cfg(not(unix))]
pub(super) fn others(_metadata: &Metadata) -> Option<String> {
    None
}

#[cfg(not(unix))]
pub(super) fn others_on_the_way(_folder: &Path) -> Option<String> {
    None
}

/// The metadata of `path`, if it is a regular file that nobody else may change.
pub(super) fn protected_file(path: &Path) -> Option<Metadata> {
    path.symlink_metadata().ok().filter(|metadata| metadata.is_file() && others(metadata).is_none())
}

/// Creates a file that nobody else may write, whatever the umask of the job.
pub(super) fn create_protected_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options.open(path)
}

/// Creates a folder, and those above it, that nobody else may write, whatever the umask of the job.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(path)
}

#[cfg(unix)]
mod unix {
    use std::fs::Metadata;
    use std::os::unix::fs::MetadataExt as _;

    const GROUP_WRITES: u32 = 0o020;
    const ALL_WRITE: u32 = 0o002;
    const STICKY: u32 = 0o1000;

    pub(super) fn owner(metadata: &Metadata) -> Option<String> {
        let user = rustix::process::geteuid().as_raw();
        let owner = metadata.uid();
        (owner != 0 && owner != user).then(|| format!("the user {owner} is the owner"))
    }

    pub(super) fn writers(metadata: &Metadata) -> Option<String> {
        let (mode, group) = (metadata.mode(), metadata.gid());
        if mode & ALL_WRITE != 0 {
            Some("every user may change the content".to_owned())
        } else if mode & GROUP_WRITES != 0 && !is_private(group) {
            Some(format!("the group {group} may change the content"))
        } else {
            None
        }
    }

    pub(super) fn is_sticky(metadata: &Metadata) -> bool {
        metadata.is_dir() && metadata.mode() & STICKY != 0
    }

    /// Whether only this user and root are in the group, by `/etc/passwd` and `/etc/group`. With the umask 002, which is
    /// usual where each user has a group of its own, that group may write all new files.
    fn is_private(group: u32) -> bool {
        let read = |file| std::fs::read_to_string(file).unwrap_or_default();
        is_private_by(&read("/etc/passwd"), &read("/etc/group"), rustix::process::geteuid().as_raw(), group)
    }

    pub(super) fn is_private_by(passwd: &str, groups: &str, user: u32, group: u32) -> bool {
        let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
        let users: Vec<_> = passwd
            .lines()
            .filter_map(|line| {
                let fields: Vec<_> = line.split(':').collect();
                Some((*fields.first()?, number(fields.get(2).copied())?, number(fields.get(3).copied())?))
            })
            .collect();
        let is_ours = |uid: u32| uid == user || uid == 0;
        let is_ours_by_name =
            |name: &str| users.iter().any(|(login, uid, _)| *login == name && is_ours(*uid));
        let mut listed = groups.lines().filter_map(|line| {
            let fields: Vec<_> = line.split(':').collect();
            (number(fields.get(2).copied()) == Some(group))
                .then(|| fields.get(3).copied().unwrap_or_default())
        });
        // The members of a group that is not listed, such as one of a directory service, are not known.
        let Some(members) = listed.next() else { return false };
        members.split(',').map(str::trim).filter(|name| !name.is_empty()).all(is_ours_by_name)
            && users.iter().all(|(_, uid, primary)| *primary != group || is_ours(*uid))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn modes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "").unwrap();
        for (mode, expected) in [(0o600, false), (0o755, false), (0o444, false), (0o602, true), (0o777, true)]
        {
            set_mode(&file, mode);
            assert_eq!(others(&file.metadata().unwrap()).is_some(), expected, "{mode:o}");
        }
    }

    #[test]
    fn a_folder_is_as_safe_as_the_way_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        std::fs::create_dir_all(&inner).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        assert_eq!(others_on_the_way(&inner), None, "although it is in a temporary folder");
        set_mode(&folder.path().join("a"), 0o777);
        let why = others_on_the_way(&inner).unwrap();
        assert!(why.starts_with("every user may change the content of /") && why.ends_with("/a"), "{why}");
        assert!(others_on_the_way(&link).is_some());
        set_mode(&folder.path().join("a"), 0o1777);
        assert_eq!(others_on_the_way(&inner), None, "as /tmp is");
        set_mode(&inner, 0o1777);
        assert!(others_on_the_way(&inner).is_some(), "others may put something there");
    }

    #[test]
    fn groups() {
        let passwd = "root:x:0:0::/:/bin/sh\nagent:x:1000:1000::/:/bin/sh\nann:x:1001:1001::/:/bin/sh\n";
        let groups = "root:x:0:\nagent:x:1000:\nann:x:1001:\ndev:x:27:agent,ann\nown:x:28:agent,root\n";
        for (group, expected) in
            [(0, true), (1000, true), (1001, false), (27, false), (28, true), (99, false)]
        {
            assert_eq!(unix::is_private_by(passwd, groups, 1000, group), expected, "{group}");
        }
    }
}
