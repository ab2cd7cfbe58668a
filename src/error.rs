//! What a step can fail with: text for the user, and the result the agent is told.

use crate::cancel::Cancelled;
use std::fmt;

/// A failure in terms a user can act on.
///
/// `message` says what failed and on which URL or file, `hint` what to change. Both are plain text
/// and may hold text from outside; the writer of the log makes them harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    hint: Option<String>,
}

/// What the agent is told about a step that ended with an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The step failed.
    Failed,
    /// The pipeline run was cancelled while the step ran.
    Cancelled,
    /// The step failed, and why was reported already, one error a cause.
    Reported,
}

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure with its message, in words of the user.
    pub fn new(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Failed, message: message.into(), hint: None }
    }

    /// The run was cancelled.
    pub fn cancelled() -> Self {
        Self { kind: ErrorKind::Cancelled, message: "The run was cancelled".into(), hint: None }
    }

    /// The step failed and each cause has been reported as an error of its own.
    pub fn reported(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Reported, message: message.into(), hint: None }
    }

    /// Adds what the user can change.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// How the step ends.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What failed, without the hint.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message.trim_end())?;
        if let Some(hint) = &self.hint {
            if !self.message.trim_end().ends_with(['.', '!', '?']) {
                f.write_str(".")?;
            }
            write!(f, " {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::cancelled()
    }
}

/// The causes of an error, outermost first, joined by `: `, without repeating a text already said.
pub fn cause_chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_is_a_sentence_of_its_own() {
        let error = Error::new("https://sonar answered 401").hint("Create a new token.");
        assert_eq!(error.to_string(), "https://sonar answered 401. Create a new token.");
        assert_eq!(Error::new("Done.").hint("Retry.").to_string(), "Done. Retry.");
    }
}
