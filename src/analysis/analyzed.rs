//! `analyzed.json`: what SonarAnalyze adds to the record of an analysis.

use super::{AnalysisId, Narrowing};
use serde::{Deserialize, Serialize};

/// `analyzed.json`: what SonarAnalyze adds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Analyzed {
    /// [`RECORD_VERSION`](super::RECORD_VERSION).
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

/// How an analysis ended: what a scanner returns, what SonarAnalyze notes, and what SonarPublish reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It ended well; the report lies beside the record.
    Succeeded,
    /// The scanner engine waited for the quality gate (`sonar.qualitygate.wait`), which failed; the report lies beside the
    /// record.
    GateFailed {
        /// What the engine says about it. Whoever holds this reports it: the log has not.
        message: String,
    },
    /// The analysis failed.
    Failed {
        /// The engine's last error, or how Java ended. Whoever holds this reports it: the log has not.
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
