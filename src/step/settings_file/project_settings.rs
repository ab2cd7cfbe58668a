//! The settings file of the project, and the base directory that it names.

use super::expand_names::unexpandable;
use super::read_settings::FILE;
use super::source_tree::{BASE_DIR, SourceTree};
use crate::analysis::placeholder::Budget;
use crate::analysis::precedence::Precedence;
use crate::analysis::{PropertySource, RefusalReason};
use crate::error::{Error, Result};
use crate::step::job::Job;
use std::path::{Path, PathBuf};

impl SourceTree {
    /// Adds what the settings file of the project says: that file where the pipeline names one, else the one in
    /// `base_dir`, if it is there. Returns which file that is.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub(crate) fn add_project(
        &self,
        precedence: &mut Precedence,
        named: Option<&Path>,
        base_dir: &Path,
    ) -> Result<Option<PathBuf>> {
        let file = named.map_or_else(|| base_dir.join(FILE), Path::to_owned);
        match self.load(&file)? {
            Some(entries) => {
                self.add(precedence, PropertySource::SettingsFile, "", &file, &entries);
                Ok(Some(file))
            }
            None if named.is_none() => Ok(None),
            None => Err(Error::new(format!("the settings file {} does not exist", file.display())).hint(
                "Add it to the repository, set configFile to where it is, or use `configMode: manual` with cliProjectKey \
                 and cliSources.",
            )),
        }
    }

    /// The base directory that a settings file or the pipeline names by `sonar.projectBaseDir`, else `given`.
    ///
    /// # Errors
    /// A name in its value leads back to itself.
    pub(crate) fn base_dir(&self, job: &Job, precedence: &mut Precedence, given: PathBuf) -> Result<PathBuf> {
        let Some(chosen) = precedence.value(BASE_DIR) else { return Ok(given) };
        let is_of_file = precedence.source(BASE_DIR).is_some_and(PropertySource::is_of_repository);
        if !is_of_file {
            return Ok(self.working_directory.join(chosen));
        }
        let text = precedence
            .expanded(chosen, &|name| job.environment.public_value(name), &mut Budget::default())
            .map_err(|why| unexpandable(BASE_DIR, &why, precedence.line(BASE_DIR)))?;
        let directory = self.working_directory.join(text);
        if self.hold(&directory) {
            return Ok(directory);
        }
        precedence.refuse(BASE_DIR, RefusalReason::OutsideSources);
        Ok(given)
    }
}
