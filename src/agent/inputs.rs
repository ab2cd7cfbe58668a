//! Task inputs, typed and with their defaults. Names and defaults: `task/*/task.json`.

use super::Environment;
use crate::analysis::ScannerMode;
use crate::analysis::jvm_profile::JvmProfile;
use crate::error::{Error, Result};
use crate::quality_gate::{Policy, Reaction, Rule};
use std::time::Duration;

/// Where the project's settings come from in scanner mode `cli`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigMode {
    /// From a settings file.
    File,
    /// From the inputs; a settings file is read below them.
    Manual,
}

/// Inputs of SonarPrepare, but for the service connections.
#[derive(Debug, Clone)]
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
    /// `extraProperties`, as it stands.
    pub extra_properties: String,
    /// `strictProperties`.
    pub strict_properties: bool,
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
    /// `scannerDownloadUrl`.
    pub scanner_download_url: Option<String>,
    /// `unshallow`: missing history is fetched.
    pub unshallow: bool,
}

impl PrepareInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A value outside its list, or a required input that is missing.
    pub fn read(env: &Environment) -> Result<Self> {
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
        let text = |name: &str| env.input(name).map(str::to_owned);
        let names = match (mode, config_mode) {
            (ScannerMode::Cli, ConfigMode::Manual) => {
                Some(["cliProjectKey", "cliProjectName", "cliProjectVersion"])
            }
            (ScannerMode::Dotnet, _) => Some(["projectKey", "projectName", "projectVersion"]),
            _ => None,
        };
        let [project_key, project_name, project_version] =
            names.map_or([None, None, None], |names| names.map(text));
        if let (Some([key, ..]), None) = (names, &project_key) {
            return Err(Error::new(format!("the input {key} is empty")).hint(
                "Set it to the key of the SonarQube project (Project Information on the project's page).",
            ));
        }
        Ok(Self {
            mode,
            config_mode,
            config_file: text("configFile"),
            project_key,
            project_name,
            project_version,
            sources: text("cliSources"),
            organization: text("organization"),
            project_base_dir: text("projectBaseDir"),
            extra_properties: text("extraProperties").unwrap_or_default(),
            strict_properties: boolean(env, "strictProperties", false)?,
            build_wrapper: boolean(env, "buildWrapper", false)?,
            cli_version: text("cliScannerVersion").or_else(|| text("cliVersion")),
            cli_sha256: text("cliScannerSha256"),
            dotnet_version: text("dotnetScannerVersion").or_else(|| text("msBuildVersion")),
            dotnet_sha256: text("dotnetScannerSha256"),
            scanner_download_url: text("scannerDownloadUrl"),
            unshallow,
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
}

impl AnalyzeInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A value outside its list.
    pub fn read(env: &Environment) -> Result<Self> {
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
        })
    }
}

/// Inputs of SonarPublish.
#[derive(Debug, Clone)]
pub struct PublishInputs {
    /// `pollingTimeoutSec`: the longest wait for the server, over all analyses.
    pub polling_timeout: Duration,
    /// `onQualityGateFailure`, `onNoVerdict` and `onSkipped` with their overrides.
    pub policy: Policy,
}

impl PublishInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A timeout that is no number of seconds; a reaction that is none of the three.
    pub fn read(env: &Environment) -> Result<Self> {
        let text = env.input("pollingTimeoutSec").unwrap_or("300");
        let seconds = text.parse().map_err(|_| {
            Error::new(format!("the input pollingTimeoutSec is {text:?}"))
                .hint("Write a whole number of seconds, such as 300.")
        })?;
        let Policy { failure, no_verdict, skipped } = Policy::default();
        let policy = Policy {
            failure: rule(env, "onQualityGateFailure", failure.general)?,
            no_verdict: rule(env, "onNoVerdict", no_verdict.general)?,
            skipped: rule(env, "onSkipped", skipped.general)?,
        };
        Ok(Self { polling_timeout: Duration::from_secs(seconds), policy })
    }
}

/// The rule of the input `name` and of the inputs that override it in a context: `name` with
/// `PullRequest`, `DefaultBranch` or `OtherBranches` behind it.
fn rule(env: &Environment, name: &str, default: Reaction) -> Result<Rule> {
    let read = |context: &str| {
        let input = format!("{name}{context}");
        env.input(&input)
            .map(|text| Reaction::parse(text).ok_or_else(|| one_of(&input, text, "fail, warn, ignore")))
            .transpose()
    };
    Ok(Rule {
        general: read("")?.unwrap_or(default),
        pull_request: read("PullRequest")?,
        default_branch: read("DefaultBranch")?,
        other_branches: read("OtherBranches")?,
    })
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
mod tests {
    use super::*;

    fn environment(inputs: &[(&str, &str)]) -> Environment {
        Environment::new(inputs.iter().map(|(name, value)| (format!("INPUT_{name}").into(), value.into())))
    }

    #[test]
    fn each_mode_reads_its_own_inputs() {
        let inputs = PrepareInputs::read(&environment(&[
            ("SCANNERMODE", "cli"),
            ("CONFIGMODE", "manual"),
            ("CLIPROJECTKEY", "demo"),
            ("PROJECTKEY", "other"),
            ("STRICTPROPERTIES", "True"),
        ]))
        .unwrap();
        assert_eq!(inputs.project_key.as_deref(), Some("demo"));
        assert!(inputs.strict_properties);
        let inputs =
            PrepareInputs::read(&environment(&[("SCANNERMODE", "cli"), ("CLIPROJECTKEY", "demo")])).unwrap();
        assert_eq!((inputs.config_mode, inputs.project_key), (ConfigMode::File, None));
        let inputs = PrepareInputs::read(&environment(&[("PROJECTKEY", "net")])).unwrap();
        assert_eq!((inputs.mode, inputs.project_key.as_deref()), (ScannerMode::Dotnet, Some("net")));
    }

    #[test]
    fn auto_names_no_java() {
        let read = |inputs: &[(&str, &str)]| AnalyzeInputs::read(&environment(inputs)).unwrap();
        assert_eq!(read(&[]).jdk_version, None);
        assert_eq!(read(&[("JDKVERSION", "Auto")]).jdk_version, None);
        let inputs = read(&[("JDKVERSION", "JAVA_HOME_17_X64"), ("JDKVERSIONSTRICT", "true")]);
        assert_eq!(inputs.jdk_version.as_deref(), Some("JAVA_HOME_17_X64"));
        assert!(inputs.jdk_version_strict);
        assert!(AnalyzeInputs::read(&environment(&[("JDKVERSIONSTRICT", "maybe")])).is_err());
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (inputs, expected) in [
            (
                vec![("SCANNERMODE", "MSBuild")],
                "scannerMode MSBuild is the old name of dotnet. Write `scannerMode: dotnet`.",
            ),
            (
                vec![("SCANNERMODE", "maven")],
                "the input scannerMode is \"maven\". Write one of: cli, dotnet, other.",
            ),
            (vec![("UNSHALLOW", "yes")], "the input unshallow is \"yes\". Write one of: auto, off."),
            (
                vec![("SCANNERMODE", "cli"), ("CONFIGMODE", "manual")],
                "the input cliProjectKey is empty. Set it to the key of the SonarQube project (Project Information on the project's page).",
            ),
        ] {
            assert_eq!(PrepareInputs::read(&environment(&inputs)).unwrap_err().to_string(), expected);
        }
        for text in ["5 minutes", "-1", "1.5"] {
            assert!(PublishInputs::read(&environment(&[("POLLINGTIMEOUTSEC", text)])).is_err(), "{text}");
        }
        let inputs = PublishInputs::read(&environment(&[("POLLINGTIMEOUTSEC", "0")])).unwrap();
        assert_eq!(inputs.polling_timeout, Duration::ZERO);
    }

    #[test]
    fn reactions_and_their_overrides() {
        let read =
            |inputs: &[(&str, &str)]| PublishInputs::read(&environment(inputs)).map(|inputs| inputs.policy);
        assert_eq!(read(&[]).unwrap(), Policy::default());
        let policy = read(&[
            ("ONQUALITYGATEFAILURE", "warn"),
            ("ONQUALITYGATEFAILUREDEFAULTBRANCH", "fail"),
            ("ONNOVERDICTOTHERBRANCHES", "ignore"),
            ("ONSKIPPEDPULLREQUEST", "warn"),
        ])
        .unwrap();
        let expected = Policy {
            failure: Rule { default_branch: Some(Reaction::Fail), ..Rule::always(Reaction::Warn) },
            no_verdict: Rule { other_branches: Some(Reaction::Ignore), ..Rule::always(Reaction::Fail) },
            skipped: Rule { pull_request: Some(Reaction::Warn), ..Rule::always(Reaction::Ignore) },
        };
        assert_eq!(policy, expected);
        assert_eq!(
            read(&[("ONSKIPPEDOTHERBRANCHES", "never")]).unwrap_err().to_string(),
            "the input onSkippedOtherBranches is \"never\". Write one of: fail, warn, ignore."
        );
    }
}
