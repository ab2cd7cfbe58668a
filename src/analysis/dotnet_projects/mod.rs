//! What a .NET build compiled under the SonarScanner for .NET, and what of it was analysed.
//!
//! For each build of a project the scanner's targets leave a folder below `.sonarqube/out` with a ProjectInfo.xml, and
//! SonarSource's analyzers leave *.pb files in it when the compiler ran them. The scanner itself ends well when they did
//! not run, and the server's gate passes then: so this is what proves an analysis.
//!
//! Contract: observed of version 11.3 with .NET SDK 10.

use std::collections::{BTreeMap, BTreeSet};

mod project_info;

pub use project_info::{Language, ProjectInfo};

/// Names of projects in one sentence at most.
const NAMES: usize = 5;
/// What the compiler says when it can't load an analyzer.
const NOT_LOADED: &str = "CS8034";

/// One build of a project, and what the compiler left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltProject {
    /// What the scanner's targets noted.
    pub project: ProjectInfo,
    /// It compiles files of its language.
    pub compiles: bool,
    /// The analyzer left what it found.
    pub has_output: bool,
    /// Why the compiler could not load an analyzer, if it says so.
    pub not_loaded: Option<String>,
}

/// The compiler's words for an analyzer that it could not load, in its Issues.json; `None` where it loaded all.
pub fn not_loaded(issues: &str) -> Option<String> {
    let log: serde_json::Value = serde_json::from_str(issues.trim_start_matches('\u{feff}')).ok()?;
    let results = log["runs"].as_array()?.iter().filter_map(|run| run["results"].as_array()).flatten();
    let mut found = results.filter(|result| result["ruleId"] == NOT_LOADED);
    let message = &found.next()?["message"];
    // SARIF 1 has a text there, SARIF 2 an object. The first line says what is wrong, and a stack trace follows.
    let text = message.as_str().or_else(|| message["text"].as_str())?;
    text.lines().next().map(str::to_owned)
}

/// What there is to say of a build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// One line for the log: `2 C# projects: 1 main, 1 test`.
    pub line: String,
    /// What was not analysed as one may expect: a sentence each.
    pub left_out: Vec<String>,
    /// Why the analysis must not count.
    pub failure: Option<String>,
    /// Why nothing that counts was analysed.
    pub nothing: Option<String>,
}

/// All builds of one project.
struct ProjectBuilds<'a> {
    name: &'a str,
    language: Language,
    kind: ProjectKind,
    builds: Vec<&'a BuiltProject>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ProjectKind {
    Main,
    Test,
    Excluded,
    Invalid,
    Skipped,
}

impl ProjectKind {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Main, "main"),
        (Self::Test, "test"),
        (Self::Excluded, "excluded"),
        (Self::Invalid, "invalid"),
        (Self::Skipped, "skipped"),
    ];
}

/// Says what was analysed. `log` is the text of the scanner's ProjectInfo.log.
pub fn survey(builds: &[BuiltProject], log: &str) -> Survey {
    let projects = projects(builds, &Listed::parse(log));
    let mut survey = Survey { line: line(&projects), ..Survey::default() };
    for project in &projects {
        survey.left_out.extend(left_out(project, builds));
    }
    let unproven: Vec<_> = projects.iter().filter(|project| is_unproven(project)).collect();
    if !unproven.is_empty() {
        survey.failure = Some(failure(&unproven));
    }
    let is_ours = |project: &&ProjectBuilds<'_>| project.language != Language::Other;
    // Of a build without C# and VB.NET this scanner has nothing to say.
    if projects.iter().any(|project| is_ours(&project))
        && !projects.iter().any(|project| project.kind == ProjectKind::Main)
    {
        survey.nothing = Some(format!(
            "no main project is left to analyse ({}). SonarQubeExclude leaves a project out, and SonarQubeTestProject \
             makes it a test project: look for them in the project files and in Directory.Build.props",
            survey.line
        ));
    }
    survey
}

fn projects<'a>(builds: &'a [BuiltProject], listed: &Listed<'_>) -> Vec<ProjectBuilds<'a>> {
    let mut by_path: BTreeMap<&str, Vec<&BuiltProject>> = BTreeMap::new();
    for built in builds {
        by_path.entry(&built.project.path).or_default().push(built);
    }
    let project = |(path, builds): (&str, Vec<&'a BuiltProject>)| {
        let first = &builds.first()?.project;
        let kind = if builds.iter().all(|built| built.project.is_excluded) {
            ProjectKind::Excluded
        } else if listed.is_left_out(&listed.invalid, path) {
            ProjectKind::Invalid
        } else if listed.is_left_out(&listed.skipped, path) {
            ProjectKind::Skipped
        } else if builds.iter().all(|built| built.project.is_test || built.project.is_excluded) {
            ProjectKind::Test
        } else {
            ProjectKind::Main
        };
        Some(ProjectBuilds { name: &first.name, language: first.language, kind, builds })
    };
    by_path.into_iter().filter_map(project).collect()
}

/// Whether it is a main project with code, and no analyzer ran in any build of it.
fn is_unproven(project: &ProjectBuilds<'_>) -> bool {
    let runs_analyzers = matches!(project.language, Language::CSharp | Language::VisualBasic);
    project.kind == ProjectKind::Main
        && runs_analyzers
        && project.builds.iter().any(|built| built.compiles)
        && !project.builds.iter().any(|built| built.has_output)
}

fn failure(unproven: &[&ProjectBuilds<'_>]) -> String {
    let all: Vec<String> =
        unproven.iter().map(|project| format!("{} ({})", project.name, project.language.name())).collect();
    let one = all.len() == 1;
    let why =
        unproven.iter().flat_map(|project| &project.builds).find_map(|built| built.not_loaded.as_deref());
    let cause = match why {
        Some(why) => format!("The compiler could not load it ({NOT_LOADED}): {}", why.trim().trim_end_matches('.')),
        None => "Compile it between SonarPrepare and SonarAnalyze in this job, by `dotnet build` or MSBuild without a \
                 build server or cache that hands out what was compiled before"
            .to_owned(),
    };
    format!(
        "{} {} compiled without SonarSource's analyzer, so {} code was not analysed and the quality gate proves nothing. \
         {cause}",
        enumerated(&all),
        if one { "was" } else { "were" },
        if one { "its" } else { "their" },
    )
}

/// `a, b and 3 more`.
fn enumerated(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn left_out(project: &ProjectBuilds<'_>, builds: &[BuiltProject]) -> Vec<String> {
    let name = format!("{} ({})", project.name, project.language.name());
    let mut sentences = Vec::new();
    let first = project.builds.first();
    match project.kind {
        ProjectKind::Main | ProjectKind::Test => {
            let some = project.builds.iter().find(|built| built.project.is_excluded);
            if let Some(built) = some {
                let framework = &built.project.framework;
                sentences.push(format!("{name}: its build for {framework} is excluded by SonarQubeExclude."));
            }
        }
        ProjectKind::Excluded => {
            sentences.push(format!("{name} was not analysed: SonarQubeExclude is true in it."));
        }
        ProjectKind::Invalid => {
            let shares = first.is_some_and(|built| {
                let is_other = |other: &&BuiltProject| {
                    other.project.path != built.project.path && other.project.guid == built.project.guid
                };
                !built.project.guid.is_empty() && builds.iter().any(|other| is_other(&other))
            });
            let why = if shares {
                "another project has the same ProjectGuid"
            } else {
                "its ProjectGuid is missing or not valid"
            };
            sentences.push(format!("{name} was not analysed: {why}."));
        }
        ProjectKind::Skipped => sentences.push(format!(
            "{name} was not analysed: the scanner found no file of it below the base directory."
        )),
    }
    let settings: BTreeSet<&str> = project
        .builds
        .iter()
        .filter(|built| !built.project.is_excluded)
        .map(|built| built.project.settings.as_str())
        .collect();
    if settings.len() > 1 {
        let settings: Vec<_> = settings.into_iter().collect();
        sentences.push(format!(
            "{name} was built with different settings ({}), and what is found in one build may hide what is found in the \
             other. Build it once between SonarPrepare and SonarAnalyze.",
            settings.join(", ")
        ));
    }
    sentences
}

fn line(projects: &[ProjectBuilds<'_>]) -> String {
    let languages: BTreeSet<Language> = projects.iter().map(|project| project.language).collect();
    let part = |language: Language| {
        let of_it: Vec<_> = projects.iter().filter(|project| project.language == language).collect();
        let counts = ProjectKind::ALL.iter().filter_map(|(kind, word)| {
            let count = of_it.iter().filter(|project| project.kind == *kind).count();
            (count > 0).then(|| format!("{count} {word}"))
        });
        let noun = if of_it.len() == 1 { "project" } else { "projects" };
        format!("{} {} {noun}: {}", of_it.len(), language.name(), counts.collect::<Vec<_>>().join(", "))
    };
    languages.into_iter().map(part).collect::<Vec<_>>().join("; ")
}

/// The lists in ProjectInfo.log: a heading, a line of dashes, and a project file a line.
#[derive(Debug, Default)]
struct Listed<'a> {
    analysed: BTreeSet<&'a str>,
    invalid: BTreeSet<&'a str>,
    skipped: BTreeSet<&'a str>,
}

impl<'a> Listed<'a> {
    fn parse(log: &'a str) -> Self {
        let mut listed = Self::default();
        let mut heading = "";
        for line in log.trim_start_matches('\u{feff}').lines().map(str::trim) {
            match line {
                "" | "{none}" => {}
                _ if line.starts_with("--") => {}
                _ if line.ends_with(" projects") => heading = line,
                _ => {
                    let list = match heading {
                        "Product projects" | "Test projects" => &mut listed.analysed,
                        "Invalid projects" => &mut listed.invalid,
                        "Skipped projects" => &mut listed.skipped,
                        _ => continue,
                    };
                    list.insert(line);
                }
            }
        }
        listed
    }

    /// Whether no build of the project at `path` was analysed, and it is in `list`. A second build of an analysed project
    /// is among the skipped ones.
    fn is_left_out(&self, list: &BTreeSet<&str>, path: &str) -> bool {
        list.contains(path) && !self.analysed.contains(path)
    }
}

#[cfg(test)]
mod tests;
