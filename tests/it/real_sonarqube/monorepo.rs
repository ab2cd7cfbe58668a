//! Three projects of one repository, two at a time.

use super::server::{Server, TokenKind};
use super::{Journey, Task, TaskResult};

/// By a global token, because one of a project is for that project alone. One of the gates fails.
pub(super) fn a_monorepo_of_three_projects_is_analysed(server: &Server) {
    let [mut api, mut web, docs] = ["api", "web", "docs"].map(|name| server.project(name));
    web.require(&[("ncloc", "GT", "2")]);
    let token = api.token(TokenKind::Global);
    let mut journey = Journey::new(server, &token);
    let code = "def greet(name):\n    greeting = \"Hello, \" + name\n    return greeting\n";
    for directory in ["services/api", "services/web", "docs"] {
        journey.job.write(&format!("{directory}/main.py"), code);
    }
    let list = format!(
        "- {{key: {}, baseDir: services/api}}\n- key: {}\n  baseDir: services/web\n  properties:\n    \
         sonar.projectVersion: 1.10\n- {{key: {}, baseDir: docs}}\n",
        api.key, web.key, docs.key
    );
    let inputs =
        [("monorepo", list.as_str()), ("parallel", "2"), ("extraProperties", "sonar.scm.disabled=true")];
    journey.prepare(&inputs).succeeded();
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.succeeded().says("Scanner engine: ");
    assert_eq!(
        analyze.log.iter().filter(|line| line.contains("Scanner engine: ")).count(),
        1,
        "fetched once"
    );
    for project in [&api, &web, &docs] {
        analyze.says(&format!("[{}] ", project.key));
    }
    for directory in ["services/api", "services/web", "docs"] {
        assert!(journey.job.sources().join(directory).join(".scannerwork").is_dir(), "{directory}");
    }
    let publish = journey.publish(&[]);
    publish.ended(TaskResult::Failed);
    assert_eq!(publish.errors.len(), 1, "{}", publish.transcript());
    assert!(publish.errors[0].contains(&web.key), "{}", publish.errors[0]);
    assert_eq!(journey.gate_property().as_deref(), Some("failed"));
    let (title, page) = journey.summary();
    assert_eq!(title, "SonarQube – 3 projects – failed");
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with("| [")).collect();
    assert_eq!(lines.len(), 3, "{page}");
    for (line, (project, word)) in
        lines.iter().zip([(&web, "❌ failed"), (&api, "✅ passed"), (&docs, "✅ passed")])
    {
        let link = format!("{}/dashboard?id={}", server.url, project.key);
        assert!(line.contains(&link) && line.contains(word), "{line}");
    }
    let versions = server.get("api/project_analyses/search", &[("project", web.key.as_str())]);
    assert_eq!(versions["analyses"][0]["projectVersion"], "1.10");
}
