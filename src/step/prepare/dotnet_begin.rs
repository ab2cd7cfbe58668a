//! The beginning of an analysis by the SonarScanner for .NET.

use super::dotnet_tool;
use super::project::Project;
use super::setup::Setup;
use crate::agent::Passed;
use crate::analysis::{
    AnalysisId, AnalysisSecrets, AnalysisServer, Begun, Outcome, PreparedScanner, Properties,
};
use crate::error::{Error, Result};
use crate::scanner::dotnet::{self, Dotnet};
use crate::scanner::{Audit, Cache, Check, ClassArchive, Java};
use crate::sonarqube::SonarQube;
use crate::step::cache_choice;
use crate::step::dotnet_begin_end::{
    BUILD_URI, SOURCES_DIRECTORY, configuration, facts, product, sign_in, variables, work_folder,
    write_settings,
};
use crate::step::runtime::engine_and_java::{Ready, provision};
use crate::step::runtime::{self, Jdk, RuntimeRequest, network};
use std::path::{Path, PathBuf};

/// The analysis that is to begin.
pub(super) struct DotnetAnalysis<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) sonarqube: &'a SonarQube,
    pub(super) server: &'a AnalysisServer,
    pub(super) project: &'a Project,
    pub(super) id: &'a AnalysisId,
    pub(super) properties: &'a Properties,
    pub(super) secrets: &'a AnalysisSecrets,
}

/// Begins the analysis. Returns how the scanner is started, and what its end needs to know.
pub(super) async fn begin(analysis: &DotnetAnalysis<'_>) -> Result<PreparedScanner> {
    let DotnetAnalysis { setup, server, .. } = analysis;
    let Setup { job, connection, inputs, .. } = setup;
    let mut chosen = analysis.properties.clone();
    let home = runtime::user_home_or_temporary(job, &mut chosen)?;
    let credentials = (&connection.token, connection.password.as_ref());
    let cache = cache_choice::choose(job, &home, credentials, inputs.private_cache, Audit::Scanner).await?;
    let user_home = cache.user_home().to_owned();
    let provisioning = dotnet_tool::provision(job, inputs, &server.facts, &cache);
    let scanner = job.cancellation.unless_requested(provisioning).await??;
    let folder = setup.records.folder().join(analysis.id.as_str());
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::new(format!("{} could not be created: {error}", folder.display())))?;
    let mut properties = of_scanner(analysis, &folder);
    properties.extend(&analysis.secrets.properties);
    if user_home != home || chosen.value("sonar.userHome").is_some() {
        properties.set("sonar.userHome", user_home.display().to_string());
    }
    network::equip(job, (&server.url, true), &folder, &user_home, &mut properties)?;
    // Held to the end of the run: plugins are fetched meanwhile.
    let (java, ready) = java_and_engine(analysis, &properties, cache).await?;
    tracing::info!("{java}");
    properties.set("sonar.scanner.javaExePath", java.executable.display().to_string());
    let engine = ready.as_ref().map(|ready| ready.jar.path.display().to_string());
    if let Some(engine) = &engine {
        properties.set("sonar.scanner.engineJarPath", engine.as_str());
    }
    let variables = variables(job, server, &properties, &Passed::default())?;

    let mut parameters = properties.take_secrets();
    let handed = dotnet::hand_over(&properties);
    parameters.extend(&handed.parameters);
    sign_in(server, &connection.token, &mut parameters);
    let settings_file = write_settings(&folder, &handed.settings)?;
    let mut arguments = vec!["begin".to_owned()];
    arguments.extend(handed.arguments);
    arguments.push(format!("/s:{}", settings_file.display()));
    let (product, work_folder) = (product(server), work_folder(job)?);
    let run = Dotnet {
        start: &scanner.start,
        arguments,
        directory: &analysis.project.working_directory,
        parameters: dotnet::parameters(&parameters),
        archive: &ClassArchive::Unused,
        facts: facts(job, server, &product, &work_folder),
    };
    match run.run(&variables, &job.cancellation).await? {
        Outcome::Succeeded => {}
        Outcome::Cancelled => return Err(Error::cancelled()),
        Outcome::Failed { message }
        | Outcome::GateFailed { message }
        | Outcome::Skipped { reason: message }
        | Outcome::NothingAnalysed { reason: message } => {
            return Err(Error::new(format!("the SonarScanner for .NET could not begin: {message}")));
        }
    }
    let variable = |name: &str| job.environment.value(name).map(str::to_owned);
    let begun = Begun {
        java: java.executable.display().to_string(),
        java_choice: java.to_string(),
        engine,
        was_cached: ready.as_ref().is_some_and(Ready::was_cached),
        user_home: user_home.display().to_string(),
        settings: handed.settings,
        build_uri: variable(BUILD_URI),
        sources_directory: variable(SOURCES_DIRECTORY),
        configuration: configuration(&work_folder),
        jre: ready.as_ref().and_then(|ready| Some(ready.jre.as_ref()?.offer.clone())),
        engine_offer: ready.as_ref().and_then(|ready| Some(ready.jar.offered.as_ref()?.offer.clone())),
    };
    Ok(PreparedScanner::Dotnet { tool: scanner, begun: Box::new(begun) })
}

/// The properties that the scanner gets beside those of the record.
fn of_scanner(analysis: &DotnetAnalysis<'_>, folder: &Path) -> Properties {
    let DotnetAnalysis { setup, project, .. } = analysis;
    let mut properties = analysis.properties.clone();
    let report_file = setup.records.report_file(analysis.id);
    properties.set_default("sonar.scanner.metadataFilePath", report_file.display().to_string());
    // Analyzers are code that the compiler runs. Else they lay in a folder that all users of the machine share, unverified.
    properties.set_default("sonar.plugin.cache.directory", folder.join("analyzers").display().to_string());
    if setup.inputs.project_base_dir.is_some() {
        properties.set_default("sonar.projectBaseDir", project.base_dir.display().to_string());
    }
    if setup.job.predefined.is_debug() {
        properties.set_default("sonar.verbose", "true");
    }
    properties
}

/// As mode `cli` provisions and verifies them. A server that provides no engine leaves it to the scanner, and Java to the
/// agent.
async fn java_and_engine(
    analysis: &DotnetAnalysis<'_>,
    properties: &Properties,
    cache: Cache,
) -> Result<(Java, Option<Ready>)> {
    let (job, server) = (analysis.setup.job, &analysis.server.facts);
    let request = RuntimeRequest {
        job,
        facts: server,
        sonarqube: analysis.sonarqube.clone(),
        cache,
        platform: runtime::platform(job, properties),
        properties: properties.clone(),
        jdk: Jdk::default(),
    };
    if server.has_engine_provisioning() {
        // The beginning runs neither of them, and the end checks both before it does.
        let ready = provision(&request, Check::WhenUsed).await?;
        return Ok((ready.java.clone(), Some(ready)));
    }
    let nothing = async { Ok(()) };
    let needed = |(): &()| server.oldest_java();
    let chosen = request.java_choices().choose(nothing, needed, async || Ok(None::<PathBuf>)).await?;
    Ok((chosen.java, None))
}
