//! `prepared.json`: the record of one analysis, handed from SonarPrepare to SonarAnalyze to SonarPublish.
//!
//! Prepare writes [`Prepared`] as its last act, Analyze adds [`Analyzed`](super::Analyzed) beside it; nothing is ever
//! rewritten. No token is in either, and paths inside the sources are relative, so that a record may travel to another
//! agent.

use super::server_facts::ServerFacts;
use super::{AnalysisId, Begun, DotnetScanner, Properties, Rules, ScannerRelease, Target};
use serde::{Deserialize, Serialize};
use url::Url;

/// Version of the record's shape. A record of another version is refused, never guessed at.
pub const RECORD_VERSION: u32 = 2;

/// How the analysis is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScannerMode {
    /// By the scanner engine, started by SonarAnalyze.
    Cli,
    /// Around an MSBuild or dotnet build.
    Dotnet,
    /// By Maven, Gradle or anything else that reads `SONARQUBE_SCANNER_PARAMS`.
    Other,
}

impl ScannerMode {
    /// The value of the task input.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Dotnet => "dotnet",
            Self::Other => "other",
        }
    }
}

/// What runs the analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PreparedScanner {
    /// Mode `cli`: the server's own scanner engine.
    Engine,
    /// Mode `cli`: this release of SonarScanner CLI. The address of its archive is empty where it may hold a password.
    Cli(ScannerRelease),
    /// Mode `dotnet`: this SonarScanner for .NET, which has begun; SonarAnalyze ends it.
    Dotnet {
        /// The tool.
        tool: DotnetScanner,
        /// What it began with.
        begun: Box<Begun>,
    },
    /// Mode `dotnet`: the analysis is skipped, so the scanner did not begin.
    DotnetNotBegun,
    /// Mode `other`: the build's own scanner.
    Other,
}

impl PreparedScanner {
    /// The mode that it belongs to.
    pub fn mode(&self) -> ScannerMode {
        match self {
            Self::Engine | Self::Cli(_) => ScannerMode::Cli,
            Self::Dotnet { .. } | Self::DotnetNotBegun => ScannerMode::Dotnet,
            Self::Other => ScannerMode::Other,
        }
    }

    /// What may travel to another job: its mode, and nothing of this machine.
    #[must_use]
    pub(super) fn without_paths(&self) -> Self {
        match self.mode() {
            ScannerMode::Cli => Self::Engine,
            ScannerMode::Dotnet => Self::DotnetNotBegun,
            ScannerMode::Other => Self::Other,
        }
    }
}

/// The server of an analysis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnalysisServer {
    /// Base URL, without trailing slash.
    pub url: Url,
    /// Base URL of its v2 API, without trailing slash.
    pub api_url: Url,
    /// What SonarPrepare learnt about it.
    pub facts: ServerFacts,
}

impl AnalysisServer {
    /// The base URL as people and scanners write it: without a trailing slash.
    pub fn address(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

/// `prepared.json`: all that later steps need to know, except the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Prepared {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// Identity of the analysis; also the name of the record's folder.
    pub id: AnalysisId,
    /// The input `analysisName`: what the pipeline calls it, where a job has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When the record was made, by the server's clock where it told the time, in seconds since 1970.
    pub created: u64,
    /// Whether that is by the server's clock, and so can be compared with what the server says of reports.
    pub by_server_clock: bool,
    /// The server.
    pub server: AnalysisServer,
    /// What runs the analysis.
    pub scanner: PreparedScanner,
    /// The caches of the analysis are the job's own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub private_cache: bool,
    /// Key of the project, when the inputs name it; in file mode the scanner may learn it later.
    pub project_key: Option<String>,
    /// Directory of the analysis, relative to the sources where it lies in them.
    pub base_dir: String,
    /// The settings file, likewise, in file mode.
    pub settings_file: Option<String>,
    /// Properties from the inputs, the branch or pull request included. No secrets.
    pub properties: Properties,
    /// What the pipeline says of the settings files of its repository.
    #[serde(default, skip_serializing_if = "Rules::are_default")]
    pub rules: Rules,
    /// What Prepare decided is analysed.
    pub target: Target,
    /// Set when nothing is to be analysed: why.
    pub skip: Option<String>,
    /// Set when it is one of the projects of the input `monorepo`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
    /// Build the record belongs to (`Build.BuildId`).
    pub build_id: Option<String>,
}

/// What an analysis has in common with the others that one SonarPrepare made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Member {
    /// Identity of the first of them.
    pub of: AnalysisId,
    /// Its place among them, from 0.
    pub place: usize,
    /// How many of them may run at a time.
    pub parallel: usize,
    /// It is skipped because the change that is built touches nothing of it.
    pub untouched: bool,
}

impl Prepared {
    /// The mode of its scanner.
    pub fn mode(&self) -> ScannerMode {
        self.scanner.mode()
    }

    /// What was to be analysed: what the properties say where a user has overridden the decision.
    pub fn analysed(&self) -> Target {
        self.target.clone().overridden_by(&self.properties)
    }
}
