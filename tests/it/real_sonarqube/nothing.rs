//! An analysis of nothing: the server's gate passes, and the verdict is not a pass.

use super::server::{Server, TokenKind};
use super::{Journey, TaskResult};
use crate::fake_agent::Task;

/// By the settings file of the repository, which leaves everything out; then by the same without that line. An analysis
/// token may not read measures of 10.7, a user token may.
pub(super) fn an_analysis_of_nothing_is_no_report(server: &Server) {
    let mut project = server.project("nothing");
    let tokens = [TokenKind::Project, TokenKind::User].map(|kind| project.token(kind));
    for token in &tokens {
        let mut journey = Journey::new(server, token);
        journey.check_out("sample-passing");
        let file = journey.job.sources().join("sonar-project.properties");
        let settings = std::fs::read_to_string(&file).unwrap();
        let extra = format!("sonar.projectKey={}\nsonar.scm.disabled=true", project.key);
        let inputs = [("configMode", "file"), ("extraProperties", extra.as_str())];

        std::fs::write(&file, format!("{settings}\nsonar.exclusions=**/*\nsonar.test.exclusions=**/*\n"))
            .unwrap();
        let prepare = journey.prepare(&inputs);
        prepare.succeeded();
        let analyze = journey.job.run(Task::Analyze, &[]);
        analyze.ended(TaskResult::Succeeded).warns("the scanner engine indexed 0 files");
        let publish = journey.publish(&[]);
        let gate = project.gate_of(&journey.ce_task(&prepare));
        assert_eq!(gate["status"], "OK", "the server has nothing to complain of");
        assert!(publish.sole_error().contains("nothing was analysed"), "{}", publish.transcript());
        assert_eq!(journey.gate_property().as_deref(), Some("no-report"));

        // In a job of its own: the first analysis would spoil the second.
        let mut journey = Journey::new(server, token);
        journey.check_out("sample-passing");
        journey.prepare(&inputs).succeeded();
        journey.job.run(Task::Analyze, &[]).succeeded();
        journey.publish(&[]).succeeded();
        assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    }
}
