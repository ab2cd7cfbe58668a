//! The analysis by the SonarScanner CLI.

use super::analysis_setup::AnalysisSetup;
use crate::agent::Child;
use crate::analysis::property_origin::without_module;
use crate::analysis::{Properties, ScannerRelease};
use crate::error::{Error, Result};
use crate::scanner::scanner_cli::{Cli, CliHome, TOOL, knows_provisioning};
use crate::scanner::{Check, Java, ScannerRun, java_needed};
use crate::step::machine;
use crate::step::runtime::engine_and_java::server_jre;
use crate::step::runtime::network;
use std::path::{Path, PathBuf};

/// Runs it.
pub(super) async fn run(setup: &AnalysisSetup<'_>, release: &ScannerRelease) -> Result<ScannerRun> {
    let job = setup.request.job;
    let (home, java) = job.cancellation.unless_requested(provision(setup, release)).await??;
    tracing::info!("{java}");
    let (properties, java_options) = properties_and_options(setup, release, &java);
    let settings_file = write_no_settings(setup.folder)?;
    let cli = Cli {
        java: &java.executable,
        home: &home,
        version: &release.version,
        java_options: &java_options,
        properties: &properties,
        directory: &setup.base_dir,
        settings_file: &settings_file,
    };
    // Without SONAR_SCANNER_*, which are among the properties by now: from version 6 on the CLI would prefer the variables.
    let mut environment = job.environment.for_child(Child::ScannerCli, &setup.inputs.pass_environment);
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("SONAR_SCANNER_"));
    cli.run(&environment, &job.cancellation).await
}

/// All properties, with the token, and the options of the CLI's own Java.
fn properties_and_options(
    setup: &AnalysisSetup<'_>,
    release: &ScannerRelease,
    java: &Java,
) -> (Properties, String) {
    let server = &setup.prepared.server;
    let mut properties = setup.request.properties.clone();
    // The CLI sets these itself.
    for key in ["sonar.scanner.app", "sonar.scanner.appVersion"] {
        properties.remove(key);
    }
    properties.set(server.facts.token_property(), setup.token.expose());
    let of_cli = setup.request.job.environment.value(network::SCANNER_OPTIONS).unwrap_or_default();
    let of_engine = properties.value("sonar.scanner.javaOpts").unwrap_or_default().to_owned();
    let java_options = if runs_engine_itself(setup, release) {
        let mut options = setup.java_options(&format!("{of_cli} {of_engine}")).text;
        options.push_str(&network::options_of_java(&properties, &server.url));
        options
    } else {
        // Otherwise it would choose another Java.
        properties.set("sonar.scanner.javaExePath", java.executable.display().to_string());
        properties.set("sonar.scanner.javaOpts", setup.java_options(&of_engine).text.trim());
        of_cli.to_owned()
    };
    shadow(&mut properties, &setup.refused);
    (properties, java_options)
}

/// An empty settings file: ours has been read, and the CLI would let it set more than it may. It reads those of modules all
/// the same.
fn write_no_settings(folder: &Path) -> Result<PathBuf> {
    let file = folder.join(NO_SETTINGS);
    std::fs::write(&file, "")
        .map_err(|error| Error::new(format!("{} could not be written: {error}", file.display())))?;
    Ok(file)
}

/// The name of the empty settings file.
const NO_SETTINGS: &str = "no-settings.properties";

/// Sets what a settings file of a module must not, so that the CLI, which reads that file, has another value for it: the
/// one that the module has without it.
fn shadow(properties: &mut Properties, refused: &[String]) {
    for key in refused {
        let bare = without_module(key);
        if bare != key && properties.value(key).is_none() {
            let default = if bare == "sonar.sources" { "." } else { "" };
            let inherited = properties.value(bare).unwrap_or(default).to_owned();
            properties.set(key.as_str(), inherited);
        }
    }
}

/// Whether the engine runs inside of the CLI's Java, as it did before either of both knew better.
fn runs_engine_itself(setup: &AnalysisSetup<'_>, release: &ScannerRelease) -> bool {
    !setup.prepared.server.facts.has_engine_provisioning() || !knows_provisioning(&release.version)
}

async fn provision(setup: &AnalysisSetup<'_>, release: &ScannerRelease) -> Result<(CliHome, Java)> {
    let AnalysisSetup { request, prepared, .. } = setup;
    let job = request.job;
    let tools = machine::tool_cache(job, prepared.private_cache)?;
    let directory = job.predefined.working_directory()?;
    let cli = async {
        let folder = tools.install(TOOL, release, &directory, &job.http, &request.cache).await?;
        CliHome::find(&folder)
    };
    // The server's engine runs in the same Java, whether inside of the CLI or beside it.
    let needed =
        |home: &CliHome| java_needed(&home.jar).unwrap_or(0).max(prepared.server.facts.oldest_java());
    let server_jre = async || match prepared.server.facts.has_engine_provisioning() {
        true => server_jre(request, Check::Usual).await,
        false => Ok(None),
    };
    let chosen = request.java_choices().choose(cli, needed, server_jre).await?;
    Ok((chosen.program, chosen.java))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_must_not_set_is_set_otherwise() {
        let pairs = [("sonar.exclusions", "**/gen/**"), ("web.sonar.tests", "t")];
        let mut properties: Properties =
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let refused = [
            "web.sonar.exclusions",
            "web.sonar.sources",
            "web.sonar.projectDate",
            "web.sonar.tests",
            "sonar.skip",
        ];
        shadow(&mut properties, &refused.map(str::to_owned));
        let all: Vec<_> = properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            all,
            [
                "sonar.exclusions=**/gen/**",
                "web.sonar.exclusions=**/gen/**",
                "web.sonar.projectDate=",
                "web.sonar.sources=.",
                "web.sonar.tests=t",
            ]
        );
    }
}
