//! Why an analysis is refused before it starts, and which names SonarQube accepts.

/// An analysis that SonarQube would refuse, or that may not be skipped (`onUnsupportedBranch: fail`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What is wrong, as a clause.
    pub(crate) message: String,
    /// What to change, as a sentence.
    pub(crate) hint: String,
}

/// The longest name of a branch or key of a pull request that SonarQube accepts, in UTF-16 units: the width of its column.
/// It accepts every other name that is not blank (observed on 26.9).
const LONGEST_NAME: usize = 255;

/// Checks a name before the build: SonarQube would refuse it only after the scan.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    let length = name.encode_utf16().count();
    let wrong = if name.trim().is_empty() {
        format!("the {what} is blank")
    } else if length > LONGEST_NAME {
        let start: String = name.chars().take(40).collect();
        format!("the {what} {start}... has {length} characters, and SonarQube accepts at most {LONGEST_NAME}")
    } else {
        return Ok(());
    };
    let hint = "Set the input branch to a name for SonarQube, or to off.".into();
    Err(Refusal { message: wrong, hint })
}
