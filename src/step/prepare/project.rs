//! A project to analyse: where it lies, what its settings file says, and its key.

use crate::agent::{ConfigMode, PrepareInputs};
use crate::analysis::placeholder::Budget;
use crate::analysis::precedence::Precedence;
use crate::analysis::{Properties, PropertySource, ScannerMode, project_key, scanner_environment};
use crate::context::unexpanded;
use crate::error::{Error, Result};
use crate::step::job::Job;
use crate::step::settings_file;
use crate::step::sources_clone::clone_of;
use std::path::{Path, PathBuf};

/// A project to analyse: its folders, its settings file and its key, each read once.
pub(super) struct Project {
    pub(super) working_directory: PathBuf,
    pub(super) base_dir: PathBuf,
    pub(super) settings_file: Option<PathBuf>,
    /// What the scanner will read in the settings file, as far as the file may set it, with names replaced.
    pub(super) settings: Properties,
    /// What the pipeline sets by `extraProperties` or an entry of `monorepo`; it wins over all else.
    pub(super) user_properties: Properties,
    /// None where only the scanner will know it.
    pub(super) key: Option<String>,
    /// What is analysed, as far as that is known before the scanner runs.
    pub(super) sources: PathBuf,
    /// The clone that the sources lie in.
    pub(super) clone: Option<PathBuf>,
}

impl Project {
    /// The project of the inputs.
    ///
    /// # Errors
    /// The directory or the settings file does not exist or cannot be read, or SonarQube would refuse the key.
    pub(super) fn find(job: &Job, inputs: &PrepareInputs, user_properties: Properties) -> Result<Self> {
        let own = &user_properties;
        let working_directory = job.predefined.working_directory()?;
        let base_dir = match own.value(settings_file::BASE_DIR).or(inputs.project_base_dir.as_deref()) {
            Some(directory) => working_directory.join(directory),
            None => working_directory.clone(),
        };
        if !base_dir.is_dir() {
            if let Some(variable) = base_dir.to_str().and_then(unexpanded) {
                return Err(not_replaced("the project's base directory", variable));
            }
            return Err(Error::new(format!(
                "the project's base directory {} does not exist",
                base_dir.display()
            ))
            .hint("Set projectBaseDir to a directory relative to System.DefaultWorkingDirectory."));
        }
        let is_in_sources = settings_file::without_dots(&base_dir).starts_with(&working_directory);
        if is_in_sources
            && !settings_file::SourceTree::of(job, &working_directory, &working_directory).hold(&base_dir)
        {
            return Err(Error::new(format!(
                "the project's base directory {} is a link that leads out of the sources",
                base_dir.display()
            ))
            .hint("Remove the link, or set projectBaseDir to the directory itself."));
        }
        let settings_file = match (inputs.mode, inputs.config_mode) {
            (ScannerMode::Cli, ConfigMode::File) => {
                let name = inputs.config_file.as_deref().unwrap_or(settings_file::FILE);
                let file = working_directory.join(name);
                if let Some(variable) = unexpanded(name).filter(|_| !file.exists()) {
                    return Err(not_replaced("the input configFile", variable));
                }
                Some(file)
            }
            _ => None,
        };
        Self::at(job, inputs, user_properties, (working_directory, base_dir), settings_file)
    }

    /// The project with these folders, the working directory and the base directory.
    ///
    /// # Errors
    /// As those of [`Self::find`].
    pub(super) fn at(
        job: &Job,
        inputs: &PrepareInputs,
        user_properties: Properties,
        (working_directory, base_dir): (PathBuf, PathBuf),
        settings_file: Option<PathBuf>,
    ) -> Result<Self> {
        let mut precedence = Precedence::new(inputs.rules);
        if inputs.mode == ScannerMode::Cli {
            let sources = settings_file::SourceTree::of(job, &working_directory, &base_dir);
            sources.add_project(&mut precedence, settings_file.as_deref(), &base_dir)?;
        }
        let of_file: Vec<_> =
            precedence.of_repository().map(|(key, value, _)| (key.to_owned(), value.to_owned())).collect();
        // A name in the file stands for what counts, whoever says it. What is wrong with the variable, SonarAnalyze says.
        let variables = scanner_environment::read(job.environment.iter()).unwrap_or_default();
        precedence.set_all(PropertySource::Variable, &variables);
        precedence.set_all(PropertySource::Input, &properties_of_inputs(inputs));
        precedence.set_all(PropertySource::ExtraProperties, &user_properties);
        let (mut settings, mut budget) = (Properties::default(), Budget::default());
        for (key, value) in of_file {
            let text = precedence
                .expanded(&value, &|name| job.environment.public_value(name), &mut budget)
                .map_err(|why| settings_file::unexpandable(&key, &why, precedence.line(&key)))?;
            settings.set(key, text);
        }
        let key = project_key(inputs, &user_properties, settings_file.as_deref(), &settings)?;
        let sources = sources(job, &working_directory, &base_dir, &settings);
        let clone = clone_of(job, &sources).map(Path::to_owned);
        Ok(Self {
            working_directory,
            base_dir,
            settings_file,
            settings,
            user_properties,
            key,
            sources,
            clone,
        })
    }

    /// `path` relative to the working directory where it lies in it, so that the record may travel.
    pub(super) fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.working_directory).unwrap_or(path);
        if relative.as_os_str().is_empty() { ".".into() } else { relative.display().to_string() }
    }
}

/// What is analysed: a settings file may say it where nothing else does.
fn sources(job: &Job, working_directory: &Path, base_dir: &Path, settings: &Properties) -> PathBuf {
    let chosen = || {
        let directory = working_directory.join(settings.value(settings_file::BASE_DIR)?);
        let sources = settings_file::SourceTree::of(job, working_directory, base_dir);
        sources.hold(&directory).then_some(directory)
    };
    let is_open = base_dir == working_directory;
    is_open.then(chosen).flatten().unwrap_or_else(|| base_dir.to_owned())
}

fn project_key(
    inputs: &PrepareInputs,
    user_properties: &Properties,
    settings_file: Option<&Path>,
    settings: &Properties,
) -> Result<Option<String>> {
    const KEY: &str = "sonar.projectKey";
    let chosen = user_properties.value(KEY).or(inputs.project_key.as_deref());
    let of_file = settings_file.and_then(|_| settings.value(KEY));
    let key = match (chosen.or(of_file).filter(|key| !key.is_empty()), settings_file) {
        (Some(key), _) => key,
        (None, None) => return Ok(None),
        (None, Some(file)) => {
            return Err(Error::new(format!("the settings file {} does not set {KEY}", file.display())).hint(
                "Add the line sonar.projectKey=<key of the SonarQube project> to it or to extraProperties.",
            ));
        }
    };
    if let Some(variable) = unexpanded(key) {
        return Err(not_replaced("the project's key", variable));
    }
    match project_key::refusal(key) {
        None => Ok(Some(key.to_owned())),
        Some(why) => Err(Error::new(format!("SonarQube does not take the project key {key:?}, because {why}")).hint(
            "A key is made of the letters A to Z and a to z, digits, `-`, `_`, `.` and `:`, has at most 400 of them, and at \
             least one that is not a digit. It is shown on the project's page: Project Information.",
        )),
    }
}

/// The properties that the inputs of the step set.
pub(super) fn properties_of_inputs(inputs: &PrepareInputs) -> Properties {
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

/// Azure Pipelines leaves `$(name)` as it stands where no variable has that name.
pub(super) fn not_replaced(what: &str, variable: &str) -> Error {
    Error::new(format!("{what} holds $({variable}), because no variable has the name {variable}"))
        .hint(format!("Set the variable {variable} before SonarPrepare, or write the value itself."))
}
