//! Failures of the real programs are explained in our own messages.

use super::{Solution, class_library};
use crate::fake_agent::TaskResult;
use crate::real_sonarqube::Server;
use crate::relay::Relay;
use sha2::{Digest as _, Sha256};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

/// A folder for `PATH` that has what a step itself needs, and neither Java nor .NET.
fn bare_path(solution: &Solution) -> PathBuf {
    let folder = solution.journey.job.path("bin");
    std::fs::create_dir(&folder).unwrap();
    // `dotnet tool install` runs chmod.
    for program in ["git", "sh", "chmod"] {
        let path = std::env::var_os("PATH").unwrap();
        let found =
            std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
        symlink(found.unwrap(), folder.join(program)).unwrap();
    }
    folder
}

/// What keeps SonarPrepare from beginning.
pub(in crate::real_sonarqube) fn failures_of_dotnet_begin_are_explained(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "messages") else { return };
    let tools = solution.journey.job.path("tools").display().to_string();
    solution.journey.job.set("Agent.ToolsDirectory", &tools);
    let root = solution.sdk.root.clone();
    let tells = |solution: &mut Solution, inputs: &[(&str, &str)], expected: &str| {
        let step = solution.prepare(inputs);
        let error = step.sole_error();
        assert!(error.contains(expected), "{expected}: {error}");
        let noise = ["Unhandled exception", "   at ", "stack trace"];
        assert!(noise.iter().all(|noise| !error.contains(noise)), "{error}");
    };

    let unreachable = [("nugetSource", "http://127.0.0.1:9/index.json")];
    tells(&mut solution, &unreachable, "could not be installed, because a NuGet feed could not be reached: ");
    let missing = [("dotnetScannerVersion", "11.2.1")];
    tells(&mut solution, &missing, "could not be installed, because the feed does not have this version: ");
    // SonarSource did not sign it yet; and it needs a runtime that nobody has any more.
    if let Ok(package) = std::fs::read(solution.sdk.feed.join("dotnet-sonarscanner.4.10.0.nupkg")) {
        let old = ("dotnetScannerVersion", "4.10.0");
        tells(&mut solution, &[old], "4.10.0 is refused: SonarSource has not signed");
        let sha256: String = Sha256::digest(package).iter().map(|byte| format!("{byte:02x}")).collect();
        let trusted = ("dotnetScannerSha256", sha256.as_str());
        tells(
            &mut solution,
            &[old, trusted],
            "could not begin: this agent lacks the version of .NET that this",
        );
    }
    let no_version = [("dotnetScannerVersion", "12")];
    tells(&mut solution, &no_version, "is not a version number");

    let bare = bare_path(&solution);
    solution.journey.job.set("PATH", bare.to_str().unwrap());
    tells(&mut solution, &[], "PATH holds no dotnet");

    let runtime = solution.journey.job.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::fs::copy(root.join("dotnet"), runtime.join("dotnet")).unwrap();
    for part in ["host", "shared"] {
        symlink(root.join(part), runtime.join(part)).unwrap();
    }
    solution.journey.job.set("DOTNET_ROOT", runtime.to_str().unwrap());
    solution.journey.job.set("PATH", &format!("{}:{}", runtime.display(), bare.display()));
    tells(&mut solution, &[], "the dotnet in PATH is a runtime without an SDK");

    // Neither the server's Java nor one of the agent's.
    solution.journey.job.set("DOTNET_ROOT", root.to_str().unwrap());
    solution.journey.job.set("PATH", &format!("{}:{}", root.display(), bare.display()));
    let no_java = format!("{}\nsonar.scanner.skipJreProvisioning=true", super::WITHOUT_SCM);
    tells(&mut solution, &[("extraProperties", &no_java)], "needs Java 17 or newer, but none was found");
}

/// What keeps SonarAnalyze from ending: nothing was built; the server is gone, or something else answers in its place.
pub(in crate::real_sonarqube) fn failures_of_dotnet_end_are_explained(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "ends") else { return };
    let relay = Relay::before(server.url.trim_start_matches("http://").parse().unwrap());
    let token = solution.project.token(crate::real_sonarqube::TokenKind::Project);
    solution.journey.connection = solution.journey.job.connect_server(&relay.url, &token);
    let mut told = Vec::new();
    let mut tell = |solution: &mut Solution| {
        let step = solution.analyze();
        let error = step.sole_error();
        assert!(["Unhandled exception", "   at "].iter().all(|noise| !error.contains(noise)), "{error}");
        told.push(solution.journey.job.tidy(error));
    };

    solution.prepare(&[]).succeeded();
    tell(&mut solution);
    solution.journey.job.begin_another();

    class_library(&solution.journey.job.sources(), "Ends");
    solution.prepare(&[]).succeeded();
    solution.build();
    relay.answer_with_html();
    tell(&mut solution);
    solution.journey.job.begin_another();

    relay.pass_on();
    solution.prepare(&[]).succeeded();
    solution.dotnet(&["build", "--no-incremental"]);
    relay.refuse();
    tell(&mut solution);
    let expected = [
        "the analysis failed: nothing was built between SonarPrepare and SonarAnalyze. ",
        "the analysis failed: <server> did not answer the SonarScanner for .NET as SonarQube does (",
        "the analysis failed: the SonarScanner for .NET could not reach <server> (",
    ];
    assert_eq!(told.len(), expected.len());
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
    }
    solution.publish().ended(TaskResult::Failed);
    assert_ne!(solution.journey.gate_property().as_deref(), Some("ok"));
}
