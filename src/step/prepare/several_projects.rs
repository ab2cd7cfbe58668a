//! The projects of the input `monorepo`.

use super::project::Project;
use super::user_properties::checked;
use crate::agent::{Monorepo, PrepareInputs};
use crate::analysis::Properties;
use crate::analysis::monorepo::{MonorepoEntry, OF_ONE_PROJECT, entries};
use crate::error::{Error, Result};
use crate::step::job::Job;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

const WORKING_DIRECTORY: &str = "sonar.working.directory";

/// The projects of the input. `extra` are properties of all of them.
///
/// # Errors
/// What is wrong with which entry.
pub(super) fn projects(
    job: &Job,
    inputs: &PrepareInputs,
    monorepo: &Monorepo,
    extra: &Properties,
) -> Result<Vec<Project>> {
    if let Some(key) = OF_ONE_PROJECT.iter().find(|key| extra.value(key).is_some()) {
        return Err(Error::new(format!(
            "{key} in extraProperties would be the same for every project of monorepo"
        ))
        .hint("Set it in the properties of each entry. For the key and the directory an entry has fields of its own."));
    }
    let working_directory = job.predefined.working_directory()?;
    let start = match &monorepo.start {
        Some(directory) => working_directory.join(directory),
        None => working_directory.clone(),
    };
    let hint = "An entry is `{ key: <project>, baseDir: <folder>, properties: { <name>: <value> } }`.";
    let entries =
        entries(monorepo.list.expose()).map_err(|mistake| Error::new(mistake.to_string()).hint(hint))?;
    let mut projects: Vec<Project> = Vec::with_capacity(entries.len());
    let mut used = HashSet::new();
    for entry in entries {
        let base_dir = base_dir(&entry, &start, &working_directory)?;
        let mut own = extra.clone();
        own.extend(&checked(job, entry.properties, &entry.name)?);
        own.set("sonar.projectKey", entry.key);
        let files = own.value(WORKING_DIRECTORY).unwrap_or(".scannerwork");
        if !used.insert(base_dir.join(files)) {
            // Two scanners in one directory must not share their files.
            let other = format!("{files}-{}", projects.len() + 1);
            used.insert(base_dir.join(&other));
            own.set(WORKING_DIRECTORY, other);
        }
        projects.push(Project::at(job, inputs, own, (working_directory.clone(), base_dir), None)?);
    }
    Ok(projects)
}

/// The directory of an entry, by its real name.
fn base_dir(entry: &MonorepoEntry, start: &Path, working_directory: &Path) -> Result<PathBuf> {
    let MonorepoEntry { name, base_dir, .. } = entry;
    let directory = start.join(base_dir);
    if !directory.is_dir() {
        return Err(Error::new(format!("{name}: the baseDir {} does not exist", directory.display())).hint(
            "Write a directory of the sources, relative to System.DefaultWorkingDirectory or projectBaseDir.",
        ));
    }
    let real = |path: &Path| {
        let real = path.canonicalize();
        real.map_err(|error| Error::new(format!("{name}: {} could not be read: {error}", path.display())))
    };
    match real(&directory)?.strip_prefix(real(working_directory)?) {
        Ok(below) => Ok(working_directory.join(below)),
        Err(_) => Err(Error::new(format!("{name}: the baseDir {base_dir} is outside the sources"))
            .hint(format!("Write a directory in {}.", working_directory.display()))),
    }
}
