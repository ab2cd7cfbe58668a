//! Proves what the SonarScanner for .NET analysed, by what the build left below its work folder.

use crate::analysis::Outcome;
use crate::analysis::dotnet_projects::{BuiltProject, Language, ProjectInfo, not_loaded, survey};
use crate::error::Result;
use crate::scanner::ScannerRun;
use crate::step::dotnet_begin_end::work_folder;
use crate::step::found_reports::DotnetProjects;
use crate::step::job::Job;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Far above what the scanner's targets and the compiler write of one project without the analyzer.
const LARGEST: u64 = 16 << 20;

/// What the end of the scanner means, now that it is known what was built.
pub(super) fn prove(job: &Job, mut run: ScannerRun) -> Result<ScannerRun> {
    let out = work_folder(job)?.join("out");
    let builds = builds(&out);
    if builds.is_empty() {
        if run.outcome == Outcome::Succeeded {
            tracing::warn!(
                "Cannot tell which .NET projects were analysed: {} holds no ProjectInfo.xml of the scanner",
                out.display()
            );
        }
        return Ok(run);
    }
    let survey = survey(&builds, &read(&out.join("ProjectInfo.log")).unwrap_or_default());
    tracing::info!("{}", survey.line);
    survey.left_out.iter().for_each(|sentence| tracing::info!("{sentence}"));
    run.extent.left_out.extend(survey.left_out);
    match (&run.outcome, survey.failure, survey.nothing) {
        (Outcome::Cancelled, ..) => {}
        // The scanner succeeds where the compiler did not run the analyzer. That gate would prove nothing.
        (Outcome::Succeeded | Outcome::GateFailed { .. }, Some(message), _) => {
            run.outcome = Outcome::Failed { message };
        }
        // The scanner fails if all is excluded, and succeeds if tests are left.
        (Outcome::Failed { .. }, _, Some(reason)) if has_no_tests(&builds) => {
            return Ok(ScannerRun::without_extent(Outcome::NothingAnalysed { reason }));
        }
        (_, _, nothing) => run.extent.nothing = nothing,
    }
    Ok(run)
}

/// What the search for reports has to know of the build; `None` where the scanner's targets noted nothing.
pub(super) fn of_reports(job: &Job) -> Option<DotnetProjects> {
    let builds = builds(&work_folder(job).ok()?.join("out"));
    let has = |language| builds.iter().any(|built| built.project.language == language);
    let (tests, others): (Vec<_>, Vec<_>) =
        builds.iter().map(|built| &built.project).partition(|project| project.is_test);
    let folders = tests.iter().filter_map(|project| Path::new(&project.path).parent());
    // A test project may lie above the others, whose files it does not take.
    let own = folders.filter(|folder| !others.iter().any(|other| Path::new(&other.path).starts_with(folder)));
    let tests = own.map(Path::to_owned).collect();
    (!builds.is_empty())
        .then(|| DotnetProjects { languages: (has(Language::CSharp), has(Language::VisualBasic)), tests })
}

fn has_no_tests(builds: &[BuiltProject]) -> bool {
    builds.iter().all(|built| built.project.is_excluded)
}

/// The builds of projects that the scanner's targets noted below `out`, a folder each.
fn builds(out: &Path) -> Vec<BuiltProject> {
    let folders = std::fs::read_dir(out).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut folders: Vec<_> = folders.collect();
    folders.sort();
    folders.iter().filter_map(|folder| built(folder)).collect()
}

fn built(folder: &Path) -> Option<BuiltProject> {
    let project = ProjectInfo::parse(&read(&folder.join("ProjectInfo.xml"))?)?;
    let list = project.list.as_deref().and_then(|list| read_list(folder, list)).unwrap_or_default();
    let compiles = project.compiles(&list);
    let output = project.language.output_folder().map(|name| folder.join(name));
    let has_output = output.is_some_and(|output| has_protobuf(&output));
    let not_loaded = match compiles && !has_output {
        true => read(&folder.join("Issues.json")).as_deref().and_then(not_loaded),
        false => None,
    };
    Some(BuiltProject { project, compiles, has_output, not_loaded })
}

/// The list of files to analyse: where ProjectInfo.xml says, else in the same work folder under the name that this step has
/// for it. A build in a container knows that by another name.
fn read_list(folder: &Path, list: &str) -> Option<String> {
    let mut parts = list.rsplit(['/', '\\']);
    let (name, number) = (parts.next()?, parts.next()?);
    let beside = folder.parent()?.parent()?.join("conf").join(number).join(name);
    read(Path::new(list)).or_else(|| read(&beside))
}

fn has_protobuf(folder: &Path) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files.map(|entry| entry.path()).any(|file| file.extension().is_some_and(|extension| extension == "pb"))
}

/// The text of a regular file, up to [`LARGEST`] bytes; `None` if there is no such file.
fn read(file: &Path) -> Option<String> {
    if !std::fs::metadata(file).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(file).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::dotnet_projects::Survey;

    /// What a real build left, of tests/data/dotnet-out.
    fn survey_of(sample: &str) -> Survey {
        let out =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dotnet-out").join(sample).join("out");
        let builds = builds(&out);
        assert!(!builds.is_empty(), "{sample}");
        survey(&builds, &read(&out.join("ProjectInfo.log")).unwrap())
    }

    #[test]
    fn what_real_builds_left() {
        let good = survey_of("good");
        assert_eq!(good.line, "2 C# projects: 1 main, 1 test; 1 VB.NET project: 1 main");
        assert_eq!(good, Survey { line: good.line.clone(), ..Survey::default() });

        let multi = survey_of("multi-targeting");
        assert_eq!(multi.line, good.line);
        assert_eq!(multi, Survey { line: multi.line.clone(), ..Survey::default() });

        let excluded = survey_of("excluded");
        assert_eq!(excluded.line, "2 C# projects: 1 test, 1 excluded; 1 VB.NET project: 1 main");
        assert_eq!(excluded.left_out, ["Shop (C#) was not analysed: SonarQubeExclude is true in it."]);
        assert_eq!((excluded.failure, excluded.nothing), (None, None));

        let tests = survey_of("test-only");
        assert_eq!(tests.line, "2 C# projects: 2 test; 1 VB.NET project: 1 test");
        assert_eq!(tests.failure, None);
        assert!(tests.nothing.unwrap().starts_with("no main project is left to analyse (2 C# projects"));

        let twice = survey_of("twice");
        assert_eq!(twice.line, good.line);
        let [sentence] = twice.left_out.as_slice() else { panic!("{:?}", twice.left_out) };
        assert!(
            sentence
                .starts_with("Shop (C#) was built with different settings (Debug|AnyCPU, Release|AnyCPU)")
        );

        let failure = survey_of("unloadable").failure.unwrap();
        assert_eq!(
            failure,
            "Shop (C#), Vb (VB.NET) were compiled without SonarSource's analyzer, so their code was not analysed and the \
             quality gate proves nothing. The compiler could not load it (CS8034): Unable to load Analyzer assembly \
             /agent/1/analyzers/SonarAnalyzer.dll : System.BadImageFormatException: PE image doesn't contain managed metadata"
        );
    }
}
