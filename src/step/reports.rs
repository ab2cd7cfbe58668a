//! Finds the coverage and test reports that the build left behind, and has them imported.

use crate::analysis::Properties;
use crate::analysis::jvm_profile::is_source;
use crate::analysis::reports::{
    HEAD, Kind, Named, Remedy, Report, may_be_report, recognise, remedy, tested_files,
};
use std::collections::VecDeque;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Entries of folders looked at in all, and files opened.
const MOST_ENTRIES: usize = 100_000;
const MOST_OPENED: usize = 300;
/// Reports of a property that its line in the log names.
const MOST_NAMED: usize = 3;

/// No build leaves its reports there.
const PASSED_OVER: &[&str] =
    &[".git", ".scannerwork", ".sonar", "node_modules", ".venv", "site-packages", "sonar-azdo"];

/// A report and where it lies.
struct Found {
    path: PathBuf,
    report: Report,
}

/// Sets the properties that import what is found in the sources at `base_dir` and in `temporary`, but for those
/// that are set. In the sources reports count that are newer than `since`: older ones came with the repository. Where
/// the project is one of `several`, those in `temporary` are any's: they count if they speak of its files.
pub(super) fn import(
    properties: &mut Properties,
    base_dir: &Path,
    temporary: &Path,
    since: SystemTime,
    several: bool,
) {
    let since = checked_out(base_dir).unwrap_or(since);
    let mut found = Vec::new();
    find_reports(base_dir, Some(since), &mut found);
    // An agent's temporary folder and its sources lie beside each other.
    if !base_dir.starts_with(temporary) && !temporary.starts_with(base_dir) {
        let mut elsewhere = Vec::new();
        find_reports(temporary, None, &mut elsewhere);
        let is_its = |Found { report, .. }: &Found| {
            !several || (!report.files.is_empty() && matches_sources(report, base_dir))
        };
        found.extend(elsewhere.into_iter().filter(is_its));
    }
    let tests = properties.value("sonar.tests").unwrap_or_default();
    found.retain(|found| {
        properties.value(found.report.kind.property).is_none()
            && (!found.report.kind.is_of_tests_alone() || is_of_tests(found, tests, base_dir))
    });
    while let Some(kind) = found.first().map(|found| found.report.kind) {
        let (alike, rest) = found.into_iter().partition(|found| found.report.kind.property == kind.property);
        import_all(properties, kind, alike, base_dir);
        found = rest;
    }
}

/// Whether all the files it speaks of lie in `tests`, the value of `sonar.tests`; says so if not. One that does not
/// is enough for a failure, so the whole report is read.
fn is_of_tests(Found { path, report }: &Found, tests: &str, base_dir: &Path) -> bool {
    let tests = tests.split(',').map(str::trim).filter(|folder| !folder.is_empty());
    let tests: Vec<_> = tests.map(|folder| base_dir.join(folder)).collect();
    let is_test = |file: &PathBuf| tests.iter().any(|folder| file.starts_with(folder));
    let text = std::fs::read(path).ok();
    let why = match text.and_then(|text| tested_files(&String::from_utf8_lossy(&text))) {
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
    tracing::info!("Found {}: {}, and leave it out: {why}", report.kind.format, relative(path, base_dir),);
    false
}

/// Sets the property of a kind to all reports of it.
fn import_all(properties: &mut Properties, kind: &Kind, found: Vec<Found>, base_dir: &Path) {
    let mut paths: Vec<String> = Vec::new();
    for Found { path, .. } in &found {
        let named = if kind.named == Named::Folders { path.parent().unwrap_or(base_dir) } else { path };
        let named = relative(named, base_dir);
        // A comma divides paths.
        if !named.contains(',')
            && paths.last() != Some(&named)
            && (paths.is_empty() || kind.named != Named::One)
        {
            paths.push(named);
        }
    }
    if paths.is_empty() {
        return;
    }
    let more = match paths.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = paths[..paths.len().min(MOST_NAMED)].join(", ");
    tracing::info!("Found {}: {named}{more} ({})", kind.format, kind.property);
    properties.set(kind.property, paths.join(","));
    let mut sources = None;
    for Found { path, report } in &found {
        if !matches_sources(report, base_dir) {
            let sources = sources.get_or_insert_with(|| source_files(base_dir));
            warn_about(path, report, sources, base_dir);
        }
    }
}

/// Whether at least one of the files it speaks of is there, or it speaks of none.
fn matches_sources(report: &Report, base_dir: &Path) -> bool {
    report.files.is_empty()
        || report.files.iter().any(|file| {
            let file = file.replace('\\', "/");
            let is_source = |root: &Path| {
                let path = root.join(&file);
                path.starts_with(base_dir) && path.is_file()
            };
            is_source(base_dir) || report.roots.iter().any(|root| is_source(&base_dir.join(root)))
        })
}

fn warn_about(path: &Path, report: &Report, sources: &[String], base_dir: &Path) {
    let what_to_do = match remedy(&report.files, sources) {
        Remedy::Prefix { instead_of, .. } if instead_of.is_empty() && report.kind.lenient => return,
        Remedy::Prefix { instead_of, prefix } if instead_of.is_empty() => {
            format!("They would match with {prefix} before them")
        }
        Remedy::Prefix { instead_of, prefix } => {
            let prefix = if prefix.is_empty() { format!("{}/", base_dir.display()) } else { prefix };
            format!("They would match with {prefix} instead of {instead_of}")
        }
        Remedy::None => "No source file has such a name".to_owned(),
    };
    let example = report.files.first().map(String::as_str).unwrap_or_default();
    tracing::warn!(
        "No path in {} is that of a source file of {}, so nothing will be imported from it. It names {example}. \
         {what_to_do}.",
        relative(path, base_dir),
        base_dir.display()
    );
}

/// Adds the reports below `folder`, in the order of their paths.
fn find_reports(folder: &Path, since: Option<SystemTime>, found: &mut Vec<Found>) {
    for path in candidates(folder, since) {
        let Some(report) = open(&path) else { continue };
        if report.kind.property.is_empty() {
            tracing::info!(
                "SonarQube does not import {} for such files: {}",
                report.kind.format,
                path.display()
            );
        } else {
            found.push(Found { path, report });
        }
    }
}

fn open(path: &Path) -> Option<Report> {
    let mut head = Vec::new();
    std::fs::File::open(path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    recognise(&path.file_name()?.to_string_lossy(), &String::from_utf8_lossy(&head))
}

/// Files that may be reports, in the order of their paths.
fn candidates(folder: &Path, since: Option<SystemTime>) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    let mut last_of_java = PathBuf::new();
    let is_whole = walk(folder, &mut |path, name| {
        if !may_be_report(name) {
            return true;
        }
        let modified = || std::fs::metadata(&path).and_then(|metadata| metadata.modified());
        if since.is_some_and(|since| !modified().is_ok_and(|modified| modified > since)) {
            return true;
        }
        // Of the many that Java writes into one folder one is enough.
        if name.starts_with("TEST-") {
            let folder = path.parent().unwrap_or(&path);
            if folder == last_of_java {
                return true;
            }
            folder.clone_into(&mut last_of_java);
        }
        let place = found.partition_point(|other| other.as_os_str() < path.as_os_str());
        found.insert(place, path);
        found.len() < MOST_OPENED
    });
    if !is_whole {
        tracing::info!(
            "The search for reports in {} ended early: there are too many files",
            folder.display()
        );
    }
    found
}

/// Source files below `base_dir`, relative, with `/`.
fn source_files(base_dir: &Path) -> Vec<String> {
    let mut files = Vec::new();
    walk(base_dir, &mut |path, name| {
        if is_source(name) {
            files.push(relative(&path, base_dir).replace('\\', "/"));
        }
        true
    });
    files
}

/// Hands on the files below `folder`, those that lie deepest last, until `each` says that it is enough. Returns
/// whether those were all. Links are not followed.
fn walk(folder: &Path, each: &mut dyn FnMut(PathBuf, &str) -> bool) -> bool {
    let mut left = MOST_ENTRIES;
    let mut folders = VecDeque::from([folder.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let name = name.to_string_lossy();
            if kind.is_dir() && !PASSED_OVER.contains(&name.as_ref()) {
                folders.push_back(entry.path());
            }
            left -= 1;
            if left == 0 || kind.is_file() && !each(entry.path(), &name) {
                return false;
            }
        }
    }
    true
}

/// When the sources were checked out: Git writes `HEAD` when all files are in place.
fn checked_out(base_dir: &Path) -> Option<SystemTime> {
    let head = base_dir.ancestors().map(|folder| folder.join(".git/HEAD")).find(|head| head.is_file())?;
    std::fs::metadata(head).and_then(|metadata| metadata.modified()).ok()
}

fn relative(path: &Path, base_dir: &Path) -> String {
    path.strip_prefix(base_dir).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests;
