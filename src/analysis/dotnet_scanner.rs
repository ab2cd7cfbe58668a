//! Which SonarScanner for .NET is run: a pure choice from what the server is, what the inputs say and what is installed.
//!
//! Which version works with which server was observed (12.1.0 and 11.3.0 on SonarQube 10.7 and 25.1) and, for versions
//! before 11, read in SonarSource's release notes.

use super::release::{ReleaseWish, ScannerRelease, is_sha256};
use super::server_facts::{ServerFacts, ServerKind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The NuGet package, which is the .NET tool of the same name.
pub const PACKAGE: &str = "dotnet-sonarscanner";

/// Where SonarSource publishes the archives of the SonarScanner for .NET, below their versions.
const ARCHIVES: &str = "https://github.com/SonarSource/sonar-scanner-msbuild/releases/download";

/// Versions whose package on the public gallery is known, by the SHA-512 of the whole file, in base64.
const KNOWN: &[(ToolVersion, &str)] = &[
    (
        ToolVersion([11, 3, 0]),
        "abta3b09UTqrrdpITMmk7uyUFDDcvmihpZukz59zyb6zyS3RpRnPDY4T7yIP+DAObhLB0LUF7vG9UTUua3cLlA==",
    ),
    (
        ToolVersion([12, 1, 0]),
        "knZxTbjbxOzJgJGE7a5OEGdiR5jANmfjdnOVQbWDxKvMKFG4X2Vd0Ju7cQpCf1zS3zkrBx/Z9uUgZo4VCXEAtw==",
    ),
];

/// The three numbers of a version of the tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToolVersion([u32; 3]);

impl ToolVersion {
    /// The first three numbers of a version: `11.2.1` of `11.2.1.137242`. `None` for any other text, such as `11` or
    /// `12.0.0-rc.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let parts: Vec<&str> = text.split('.').collect();
        if !(3..=4).contains(&parts.len()) || !parts.iter().all(|part| is_number(part)) {
            return None;
        }
        let number = |at: usize| parts[at].parse().ok();
        Some(Self([number(0)?, number(1)?, number(2)?]))
    }

    fn major(self) -> u32 {
        self.0[0]
    }

    /// The version for a server, unless the inputs or the agent have another one.
    pub fn for_server(server: &ServerFacts) -> Self {
        if takes_twelve(server) {
            Self([12, 1, 0])
        } else if server.has_engine_provisioning() {
            Self([11, 3, 0])
        } else {
            Self([10, 4, 1])
        }
    }

    /// Why a server can't take it; `None`: it can, or nobody tried.
    fn refusal(self, server: &ServerFacts) -> Option<&'static str> {
        match self.major() {
            12.. if !takes_twelve(server) => Some("Versions from 12 on need SonarQube 25.1, 2025.1 or later"),
            11 if !server.has_engine_provisioning() => Some(
                "Before SonarQube 10.6, version 11 downloads the SonarScanner CLI, which nothing verifies",
            ),
            _ => None,
        }
    }

    /// Whether an installed tool of this version is used for `server` unless the inputs name a version: it is known to
    /// work, and with a server that has its own scanner engine it runs that one.
    pub fn suits(self, server: &ServerFacts) -> bool {
        self.refusal(server).is_none() && (self.major() >= 11 || !server.has_engine_provisioning())
    }
}

fn takes_twelve(server: &ServerFacts) -> bool {
    server.kind == ServerKind::Cloud || server.version.at_least(25, 1)
}

impl fmt::Display for ToolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// What a package must be before anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// It has this SHA-256, in lower-case hexadecimal: the user says so.
    Sha256(String),
    /// It has this SHA-512, in base64: it is known.
    Sha512(&'static str),
    /// SonarSource has signed it as its author.
    Signed,
}

impl Expected {
    /// Of the package of `version`, where the user gives this SHA-256.
    pub fn of(version: ToolVersion, given: Option<&str>) -> Self {
        let known = || KNOWN.iter().find(|(known, _)| *known == version).map(|(_, sha512)| *sha512);
        match given {
            Some(sha256) => Self::Sha256(sha256.to_owned()),
            None => known().map_or(Self::Signed, Self::Sha512),
        }
    }
}

/// The `dotnet` in `PATH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DotnetHost {
    /// There is none.
    Absent,
    /// A runtime alone: it runs the scanner, but installs no tools.
    Runtime,
    /// An SDK.
    Sdk,
}

/// A tool that is installed on the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledTool {
    /// Its version.
    pub version: ToolVersion,
    /// Why it can't be trusted, if it can't.
    pub flaw: Option<String>,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// The installed tool at this place of the list.
    Installed(usize),
    /// The tool of this version, from the agent's tool cache or a NuGet feed.
    Package(ToolVersion, Expected),
    /// SonarSource's archive.
    Archive(ScannerRelease),
}

/// What runs, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What runs.
    pub plan: Plan,
    /// What and why, as one line.
    pub line: String,
}

/// Why nothing can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceError {
    /// `dotnetScannerVersion` does not hold three numbers.
    #[error(
        "the input dotnetScannerVersion is {0:?}, which is not a version of the SonarScanner for .NET. Write three \
         numbers, such as 12.1.0."
    )]
    Version(String),
    /// `dotnetScannerSha256` is not a SHA-256.
    #[error(
        "the input dotnetScannerSha256 is {0:?}, which is not a SHA-256. Write its 64 hexadecimal digits."
    )]
    Sha256(String),
    /// The server can't take that version.
    #[error(
        "the SonarScanner for .NET {version} does not work with {server}. {why}. Remove dotnetScannerVersion, or set it \
         to {instead}."
    )]
    Refused {
        /// The version.
        version: ToolVersion,
        /// The server, for people.
        server: String,
        /// Why.
        why: &'static str,
        /// The version for that server.
        instead: ToolVersion,
    },
    /// `PATH` holds no `dotnet`.
    #[error(
        "PATH holds no dotnet, which installs and runs the SonarScanner for .NET. Install the .NET SDK before \
         SonarPrepare, for example with the task UseDotNet@2{}.",
        if *archive_would_do { OR_ARCHIVE } else { "" }
    )]
    NoDotnet {
        /// Whether the archive runs without `dotnet`.
        archive_would_do: bool,
    },
    /// There is a runtime only.
    #[error(
        "the dotnet in PATH is a runtime without an SDK, so it can't install the SonarScanner for .NET. Install the \
         .NET SDK before SonarPrepare, for example with the task UseDotNet@2{OR_ARCHIVE}."
    )]
    NoSdk,
    /// An archive is to be run whose version or hash is not given.
    #[error(
        "scannerDownloadUrl leads to an archive of the SonarScanner for .NET, so {0} must be set as well: its version \
         with all four numbers, such as 12.1.0.146213, and the SHA-256 of the archive."
    )]
    Archive(&'static str),
}

const OR_ARCHIVE: &str = "; or set dotnetScannerVersion (all four numbers) and dotnetScannerSha256, and SonarSource's archive is run";

/// Chooses by the server, the inputs, the agent's `dotnet` and the tools that are installed, the preferred one first.
///
/// # Errors
/// Nothing can be run, or not what the inputs say.
pub fn choose(
    wish: &ReleaseWish<'_>,
    server: &ServerFacts,
    windows: bool,
    dotnet: DotnetHost,
    installed: &[InstalledTool],
) -> Result<Choice, ChoiceError> {
    let sha256 = match wish.sha256 {
        Some(sha256) if !is_sha256(sha256) => return Err(ChoiceError::Sha256(sha256.to_owned())),
        given => given.map(str::to_ascii_lowercase),
    };
    let text = wish.version.or_else(|| version_in_name(wish.download?));
    let pinned = text
        .map(|text| ToolVersion::parse(text).ok_or_else(|| ChoiceError::Version(text.to_owned())))
        .transpose()?;
    let of_server = format!("{} {}", server.product(), server.version);
    if let Some(version) = pinned
        && let Some(why) = version.refusal(server)
    {
        let instead = ToolVersion::for_server(server);
        return Err(ChoiceError::Refused { version, server: of_server, why, instead });
    }
    if wish.download.is_none() {
        let is_right = |tool: &InstalledTool| match pinned {
            Some(version) => tool.version == version,
            None => tool.version.suits(server),
        };
        let why = match pinned {
            Some(_) => "dotnetScannerVersion names it".to_owned(),
            None => format!("it works with {of_server}"),
        };
        if let Some(at) = installed.iter().position(|tool| tool.flaw.is_none() && is_right(tool)) {
            let line = format!(
                "SonarScanner for .NET {}: the tool installed on this agent, because {why}",
                installed[at].version
            );
            return Ok(Choice { plan: Plan::Installed(at), line });
        }
        if dotnet == DotnetHost::Sdk {
            let version = pinned.unwrap_or_else(|| ToolVersion::for_server(server));
            let mut line = match pinned {
                Some(_) => format!("SonarScanner for .NET {version}, because {why}"),
                None => format!("SonarScanner for .NET {version}, the version for {of_server}"),
            };
            for tool in installed {
                line.push_str(&unused(tool, pinned));
            }
            let expected = Expected::of(version, sha256.as_deref());
            return Ok(Choice { plan: Plan::Package(version, expected), line });
        }
    }
    if dotnet == DotnetHost::Absent && !windows {
        return Err(ChoiceError::NoDotnet { archive_would_do: false });
    }
    let (text, sha256) = match (text, sha256) {
        (Some(text), Some(sha256)) => (text, sha256),
        (text, sha256) if wish.download.is_some() => {
            return Err(ChoiceError::Archive(missing(text.is_some(), sha256.is_some())));
        }
        _ if dotnet == DotnetHost::Absent => return Err(ChoiceError::NoDotnet { archive_would_do: true }),
        _ => return Err(ChoiceError::NoSdk),
    };
    let kind = if windows { "net-framework" } else { "net" };
    let name = format!("sonar-scanner-{text}-{kind}.zip");
    let archive = wish.archive(&format!("{ARCHIVES}/{text}"), &name);
    // The name of an archive has all four numbers.
    if archive.contains(&name) && text.split('.').count() != 4 {
        return Err(ChoiceError::Archive("dotnetScannerVersion"));
    }
    let why =
        if wish.download.is_some() { "scannerDownloadUrl is set" } else { "this agent has no .NET SDK" };
    let line = format!("SonarScanner for .NET {text}: SonarSource's archive, because {why}");
    Ok(Choice { plan: Plan::Archive(ScannerRelease { version: text.to_owned(), sha256, archive }), line })
}

/// Why a tool that is there does not run.
fn unused(tool: &InstalledTool, pinned: Option<ToolVersion>) -> String {
    match (&tool.flaw, pinned) {
        (Some(flaw), _) => format!("; the installed {} is not used, because {flaw}", tool.version),
        (None, None) => format!("; the installed {} does not work with it", tool.version),
        (None, Some(_)) => String::new(),
    }
}

fn missing(has_version: bool, has_hash: bool) -> &'static str {
    match (has_version, has_hash) {
        (false, false) => "dotnetScannerVersion and dotnetScannerSha256",
        (false, true) => "dotnetScannerVersion",
        _ => "dotnetScannerSha256",
    }
}

/// The version in `.../sonar-scanner-12.1.0.146213-net.zip`.
fn version_in_name(archive: &str) -> Option<&str> {
    let rest = &archive[archive.rfind("sonar-scanner-")? + "sonar-scanner-".len()..];
    let version = rest.split_once("-net").map_or(rest, |(version, _)| version);
    (version.split('.').count() == 4 && ToolVersion::parse(version).is_some()).then_some(version)
}

/// The SonarScanner for .NET that began an analysis and will end it, in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DotnetScanner {
    /// How it is started: the program, and the arguments before its own.
    pub start: Vec<String>,
    /// Its version, such as `12.1.0`.
    pub version: String,
    /// The verified package or archive that its files were unpacked from.
    pub package: String,
    /// The SHA-256 of that, in lower-case hexadecimal: nothing is run while it has another one.
    pub sha256: String,
    /// The folder with the files, each of which must be as it is in the package.
    pub folder: String,
}

#[cfg(test)]
mod tests;
