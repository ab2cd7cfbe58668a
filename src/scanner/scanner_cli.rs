//! The SonarScanner CLI: for servers that provide no scanner engine, and for pipelines that pin its version. Java runs it
//! directly, because its shell scripts would choose another Java.
//!
//! Contract: its start script (main class and system properties), and its documentation (`SONAR_SCANNER_OPTS`, and
//! parameters as JSON in `SONAR_SCANNER_JSON_PARAMS`, before version 6 in `SONARQUBE_SCANNER_PARAMS`). Observed with 4.7,
//! 5.0, 6.2 and 8.1: that JSON takes precedence over the project's settings file; before version 6 that file takes
//! precedence over `SONAR_TOKEN`; from 6 on `SONAR_HOST_URL` and every `SONAR_SCANNER_*` take precedence over the JSON. So
//! `agent::children` withholds the first of these, and `step::analyze::with_scanner_cli` the others.

use super::cli_log::{self, CliLog};
use super::scanner_run::ScannerRun;
use super::tool_cache::Tool;
use crate::analysis::{Invocation, Properties, placeholder};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The CLI in the agent's tool cache.
pub const TOOL: Tool = Tool { name: "sonar-scanner-cli", hash_input: "cliScannerSha256" };

/// The folder of an unpacked SonarScanner CLI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CliHome {
    folder: PathBuf,
    /// Its one jar.
    pub jar: PathBuf,
}

impl CliHome {
    /// Looks in `folder` and in the folders in it: archives hold one folder with everything in it.
    ///
    /// # Errors
    /// There is no CLI.
    pub fn find(folder: &Path) -> Result<Self> {
        let inner = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        std::iter::once(folder.to_owned()).chain(inner).find_map(Self::at).ok_or_else(|| {
            Error::new(format!(
                "{} does not hold a SonarScanner CLI (lib/sonar-scanner-cli-*.jar)",
                folder.display()
            ))
            .hint("Remove that folder, and set scannerDownloadUrl to an archive of the SonarScanner CLI.")
        })
    }

    fn at(folder: PathBuf) -> Option<Self> {
        let is_jar = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("sonar-scanner-cli-") && name.ends_with(".jar")
        };
        let jar =
            std::fs::read_dir(folder.join("lib")).ok()?.flatten().map(|entry| entry.path()).find(is_jar)?;
        Some(Self { folder, jar })
    }
}

/// What is needed to run the CLI.
#[derive(Debug, Clone, Copy)]
pub struct Cli<'a> {
    /// The java executable.
    pub java: &'a Path,
    /// The CLI.
    pub home: &'a CliHome,
    /// Its version.
    pub version: &'a str,
    /// Options of Java, divided by white space.
    pub java_options: &'a str,
    /// All properties of the analysis, the token among them.
    pub properties: &'a Properties,
    /// The project's base directory.
    pub directory: &'a Path,
    /// The settings file that it reads instead of the one in the sources, which may set more than it is allowed to.
    pub settings_file: &'a Path,
}

/// Whether this version reads `SONAR_SCANNER_JSON_PARAMS`, and runs the engine and the Java of the server.
pub fn knows_provisioning(version: &str) -> bool {
    version.split('.').next().and_then(|major| major.parse().ok()).is_none_or(|major: u32| major >= 6)
}

impl Cli<'_> {
    /// The command. Its arguments hold no secret of ours.
    pub fn invocation(&self) -> Invocation {
        let property = |name: &str, path: &Path| format!("-D{name}={}", path.display());
        let mut arguments: Vec<String> = self.java_options.split_whitespace().map(str::to_owned).collect();
        arguments.extend([
            "-Djava.awt.headless=true".to_owned(),
            "-classpath".to_owned(),
            self.home.jar.display().to_string(),
            property("scanner.home", &self.home.folder),
            property("project.home", self.directory),
        ]);
        arguments.push(property("project.settings", self.settings_file));
        arguments.push("org.sonarsource.scanner.cli.Main".to_owned());
        let parameters = match knows_provisioning(self.version) {
            true => "SONAR_SCANNER_JSON_PARAMS",
            false => "SONARQUBE_SCANNER_PARAMS",
        };
        // Keys and values of text always serialise.
        let json = Secret::new(serde_json::to_string(&self.parameters()).unwrap_or_default());
        Invocation {
            program: self.java.to_owned(),
            arguments,
            directory: self.directory.to_owned(),
            environment: Vec::new(),
            secret_environment: vec![(parameters.to_owned(), json)],
            stdin: None,
        }
    }

    /// The properties with each `${` escaped: the CLI replaces `${name}` in all values, and a branch may be called
    /// `${sonar.token}`.
    fn parameters(&self) -> Properties {
        if !self.properties.iter().any(|(_, value)| value.contains("${")) {
            return self.properties.clone();
        }
        let all = self.properties.iter().map(|(key, value)| (key.to_owned(), placeholder::literal(value)));
        let mut parameters: Properties = all.collect();
        parameters.set(placeholder::DOLLAR, "$");
        parameters
    }

    /// Runs the CLI with `environment`, and relays its log as that of the engine is relayed.
    ///
    /// # Errors
    /// Java could not be started.
    pub async fn run(
        &self,
        environment: &[(OsString, OsString)],
        cancellation: &Cancellation,
    ) -> Result<ScannerRun> {
        let log = CliLog::new("SonarScanner CLI", self.properties.is_true("sonar.qualitygate.wait"));
        cli_log::run(log, &self.invocation(), environment, cancellation).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cli_is_found_in_the_folder_of_its_archive() {
        let folder = tempfile::tempdir().unwrap();
        let error = CliHome::find(folder.path()).unwrap_err().to_string();
        assert!(error.contains("does not hold a SonarScanner CLI"), "{error}");
        let home = folder.path().join("sonar-scanner-5.0.1.3006");
        std::fs::create_dir_all(home.join("lib")).unwrap();
        let jar = home.join("lib/sonar-scanner-cli-5.0.1.3006.jar");
        std::fs::write(&jar, "").unwrap();
        let expected = CliHome { folder: home.clone(), jar };
        assert_eq!(CliHome::find(folder.path()).unwrap(), expected);
        assert_eq!(CliHome::find(&home).unwrap(), expected);
    }

    #[test]
    fn secrets_are_in_the_environment_only() {
        let home = CliHome { folder: "/tools/scanner".into(), jar: "/tools/scanner/lib/cli.jar".into() };
        let properties: Properties = [("sonar.token".to_owned(), "hush1".to_owned())].into_iter().collect();
        let cli = Cli {
            java: Path::new("/java"),
            home: &home,
            version: "5.0.1.3006",
            java_options: " -Xmx1g  -Da=b ",
            properties: &properties,
            directory: Path::new("/src"),
            settings_file: Path::new("/src/ci/my.properties"),
        };
        let shown = cli.invocation();
        assert_eq!(
            shown.to_string(),
            "/java -Xmx1g -Da=b -Djava.awt.headless=true -classpath /tools/scanner/lib/cli.jar \
             -Dscanner.home=/tools/scanner -Dproject.home=/src \
             -Dproject.settings=/src/ci/my.properties org.sonarsource.scanner.cli.Main"
        );
        let environment = |cli: Cli<'_>| {
            let pairs = cli.invocation().secret_environment;
            pairs.into_iter().map(|(name, value)| format!("{name}={}", value.expose())).collect::<Vec<_>>()
        };
        let json = r#"{"sonar.token":"hush1"}"#;
        assert_eq!(environment(cli), [format!("SONARQUBE_SCANNER_PARAMS={json}")]);
        let mut odd = properties.clone();
        odd.set("sonar.branch.name", "x${sonar.token}");
        let json_of_odd = r#"{"sonar.azdo.dollar":"$","sonar.branch.name":"x${sonar.azdo.dollar}{sonar.token}","sonar.token":"hush1"}"#;
        assert_eq!(
            environment(Cli { properties: &odd, ..cli }),
            [format!("SONARQUBE_SCANNER_PARAMS={json_of_odd}")]
        );
        let newer = Cli { version: "8.1.0.6389", ..cli };
        assert_eq!(environment(newer), [format!("SONAR_SCANNER_JSON_PARAMS={json}")]);
    }
}
