//! The sizes of all files of an unpacked archive, and the SHA-256 of its jars (few megabytes), by which each run sees
//! cheaply that it is whole.

use super::intact::hash;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

/// In the folder itself, so that both come into their place by one rename.
const NAME: &str = "sonar-azdo.files";
/// The last line: what lacks it was cut short.
const END: &str = "end";

/// Notes what is in `folder`, as lines of size, for a jar `:` and hash, and relative path.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let mut note = String::new();
    collect(folder, "", &mut note)?;
    fs::write(folder.join(NAME), note + END)
}

fn collect(folder: &Path, prefix: &str, note: &mut String) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // Of a link itself: it is known to lead to something in the folder.
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            collect(&entry.path(), &format!("{name}/"), note)?;
        } else if metadata.is_file() && !name.contains('\n') {
            let hash =
                if name.ends_with(".jar") { format!(":{}", hash(&entry.path())?) } else { String::new() };
            // Writing to a text never fails.
            let _ = writeln!(note, "{}{hash} {name}", metadata.len());
        }
    }
    Ok(())
}

/// Whether all files of `folder` have the sizes and hashes noted. Where there is no note, another scanner has unpacked it, and
/// nothing speaks against it.
pub(super) fn is_whole(folder: &Path) -> bool {
    let note = match fs::read_to_string(folder.join(NAME)) {
        Ok(note) => note,
        Err(error) => return error.kind() == io::ErrorKind::NotFound,
    };
    let is_as_noted = |line: &str| {
        let (size, name) = line.split_once(' ')?;
        let (size, noted) = size.split_once(':').map_or((size, None), |(size, hash)| (size, Some(hash)));
        let file = folder.join(name);
        let has_its_size = file.metadata().ok()?.len() == size.parse::<u64>().ok()?;
        Some(has_its_size && noted.is_none_or(|noted| hash(&file).is_ok_and(|hash| hash == noted)))
    };
    match note.strip_suffix(END) {
        Some(lines) => lines.lines().all(|line| is_as_noted(line) == Some(true)),
        None => false,
    }
}

/// When `folder` was unpacked by us.
pub(super) fn written(folder: &Path) -> Option<std::time::SystemTime> {
    folder.join(NAME).metadata().ok()?.modified().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("jdk/lib/empty")).unwrap();
        for (name, content) in [("jdk/release", "21"), ("jdk/lib/modules", "modules"), ("jdk/lib/none", "")] {
            fs::write(root.join(name), content).unwrap();
        }
        assert!(is_whole(root), "another scanner's");
        write(root).unwrap();
        assert!(is_whole(root) && written(root).is_some());
        fs::write(root.join("more"), "is no harm").unwrap();
        assert!(is_whole(root));

        fs::write(root.join("jdk/lib/modules"), "module").unwrap();
        assert!(!is_whole(root));
        fs::write(root.join("jdk/lib/modules"), "modules").unwrap();
        assert!(is_whole(root));
        fs::remove_file(root.join("jdk/lib/none")).unwrap();
        assert!(!is_whole(root));

        fs::write(root.join("jdk/lib/none"), "").unwrap();
        fs::write(root.join("jdk/a b.jar"), "the jar").unwrap();
        fs::remove_file(root.join(NAME)).unwrap();
        write(root).unwrap();
        assert!(is_whole(root));
        fs::write(root.join("jdk/a b.jar"), "tha jar").unwrap();
        assert!(!is_whole(root), "a flipped byte");

        // What a power cut may leave of the note.
        for note in ["", "2 jdk/release\n", "\0\0\0"] {
            fs::write(root.join(NAME), note).unwrap();
            assert!(!is_whole(root), "{note}");
        }
    }
}
