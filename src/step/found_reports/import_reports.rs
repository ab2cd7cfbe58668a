//! Has the scanner engine and SonarScanner CLI import the reports that are found.

use super::regular_file::{LARGEST, read};
use super::report_age::ReportAge;
use super::report_places::ReportPlaces;
use super::report_search::{FoundReport, ReportSearch};
use super::shown_paths::{named, relative};
use super::source_files::SourceFiles;
use crate::analysis::Properties;
use crate::analysis::report_formats::{PropertyValue, ReportKind, tested_files};
use crate::analysis::xml::decode;
use std::path::{Path, PathBuf};

/// A module of the analysis (`sonar.modules`).
struct ImportingModule {
    /// What its properties begin with.
    prefix: String,
    base_dir: PathBuf,
}

/// Sets the properties that import the reports found in `places`. What is set already wins. A report in the sources counts if
/// the build wrote it: others came with the repository. If the project is one of `several`, a report beside the sources may be
/// of any of them: it counts if it names a file of this one.
pub(crate) fn import(properties: &mut Properties, places: &ReportPlaces, several: bool) {
    let base_dir = &places.base_dir;
    let modules = modules_of(properties);
    let sources = SourceFiles::new(base_dir, modules.iter().map(|module| module.base_dir.clone()));
    let mut search = find(places, several, &sources);
    let found = std::mem::take(&mut search.found);
    let mut importable: Vec<_> =
        found.into_iter().filter(|found| is_importable(found, properties, &sources)).collect();
    while let Some(kind) = importable.first().map(|found| found.report.kind) {
        let (alike, rest) =
            importable.into_iter().partition(|found| found.report.kind.property == kind.property);
        import_all(properties, kind, alike, &modules, base_dir, &mut search);
        importable = rest;
    }
    search.tell(base_dir);
}

/// The reports in the sources and beside them, each once.
fn find(places: &ReportPlaces, several: bool, sources: &SourceFiles) -> ReportSearch {
    let age = ReportAge::since_checkout(places.clone.as_deref(), places.prepared, places.started);
    let mut search = ReportSearch::default();
    search.look_in(&places.base_dir, Some(&age));
    let in_sources = search.found.len();
    for folder in places.beside_sources() {
        // The agent empties its temporary folder before each job: what lies there is of this build.
        search.look_in(folder, (folder != places.temporary).then_some(&age));
    }
    let beside = search.found.split_off(in_sources);
    let is_of_project =
        |found: &FoundReport| !several || !found.report.files.is_empty() && sources.are_in(found);
    search.found.extend(beside.into_iter().filter(is_of_project));
    search.keep_each_once();
    search
}

/// Whether SonarQube reads the report, the user did not choose another one, and it names source files; tells why not.
fn is_importable(found: &FoundReport, properties: &Properties, sources: &SourceFiles) -> bool {
    let kind = found.report.kind;
    if kind.property.is_empty() {
        let path = found.path.display();
        tracing::info!("SonarQube does not import {} for files of this language: {path}", kind.format);
        return false;
    }
    let tests = properties.value("sonar.tests").unwrap_or_default();
    if properties.value(kind.property).is_some()
        || kind.is_of_tests_alone() && !is_of_tests(found, tests, sources.base_dir())
    {
        return false;
    }
    let is_in_sources = sources.are_in(found);
    if !is_in_sources {
        sources.warn_about(found, &[]);
    }
    is_in_sources
}

fn modules_of(properties: &Properties) -> Vec<ImportingModule> {
    let modules = properties.iter().filter_map(|(key, value)| {
        let prefix = key.strip_suffix("sonar.projectBaseDir").filter(|prefix| prefix.ends_with('.'))?;
        Some(ImportingModule { prefix: prefix.to_owned(), base_dir: PathBuf::from(value) })
    });
    modules.collect()
}

/// Whether all the files it speaks of lie in `tests`, the value of `sonar.tests`; says so if not. One that does not
/// is enough for a failure, so the whole report is read.
fn is_of_tests(FoundReport { path, report, .. }: &FoundReport, tests: &str, base_dir: &Path) -> bool {
    let tests = tests.split(',').map(str::trim).filter(|folder| !folder.is_empty());
    let tests: Vec<_> = tests.map(|folder| base_dir.join(folder)).collect();
    let is_test = |file: &PathBuf| tests.iter().any(|folder| file.starts_with(folder));
    let text = read(path, LARGEST);
    let why = match text.and_then(|text| tested_files(&decode(&text))) {
        Some(files) => {
            let mut files = files.iter().map(|file| base_dir.join(file));
            let Some(other) = files.find(|file| file.is_file() && !is_test(file)) else { return true };
            format!(
                "{} is not below sonar.tests, and that would fail the analysis",
                relative(&other, base_dir)
            )
        }
        None => "not all of its files are known, and a file outside of sonar.tests would fail the analysis"
            .to_owned(),
    };
    tracing::info!("Left out {}: {}, because {why}", report.kind.format, relative(path, base_dir));
    false
}

/// Sets the property of a kind to all reports of it. Where there are `modules`, one that speaks of the files of the module
/// it lies in is that module's; the others are everybody's. Their paths are absolute then: an analyzer of a module
/// takes relative ones to be in it.
fn import_all(
    properties: &mut Properties,
    kind: &ReportKind,
    found: Vec<FoundReport>,
    modules: &[ImportingModule],
    base_dir: &Path,
    search: &mut ReportSearch,
) {
    // The project's own first.
    let mut lists: Vec<(&str, Vec<String>)> = vec![("", Vec::new())];
    let mut imported = Vec::new();
    for found in found {
        let named = if kind.value == PropertyValue::FoldersOfReports {
            found.path.parent().unwrap_or(base_dir)
        } else {
            &found.path
        };
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
            let why = format!("{} separates paths by commas, and their paths contain one", kind.property);
            search.leave_out(&found.path, why);
        } else if paths.is_empty() || kind.value != PropertyValue::OneReport {
            if paths.last() != Some(&named) {
                paths.push(named.clone());
                imported.push(PathBuf::from(named));
            }
        } else {
            let why = format!(
                "{} takes one report. Merge them into one, or set the property to the one to import",
                kind.property
            );
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
        if !prefix.is_empty() && kind.value != PropertyValue::OneReport {
            paths.extend(of_all.iter().cloned());
        }
        if !paths.is_empty() && properties.value(&key).is_none() {
            properties.set(key, paths.join(","));
        }
    }
}

/// The innermost module that a report lies in, if it speaks of that module's files.
fn owner<'a>(found: &FoundReport, modules: &'a [ImportingModule]) -> Option<&'a ImportingModule> {
    let around = modules.iter().filter(|module| found.path.starts_with(&module.base_dir));
    let module = around.max_by_key(|module| module.base_dir.components().count())?;
    SourceFiles::new(&module.base_dir, []).are_in(found).then_some(module)
}

#[cfg(test)]
mod tests;
