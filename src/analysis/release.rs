//! Which release of SonarSource's scanners is run, where its archive is, and what it must hash to.

use super::server_facts::ServerFacts;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where SonarSource publishes the archives of the SonarScanner CLI.
const DISTRIBUTION: &str = "https://binaries.sonarsource.com/Distribution/sonar-scanner-cli";

/// Releases of the SonarScanner CLI with the SHA-256 of their platform-less archives: those without a Java
/// runtime, `sonar-scanner-cli-<version>.zip`, as published to Maven Central under
/// `org.sonarsource.scanner.cli`.
const RELEASES: &[(&str, &str)] = &[
    ("4.7.0.2747", "8e116018669ac97cab0555d17145f6de9f0d8ab7a2521b378a19388d0625ec55"),
    ("5.0.1.3006", "817802ab3a476f739192d6c10504285e24e9224a0fbe2a518bb938ff88b7ea81"),
    ("6.2.1.4610", "d45e09eecb2fe867ce7548be59d54317192c79944ef7e54c691423c832a8208f"),
    ("7.0.2.4839", "ef72465a66f519e5da9f1d0731de073d35755a9893591cae4821faebb6e58dd8"),
    ("7.1.0.4889", "491ff8c3502742cf67e5566b0f7c4329f375c31e836cdd7e0b202551bbc3f27b"),
    ("7.2.0.5079", "30d80b37c8f4be1254b6c43ec8c64291798d97a710c28475958b5e2f10809fe1"),
    ("7.3.0.5189", "a251d0793cb6bd889e4fd30299bb5dc4e07433e57133b16fc227aca98f8d2c2d"),
    ("8.0.1.6346", "8fbfb1eb546b734a60fc3e537108f06e389a8ca124fbab3a16236a8a51edcc15"),
    ("8.1.0.6389", "ab76ab3c360025e9108be5b55be066f304a164f8b2850d2f2f333915db51bc1b"),
];

/// A release of a scanner and its archive.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScannerRelease {
    /// The full version, such as `5.0.1.3006`.
    pub version: String,
    /// Lower-case hex SHA-256 of the archive.
    pub sha256: String,
    /// Where the archive is: an `http:` or `https:` URL, or a path. Empty in a record that must not say it, see
    /// [`Self::withhold`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub archive: String,
}

impl fmt::Debug for ScannerRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The archive's URL may hold a password.
        f.debug_struct("ScannerRelease").field("version", &self.version).finish_non_exhaustive()
    }
}

impl ScannerRelease {
    /// Takes the archive's location out if it may hold a password or a key: records hold no secret.
    pub fn withhold(&mut self) -> Option<String> {
        self.archive.contains(['@', '?']).then(|| std::mem::take(&mut self.archive))
    }
}

/// What the inputs say about the scanner to run.
#[derive(Clone, Copy, Default)]
pub(crate) struct ReleaseWish<'a> {
    /// `cliScannerVersion` or `dotnetScannerVersion`.
    pub(crate) version: Option<&'a str>,
    /// `scannerDownloadUrl`: the archive, or the folder it lies in; a URL or a path.
    pub(crate) download: Option<&'a str>,
    /// `cliScannerSha256` or `dotnetScannerSha256`.
    pub(crate) sha256: Option<&'a str>,
}

/// Why there is no release to run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReleaseError {
    /// The version is not a list of numbers.
    #[error("cliScannerVersion {0:?} is not a version number. Use all four parts, such as 8.1.0.6389.")]
    Version(String),
    /// The hash is not a SHA-256.
    #[error("cliScannerSha256 {0:?} is not a SHA-256. Use its 64 hexadecimal digits.")]
    Sha256(String),
    /// The archive's hash is neither given nor among [`RELEASES`].
    #[error(
        "the SHA-256 of SonarScanner CLI {version} is not known. Set cliScannerSha256 to the SHA-256 of the archive, or set \
         cliScannerVersion to one of: {known}."
    )]
    UnknownHash { version: String, known: String },
}

impl ReleaseWish<'_> {
    /// The SonarScanner CLI to run: the version the user names, or one that works with a server that does not hand out a
    /// scanner engine. `None`: the server's engine is run.
    ///
    /// # Errors
    /// The version or the hash is not valid, or the hash is not known.
    pub(crate) fn cli_for(&self, server: &ServerFacts) -> Result<Option<ScannerRelease>, ReleaseError> {
        let version = match self.version {
            Some(version) => full_version(version)?,
            None if server.has_engine_provisioning() => return Ok(None),
            None => self.download.and_then(version_in_name).unwrap_or_else(|| default_version(server)),
        };
        let sha256 = match self.given_sha256()? {
            Some(sha256) => sha256,
            None => RELEASES
                .iter()
                .find(|(known, _)| *known == version)
                .map(|(_, sha256)| (*sha256).to_owned())
                .ok_or_else(|| ReleaseError::UnknownHash {
                    version: version.to_owned(),
                    known: known_versions(),
                })?,
        };
        let archive = self.archive(DISTRIBUTION, &format!("sonar-scanner-cli-{version}.zip"));
        Ok(Some(ScannerRelease { version: version.to_owned(), sha256, archive }))
    }

    fn given_sha256(&self) -> Result<Option<String>, ReleaseError> {
        match self.sha256 {
            Some(sha256) if is_sha256(sha256) => Ok(Some(sha256.to_ascii_lowercase())),
            Some(other) => Err(ReleaseError::Sha256(other.to_owned())),
            None => Ok(None),
        }
    }

    /// Where the archive is: the archive the user names, or `name` in the folder the user names, or in `distribution`.
    pub(super) fn archive(&self, distribution: &str, name: &str) -> String {
        let download = self.download.unwrap_or(distribution);
        let (place, query) = download.split_at(end_of_path(download));
        if is_archive(place) {
            return download.to_owned();
        }
        format!("{}/{name}{query}", place.trim_end_matches(['/', '\\']))
    }
}

/// 4.7 needs Java 8 and so runs with every Java that servers before 10.4 accept. From 10.4 on the server needs Java 17, as
/// 5.0 does.
fn default_version(server: &ServerFacts) -> &'static str {
    if server.oldest_java() < 17 { "4.7.0.2747" } else { "5.0.1.3006" }
}

/// The full version. The first numbers of a known release stand for the newest release that begins with them.
fn full_version(version: &str) -> Result<&str, ReleaseError> {
    let numbers =
        version.split('.').filter(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if numbers.count() != version.split('.').count() {
        return Err(ReleaseError::Version(version.to_owned()));
    }
    let begins = |known: &str| known.strip_prefix(version).is_some_and(|rest| rest.starts_with('.'));
    Ok(RELEASES.iter().rev().map(|(known, _)| *known).find(|known| begins(known)).unwrap_or(version))
}

/// The version in `.../sonar-scanner-cli-5.0.1.3006-linux.zip`.
fn version_in_name(archive: &str) -> Option<&str> {
    let archive = &archive[..end_of_path(archive)];
    let rest = &archive[archive.rfind("sonar-scanner-cli-")? + "sonar-scanner-cli-".len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let version = rest[..end].trim_end_matches('.');
    (is_archive(archive) && version.split('.').count() == 4).then_some(version)
}

/// Where the query of a URL begins, which may hold the key to a mirror; a path has none.
fn end_of_path(location: &str) -> usize {
    location.find('?').filter(|_| location.starts_with("http")).unwrap_or(location.len())
}

fn is_archive(location: &str) -> bool {
    location.to_ascii_lowercase().ends_with(".zip")
}

pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn known_versions() -> String {
    RELEASES.iter().map(|(version, _)| *version).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{ServerKind, ServerVersion};

    fn server(version: &str) -> ServerFacts {
        ServerFacts {
            kind: ServerKind::Server,
            version: ServerVersion::parse(version).unwrap(),
            edition: None,
            branch_support: false,
        }
    }

    #[test]
    fn the_engine_is_run_where_the_server_has_one_and_nothing_is_pinned() {
        for (server_version, pinned, expected) in [
            ("26.9", None, None),
            ("10.6", None, None),
            ("10.5", None, Some("5.0.1.3006")),
            ("10.4", None, Some("5.0.1.3006")),
            ("10.3", None, Some("4.7.0.2747")),
            ("9.9.8", None, Some("4.7.0.2747")),
            ("8.9", None, Some("4.7.0.2747")),
            ("26.9", Some("8.1.0.6389"), Some("8.1.0.6389")),
            ("9.9.8", Some("5.0.1"), Some("5.0.1.3006")),
            ("9.9.8", Some("8"), Some("8.1.0.6389")),
        ] {
            let wish = ReleaseWish { version: pinned, ..Default::default() };
            let release = wish.cli_for(&server(server_version)).unwrap();
            assert_eq!(
                release.as_ref().map(|release| release.version.as_str()),
                expected,
                "{server_version} {pinned:?}"
            );
            if let Some(release) = release {
                assert_eq!(
                    release.archive,
                    format!("{DISTRIBUTION}/sonar-scanner-cli-{}.zip", release.version)
                );
                assert!(is_sha256(&release.sha256));
            }
        }
    }

    #[test]
    fn archives_come_from_where_the_user_says() {
        let hash = "AB".repeat(32);
        for (download, archive, version) in [
            (
                "https://mirror.example/x/",
                "https://mirror.example/x/sonar-scanner-cli-4.7.0.2747.zip",
                "4.7.0.2747",
            ),
            ("file:///srv/scanners", "file:///srv/scanners/sonar-scanner-cli-4.7.0.2747.zip", "4.7.0.2747"),
            ("tools/cli.ZIP", "tools/cli.ZIP", "4.7.0.2747"),
            (
                "https://mirror.example/x/?key=a/b",
                "https://mirror.example/x/sonar-scanner-cli-4.7.0.2747.zip?key=a/b",
                "4.7.0.2747",
            ),
            (
                "https://mirror.example/sonar-scanner-cli-6.1.0.4477.zip?key=a",
                "https://mirror.example/sonar-scanner-cli-6.1.0.4477.zip?key=a",
                "6.1.0.4477",
            ),
            ("what?/x", "what?/x/sonar-scanner-cli-4.7.0.2747.zip", "4.7.0.2747"),
            (
                "/srv/sonar-scanner-cli-6.1.0.4477-linux-x64.zip",
                "/srv/sonar-scanner-cli-6.1.0.4477-linux-x64.zip",
                "6.1.0.4477",
            ),
        ] {
            let wish = ReleaseWish { download: Some(download), sha256: Some(&hash), version: None };
            let release = wish.cli_for(&server("9.9")).unwrap().unwrap();
            assert_eq!((release.archive.as_str(), release.version.as_str()), (archive, version));
            assert_eq!(release.sha256, "ab".repeat(32));
        }
    }

    #[test]
    fn a_record_keeps_the_release_and_no_secret_url() {
        let wish = ReleaseWish { download: Some("my archives/x.zip"), ..Default::default() };
        let release = wish.cli_for(&server("9.9")).unwrap().unwrap();
        let kept = |release: &ScannerRelease| -> ScannerRelease {
            serde_json::from_str(&serde_json::to_string(release).unwrap()).unwrap()
        };
        assert_eq!(kept(&release), release);
        assert_eq!(release.clone().withhold(), None);
        for archive in ["https://joe:hush/1@mirror.example/x.zip", "https://mirror.example/x.zip?key=hush"] {
            let mut release = ScannerRelease { archive: archive.to_owned(), ..release.clone() };
            assert_eq!(release.withhold().as_deref(), Some(archive));
            let text = serde_json::to_string(&release).unwrap();
            assert!(!text.contains("hush") && !text.contains("archive"), "{text}");
            assert_eq!((kept(&release).version, kept(&release).archive), (release.version, String::new()));
        }
    }

    #[test]
    fn mistakes_in_the_inputs_are_named() {
        let error = |version: Option<&str>, sha256: Option<&str>| {
            let wish = ReleaseWish { version, sha256, download: None };
            wish.cli_for(&server("9.9")).unwrap_err().to_string()
        };
        assert!(error(Some("latest"), None).starts_with("cliScannerVersion \"latest\" is not"));
        assert!(error(Some("../5.0"), None).contains("is not a version number"));
        assert!(error(Some("5..0"), None).contains("is not a version number"));
        assert!(error(None, Some("12")).starts_with("cliScannerSha256 \"12\" is not a SHA-256"));
        let unknown = error(Some("4.8.1.3023"), None);
        assert!(unknown.starts_with("the SHA-256 of SonarScanner CLI 4.8.1.3023 is not known"), "{unknown}");
        assert!(unknown.ends_with("8.0.1.6346, 8.1.0.6389."), "{unknown}");
    }
}
