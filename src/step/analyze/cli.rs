//! The analysis by the SonarScanner CLI.

use super::java_options::JavaOptions;
use super::provision::server_jre;
use super::{Setting, java_choices, network};
use crate::agent::Child;
use crate::analysis::ScannerRelease;
use crate::error::{Error, Result};
use crate::scanner::cli::{Cli, CliHome, TOOL, knows_provisioning};
use crate::scanner::{EngineResult, Java, JavaHome, java_needed};
use crate::step::machine;
use std::path::Path;

/// Runs it.
pub(super) async fn run(setting: &Setting<'_>, release: &ScannerRelease) -> Result<EngineResult> {
    let Setting { job, prepared, .. } = setting;
    let (home, java) = tokio::select! {
        provisioned = provision(setting, release) => provisioned?,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    tracing::info!("{java}");
    let mut properties = setting.properties.clone();
    // The CLI has its own to say.
    for key in ["sonar.scanner.app", "sonar.scanner.appVersion"] {
        properties.remove(key);
    }
    properties.set(prepared.server.token_property(), setting.token.expose());
    let directory = setting.properties.value("sonar.projectBaseDir").unwrap_or(".");
    let mut java_options = job.environment.value("SONAR_SCANNER_OPTS").unwrap_or_default().to_owned();
    let of_engine = properties.value("sonar.scanner.javaOpts").unwrap_or_default().to_owned();
    // Without SONAR_SCANNER_*: to a CLI from 6 on these are worth more than properties, and they have become such.
    let mut environment = job.environment.for_child(Child::ScannerCli, &setting.inputs.pass_environment);
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("SONAR_SCANNER_"));
    if runs_engine_itself(setting, release) {
        java_options = format!("{java_options} {of_engine}");
        java_options = JavaOptions::of(setting, Path::new(directory), &java_options).text;
        java_options.push_str(&network::options_of_java(&properties, &prepared.server_url));
    } else {
        // Else it would look for a Java of its own.
        properties.set("sonar.scanner.javaExePath", java.executable.display().to_string());
        let chosen = JavaOptions::of(setting, Path::new(directory), &of_engine).text;
        properties.set("sonar.scanner.javaOpts", chosen.trim());
    }
    // Else it would read one that lies in the base directory, too.
    let working_directory = job.predefined.working_directory()?;
    let settings_file = prepared.settings_file.as_deref().map(|file| working_directory.join(file));
    let cli = Cli {
        java: &java.executable,
        home: &home,
        version: &release.version,
        java_options: &java_options,
        properties: &properties,
        directory: Path::new(directory),
        settings_file: settings_file.as_deref(),
    };
    cli.run(&environment, &job.cancellation).await
}

/// Whether the engine runs inside of the CLI's Java, as it did before either of both knew better.
fn runs_engine_itself(setting: &Setting<'_>, release: &ScannerRelease) -> bool {
    !setting.prepared.server.has_engine_provisioning() || !knows_provisioning(&release.version)
}

async fn provision(setting: &Setting<'_>, release: &ScannerRelease) -> Result<(CliHome, Java)> {
    let Setting { job, prepared, .. } = setting;
    let folder = machine::tool_cache(job)?
        .install(TOOL, release, &job.predefined.working_directory()?, &job.http, &setting.cache)
        .await?;
    let home = CliHome::find(&folder)?;
    // The server's engine runs in the same Java, whether inside of the CLI or beside it.
    let needed = java_needed(&home.jar).unwrap_or(0).max(prepared.server.oldest_java());
    let homes = JavaHome::among(job.environment.iter());
    let choices = java_choices(setting, &homes);
    if let Some(java) = choices.made(needed)? {
        return Ok((home, java));
    }
    let wanted = prepared.server.has_engine_provisioning() && !choices.skip_provisioning;
    let jre = server_jre(setting, None, wanted).await?;
    Ok((home, choices.best(jre.map(|jre| jre.path), needed)?))
}
