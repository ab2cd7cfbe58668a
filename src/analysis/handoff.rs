//! The record of one analysis, handed from SonarPrepare to SonarAnalyze to SonarPublish.
//!
//! Prepare writes [`Prepared`] as its last act, Analyze adds [`Analyzed`] beside it; nothing is ever
//! rewritten. No token is in either, and paths inside the sources are relative, so that a record may
//! travel to another agent.

use super::{Begun, DotnetScanner, Narrowing, Properties, Rules, ScannerRelease, ServerFacts, Target};
use serde::{Deserialize, Serialize};
use std::fmt;
use url::Url;

/// Version of the record's shape. A record of another version is refused, never guessed at.
pub const RECORD_VERSION: u32 = 1;

/// Identity of one analysis: 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnalysisId(String);

impl AnalysisId {
    /// An id made of 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Reads an id; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let valid =
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        valid.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the secret job variable that holds this analysis' token.
    pub fn token_variable(&self) -> String {
        format!("SONAR_AZDO_TOKEN_{}", self.0.to_ascii_uppercase())
    }

    /// The analysis whose token the job variable `name` holds; `None` for any other variable.
    pub fn of_token_variable(name: &str) -> Option<Self> {
        Self::parse(&name.strip_prefix("SONAR_AZDO_TOKEN_")?.to_ascii_lowercase())
    }

    /// Name of the secret job variable that holds this analysis' other secret properties, as JSON.
    pub fn secrets_variable(&self) -> String {
        format!("SONAR_AZDO_SECRETS_{}", self.0.to_ascii_uppercase())
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AnalysisId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no analysis id"))
    }
}

impl From<AnalysisId> for String {
    fn from(id: AnalysisId) -> Self {
        id.0
    }
}

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
    /// Base URL of the server, without trailing slash.
    pub server_url: Url,
    /// Base URL of the server's v2 API, without trailing slash.
    pub api_url: Url,
    /// Whether requests authenticate with Bearer (Cloud) or Basic.
    pub bearer: bool,
    /// The server.
    pub server: ServerFacts,
    /// How the analysis is run.
    pub mode: ScannerMode,
    /// The SonarScanner CLI that runs it, in mode `cli` where the server's own engine does not. Where its archive is
    /// may be withheld.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cli: Option<ScannerRelease>,
    /// The SonarScanner for .NET, in mode `dotnet`: it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dotnet: Option<DotnetScanner>,
    /// What that scanner began with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
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
    /// The server's base URL as people and scanners write it: without a trailing slash.
    pub fn server_address(&self) -> &str {
        self.server_url.as_str().trim_end_matches('/')
    }

    /// What was to be analysed: what the properties say where a user has overridden the decision.
    pub fn analysed(&self) -> Target {
        self.target.clone().overridden_by(&self.properties)
    }
}

/// `analyzed.json`: what SonarAnalyze adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analyzed {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// Identity of the analysis.
    pub id: AnalysisId,
    /// How it ended.
    pub outcome: Outcome,
    /// What it covered.
    #[serde(default, skip_serializing_if = "Extent::is_unknown")]
    pub extent: Extent,
}

/// What an analysis covered, as far as SonarAnalyze knows: from the log of the scanner engine, from git, and in mode
/// `dotnet` from what the build left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Extent {
    /// Files that the engine indexed.
    pub indexed_files: Option<u64>,
    /// The measure `files` of the branch before this analysis.
    pub files_before: Option<u64>,
    /// Languages of the indexed files for which there is a quality profile, by SonarQube's keys.
    pub languages: Vec<String>,
    /// What the engine says when git does not find the target branch of a pull request: then no code counts as new.
    pub missing_target: Option<String>,
    /// Files of a pull request to which git counts added lines. Paths are relative to the base directory, with `/`.
    pub files_with_added_lines: Vec<String>,
    /// Why nothing that counts was analysed although the scanner left a report.
    pub nothing: Option<String>,
    /// What was not analysed and why: a sentence each, for the Build Summary.
    pub left_out: Vec<String>,
    /// What the repository's own settings took out of what the quality gate judges.
    pub narrowed: Vec<Narrowing>,
}

impl Extent {
    /// Whether nothing is known.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }
}

/// How a scanner ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It ended well; the report lies beside the record.
    Succeeded,
    /// It waited for the quality gate, which failed; the report lies beside the record.
    GateFailed,
    /// It failed, with its last error.
    Failed {
        /// The message.
        message: String,
    },
    /// Nothing was to be analysed, by `sonar.scanner.skip` in `extraProperties` or by a decision of SonarPrepare.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The scanner was to analyse, and it analysed nothing and left no report.
    NothingAnalysed {
        /// Why.
        reason: String,
    },
    /// The run was cancelled meanwhile.
    Cancelled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let id = AnalysisId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.as_str(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(AnalysisId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.token_variable(), "SONAR_AZDO_TOKEN_000102030405060708090A0B0C0D0EFF");
        assert_eq!(AnalysisId::of_token_variable(&id.token_variable()), Some(id.clone()));
        assert_eq!(AnalysisId::of_token_variable("SONAR_AZDO_TOKEN_1"), None);
        assert_eq!(AnalysisId::of_token_variable(&id.secrets_variable()), None);
        for text in ["", "../../../etc/passwd", "000102030405060708090A0B0C0D0EFF", "bin"] {
            assert_eq!(AnalysisId::parse(text), None, "{text}");
        }
    }
}
