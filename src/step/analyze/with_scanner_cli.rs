//! The analysis by the SonarScanner CLI.

use super::Analysis;
use crate::agent::Child;
use crate::analysis::property_origin::without_module;
use crate::analysis::{Properties, ScannerRelease};
use crate::error::{Error, Result};
use crate::scanner::scanner_cli::{Cli, CliHome, TOOL, knows_provisioning};
use crate::scanner::{EngineEnd, Java, java_needed};
use crate::step::machine;
use crate::step::runtime::engine_and_java::server_jre;
use crate::step::runtime::network;
use std::path::Path;

/// Runs it.
pub(super) async fn run(analysis: &Analysis<'_>, release: &ScannerRelease) -> Result<EngineEnd> {
    let Analysis { setting, prepared, token, .. } = analysis;
    let job = setting.job;
    let (home, java) = tokio::select! {
        provisioned = provision(analysis, release) => provisioned?,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    tracing::info!("{java}");
    let mut properties = setting.properties.clone();
    // The CLI has its own to say.
    for key in ["sonar.scanner.app", "sonar.scanner.appVersion"] {
        properties.remove(key);
    }
    properties.set(prepared.server.facts.token_property(), token.expose());
    let directory = setting.properties.value("sonar.projectBaseDir").unwrap_or(".");
    let mut java_options = job.environment.value(network::SCANNER_OPTIONS).unwrap_or_default().to_owned();
    let of_engine = properties.value("sonar.scanner.javaOpts").unwrap_or_default().to_owned();
    // Without SONAR_SCANNER_*: to a CLI from 6 on these are worth more than properties, and they have become such.
    let mut environment = job.environment.for_child(Child::ScannerCli, &analysis.inputs.pass_environment);
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("SONAR_SCANNER_"));
    if runs_engine_itself(analysis, release) {
        java_options = format!("{java_options} {of_engine}");
        java_options = analysis.java_options(Path::new(directory), &java_options).text;
        java_options.push_str(&network::options_of_java(&properties, &prepared.server.url));
    } else {
        // Else it would look for a Java of its own.
        properties.set("sonar.scanner.javaExePath", java.executable.display().to_string());
        let chosen = analysis.java_options(Path::new(directory), &of_engine).text;
        properties.set("sonar.scanner.javaOpts", chosen.trim());
    }
    // It has been read for it: the CLI would let it say more than it may. Those of modules it reads all the same.
    let settings_file = analysis.folder.join(NO_SETTINGS);
    std::fs::write(&settings_file, "")
        .map_err(|error| Error::new(format!("{} can't be written: {error}", settings_file.display())))?;
    shadow(&mut properties, &analysis.refused);
    let cli = Cli {
        java: &java.executable,
        home: &home,
        version: &release.version,
        java_options: &java_options,
        properties: &properties,
        directory: Path::new(directory),
        settings_file: &settings_file,
    };
    cli.run(&environment, &job.cancellation).await
}

/// The name of a settings file that says nothing.
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
fn runs_engine_itself(analysis: &Analysis<'_>, release: &ScannerRelease) -> bool {
    !analysis.prepared.server.facts.has_engine_provisioning() || !knows_provisioning(&release.version)
}

async fn provision(analysis: &Analysis<'_>, release: &ScannerRelease) -> Result<(CliHome, Java)> {
    let Analysis { setting, prepared, .. } = analysis;
    let job = setting.job;
    let tools = machine::tool_cache(job, prepared.private_cache)?;
    let directory = job.predefined.working_directory()?;
    let cli = async {
        let folder = tools.install(TOOL, release, &directory, &job.http, &setting.cache).await?;
        CliHome::find(&folder)
    };
    // The server's engine runs in the same Java, whether inside of the CLI or beside it.
    let needed =
        |home: &CliHome| java_needed(&home.jar).unwrap_or(0).max(prepared.server.facts.oldest_java());
    let server_jre = async || match prepared.server.facts.has_engine_provisioning() {
        true => server_jre(setting, None).await,
        false => Ok(None),
    };
    let chosen = setting.java_choices().choose(cli, needed, server_jre).await?;
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
