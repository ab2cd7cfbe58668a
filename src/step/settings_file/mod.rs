//! The settings files of an analysis: the project's own, and those of its modules.
//!
//! They lie in the repository, so whoever opens a pull request writes them. What they may set, `analysis::property_origin`
//! says; where the paths in them may lead, and which files are read at all, this module does.

use crate::analysis::java_properties::{self, Assignment, trimmed};
use crate::analysis::placeholder::{Budget, Unexpandable};
use crate::analysis::precedence::{FileLine, Precedence, PropertySource};
use crate::analysis::property_origin::without_module;
use crate::context::is_of_scope;
use crate::error::{Error, Result};
use crate::step::job::Job;
use confine::real;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};

mod confine;
mod java_runtimes;
mod left_out;
mod links;

pub(super) const BASE_DIR: &str = "sonar.projectBaseDir";
const MODULES: &str = "sonar.modules";

/// The name of a settings file that nobody names.
pub(super) const FILE: &str = "sonar-project.properties";

/// Deeper than any project: modules that lie in each other end here.
const DEEPEST: usize = 10;

/// Far above any settings file.
const LARGEST: u64 = 1 << 20;

/// Where the files of the repository lie.
#[derive(Debug)]
pub(super) struct Sources {
    working_directory: PathBuf,
    /// Real names of the folders of the sources.
    roots: Vec<PathBuf>,
    /// Real names of the folders in which the steps of a job leave results.
    results: Vec<PathBuf>,
}

impl Sources {
    /// Those of a job. `base_dir` is the directory that the pipeline wants analysed, wherever that is.
    pub(super) fn of(job: &Job, working_directory: &Path, base_dir: &Path) -> Self {
        let predefined = &job.predefined;
        let variable = |name| job.environment.variable(name).map(PathBuf::from);
        let results = [
            predefined.agent_tempdirectory.clone(),
            predefined.pipeline_workspace.clone(),
            variable("Common.TestResultsDirectory"),
            variable("Build.ArtifactStagingDirectory"),
        ];
        Self {
            working_directory: working_directory.to_owned(),
            roots: [working_directory, base_dir].into_iter().filter_map(real).collect(),
            results: results.into_iter().flatten().filter_map(|folder| real(&folder)).collect(),
        }
    }

    /// Adds what the settings file of the project says: that file where the pipeline names one, else the one in
    /// `base_dir`, if it is there. Returns which file that is.
    ///
    /// # Errors
    /// It is not there, or can't be read.
    pub(super) fn add_project(
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
    pub(super) fn base_dir(&self, job: &Job, precedence: &mut Precedence, given: PathBuf) -> Result<PathBuf> {
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
        precedence.refuse(BASE_DIR, confine::OUT);
        Ok(given)
    }

    /// Adds what the modules bring that `sonar.modules` names: the base directory of each, and what the settings file in it
    /// sets; keys begin with the module's name. As SonarScanner CLI does it, that file wins over the project's own.
    ///
    /// # Errors
    /// A module's base directory or settings file does not exist, or lies outside of the sources because a settings file
    /// says so.
    pub(super) fn add_modules(&self, precedence: &mut Precedence, base_dir: &Path) -> Result<()> {
        self.add_modules_of(precedence, base_dir, "", DEEPEST)
    }

    fn add_modules_of(
        &self,
        precedence: &mut Precedence,
        directory: &Path,
        prefix: &str,
        depth: usize,
    ) -> Result<()> {
        let names = precedence.value(&format!("{prefix}{MODULES}")).unwrap_or_default().to_owned();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            if depth == 0 {
                return Err(Error::new(format!("the modules {prefix}{name} lie more than {DEEPEST} deep"))
                    .hint("Check sonar.modules in the settings files of the modules."));
            }
            let prefix = format!("{prefix}{name}.");
            let directory = self.add_module(precedence, name, &prefix, directory)?;
            self.add_modules_of(precedence, &directory, &prefix, depth - 1)?;
        }
        Ok(())
    }

    /// Adds what the settings file of a module sets. Returns the module's base directory.
    fn add_module(
        &self,
        precedence: &mut Precedence,
        name: &str,
        prefix: &str,
        parent: &Path,
    ) -> Result<PathBuf> {
        let key = format!("{prefix}{BASE_DIR}");
        let is_of_pipeline = |precedence: &Precedence, key: &str| {
            precedence.source(key).is_some_and(|source| !source.is_of_repository())
        };
        let mut is_chosen = is_of_pipeline(precedence, &key);
        let config = format!("{prefix}sonar.projectConfigFile");
        let (mut directory, file) = match (precedence.value(&key), precedence.value(&config)) {
            (Some(chosen), _) => {
                let directory = parent.join(chosen);
                // What lies beside the parent's file is the parent's.
                let file = (without_dots(&directory) != without_dots(parent)).then(|| directory.join(FILE));
                (directory, file)
            }
            (None, Some(chosen)) => {
                let file = parent.join(chosen);
                if !file.is_file() {
                    let message =
                        format!("the settings file of the module {name} does not exist: {}", file.display());
                    return Err(Error::new(message).hint(format!("Correct {name}.sonar.projectConfigFile.")));
                }
                is_chosen = is_of_pipeline(precedence, &config);
                (file.parent().unwrap_or(parent).to_owned(), Some(file))
            }
            (None, None) => {
                let directory = parent.join(name);
                let file = directory.join(FILE);
                (directory, Some(file))
            }
        };
        let leaves = |directory: &Path| {
            let message = format!("the module {name} leaves the sources: {}", directory.display());
            Error::new(message).hint(format!("Have {MODULES} and {name}.{BASE_DIR} lead to a directory of the sources, or set {name}.{BASE_DIR} in extraProperties of SonarPrepare."))
        };
        if !is_chosen && directory.exists() && !self.hold(&directory) {
            return Err(leaves(&directory));
        }
        if let Some(file) = file
            && let Some(entries) = self.load(&file)?
        {
            self.add(precedence, PropertySource::ModuleFile, prefix, &file, &entries);
            let of_file = entries.iter().rev().find(|entry| entry.key == BASE_DIR);
            if let Some(chosen) = of_file.filter(|_| precedence.rules().allow_repository(&key)) {
                directory = directory.join(&chosen.value);
                if directory.exists() && !self.hold(&directory) {
                    return Err(leaves(&directory));
                }
            }
        }
        if !directory.is_dir() {
            let message =
                format!("the base directory of the module {name} does not exist: {}", directory.display());
            return Err(Error::new(message)
                .hint(format!("Correct {MODULES}, or set {name}.{BASE_DIR} to the module's directory.")));
        }
        let directory = without_dots(&directory);
        precedence.set(PropertySource::Connection, &key, &directory.display().to_string(), None);
        Ok(directory)
    }

    fn add(
        &self,
        precedence: &mut Precedence,
        source: PropertySource,
        prefix: &str,
        file: &Path,
        entries: &[Assignment],
    ) {
        let file = self.shown(file);
        for Assignment { key, value, line } in entries {
            // Of a branch or a pull request nothing says nothing.
            if value.is_empty() && is_of_scope(without_module(key)) {
                continue;
            }
            let at = FileLine { file: file.clone(), line: *line };
            precedence.set(source, &format!("{prefix}{key}"), value, Some(at));
        }
    }

    /// The name of a file for people: from the sources on, where it lies in them.
    fn shown(&self, file: &Path) -> String {
        let file = without_dots(file);
        file.strip_prefix(&self.working_directory).unwrap_or(&file).display().to_string().replace('\\', "/")
    }

    /// Reads a settings file; `None` where there is none.
    fn load(&self, file: &Path) -> Result<Option<Vec<Assignment>>> {
        let wrong = |what: String, hint: &str| {
            Err(Error::new(format!("the settings file {} {what}", file.display())).hint(hint.to_owned()))
        };
        let unreadable = |error: std::io::Error| {
            Error::new(format!("the settings file {} can't be read: {error}", file.display()))
        };
        let metadata = match std::fs::metadata(file) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        // Reading another kind may never end.
        if !metadata.is_file() {
            return wrong(
                "is not a regular file".into(),
                "Replace it by a file, or name another one in configFile.",
            );
        }
        if without_dots(file).starts_with(&self.working_directory) && !self.hold(file) {
            return wrong(
                "is a link that leads out of the sources".into(),
                "Replace it by a file, or name the file itself in configFile.",
            );
        }
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST {
            return wrong("is larger than 1 MiB".into(), "Shorten it.");
        }
        let text = match java_properties::decode(&bytes) {
            Ok(text) => text,
            Err(java_properties::NotText { line, encoding }) => {
                let what =
                    format!("is not UTF-8 (line {line}), and its encoding, {encoding}, is not known here");
                return wrong(what, "Save it as UTF-8; or write letters outside of ASCII as \\uXXXX.");
            }
        };
        let entries = java_properties::assignments(&text).into_iter();
        Ok(Some(
            entries.map(|entry| Assignment { value: trimmed(&entry.value).to_owned(), ..entry }).collect(),
        ))
    }
}

/// Replaces `${name}` in what the settings files say.
///
/// # Errors
/// A name leads back to itself, or names stand for too much.
pub(super) fn expand(job: &Job, precedence: &Precedence) -> Result<Precedence> {
    let expanded = precedence.expand(&|name| job.environment.public_value(name));
    expanded.map_err(|(key, why)| unexpandable(&key, &why, precedence.line(&key)))
}

/// The error of names that can't be replaced.
pub(super) fn unexpandable(key: &str, why: &Unexpandable, at: Option<&FileLine>) -> Error {
    let mut message = format!("{key} {why}");
    if let Some(at) = at {
        let _ = write!(message, " ({at})");
    }
    Error::new(message).hint("Write the value itself instead of ${name} in one of them.")
}

/// Tells what is refused.
pub(super) fn tell_refused(precedence: &Precedence) {
    for refused in precedence.refused() {
        tracing::warn!("{refused}");
    }
}

/// `a/../b` is `b`, as the scanner shows it.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
