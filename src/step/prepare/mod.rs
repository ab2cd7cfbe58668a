//! SonarPrepare: decides what is analysed and how, checks that it can be, and leaves a record.

use super::{cache_choice, runtime};
use crate::agent::{ConfigMode, PrepareInputs, ServiceConnection};
use crate::analysis::precedence::Precedence;
use crate::analysis::{
    AnalysisId, AnalysisSecrets, AnalysisServer, Member, Prepared, PreparedScanner, Properties,
    PropertySource, RECORD_VERSION, ScannerMode, ScannerRelease, ServerKind,
};
use crate::context::{Scope, name_branches};
use crate::error::{Error, Result};
use crate::http;
use crate::scanner::Audit;
use crate::secret::Secret;
use crate::sonarqube::SonarQube;
use crate::step::job::{Completion, Job};
use crate::step::record::list::Records;
use crate::step::record::seal::{Seal, seal_of};
use crate::step::server_check;
use crate::step::sources_clone::clone_of;
use project::Place;
use serde_json::json;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};
use url::Url;

mod changed_projects;
mod complete_history;
mod decision;
mod dotnet_begin;
mod dotnet_tool;
mod project;
mod scanner_choice;
mod several_projects;
mod user_properties;

/// Runs the step.
///
/// # Errors
/// Whatever keeps the analysis from succeeding later, in words of the user.
pub async fn prepare(job: &Job) -> Result<Completion> {
    let connection = ServiceConnection::read(&job.environment)?;
    register_secrets(job, &connection);
    if let Ok(temporary) = job.predefined.temp_directory() {
        Records::new(&temporary).note_prepare()?;
    }
    let mut inputs = PrepareInputs::read(&job.environment)?;
    user_properties::check_branches(job, &mut inputs)?;
    let extra = user_properties::read_extra(job, &inputs)?;
    let projects = match &inputs.monorepo {
        Some(monorepo) => several_projects::projects(job, &inputs, monorepo, &extra)?,
        None => vec![Project { place: Place::find(job, &inputs, &extra)?, own: extra }],
    };

    server_check::warn_of_http(job, &connection)?;
    let sonarqube = server_check::connect(job, &connection);
    let server = server_check::check(&sonarqube, &job.cancellation).await?;
    tracing::info!("{} {} at {}", server.facts.product(), server.facts.version, sonarqube.address());
    let cli = scanner_choice::cli_release(&inputs, &server.facts)?;
    let records = Records::new(&job.predefined.temp_directory()?);
    let common = Common { job, connection, records, inputs, sonarqube, server, cli };
    match (&common.inputs.monorepo, projects.as_slice()) {
        (None, [project]) => common.prepare_one(project).await,
        (None, _) => Err(Error::new("there is no project to analyse")),
        (Some(monorepo), projects) => several_projects::prepare(&common, monorepo, projects).await,
    }
}

/// A project to analyse.
struct Project {
    place: Place,
    /// Properties the user set, which win over all others.
    own: Properties,
}

/// What was decided of a project.
struct Decided {
    key: Option<String>,
    scope: Scope,
}

/// What all analyses that one step prepares have in common.
struct Common<'a> {
    job: &'a Job,
    connection: ServiceConnection,
    records: Records,
    inputs: PrepareInputs,
    sonarqube: SonarQube,
    server: server_check::Checked,
    cli: Option<ScannerRelease>,
}

impl Common<'_> {
    async fn prepare_one(&self, project: &Project) -> Result<Completion> {
        let decided = self.decide(project, &decision::Shared::default()).await?;
        if self.inputs.mode == ScannerMode::Dotnet {
            user_properties::check_for_dotnet(&decided.scope.properties)?;
        }
        let id = new_id()?;
        let properties = self.properties(project, &decided.scope);
        if decided.scope.skip.is_none() {
            let default = decided.scope.default_branch.as_deref();
            let wanted = (&project.place, properties.clone(), default);
            complete_history::complete(self.job, &self.inputs, &[wanted]).await?;
        }
        let is_skipped = decided.scope.skip.is_some();
        let (mut properties, secrets, release) = self.equip(&id, is_skipped, properties).await?;
        if self.inputs.mode == ScannerMode::Other && !is_skipped {
            self.place_cache_of_build(&mut properties).await?;
        }
        set_variables(self.job, &self.connection, &id, &secrets);
        let server = self.server();
        let report_file = self.records.report_file(&id);
        set_established_variables(
            self.job,
            &self.connection,
            (&server, self.inputs.mode),
            &properties,
            Some((&project.place, &secrets, &report_file)),
        );
        let scanner = match (self.inputs.mode, release) {
            (ScannerMode::Dotnet, _) if is_skipped || properties.is_true("sonar.scanner.skip") => {
                PreparedScanner::DotnetNotBegun
            }
            (ScannerMode::Dotnet, _) => {
                let wanted = dotnet_begin::Wanted { id: &id, server: &server, properties: &properties };
                dotnet_begin::begin(self, &wanted, &secrets, &project.place).await?
            }
            (ScannerMode::Cli, Some(release)) => PreparedScanner::Cli(release),
            (ScannerMode::Cli, None) => PreparedScanner::Engine,
            (ScannerMode::Other, _) => PreparedScanner::Other,
        };
        let prepared = self.record(&project.place, decided, id, (properties, scanner, None));
        self.records.write_prepared(&prepared, &secrets, &self.seal())?;
        match (&prepared.project_key, &prepared.skip) {
            (_, Some(_)) => Completion::new("Prepared: nothing will be analysed"),
            (Some(key), None) => Completion::new(format!("Prepared the analysis of {key}")),
            (None, None) => Completion::new("Prepared the analysis"),
        }
    }

    /// The scanner of the build runs from a cache by itself: it is told which, if that is not the one it would take.
    async fn place_cache_of_build(&self, properties: &mut Properties) -> Result<()> {
        let connection = &self.connection;
        let credentials = (&connection.token, connection.password.as_ref());
        // Whoever has no home finds no cache there either.
        let Ok(home) = runtime::user_home(self.job, properties) else { return Ok(()) };
        let is_private = self.inputs.private_cache;
        let cache = cache_choice::choose(self.job, &home, credentials, is_private, Audit::Build).await?;
        if cache.user_home() != home {
            properties.set("sonar.userHome", cache.user_home().display().to_string());
        }
        Ok(())
    }

    /// What the records are sealed with.
    fn seal(&self) -> Seal {
        seal_of(&self.job.environment, &self.connection)
    }

    /// Makes sure that the project may be analysed, and decides what of it is.
    async fn decide(&self, project: &Project, shared: &decision::Shared) -> Result<Decided> {
        let Project { place, own } = project;
        let key = place.project_key(&self.inputs, own)?;
        let access = match &key {
            Some(key) => Some(server_check::check_project(&self.sonarqube, &self.server.facts, key).await?),
            None => None,
        };
        let sources = place.sources(self.job);
        let asker = decision::Asker {
            job: self.job,
            inputs: &self.inputs,
            place,
            clone: clone_of(self.job, &sources),
            sources: &sources,
            sonarqube: &self.sonarqube,
            facts: &self.server.facts,
            project_key: key.as_deref(),
            access,
            shared,
        };
        let scope = decision::choose(&asker, own).await?;
        Ok(Decided { key, scope })
    }

    fn properties(&self, project: &Project, scope: &Scope) -> Properties {
        let mut precedence = Precedence::new(self.inputs.rules);
        precedence.set_all(PropertySource::Input, &properties_of_inputs(&self.inputs));
        precedence.set_all(PropertySource::Scope, &scope.properties);
        if scope.skip.is_some() {
            precedence.set(PropertySource::Scope, "sonar.scanner.skip", "true", None);
        }
        precedence.set_all(PropertySource::ExtraProperties, &project.own);
        let mut properties = precedence.properties();
        name_branches(&mut properties);
        properties
    }

    /// What the build needs of the scanner; then the properties of the record, its secrets, and the release of SonarScanner CLI
    /// that it names.
    async fn equip(
        &self,
        id: &AnalysisId,
        is_skipped: bool,
        mut properties: Properties,
    ) -> Result<(Properties, AnalysisSecrets, Option<ScannerRelease>)> {
        let Self { job, connection, records, inputs, sonarqube, server, .. } = self;
        if inputs.build_wrapper && !is_skipped {
            let folder = records.folder().join(id.as_str()).join("build-wrapper");
            scanner_choice::install_build_wrapper(job, sonarqube, &server.facts, &folder, &mut properties)
                .await?;
        }
        let mut release = self.cli.clone();
        let mut secrets = AnalysisSecrets {
            properties: properties.take_secrets(),
            scanner_archive: release.as_mut().and_then(ScannerRelease::withhold),
        };
        if let Some(password) = &connection.password {
            secrets.properties.set("sonar.password", password.expose());
        }
        Ok((properties, secrets, release))
    }

    fn server(&self) -> AnalysisServer {
        AnalysisServer {
            url: self.connection.url.clone(),
            api_url: self.sonarqube.api_url().clone(),
            facts: self.server.facts.clone(),
        }
    }

    /// The record of an analysis, not yet written.
    fn record(
        &self,
        place: &Place,
        Decided { key, scope }: Decided,
        id: AnalysisId,
        (properties, scanner, member): (Properties, PreparedScanner, Option<Member>),
    ) -> Prepared {
        let Self { job, inputs, server, .. } = self;
        Prepared {
            version: RECORD_VERSION,
            id,
            name: inputs.analysis_name.clone(),
            created: server.date.unwrap_or_else(now),
            by_server_clock: server.date.is_some(),
            server: self.server(),
            scanner,
            private_cache: inputs.private_cache,
            project_key: key,
            base_dir: place.relative(&place.base_dir),
            settings_file: place.settings_file.as_deref().map(|file| place.relative(file)),
            properties,
            rules: inputs.rules,
            target: scope.target,
            skip: scope.skip,
            member,
            build_id: job.predefined.build_buildid.clone(),
        }
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

fn new_id() -> Result<AnalysisId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(AnalysisId::from_bytes(bytes))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Our own variables of an analysis, which are secret.
fn set_variables(job: &Job, connection: &ServiceConnection, id: &AnalysisId, secrets: &AnalysisSecrets) {
    let commands = &job.commands;
    commands.fix_secret_variable(&id.token_variable(), &connection.token);
    if !secrets.is_empty() {
        for value in secrets.values() {
            commands.set_secret(&Secret::new(value));
        }
        commands.fix_secret_variable(&id.secrets_variable(), &Secret::new(json!(secrets).to_string()));
    }
}

/// The job variables of the established extension, which other tasks read; without `sole` those that say nothing of
/// a single analysis. The token is in none that is not secret, except in mode `other`, whose scanners read it there.
fn set_established_variables(
    job: &Job,
    connection: &ServiceConnection,
    (server, mode): (&AnalysisServer, ScannerMode),
    properties: &Properties,
    sole: Option<(&Place, &AnalysisSecrets, &Path)>,
) {
    let commands = &job.commands;
    commands.set_variable("SONAR_SERVER_VERSION", &server.facts.version.three_numbers());
    commands.set_variable("SONAR_SCANNER_MODE", mode.as_str());
    if let Some((_, _, report_file)) = sole {
        commands.set_variable("SONAR_SCANNER_REPORTTASKFILE", &report_file.display().to_string());
    }
    let product = if server.facts.kind == ServerKind::Cloud { "SonarQube Cloud" } else { "SonarQube Server" };
    let token_key = if server.facts.kind == ServerKind::Cloud { "token" } else { "username" };
    let mut data = json!({ "url": server.address(), token_key: connection.token.expose() });
    if let Some(password) = &connection.password {
        data["password"] = password.expose().into();
    }
    if let Some(organization) = properties.value("sonar.organization") {
        data["organization"] = organization.into();
    }
    commands.set_secret_variable(
        "SONAR_ENDPOINT",
        &Secret::new(json!({ "type": product, "data": data }).to_string()),
    );
    if let Some((place, secrets, report_file)) = sole {
        let mut parameters = properties.clone();
        parameters.set("sonar.host.url", server.address());
        parameters.set_default("sonar.scanner.metadataFilePath", report_file.display().to_string());
        if let Some(file) = &place.settings_file {
            parameters.set("project.settings", file.display().to_string());
        }
        if mode == ScannerMode::Other {
            warn_of_another_server(job, server);
            parameters.set(server.facts.token_property(), connection.token.expose());
            parameters.extend(&secrets.properties);
        }
        commands.set_variable("SONARQUBE_SCANNER_PARAMS", &json!(parameters).to_string());
    }
    if mode == ScannerMode::Cli {
        commands.set_variable("SONAR_SCANNER_LOCATION", "");
    }
}

/// To scanners these variables are worth more than the parameters that hold the server and the token (observed of the
/// plugin for Maven).
fn warn_of_another_server(job: &Job, server: &AnalysisServer) {
    let address = |url: &Url| http::printable(url).trim_end_matches('/').to_owned();
    for (name, own) in [("SONAR_HOST_URL", &server.url), ("SONAR_SCANNER_API_BASE_URL", &server.api_url)] {
        let Some(other) = job.environment.value(name) else { continue };
        let other = Url::parse(other).map_or_else(|_| "another address".to_owned(), |url| address(&url));
        if other != address(own) {
            tracing::warn!(
                "The variable {name} leads to {other}: the build's scanner will go there, with the token for {}. Remove \
                 that variable",
                server.address()
            );
        }
    }
}
