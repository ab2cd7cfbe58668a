use super::*;
use std::io::Write as _;
use tempfile::TempDir;

struct Case {
    folder: TempDir,
    archive: PathBuf,
}

impl Case {
    fn new(file_name: &str, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join(file_name);
        std::fs::write(&archive, content).unwrap();
        Self { folder, archive }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("tree/into")
    }

    async fn unpack(&self) -> Result<PathBuf, String> {
        unpack(self.archive.clone(), self.target()).await.map_err(|error| error.to_string())
    }

    /// Unpacking fails for the reason given, and nothing was written beside the target.
    async fn is_refused(&self, why: &str) {
        let error = self.unpack().await.unwrap_err();
        assert!(error.contains(why), "{error}");
        assert_eq!(std::fs::read_dir(self.folder.path()).unwrap().count(), 2, "{why}");
        assert_eq!(std::fs::read_dir(self.folder.path().join("tree")).unwrap().count(), 1, "{why}");
    }
}

type Entry<'a> = (tar::EntryType, &'a str, &'a str, &'a [u8]);

use tar::EntryType::{Directory, Link, Regular, Symlink};

/// A `.tar.gz`; names are written as they are, which tar's own builder refuses for hostile ones.
fn tar_gz(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (kind, name, link, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_mode(if *kind == Directory { 0o755 } else { 0o4777 });
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.set_cksum();
        builder.append(&header, *content).unwrap();
    }
    gzip(&builder.into_inner().unwrap())
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn tar_case(entries: &[Entry<'_>]) -> Case {
    Case::new("x.tar.gz", &tar_gz(entries))
}

fn zip_case(write: impl FnOnce(&mut zip::ZipWriter<io::Cursor<Vec<u8>>>)) -> Case {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    write(&mut writer);
    Case::new("x.zip", &writer.finish().unwrap().into_inner())
}

fn options() -> zip::write::SimpleFileOptions {
    zip::write::SimpleFileOptions::default()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[cfg(unix)]
#[tokio::test]
async fn a_tar_with_folders_links_and_modes_is_unpacked() {
    let case = tar_case(&[
        (Directory, "./jre/", "", b""),
        (Regular, "./jre/bin/java", "", b"elf"),
        (Link, "jre/bin/java2", "jre/bin/java", b""),
        (Symlink, "jre/legal/a/LICENSE", "../base/LICENSE", b""),
        (Regular, "jre/legal/base/LICENSE", "", b"free"),
        (Symlink, "current", "jre", b""),
    ]);
    let into = case.unpack().await.unwrap();
    assert_eq!(std::fs::read(into.join("current/legal/a/LICENSE")).unwrap(), b"free");
    assert_eq!(std::fs::read(into.join("jre/bin/java2")).unwrap(), b"elf");
    assert_eq!(mode(&into.join("jre/bin/java")), 0o755, "no setuid, nobody else may write");
    assert_eq!(std::fs::read_link(into.join("current")).unwrap(), Path::new("jre"));
}

#[cfg(unix)]
#[tokio::test]
async fn a_zip_with_links_and_modes_is_unpacked() {
    let case = zip_case(|zip| {
        zip.add_directory("jre/", options()).unwrap();
        zip.start_file("jre/bin/java", options().unix_permissions(0o755)).unwrap();
        zip.write_all(b"elf").unwrap();
        zip.start_file("jre\\doc\\r\u{e9}adme", options().unix_permissions(0o644)).unwrap();
        zip.add_symlink("jre/java", "bin/java", options()).unwrap();
    });
    let into = case.unpack().await.unwrap();
    assert_eq!(std::fs::read(into.join("jre/java")).unwrap(), b"elf");
    assert_eq!(mode(&into.join("jre/bin/java")), 0o755);
    assert_eq!(mode(&into.join("jre/doc/réadme")), 0o644);
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_folder_is_refused() {
    for name in ["../x", "a/../../x", "/x", "..\\x", "a\\..\\..\\x", "C:\\x", "C:x", "\\\\host\\x", "a/.."] {
        tar_case(&[(Regular, name, "", b"!")]).is_refused("outside of the folder").await;
        tar_case(&[(Directory, name, "", b"")]).is_refused("outside of the folder").await;
        zip_case(|zip| zip.start_file(name, options()).unwrap()).is_refused("outside of the folder").await;
    }
}

#[tokio::test]
async fn a_link_that_leads_out_of_the_folder_is_refused() {
    for target in ["/etc/passwd", "../x", "a/../../x", "..", "C:\\x", "a/.."] {
        tar_case(&[(Symlink, "link", target, b"")]).is_refused("out of the folder").await;
        tar_case(&[(Link, "link", target, b"")]).is_refused("out of the folder").await;
        zip_case(|zip| zip.add_symlink("link", target, options()).unwrap())
            .is_refused("out of the folder")
            .await;
    }
    tar_case(&[(Symlink, "a/b/link", "../../../x", b"")]).is_refused("out of the folder").await;
}

#[cfg(unix)]
#[tokio::test]
async fn links_that_lead_out_of_the_folder_together_are_refused() {
    // `sub/up` is the root itself: what is above it is outside, though `sub/up/..` looks like `sub`.
    tar_case(&[(Symlink, "sub/up", "..", b""), (Symlink, "out", "sub/up/..", b"")])
        .is_refused("out of the folder")
        .await;
    // A file or a link that would be written through a link.
    tar_case(&[(Symlink, "here", ".", b""), (Regular, "here/x", "", b"!")]).is_refused("here").await;
    tar_case(&[(Symlink, "here", ".", b""), (Symlink, "here/up", "..", b"")]).is_refused("here").await;
    tar_case(&[(Symlink, "x", "y", b""), (Link, "z", "x", b"")]).is_refused("z").await;
}

#[tokio::test]
async fn a_name_that_occurs_twice_is_refused() {
    tar_case(&[(Regular, "x", "", b"1"), (Regular, "x", "", b"2")]).is_refused("x").await;
    tar_case(&[(Symlink, "x", "a", b""), (Symlink, "x", "b", b"")]).is_refused("twice").await;
}

#[tokio::test]
async fn a_device_is_refused() {
    for kind in [tar::EntryType::Char, tar::EntryType::Block, tar::EntryType::Fifo] {
        tar_case(&[(kind, "dev", "", b"")]).is_refused("neither file, folder nor link").await;
    }
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    writer.start_file("dev", options().unix_permissions(0o644)).unwrap();
    let mut bytes = writer.finish().unwrap().into_inner();
    // The external attributes in the central directory (APPNOTE 4.3.12) hold the Unix mode: now of a fifo.
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[directory + 40..directory + 42].copy_from_slice(&0o010_644_u16.to_le_bytes());
    Case::new("x.zip", &bytes).is_refused("neither file, folder nor link").await;
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let stopped = AtomicBool::new(false);
    let content = [0; 5000];
    for case in [
        tar_case(&[(Regular, "a", "", &content), (Regular, "b", "", &content)]),
        zip_case(|zip| {
            for name in ["a", "b"] {
                zip.start_file(name, options()).unwrap();
                zip.write_all(&content).unwrap();
            }
        }),
    ] {
        let error = unpack_within(9_999, &case.archive, &case.target(), &stopped).unwrap_err();
        assert!(error.to_string().contains("too much"), "{error}");
        unpack_within(10_000, &case.archive, &case.folder.path().join("whole"), &stopped).unwrap();
    }
    assert_eq!(most_bytes(1000), 1024 * 1024);
    assert_eq!(most_bytes(10_000_000), 200_000_000);
}

#[tokio::test]
async fn an_archive_that_would_fill_the_disk_is_refused() {
    let zeros = vec![0; 4 << 20];
    tar_case(&[(Regular, "a", "", &zeros)]).is_refused("too much").await;
    let zip = zip_case(|zip| {
        zip.start_file("a", options()).unwrap();
        zip.write_all(&zeros).unwrap();
    });
    zip.is_refused("too much").await;
}

#[test]
fn headers_that_unpack_to_too_much_are_refused() {
    // A name as long as this stream is memory that nobody counted as content.
    let stream = io::repeat(b'x').take(100);
    let mut bounded = Bounded { stream, left: 99 };
    assert!(io::copy(&mut bounded, &mut io::sink()).unwrap_err().to_string().contains("too much"));
}

#[tokio::test]
async fn a_file_that_is_not_an_archive_is_refused() {
    let whole = tar_gz(&[(Regular, "x", "", &[7; 5000])]);
    Case::new("x.tar.gz", &whole[..whole.len() / 2]).is_refused("could not be unpacked").await;
    Case::new("x.zip", b"<html>").is_refused("could not be unpacked").await;
    Case::new("x.rar", b"").is_refused("neither with .tar.gz nor with .zip").await;
}

#[tokio::test]
async fn unpacking_stops_when_its_future_is_dropped() {
    let case = tar_case(&[(Regular, "x", "", b"1")]);
    let error = unpack_now(&case.archive, &case.target(), &AtomicBool::new(true)).unwrap_err();
    assert!(error.to_string().contains("cancelled"), "{error}");
}
