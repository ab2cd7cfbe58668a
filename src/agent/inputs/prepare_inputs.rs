//! Inputs of SonarPrepare.

use super::branch_inputs::{choices, default_branch};
use super::input_value::{boolean, one_of};
use super::monorepo_inputs::Monorepo;
use crate::agent::env::Environment;
use crate::agent::hidden;
use crate::analysis::{Rules, ScannerMode};
use crate::context::Choices;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::fmt;

/// Where the project's settings come from in scanner mode `cli`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigMode {
    /// From a settings file.
    File,
    /// From the inputs; a settings file is read below them.
    Manual,
}

/// Inputs of SonarPrepare, but for the service connections.
#[derive(Clone)]
pub(crate) struct PrepareInputs {
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
    /// `extraProperties`, unparsed: it may hold passwords.
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
    /// `monorepo` and its further inputs; those for a single project are not read then.
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
    pub(crate) fn read(env: &Environment) -> Result<Self> {
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
                ScannerMode::Dotnet => " If this is not a .NET build, set scannerMode to cli or other.",
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
            choices: choices(env)?,
            default_branch: default_branch(env),
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
