//! Why a gate that passed proves nothing: nothing was analysed, or no code counted as new. The server computes a gate
//! all the same, and has nothing to complain of.

use super::MeasureSet;
use crate::analysis::Extent;

/// A reason to take a gate that passed for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objection {
    /// The reason: a sentence, which may hold text from outside.
    pub reason: String,
    /// Whether it is that nothing was analysed.
    pub nothing_analysed: bool,
}

/// A source file as the server knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Path relative to the base directory of the analysis, with `/`.
    pub path: String,
    /// The language, by SonarQube's key.
    pub language: Option<String>,
}

/// Languages whose files SonarQube takes without counting lines of code in them.
const UNCOUNTED: [&str; 2] = ["json", "yaml"];

const CHECK_SCOPE: &str = "Check sonar.sources, sonar.inclusions and sonar.exclusions in the pipeline and in the settings file of the repository";

impl Objection {
    fn nothing(reason: String) -> Self {
        Self { reason, nothing_analysed: true }
    }
}

/// Nothing was analysed. `measures` are those of what was analysed, `None` where the token may not read them. A pull
/// request may well touch no code, so that of its measures none counts here.
pub fn nothing_analysed(
    extent: &Extent,
    measures: Option<&MeasureSet>,
    is_pull_request: bool,
) -> Option<Objection> {
    if let Some(reason) = &extent.nothing {
        return Some(Objection::nothing(format!("Nothing was analysed: {reason}")));
    }
    if extent.indexed_files == Some(0) {
        return Some(Objection::nothing(format!(
            "Nothing was analysed: the scanner engine indexed 0 files. {CHECK_SCOPE}"
        )));
    }
    let files = measures?.number("files").unwrap_or(0);
    (files == 0 && !is_pull_request).then(|| {
        Objection::nothing(format!("Nothing was analysed: SonarQube counts no source file. {CHECK_SCOPE}"))
    })
}

/// No analyzer ran although there are files for one. To be asked where there are files and no lines of code; `languages`
/// are those of the files, none where they are not known.
pub fn uncounted(languages: &[String]) -> Option<Objection> {
    let missed: Vec<&str> =
        languages.iter().map(String::as_str).filter(|language| !UNCOUNTED.contains(language)).collect();
    if missed.is_empty() && !languages.is_empty() {
        return None;
    }
    let of = if missed.is_empty() { String::new() } else { format!(" (languages: {})", missed.join(", ")) };
    Some(Objection::nothing(format!(
        "Nothing was analysed: SonarQube has the files{of} and counts no line of code in them, because no analyzer ran. C# and \
         VB.NET need scannerMode dotnet. For other languages the log of SonarAnalyze says which analyzer did not run"
    )))
}

/// The engine could not find the target branch of the pull request in the clone: then no code counts as new, and the gate
/// passes whatever the code is like. `warnings` are those of the server, which keeps what the engine warned of.
pub fn missing_target(extent: &Extent, warnings: &[String]) -> Option<Objection> {
    let is_it = |warning: &&String| warning.contains("Could not find ref");
    let warning = warnings.iter().find(is_it).or(extent.missing_target.as_ref())?;
    Some(Objection {
        reason: format!(
            "The target branch of the pull request is not in the clone, so SonarQube counted no code as new and its quality gate \
             proves nothing ({warning}). Check out the whole history with the target branch (fetchDepth: 0). If you \
             set sonar.pullrequest.base, use the name of the branch without refs/heads/"
        ),
        nothing_analysed: false,
    })
}

/// SonarQube counts no new line in a pull request, and git counts added lines in `file`, which SonarQube analysed.
/// `files` are those that the server has of the pull request.
pub fn unseen_lines(extent: &Extent, measures: &MeasureSet, files: &[SourceFile]) -> Option<Objection> {
    if measures.number("new_lines").unwrap_or(0) > 0 {
        return None;
    }
    let is_analysed = |path: &&String| files.iter().any(|file| file.path == **path);
    let path = extent.files_with_added_lines.iter().find(is_analysed)?;
    Some(Objection {
        reason: format!(
            "SonarQube counts no new line in the pull request, but git counts added lines in {path}, which was analysed, so \
             the quality gate proves nothing. Check sonar.pullrequest.base and sonar.scm.*, and check out the whole history \
             (fetchDepth: 0)"
        ),
        nothing_analysed: false,
    })
}

/// The analysis has less than half the files of the one before: a warning for the log and the summary.
pub fn shrunk(extent: &Extent, measures: Option<&MeasureSet>) -> Option<String> {
    let (before, now) = (extent.files_before?, measures?.number("files")?);
    (before > now.saturating_mul(2)).then(|| {
        format!(
            "The analysis before this one had {before} source files, and this one has {now}. {CHECK_SCOPE}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quality_gate::Measure;

    fn measures(values: &[(&str, &str)]) -> MeasureSet {
        let measure =
            |(metric, value): &(&str, &str)| Measure { metric: (*metric).into(), value: (*value).into() };
        MeasureSet(values.iter().map(measure).collect())
    }

    fn indexed(files: u64) -> Extent {
        Extent { indexed_files: Some(files), ..Extent::default() }
    }

    #[test]
    fn an_analysis_of_nothing_is_no_pass() {
        let some = measures(&[("files", "3"), ("ncloc", "10")]);
        let no_files = measures(&[("violations", "0")]);
        let tests_only = Extent { nothing: Some("no main project".into()), ..indexed(9) };
        for (extent, measures, is_pull_request, words) in [
            (Extent::default(), None, false, None),
            (Extent::default(), Some(&some), false, None),
            (indexed(3), None, false, None),
            (indexed(3), Some(&some), false, None),
            (indexed(0), None, false, Some("indexed 0 files")),
            (indexed(0), Some(&some), true, Some("indexed 0 files")),
            // Those that have no language are no files of the project.
            (indexed(3), Some(&no_files), false, Some("counts no source file")),
            (Extent::default(), Some(&measures(&[("files", "0")])), false, Some("counts no source file")),
            (indexed(3), Some(&no_files), true, None),
            (tests_only.clone(), Some(&some), false, Some("no main project")),
            (tests_only, None, true, Some("no main project")),
        ] {
            let found = nothing_analysed(&extent, measures, is_pull_request);
            assert_eq!(found.is_some(), words.is_some(), "{extent:?} {measures:?}: {found:?}");
            assert!(found.as_ref().is_none_or(|objection| objection.nothing_analysed));
            assert!(
                found.is_none_or(|objection| objection.reason.contains(words.unwrap_or_default())),
                "{extent:?}"
            );
        }
    }

    #[test]
    fn files_without_lines_of_code_need_an_analyzer() {
        for (languages, expected) in [
            (&["cs", "json"][..], Some("(languages: cs)")),
            (&["json", "yaml"], None),
            (&[], Some("has the files and")),
        ] {
            let languages: Vec<_> = languages.iter().map(|language| (*language).to_owned()).collect();
            let found = uncounted(&languages);
            assert_eq!(found.is_some(), expected.is_some(), "{languages:?}");
            assert!(found.is_none_or(|objection| objection.reason.contains(expected.unwrap_or_default())));
        }
    }

    #[test]
    fn a_target_that_the_engine_could_not_find() {
        let warning = "Could not find ref 'refs/heads/main' in refs/heads, refs/remotes".to_owned();
        let other = "The clone is shallow".to_owned();
        assert_eq!(missing_target(&Extent::default(), std::slice::from_ref(&other)), None);
        let by_server = missing_target(&Extent::default(), &[other, warning.clone()]).unwrap();
        assert!(by_server.reason.contains("'refs/heads/main'") && !by_server.nothing_analysed);
        let by_engine = Extent { missing_target: Some(warning), ..Extent::default() };
        assert_eq!(missing_target(&by_engine, &[]), Some(by_server));
    }

    #[test]
    fn added_lines_that_are_not_new() {
        let extent = Extent {
            files_with_added_lines: ["README.md", "src/a.py"].map(str::to_owned).to_vec(),
            ..Extent::default()
        };
        let file = |path: &str| SourceFile { path: path.into(), language: None };
        for (new_lines, files, expected) in [
            (Some("0"), vec![file("src/a.py")], true),
            (None, vec![file("src/b.py"), file("src/a.py")], true),
            (Some("3"), vec![file("src/a.py")], false),
            // What was changed is not analysed, or nothing was added to it.
            (Some("0"), vec![file("src/b.py")], false),
            (None, vec![], false),
        ] {
            let values: Vec<_> = new_lines.map(|value| ("new_lines", value)).into_iter().collect();
            let found = unseen_lines(&extent, &measures(&values), &files);
            assert_eq!(found.is_some(), expected, "{new_lines:?} {files:?}");
        }
    }

    #[test]
    fn an_analysis_that_shrank() {
        for (before, now, expected) in [
            (Some(21), Some("10"), true),
            (Some(20), Some("10"), false),
            (Some(2), None, false),
            (None, Some("1"), false),
        ] {
            let extent = Extent { files_before: before, ..Extent::default() };
            let values: Vec<_> = now.map(|value| ("files", value)).into_iter().collect();
            assert_eq!(shrunk(&extent, Some(&measures(&values))).is_some(), expected, "{before:?} {now:?}");
        }
    }
}
