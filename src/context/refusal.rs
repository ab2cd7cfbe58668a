//! Analyses that SonarQube would refuse.

/// An analysis that cannot be, or that the user does not want to be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong.
    pub message: String,
    /// What to change.
    pub hint: String,
}

/// The longest name of a branch and key of a pull request that SonarQube takes, in UTF-16 units: the
/// width of its column. Other than blank ones it refuses no others (observed on 26.9).
const LONGEST_NAME: usize = 255;

/// SonarQube would refuse the name after the scan.
pub(super) fn check_name(what: &str, name: &str) -> Result<(), Refusal> {
    let length = name.encode_utf16().count();
    let wrong = if name.trim().is_empty() {
        format!("the {what} is blank")
    } else if length > LONGEST_NAME {
        let start: String = name.chars().take(40).collect();
        format!("the {what} {start}... has {length} characters, and SonarQube takes {LONGEST_NAME}")
    } else {
        return Ok(());
    };
    let hint = "Set the input branch to the name that it is to have in SonarQube, or to off.".into();
    Err(Refusal { message: wrong, hint })
}
