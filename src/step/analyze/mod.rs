//! SonarAnalyze: runs the scanner engine for the record that is open, and notes how it ended.

use super::found_reports::{self, ReportPlaces};
use super::runtime::engine_and_java::{Offered, Ready};
use super::runtime::java_options::JavaOptions;
use super::runtime::{self, Jdk, Setting, network};
use super::{cache_choice, settings_file};
use crate::agent::{AnalyzeInputs, Child};
use crate::analysis::precedence::Precedence;
use crate::analysis::{
    Extent, Narrowing, Outcome, Prepared, PreparedScanner, PropertySource, ScannerRelease,
    scanner_environment,
};
use crate::context::is_of_scope;
use crate::error::{Error, ErrorKind, Result};
use crate::scanner::{Audit, ClassArchive, Engine, EngineEnd, EngineResult, Provisioned};
use crate::secret::Secret;
use crate::step::job::{Completion, Job};
use crate::step::record::list::Records;
use crate::step::record::no_connection;
use crate::step::record::read::Record;
use crate::step::record::tokens::tokens_of;
use shared_runtime::Shared;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

mod analyzed_extent;
mod dotnet_proof;
mod export;
mod select;
mod several_analyses;
mod shared_runtime;
mod with_dotnet_scanner;
mod with_scanner_cli;

/// Runs the step.
///
/// # Errors
/// No analysis is open, or it fails.
pub async fn analyze(job: &Job) -> Result<Completion> {
    let inputs = AnalyzeInputs::read(&job.environment)?;
    let records = Records::new(&job.predefined.temp_directory()?);
    let found = records.list_unbroken(&job.environment)?;
    if found.is_empty()
        && let Some(reason) = no_connection::reason(job, &records, inputs.on_missing_connection)
    {
        tracing::warn!("Nothing is analysed: {reason}");
        if let Some(folder) = &inputs.export_to {
            export::without_connection(job, folder, reason)?;
        }
        return Completion::new("Skipped: nothing was analysed");
    }
    let result = match select::choose(found, inputs.analysis_name.as_deref(), records.folder())?.as_slice() {
        [] => {
            tracing::info!(
                "In scannerMode other the build itself runs the scanner: there is nothing to do here"
            );
            Completion::new("The build runs the scanner")
        }
        [record] => match analyze_record(job, &inputs, &Shared::among(1), record).await {
            Ok(Done::Analysed) => Completion::new("The analysis succeeded"),
            Ok(Done::Skipped) => Completion::new("Skipped: nothing was analysed"),
            Err(error) => Err(error),
        },
        records => several_analyses::analyze(job, &inputs, records).await,
    };
    // What went wrong travels too: the step that joins the records shall know of it.
    let exported = export(job, &inputs, &records);
    result.and_then(|ending| exported.map(|()| ending))
}

fn export(job: &Job, inputs: &AnalyzeInputs, records: &Records) -> Result<()> {
    inputs.export_to.as_deref().map_or(Ok(()), |folder| export::export(job, records, folder))
}

/// How an analysis that did not fail ended.
enum Done {
    Analysed,
    Skipped,
}

async fn analyze_record(job: &Job, inputs: &AnalyzeInputs, shared: &Shared, record: &Record) -> Result<Done> {
    if let Some(reason) = &record.prepared.skip {
        return skip(record, reason);
    }
    let result = run(job, inputs, shared, record).await;
    let (outcome, extent) = match &result {
        Ok(Run::Skipped) => return skip(record, "sonar.scanner.skip is true"),
        Ok(Run::Nothing(reason)) => return nothing(record, reason),
        Ok(Run::Ended { end, base_dir }) => match &end.result {
            EngineResult::Succeeded => {
                (Outcome::Succeeded, analyzed_extent::complete(job, record, base_dir, &end.extent).await)
            }
            EngineResult::GateFailed { .. } => (Outcome::GateFailed, end.extent.clone()),
            EngineResult::Failed { message } => {
                (Outcome::Failed { message: message.clone() }, end.extent.clone())
            }
            EngineResult::Cancelled => (Outcome::Cancelled, end.extent.clone()),
        },
        Err(error) if error.kind() == ErrorKind::Cancelled => (Outcome::Cancelled, Extent::default()),
        Err(error) => (Outcome::Failed { message: error.to_string() }, Extent::default()),
    };
    record.write_analyzed(outcome, extent)?;
    match result? {
        Run::Ended { end, .. } => match end.result {
            EngineResult::Failed { message } => Err(Error::new(format!("the analysis failed: {message}"))),
            EngineResult::GateFailed { message } => Err(Error::new(format!(
                "the quality gate failed: {message}"
            ))
            .hint(
                "The analysis itself succeeded; it waited for the gate because sonar.qualitygate.wait is true.",
            )),
            EngineResult::Cancelled => Err(Error::cancelled()),
            EngineResult::Succeeded => Ok(Done::Analysed),
        },
        Run::Skipped | Run::Nothing(_) => Ok(Done::Skipped),
    }
}

enum Run {
    /// The scanner ended.
    Ended { end: Box<EngineEnd>, base_dir: PathBuf },
    /// The pipeline wants no analysis.
    Skipped,
    /// An analysis was wanted, and there is nothing of it: why.
    Nothing(String),
}

/// What was to be analysed was not: SonarPublish shall not take it for one that was left out on purpose.
fn nothing(record: &Record, reason: &str) -> Result<Done> {
    tracing::warn!("Nothing was analysed, so SonarPublish will report no quality gate: {reason}");
    record.write_analyzed(Outcome::NothingAnalysed { reason: reason.to_owned() }, Extent::default())?;
    Ok(Done::Skipped)
}

fn skip(record: &Record, reason: &str) -> Result<Done> {
    match &record.prepared.member {
        // Usual, and for most of them: the log tells, the build's list of issues need not.
        Some(member) if member.untouched => tracing::info!("Nothing is analysed: {reason}"),
        _ => tracing::warn!("Nothing is analysed: {reason}"),
    }
    record.write_analyzed(Outcome::Skipped { reason: reason.to_owned() }, Extent::default())?;
    Ok(Done::Skipped)
}

/// What every way to run an analysis needs.
struct Analysis<'a> {
    setting: Setting<'a>,
    inputs: &'a AnalyzeInputs,
    prepared: &'a Prepared,
    shared: &'a Shared,
    token: &'a Secret,
    /// Properties of modules that a settings file sets and that don't count.
    refused: Vec<String>,
    /// The folder of the record.
    folder: &'a Path,
}

impl Analysis<'_> {
    fn java_options(&self, directory: &Path, own: &str) -> JavaOptions {
        JavaOptions::of(self.setting.job, self.inputs.jvm_profile, self.shared.parallel, directory, own)
    }
}

async fn run(job: &Job, inputs: &AnalyzeInputs, shared: &Shared, record: &Record) -> Result<Run> {
    let prepared = &record.prepared;
    match &prepared.scanner {
        PreparedScanner::DotnetNotBegun => return Ok(Run::Skipped),
        PreparedScanner::Dotnet { tool, begun } => {
            crate::scanner::dotnet::hold(tool).await?;
            let end = with_dotnet_scanner::end(job, inputs, shared, record, &tool.start, begun);
            let sonarqube = tokens_of(job, prepared)?.sonarqube(job, &prepared.server);
            let end = analyzed_extent::with_files_before(end, sonarqube, prepared).await?;
            return dotnet_proof::prove(job, record, end);
        }
        PreparedScanner::Engine | PreparedScanner::Cli(_) | PreparedScanner::Other => {}
    }
    let working_directory = job.predefined.working_directory()?;
    let (mut precedence, narrowed) = assemble(job, record, &working_directory)?;
    let mut properties = precedence.properties();
    if properties.is_true("sonar.scanner.skip") {
        // What another step says of itself must not let a build pass. The repository has no say at all.
        return Ok(match prepared.properties.is_true("sonar.scanner.skip") {
            true => Run::Skipped,
            false => Run::Nothing(SKIPPED_ELSEWHERE.into()),
        });
    }
    let base_dir = PathBuf::from(properties.value("sonar.projectBaseDir").unwrap_or("."));
    let places = ReportPlaces::of(job, &base_dir, record.prepared_at())?;
    found_reports::import(&mut properties, &places, prepared.member.is_some());
    for (key, value) in properties.iter() {
        if precedence.value(key).is_none() {
            precedence.set(PropertySource::FoundReport, key, value, None);
        }
    }
    let mut properties = precedence.properties();
    let tokens = tokens_of(job, prepared)?;
    let sonarqube = tokens.sonarqube(job, &prepared.server);
    properties.extend(&tokens.secrets.properties);
    let home = runtime::user_home(job, &properties)?;
    let password = tokens.password();
    let credentials = (&tokens.token, password.as_ref());
    // The engine fetches its plugins itself; SonarScanner CLI may take the engine from the cache, too.
    let runs_cli = matches!(prepared.scanner, PreparedScanner::Cli(_));
    let scope = if runs_cli { Audit::Scanner } else { Audit::Engine };
    let choosing = cache_choice::choose(job, &home, credentials, prepared.private_cache, scope);
    let cache = shared.cache(&home, choosing).await?;
    if cache.user_home() != home {
        properties.set("sonar.userHome", cache.user_home().display().to_string());
    }
    network::equip(
        job,
        (&prepared.server.url, runs_cli),
        &record.folder,
        cache.user_home(),
        &mut properties,
    )?;
    let setting = Setting {
        job,
        facts: &prepared.server.facts,
        sonarqube,
        cache,
        platform: runtime::platform(job, &properties),
        properties,
        jdk: Jdk { named: inputs.jdk_version.as_deref(), strict: inputs.jdk_version_strict },
    };
    setting.cache.tidy();
    let refused = precedence.refused().iter().map(|refused| refused.key.clone()).collect();
    let (token, folder) = (&tokens.token, record.folder.as_path());
    let analysis = Analysis { setting, inputs, prepared, shared, token, refused, folder };
    let sonarqube = analysis.setting.sonarqube.clone();
    let running = async {
        match &prepared.scanner {
            PreparedScanner::Cli(release) => {
                let archive =
                    tokens.secrets.scanner_archive.clone().unwrap_or_else(|| release.archive.clone());
                with_scanner_cli::run(&analysis, &ScannerRelease { archive, ..release.clone() }).await
            }
            _ => run_engine(&analysis).await,
        }
    };
    let mut end = analyzed_extent::with_files_before(running, sonarqube, prepared).await?;
    end.extent.narrowed = narrowed;
    analysis.setting.cache.seal_unpacked().await;
    Ok(Run::Ended { end: Box::new(end), base_dir })
}

const SKIPPED_ELSEWHERE: &str = "sonar.scanner.skip is true in an environment variable, where it has no \
                                 say. To skip the analysis on purpose set it in extraProperties of SonarPrepare";

/// The server's own engine, without a scanner around it. If Java or the engine seem to be damaged, what is in the
/// cache is checked and provisioned afresh, once.
async fn run_engine(analysis: &Analysis<'_>) -> Result<EngineEnd> {
    let began = SystemTime::now();
    let ready = analysis.shared.engine_and_java(&analysis.setting, None).await?;
    let message = match run_engine_once(analysis, &ready, false).await {
        Ok(EngineEnd { result: EngineResult::Failed { message }, may_be_damage: true, .. })
            if ready.is_ours() =>
        {
            message
        }
        Err(error) if error.kind() == ErrorKind::Failed && ready.is_ours() => error.to_string(),
        end => return end,
    };
    tracing::warn!("{message}");
    tracing::info!(
        "Java and the scanner engine in the cache may be damaged: they are checked, and run once more"
    );
    let ready = analysis.shared.engine_and_java(&analysis.setting, Some((&ready, began))).await?;
    run_engine_once(analysis, &ready, true).await
}

async fn run_engine_once(analysis: &Analysis<'_>, ready: &Ready, again: bool) -> Result<EngineEnd> {
    let Analysis { setting, prepared, shared, token, .. } = analysis;
    let Setting { job, platform, .. } = setting;
    let Ready { jar, java, jre, started, .. } = ready;
    tracing::info!("{java}");
    let hit = |provisioned: Option<&Provisioned>| match provisioned {
        None => "disabled",
        Some(Provisioned { was_cached: true, .. }) => "hit",
        Some(Provisioned { was_cached: false, .. }) => "miss",
    };
    let (engine, of_server) = (provisioned(jar.offered.as_ref()), provisioned(jre.as_ref()));
    let mut properties = setting.properties.clone();
    properties.set(prepared.server.facts.token_property(), token.expose());
    properties.set("sonar.scanner.bootstrapStartTime", in_milliseconds(*started).to_string());
    properties.set("sonar.scanner.wasJreCacheHit", hit(of_server));
    properties.set("sonar.scanner.wasEngineCacheHit", (hit(engine) == "hit").to_string());
    properties.set("sonar.scanner.os", platform.os.as_str());
    properties.set("sonar.scanner.arch", platform.arch.as_str());

    let directory = Path::new(properties.value("sonar.projectBaseDir").unwrap_or("."));
    let own_options = setting.properties.value("sonar.scanner.javaOpts").unwrap_or_default();
    let java_options = analysis.java_options(directory, own_options);
    // Where something had to be downloaded there may never be a second run; and what Java failed with is not used again.
    let archive = if !again && java_options.suits_class_archive && [engine, of_server].map(hit) == ["hit"; 2]
    {
        ClassArchive::find(
            &setting.cache,
            &jar.path,
            &java.executable,
            &java_options.with_variables,
            &shared.marks,
        )
    } else {
        ClassArchive::Unused
    };
    let engine = Engine {
        java: &java.executable,
        jar: &jar.path,
        java_options: &java_options.text,
        archive: &archive,
        properties: &properties,
        directory,
    };
    let environment = job.environment.for_child(Child::Engine, &analysis.inputs.pass_environment);
    engine.run(&environment, &job.cancellation).await
}

fn provisioned<T>(offered: Option<&Offered<T>>) -> Option<&Provisioned> {
    offered.map(|offered| &offered.provisioned)
}

/// All properties but the token and what is found of reports, and what the repository took out of the judgement. Which
/// value counts, `analysis::precedence` says.
fn assemble(job: &Job, record: &Record, working_directory: &Path) -> Result<(Precedence, Vec<Narrowing>)> {
    let prepared = &record.prepared;
    let given = working_directory.join(&prepared.base_dir);
    let sources = settings_file::SourceTree::of(job, working_directory, &given);
    let mut precedence = Precedence::new(prepared.rules);
    let variables = scanner_environment::read(job.environment.iter()).map_err(|error| {
        Error::new(format!("the variable SONAR_SCANNER_JSON_PARAMS can't be read: {error}"))
            .hint("It must hold a JSON object whose values are strings.")
    })?;
    precedence.set_all(PropertySource::Variable, &variables);
    precedence.set_all(PropertySource::ExtraProperties, &prepared.properties);
    let named = prepared.settings_file.as_ref().map(|file| working_directory.join(file));
    if let Some(file) = sources.add_project(&mut precedence, named.as_deref(), &given)? {
        tracing::info!("Settings: {}", file.display());
    }
    // A settings file in a chosen directory has no say in which that is.
    let is_chosen = prepared.member.is_some() || prepared.base_dir != ".";
    let base_dir = match is_chosen {
        true => given,
        false => sources.base_dir(job, &mut precedence, given)?,
    };
    let base_dir = absolute(&base_dir)?;
    sources.add_modules(&|name| job.environment.public_value(name), &mut precedence, &base_dir)?;
    let mut precedence = settings_file::expand(job, &precedence)?;
    sources.confine(&mut precedence, &base_dir);
    sources.check_java_libraries(&precedence, &base_dir)?;
    let work_files = sources.work_files(&precedence, &base_dir)?;
    settings_file::tell_refused(&precedence);
    let narrowed = sources.narrowed(&precedence, &base_dir);
    sources.exclude_links(&mut precedence, &base_dir)?;
    // They make void what a settings file says; the engine would take them for a pull request without a name.
    precedence.unset(|key, value| value.is_empty() && is_of_scope(key));
    let mut own = |key: &str, value: &str| precedence.set(PropertySource::Connection, key, value, None);
    own("sonar.projectBaseDir", &base_dir.display().to_string());
    own("sonar.working.directory", &work_files.display().to_string());
    own("sonar.host.url", prepared.server.address());
    own("sonar.scanner.apiBaseUrl", prepared.server.api_url.as_str().trim_end_matches('/'));
    own("sonar.scanner.metadataFilePath", &record.report_file().display().to_string());
    own("sonar.scanner.app", "sonar-azdo");
    own("sonar.scanner.appVersion", env!("CARGO_PKG_VERSION"));
    if job.predefined.is_debug() {
        precedence.set(PropertySource::Default, "sonar.verbose", "true", None);
    }
    Ok((precedence, narrowed))
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path)
        .map_err(|error| Error::new(format!("the base directory {} is unusable: {error}", path.display())))?;
    if absolute.is_dir() {
        return Ok(absolute);
    }
    Err(Error::new(format!("the project's base directory {} does not exist", absolute.display())).hint(
        "Set projectBaseDir, or sonar.projectBaseDir in the settings file, to a directory of the sources.",
    ))
}

fn in_milliseconds(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
