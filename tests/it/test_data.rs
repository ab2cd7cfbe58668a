//! Test data that the repository does not hold: Microsoft's descriptions of its REST API, the .NET SDK. The environment variable
//! `SONAR_AZDO_TEST_DATA` names its folder.

use std::io::Write as _;
use std::path::PathBuf;

pub(crate) const VARIABLE: &str = "SONAR_AZDO_TEST_DATA";

/// A folder of the test data. `None`: the variable is not set. Then the caller leaves something out, and says so by
/// [`left_out`].
///
/// # Panics
/// The variable is set but the folder is missing: whoever sets it wants all tests to run.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let all = std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty())?;
    let folder = PathBuf::from(all).join(name);
    assert!(folder.is_dir(), "{VARIABLE} is set, and {} is missing", folder.display());
    Some(folder)
}

/// Says in one line what is left out. The test runner hides what tests print with `eprintln!`, but not this.
pub(crate) fn left_out(what: &str) {
    let _ = writeln!(std::io::stderr(), "left out: {what}");
}
