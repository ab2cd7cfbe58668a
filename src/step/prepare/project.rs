//! Where the analysis happens, and what the settings file there says.

use crate::agent::{ConfigMode, PrepareInputs};
use crate::analysis::placeholder::Budget;
use crate::analysis::precedence::Precedence;
use crate::analysis::{Properties, PropertySource, ScannerMode, project_key, scanner_environment};
use crate::context::unexpanded;
use crate::error::{Error, Result};
use crate::step::job::Job;
use crate::step::settings_file;
use std::path::{Path, PathBuf};

/// The directories and the settings file of an analysis.
pub(super) struct Place {
    pub(super) working_directory: PathBuf,
    pub(super) base_dir: PathBuf,
    pub(super) settings_file: Option<PathBuf>,
    /// What the settings file says that the scanner will read, as far as it may: its names replaced.
    settings: Properties,
}

impl Place {
    /// `own` are the user's own properties of the project.
    ///
    /// # Errors
    /// The directory or the settings file is not there, or that file can't be read.
    pub(super) fn find(job: &Job, inputs: &PrepareInputs, own: &Properties) -> Result<Self> {
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
        Self::at(job, inputs, own, (working_directory, base_dir), settings_file)
    }

    /// The place with these directories, the working directory and the base directory.
    ///
    /// # Errors
    /// The settings file is not there, or can't be read.
    pub(super) fn at(
        job: &Job,
        inputs: &PrepareInputs,
        own: &Properties,
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
        precedence.set_all(PropertySource::Input, &super::properties_of_inputs(inputs));
        precedence.set_all(PropertySource::ExtraProperties, own);
        let (mut settings, mut budget) = (Properties::default(), Budget::default());
        for (key, value) in of_file {
            let text = precedence
                .expanded(&value, &|name| job.environment.public_value(name), &mut budget)
                .map_err(|why| settings_file::unexpandable(&key, &why, precedence.line(&key)))?;
            settings.set(key, text);
        }
        Ok(Self { working_directory, base_dir, settings_file, settings })
    }

    /// What the settings file says that the scanner will read, if there is one.
    pub(super) fn settings(&self) -> Properties {
        self.settings.clone()
    }

    /// What is analysed, as far as it is known before the scanner runs: a settings file may say it where nothing else does.
    pub(super) fn sources(&self, job: &Job) -> PathBuf {
        let chosen = || {
            let directory = self.working_directory.join(self.settings.value(settings_file::BASE_DIR)?);
            let sources = settings_file::SourceTree::of(job, &self.working_directory, &self.base_dir);
            sources.hold(&directory).then_some(directory)
        };
        let is_open = self.base_dir == self.working_directory;
        is_open.then(chosen).flatten().unwrap_or_else(|| self.base_dir.clone())
    }

    /// The key of the project, as far as it is known before the scanner runs.
    ///
    /// # Errors
    /// The settings file that should name it does not, or SonarQube would refuse it.
    pub(super) fn project_key(&self, inputs: &PrepareInputs, own: &Properties) -> Result<Option<String>> {
        const KEY: &str = "sonar.projectKey";
        let chosen = own.value(KEY).or(inputs.project_key.as_deref());
        let of_file = self.settings_file.as_ref().and_then(|_| self.settings.value(KEY));
        let key = match (chosen.or(of_file).filter(|key| !key.is_empty()), &self.settings_file) {
            (Some(key), _) => key,
            (None, None) => return Ok(None),
            (None, Some(file)) => {
                return Err(Error::new(format!("the settings file {} sets no {KEY}", file.display())).hint(
                    "Add the line sonar.projectKey=<key of the SonarQube project> to it or to extraProperties.",
                ));
            }
        };
        if let Some(variable) = unexpanded(key) {
            return Err(not_replaced("the project's key", variable));
        }
        match project_key::refusal(key) {
            None => Ok(Some(key.to_owned())),
            Some(why) => Err(Error::new(format!("SonarQube takes no project key {key:?}, because {why}")).hint(
                "A key is made of the letters A to Z and a to z, digits, `-`, `_`, `.` and `:`, has at most 400 of them, \
                 and one that is no digit. It is shown on the project's page: Project Information.",
            )),
        }
    }

    /// `path` relative to the working directory where it lies in it, so that the record may travel.
    pub(super) fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.working_directory).unwrap_or(path);
        if relative.as_os_str().is_empty() { ".".into() } else { relative.display().to_string() }
    }
}

/// Azure Pipelines leaves `$(name)` as it stands where no variable has that name.
pub(super) fn not_replaced(what: &str, variable: &str) -> Error {
    Error::new(format!("{what} holds $({variable}), because no variable has the name {variable}"))
        .hint(format!("Set the variable {variable} before SonarPrepare, or write the value itself."))
}
