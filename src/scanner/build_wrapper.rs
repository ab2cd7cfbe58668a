//! The build wrapper: a program of the server that watches a build of C, C++ or Objective-C.
//!
//! Contract: SonarQube's documentation page "Build Wrapper": the names and places of the archives, and the executables in
//! them. Servers publish no hash of it, so it is only as safe as the connection to the server.

use super::archive;
use super::platform::Platform;
use super::temporary::Temporary;
use crate::analysis::{Edition, ServerFacts};
use crate::error::{Error, Result};
use crate::http::{self, Client, Credentials, Download, Request};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// A build wrapper that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildWrapper {
    /// The folder with the executable.
    pub folder: PathBuf,
    /// The name of the executable.
    pub executable: String,
}

/// Downloads the build wrapper of the server at `base` and unpacks it into the new folder `into`.
///
/// # Errors
/// There is none for this platform, or on this server; it could not be downloaded or unpacked.
pub async fn fetch(
    client: &Client,
    base: &Url,
    credentials: Option<&Credentials>,
    server: &ServerFacts,
    platform: &Platform,
    into: &Path,
) -> Result<BuildWrapper> {
    let name = archive_name(platform).ok_or_else(|| {
        Error::new(format!("there is no build wrapper for {platform}"))
            .hint("Build on Linux (x64, aarch64), Windows or macOS, or remove the input buildWrapper.")
    })?;
    let mut url = base.clone();
    url.set_path(&format!("{}/static/cpp/{name}.zip", base.path().trim_end_matches('/')));
    let zip = into.with_extension("zip");
    let parent = into.parent().unwrap_or(into);
    let unwritable =
        |error: &std::io::Error| Error::new(format!("{} could not be written: {error}", into.display()));
    std::fs::create_dir_all(parent).map_err(|error| unwritable(&error))?;
    let request = Request::get(url).credentials(credentials);
    let download = Download { request, label: Some(name), to: Arc::new(zip.clone()), checksum: None };
    download.store(client).await.map_err(|error| {
        let failure = Error::new(format!("the build wrapper could not be downloaded: {error}"));
        match (error.kind, server.edition) {
            (http::ErrorKind::Status, Some(Edition::Community)) => failure.hint(
                "SonarQube Community Build does not include it. Remove the input buildWrapper: servers that analyse C, C++ and \
                 Objective-C have the AutoConfig mode, which needs no build wrapper.",
            ),
            (http::ErrorKind::Status, _) => {
                failure.hint("Remove the input buildWrapper: the AutoConfig mode of the analysis does not need it.")
            }
            _ => failure,
        }
    })?;
    let unpacking = Temporary::in_folder(parent, ".unpacking").map_err(|error| unwritable(&error))?;
    let unpacked = archive::unpack(zip, unpacking).await.map_err(|error| Error::new(error.to_string()))?;
    std::fs::rename(&unpacked, into).map_err(|error| unwritable(&error))?;
    find(into).ok_or_else(|| {
        Error::new(format!("the archive {name}.zip of the server does not hold a build wrapper"))
    })
}

fn archive_name(platform: &Platform) -> Option<&'static str> {
    match (platform.os.as_str(), platform.arch.as_str()) {
        ("linux" | "alpine", "x64") => Some("build-wrapper-linux-x86"),
        ("linux" | "alpine", "aarch64") => Some("build-wrapper-linux-aarch64"),
        ("macos", _) => Some("build-wrapper-macosx-x86"),
        ("windows", _) => Some("build-wrapper-win-x86"),
        _ => None,
    }
}

/// The executable of 64 bits: archives for x86 hold one of 32 bits and one of 64, whose name ends with `-64`.
fn find(unpacked: &Path) -> Option<BuildWrapper> {
    let folders = std::fs::read_dir(unpacked).ok()?.flatten().map(|entry| entry.path());
    let files = folders.flat_map(std::fs::read_dir).flatten().flatten().map(|entry| entry.path());
    let executables = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.to_owned();
        let is_program = matches!(name.rsplit_once('.'), None | Some((_, "exe")));
        (is_program && name.starts_with("build-wrapper-") && path.is_file()).then_some((name, path))
    });
    let (executable, path) = executables.max_by_key(|(name, _)| (name.contains("-64"), name.len()))?;
    Some(BuildWrapper { folder: path.parent()?.to_owned(), executable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_platform_has_its_archive() {
        for (os, arch, name) in [
            ("linux", "x64", Some("build-wrapper-linux-x86")),
            ("linux", "aarch64", Some("build-wrapper-linux-aarch64")),
            ("macos", "aarch64", Some("build-wrapper-macosx-x86")),
            ("windows", "x64", Some("build-wrapper-win-x86")),
            ("linux", "armv7l", None),
            ("freebsd", "x64", None),
        ] {
            assert_eq!(archive_name(&Platform { os: os.into(), arch: arch.into() }), name, "{os} {arch}");
        }
    }

    #[test]
    fn the_executable_of_64_bits_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()), None);
        let inner = folder.path().join("build-wrapper-linux-x86");
        std::fs::create_dir(&inner).unwrap();
        for name in
            ["build-wrapper-linux-x86-32", "build-wrapper-linux-x86-64", "libinterceptor-x86_64.so", "readme"]
        {
            std::fs::write(inner.join(name), "").unwrap();
        }
        let executable = "build-wrapper-linux-x86-64".to_owned();
        assert_eq!(find(folder.path()), Some(BuildWrapper { folder: inner, executable }));
    }
}
