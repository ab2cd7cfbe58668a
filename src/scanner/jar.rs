//! Which Java a jar needs.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

/// Far above any manifest.
const LONGEST_MANIFEST: u64 = 1 << 20;

/// The Java that a jar needs, by the class files in the package of its main class; `None` if they cannot be read. The main
/// class alone is not enough: that of the scanner engine is built for an older Java, so that it can say that it needs a
/// newer one.
///
/// Contract: the JAR File Specification (`Main-Class`), and the class file format: eight bytes, the
/// last two of which are the major version, 44 above the version of Java.
pub fn java_needed(jar: &Path) -> Option<u32> {
    let mut archive = zip::ZipArchive::new(BufReader::new(File::open(jar).ok()?)).ok()?;
    let mut manifest = String::new();
    let entry = archive.by_name("META-INF/MANIFEST.MF").ok()?;
    entry.take(LONGEST_MANIFEST).read_to_string(&mut manifest).ok()?;
    let main_class = main_class(&manifest)?.replace('.', "/");
    let package = &main_class[..=main_class.rfind('/')?];
    let is_of_package = |name: &str| {
        let class = name.strip_prefix(package).and_then(|name| name.strip_suffix(".class"));
        class.is_some_and(|class| !class.contains('/'))
    };
    let of_package: Vec<_> = archive
        .file_names()
        .flatten()
        .filter(|name| is_of_package(name))
        .map(std::borrow::Cow::into_owned)
        .collect();
    let java_of = |class: String| {
        let mut header = [0; 8];
        archive.by_name(&class).ok()?.read_exact(&mut header).ok()?;
        java_of_class(header)
    };
    of_package.into_iter().filter_map(java_of).max()
}

/// The value of `Main-Class`. A line that starts with a space continues the one before it.
fn main_class(manifest: &str) -> Option<String> {
    let mut lines = manifest.lines().skip_while(|line| !line.starts_with("Main-Class:"));
    let mut class = lines.next()?.strip_prefix("Main-Class:")?.trim().to_owned();
    lines.map_while(|line| line.strip_prefix(' ')).for_each(|more| class.push_str(more.trim_end()));
    Some(class)
}

fn java_of_class(header: [u8; 8]) -> Option<u32> {
    let [0xca, 0xfe, 0xba, 0xbe, _, _, high, low] = header else { return None };
    u32::from(u16::from_be_bytes([high, low])).checked_sub(44).filter(|java| *java > 0)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::io::Write as _;

    /// A jar whose main class needs Java 8, and another class of its package this Java.
    pub(in crate::scanner) fn jar(path: &Path, java: u16) {
        let mut jar = zip::ZipWriter::new(File::create(path).unwrap());
        let mut add = |name: &str, content: &[u8]| {
            jar.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            jar.write_all(content).unwrap();
        };
        add(
            "META-INF/MANIFEST.MF",
            b"Manifest-Version: 1.0\r\nMain-Class: org.example.a.very.long.na\r\n me.Main\r\nX: y\r\n",
        );
        let class = |java: u16| {
            [&[0xca, 0xfe, 0xba, 0xbe, 0, 0], (java + 44).to_be_bytes().as_slice(), b"the rest"].concat()
        };
        add("org/example/Other.class", &class(99));
        add("org/example/a/very/long/name/of/Another.class", &class(99));
        add("META-INF/versions/99/org/example/a/very/long/name/Work.class", &class(99));
        add("org/example/a/very/long/name/Main.class", &class(8));
        add("org/example/a/very/long/name/Work.class", &class(java));
        add("org/example/a/very/long/name/text.txt", b"text");
        jar.finish().unwrap();
    }

    #[test]
    fn a_jar_says_which_java_it_needs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jar");
        for java in [8, 17, 21, 25] {
            jar(&path, java);
            assert_eq!(java_needed(&path), Some(java.into()));
        }
    }

    #[test]
    fn what_is_no_jar_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.jar");
        assert_eq!(java_needed(&path), None);
        std::fs::write(&path, "no jar").unwrap();
        assert_eq!(java_needed(&path), None);
        assert_eq!(java_of_class(*b"notclass"), None);
        assert_eq!(java_of_class([0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 44]), None);
        assert_eq!(main_class("A: b\n"), None);
    }
}
