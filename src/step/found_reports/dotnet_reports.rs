//! The reports of a .NET build, for the end of the SonarScanner for .NET, which finds none by itself.
//!
//! Contract: observed of SonarScanner for .NET 11.3 on SonarQube 10.7: the end takes properties; the analyzers of C# and
//! VB.NET read OpenCover, Visual Studio's XML, dotCover and NCover, with absolute paths and patterns, each for its
//! own files; a test report that both are given is an error of the second; Cobertura is read by neither.

use super::binary_coverage::{self, ConverterHost};
use super::regular_file::{LARGEST, read};
use super::report_age::ReportAge;
use super::report_places::ReportPlaces;
use super::report_search::{FoundReport, ReportSearch, walk_files};
use super::shown_paths::named;
use super::source_files::SourceFiles;
use crate::analysis::Properties;
use crate::analysis::coverage::{Cobertura, Coverage};
use crate::analysis::report_formats::{PropertyValue, ReportKind};
use crate::analysis::xml::decode;
use crate::error::{Error, Result};
use crate::step::job::Job;
use crate::step::record::read::Record;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// SonarQube's own format of coverage.
const GENERIC: &str = "sonar.coverageReportPaths";
/// So many letters name the reports of a property: all properties of the scanner together are one environment variable,
/// which has at most 32,767 on Windows.
const LONGEST: usize = 2_000;

/// What is known of the projects of a .NET build.
#[derive(Debug, Default)]
pub(crate) struct DotnetProjects {
    /// Whether some are in C#, and in VB.NET.
    pub(crate) languages: (bool, bool),
    /// Files of test projects, or folders that hold nothing else.
    pub(crate) tests: Vec<PathBuf>,
}

struct DotnetBuild<'a> {
    places: &'a ReportPlaces,
    /// What the user set, which wins for its kind of report.
    chosen: &'a Properties,
    projects: &'a DotnetProjects,
    /// For reports that are rewritten.
    folder: &'a Path,
}

/// The properties that import the reports that the .NET build of an analysis wrote after SonarPrepare, for its end. What
/// inputs and extraProperties set wins, each for its kind of report. Where nothing is known of the `projects`, project
/// files tell the languages, and the engine tells which files are tests.
///
/// # Errors
/// Cancelled, or a rewritten report can't be stored.
pub(crate) async fn for_dotnet(
    job: &Job,
    record: &Record,
    projects: Option<DotnetProjects>,
) -> Result<Properties> {
    let base_dir = job.predefined.working_directory()?.join(&record.prepared.base_dir);
    // `.` at the end would hide that one folder lies in another.
    let base_dir: PathBuf = base_dir.components().collect();
    let projects = projects
        .unwrap_or_else(|| DotnetProjects { languages: languages(&base_dir), ..DotnetProjects::default() });
    let build = DotnetBuild {
        places: &ReportPlaces::of(job, &base_dir, record.prepared_at())?,
        chosen: &record.prepared.properties,
        projects: &projects,
        folder: &record.folder.join("reports"),
    };
    std::fs::create_dir_all(build.folder).map_err(|error| unwritable(build.folder, &error))?;
    find(job, &build).await
}

async fn find(job: &Job, build: &DotnetBuild<'_>) -> Result<Properties> {
    let (mut search, binary) = look(build);
    if !binary.is_empty() {
        let converted =
            binary_coverage::convert(&ConverterHost::of(job), &binary, build.folder, &build.places.base_dir)
                .await?;
        search.found.extend(converted.as_deref().and_then(FoundReport::at));
    }
    import(build, search)
}

/// What is there, each once; and the binary reports among it that are needed.
fn look(build: &DotnetBuild<'_>) -> (ReportSearch, Vec<FoundReport>) {
    let age = ReportAge::since_prepare(build.places.prepared);
    let mut search = ReportSearch::default();
    search.pages = true;
    for folder in std::iter::once(build.places.base_dir.as_path()).chain(build.places.beside_sources()) {
        search.look_in(folder, Some(&age));
    }
    leave_out_what_is_there_twice(&mut search);
    search.keep_each_once();
    let is_binary = |found: &FoundReport| found.report.kind.is_binary();
    let (mut binary, others) = std::mem::take(&mut search.found).into_iter().partition(is_binary);
    search.found = others;
    // Whoever set the property knows how to come by a report.
    if is_chosen(build.chosen, "vscoveragexml.reportsPaths") {
        binary = Vec::new();
    }
    (search, binary)
}

fn import(build: &DotnetBuild<'_>, mut search: ReportSearch) -> Result<Properties> {
    let base_dir = &build.places.base_dir;
    let sources = SourceFiles::new(base_dir, build.places.clone.clone());
    let mut import = DotnetImport { build, sources: &sources, properties: Properties::default() };
    let mut kinds: BTreeMap<&str, Vec<FoundReport>> = BTreeMap::new();
    for found in std::mem::take(&mut search.found) {
        let kind = found.report.kind;
        if !import.is_meant(kind) {
            continue;
        }
        let property = if is_rewritten(kind) { "" } else { kind.of_dotnet().unwrap_or(kind.property) };
        match sources.are_in(&found) {
            true => kinds.entry(property).or_default().push(found),
            false => sources.warn_about(&found, &[".cs", ".vb"]),
        }
    }
    for found in kinds.into_values() {
        match is_rewritten(found[0].report.kind) {
            true => import.rewrite(&found)?,
            false => import.hand_over(found, &mut search)?,
        }
    }
    search.tell(base_dir);
    Ok(import.properties)
}

/// Cobertura of other languages has analyzers that read it.
fn is_rewritten(kind: &ReportKind) -> bool {
    kind.is_cobertura() && kind.property.is_empty()
}

/// The same test run may leave its coverage in several formats. Cobertura that has to be rewritten is not needed beside a
/// report of the same name that is read as it is, a binary report not beside any other.
fn leave_out_what_is_there_twice(search: &mut ReportSearch) {
    let folder = |found: &FoundReport| found.path.parent().map(Path::to_owned).unwrap_or_default();
    let run = |found: &FoundReport| {
        let name = found.path.file_name().unwrap_or_default().to_string_lossy();
        folder(found).join(name.split('.').next().unwrap_or_default())
    };
    let is_read =
        |found: &FoundReport| found.report.kind.is_coverage() && found.report.kind.of_dotnet().is_some();
    let read: BTreeSet<_> = search.found.iter().filter(|found| is_read(found)).map(run).collect();
    let is_readable = |found: &&FoundReport| is_read(found) || is_rewritten(found.report.kind);
    let readable: BTreeSet<_> = search.found.iter().filter(is_readable).map(folder).collect();
    let (kept, twice): (Vec<_>, Vec<_>) = std::mem::take(&mut search.found).into_iter().partition(|found| {
        let kind = found.report.kind;
        !(is_rewritten(kind) && read.contains(&run(found))
            || kind.is_binary() && readable.contains(&folder(found)))
    });
    search.found = kept;
    for found in twice {
        search.leave_out(&found.path, "the same test run also wrote its coverage in a better format");
    }
}

/// Whether the user set a property, in either language.
fn is_chosen(chosen: &Properties, property: &str) -> bool {
    ["sonar.cs.", "sonar.vbnet."].iter().any(|prefix| chosen.value(&format!("{prefix}{property}")).is_some())
}

struct DotnetImport<'a> {
    build: &'a DotnetBuild<'a>,
    sources: &'a SourceFiles,
    properties: Properties,
}

impl DotnetImport<'_> {
    /// Whether reports of this kind are imported, and the user did not say which.
    fn is_meant(&self, kind: &ReportKind) -> bool {
        let chosen = self.build.chosen;
        match kind.of_dotnet() {
            Some(property) => !is_chosen(chosen, property),
            None if is_rewritten(kind) => chosen.value(GENERIC).is_none(),
            // Of other languages in the solution. The engine fails over a test report of a file it takes for none.
            None => {
                kind.is_coverage()
                    && kind.value == PropertyValue::Reports
                    && !kind.property.is_empty()
                    && chosen.value(kind.property).is_none()
            }
        }
    }

    /// Gives reports of one kind to whoever reads them.
    fn hand_over(&mut self, found: Vec<FoundReport>, search: &mut ReportSearch) -> Result<()> {
        let kind = found[0].report.kind;
        let base_dir = self.sources.base_dir();
        let keys = match kind.of_dotnet() {
            None => vec![kind.property.to_owned()],
            Some(property) => {
                let (has_csharp, has_basic) = self.build.projects.languages;
                let csharp = (has_csharp || !has_basic).then_some("sonar.cs.");
                // Tests are counted for the whole project, so that one of both has to do it.
                let basic = (has_basic && (kind.is_coverage() || !has_csharp)).then_some("sonar.vbnet.");
                csharp.into_iter().chain(basic).map(|prefix| format!("{prefix}{property}")).collect()
            }
        };
        let (paths, with_comma): (Vec<_>, Vec<_>) =
            found.into_iter().map(|found| found.path).partition(|path| !path.to_string_lossy().contains(','));
        for path in with_comma {
            search.leave_out(
                &path,
                format!("{} separates paths by commas, and their paths contain one", keys[0]),
            );
        }
        if paths.is_empty() {
            return Ok(());
        }
        tracing::info!("Found {}: {} ({})", kind.format, named(&paths, base_dir), keys.join(", "));
        let mut value = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",");
        if value.len() > LONGEST {
            value = self.pattern(kind, &paths)?;
        }
        for key in keys {
            self.add(&key, &value);
        }
        Ok(())
    }

    /// Copies reports whose paths are too long together into one folder, which a short pattern names.
    fn pattern(&self, kind: &ReportKind, paths: &[PathBuf]) -> Result<String> {
        // dotCover's page is nothing without the folder beside it.
        let takes_patterns = kind.format != "dotCover coverage" && kind.property != GENERIC;
        if !takes_patterns {
            return Err(Error::new(format!(
                "the paths of the {} reports found in the format {} are too long for {}",
                paths.len(),
                kind.format,
                kind.property
            ))
            .hint("Merge them into one report, or set that property to a pattern in extraProperties."));
        }
        let folder = self.build.folder.join(kind.property);
        let copy = |number: usize, path: &PathBuf| {
            let mut file = folder.join(number.to_string()).into_os_string();
            file.push(".report");
            std::fs::copy(path, file)
        };
        std::fs::create_dir_all(&folder)
            .and_then(|()| {
                paths.iter().enumerate().try_for_each(|(number, path)| copy(number, path).map(drop))
            })
            .map_err(|error| unwritable(&folder, &error))?;
        Ok(folder.join("*.report").display().to_string())
    }

    /// Rewrites Cobertura as SonarQube's generic coverage, without the files of tests.
    fn rewrite(&mut self, found: &[FoundReport]) -> Result<()> {
        let base_dir = self.sources.base_dir();
        let mut coverage = Coverage::default();
        for found in found {
            let report = Cobertura::read(&decode(&read(&found.path, LARGEST).unwrap_or_default()));
            // By the report's own name for a file: what it is here, and how many lines it has.
            let mut known: BTreeMap<String, Option<(String, u32)>> = BTreeMap::new();
            for mut class in report.classes {
                let file = known.entry(class.file.clone()).or_insert_with_key(|file| {
                    let path = base_dir.join(self.sources.find(file, &report.sources)?);
                    let is_test = self.build.projects.tests.iter().any(|test| path.starts_with(test));
                    (!is_test).then(|| (path.display().to_string(), lines_of(&path)))
                });
                if let Some((file, length)) = file {
                    // The analysis would fail over a line that the file does not have.
                    class.lines.retain(|(number, ..)| number <= length);
                    coverage.add(file, &class);
                }
            }
        }
        let paths: Vec<_> = found.iter().map(|found| &found.path).collect();
        tracing::info!(
            "Found {}: {}, rewritten as generic coverage of {} ({GENERIC})",
            found[0].report.kind.format,
            named(&paths, base_dir),
            match coverage.files() {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            }
        );
        let file = self.build.folder.join("cobertura.xml");
        std::fs::write(&file, coverage.to_generic()).map_err(|error| unwritable(&file, &error))?;
        self.add(GENERIC, &file.display().to_string());
        Ok(())
    }

    fn add(&mut self, key: &str, value: &str) {
        let value = match self.properties.value(key) {
            Some(other) => format!("{other},{value}"),
            None => value.to_owned(),
        };
        self.properties.set(key, value);
    }
}

/// Whether there are projects in C#, and in VB.NET, by the names of project files.
fn languages(base_dir: &Path) -> (bool, bool) {
    let mut languages = (false, false);
    walk_files(base_dir, &mut |_, name| {
        languages.0 |= name.ends_with(".csproj");
        languages.1 |= name.ends_with(".vbproj");
        languages != (true, true)
    });
    languages
}

/// How many lines a file has, as the engine counts them: what follows the last line break is one.
fn lines_of(path: &Path) -> u32 {
    let bytes = read(path, LARGEST).unwrap_or_default();
    let breaks = bytes.iter().enumerate().filter(|&(index, &byte)| {
        byte == b'\n' || byte == b'\r' && bytes.get(index + 1).is_some_and(|&next| next != b'\n')
    });
    u32::try_from(breaks.count() + 1).unwrap_or(u32::MAX)
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    Error::new(format!("{} could not be written: {error}", path.display()))
        .hint("Check the permissions and the free space of Agent.TempDirectory.")
}

#[cfg(test)]
mod tests;
