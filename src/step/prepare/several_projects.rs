//! Several projects of one repository.

use super::changed_projects::Changes;
use super::project::Place;
use super::user_properties::checked;
use super::{
    Common, Decided, Project, complete_history, decision, new_id, set_established_variables, set_variables,
};
use crate::agent::{Monorepo, PrepareInputs};
use crate::analysis::monorepo::{MonorepoEntry, OF_ONE_PROJECT, entries};
use crate::analysis::{Member, PreparedScanner, Properties};
use crate::error::{Error, Result};
use crate::step::concurrent;
use crate::step::job::{Completion, Job};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::pin::Pin;

const WORKING_DIRECTORY: &str = "sonar.working.directory";
/// Projects that the server is asked about at a time.
const QUESTIONS: usize = 8;

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
        .hint("Set it in the properties of an entry; the key and the directory have keys of their own."));
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
        let place = Place::at(job, inputs, &own, (working_directory.clone(), base_dir), None)?;
        projects.push(Project { place, own });
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
        real.map_err(|error| Error::new(format!("{name}: {} can't be read: {error}", path.display())))
    };
    match real(&directory)?.strip_prefix(real(working_directory)?) {
        Ok(below) => Ok(working_directory.join(below)),
        Err(_) => Err(Error::new(format!("{name}: the baseDir {base_dir} leaves the sources"))
            .hint(format!("Write a directory in {}.", working_directory.display()))),
    }
}

/// Prepares the analyses of all of them.
///
/// # Errors
/// As those of a single one: all are prepared, or none.
pub(super) async fn prepare(
    common: &Common<'_>,
    monorepo: &Monorepo,
    projects: &[Project],
) -> Result<Completion> {
    let shared = decision::Shared::default();
    let decisions = projects.iter().map(|project| {
        let decision = common.decide(project, &shared);
        Box::pin(decision) as Pin<Box<dyn Future<Output = Result<Decided>> + '_>>
    });
    let decisions = concurrent::all(QUESTIONS, decisions).await;
    let mut decided = decisions.into_iter().collect::<Result<Vec<_>>>()?;
    let analysed = projects.iter().zip(&decided).filter(|(_, decided)| decided.scope.skip.is_none());
    let wanted = analysed.map(|(project, Decided { scope, .. })| {
        (&project.place, common.properties(project, scope), scope.default_branch.as_deref())
    });
    complete_history::complete(common.job, &common.inputs, &wanted.collect::<Vec<_>>()).await?;
    let untouched = match monorepo.changed_only {
        true => leave_out_untouched(common, projects, &mut decided).await?,
        false => vec![false; projects.len()],
    };
    let of = new_id()?;
    let mut prepared = Vec::with_capacity(projects.len());
    for ((project, decided), untouched) in projects.iter().zip(decided).zip(untouched) {
        let id = if prepared.is_empty() { of.clone() } else { new_id()? };
        let properties = common.properties(project, &decided.scope);
        let (properties, secrets, release) =
            common.equip(&id, decided.scope.skip.is_some(), properties).await?;
        set_variables(common.job, &common.connection, &id, &secrets);
        let scanner = release.map_or(PreparedScanner::Engine, PreparedScanner::Cli);
        let member = Member { of: of.clone(), place: prepared.len(), parallel: monorepo.parallel, untouched };
        let record = common.record(&project.place, decided, id, (properties, scanner, Some(member)));
        prepared.push((record, secrets));
    }
    for (record, secrets) in &prepared {
        common.records.write_prepared(record, secrets, &common.seal())?;
    }
    if let Some((record, _)) = prepared.first() {
        let server = (&record.server, record.mode());
        set_established_variables(common.job, &common.connection, server, &record.properties, None);
    }
    let open = prepared.iter().filter(|(record, _)| record.skip.is_none()).count();
    Completion::new(match (open, prepared.len()) {
        (0, _) => "Prepared: nothing will be analysed".into(),
        (open, all) if open == all => format!("Prepared the analyses of {all} projects"),
        (open, all) => format!("Prepared the analyses of {open} of {all} projects"),
    })
}

/// Skips what the change does not touch, and tells which that is.
async fn leave_out_untouched(
    common: &Common<'_>,
    projects: &[Project],
    decided: &mut [Decided],
) -> Result<Vec<bool>> {
    let is_compared =
        |Decided { scope, .. }: &Decided| scope.skip.is_none() && !scope.target.is_main_branch();
    if !decided.iter().any(is_compared) {
        if decided.iter().any(|decided| decided.scope.skip.is_none()) {
            tracing::info!("changedOnly: every project is analysed, because the main branch is");
        }
        return Ok(vec![false; projects.len()]);
    }
    let mut changes = Changes::default();
    let mut untouched = Vec::with_capacity(projects.len());
    for (project, decided) in projects.iter().zip(decided) {
        let is_untouched = is_compared(decided) && {
            let directory = &project.place.base_dir;
            let change = changes.of(common.job, &decided.scope, directory, common.inputs.unshallow).await?;
            !change.touches(directory)
        };
        if is_untouched {
            let reason = format!("nothing in {} changed", project.place.relative(&project.place.base_dir));
            tracing::info!("{} is not analysed: {reason}", decided.key.as_deref().unwrap_or("A project"));
            decided.scope.skip = Some(reason);
        }
        untouched.push(is_untouched);
    }
    Ok(untouched)
}
