//! The index of a clone: which files its checkout wrote, and how they were then.
//!
//! Contract: "gitformat-index" of git's documentation, versions 2 to 4.

use std::collections::BTreeMap;

/// How a file was when git last looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// When it was changed, in seconds since 1970.
    pub seconds: u32,
    /// And nanoseconds; 0 where git was built without.
    pub nanoseconds: u32,
    /// Its size, modulo 2^32.
    pub size: u32,
}

/// The files in an index by their paths, relative to the clone and with `/`; names have `hash` bytes (20, or 32 in clones
/// of the object format SHA-256). Of a damaged index those before the damage.
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
        // Times of creation and change, device, inode, mode, user and group lie around these.
        let stamp = Stamp { seconds: number(at + 8)?, nanoseconds: number(at + 12)?, size: number(at + 36)? };
        let flags = at + 40 + hash;
        let is_extended = bytes.get(flags)? & 0x40 != 0;
        let mut name = flags + if is_extended { 4 } else { 2 };
        if version == 4 {
            // So many letters of the path before do not count.
            path.truncate(path.len().checked_sub(offset(bytes, &mut name)?)?);
        } else {
            path.clear();
        }
        let length = bytes.get(name..)?.iter().position(|&byte| byte == 0)?;
        path.extend_from_slice(&bytes[name..name + length]);
        files.insert(String::from_utf8_lossy(&path).into_owned(), stamp);
        let end = name + length;
        // Before version 4 entries are as long as a multiple of 8, and end with at least one zero.
        at = if version == 4 { end + 1 } else { at + (end - at) / 8 * 8 + 8 };
    }
    Some(())
}

/// A number of any length, as git's packs hold them.
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
    fn as_git_writes_it() {
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
