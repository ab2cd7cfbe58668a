//! The variables that SonarPrepare leaves to the other steps of the job.

use super::project::Project;
use super::setup::Setup;
use crate::analysis::{AnalysisId, AnalysisSecrets, AnalysisServer, Properties, ScannerMode, ServerKind};
use crate::http;
use crate::secret::Secret;
use crate::step::job::Job;
use serde_json::json;
use url::Url;

/// Our own variables of an analysis, which are secret.
pub(super) fn set_secret_variables(setup: &Setup<'_>, id: &AnalysisId, secrets: &AnalysisSecrets) {
    let commands = &setup.job.commands;
    commands.fix_secret_variable(&id.token_variable(), &setup.connection.token);
    if !secrets.is_empty() {
        for value in secrets.values() {
            commands.set_secret(&Secret::new(value));
        }
        commands.fix_secret_variable(&id.secrets_variable(), &Secret::new(json!(secrets).to_string()));
    }
}

/// The job variables of the established extension, which other tasks read. The token is in none that is not secret.
/// `properties` are those of the only analysis, or of the first of several.
pub(super) fn set_established_variables(setup: &Setup<'_>, server: &AnalysisServer, properties: &Properties) {
    let Setup { job, connection, inputs, .. } = setup;
    let commands = &job.commands;
    commands.set_variable("SONAR_SERVER_VERSION", &server.facts.version.three_numbers());
    commands.set_variable("SONAR_SCANNER_MODE", inputs.mode.as_str());
    let (product, token_key) = match server.facts.kind {
        ServerKind::Cloud => ("SonarQube Cloud", "token"),
        ServerKind::Server => ("SonarQube Server", "username"),
    };
    let mut data = json!({ "url": server.address(), token_key: connection.token.expose() });
    if let Some(password) = &connection.password {
        data["password"] = password.expose().into();
    }
    if let Some(organization) = properties.value("sonar.organization") {
        data["organization"] = organization.into();
    }
    let endpoint = json!({ "type": product, "data": data }).to_string();
    commands.set_secret_variable("SONAR_ENDPOINT", &Secret::new(endpoint));
    if inputs.mode == ScannerMode::Cli {
        commands.set_variable("SONAR_SCANNER_LOCATION", "");
    }
}

/// Those of them that are of one analysis, which is the only one. Scanners of the build, in mode `other`, read the token
/// there, so that there alone a plain variable holds it.
pub(super) fn set_scanner_parameters(
    setup: &Setup<'_>,
    server: &AnalysisServer,
    (id, project): (&AnalysisId, &Project),
    (properties, secrets): (&Properties, &AnalysisSecrets),
) {
    let Setup { job, connection, inputs, records, .. } = setup;
    let report_file = records.report_file(id).display().to_string();
    job.commands.set_variable("SONAR_SCANNER_REPORTTASKFILE", &report_file);
    let mut parameters = properties.clone();
    parameters.set("sonar.host.url", server.address());
    parameters.set_default("sonar.scanner.metadataFilePath", report_file);
    if let Some(file) = &project.settings_file {
        parameters.set("project.settings", file.display().to_string());
    }
    if inputs.mode == ScannerMode::Other {
        warn_of_another_server(job, server);
        parameters.set(server.facts.token_property(), connection.token.expose());
        parameters.extend(&secrets.properties);
    }
    job.commands.set_variable("SONARQUBE_SCANNER_PARAMS", &json!(parameters).to_string());
}

/// To scanners these variables are worth more than the parameters that hold the server and the token (observed of the
/// plugin for Maven).
fn warn_of_another_server(job: &Job, server: &AnalysisServer) {
    let address = |url: &Url| http::printable(url).trim_end_matches('/').to_owned();
    for (name, expected) in [("SONAR_HOST_URL", &server.url), ("SONAR_SCANNER_API_BASE_URL", &server.api_url)]
    {
        let Some(other) = job.environment.value(name) else { continue };
        let other = Url::parse(other).map_or_else(|_| "another address".to_owned(), |url| address(&url));
        if other != address(expected) {
            tracing::warn!(
                "The variable {name} leads to {other}: the build's scanner will go there, with the token for {}. Remove \
                 that variable",
                server.address()
            );
        }
    }
}
