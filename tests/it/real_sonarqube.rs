//! The three steps against real servers, started by their launchers.

mod blame;
mod class_archive;
mod context;
mod dotnet;
mod gates;
mod machine;
mod maven;
mod monorepo;
mod nothing;
mod older;
mod server;
mod several;

use crate::fake_agent::{Job, Step, Task, TaskResult};
use crate::scenario::copy;
use blame::a_shallow_clone_is_completed;
use class_archive::the_third_run_writes_a_class_archive_and_an_altered_one_is_not_used;
use context::every_ref_on_community_build_is_analysed_or_skipped;
use dotnet::account::two_jobs_of_one_user_do_not_disturb_each_other;
use dotnet::broken::leftovers_of_a_broken_job_do_no_harm;
use dotnet::builds::a_deterministic_build_by_dotnet_test_has_coverage;
use dotnet::messages::{failures_of_dotnet_begin_are_explained, failures_of_dotnet_end_are_explained};
use dotnet::network::dotnet_works_behind_squid_with_a_private_authority;
use dotnet::packages::altered_scanner_packages_are_refused;
use dotnet::proof::{
    a_planted_analyzer_is_not_run, an_analyzer_that_cannot_be_loaded_is_an_error,
    excluded_dotnet_projects_are_shown_in_the_summary,
};
use dotnet::reports::reports_of_every_kind_are_found_and_imported;
use dotnet::{
    a_library_with_tests_passes, a_monorepo_with_two_scanners_has_one_verdict,
    a_solution_in_three_languages_fails_its_gate,
};
use gates::{a_gate_with_every_kind_of_metric_is_shown, ten_reports_in_the_queue_are_waited_for};
use machine::{
    modules_are_analysed_with_the_agents_java, the_engine_works_behind_a_proxy_with_a_private_authority,
};
use maven::a_maven_build_is_judged;
use monorepo::a_monorepo_of_three_projects_is_analysed;
use nothing::an_analysis_of_nothing_is_no_report;
use older::{
    a_gate_fails_after_an_analysis_by_the_cli, a_gate_passes_after_an_analysis_by_the_cli,
    a_pinned_cli_uses_only_the_servers_connection,
};
use serde_json::Value;
use server::{Project, Server, TokenKind};
use several::{
    jobs_are_joined_by_exported_records, reports_of_standalone_scanners_are_judged,
    two_projects_with_a_token_each_are_judged_in_one_job,
};
use std::path::{Path, PathBuf};

/// What is run on a server, named like its variable: `v10_7` is `SONARQUBE_10_7`. Every test that needs a server stands
/// in such a list: by these names scripts/test leaves out what has no server.
macro_rules! on {
    ($version:ident: $($name:ident),* $(,)?) => {
        mod $version { $( #[test] fn $name() { super::$name(&super::Server::of(&stringify!($version)[1..])); } )* }
    };
}

on!(
    v10_7: a_gate_fails_twice_and_the_engine_may_wait_for_it,
    a_gate_passes,
    an_analysis_of_nothing_is_no_report,
    a_report_the_server_cannot_process_fails_the_analysis,
    every_ref_on_community_build_is_analysed_or_skipped,
    missing_permissions_are_explained,
    the_packaged_extension_runs,
    modules_are_analysed_with_the_agents_java,
    a_gate_with_every_kind_of_metric_is_shown,
    ten_reports_in_the_queue_are_waited_for,
    two_projects_with_a_token_each_are_judged_in_one_job,
    jobs_are_joined_by_exported_records,
    the_third_run_writes_a_class_archive_and_an_altered_one_is_not_used,
    a_library_with_tests_passes,
    a_solution_in_three_languages_fails_its_gate,
    a_monorepo_with_two_scanners_has_one_verdict,
    reports_of_every_kind_are_found_and_imported,
    a_deterministic_build_by_dotnet_test_has_coverage,
    two_jobs_of_one_user_do_not_disturb_each_other,
    leftovers_of_a_broken_job_do_no_harm,
    a_planted_analyzer_is_not_run,
    an_analyzer_that_cannot_be_loaded_is_an_error,
    excluded_dotnet_projects_are_shown_in_the_summary,
    altered_scanner_packages_are_refused,
    failures_of_dotnet_begin_are_explained,
    failures_of_dotnet_end_are_explained,
    dotnet_works_behind_squid_with_a_private_authority,
);

on!(
    v25_1: a_library_with_tests_passes,
    a_monorepo_with_two_scanners_has_one_verdict,
    two_jobs_of_one_user_do_not_disturb_each_other,
    leftovers_of_a_broken_job_do_no_harm,
    a_planted_analyzer_is_not_run,
    dotnet_works_behind_squid_with_a_private_authority,
    a_solution_in_three_languages_fails_its_gate,
    reports_of_every_kind_are_found_and_imported,
    a_deterministic_build_by_dotnet_test_has_coverage,
    an_analyzer_that_cannot_be_loaded_is_an_error,
    excluded_dotnet_projects_are_shown_in_the_summary,
    altered_scanner_packages_are_refused,
    failures_of_dotnet_begin_are_explained,
    failures_of_dotnet_end_are_explained,
);

on!(
    v26_9: a_gate_fails_twice_and_the_engine_may_wait_for_it,
    a_gate_passes,
    a_report_the_server_cannot_process_fails_the_analysis,
    missing_permissions_are_explained,
    the_packaged_extension_runs,
    modules_are_analysed_with_the_agents_java,
    a_gate_with_every_kind_of_metric_is_shown,
    ten_reports_in_the_queue_are_waited_for,
    a_maven_build_is_judged,
    the_engine_works_behind_a_proxy_with_a_private_authority,
    reports_of_standalone_scanners_are_judged,
    a_monorepo_of_three_projects_is_analysed,
    a_pinned_cli_uses_only_the_servers_connection,
    the_third_run_writes_a_class_archive_and_an_altered_one_is_not_used,
    a_shallow_clone_is_completed,
);

on!(v9_9: a_gate_fails_after_an_analysis_by_the_cli, a_gate_passes_after_an_analysis_by_the_cli);

/// A job on this server, run by the launchers of target/tasks.
struct Journey {
    job: Job,
    connection: String,
}

impl Journey {
    /// Publishes, and checks that the gate failed and that summary and issues name the conditions. Returns the step and the summary.
    fn publish_failed(&mut self, project: &Project, prepare: &Step, title: &str) -> (Step, String) {
        let publish = self.publish(&[]);
        publish.ended(TaskResult::Failed);
        let gate = project.gate_of(&self.ce_task(prepare));
        assert_eq!(gate["status"], "ERROR");
        assert_eq!(self.gate_property().as_deref(), Some("failed"));
        let (shown, summary) = self.summary();
        assert_eq!(shown, title);
        tells_the_failed_conditions(&publish, &summary, &gate, project);
        (publish, summary)
    }

    fn new(server: &Server, token: &str) -> Self {
        let tasks = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tasks");
        assert!(
            tasks.join("prepare/run.js").exists(),
            "{} is not built: run scripts/build-tasks",
            tasks.display()
        );
        Self::from(&tasks, server, token)
    }

    fn from(tasks: &Path, server: &Server, token: &str) -> Self {
        let mut job = Job::start().launched_from(tasks);
        let connection = job.connect_server(&server.url, token);
        job.set("SONAR_USER_HOME", &server.user_home().display().to_string());
        Self { job, connection }
    }

    /// Copies a sample of tests/data into the sources.
    fn check_out(&self, sample: &str) {
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(sample), &self.job.sources());
    }

    fn prepare(&mut self, inputs: &[(&str, &str)]) -> Step {
        let connection = self.connection.clone();
        let mut all = vec![("SonarQube", connection.as_str()), ("scannerMode", "cli")];
        all.extend(inputs);
        self.job.run(Task::Prepare, &all)
    }

    /// Publishes, and waits longer than a loaded server takes for the reports of several tests.
    fn publish(&mut self, inputs: &[(&str, &str)]) -> Step {
        self.job.run(Task::Publish, &[&[("pollingTimeoutSec", "800")], inputs].concat())
    }

    /// The id of the task in the compute engine, from the report of the last analysis.
    fn ce_task(&self, prepare: &Step) -> String {
        let report = std::fs::read_to_string(prepare.variable("SONAR_SCANNER_REPORTTASKFILE")).unwrap();
        let line = report.lines().find_map(|line| line.strip_prefix("ceTaskId=")).unwrap();
        line.to_owned()
    }

    fn gate_property(&self) -> Option<String> {
        self.job.azure.property("sonarglobalqualitygate")
    }

    /// Title and text of the newest Build Summary.
    fn summary(&self) -> (String, String) {
        self.job.azure.summaries().pop().unwrap()
    }
}

/// A value as it is shown, by the type of its metric.
fn shown(kind: &str, value: &str) -> String {
    let number: f64 = value.parse().unwrap();
    match kind {
        "PERCENT" => format!("{number}%"),
        "RATING" => ["A", "B", "C", "D", "E"][number as usize - 1].to_owned(),
        "WORK_DUR" | "MILLISEC" => {
            let n = number as u64;
            let parts = if kind == "WORK_DUR" {
                [(n / 480, "d"), (n % 480 / 60, "h"), (n % 60, "min")]
            } else {
                [(n / 60_000, "min"), (n % 60_000 / 1_000, "s"), (n % 1_000, "ms")]
            };
            let parts: Vec<_> =
                parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
            parts.join(" ")
        }
        _ => value.to_owned(),
    }
}

/// Checks that a step's errors and summary show the failed conditions as the server has them.
#[track_caller]
fn tells_the_failed_conditions(publish: &Step, summary: &str, gate: &Value, project: &Project) {
    let conditions = gate["conditions"].as_array().unwrap();
    let failed: Vec<_> = conditions.iter().filter(|condition| condition["status"] == "ERROR").collect();
    assert!(!failed.is_empty() && failed.len() < conditions.len(), "some fail and some don't: {gate}");
    assert_eq!(publish.errors.len(), failed.len(), "{}", publish.transcript());
    for condition in failed {
        let (name, kind) = project.metric(condition["metricKey"].as_str().unwrap());
        let actual = shown(&kind, condition["actualValue"].as_str().unwrap());
        assert!(summary.contains(&format!("| {name} | {actual} | ")), "{name}, {actual}: {summary}");
        let line = format!("{name}: {actual} (required: ");
        assert!(
            publish.errors.iter().any(|error| error.starts_with(&line)),
            "{line}: {}",
            publish.transcript()
        );
    }
    let count = format!("{} of {} conditions", publish.errors.len(), conditions.len());
    assert!(summary.contains(&count), "{count}: {summary}");
}

/// Checks that the summary has the server's warnings, up to their first mark-up or escape.
#[track_caller]
fn tells_the_warnings(summary: &str, warnings: &[String]) {
    assert_eq!(
        summary.contains("**Warnings from SonarQube**"),
        !warnings.is_empty(),
        "{warnings:?}: {summary}"
    );
    for warning in warnings {
        let plain = |c: char| c.is_alphanumeric() || c == ' ';
        let start = warning.split(|c| !plain(c)).next().unwrap();
        assert!(summary.contains(&format!("- {start}")), "{warning}: {summary}");
    }
}

/// With a project token, in debug mode. The second time the engine waits for the gate.
fn a_gate_fails_twice_and_the_engine_may_wait_for_it(server: &Server) {
    let mut project = server.project("orders");
    project.require(&[
        ("coverage", "LT", "80"),
        ("code_smells", "GT", "1"),
        ("sqale_index", "GT", "2"),
        ("reliability_rating", "GT", "1"),
        ("duplicated_lines_density", "GT", "90"),
    ]);
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    journey.check_out("sample-failing");
    journey.job.set("System.Debug", "true");
    let mut inputs = vec![
        ("configMode", "manual"),
        ("cliProjectKey", project.key.as_str()),
        ("cliSources", "orders,legacy"),
        ("extraProperties", "sonar.scm.disabled=true"),
    ];

    let prepare = journey.prepare(&inputs);
    prepare.succeeded();
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.ended(TaskResult::Succeeded).says("Scanner engine: ").says("provided by the server");
    assert!(analyze.errors.is_empty() && !analyze.debug.is_empty(), "{}", analyze.transcript());
    assert!(
        analyze.processes.command_lines().any(|line| line.contains(" -jar ")),
        "the engine's process is watched"
    );
    let (publish, summary) = journey.publish_failed(&project, &prepare, "SonarQube – orders – failed");
    if project.shows_measures_to(&token) {
        assert!(summary.contains(&format!("| Issues | {} |", project.measure("violations"))), "{summary}");
    } else {
        publish.says("The measures of orders are left out");
    }
    tells_the_warnings(&summary, &project.warnings_of(&journey.ce_task(&prepare)));
    let dashboard = format!("{}/dashboard?id={}", server.url, project.key);
    assert!(summary.contains(&dashboard), "{summary}");
    assert!(publish.debug.iter().any(|line| line.contains("/api/ce/task -> 200")));

    inputs.pop();
    inputs.push((
        "extraProperties",
        "sonar.scm.disabled=true\nsonar.qualitygate.wait=true\nsonar.qualitygate.timeout=800",
    ));
    let prepare = journey.prepare(&inputs);
    prepare.succeeded();
    let analyze = journey.job.run(Task::Analyze, &[]);
    assert!(analyze.sole_error().starts_with("the quality gate failed: "), "{}", analyze.transcript());
    let engine = server.get("api/v2/analysis/engine", &[]);
    let (file, sha256) = (engine["filename"].as_str().unwrap(), engine["sha256"].as_str().unwrap());
    analyze.says(&format!("Scanner engine: {file} (from the cache)"));
    assert!(server.user_home().join("cache").join(sha256).join(file).is_file());
    let publish = journey.publish(&[]);
    publish.ended(TaskResult::Failed);
    let gate = project.gate_of(&journey.ce_task(&prepare));
    assert_eq!(gate["status"], "ERROR");
    assert_eq!(journey.summary().0, "SonarQube – 2 projects – failed");
}

/// With a global token and the settings file of the sources.
fn a_gate_passes(server: &Server) {
    let mut project = server.project("money");
    let token = project.token(TokenKind::Global);
    let journey = Journey::new(server, &token);
    journey.check_out("sample-passing");
    passes(journey, project, &token, &[]);
}

fn passes(mut journey: Journey, mut project: Project, token: &str, inputs: &[(&str, &str)]) {
    project.require(&[("coverage", "LT", "50"), ("reliability_rating", "GT", "1"), ("bugs", "GT", "0")]);
    let extra = format!("sonar.projectKey={}\nsonar.scm.disabled=true", project.key);
    let prepare =
        journey.prepare(&[&[("configMode", "file"), ("extraProperties", extra.as_str())], inputs].concat());
    prepare.succeeded();
    journey.job.run(Task::Analyze, &[]).succeeded();
    let publish = journey.publish(&[]);
    publish.succeeded();
    let gate = project.gate_of(&journey.ce_task(&prepare));
    assert_eq!(gate["status"], "OK");
    assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    let (title, summary) = journey.summary();
    assert_eq!(title, "SonarQube – Sample, passing – passed");
    assert!(summary.contains("Quality gate passed"), "{summary}");
    tells_the_warnings(&summary, &project.warnings_of(&journey.ce_task(&prepare)));
    if project.shows_measures_to(token) {
        let coverage = shown("PERCENT", &project.measure("coverage"));
        assert!(summary.contains(&format!("| Coverage | {coverage} |")), "{coverage}: {summary}");
    } else {
        publish.says("The measures of Sample, passing are left out");
    }
}

/// A damaged report is a really failed task. A token that is revoked in the meantime cannot read the result.
fn a_report_the_server_cannot_process_fails_the_analysis(server: &Server) {
    let mut project = server.project("garbage");
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    // The build's own scanner hands it in; in mode `other` it reads its token from a plain variable.
    journey.job.allow_leaks();
    let key = format!("sonar.projectKey={}", project.key);
    let prepare = journey.prepare(&[("scannerMode", "other"), ("extraProperties", &key)]);
    prepare.succeeded();
    let task = project.submit_garbage();
    let report = format!("projectKey={}\nserverUrl={}\nceTaskId={task}\n", project.key, server.url);
    std::fs::write(prepare.variable("SONAR_SCANNER_REPORTTASKFILE"), report).unwrap();

    let publish = journey.publish(&[]);
    let error = publish.sole_error();
    assert!(error.contains("SonarQube could not process the report (FAILED): "), "{error}");
    assert_eq!(journey.gate_property().as_deref(), Some("analysis-failed"));
    assert_eq!(journey.summary().0, "SonarQube – garbage – analysis failed");

    project.revoke_tokens();
    let publish = journey.publish(&[]);
    assert!(
        publish.sole_error().contains("/api/ce/task answered 401 Unauthorized"),
        "{}",
        publish.transcript()
    );
    assert_eq!(journey.gate_property().as_deref(), Some("analysis-failed"), "the worse of the two");
}

/// SonarPrepare finds out which permissions a token lacks.
fn missing_permissions_are_explained(server: &Server) {
    let mut project = server.project("rights");
    let key = project.key.clone();
    let prepare = |token: &str, key: &str| {
        let mut journey = Journey::new(server, token);
        let step = journey.prepare(&[("configMode", "manual"), ("cliProjectKey", key)]);
        let errors = step.errors.iter().map(|error| journey.job.tidy(error).replace(key, "<key>"));
        let errors = errors.collect::<Vec<_>>().join("\n");
        if errors.is_empty() {
            step.succeeded();
        } else {
            step.sole_error();
        }
        errors
    };
    let unknown = format!("{key}-unknown");
    for kind in [TokenKind::Project, TokenKind::Global, TokenKind::User] {
        let token = project.token(kind);
        assert_eq!(prepare(&token, &key), "", "{kind:?}");
        if kind == TokenKind::Project {
            assert_eq!(prepare(&token, &unknown), NO_PROJECT);
        }
    }
    let revoked = project.token(TokenKind::Project);
    project.revoke_tokens();
    assert_eq!(prepare(&revoked, &key), NO_TOKEN);

    let mut another = server.project("another");
    let of_another = another.token(TokenKind::Project);
    assert_eq!(prepare(&of_another, &key), NO_RIGHT);
    drop(another);
    assert_eq!(prepare(&of_another, &key), NO_TOKEN, "it went with its project");

    let bystander = server.token_of_a_bystander();
    assert_eq!(prepare(&bystander, &key), NO_RIGHT);
    assert_eq!(prepare(&bystander, &unknown), NO_PROJECT);
}

const NO_TOKEN: &str = "<server> does not accept the token of the service connection. It is wrong, expired or revoked \
    (401). Generate a new one in SonarQube (My Account > Security) and store it in the service connection.";
const NO_RIGHT: &str = "the token may not analyse the project <key>: <server> answered 403: You're not authorized to \
    push analysis results to the SonarQube server. Please contact your SonarQube administrator. Use a project \
    analysis token of this project or a global analysis token, or grant the token's owner Execute Analysis (Project \
    Settings > Permissions).";
const NO_PROJECT: &str = "the project <key> does not exist on <server>, and the token may not create it. Check the spelling of the \
    key, or create the project in SonarQube first, or use a global analysis token of a user with the right Create \
    Projects.";

/// Runs what a user installs: the unpacked package. With a user token, for a project that its first analysis creates.
fn the_packaged_extension_runs(server: &Server) {
    let unpacked = tempfile::tempdir().unwrap();
    let package = package();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(&package).unwrap()).unwrap();
    archive.extract(unpacked.path()).unwrap();

    let mut project = server.unborn_project("newborn");
    let token = project.token(TokenKind::User);
    let mut journey = Journey::from(unpacked.path(), server, &token);
    journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let inputs = [
        ("configMode", "manual"),
        ("cliProjectKey", project.key.as_str()),
        ("extraProperties", "sonar.scm.disabled=true"),
    ];
    let prepare = journey.prepare(&inputs);
    prepare.succeeded().says("its first analysis creates it");
    journey.job.run(Task::Analyze, &[]).succeeded();
    journey.publish(&[]).succeeded();
    assert_eq!(project.gate_of(&journey.ce_task(&prepare))["status"], "OK");
    assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    let issues = format!("| Issues | {} |", project.measure("violations"));
    assert!(journey.summary().1.contains(&issues), "{}", journey.summary().1);
}

/// The newest package of target.
fn package() -> PathBuf {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    let files = std::fs::read_dir(&target).into_iter().flatten().map(|entry| entry.unwrap().path());
    let packages = files.filter(|path| path.extension().is_some_and(|extension| extension == "vsix"));
    packages
        .max_by_key(|path| path.metadata().unwrap().modified().unwrap())
        .unwrap_or_else(|| panic!("{} holds no package: run scripts/package", target.display()))
}
