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

    /// Why it does not work with a server; `None` if it works or was not tried.
    fn refusal(self, server: &ServerFacts) -> Option<&'static str> {
        match self.major() {
            12.. if !takes_twelve(server) => Some("Versions from 12 on need SonarQube 25.1, 2025.1 or later"),
            11 if !server.has_engine_provisioning() => Some(
                "Before SonarQube 10.6, version 11 downloads the SonarScanner CLI, which nothing verifies",
            ),
            _ => None,
        }
    }

    /// Whether an installed tool of this version is used for `server` when the inputs name no version: it works, and runs
    /// the server's own scanner engine where there is one.
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

/// How a package is verified before anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageCheck {
    /// It must have this SHA-256, in lower-case hexadecimal, which the user gave.
    Sha256(String),
    /// It must have this SHA-512, in base64, which is that of the package on the public gallery.
    Sha512(&'static str),
    /// It must carry SonarSource's signature as its author.
    Signed,
}

impl PackageCheck {
    /// For the package of `version`; `given` is the user's SHA-256.
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
    /// `PATH` holds no `dotnet`.
    Absent,
    /// A runtime without an SDK: it runs the scanner but cannot install tools.
    Runtime,
    /// An SDK.
    Sdk,
}

/// A tool that is installed on the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InstalledTool {
    pub(crate) version: ToolVersion,
    /// Why it cannot be trusted, as a clause; `None` if it can.
    pub(crate) flaw: Option<String>,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// The installed tool at this index of the list.
    Installed(usize),
    /// The tool of this version, from the agent's tool cache or a NuGet feed.
    Package(ToolVersion, PackageCheck),
    /// SonarSource's archive.
    Archive(ScannerRelease),
}

/// The outcome of [`choose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScannerChoice {
    pub(crate) plan: Plan,
    /// What runs and why, as a line for the log.
    pub(crate) line: String,
}

/// Why nothing can be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoiceError {
    /// `dotnetScannerVersion` does not hold three numbers.
    #[error("dotnetScannerVersion {0:?} is not a version number. Use three numbers, such as 12.1.0.")]
    Version(String),
    /// `dotnetScannerSha256` is not a SHA-256.
    #[error("dotnetScannerSha256 {0:?} is not a SHA-256. Use its 64 hexadecimal digits.")]
    Sha256(String),
    /// The server can't take that version.
    #[error(
        "the SonarScanner for .NET {version} does not work with {server}. {why}. Remove dotnetScannerVersion, or set it \
         to {instead}."
    )]
    Refused { version: ToolVersion, server: String, why: &'static str, instead: ToolVersion },
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
        "the dotnet in PATH is a runtime without an SDK, so it cannot install the SonarScanner for .NET. Install the \
         .NET SDK before SonarPrepare, for example with the task UseDotNet@2{OR_ARCHIVE}."
    )]
    NoSdk,
    /// An archive is to be run whose version or hash is not given.
    #[error(
        "the archive of the SonarScanner for .NET needs {0}. Set dotnetScannerVersion to all four numbers, such as \
         12.1.0.146213, and dotnetScannerSha256 to the SHA-256 of the archive."
    )]
    Archive(&'static str),
}

const OR_ARCHIVE: &str = "; or set dotnetScannerVersion (all four numbers) and dotnetScannerSha256, and SonarSource's archive is run";

/// Chooses by the server, the inputs, the agent's `dotnet` and the installed tools, the preferred tool first.
///
/// # Errors
/// Nothing can be run, or not what the inputs say.
pub(crate) fn choose(
    wish: &ReleaseWish<'_>,
    server: &ServerFacts,
    windows: bool,
    dotnet: DotnetHost,
    installed: &[InstalledTool],
) -> Result<ScannerChoice, ChoiceError> {
    let request = ScannerRequest::read(wish, server)?;
    if wish.download.is_none() {
        if let Some(choice) = request.installed(installed) {
            return Ok(choice);
        }
        if dotnet == DotnetHost::Sdk {
            return Ok(request.package(installed));
        }
    }
    request.archive(windows, dotnet)
}

/// What the inputs ask for, read and checked.
struct ScannerRequest<'a> {
    wish: &'a ReleaseWish<'a>,
    /// The version as it is written.
    version: Option<&'a str>,
    pinned: Option<ToolVersion>,
    sha256: Option<String>,
    server: &'a ServerFacts,
}

impl<'a> ScannerRequest<'a> {
    fn read(wish: &'a ReleaseWish<'a>, server: &'a ServerFacts) -> Result<Self, ChoiceError> {
        let sha256 = match wish.sha256 {
            Some(sha256) if !is_sha256(sha256) => return Err(ChoiceError::Sha256(sha256.to_owned())),
            given => given.map(str::to_ascii_lowercase),
        };
        let version = wish.version.or_else(|| version_in_name(wish.download?));
        let parse =
            |text: &str| ToolVersion::parse(text).ok_or_else(|| ChoiceError::Version(text.to_owned()));
        let pinned = version.map(parse).transpose()?;
        let request = Self { wish, version, pinned, sha256, server };
        match pinned.and_then(|version| Some((version, version.refusal(server)?))) {
            None => Ok(request),
            Some((version, why)) => {
                let instead = ToolVersion::for_server(server);
                Err(ChoiceError::Refused { version, server: request.server_name(), why, instead })
            }
        }
    }

    fn server_name(&self) -> String {
        format!("{} {}", self.server.product(), self.server.version)
    }

    /// The first trusted tool of the agent that has the version of the inputs, or that works with the server.
    fn installed(&self, installed: &[InstalledTool]) -> Option<ScannerChoice> {
        let is_right = |tool: &InstalledTool| match self.pinned {
            Some(version) => tool.version == version,
            None => tool.version.suits(self.server),
        };
        let at = installed.iter().position(|tool| tool.flaw.is_none() && is_right(tool))?;
        let why = match self.pinned {
            Some(_) => "dotnetScannerVersion names it".to_owned(),
            None => format!("it works with {}", self.server_name()),
        };
        let version = installed.get(at)?.version;
        let line =
            format!("SonarScanner for .NET {version}: the tool installed on this agent, because {why}");
        Some(ScannerChoice { plan: Plan::Installed(at), line })
    }

    fn package(&self, installed: &[InstalledTool]) -> ScannerChoice {
        let version = self.pinned.unwrap_or_else(|| ToolVersion::for_server(self.server));
        let mut line = match self.pinned {
            Some(_) => format!("SonarScanner for .NET {version}, because dotnetScannerVersion names it"),
            None => format!("SonarScanner for .NET {version}, the version for {}", self.server_name()),
        };
        for tool in installed {
            line.push_str(&unused(tool, self.pinned));
        }
        let expected = PackageCheck::of(version, self.sha256.as_deref());
        ScannerChoice { plan: Plan::Package(version, expected), line }
    }

    fn archive(&self, windows: bool, dotnet: DotnetHost) -> Result<ScannerChoice, ChoiceError> {
        let is_absent = dotnet == DotnetHost::Absent;
        // The archive for .NET Framework brings its program, the other one a library for `dotnet`.
        if is_absent && !windows {
            return Err(ChoiceError::NoDotnet { archive_would_do: false });
        }
        let (version, sha256) = match (self.version, &self.sha256) {
            (Some(version), Some(sha256)) => (version, sha256.clone()),
            (version, sha256) if self.wish.download.is_some() => {
                return Err(ChoiceError::Archive(missing(version.is_some(), sha256.is_some())));
            }
            _ if is_absent => return Err(ChoiceError::NoDotnet { archive_would_do: true }),
            _ => return Err(ChoiceError::NoSdk),
        };
        let kind = if windows { "net-framework" } else { "net" };
        let name = format!("sonar-scanner-{version}-{kind}.zip");
        let archive = self.wish.archive(&format!("{ARCHIVES}/{version}"), &name);
        // SonarSource names its archives by all four numbers.
        if archive.contains(&name) && version.split('.').count() != 4 {
            return Err(ChoiceError::Archive("dotnetScannerVersion"));
        }
        let why = match self.wish.download {
            Some(_) => "scannerDownloadUrl is set",
            None => "this agent has no .NET SDK",
        };
        let line = format!("SonarScanner for .NET {version}: SonarSource's archive, because {why}");
        let release = ScannerRelease { version: version.to_owned(), sha256, archive };
        Ok(ScannerChoice { plan: Plan::Archive(release), line })
    }
}

/// Why an installed tool is not used, for the end of the log line.
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
