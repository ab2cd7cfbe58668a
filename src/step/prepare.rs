//! SonarPrepare: decides what is analysed and how, checks that it can be, and leaves a record.

use super::{Ending, Job, Records, server};
use crate::agent::{ConfigMode, JobConnection, Predefined, PrepareInputs, ServiceConnection};
use crate::analysis::{
    AnalysisId, ExtraProperties, Prepared, Properties, RECORD_VERSION, ScannerMode, ServerFacts, ServerKind,
    java_properties, suggestion,
};
use crate::azure_devops::AzureDevOps;
use crate::context::{PipelineContext, Provider, decide};
use crate::error::{Error, Result};
use crate::http::Authentication;
use crate::secret::Secret;
use crate::sonarqube::{ProjectAccess, SonarQube};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

mod history;
mod scanners;

/// Runs the step.
///
/// # Errors
/// Whatever keeps the analysis from succeeding later, in words of the user.
pub async fn prepare(job: &Job) -> Result<Ending> {
    let connection = ServiceConnection::read(&job.environment)?;
    register_secrets(job, &connection);
    let inputs = PrepareInputs::read(&job.environment)?;
    let extra = read_extra_properties(&inputs)?;
    let place = Place::find(&job.predefined, &inputs, &extra)?;

    let sonarqube = connect(job, &connection);
    let checked = server::check(&sonarqube, &job.cancellation).await?;
    tracing::info!("{} {} at {}", checked.facts.product(), checked.facts.version, sonarqube.address());
    let cli = scanners::cli_release(&inputs, &checked.facts)?;
    let project_key = place.project_key(&inputs, &extra)?;
    let access = match &project_key {
        Some(key) => Some(server::check_project(&sonarqube, &checked.facts, key).await?),
        None => None,
    };

    let context = job.predefined.pipeline_context();
    let default =
        default_branch(job, &context, &sonarqube, &checked.facts, project_key.as_deref(), access).await;
    let default = default.as_ref().map(|(name, source)| (name.as_str(), *source));
    let scope = decide(&context, &checked.facts, default);
    let overridden = extra
        .iter()
        .any(|(key, _)| key.starts_with("sonar.branch.") || key.starts_with("sonar.pullrequest."));
    let skip = if overridden { None } else { scope.skip };
    if overridden {
        tracing::info!("Analysing what sonar.branch.* or sonar.pullrequest.* in extraProperties say");
    } else if skip.is_some() {
        tracing::warn!("{}", scope.explanation);
    } else {
        tracing::info!("{}", scope.explanation);
    }

    let id = new_id()?;
    let records = Records::new(&job.predefined.temp_directory()?);
    let report_file = records.report_file(&id);
    let mut properties = properties_of_inputs(&inputs);
    if !overridden {
        properties.extend(&scope.properties);
    }
    if skip.is_some() {
        properties.set("sonar.scanner.skip", "true");
    }
    properties.extend(&extra);
    if skip.is_none() {
        history::complete(job, &inputs, &place, &properties, default.map(|(name, _)| name)).await?;
    }
    if inputs.build_wrapper && skip.is_none() {
        let folder = records.folder().join(id.as_str()).join("build-wrapper");
        scanners::install_build_wrapper(job, &sonarqube, &checked.facts, &folder, &mut properties).await?;
    }
    let mut secrets = properties.take_secrets();
    if let Some(password) = &connection.password {
        secrets.set("sonar.password", password.expose());
    }

    let mut prepared = Prepared {
        version: RECORD_VERSION,
        id,
        created: checked.date.unwrap_or_else(now),
        by_server_clock: checked.date.is_some(),
        server_url: connection.url.clone(),
        api_url: sonarqube.api_url().clone(),
        bearer: matches!(connection.authentication(), Authentication::Bearer(_)),
        server: checked.facts,
        mode: inputs.mode,
        cli,
        dotnet: None,
        project_key,
        base_dir: place.relative(&place.base_dir),
        settings_file: place.settings_file.as_deref().map(|file| place.relative(file)),
        properties,
        target: scope.target,
        skip,
        build_id: job.predefined.build_buildid.clone(),
    };
    set_variables(job, &connection, &prepared, &secrets, &place, &report_file);
    let is_skipped = prepared.skip.is_some() || prepared.properties.is_true("sonar.scanner.skip");
    if prepared.mode == ScannerMode::Dotnet && !is_skipped {
        let start = scanners::begin_dotnet(
            job,
            &inputs,
            &prepared,
            &secrets,
            &connection.token,
            &place,
            &report_file,
        );
        prepared.dotnet = Some(start.await?);
    }
    records.write_prepared(&prepared)?;
    match (&prepared.project_key, &prepared.skip) {
        (_, Some(_)) => Ending::new("Prepared: nothing will be analysed"),
        (Some(key), None) => Ending::new(format!("Prepared the analysis of {key}")),
        (None, None) => Ending::new("Prepared the analysis"),
    }
}

/// The token in every form in which it may appear in a log, before anything else is written.
fn register_secrets(job: &Job, connection: &ServiceConnection) {
    let header = connection.authentication().header_value();
    job.commands.set_secret(&connection.token);
    if let Some(password) = &connection.password {
        job.commands.set_secret(password);
    }
    if let Some(encoded) = header.expose().strip_prefix("Basic ") {
        job.commands.set_secret(&Secret::new(encoded));
    }
    job.commands.set_secret(&header);
}

fn connect(job: &Job, connection: &ServiceConnection) -> SonarQube {
    let api = SonarQube::api_url_of(&connection.url, connection.kind);
    SonarQube::new(
        job.http.clone(),
        connection.url.clone(),
        api,
        connection.kind,
        connection.authentication(),
    )
}

/// Properties the connection decides: another value would send the token to another server.
const OF_THE_CONNECTION: &[&str] = &[
    "sonar.host.url",
    "sonar.token",
    "sonar.login",
    "sonar.password",
    "sonar.scanner.apiBaseUrl",
    "sonar.scanner.sonarcloudUrl",
];

fn read_extra_properties(inputs: &PrepareInputs) -> Result<Properties> {
    let ExtraProperties { mut properties, unreadable } = ExtraProperties::parse(&inputs.extra_properties);
    if let Some((number, line)) = unreadable.first() {
        let message = format!("line {number} of extraProperties is no key=value: {line}");
        if inputs.strict_properties {
            return Err(
                Error::new(message).hint("Write key=value, or begin the line with # to make it a comment.")
            );
        }
        for (number, line) in &unreadable {
            tracing::warn!("line {number} of extraProperties is no key=value and is ignored: {line}");
        }
    }
    for (key, _) in properties.iter() {
        if let Some(known) = suggestion(key) {
            tracing::warn!("SonarQube knows no property {key}; did you mean {known}?");
        }
    }
    for key in OF_THE_CONNECTION {
        if properties.remove(key).is_some() {
            tracing::warn!("{key} in extraProperties is ignored: the service connection sets it");
        }
    }
    Ok(properties)
}

/// Where the analysis happens.
struct Place {
    working_directory: PathBuf,
    base_dir: PathBuf,
    settings_file: Option<PathBuf>,
}

impl Place {
    fn find(predefined: &Predefined, inputs: &PrepareInputs, extra: &Properties) -> Result<Self> {
        let working_directory = predefined.working_directory()?;
        let base_dir = match extra.value("sonar.projectBaseDir").or(inputs.project_base_dir.as_deref()) {
            Some(directory) => working_directory.join(directory),
            None => working_directory.clone(),
        };
        if !base_dir.is_dir() {
            return Err(Error::new(format!(
                "the project's base directory {} does not exist",
                base_dir.display()
            ))
            .hint("Set projectBaseDir to a directory relative to System.DefaultWorkingDirectory."));
        }
        let settings_file = match (inputs.mode, inputs.config_mode) {
            (ScannerMode::Cli, ConfigMode::File) => {
                let name = inputs.config_file.as_deref().unwrap_or("sonar-project.properties");
                let file = working_directory.join(name);
                if !file.is_file() {
                    return Err(Error::new(format!("the settings file {} does not exist", file.display())).hint(
                        "Add it to the repository, set configFile to where it is, or use `configMode: manual` with \
                         cliProjectKey and cliSources.",
                    ));
                }
                Some(file)
            }
            _ => None,
        };
        Ok(Self { working_directory, base_dir, settings_file })
    }

    /// The key of the project, as far as it is known before the scanner runs.
    fn project_key(&self, inputs: &PrepareInputs, extra: &Properties) -> Result<Option<String>> {
        if let Some(key) = extra.value("sonar.projectKey").or(inputs.project_key.as_deref()) {
            return Ok(Some(key.to_owned()));
        }
        let Some(file) = &self.settings_file else { return Ok(None) };
        let text = std::fs::read_to_string(file).map_err(|error| {
            Error::new(format!("the settings file {} can't be read: {error}", file.display()))
        })?;
        let key =
            java_properties::parse(&text).remove("sonar.projectKey").filter(|key| !key.trim().is_empty());
        match key {
            Some(key) => Ok(Some(key.trim().to_owned())),
            None => Err(Error::new(format!("the settings file {} sets no sonar.projectKey", file.display()))
                .hint("Add the line sonar.projectKey=<key of the SonarQube project> to it or to extraProperties.")),
        }
    }

    /// `path` relative to the working directory where it lies in it, so that the record may travel.
    fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.working_directory).unwrap_or(path);
        if relative.as_os_str().is_empty() { ".".into() } else { relative.display().to_string() }
    }
}

fn properties_of_inputs(inputs: &PrepareInputs) -> Properties {
    let mut properties = Properties::default();
    let mut set = |key: &str, value: &Option<String>| {
        if let Some(value) = value {
            properties.set(key, value.as_str());
        }
    };
    set("sonar.organization", &inputs.organization);
    set("sonar.projectKey", &inputs.project_key);
    set("sonar.projectName", &inputs.project_name);
    set("sonar.projectVersion", &inputs.project_version);
    if (inputs.mode, inputs.config_mode) == (ScannerMode::Cli, ConfigMode::Manual) {
        set("sonar.sources", &inputs.sources);
    }
    properties
}

/// The repository's default branch and who says so.
async fn default_branch(
    job: &Job,
    context: &PipelineContext,
    sonarqube: &SonarQube,
    facts: &ServerFacts,
    project_key: Option<&str>,
    access: Option<ProjectAccess>,
) -> Option<(String, &'static str)> {
    if context.pull_request.is_some() {
        return None;
    }
    if context.provider == Provider::TfsGit
        && let (Some(connection), Some(project), Some(repository)) = (
            JobConnection::read(&job.environment, &job.predefined),
            job.predefined.system_teamprojectid.as_ref().or(context.team_project.as_ref()),
            job.predefined.build_repository_id.as_ref().or(context.repository.as_ref()),
        )
    {
        let azure = AzureDevOps::new(job.http.clone(), connection.collection, connection.token);
        match azure.default_branch(project, repository).await {
            Ok(Some(branch)) => {
                return Some((branch.trim_start_matches("refs/heads/").to_owned(), "says Azure Repos"));
            }
            Ok(None) => {}
            Err(error) => tracing::info!("The default branch could not be asked for: {error}"),
        }
    }
    if access == Some(ProjectAccess::Granted)
        && let Some(key) = project_key
    {
        match sonarqube.main_branch(key).await {
            Ok(Some(branch)) => return Some((branch, "SonarQube's main branch")),
            Ok(None) if facts.kind == ServerKind::Server => {
                tracing::debug!("the token may not ask for the main branch of {key}");
            }
            Ok(None) => {}
            Err(error) => tracing::info!("SonarQube's main branch could not be asked for: {error}"),
        }
    }
    None
}

fn new_id() -> Result<AnalysisId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(AnalysisId::from_bytes(bytes))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The job variables of the established extension, which other tasks read, and our own secret ones.
/// The token is in none that is not secret, except in mode `other`, whose scanners read it there.
fn set_variables(
    job: &Job,
    connection: &ServiceConnection,
    prepared: &Prepared,
    secrets: &Properties,
    place: &Place,
    report_file: &Path,
) {
    let commands = &job.commands;
    commands.set_secret_variable(&prepared.id.token_variable(), &connection.token);
    if !secrets.is_empty() {
        for (_, value) in secrets.iter() {
            commands.set_secret(&Secret::new(value));
        }
        commands
            .set_secret_variable(&prepared.id.secrets_variable(), &Secret::new(json!(secrets).to_string()));
    }
    commands.set_variable("SONAR_SERVER_VERSION", &prepared.server.version.three_numbers());
    commands.set_variable("SONAR_SCANNER_MODE", prepared.mode.as_str());
    commands.set_variable("SONAR_SCANNER_REPORTTASKFILE", &report_file.display().to_string());
    let product =
        if prepared.server.kind == ServerKind::Cloud { "SonarQube Cloud" } else { "SonarQube Server" };
    let token_key = if prepared.server.kind == ServerKind::Cloud { "token" } else { "username" };
    let mut data = json!({ "url": prepared.server_address(), token_key: connection.token.expose() });
    if let Some(password) = &connection.password {
        data["password"] = password.expose().into();
    }
    if let Some(organization) = prepared.properties.value("sonar.organization") {
        data["organization"] = organization.into();
    }
    commands.set_secret_variable(
        "SONAR_ENDPOINT",
        &Secret::new(json!({ "type": product, "data": data }).to_string()),
    );
    let mut parameters = prepared.properties.clone();
    parameters.set("sonar.host.url", prepared.server_address());
    parameters.set_default("sonar.scanner.metadataFilePath", report_file.display().to_string());
    if let Some(file) = &place.settings_file {
        parameters.set("project.settings", file.display().to_string());
    }
    if prepared.mode == ScannerMode::Other {
        parameters.set(prepared.server.token_property(), connection.token.expose());
        parameters.extend(secrets);
    }
    commands.set_variable("SONARQUBE_SCANNER_PARAMS", &json!(parameters).to_string());
    if prepared.mode == ScannerMode::Cli {
        commands.set_variable("SONAR_SCANNER_LOCATION", "");
    }
}
