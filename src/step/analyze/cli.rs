//! The analysis by the SonarScanner CLI.

use super::Analysis;
use crate::agent::Child;
use crate::analysis::ScannerRelease;
use crate::error::{Error, Result};
use crate::scanner::cli::{Cli, CliHome, TOOL, knows_provisioning};
use crate::scanner::{EngineEnd, Java, JavaHome, java_needed};
use crate::step::machine;
use crate::step::runtime::network;
use crate::step::runtime::provision::server_jre;
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
    properties.set(prepared.server.token_property(), token.expose());
    let directory = setting.properties.value("sonar.projectBaseDir").unwrap_or(".");
    let mut java_options = job.environment.value(network::SCANNER_OPTIONS).unwrap_or_default().to_owned();
    let of_engine = properties.value("sonar.scanner.javaOpts").unwrap_or_default().to_owned();
    // Without SONAR_SCANNER_*: to a CLI from 6 on these are worth more than properties, and they have become such.
    let mut environment = job.environment.for_child(Child::ScannerCli, &analysis.inputs.pass_environment);
    environment.retain(|(name, _)| !name.to_string_lossy().starts_with("SONAR_SCANNER_"));
    if runs_engine_itself(analysis, release) {
        java_options = format!("{java_options} {of_engine}");
        java_options = analysis.java_options(Path::new(directory), &java_options).text;
        java_options.push_str(&network::options_of_java(&properties, &prepared.server_url));
    } else {
        // Else it would look for a Java of its own.
        properties.set("sonar.scanner.javaExePath", java.executable.display().to_string());
        let chosen = analysis.java_options(Path::new(directory), &of_engine).text;
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
fn runs_engine_itself(analysis: &Analysis<'_>, release: &ScannerRelease) -> bool {
    !analysis.prepared.server.has_engine_provisioning() || !knows_provisioning(&release.version)
}

async fn provision(analysis: &Analysis<'_>, release: &ScannerRelease) -> Result<(CliHome, Java)> {
    let Analysis { setting, prepared, .. } = analysis;
    let job = setting.job;
    let folder = machine::tool_cache(job, prepared.private_cache)?
        .install(TOOL, release, &job.predefined.working_directory()?, &job.http, &setting.cache)
        .await?;
    let home = CliHome::find(&folder)?;
    // The server's engine runs in the same Java, whether inside of the CLI or beside it.
    let needed = java_needed(&home.jar).unwrap_or(0).max(prepared.server.oldest_java());
    let homes = JavaHome::among(job.environment.iter());
    let choices = setting.java_choices(&homes);
    if let Some(java) = choices.made(needed)? {
        return Ok((home, java));
    }
    let wanted = prepared.server.has_engine_provisioning() && !choices.skip_provisioning;
    let jre = server_jre(setting, None, wanted).await?;
    Ok((home, choices.best(jre.map(|jre| jre.provisioned.path), needed)?))
}
