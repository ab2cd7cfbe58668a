//! `${name}` in settings files, which SonarScanner CLI replaces.

use crate::analysis::FileLine;
use crate::analysis::placeholder::Unexpandable;
use crate::analysis::precedence::Precedence;
use crate::error::{Error, Result};
use crate::step::job::Job;
use std::fmt::Write as _;

/// The variables of the job that a settings file may read, by name.
pub(crate) type PublicVariables<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// Replaces `${name}` in one value, before other settings files are read. Otherwise a name could hide a module, which the
/// scanner would find, from the checks of this module.
pub(super) fn expand_now(
    environment: PublicVariables<'_>,
    precedence: &mut Precedence,
    key: &str,
) -> Result<()> {
    let line = precedence.line(key).cloned();
    precedence.expand_one(key, environment).map_err(|why| unexpandable(key, &why, line.as_ref()))
}

/// Replaces `${name}` in what the settings files say.
///
/// # Errors
/// A name leads back to itself, or names stand for too much.
pub(crate) fn expand(job: &Job, precedence: &Precedence) -> Result<Precedence> {
    let expanded = precedence.expand(&|name| job.environment.public_value(name));
    expanded.map_err(|(key, why)| unexpandable(&key, &why, precedence.line(&key)))
}

/// The error of names that can't be replaced.
pub(crate) fn unexpandable(key: &str, why: &Unexpandable, at: Option<&FileLine>) -> Error {
    let mut message = format!("{key} {why}");
    if let Some(at) = at {
        let _ = write!(message, " ({at})");
    }
    Error::new(message).hint("Replace ${name} by the value in one of them.")
}
