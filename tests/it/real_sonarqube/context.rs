//! What is analysed of a project on a server that analyses the main branch only: its first analysis, then builds of
//! the main branch, another branch, a tag and a pull request.

use super::server::{Project, Server, TokenKind};
use super::{Journey, Task, TaskResult};

/// What is built, and how SonarPrepare tells it.
struct Build {
    reference: &'static str,
    pull_request: bool,
    why_not: &'static str,
}

const MAIN: Build = Build { reference: "refs/heads/main", pull_request: false, why_not: "" };
const BRANCH: Build = Build {
    reference: "refs/heads/feature/x",
    pull_request: false,
    why_not: "feature/x is not main (according to Azure Repos)",
};
const TAG: Build =
    Build { reference: "refs/tags/v1.2.0", pull_request: false, why_not: "the tag v1.2.0 is being built" };
const PULL_REQUEST: Build =
    Build { reference: "refs/pull/7/merge", pull_request: true, why_not: "pull request 7 is being built" };

struct Repository<'a> {
    server: &'a Server,
    project: &'a Project,
    token: &'a str,
}

impl Repository<'_> {
    /// A job that builds it.
    fn build(&self, build: &Build) -> Journey {
        let mut journey = Journey::new(self.server, self.token);
        if build.pull_request {
            journey.job.of_pull_request("TfsGit", "7", "refs/heads/feature/x", "refs/heads/main");
        } else {
            journey.job.set("Build.SourceBranch", build.reference);
        }
        if build.reference == MAIN.reference {
            journey.job.write("sonar-project.properties", "sonar.branch.name=mine\n");
        }
        journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
        journey
    }

    /// Three steps that analyse; `said` is what SonarPrepare says of it.
    fn is_analysed(&self, build: &Build, inputs: &[(&str, &str)], said: &str) {
        let mut journey = self.build(build);
        let prepare = journey.prepare(&self.inputs(inputs));
        prepare.succeeded().says(said);
        journey.job.run(Task::Analyze, &[]).succeeded();
        journey.publish(&[]).succeeded();
        assert_eq!(self.project.gate_of(&journey.ce_task(&prepare))["status"], "OK");
        assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    }

    /// Three steps that leave it out and say why.
    fn is_left_out(&self, build: &Build) {
        let mut journey = self.build(build);
        journey.prepare(&self.inputs(&[])).succeeded().warns(build.why_not);
        let analyze = journey.job.run(Task::Analyze, &[]);
        analyze.succeeded().warns(build.why_not);
        assert!(!analyze.processes.command_lines().any(|line| line.contains(" -jar ")), "no scanner runs");
        let publish = journey.publish(&[]);
        publish.ended(TaskResult::Succeeded).warns("Not analysed");
        assert_eq!(journey.gate_property().as_deref(), Some("skipped"));
        let (title, text) = journey.summary();
        assert!(title.ends_with(" – skipped"), "{title}");
        assert!(text.contains("Not analysed") && text.contains(build.why_not), "{text}");
    }

    fn inputs<'a>(&'a self, inputs: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let mut all = vec![
            ("configMode", "manual"),
            ("cliProjectKey", self.project.key.as_str()),
            ("extraProperties", "sonar.scm.disabled=true"),
        ];
        all.extend(inputs);
        all
    }

    /// Versions of the analyses that the server has, oldest first.
    fn versions(&self) -> Vec<String> {
        let answer = self.server.get("api/project_analyses/search", &[("project", &self.project.key)]);
        let analyses = answer["analyses"].as_array().unwrap().iter().rev();
        analyses.map(|analysis| analysis["projectVersion"].as_str().unwrap().to_owned()).collect()
    }
}

pub(super) fn every_ref_on_community_build_is_analysed_or_skipped(server: &Server) {
    let mut project = server.unborn_project("refs");
    let token = project.token(TokenKind::User);
    let repository = Repository { server, project: &project, token: &token };

    // What the settings file says about the branch is void once an input says otherwise: the engine would refuse it.
    let said = "Because the default branch is main (according to Azure Repos)";
    repository.is_analysed(&MAIN, &[("branch", "main")], said);
    for build in [&BRANCH, &TAG, &PULL_REQUEST] {
        repository.is_left_out(build);
    }
    assert_eq!(repository.versions(), ["1.0"]);

    for build in [&BRANCH, &PULL_REQUEST] {
        let mut journey = repository.build(build);
        let step = journey.prepare(&repository.inputs(&[("onUnsupportedBranch", "fail")]));
        assert!(step.sole_error().contains(build.why_not), "{}", step.transcript());
    }
    let as_main = [("onUnsupportedBranch", "main"), ("cliProjectVersion", "1.1")];
    let said = "and pull request 7 is being built, and onUnsupportedBranch is main";
    repository.is_analysed(&PULL_REQUEST, &as_main, said);
    repository.is_analysed(&TAG, &[("tags", "main")], "Because the tag v1.2.0 is being built");

    assert_eq!(repository.versions(), ["1.0", "1.1", "v1.2.0"]);
}
