//! Several analyses by one account of a machine: the scanner leaves files of MSBuild in the user's home.

use super::{Solution, class_library};
use crate::fake_agent::Task;
use crate::real_sonarqube::Server;
use crate::real_sonarqube::server::TokenKind;

/// Two jobs at a time, each with its own folders and both with one home; then a second analysis in the first job.
pub(in crate::real_sonarqube) fn two_jobs_of_one_user_do_not_disturb_each_other(server: &Server) {
    let (Some(mut first), Some(mut second)) =
        (Solution::empty(server, "first"), Solution::empty(server, "second"))
    else {
        return;
    };
    class_library(&first.journey.job.sources(), "First");
    class_library(&second.journey.job.sources(), "Second");
    let home = first.journey.job.path("home").display().to_string();
    second.journey.job.set("HOME", &home);
    first.prepare(&[]).succeeded();
    second.prepare(&[]).succeeded();
    first.build();
    first.analyze().succeeded().says("1 C# project: 1 main");
    second.build();
    second.analyze().succeeded().says("1 C# project: 1 main");
    for solution in [&mut first, &mut second] {
        solution.publish().succeeded();
        assert_eq!(solution.journey.gate_property().as_deref(), Some("ok"));
        let files = solution.by_file(server, "ncloc");
        assert_eq!(files.keys().collect::<Vec<_>>(), ["Answer.cs"]);
        assert_eq!(solution.project.measure("code_smells"), super::SMELLS);
    }

    let mut third = server.project("third");
    let token = third.token(TokenKind::Project);
    let connection = first.journey.job.connect_server(&server.url, &token);
    class_library(&first.journey.job.sources().join("third"), "Third");
    let inputs = [
        ("SonarQube", connection.as_str()),
        ("projectKey", &third.key),
        ("extraProperties", super::WITHOUT_SCM),
    ];
    first.journey.job.run(Task::Prepare, &inputs).succeeded();
    first.dotnet(&["build", "third"]);
    first.analyze().succeeded().says("1 C# project: 1 main");
    first.publish().succeeded();
    assert_eq!(third.measure("code_smells"), super::SMELLS);
    assert_eq!(first.journey.summary().0, "SonarQube – 2 projects – passed");
}
