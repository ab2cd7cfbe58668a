//! Where the analysis happens.

use crate::agent::{ConfigMode, Predefined, PrepareInputs};
use crate::analysis::{Properties, ScannerMode, java_properties};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// The directories and the settings file of an analysis.
pub(super) struct Place {
    pub(super) working_directory: PathBuf,
    pub(super) base_dir: PathBuf,
    pub(super) settings_file: Option<PathBuf>,
}

impl Place {
    pub(super) fn find(predefined: &Predefined, inputs: &PrepareInputs, extra: &Properties) -> Result<Self> {
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

    /// What the settings file says that the scanner will read, if there is one. What is wrong with it, others say.
    pub(super) fn settings(&self, mode: ScannerMode) -> Properties {
        let file = match (&self.settings_file, mode) {
            (Some(file), _) => file.clone(),
            (None, ScannerMode::Cli) => self.base_dir.join("sonar-project.properties"),
            (None, _) => return Properties::default(),
        };
        std::fs::read_to_string(file).map_or_else(
            |_| Properties::default(),
            |text| java_properties::parse(&text).into_iter().collect(),
        )
    }

    /// What is analysed, as far as it is known before the scanner runs: a settings file may say it where nothing else does.
    pub(super) fn sources(&self, mode: ScannerMode) -> PathBuf {
        let chosen =
            || self.settings(mode).value("sonar.projectBaseDir").map(|at| self.working_directory.join(at));
        let is_open = self.base_dir == self.working_directory;
        is_open.then(chosen).flatten().unwrap_or_else(|| self.base_dir.clone())
    }

    /// The key of the project, as far as it is known before the scanner runs.
    pub(super) fn project_key(&self, inputs: &PrepareInputs, extra: &Properties) -> Result<Option<String>> {
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
    pub(super) fn relative(&self, path: &Path) -> String {
        let relative = path.strip_prefix(&self.working_directory).unwrap_or(path);
        if relative.as_os_str().is_empty() { ".".into() } else { relative.display().to_string() }
    }
}
