//! The index of a clone: which files its checkout wrote, with their times and sizes.
//!
//! Contract: "gitformat-index" of git's documentation, versions 2 to 4.

use std::collections::BTreeMap;

/// The time and size of a file when git last looked at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The time of its last change, in seconds since 1970.
    pub seconds: u32,
    /// The nanoseconds of that time; 0 if git was built without them.
    pub nanoseconds: u32,
    /// Its size, modulo 2^32.
    pub size: u32,
}

/// The files in an index by their paths, relative to the clone and with `/`. Object names have `hash` bytes: 20, or 32 in
/// clones with the object format SHA-256. Of a damaged index these are the files before the damage.
pub fn files_in_index(bytes: &[u8], hash: usize) -> BTreeMap<String, Stamp> {
    let mut files = BTreeMap::new();
    read(bytes, hash, &mut files);
    files
}

fn read(bytes: &[u8], hash: usize, files: &mut BTreeMap<String, Stamp>) -> Option<()> {
    let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let version = number(4).filter(|version| bytes.starts_with(b"DIRC") && (2..=4).contains(version))?;
    let (mut at, mut path) = (12, Vec::new());
    for _ in 0..number(8)? {
        // Around these lie the time of creation, device, inode, mode, user and group.
        let stamp = Stamp { seconds: number(at + 8)?, nanoseconds: number(at + 12)?, size: number(at + 36)? };
        let flags = at + 40 + hash;
        let is_extended = bytes.get(flags)? & 0x40 != 0;
        let mut name = flags + if is_extended { 4 } else { 2 };
        if version == 4 {
            // This many bytes at the end of the previous path are replaced.
            path.truncate(path.len().checked_sub(offset(bytes, &mut name)?)?);
        } else {
            path.clear();
        }
        let length = bytes.get(name..)?.iter().position(|&byte| byte == 0)?;
        path.extend_from_slice(&bytes[name..name + length]);
        files.insert(String::from_utf8_lossy(&path).into_owned(), stamp);
        let end = name + length;
        // Before version 4 an entry ends with one to eight zeros, so that its length is a multiple of 8.
        at = if version == 4 { end + 1 } else { at + (end - at) / 8 * 8 + 8 };
    }
    Some(())
}

/// A number of variable length, in the encoding of offsets in git's packs.
fn offset(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[expect(clippy::disallowed_methods, reason = "git itself writes the index")]
    fn git(folder: &Path, arguments: &[&str]) {
        let done = std::process::Command::new("git").args(arguments).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }

    #[test]
    fn an_index_is_read_as_git_writes_it() {
        let long = "x".repeat(200);
        let names = ["a", "a/b c.txt", "a/bd.txt", "ä", "longer/and/longer/12345678", &*long];
        for (version, format, hash) in
            [("2", "sha1", 20), ("3", "sha1", 20), ("4", "sha1", 20), ("4", "sha256", 32)]
        {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            git(folder, &["init", "--quiet", "--object-format", format]);
            for (length, name) in names.iter().enumerate().skip(1) {
                let file = folder.join(name);
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, "1".repeat(length)).unwrap();
            }
            git(folder, &["add", "."]);
            if version == "3" {
                git(folder, &["rm", "--quiet", "--cached", "ä"]);
                git(folder, &["add", "--intent-to-add", "ä"]);
            }
            git(folder, &["update-index", "--index-version", version]);
            let bytes = std::fs::read(folder.join(".git/index")).unwrap();
            assert_eq!(bytes[7].to_string(), version);
            let files = files_in_index(&bytes, hash);
            assert_eq!(files.len(), names.len() - 1, "{version} {format}: {files:?}");
            for (length, name) in names.iter().enumerate().skip(1).filter(|(_, name)| **name != "ä") {
                let modified = std::fs::metadata(folder.join(name)).unwrap().modified().unwrap();
                let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
                let stamp = files[*name];
                assert_eq!(
                    (stamp.size as usize, u64::from(stamp.seconds)),
                    (length, since.as_secs()),
                    "{name}"
                );
                assert!(stamp.nanoseconds == 0 || stamp.nanoseconds == since.subsec_nanos(), "{name}");
            }
            for length in 0..bytes.len() {
                assert!(files_in_index(&bytes[..length], hash).len() < names.len());
            }
        }
    }
}
