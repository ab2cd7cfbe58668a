//! What runs an analysis: the scanner engine, a Java with options that suit it, and its way to the server. SonarAnalyze asks
//! for it, and SonarPrepare where a scanner begins there.

use super::{Job, machine};
use crate::analysis::{Properties, ServerFacts};
use crate::error::Result;
use crate::scanner::{Cache, JavaChoices, JavaHome, Platform};
use crate::sonarqube::SonarQube;
use std::ffi::OsStr;
use std::path::PathBuf;

pub(super) mod java_options;
pub(super) mod network;
mod plugins;
pub(super) mod provision;

/// What decides which engine and which Java run, and where they come from.
pub(super) struct Setting<'a> {
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

impl<'a> Setting<'a> {
    pub(super) fn java_choices(&'a self, homes: &'a [JavaHome<'a>]) -> JavaChoices<'a> {
        JavaChoices {
            executable: self.properties.value("sonar.scanner.javaExePath"),
            named: self.jdk.named,
            strict: self.jdk.strict,
            skip_provisioning: self.properties.is_true("sonar.scanner.skipJreProvisioning"),
            homes,
            arch: &self.platform.arch,
            path: self.job.environment.value("PATH").map(OsStr::new),
        }
    }
}

/// `sonar.userHome`, else the place all scanners share.
pub(super) fn user_home(job: &Job, properties: &Properties) -> Result<PathBuf> {
    properties
        .value("sonar.userHome")
        .map_or_else(|| machine::user_home(job), |chosen| Ok(PathBuf::from(chosen)))
}

/// This machine's, as far as properties say nothing else.
pub(super) fn platform(job: &Job, properties: &Properties) -> Platform {
    let value = |key| properties.value(key);
    machine::platform(job).overridden(value("sonar.scanner.os"), value("sonar.scanner.arch"))
}
