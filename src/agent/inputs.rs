//! Task inputs, typed and with their defaults. Names and defaults: `task/*/task.json`.

use super::env::Environment;
use crate::error::Result;

mod analyze_inputs;
mod branch_inputs;
mod input_value;
mod missing_connection;
mod monorepo_inputs;
mod prepare_inputs;
mod publish_inputs;

pub(crate) use analyze_inputs::AnalyzeInputs;
pub(crate) use missing_connection::OnMissingConnection;
pub(crate) use monorepo_inputs::Monorepo;
pub(crate) use prepare_inputs::{ConfigMode, PrepareInputs};
pub(crate) use publish_inputs::PublishInputs;

/// The input `allowHttp`, which silences the warning of a service connection by `http:`.
///
/// # Errors
/// It is neither true nor false.
pub(crate) fn allow_http(env: &Environment) -> Result<bool> {
    input_value::boolean(env, "allowHttp", false)
}

/// The input `allowInvalidCertificate`: no certificate of SonarQube's is checked.
///
/// # Errors
/// It is neither true nor false.
pub(crate) fn allow_invalid_certificate(env: &Environment) -> Result<bool> {
    input_value::boolean(env, "allowInvalidCertificate", false)
}

#[cfg(test)]
mod tests;
