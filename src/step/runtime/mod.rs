//! What runs an analysis: the scanner engine, a Java with options that suit it, and its way to the server. SonarAnalyze asks
//! for it, and SonarPrepare where a scanner begins there.

use super::machine;
use crate::analysis::{Properties, ServerFacts};
use crate::error::Result;
use crate::scanner::{Cache, JavaChoices, JavaHome, Platform};
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

pub(super) mod engine_and_java;
pub(super) mod java_options;
pub(super) mod network;
mod plugin_prefetch;

const USER_HOME: &str = "sonar.userHome";

/// What decides which engine and which Java run, and where they come from.
pub(super) struct RuntimeRequest<'a> {
    pub(super) job: &'a Job,
    pub(super) facts: &'a ServerFacts,
    pub(super) sonarqube: SonarQube,
    pub(super) cache: Cache,
    pub(super) platform: Platform,
    /// All of them, but the token.
    pub(super) properties: Properties,
    pub(super) jdk: Jdk<'a>,
}

/// The inputs `jdkversion` and `jdkVersionStrict` of SonarAnalyze; by default it is `auto`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Jdk<'a> {
    pub(super) named: Option<&'a str>,
    pub(super) strict: bool,
}

impl RuntimeRequest<'_> {
    pub(super) fn java_choices(&self) -> JavaChoices<'_> {
        JavaChoices {
            executable: self.properties.value("sonar.scanner.javaExePath"),
            named: self.jdk.named,
            strict: self.jdk.strict,
            skip_provisioning: self.properties.is_true("sonar.scanner.skipJreProvisioning"),
            homes: JavaHome::among(self.job.environment.iter()),
            arch: &self.platform.arch,
            path: self.job.environment.value("PATH").map(OsStr::new),
        }
    }
}

/// `sonar.userHome`, else the place all scanners share.
pub(super) fn user_home(job: &Job, properties: &Properties) -> Result<PathBuf> {
    properties.value(USER_HOME).map_or_else(|| machine::user_home(job), |chosen| Ok(PathBuf::from(chosen)))
}

/// Likewise; where the user has no home, as in some service accounts and containers, it goes with the job.
pub(super) fn user_home_or_temporary(job: &Job, properties: &mut Properties) -> Result<PathBuf> {
    let has_home = job.environment.value(machine::HOME).is_some_and(|home| Path::new(home).is_dir());
    let is_chosen =
        properties.value(USER_HOME).is_some() || job.environment.value("SONAR_USER_HOME").is_some();
    if !has_home && !is_chosen {
        let folder = job.predefined.temp_directory()?.join("sonar-home");
        properties.set(USER_HOME, folder.display().to_string());
    }
    user_home(job, properties)
}

/// This machine's, as far as properties say nothing else.
pub(super) fn platform(job: &Job, properties: &Properties) -> Platform {
    let value = |key| properties.value(key);
    machine::platform(job).overridden(value("sonar.scanner.os"), value("sonar.scanner.arch"))
}
