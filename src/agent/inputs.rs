//! Task inputs, typed and with their defaults. Names and defaults: `task/*/task.json`.

use super::{Environment, Passed, hidden};
use crate::analysis::jvm_profile::JvmProfile;
use crate::analysis::{Rules, ScannerMode};
use crate::context::Choices;
use crate::error::{Error, Result};
use crate::quality_gate::{LONGEST_WAIT, Policy, Reaction, Rule};
use crate::secret::Secret;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

mod monorepo;
mod scope;

pub use monorepo::Monorepo;

/// Where the project's settings come from in scanner mode `cli`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigMode {
    /// From a settings file.
    File,
    /// From the inputs; a settings file is read below them.
    Manual,
}

/// Inputs of SonarPrepare, but for the service connections.
#[derive(Clone)]
pub struct PrepareInputs {
    /// `scannerMode`.
    pub mode: ScannerMode,
    /// `configMode`; only in mode `cli`.
    pub config_mode: ConfigMode,
    /// `configFile`.
    pub config_file: Option<String>,
    /// `cliProjectKey` or `projectKey`, as the mode has it.
    pub project_key: Option<String>,
    /// `cliProjectName` or `projectName`.
    pub project_name: Option<String>,
    /// `cliProjectVersion` or `projectVersion`.
    pub project_version: Option<String>,
    /// `cliSources`.
    pub sources: Option<String>,
    /// `organization`; SonarQube Cloud only.
    pub organization: Option<String>,
    /// `projectBaseDir`.
    pub project_base_dir: Option<String>,
    /// `analysisName`.
    pub analysis_name: Option<String>,
    /// `extraProperties`, as it stands: it may hold passwords.
    pub extra_properties: Secret,
    /// `strictProperties`.
    pub strict_properties: bool,
    /// `trustSettingsFile` and `scopeFrom`.
    pub rules: Rules,
    /// `branch`, `tags` and `onUnsupportedBranch`.
    pub choices: Choices,
    /// `defaultBranch`.
    pub default_branch: Option<String>,
    /// `buildWrapper`.
    pub build_wrapper: bool,
    /// `cliScannerVersion`, in mode `cli`.
    pub cli_version: Option<String>,
    /// `cliScannerSha256`.
    pub cli_sha256: Option<String>,
    /// `dotnetScannerVersion`, in mode `dotnet`.
    pub dotnet_version: Option<String>,
    /// `dotnetScannerSha256`.
    pub dotnet_sha256: Option<String>,
    /// `nugetSource`, in mode `dotnet`.
    pub nuget_source: Option<String>,
    /// `scannerDownloadUrl`.
    pub scanner_download_url: Option<String>,
    /// `unshallow`: missing history is fetched.
    pub unshallow: bool,
    /// `cache: private`: what the analysis downloads is kept below the job's temporary folder.
    pub private_cache: bool,
    /// `monorepo` and what goes with it; the inputs for a single project are not read then.
    pub monorepo: Option<Monorepo>,
}

impl fmt::Debug for PrepareInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A mirror's URL may hold a password.
        f.debug_struct("PrepareInputs").field("mode", &self.mode).finish_non_exhaustive()
    }
}

impl PrepareInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A value outside its list, a required input that is missing, or a job variable in the place of an input.
    pub fn read(env: &Environment) -> Result<Self> {
        hidden::refuse(env)?;
        let mode = scanner_mode(env)?;
        let config_mode = match env.input("configMode").unwrap_or("file") {
            "file" => ConfigMode::File,
            "manual" => ConfigMode::Manual,
            other => return Err(one_of("configMode", other, "file, manual")),
        };
        let unshallow = match env.input("unshallow").unwrap_or("auto") {
            "auto" => true,
            "off" => false,
            other => return Err(one_of("unshallow", other, "auto, off")),
        };
        let private_cache = match env.input("cache").unwrap_or("shared") {
            "shared" => false,
            "private" => true,
            other => return Err(one_of("cache", other, "shared, private")),
        };
        let text = |name: &str| env.input(name).map(str::to_owned);
        let monorepo = Monorepo::read(env, mode)?;
        let names = match (mode, config_mode) {
            _ if monorepo.is_some() => None,
            (ScannerMode::Cli, ConfigMode::Manual) => {
                Some(["cliProjectKey", "cliProjectName", "cliProjectVersion"])
            }
            (ScannerMode::Dotnet, _) => Some(["projectKey", "projectName", "projectVersion"]),
            _ => None,
        };
        let [project_key, project_name, project_version] =
            names.map_or([None, None, None], |names| names.map(text));
        if let (Some([key, ..]), None) = (names, &project_key) {
            let other = match mode {
                ScannerMode::Dotnet => " If this is no .NET build, set scannerMode to cli or other.",
                _ => "",
            };
            return Err(Error::new(format!("the input {key} is empty")).hint(format!(
                "Set it to the key of the SonarQube project (Project Information on the project's page).{other}",
            )));
        }
        Ok(Self {
            mode,
            config_mode,
            config_file: text("configFile"),
            project_key,
            project_name,
            project_version,
            sources: text("cliSources").filter(|_| monorepo.is_none()),
            organization: text("organization"),
            project_base_dir: text("projectBaseDir"),
            analysis_name: text("analysisName"),
            extra_properties: Secret::new(text("extraProperties").unwrap_or_default()),
            strict_properties: boolean(env, "strictProperties", false)?,
            rules: Rules {
                trust_settings_file: boolean(env, "trustSettingsFile", false)?,
                scope_from_pipeline: match env.input("scopeFrom").unwrap_or("repository") {
                    "repository" => false,
                    "pipeline" => true,
                    other => return Err(one_of("scopeFrom", other, "repository, pipeline")),
                },
            },
            choices: scope::choices(env)?,
            default_branch: scope::default_branch(env),
            build_wrapper: boolean(env, "buildWrapper", false)?,
            cli_version: text("cliScannerVersion").or_else(|| text("cliVersion")),
            cli_sha256: text("cliScannerSha256"),
            dotnet_version: text("dotnetScannerVersion").or_else(|| text("msBuildVersion")),
            dotnet_sha256: text("dotnetScannerSha256"),
            nuget_source: text("nugetSource"),
            scanner_download_url: text("scannerDownloadUrl"),
            unshallow,
            private_cache,
            monorepo,
        })
    }
}

fn scanner_mode(env: &Environment) -> Result<ScannerMode> {
    match env.input("scannerMode").unwrap_or("dotnet") {
        "cli" | "CLI" => Ok(ScannerMode::Cli),
        "dotnet" => Ok(ScannerMode::Dotnet),
        "other" | "Other" => Ok(ScannerMode::Other),
        old if old.eq_ignore_ascii_case("msbuild") => {
            Err(Error::new("scannerMode MSBuild is the old name of dotnet")
                .hint("Write `scannerMode: dotnet`."))
        }
        other => Err(one_of("scannerMode", other, "cli, dotnet, other")),
    }
}

/// Inputs of SonarAnalyze.
#[derive(Debug, Clone)]
pub struct AnalyzeInputs {
    /// `jdkversion`: the variable that names the Java to use; none when it is `auto`.
    pub jdk_version: Option<String>,
    /// `jdkVersionStrict`: that Java or none.
    pub jdk_version_strict: bool,
    /// `jvmProfile`.
    pub jvm_profile: JvmProfile,
    /// `analysisName`: which of the open analyses is run.
    pub analysis_name: Option<String>,
    /// `exportTo`: where records for other jobs go.
    pub export_to: Option<PathBuf>,
    /// `onMissingConnection`.
    pub on_missing_connection: Option<OnMissingConnection>,
    /// `passEnvironment`: variables that the scanner inherits besides.
    pub pass_environment: Passed,
}

/// The input `allowHttp`, which silences the warning of a service connection by `http:`.
///
/// # Errors
/// It is neither true nor false.
pub fn allow_http(env: &Environment) -> Result<bool> {
    boolean(env, "allowHttp", false)
}

/// The input `allowInvalidCertificate`: no certificate of SonarQube's is checked.
///
/// # Errors
/// It is neither true nor false.
pub fn allow_invalid_certificate(env: &Environment) -> Result<bool> {
    boolean(env, "allowInvalidCertificate", false)
}

/// What happens where SonarPrepare could not run, because the service connection is not there for this build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnMissingConnection {
    /// Nothing is analysed, which is said and is no pass.
    Skip,
    /// It is an error.
    Fail,
}

impl OnMissingConnection {
    /// The input `onMissingConnection`; none where the kind of the build decides.
    fn read(env: &Environment) -> Result<Option<Self>> {
        let parse = |text| match text {
            "skip" => Ok(Self::Skip),
            "fail" => Ok(Self::Fail),
            other => Err(one_of("onMissingConnection", other, "skip, fail")),
        };
        env.input("onMissingConnection").map(parse).transpose()
    }
}

impl AnalyzeInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A value outside its list, or a job variable in the place of an input.
    pub fn read(env: &Environment) -> Result<Self> {
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

/// Inputs of SonarPublish.
#[derive(Debug, Clone)]
pub struct PublishInputs {
    /// `pollingTimeoutSec`: the longest wait for the server, over all analyses.
    pub polling_timeout: Duration,
    /// `onQualityGateFailure`, `onNoVerdict` and `onSkipped` with their overrides, and `onNothingAnalysed`.
    pub policy: Policy,
    /// `analyses`: patterns of exported records.
    pub analyses: Vec<String>,
    /// `projects`: keys of projects that must be among the analyses.
    pub projects: Vec<String>,
    /// `reportTaskFiles`: patterns of scanners' reports.
    pub report_task_files: Vec<String>,
    /// `projectKey`.
    pub project_key: Option<String>,
    /// `branch`.
    pub branch: Option<String>,
    /// `pullRequest`.
    pub pull_request: Option<String>,
    /// `onMissingConnection`.
    pub on_missing_connection: Option<OnMissingConnection>,
}

impl PublishInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A timeout that is no number of seconds; a reaction that is none of the three; a branch and a pull request;
    /// a job variable in the place of an input.
    pub fn read(env: &Environment) -> Result<Self> {
        hidden::refuse(env)?;
        let text = env.input("pollingTimeoutSec").unwrap_or("300");
        let seconds = text.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT).ok_or_else(|| {
            Error::new(format!("the input pollingTimeoutSec is {text:?}")).hint(format!(
                "Write a whole number of seconds, such as 300; at most {LONGEST_WAIT}, which is a week."
            ))
        })?;
        let Policy { failure, no_verdict, nothing_analysed, skipped } = Policy::default();
        let policy = Policy {
            failure: rule(env, "onQualityGateFailure", failure.general)?,
            no_verdict: rule(env, "onNoVerdict", no_verdict.general)?,
            nothing_analysed: reaction(env, "onNothingAnalysed")?.unwrap_or(nothing_analysed),
            skipped: rule(env, "onSkipped", skipped.general)?,
        };
        let text = |name: &str| env.input(name).map(str::to_owned);
        let (branch, pull_request) = (text("branch"), text("pullRequest"));
        if branch.is_some() && pull_request.is_some() {
            return Err(
                Error::new("both branch and pullRequest are set").hint("Keep the one that was analysed.")
            );
        }
        Ok(Self {
            polling_timeout: Duration::from_secs(seconds),
            policy,
            analyses: lines(env, "analyses"),
            projects: lines(env, "projects"),
            report_task_files: lines(env, "reportTaskFiles"),
            project_key: text("projectKey"),
            branch,
            pull_request,
            on_missing_connection: OnMissingConnection::read(env)?,
        })
    }
}

/// The rule of the input `name` and of the inputs that override it in a context: `name` with
/// `PullRequest`, `DefaultBranch` or `OtherBranches` behind it.
fn rule(env: &Environment, name: &str, default: Reaction) -> Result<Rule> {
    let read = |context: &str| reaction(env, &format!("{name}{context}"));
    Ok(Rule {
        general: read("")?.unwrap_or(default),
        pull_request: read("PullRequest")?,
        default_branch: read("DefaultBranch")?,
        other_branches: read("OtherBranches")?,
    })
}

/// The reaction that an input names.
fn reaction(env: &Environment, input: &str) -> Result<Option<Reaction>> {
    let read = |text| Reaction::parse(text).ok_or_else(|| one_of(input, text, "fail, warn, ignore"));
    env.input(input).map(read).transpose()
}

/// The lines of an input, without the empty ones.
fn lines(env: &Environment, name: &str) -> Vec<String> {
    let lines = env.input(name).into_iter().flat_map(str::lines).map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn boolean(env: &Environment, name: &str, default: bool) -> Result<bool> {
    match env.input(name) {
        None => Ok(default),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Some(other) => Err(one_of(name, other, "true, false")),
    }
}

fn one_of(input: &str, value: &str, allowed: &str) -> Error {
    Error::new(format!("the input {input} is {value:?}")).hint(format!("Write one of: {allowed}."))
}

#[cfg(test)]
mod tests;
