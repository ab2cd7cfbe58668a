//! Code that was not analysed is not a pass.

use super::{Solution, class_library};
use crate::fake_agent::TaskResult;
use crate::real_sonarqube::Server;
use std::path::{Path, PathBuf};

/// The scanner's own cache of analyzers is one folder for all users of a Linux machine. What lies there is not run.
pub(in crate::real_sonarqube) fn a_planted_analyzer_is_not_run(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "planted") else { return };
    class_library(&solution.journey.job.sources(), "Planted");
    let tmp = solution.journey.job.path("tmp");
    std::fs::create_dir(&tmp).unwrap();
    solution.journey.job.set("TMPDIR", tmp.to_str().unwrap());
    // What another user may have left there, in place of the analyzer of the server.
    let planted = tmp.join(".sonarqube/resources/0");
    std::fs::create_dir_all(&planted).unwrap();
    for name in ["SonarAnalyzer.dll", "SonarAnalyzer.CSharp.dll"] {
        std::fs::write(planted.join(name), "MZ, and no program").unwrap();
    }
    let index = format!(
        "{{\"csharp/9.32.0.97167/SonarAnalyzer-9.32.0.97167.zip\":\"{0}\",\"vbnet/9.32.0.97167/SonarAnalyzer-9.32.0.97167.zip\":\"{0}\"}}",
        planted.display()
    );
    std::fs::write(tmp.join(".sonarqube/resources/index.json"), index).unwrap();
    solution.prepare(&[]).succeeded();
    let own = solution.journey.job.temp();
    assert!(!analyzers_below(&own).is_empty(), "the scanner fetched its analyzers into Agent.TempDirectory");
    solution.build();
    solution.analyze().succeeded();
    solution.publish().succeeded();
    assert_eq!(solution.project.measure("code_smells"), super::SMELLS);
}

/// A C# analyzer that can't be loaded leaves a green gate on nothing: SonarAnalyze is red instead.
pub(in crate::real_sonarqube) fn an_analyzer_that_cannot_be_loaded_is_an_error(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "unloadable") else { return };
    class_library(&solution.journey.job.sources(), "Unloadable");
    solution.prepare(&[]).succeeded();
    for analyzer in analyzers_below(&solution.journey.job.temp()) {
        std::fs::write(analyzer, "MZ, and no program").unwrap();
    }
    let said = solution.build();
    assert!(said.contains("CS8034") || said.contains("CS8032"), "{said}");
    let analyze = solution.analyze();
    let error = analyze.sole_error();
    assert!(error.contains("Unloadable") && error.contains("CS80"), "{error}");
    solution.publish().ended(TaskResult::Failed);
    assert_ne!(solution.journey.gate_property().as_deref(), Some("ok"));
}

/// Projects that their own files take out: told, and no pass where no main project is left.
pub(in crate::real_sonarqube) fn excluded_dotnet_projects_are_shown_in_the_summary(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "excluded") else { return };
    class_library(&solution.journey.job.sources().join("kept"), "Kept");
    class_library(&solution.journey.job.sources().join("gone"), "Gone");
    let solution_file = "<Solution>\n  <Project Path=\"kept/Kept.csproj\" />\n  <Project Path=\"gone/Gone.csproj\" />\n</Solution>\n";
    solution.journey.job.write("Both.slnx", solution_file);
    let excluded = "<Project>\n  <PropertyGroup>\n    <SonarQubeExclude>true</SonarQubeExclude>\n  </PropertyGroup>\n</Project>\n";
    solution.journey.job.write("gone/Directory.Build.props", excluded);
    solution.prepare(&[]).succeeded();
    solution.build();
    solution.analyze().succeeded();
    solution.publish().succeeded();
    let (_, summary) = solution.journey.summary();
    assert!(summary.contains("Gone"), "the summary names the project that was left out: {summary}");

    let test = "<Project>\n  <PropertyGroup>\n    <SonarQubeTestProject>true</SonarQubeTestProject>\n  </PropertyGroup>\n</Project>\n";
    solution.journey.job.write("kept/Directory.Build.props", test);
    solution.journey.job.begin_another();
    solution.prepare(&[]).succeeded();
    solution.dotnet(&["build", "--no-incremental"]);
    let analyze = solution.analyze();
    assert_eq!(analyze.exit_code, Some(0), "{}", analyze.transcript());
    solution.publish().ended(TaskResult::Failed);
    assert_eq!(solution.journey.gate_property().as_deref(), Some("no-report"));
}

/// The analyzers of C# below a folder.
fn analyzers_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()) {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if name.starts_with("SonarAnalyzer") && name.ends_with(".dll") {
                found.push(path);
            }
        }
    }
    found
}
