//! The properties of one analysis: what counts of the pipeline's, the job's and the repository's, and the reports that are
//! found.

use crate::analysis::precedence::Precedence;
use crate::analysis::{Narrowing, Properties, PropertySource, scanner_environment};
use crate::context::is_of_scope;
use crate::error::{Error, Result};
use crate::step::found_reports::{self, ReportPlaces};
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::settings_file::{self, SourceTree};
use std::path::{Path, PathBuf};

/// All properties of an analysis but its secrets.
pub(super) struct EffectiveProperties {
    precedence: Precedence,
    pub(super) base_dir: PathBuf,
    /// What the repository took out of what the quality gate judges.
    pub(super) narrowed: Vec<Narrowing>,
}

impl EffectiveProperties {
    /// Reads them from every source. `analysis::precedence` decides which value counts.
    ///
    /// # Errors
    /// A settings file or a variable cannot be read, or a path leads out of the sources.
    pub(super) fn assemble(job: &Job, record: &Record) -> Result<Self> {
        let working_directory = job.predefined.working_directory()?;
        let given = working_directory.join(&record.prepared.base_dir);
        let sources = SourceTree::of(job, &working_directory, &given);
        let (precedence, base_dir) = read(job, record, &sources, &working_directory, given)?;
        let mut precedence = settings_file::expand(job, &precedence)?;
        sources.confine(&mut precedence, &base_dir);
        sources.check_java_libraries(&precedence, &base_dir)?;
        let work_files = sources.work_files(&precedence, &base_dir)?;
        settings_file::tell_refused(&precedence);
        let narrowed = sources.narrowed(&precedence, &base_dir);
        sources.exclude_links(&mut precedence, &base_dir)?;
        // An empty value overrides the settings file. The engine would take it for a pull request without a name.
        precedence.unset(|key, value| value.is_empty() && is_of_scope(key));
        set_by_connection(&mut precedence, record, &base_dir, &work_files);
        if job.predefined.is_debug() {
            precedence.set(PropertySource::Default, "sonar.verbose", "true", None);
        }
        Ok(Self { precedence, base_dir, narrowed })
    }

    /// Adds the properties that import the reports which the build left.
    pub(super) fn add_found_reports(&mut self, job: &Job, record: &Record) -> Result<()> {
        let mut properties = self.precedence.properties();
        let places = ReportPlaces::of(job, &self.base_dir, record.prepared_at())?;
        found_reports::import(&mut properties, &places, record.prepared.member.is_some());
        for (key, value) in properties.iter() {
            if self.precedence.value(key).is_none() {
                self.precedence.set(PropertySource::FoundReport, key, value, None);
            }
        }
        Ok(())
    }

    /// Whether `sonar.scanner.skip` is true, whoever set it.
    pub(super) fn is_skipped(&self) -> bool {
        self.properties().is_true("sonar.scanner.skip")
    }

    /// The values that count.
    pub(super) fn properties(&self) -> Properties {
        self.precedence.properties()
    }

    /// Properties that a settings file sets and must not.
    pub(super) fn refused(&self) -> Vec<String> {
        self.precedence.refused().iter().map(|refused| refused.key.clone()).collect()
    }
}

/// What inputs, variables and settings files say, and the base directory that follows.
fn read(
    job: &Job,
    record: &Record,
    sources: &SourceTree,
    working_directory: &Path,
    given: PathBuf,
) -> Result<(Precedence, PathBuf)> {
    let prepared = &record.prepared;
    let mut precedence = Precedence::new(prepared.rules);
    let variables = scanner_environment::read(job.environment.iter()).map_err(|error| {
        Error::new(format!("the variable SONAR_SCANNER_JSON_PARAMS could not be read: {error}"))
            .hint("It must hold a JSON object whose values are strings.")
    })?;
    precedence.set_all(PropertySource::Variable, &variables);
    precedence.set_all(PropertySource::ExtraProperties, &prepared.properties);
    let named = prepared.settings_file.as_ref().map(|file| working_directory.join(file));
    if let Some(file) = sources.add_project(&mut precedence, named.as_deref(), &given)? {
        tracing::info!("Settings: {}", file.display());
    }
    // A settings file in a directory that the pipeline chose does not choose another one.
    let is_chosen = prepared.member.is_some() || prepared.base_dir != ".";
    let base_dir = match is_chosen {
        true => given,
        false => sources.base_dir(job, &mut precedence, given)?,
    };
    let base_dir = absolute(&base_dir)?;
    sources.add_modules(&|name| job.environment.public_value(name), &mut precedence, &base_dir)?;
    Ok((precedence, base_dir))
}

/// What follows from the connection and the record, and wins over all else.
fn set_by_connection(precedence: &mut Precedence, record: &Record, base_dir: &Path, work_files: &Path) {
    let server = &record.prepared.server;
    let mut set = |key: &str, value: &str| precedence.set(PropertySource::Connection, key, value, None);
    set("sonar.projectBaseDir", &base_dir.display().to_string());
    set("sonar.working.directory", &work_files.display().to_string());
    set("sonar.host.url", server.address());
    set("sonar.scanner.apiBaseUrl", server.api_url.as_str().trim_end_matches('/'));
    set("sonar.scanner.metadataFilePath", &record.report_file().display().to_string());
    set("sonar.scanner.app", "sonar-azdo");
    set("sonar.scanner.appVersion", env!("CARGO_PKG_VERSION"));
}

fn absolute(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).map_err(|error| {
        Error::new(format!("the base directory {} cannot be used: {error}", path.display()))
    })?;
    if absolute.is_dir() {
        return Ok(absolute);
    }
    Err(Error::new(format!("the project's base directory {} does not exist", absolute.display())).hint(
        "Set projectBaseDir, or sonar.projectBaseDir in the settings file, to a directory of the sources.",
    ))
}
