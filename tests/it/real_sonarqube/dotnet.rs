//! Builds of .NET with the real SDK, analysed by the real SonarScanner for .NET.

pub(super) mod account;
pub(super) mod broken;
pub(super) mod builds;
pub(super) mod messages;
pub(super) mod network;
pub(super) mod packages;
pub(super) mod proof;
pub(super) mod reports;

use super::Journey;
use super::server::{Project, Server, TokenKind};
use crate::dotnet_sdk::{Sdk, sdk};
use crate::fake_agent::{Job, Step, Task};
use crate::git_host::head;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const WITHOUT_SCM: &str = "sonar.scm.disabled=true";

/// A job that builds .NET, and its project on a server.
pub(super) struct Solution {
    pub(super) journey: Journey,
    pub(super) project: Project,
    sdk: Sdk,
}

impl Solution {
    /// A job whose sources are a sample of tests/data. `None`: there is no SDK here, which has been said.
    pub(super) fn of(server: &Server, name: &str, sample: &str) -> Option<Self> {
        let solution = Self::empty(server, name)?;
        solution.journey.check_out(sample);
        Some(solution)
    }

    /// A job without sources.
    pub(super) fn empty(server: &Server, name: &str) -> Option<Self> {
        let sdk = sdk()?;
        let mut project = server.project(name);
        let token = project.token(TokenKind::Project);
        let mut job = Job::start();
        let connection = job.connect_server(&server.url, &token);
        job.set("SONAR_USER_HOME", &server.user_home().display().to_string());
        let mut journey = Journey { job, connection };
        equip(&mut journey.job, &sdk, server);
        Some(Self { journey, project, sdk })
    }

    /// SonarPrepare in its default mode.
    pub(super) fn prepare(&mut self, inputs: &[(&str, &str)]) -> Step {
        let (connection, key) = (self.journey.connection.clone(), self.project.key.clone());
        let given =
            [("SonarQube", connection.as_str()), ("projectKey", &key), ("extraProperties", WITHOUT_SCM)];
        self.journey.job.run(Task::Prepare, &[&given, inputs].concat())
    }

    pub(super) fn analyze(&mut self) -> Step {
        self.journey.job.run(Task::Analyze, &[])
    }

    /// SonarPublish, which waits longer than a loaded server takes.
    pub(super) fn publish(&mut self) -> Step {
        self.journey.publish(&[])
    }

    /// The command `dotnet` of a script step, in the folder of the sources.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.journey.job.script(self.sdk.root.join("dotnet").to_str().unwrap());
        command.args(arguments);
        command
    }

    /// Runs `dotnet`, which has to succeed. Returns what it says.
    #[track_caller]
    pub(super) fn dotnet(&self, arguments: &[&str]) -> String {
        let (succeeded, said) = self.journey.job.run_script(self.command(arguments));
        assert!(succeeded, "dotnet {arguments:?}: {said}");
        said
    }

    /// Builds everything in a folder of the sources that has one solution or project.
    #[track_caller]
    pub(super) fn build(&self) -> String {
        self.dotnet(&["build"])
    }

    /// Tests what has been built, as the task DotNetCoreCLI@2 does.
    #[track_caller]
    pub(super) fn test(&self, collect: &[&str]) -> String {
        let temp = self.journey.job.temp().display().to_string();
        let as_the_task = ["test", "--no-build", "--logger", "trx", "--results-directory", temp.as_str()];
        self.dotnet(&[&as_the_task, collect].concat())
    }

    /// The measures of a metric by file: its path, and the value.
    pub(super) fn by_file(&self, server: &Server, metric: &str) -> BTreeMap<String, String> {
        let query = [
            ("component", self.project.key.as_str()),
            ("metricKeys", metric),
            ("qualifiers", "FIL,UTS"),
            ("ps", "500"),
        ];
        let tree = server.get("api/measures/component_tree", &query);
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let files = tree["components"].as_array().unwrap().iter();
        let files = files
            .filter_map(|file| Some((text(&file["path"]), text(file["measures"].get(0)?.get("value")?))));
        files.collect()
    }
}

/// Gives a job what an agent has that builds .NET: the SDK in `PATH`, a feed in the user's NuGet configuration. What is
/// restored and installed is kept from run to run.
fn equip(job: &mut Job, sdk: &Sdk, server: &Server) {
    let kept = |name: &str| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name).display().to_string();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(sdk.root.clone()).chain(std::env::split_paths(&path));
    job.set("PATH", std::env::join_paths(path).unwrap().to_str().unwrap());
    job.set("DOTNET_ROOT", &sdk.root.display().to_string());
    job.set("DOTNET_NOLOGO", "1");
    job.set("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
    // Nothing of a build goes on living.
    job.set("MSBUILDDISABLENODEREUSE", "1");
    job.set("UseSharedCompilation", "false");
    job.set("NUGET_PACKAGES", &kept("nuget-packages"));
    job.set("Agent.ToolsDirectory", &kept(&format!("dotnet-tools-{}", server.version)));
    job.set("Common.TestResultsDirectory", job.path("TestResults").to_str().unwrap());
    let user = job.path("home/.nuget/NuGet");
    std::fs::create_dir_all(&user).unwrap();
    std::fs::write(user.join("NuGet.Config"), sdk.nuget_config()).unwrap();
}

/// Which tool SonarPrepare chooses for a server.
fn tool_for(server: &Server) -> &'static str {
    if server.version == "10_7" { "11.3.0" } else { "12.1.0" }
}

/// As most pipelines are: a library with tests, in debug mode, without a script and without a token in sight.
pub(super) fn a_library_with_tests_passes(server: &Server) {
    let Some(mut solution) = Solution::of(server, "shop", "dotnet-shop") else { return };
    solution.project.require(&[("coverage", "LT", "67"), ("test_failures", "GT", "0"), ("bugs", "GT", "0")]);
    solution.journey.job.set("System.Debug", "true");
    commit(&mut solution.journey.job);
    let prepare = solution.prepare(&[("extraProperties", "")]);
    prepare.succeeded().says(&format!("SonarScanner for .NET {}", tool_for(server)));
    assert_eq!(prepare.warnings, [""; 0], "{}", prepare.transcript());
    let begin = prepare.processes.command_lines().any(|line| line.contains(" begin "));
    assert!(begin, "the scanner's process is watched: {:#?}", prepare.processes);
    solution.build();
    solution.test(&["--collect", "XPlat Code Coverage"]);
    let analyze = solution.analyze();
    analyze.succeeded().says("2 C# projects: 1 main, 1 test");
    assert_eq!(analyze.warnings, [""; 0], "{}", analyze.transcript());
    let publish = solution.publish();
    publish.succeeded();
    assert_eq!(solution.journey.gate_property().as_deref(), Some("ok"));
    assert_eq!(solution.project.gate_of(&solution.journey.ce_task(&prepare))["status"], "OK");
    // 20 of 29 lines and 5 of 8 branches.
    assert_eq!(solution.project.measure("coverage"), "67.6");
    assert_eq!(solution.project.measure("tests"), "4");
    assert_eq!(solution.journey.job.leaking_files(), [""; 0]);
}

/// Makes the sources a clone of the build's commit, as a checkout does.
fn commit(job: &mut Job) {
    let sources = job.sources();
    let identity = ["-c", "user.name=It", "-c", "user.email=it@example.org", "-c", "commit.gpgSign=false"];
    let url = job.azure.clone_url();
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["remote", "add", "origin", &url],
        &["add", "."],
        &["commit", "--quiet", "-m", "Open the shop"],
    ] {
        let status =
            Command::new("git").args(identity).args(arguments).current_dir(&sources).status().unwrap();
        assert!(status.success(), "git {arguments:?}");
    }
    job.set("Build.SourceVersion", &head(&sources));
}

/// VB.NET beside C#, TypeScript beside both: issues of each fail the gate.
pub(super) fn a_solution_in_three_languages_fails_its_gate(server: &Server) {
    let Some(mut solution) = Solution::of(server, "mixed", "dotnet-mixed") else { return };
    solution.project.require(&[("code_smells", "GT", "0"), ("bugs", "GT", "1000")]);
    let prepare = solution.prepare(&[]);
    prepare.succeeded();
    solution.build();
    solution.analyze().succeeded().says("1 C# project: 1 main").says("1 VB.NET project: 1 main");
    solution.journey.publish_failed(&solution.project, &prepare, "SonarQube – mixed – failed");
    let issues =
        server.get("api/issues/search", &[("componentKeys", &solution.project.key), ("facets", "languages")]);
    let languages = issues["facets"][0]["values"].as_array().unwrap().iter();
    let mut languages: Vec<_> = languages.map(|value| value["val"].as_str().unwrap()).collect();
    languages.sort_unstable();
    let lines = solution.project.measure("ncloc_language_distribution");
    assert!(["cs=", "ts=", "vbnet="].iter().all(|language| lines.contains(language)), "{lines}");
    assert_eq!(languages, ["cs", "ts", "vbnet"], "{issues}");
}

/// One solution of .NET and a folder of JavaScript, analysed as two projects in one job, each by its own scanner.
pub(super) fn a_monorepo_with_two_scanners_has_one_verdict(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "api") else { return };
    let mut web = server.project("web");
    solution.journey.job.write("web/page.py", "def page():\n    return 1\n");
    class_library(&solution.journey.job.sources().join("api"), "Api");
    let base = [("analysisName", "api"), ("projectBaseDir", "api")];
    solution.prepare(&base).succeeded();
    // Its token is of the other project alone.
    let token = web.token(TokenKind::Project);
    let connection = solution.journey.job.connect_server(&server.url, &token);
    let inputs = [
        ("SonarQube", connection.as_str()),
        ("scannerMode", "cli"),
        ("configMode", "manual"),
        ("cliProjectKey", &web.key),
        ("projectBaseDir", "web"),
        ("analysisName", "web"),
        ("extraProperties", WITHOUT_SCM),
    ];
    solution.journey.job.run(Task::Prepare, &inputs).succeeded();
    solution.dotnet(&["build", "api"]);
    solution.journey.job.run(Task::Analyze, &[("analysisName", "web")]).succeeded();
    solution.journey.job.run(Task::Analyze, &[("analysisName", "api")]).succeeded();
    let publish = solution.publish();
    publish.succeeded();
    assert_eq!(solution.journey.gate_property().as_deref(), Some("ok"));
    let languages = |project: &Project| project.measure("ncloc_language_distribution");
    assert!(languages(&solution.project).starts_with("cs="), "{}", languages(&solution.project));
    assert_eq!(languages(&web), "py=2");
}

/// The issues of [`class_library`]: a variable that is not used, and what is assigned to it.
const SMELLS: &str = "2";

/// Writes the smallest library that is analysed, whose analysis finds [`SMELLS`].
fn class_library(folder: &Path, name: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let project = "<Project Sdk=\"Microsoft.NET.Sdk\">\n  <PropertyGroup>\n    \
                   <TargetFramework>net10.0</TargetFramework>\n  </PropertyGroup>\n</Project>\n";
    std::fs::write(folder.join(format!("{name}.csproj")), project).unwrap();
    let class = format!(
        "namespace {name};\n\npublic static class Answer\n{{\n    public static int Of(int question)\n    {{\n        \
         var unused = 1;\n        return question + 42;\n    }}\n}}\n"
    );
    std::fs::write(folder.join("Answer.cs"), class).unwrap();
}
