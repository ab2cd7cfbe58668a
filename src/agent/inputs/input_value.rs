//! How the text of an input becomes a value.

use crate::agent::env::Environment;
use crate::error::{Error, Result};

/// The lines of an input, without the empty ones.
pub(super) fn lines(env: &Environment, name: &str) -> Vec<String> {
    let lines = env.input(name).into_iter().flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

pub(super) fn boolean(env: &Environment, name: &str, default: bool) -> Result<bool> {
    match env.input(name) {
        None => Ok(default),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(one_of(name, other, "true, false")),
    }
}

pub(super) fn one_of(input: &str, value: &str, allowed: &str) -> Error {
    Error::new(format!("the input {input} is {value:?}")).hint(format!("Write one of: {allowed}."))
}
