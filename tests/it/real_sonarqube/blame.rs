//! The blame data on a real server after the analysis of a shallow clone.

use super::Journey;
use super::server::{Project, Server, TokenKind};
use crate::fake_agent::{Job, Task};
use crate::git_host::{Door, GitHost, Origin, head};
use serde_json::{Value, json};

/// The clone's only file: line, author and commit of each line, and what the server warns of.
struct Blame {
    lines: Vec<(u64, String, String)>,
    warnings: Vec<String>,
}

/// Analyses a clone of depth 1.
fn blame(server: &Server, origin: &Origin, inputs: &[(&str, &str)]) -> Blame {
    let mut project: Project = server.project("tally");
    let token = project.token(TokenKind::Project);
    let mut job = Job::start();
    let connection = job.connect_server(&server.url, &token);
    job.set("SONAR_USER_HOME", &server.user_home().display().to_string());
    job.set("Build.Repository.Provider", "Git");
    let host = GitHost::start(origin, Door::Open);
    origin.check_out(&job.sources(), "refs/heads/main", &["--depth=1"], &host.url("tally"));
    job.set("Build.SourceVersion", &head(&job.sources()));
    let mut journey = Journey { job, connection };
    let mut all = vec![("configMode", "manual"), ("cliProjectKey", project.key.as_str())];
    all.extend(inputs);
    let prepare = journey.prepare(&all);
    prepare.succeeded();
    journey.job.run(Task::Analyze, &[]).succeeded();
    journey.publish(&[("onNoVerdict", "fail")]).succeeded();
    let file = format!("{}:tally.py", project.key);
    let scm = server.get("api/sources/scm", &[("key", &file), ("commits_by_line", "true")]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // To the server, what follows the last line break is a line, too.
    let lines = scm["scm"].as_array().unwrap().iter().take(4);
    Blame {
        lines: lines.map(|line| (line[0].as_u64().unwrap(), text(&line[1]), text(&line[3]))).collect(),
        warnings: project.warnings_of(&journey.ce_task(&prepare)),
    }
}

/// Then the blame is whole; otherwise the server warns.
pub(super) fn a_shallow_clone_is_completed(server: &Server) {
    let origin = Origin::new("tally");
    let whole = blame(server, &origin, &[]);
    let line = |number: u64, author: &str, revision: &str| {
        (number, format!("{author}@example.com"), origin.commit_of(revision))
    };
    let expected = [
        line(1, "ann", "main~3"),
        line(2, "ben", "main~2"),
        line(3, "ann", "main~1"),
        line(4, "ben", "main"),
    ];
    assert_eq!(whole.lines, expected);
    assert!(!whole.warnings.iter().any(|warning| warning.contains("hallow")), "{:?}", whole.warnings);

    let shallow = blame(server, &origin, &[("unshallow", "off")]);
    assert_ne!(shallow.lines, expected);
    assert!(
        shallow.warnings.iter().any(|warning| warning.contains("Shallow clone")),
        "{}",
        json!(shallow.warnings)
    );
}
