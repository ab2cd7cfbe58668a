//! Why an exported record, or the scanner's report in it, cannot be used.

/// Why a file is not an exported record. `Display` completes "because".
#[derive(Debug, thiserror::Error)]
pub enum ExportedError {
    /// It is not JSON, or a field is missing, unknown or of another type.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It has the number of another version of the record.
    #[error("it was not written by this version of the extension")]
    OtherVersion,
    /// It has a property that SonarAnalyze does not export.
    #[error("it holds the property {0}, which no record has")]
    Property(String),
}

/// Why the scanner's report in an exported record does not count. `Display` is a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportedReportError {
    /// The record has no report.
    #[error("No scanner had left a report when the record was exported")]
    Missing,
    /// The report does not have this key.
    #[error("The scanner's report in the exported record has no {0}")]
    MissingKey(&'static str),
    /// The report is of another project than the one that SonarPrepare prepared.
    #[error("The report is of the project {reported}, not of {prepared}")]
    OtherProject {
        /// Key of the project in the report.
        reported: String,
        /// Key of the project that SonarPrepare prepared.
        prepared: String,
    },
    /// The record has no project key to compare the report with.
    #[error("The record does not say which project was analysed")]
    NoProject,
}
