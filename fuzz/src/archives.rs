//! Archives.

use flate2::Compression;
use flate2::write::GzEncoder;
use sonar_azdo::scanner::archive::unpack;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

const UNTOUCHED: &str = "nobody may change this";

/// Archives: nothing is made outside of the folder asked for, no link leads out of it, and no more comes out than the
/// size of the archive allows. The first byte says whether the rest is a `.zip`, a `.tar.gz`, what a `.tar.gz` holds,
/// or lines that describe the entries of one.
pub fn archives(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (name, content) = match kind % 4 {
        0 => ("a.zip", rest.to_vec()),
        1 => ("a.tar.gz", rest.to_vec()),
        2 => ("a.tar.gz", compressed(rest)),
        _ => ("a.tar.gz", compressed(&described(rest))),
    };
    let size = content.len() as u64;
    let folder = tempfile::tempdir().unwrap();
    let (archive, into) = (folder.path().join(name), folder.path().join("into"));
    let outside = folder.path().join("outside");
    fs::write(&archive, content).unwrap();
    fs::write(&outside, UNTOUCHED).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Err(error) = runtime.block_on(unpack(archive, into.clone())) {
        // A panic on another thread comes as an error.
        assert!(!error.to_string().contains("panicked"), "{error}");
    }
    drop(runtime);
    let mut names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.retain(|found| found != "into");
    names.sort();
    assert_eq!(names, [name, "outside"]);
    assert_eq!(fs::read_to_string(&outside).unwrap(), UNTOUCHED);
    assert_eq!(fs::metadata(&outside).unwrap().nlink(), 1);
    let mut total = 0;
    if let Ok(root) = into.canonicalize() {
        walk(&root, &into, &mut total);
    }
    assert!(total <= size.saturating_mul(20).max(1024 * 1024), "{total} bytes of {size}");
}

/// Adds up the bytes of all files, and follows links.
fn walk(root: &Path, folder: &Path, total: &mut u64) {
    for path in fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_symlink() {
            let target = path.canonicalize();
            assert!(
                target.as_ref().is_ok_and(|target| target.starts_with(root)) || target.is_err(),
                "{path:?}"
            );
            let lexical = fs::read_link(&path).unwrap();
            assert!(lexical.is_relative(), "{path:?} -> {lexical:?}");
        } else if metadata.is_dir() {
            walk(root, &path, total);
        } else {
            assert!(metadata.is_file(), "{path:?}");
            *total += metadata.len();
        }
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A tar archive of an entry a line: the type's letter of tar's format, a name, and after a space what a link leads to
/// or what a file holds.
fn described(bytes: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let mut parts = line[1..].splitn(2, |byte| *byte == b' ');
        let (name, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::new(line[0]));
        header.set_mode(0o644);
        let old = header.as_old_mut();
        let is_file = line[0] == b'0';
        for (place, text) in [(&mut old.name, name), (&mut old.linkname, if is_file { &[] } else { rest })] {
            let length = text.len().min(place.len());
            place[..length].copy_from_slice(&text[..length]);
        }
        let content = if is_file { rest } else { &[] };
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, content).unwrap();
    }
    archive.into_inner().unwrap()
}
