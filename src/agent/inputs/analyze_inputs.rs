//! Inputs of SonarAnalyze.

use super::input_value::{boolean, one_of};
use super::missing_connection::OnMissingConnection;
use crate::agent::children::Passed;
use crate::agent::env::Environment;
use crate::agent::hidden;
use crate::analysis::jvm_profile::JvmProfile;
use crate::error::Result;
use std::path::PathBuf;

/// Inputs of SonarAnalyze.
#[derive(Debug, Clone)]
pub(crate) struct AnalyzeInputs {
    /// `jdkversion`: the variable that names the Java to use; `None` when it is `auto`.
    pub jdk_version: Option<String>,
    /// `jdkVersionStrict`: no other Java may be used.
    pub jdk_version_strict: bool,
    /// `jvmProfile`.
    pub jvm_profile: JvmProfile,
    /// `analysisName`: which of the open analyses is run.
    pub analysis_name: Option<String>,
    /// `exportTo`: where records for other jobs go.
    pub export_to: Option<PathBuf>,
    /// `onMissingConnection`.
    pub on_missing_connection: Option<OnMissingConnection>,
    /// `passEnvironment`: further variables that the scanner inherits.
    pub pass_environment: Passed,
}

impl AnalyzeInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A value outside its list, or a job variable in the place of an input.
    pub(crate) fn read(env: &Environment) -> Result<Self> {
        hidden::refuse(env)?;
        let jvm_profile = match env.input("jvmProfile").unwrap_or("auto") {
            "auto" => JvmProfile::Auto,
            "default" => JvmProfile::Default,
            other => return Err(one_of("jvmProfile", other, "auto, default")),
        };
        let named = env.input("jdkversion").filter(|name| !name.eq_ignore_ascii_case("auto"));
        Ok(Self {
            jdk_version: named.map(str::to_owned),
            jdk_version_strict: boolean(env, "jdkVersionStrict", false)?,
            jvm_profile,
            analysis_name: env.input("analysisName").map(str::to_owned),
            export_to: env.input("exportTo").map(PathBuf::from),
            on_missing_connection: OnMissingConnection::read(env)?,
            pass_environment: Passed::parse(env.input("passEnvironment").unwrap_or_default())?,
        })
    }
}
