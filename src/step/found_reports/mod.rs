//! Finds the coverage and test reports that the build left behind, and has them imported.

mod binary_coverage;
mod dotnet_reports;
mod report_age;
mod report_search;
mod source_files;

use crate::analysis::Properties;
use crate::analysis::report_formats::{Kind, Named, tested_files};
use crate::analysis::seconds_since_1970;
use crate::analysis::xml::decode;
use crate::error::Result;
use crate::step::job::Job;
use crate::step::sources_clone::clone_of;
use report_age::Age;
use report_search::{Found, LARGEST, Search, named, read, relative};
use source_files::Sources;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(super) use dotnet_reports::{Projects, for_dotnet};

/// By how much the clocks of an agent and of Azure DevOps may differ.
const CLOCKS_DIFFER: Duration = Duration::from_secs(300);

/// Where reports are looked for, and since when they are of this build.
#[derive(Debug)]
pub(super) struct Places {
    /// The base directory of the analysis.
    pub(super) base_dir: PathBuf,
    /// `Agent.TempDirectory`, which the agent empties before each job.
    pub(super) temporary: PathBuf,
    /// `Common.TestResultsDirectory`.
    pub(super) test_results: Option<PathBuf>,
    /// The clone that the base directory lies in.
    pub(super) clone: Option<PathBuf>,
    /// When the pipeline began, or earlier by as much as clocks may differ.
    pub(super) started: Option<SystemTime>,
    /// When SonarPrepare ended.
    pub(super) prepared: SystemTime,
}

impl Places {
    /// Those of a job.
    ///
    /// # Errors
    /// `Agent.TempDirectory` is not set.
    pub(super) fn of(job: &Job, base_dir: &Path, prepared: SystemTime) -> Result<Self> {
        let started = job.predefined.system_pipelinestarttime.as_deref().and_then(seconds_since_1970);
        let started = started.and_then(|seconds| UNIX_EPOCH.checked_add(Duration::from_secs(seconds)));
        Ok(Self {
            base_dir: base_dir.to_owned(),
            temporary: job.predefined.temp_directory()?,
            test_results: job.predefined.common_testresultsdirectory.clone(),
            clone: clone_of(job, base_dir).map(Path::to_owned),
            started: started.and_then(|started| started.checked_sub(CLOCKS_DIFFER)),
            prepared,
        })
    }

    /// The folders beside the sources, unless one of them lies in another.
    fn beside_sources(&self) -> Vec<&Path> {
        let mut folders: Vec<&Path> = Vec::new();
        for folder in [Some(&self.temporary), self.test_results.as_ref()].into_iter().flatten() {
            let overlaps = |other: &Path| folder.starts_with(other) || other.starts_with(folder);
            if !overlaps(&self.base_dir) && !folders.iter().any(|other| overlaps(other)) {
                folders.push(folder);
            }
        }
        folders
    }
}

/// A module of the analysis (`sonar.modules`).
struct Module {
    /// What its properties begin with.
    prefix: String,
    base_dir: PathBuf,
}

/// Sets the properties that import what is found in `places`, but for those that are set. In the sources reports count
/// that the build wrote: others came with the repository. Where the project is one of `several`, those beside the
/// sources are any's: they count if they speak of its files.
pub(super) fn import(properties: &mut Properties, places: &Places, several: bool) {
    let Places { base_dir, temporary, clone, prepared, started, .. } = places;
    let modules = modules_of(properties);
    let sources = Sources::new(base_dir, modules.iter().map(|module| module.base_dir.clone()));
    let age = Age::since_checkout(clone.as_deref(), *prepared, *started);
    let mut search = Search::default();
    search.look_in(base_dir, Some(&age));
    let own = search.found.len();
    for folder in places.beside_sources() {
        search.look_in(folder, (folder != temporary).then_some(&age));
    }
    let elsewhere = search.found.split_off(own);
    search.found.extend(
        elsewhere
            .into_iter()
            .filter(|found| !several || !found.report.files.is_empty() && sources.are_in(found)),
    );
    search.keep_each_once();
    let tests = properties.value("sonar.tests").unwrap_or_default();
    let mut importable = Vec::new();
    for found in std::mem::take(&mut search.found) {
        let kind = found.report.kind;
        if kind.property.is_empty() {
            let path = found.path.display();
            tracing::info!("SonarQube does not import {} for such files: {path}", kind.format);
        } else if properties.value(kind.property).is_none()
            && (!kind.is_of_tests_alone() || is_of_tests(&found, tests, base_dir))
        {
            match sources.are_in(&found) {
                true => importable.push(found),
                false => sources.warn_about(&found, &[]),
            }
        }
    }
    while let Some(kind) = importable.first().map(|found| found.report.kind) {
        let (alike, rest) =
            importable.into_iter().partition(|found| found.report.kind.property == kind.property);
        import_all(properties, kind, alike, &modules, base_dir, &mut search);
        importable = rest;
    }
    search.tell(base_dir);
}

fn modules_of(properties: &Properties) -> Vec<Module> {
    let modules = properties.iter().filter_map(|(key, value)| {
        let prefix = key.strip_suffix("sonar.projectBaseDir").filter(|prefix| prefix.ends_with('.'))?;
        Some(Module { prefix: prefix.to_owned(), base_dir: PathBuf::from(value) })
    });
    modules.collect()
}

/// Whether all the files it speaks of lie in `tests`, the value of `sonar.tests`; says so if not. One that does not
/// is enough for a failure, so the whole report is read.
fn is_of_tests(Found { path, report, .. }: &Found, tests: &str, base_dir: &Path) -> bool {
    let tests = tests.split(',').map(str::trim).filter(|folder| !folder.is_empty());
    let tests: Vec<_> = tests.map(|folder| base_dir.join(folder)).collect();
    let is_test = |file: &PathBuf| tests.iter().any(|folder| file.starts_with(folder));
    let text = read(path, LARGEST);
    let why = match text.and_then(|text| tested_files(&decode(&text))) {
        Some(files) => {
            let mut files = files.iter().map(|file| base_dir.join(file));
            let Some(other) = files.find(|file| file.is_file() && !is_test(file)) else { return true };
            format!(
                "sonar.tests does not name {}, so the analysis would fail over it",
                relative(&other, base_dir)
            )
        }
        None => {
            "not all of its files can be told, and the analysis would fail over one outside of sonar.tests"
                .to_owned()
        }
    };
    tracing::info!("Found {}: {}, and leave it out: {why}", report.kind.format, relative(path, base_dir));
    false
}

/// Sets the property of a kind to all reports of it. Where there are `modules`, one that speaks of the files of the module
/// it lies in is that module's; the others are everybody's. Their paths are absolute then: an analyzer of a module
/// takes relative ones to be in it.
fn import_all(
    properties: &mut Properties,
    kind: &Kind,
    found: Vec<Found>,
    modules: &[Module],
    base_dir: &Path,
    search: &mut Search,
) {
    // The project's own first.
    let mut lists: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    let mut imported = Vec::new();
    for found in found {
        let named =
            if kind.named == Named::Folders { found.path.parent().unwrap_or(base_dir) } else { &found.path };
        let named = match modules {
            [] => relative(named, base_dir),
            _ => named.display().to_string(),
        };
        let prefix = owner(&found, modules).map_or("", |module| module.prefix.as_str());
        let place = lists.iter().position(|(other, _)| *other == prefix).unwrap_or_else(|| {
            lists.push((prefix, Vec::new()));
            lists.len() - 1
        });
        let paths = &mut lists[place].1;
        if named.contains(',') {
            let why = format!("{} divides paths by commas, and theirs hold one", kind.property);
            search.leave_out(&found.path, why);
        } else if paths.is_empty() || kind.named != Named::One {
            if paths.last() != Some(&named) {
                paths.push(named.clone());
                imported.push(PathBuf::from(named));
            }
        } else {
            let why =
                format!("{} takes one report: merge them into one, or set it to another", kind.property);
            search.leave_out(&found.path, why);
        }
    }
    if imported.is_empty() {
        return;
    }
    tracing::info!("Found {}: {} ({})", kind.format, named(&imported, base_dir), kind.property);
    let of_all = lists[0].1.clone();
    for (prefix, mut paths) in lists {
        let key = format!("{prefix}{}", kind.property);
        if !prefix.is_empty() && kind.named != Named::One {
            paths.extend(of_all.iter().cloned());
        }
        if !paths.is_empty() && properties.value(&key).is_none() {
            properties.set(key, paths.join(","));
        }
    }
}

/// The innermost module that a report lies in, if it speaks of that module's files.
fn owner<'a>(found: &Found, modules: &'a [Module]) -> Option<&'a Module> {
    let around = modules.iter().filter(|module| found.path.starts_with(&module.base_dir));
    let module = around.max_by_key(|module| module.base_dir.components().count())?;
    Sources::new(&module.base_dir, []).are_in(found).then_some(module)
}

#[cfg(test)]
mod tests;
