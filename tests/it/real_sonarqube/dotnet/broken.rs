//! Jobs that end early, and what they leave to the next one.

use super::{Solution, class_library};
use crate::fake_agent::TaskResult;
use crate::real_sonarqube::Server;
use std::process::Stdio;

/// Begin without end, a build that fails, one that is cancelled: none of them is a pass, and the next analysis in the same
/// folders is whole.
pub(in crate::real_sonarqube) fn leftovers_of_a_broken_job_do_no_harm(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "broken") else { return };
    class_library(&solution.journey.job.sources(), "Broken");

    // A job that ends after SonarPrepare.
    solution.prepare(&[]).succeeded();
    solution.publish().ended(TaskResult::Failed);
    assert_eq!(solution.journey.gate_property().as_deref(), Some("no-report"));
    solution.journey.job.begin_another();

    // A job whose build fails.
    solution.prepare(&[]).succeeded();
    let class = solution.journey.job.write("Wrong.cs", "public class Wrong { this is not C# }\n");
    let (succeeded, said) = solution.journey.job.run_script(solution.command(&["build"]));
    assert!(!succeeded, "{said}");
    let analyze = solution.analyze();
    assert_eq!(analyze.result, Some(TaskResult::Failed), "{}", analyze.transcript());
    solution.publish().ended(TaskResult::Failed);
    assert_ne!(solution.journey.gate_property().as_deref(), Some("ok"));
    std::fs::remove_file(class).unwrap();
    solution.journey.job.begin_another();

    // A job whose build is cancelled, and a build that is run again.
    solution.prepare(&[]).succeeded();
    let mut build = solution.command(&["build", "--no-restore"]);
    let mut build = build.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    build.kill().unwrap();
    build.wait().unwrap();
    // What the cancelled build compiled would not be compiled again, and so not be analysed.
    let again = solution.command(&["build", "--no-incremental"]);
    let (succeeded, said) = solution.journey.job.run_script(again);
    assert!(succeeded, "{said}");
    solution.analyze().succeeded().says("1 C# project: 1 main");
    let publish = solution.publish();
    publish.succeeded();
    assert_eq!(solution.project.measure("code_smells"), super::SMELLS);
}
