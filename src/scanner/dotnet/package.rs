//! Is each file that runs the one of the verified package?
//!
//! Contract: NuGet unpacks `tools/` of a package as it is, by names in percent-encoding, and keeps the package beside it.

use crate::analysis::dotnet_scanner::{PACKAGE, PackageCheck, ToolVersion};
use crate::analysis::xml::text_at;
use crate::http;
use crate::scanner::archive::inside;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// The files of a package or archive that were unpacked to a folder, from which they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnpackedPackage {
    /// The package or archive.
    pub(super) package: PathBuf,
    /// The folder with its files.
    pub(super) folder: PathBuf,
    /// The folder in the package that the files come from, with a slash at its end; empty for the whole package.
    pub(super) part: &'static str,
}

impl UnpackedPackage {
    /// Checks that the package is `expected` (except for a signature), and that the folder holds exactly the files of the
    /// package: .NET would load an additional file beside a program, too. Returns the SHA-256 of the package.
    pub(super) async fn inspect(&self, expected: &PackageCheck) -> io::Result<String> {
        let (this, expected) = (self.clone(), expected.clone());
        http::blocking(move || this.inspect_now(&expected)).await
    }

    fn inspect_now(&self, expected: &PackageCheck) -> io::Result<String> {
        let content = fs::read(&self.package)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.package.display())))?;
        let sha256 = http::hex(&Sha256::digest(&content));
        // Only the file name: the folder of a package that was just installed is removed before anybody reads this.
        let package = self.package.file_name().unwrap_or_default().display();
        match expected {
            PackageCheck::Sha256(given) if *given != sha256 => {
                return Err(refuse(format!("{package} has the SHA-256 {sha256}, but {given} was expected")));
            }
            PackageCheck::Sha512(known) => {
                let sha512 = STANDARD.encode(Sha512::digest(&content));
                if sha512 != *known {
                    return Err(refuse(format!(
                        "{package} is not the package that SonarSource published: its SHA-512 is {sha512}, but {known} was \
                         expected"
                    )));
                }
            }
            PackageCheck::Sha256(_) | PackageCheck::Signed => {}
        }
        self.compare(&mut ZipArchive::new(Cursor::new(content.as_slice()))?)?;
        Ok(sha256)
    }

    fn compare(&self, archive: &mut ZipArchive<Cursor<&[u8]>>) -> io::Result<()> {
        let mut files = BTreeSet::new();
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index)?;
            let name = decoded(entry.name_raw());
            let Some(name) = name.as_deref().and_then(|name| name.strip_prefix(self.part)) else { continue };
            if entry.is_dir() {
                continue;
            }
            let file =
                inside(name).ok_or_else(|| refuse(format!("its entry {name:?} leads out of the package")))?;
            let path = self.folder.join(&file);
            if !is_same(&path, entry.size(), &mut entry)
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?
            {
                return Err(refuse(format!("{} is not the file of the package", path.display())));
            }
            files.insert(file);
        }
        match first_other_file(&self.folder, Path::new(""), &files)? {
            Some(other) => {
                Err(refuse(format!("{} does not belong to the package", self.folder.join(other).display())))
            }
            None => Ok(()),
        }
    }

    /// The path of the scanner's program for the newest .NET in the folder.
    pub(super) fn program(&self) -> io::Result<PathBuf> {
        let archive = ZipArchive::new(BufReader::new(File::open(&self.package)?))?;
        let frameworks = archive.file_names().filter_map(|name| {
            let name = name.ok()?;
            let framework = name.strip_prefix(self.part)?.strip_suffix("/any/SonarScanner.MSBuild.dll")?;
            Some((framework_version(framework)?, framework.to_owned()))
        });
        let (_, framework) = frameworks.max().ok_or_else(|| {
            refuse(format!("{} does not contain SonarScanner.MSBuild.dll", self.package.display()))
        })?;
        Ok(self.folder.join(framework).join("any/SonarScanner.MSBuild.dll"))
    }

    /// Whether the package is this version of the tool, by its own manifest: the signature of the author is on all versions and
    /// on other packages, too.
    pub(super) fn is_version(&self, version: ToolVersion) -> io::Result<bool> {
        let mut archive = ZipArchive::new(BufReader::new(File::open(&self.package)?))?;
        let mut manifest = String::new();
        archive.by_name(&format!("{PACKAGE}.nuspec"))?.take(1024 * 1024).read_to_string(&mut manifest)?;
        let value = |name: &str| text_at(&manifest, &["package", "metadata", name]);
        Ok(value("id").is_some_and(|id| id.trim().eq_ignore_ascii_case(PACKAGE))
            && value("version").and_then(|text| ToolVersion::parse(text.trim())) == Some(version))
    }
}

/// A number that grows with the version of .NET: `netcoreapp3.1` is older than `net8.0`. `None` for other frameworks.
fn framework_version(framework: &str) -> Option<(bool, u32, u32)> {
    let (is_core, version) = match framework.strip_prefix("netcoreapp") {
        Some(version) => (true, version),
        None => (false, framework.strip_prefix("net")?),
    };
    let (major, minor) = version.split_once('.')?;
    Some((!is_core, major.parse().ok()?, minor.parse().ok()?))
}

/// The name of an entry, in which packages write some characters as `%20`; `None` if it is not UTF-8.
fn decoded(name: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((first, others)) = rest.split_first() {
        let hex = (*first == b'%').then(|| others.get(..2)).flatten();
        let letter = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(letter.unwrap_or(*first));
        rest = if letter.is_some() { &others[2..] } else { others };
    }
    String::from_utf8(bytes).ok()
}

/// Whether `path` is a file (not a link) with this content.
fn is_same(path: &Path, size: u64, content: &mut dyn Read) -> io::Result<bool> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_file() || metadata.len() != size {
        return Ok(false);
    }
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    // An entry may unpack to more than the size that it announces.
    content.take(size.saturating_add(1)).read_to_end(&mut expected)?;
    File::open(path)?.read_to_end(&mut found)?;
    Ok(expected == found)
}

/// A file or link in `folder` that is not among `files`.
fn first_other_file(root: &Path, folder: &Path, files: &BTreeSet<PathBuf>) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            if let Some(other) = first_other_file(root, &path, files)? {
                return Ok(Some(other));
            }
        } else if !files.contains(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn refuse(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests;
