//! How a command that reads writes its answer.

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Lines for people
    Text,
    /// One JSON object on one line, with a `version`
    Json,
    /// The page of the Build Summary
    Markdown,
}

/// The `version` in JSON. It grows when a field changes its meaning or goes; new fields do not change it.
pub(super) const JSON_VERSION: u32 = 1;
