//! SonarAnalyze: runs the scanner engine for the record that is open, and notes how it ended.

use super::records::{Record, Records, tokens_of};
use super::{Ending, Job, machine, reports};
use crate::agent::AnalyzeInputs;
use crate::analysis::{Outcome, Prepared, Properties, ScannerMode, java_properties, scanner_environment};
use crate::error::{Error, ErrorKind, Result};
use crate::scanner::{
    Cache, ClassArchive, Engine, EngineResult, Java, JavaChoices, JavaHome, Platform, Provisioned,
    java_needed, provision, provision_jre,
};
use crate::secret::Secret;
use crate::sonarqube::SonarQube;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

mod cli;
mod dotnet;
mod java_options;

use java_options::JavaOptions;

/// Runs the step.
///
/// # Errors
/// No analysis is open, or it fails.
pub async fn analyze(job: &Job) -> Result<Ending> {
    let inputs = AnalyzeInputs::read(&job.environment)?;
    let records = Records::new(&job.predefined.temp_directory()?);
    let Some(record) = open_record(&records)? else {
        tracing::info!("In scannerMode other the build itself runs the scanner: there is nothing to do here");
        return Ending::new("The build runs the scanner");
    };
    if let Some(reason) = &record.prepared.skip {
        return skip(&record, reason);
    }
    let result = run(job, &inputs, &record).await;
    let outcome = match &result {
        Ok(Run::Skipped) => return skip(&record, "sonar.scanner.skip is true"),
        Ok(Run::Ended(EngineResult::Succeeded)) => Outcome::Succeeded,
        Ok(Run::Ended(EngineResult::GateFailed { .. })) => Outcome::GateFailed,
        Ok(Run::Ended(EngineResult::Failed { message })) => Outcome::Failed { message: message.clone() },
        Ok(Run::Ended(EngineResult::Cancelled)) => Outcome::Cancelled,
        Err(error) if error.kind() == ErrorKind::Cancelled => Outcome::Cancelled,
        Err(error) => Outcome::Failed { message: error.to_string() },
    };
    record.write_analyzed(outcome)?;
    match result? {
        Run::Ended(EngineResult::Failed { message }) => {
            Err(Error::new(format!("the analysis failed: {message}")))
        }
        Run::Ended(EngineResult::GateFailed { message }) => Err(Error::new(format!(
            "the quality gate failed: {message}"
        ))
        .hint(
            "The analysis itself succeeded; it waited for the gate because sonar.qualitygate.wait is true.",
        )),
        Run::Ended(EngineResult::Cancelled) => Err(Error::cancelled()),
        Run::Ended(EngineResult::Succeeded) | Run::Skipped => Ending::new("The analysis succeeded"),
    }
}

enum Run {
    Ended(EngineResult),
    Skipped,
}

/// The one record that was prepared and not analysed yet; `None` when only builds that run the scanner
/// themselves were prepared.
fn open_record(records: &Records) -> Result<Option<Record>> {
    let (others, ours): (Vec<_>, Vec<_>) =
        records.list()?.into_iter().partition(|record| record.prepared.mode == ScannerMode::Other);
    let analysed = ours.iter().filter(|record| record.analyzed.is_some()).count();
    let mut open: Vec<_> = ours.into_iter().filter(|record| record.analyzed.is_none()).collect();
    match (open.pop(), open.as_slice()) {
        (Some(record), []) => Ok(Some(record)),
        (None, _) if !others.is_empty() => Ok(None),
        (None, _) => {
            let message =
                format!("there is no analysis to run: {} holds no prepared one", records.folder().display());
            Err(Error::new(if analysed == 0 {
                message
            } else {
                format!("{message} ({analysed} were run already)")
            })
            .hint("Run SonarPrepare before SonarAnalyze, in the same job."))
        }
        (Some(last), more) => {
            let keys: Vec<_> = more
                .iter()
                .chain([&last])
                .map(|record| record.prepared.project_key.as_deref().unwrap_or("?"))
                .collect();
            Err(Error::new(format!("{} prepared analyses are open: {}", keys.len(), keys.join(", ")))
                .hint("Run each SonarAnalyze right after its SonarPrepare."))
        }
    }
}

fn skip(record: &Record, reason: &str) -> Result<Ending> {
    tracing::warn!("Nothing is analysed: {reason}");
    record.write_analyzed(Outcome::Skipped { reason: reason.to_owned() })?;
    Ending::new("Skipped: nothing was analysed")
}

/// What every way to run an analysis needs.
struct Setting<'a> {
    job: &'a Job,
    inputs: &'a AnalyzeInputs,
    prepared: &'a Prepared,
    sonarqube: SonarQube,
    cache: Cache,
    platform: Platform,
    /// All of them, but the token.
    properties: Properties,
    token: &'a Secret,
}

async fn run(job: &Job, inputs: &AnalyzeInputs, record: &Record) -> Result<Run> {
    let prepared = &record.prepared;
    if prepared.mode == ScannerMode::Dotnet {
        return match &prepared.dotnet {
            Some(start) => Ok(Run::Ended(dotnet::end(job, inputs, record, start).await?)),
            None => Ok(Run::Skipped),
        };
    }
    let working_directory = job.predefined.working_directory()?;
    let mut properties = assemble(job, record, &working_directory)?;
    if properties.is_true("sonar.scanner.skip") {
        return Ok(Run::Skipped);
    }
    let base_dir = PathBuf::from(properties.value("sonar.projectBaseDir").unwrap_or("."));
    reports::import(&mut properties, &base_dir, &job.predefined.temp_directory()?, record.prepared_at());
    let tokens = tokens_of(job, prepared)?;
    let sonarqube = SonarQube::new(
        job.http.clone(),
        prepared.server_url.clone(),
        prepared.api_url.clone(),
        prepared.server.kind,
        tokens.authentication(prepared),
    );
    properties.extend(&tokens.properties);
    let setting = Setting {
        job,
        inputs,
        prepared,
        sonarqube,
        cache: Cache::in_user_home(&user_home(job, &properties)?),
        platform: platform(job, &properties),
        properties,
        token: &tokens.token,
    };
    let result = match &prepared.cli {
        Some(release) => cli::run(&setting, release).await?,
        None => run_engine(&setting).await?,
    };
    Ok(Run::Ended(result))
}

/// The server's own engine, without a scanner around it.
async fn run_engine(setting: &Setting<'_>) -> Result<EngineResult> {
    let Setting { job, prepared, platform, .. } = setting;
    let started = now_in_milliseconds();
    let (jar, java, jre) = tokio::select! {
        provisioned = provision_engine_and_java(setting) => provisioned?,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    tracing::info!("{java}");
    let hit = |provisioned: Option<&Provisioned>| match provisioned {
        None => "disabled",
        Some(Provisioned { was_cached: true, .. }) => "hit",
        Some(Provisioned { was_cached: false, .. }) => "miss",
    };
    let mut properties = setting.properties.clone();
    properties.set(prepared.server.token_property(), setting.token.expose());
    properties.set("sonar.scanner.bootstrapStartTime", started.to_string());
    properties.set("sonar.scanner.wasJreCacheHit", hit(jre.as_ref()));
    properties.set("sonar.scanner.wasEngineCacheHit", (hit(jar.provisioned.as_ref()) == "hit").to_string());
    properties.set("sonar.scanner.os", platform.os.as_str());
    properties.set("sonar.scanner.arch", platform.arch.as_str());

    let directory = Path::new(properties.value("sonar.projectBaseDir").unwrap_or("."));
    let java_options = JavaOptions::of(setting, directory);
    // Where something had to be downloaded there may never be a second run.
    let archive = if java_options.suits_class_archive
        && [jar.provisioned.as_ref(), jre.as_ref()].map(hit) == ["hit"; 2]
    {
        ClassArchive::find(&setting.cache, &jar.path, &java.executable, &java_options.with_variables)
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
    engine.run(&job.environment.for_children(), &job.cancellation).await
}

/// All properties but the token: of the settings file, over it of the environment, over it of the
/// task's inputs, and what is never anybody's choice.
fn assemble(job: &Job, record: &Record, working_directory: &Path) -> Result<Properties> {
    let prepared = &record.prepared;
    let base_dir = working_directory.join(&prepared.base_dir);
    let mut properties = settings(record, working_directory, &base_dir)?;
    let of_environment = scanner_environment::read(job.environment.iter()).map_err(|error| {
        Error::new(format!("the variable SONAR_SCANNER_JSON_PARAMS can't be read: {error}"))
            .hint("It must hold a JSON object whose values are strings.")
    })?;
    properties.extend(&of_environment);
    properties.extend(&prepared.properties);
    for key in ["sonar.login", "sonar.password", "sonar.token", "sonar.scanner.sonarcloudUrl"] {
        properties.remove(key);
    }
    let base_dir = match properties.value("sonar.projectBaseDir") {
        Some(chosen) => working_directory.join(chosen),
        None => base_dir,
    };
    let base_dir = absolute(&base_dir)?;
    let work_dir = base_dir.join(properties.value("sonar.working.directory").unwrap_or(".scannerwork"));
    properties.set("sonar.projectBaseDir", base_dir.display().to_string());
    properties.set("sonar.working.directory", work_dir.display().to_string());
    properties.set("sonar.host.url", prepared.server_address());
    properties.set("sonar.scanner.apiBaseUrl", prepared.api_url.as_str().trim_end_matches('/'));
    properties.set("sonar.scanner.metadataFilePath", record.report_file().display().to_string());
    properties.set("sonar.scanner.app", "sonar-azdo");
    properties.set("sonar.scanner.appVersion", env!("CARGO_PKG_VERSION"));
    if job.predefined.is_debug() {
        properties.set_default("sonar.verbose", "true");
    }
    Ok(properties)
}

/// The settings file: required in file mode, read where it lies in the base directory otherwise.
fn settings(record: &Record, working_directory: &Path, base_dir: &Path) -> Result<Properties> {
    let (file, required) = match &record.prepared.settings_file {
        Some(file) => (working_directory.join(file), true),
        None => (base_dir.join("sonar-project.properties"), false),
    };
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            tracing::info!("Settings: {}", file.display());
            Ok(java_properties::parse(&text).into_iter().collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !required => Ok(Properties::default()),
        Err(error) => Err(Error::new(format!("the settings file {} can't be read: {error}", file.display()))
            .hint("Set configFile to a file that exists when SonarAnalyze runs; it must be UTF-8.")),
    }
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

/// `sonar.userHome`, else the place all scanners share.
fn user_home(job: &Job, properties: &Properties) -> Result<PathBuf> {
    properties
        .value("sonar.userHome")
        .map_or_else(|| machine::user_home(job), |chosen| Ok(PathBuf::from(chosen)))
}

fn platform(job: &Job, properties: &Properties) -> Platform {
    let value = |key| properties.value(key);
    machine::platform(job).overridden(value("sonar.scanner.os"), value("sonar.scanner.arch"))
}

fn java_choices<'a>(setting: &'a Setting<'a>, homes: &'a [JavaHome<'a>]) -> JavaChoices<'a> {
    java_choices_of(setting.job, setting.inputs, &setting.properties, homes, &setting.platform)
}

fn java_choices_of<'a>(
    job: &'a Job,
    inputs: &'a AnalyzeInputs,
    properties: &'a Properties,
    homes: &'a [JavaHome<'a>],
    platform: &'a Platform,
) -> JavaChoices<'a> {
    JavaChoices {
        executable: properties.value("sonar.scanner.javaExePath"),
        named: inputs.jdk_version.as_deref(),
        strict: inputs.jdk_version_strict,
        skip_provisioning: properties.is_true("sonar.scanner.skipJreProvisioning"),
        homes,
        arch: &platform.arch,
        path: job.environment.value("PATH").map(OsStr::new),
    }
}

/// The engine, and the Java for it: with the server's JRE, if it came to that.
async fn provision_engine_and_java(setting: &Setting<'_>) -> Result<(Jar, Java, Option<Provisioned>)> {
    let Setting { sonarqube, cache, platform, properties, .. } = setting;
    let homes = JavaHome::among(setting.job.environment.iter());
    let choices = java_choices(setting, &homes);
    let jre =
        async |wanted| server_jre(sonarqube, cache, platform, wanted && !choices.skip_provisioning).await;
    let engine = engine_jar(sonarqube, cache, properties.value("sonar.scanner.engineJarPath"));
    let (jar, mut provisioned) = tokio::try_join!(engine, jre(!choices.is_made()))?;
    // Only a Java that the server does not vouch for need be held against the engine.
    let needed = if provisioned.is_some() {
        0
    } else {
        java_needed(&jar.path).unwrap_or_else(|| setting.prepared.server.oldest_java())
    };
    if let Some(java) = choices.made(needed)? {
        return Ok((jar, java, None));
    }
    if choices.is_made() {
        provisioned = jre(true).await?;
    }
    let java = choices.best(provisioned.as_ref().map(|jre| jre.path.clone()), needed)?;
    Ok((jar, java, provisioned))
}

struct Jar {
    path: PathBuf,
    /// None for a jar the user brought.
    provisioned: Option<Provisioned>,
}

async fn engine_jar(sonarqube: &SonarQube, cache: &Cache, own: Option<&str>) -> Result<Jar> {
    if let Some(own) = own {
        let path = PathBuf::from(own);
        tracing::info!("Scanner engine: {own} (sonar.scanner.engineJarPath)");
        return match path.is_file() {
            true => Ok(Jar { path, provisioned: None }),
            false => Err(Error::new(format!("sonar.scanner.engineJarPath names {own}, which is no file"))),
        };
    }
    let mut tries = 0;
    loop {
        tries += 1;
        let engine = sonarqube.engine().await.map_err(|error| error.explain("ask for the scanner engine"))?;
        match provision(sonarqube.http(), Some(sonarqube.download_credentials()), &engine, cache).await {
            Ok(provisioned) => {
                let source = if provisioned.was_cached { "from the cache" } else { "downloaded" };
                tracing::info!("Scanner engine: {} ({source})", engine.file_name);
                return Ok(Jar { path: provisioned.path.clone(), provisioned: Some(provisioned) });
            }
            // A new engine may have been put there between the two questions.
            Err(error) if error.is_checksum() && tries == 1 => tracing::info!("{error}; asking once more"),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn server_jre(
    sonarqube: &SonarQube,
    cache: &Cache,
    platform: &Platform,
    wanted: bool,
) -> Result<Option<Provisioned>> {
    if !wanted {
        return Ok(None);
    }
    let Platform { os, arch } = platform;
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(jre) =
            sonarqube.jre(os, arch).await.map_err(|error| error.explain("ask for a Java runtime"))?
        else {
            tracing::info!("The server offers no Java runtime for {os} {arch}");
            return Ok(None);
        };
        match provision_jre(sonarqube.http(), Some(sonarqube.download_credentials()), &jre, cache).await {
            Ok(provisioned) => return Ok(Some(provisioned)),
            Err(error) if error.is_checksum() && tries == 1 => tracing::info!("{error}; asking once more"),
            Err(error) => return Err(error.into()),
        }
    }
}

fn now_in_milliseconds() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis())
}
