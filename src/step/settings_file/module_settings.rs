//! The settings files of modules (`sonar.modules`).

use super::expand_names::{PublicVariables, expand_now, unexpandable};
use super::read_settings::FILE;
use super::source_tree::{BASE_DIR, SourceTree, without_dots};
use crate::analysis::java_properties::trimmed;
use crate::analysis::placeholder::Budget;
use crate::analysis::precedence::Precedence;
use crate::analysis::{FileLine, PropertySource};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const MODULES: &str = "sonar.modules";

/// Deeper than any project: modules that lie in each other end here.
const DEEPEST: usize = 10;

impl SourceTree {
    /// Adds what the modules bring that `sonar.modules` names: the base directory of each, and what the settings file in it
    /// sets; keys begin with the module's name. As SonarScanner CLI does it, that file wins over the project's own.
    ///
    /// # Errors
    /// A module's base directory or settings file does not exist, or lies outside of the sources because a settings file
    /// says so.
    pub(crate) fn add_modules(
        &self,
        environment: PublicVariables<'_>,
        precedence: &mut Precedence,
        base_dir: &Path,
    ) -> Result<()> {
        self.add_modules_of(environment, precedence, base_dir, "", DEEPEST)
    }

    fn add_modules_of(
        &self,
        environment: PublicVariables<'_>,
        precedence: &mut Precedence,
        directory: &Path,
        prefix: &str,
        depth: usize,
    ) -> Result<()> {
        let modules = format!("{prefix}{MODULES}");
        expand_now(environment, precedence, &modules)?;
        let names = precedence.value(&modules).unwrap_or_default().to_owned();
        for name in names.split(',').map(trimmed).filter(|name| !name.is_empty()) {
            check_name(name, precedence.line(&modules))?;
            if depth == 0 {
                return Err(Error::new(format!(
                    "the modules {prefix}{name} are nested more than {DEEPEST} deep"
                ))
                .hint("Check sonar.modules in the settings files of the modules."));
            }
            let prefix = format!("{prefix}{name}.");
            let directory = self.add_module(environment, precedence, name, &prefix, directory)?;
            self.add_modules_of(environment, precedence, &directory, &prefix, depth - 1)?;
        }
        Ok(())
    }

    /// Adds what the settings file of a module sets. Returns the module's base directory.
    fn add_module(
        &self,
        environment: PublicVariables<'_>,
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
        for key in [&key, &config] {
            expand_now(environment, precedence, key)?;
        }
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
            Error::new(message).hint(format!("Point {MODULES} and {name}.{BASE_DIR} to a directory of the sources, or set {name}.{BASE_DIR} in extraProperties of SonarPrepare."))
        };
        if !is_chosen && directory.exists() && !self.hold(&directory) {
            return Err(leaves(&directory));
        }
        if let Some(file) = &file
            && let Some(entries) = self.load(file)?
        {
            self.add(precedence, PropertySource::ModuleFile, prefix, file, &entries);
            let of_file = entries.iter().rev().find(|entry| entry.key == BASE_DIR);
            if let Some(chosen) = of_file.filter(|_| precedence.rules().allow_repository(&key)) {
                let chosen = precedence
                    .expanded(&chosen.value, &|name| environment(name), &mut Budget::default())
                    .map_err(|why| unexpandable(&key, &why, precedence.line(&key)))?;
                directory = directory.join(chosen);
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
        check_sole_settings_file(name, &directory, parent, file.as_deref())?;
        precedence.set(PropertySource::Connection, &key, &directory.display().to_string(), None);
        Ok(directory)
    }
}

/// Refuses a name that the scanner engine would read differently: it splits the list of modules as CSV, with quotes and line
/// breaks, and drops other blanks than these files' readers do. The module that it finds would not have been checked.
fn check_name(name: &str, at: Option<&FileLine>) -> Result<()> {
    if name.trim() == name && !name.contains(|c: char| c < ' ' || c == '"') {
        return Ok(());
    }
    let at = at.map(|at| format!(" ({at})")).unwrap_or_default();
    Err(Error::new(format!("{name:?} in {MODULES}{at} is not a name for a module"))
        .hint("Use a name without quotation marks, line breaks and blanks around it."))
}

/// Refuses a second settings file in the base directory of a module. SonarScanner CLI is given that directory, and reads the
/// settings file in it: what that file sets would count without having been checked.
fn check_sole_settings_file(name: &str, directory: &Path, parent: &Path, read: Option<&Path>) -> Result<()> {
    let second = directory.join(FILE);
    let is_read = read.is_some_and(|read| without_dots(read) == second);
    if is_read || *directory == without_dots(parent) || second.symlink_metadata().is_err() {
        return Ok(());
    }
    let first = read.map(|read| format!("{} and ", without_dots(read).display())).unwrap_or_default();
    Err(Error::new(format!("the module {name} has two settings files: {first}{}", second.display()))
        .hint("Remove the second one, or move its properties to the first one."))
}
