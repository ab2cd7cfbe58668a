//! What the beginning and the end of the SonarScanner for .NET have in common.

use super::runtime::network;
use crate::agent::{Child, Passed};
use crate::analysis::{AnalysisServer, Properties};
use crate::error::{Error, Result};
use crate::http;
use crate::scanner::dotnet::environment::{self, Variables};
use crate::scanner::dotnet::{LogContext, settings_file};
use crate::secret::Secret;
use crate::step::job::Job;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};

/// The scanner's end is refused where this differs from what its beginning saw.
pub(super) const BUILD_URI: &str = "BUILD_BUILDURI";
/// To the scanner it is the base directory.
pub(super) const SOURCES_DIRECTORY: &str = "BUILD_SOURCESDIRECTORY";

/// Where the scanner keeps what lies between its beginning and its end.
///
/// Contract (observed): on an agent below `Agent.BuildDirectory`, else in the folder that it runs in.
pub(super) fn work_folder(job: &Job) -> Result<PathBuf> {
    let is_agent = job.environment.value("TF_BUILD").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let of_agent = job.environment.value("AGENT_BUILDDIRECTORY").filter(|_| is_agent).map(PathBuf::from);
    let folder = of_agent.map_or_else(|| job.predefined.working_directory(), Ok)?;
    Ok(folder.join(".sonarqube"))
}

/// The SHA-256 of the configuration that the beginning leaves for the end: none where there is no such file.
pub(super) fn configuration(work_folder: &Path) -> Option<String> {
    let text = std::fs::read(work_folder.join("conf/SonarQubeAnalysisConfig.xml")).ok()?;
    Some(http::hex(&Sha256::digest(&text)))
}

/// What the scanner's process inherits, its way to the server included. `properties` are those that
/// [`network::equip`] made complete; `passed` is what the user passes on.
pub(super) fn variables(
    job: &Job,
    server: &AnalysisServer,
    properties: &Properties,
    passed: &Passed,
) -> Result<Variables> {
    let mut variables = job.environment.for_child(Child::Dotnet, passed);
    environment::prepare(&mut variables, &job.predefined.temp_directory()?);
    environment::isolate(&mut variables);
    environment::trust(&mut variables, job.http.settings().ca_files.first().map(PathBuf::as_path));
    let proxy = network::proxy_in(properties);
    environment::route(&mut variables, &server.url, proxy.as_ref());
    Ok(variables)
}

/// Writes the scanner's settings file. Its end reads it again.
pub(super) fn write_settings(folder: &Path, settings: &Properties) -> Result<PathBuf> {
    let file = folder.join("SonarQube.Analysis.xml");
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, settings_file(settings)))
        .map_err(|error| Error::new(format!("{} could not be written: {error}", file.display())))?;
    Ok(file)
}

/// Adds what signs in at the server to the properties that only the scanner's own process sees.
pub(super) fn sign_in(server: &AnalysisServer, token: &Secret, parameters: &mut Properties) {
    parameters.set("sonar.host.url", server.address());
    parameters.set(server.facts.token_property(), token.expose());
}

/// The server's product and version, as the log names them.
pub(super) fn product(server: &AnalysisServer) -> String {
    format!("{} {}", server.facts.product(), server.facts.version)
}

/// What the scanner's log is told by.
pub(super) fn facts<'a>(
    job: &'a Job,
    server: &'a AnalysisServer,
    product: &'a str,
    work_folder: &'a Path,
) -> LogContext<'a> {
    LogContext {
        server: server.address(),
        product,
        work_folder: Some(work_folder),
        packages: job.environment.value("NUGET_PACKAGES"),
    }
}
