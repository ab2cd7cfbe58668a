//! Several projects of one repository: prepared by one step, analysed by one, published in one summary.

use crate::fake_agent::{Task, TaskResult, ends};
use crate::fake_azure_devops::SignIn;
use crate::fake_sonarqube::{SonarQube, failed_gate, gate, task};
use crate::git_host::{git, head};
use crate::scenario::{Scenario, program};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::SystemTime;

const LIST: &str = "
- key: api
  baseDir: services/api
  properties:
    sonar.projectName: The API
    sonar.exclusions: '**/*_pb.py'
- key: web
  baseDir: services/web
- {key: docs, baseDir: docs}
";

/// A job with the three projects, whose engine is a script: it knows its `$key` and its `$report`.
fn scenario(sonarqube: SonarQube) -> Scenario {
    let scenario = Scenario::with(sonarqube);
    for directory in ["services/api", "services/web", "docs"] {
        scenario.job.write(&format!("{directory}/main.py"), "print(1)\n");
    }
    scenario
}

/// Installs the engine and returns the properties that name it.
fn engine(scenario: &Scenario, body: &str) -> String {
    let folder = scenario.job.path("engine");
    std::fs::create_dir_all(&folder).unwrap();
    let (java, jar) = (folder.join("java"), folder.join("engine.jar"));
    let script = format!(
        "#!/bin/sh\ncd '{0}'\ninput=$(cat)\nvalue() {{ printf '%s' \"$input\" | sed -n \"s/.*\\\"$1\\\",\\\"value\\\":\\\"\\([^\\\"]*\\)\\\".*/\\1/p\"; }}\n\
         key=$(value sonar.projectKey)\nreport=$(value sonar.scanner.metadataFilePath)\nprintf '%s' \"$input\" >\"$key.input\"\n\
         leave() {{ printf '%s\\n' \"projectKey=$key\" 'serverUrl={1}' \"dashboardUrl={1}/dashboard?id=$key\" \"ceTaskId=AZ-$key\" >\"$report\"; }}\n\
         {body}\n",
        folder.display(),
        scenario.sonarqube.url(),
    );
    program(&java, &script);
    std::fs::write(&jar, "").unwrap();
    format!("sonar.scanner.javaExePath={}\nsonar.scanner.engineJarPath={}", java.display(), jar.display())
}

fn prepare(scenario: &mut Scenario, inputs: &[(&str, &str)]) -> crate::fake_agent::Step {
    let all: Vec<_> =
        [("scannerMode", "cli"), ("monorepo", LIST)].into_iter().chain(inputs.iter().copied()).collect();
    scenario.prepare_as(&all)
}

/// The property the engine of a project was given.
fn given(scenario: &Scenario, key: &str, property: &str) -> Option<String> {
    let input = std::fs::read(scenario.job.path("engine").join(format!("{key}.input"))).ok()?;
    let input: Value = serde_json::from_slice(&input).unwrap();
    let properties = input["scannerProperties"].as_array().unwrap();
    let found = properties.iter().find(|each| each["key"] == property)?;
    Some(found["value"].as_str().unwrap().to_owned())
}

/// Projects whose engine was started.
fn analysed(scenario: &Scenario) -> Vec<String> {
    let keys = ["api", "docs", "lint", "nested", "web"].into_iter();
    keys.filter(|key| given(scenario, key, "sonar.projectKey").is_some()).map(str::to_owned).collect()
}

/// How each project's record says that it ended.
fn outcomes(scenario: &Scenario) -> Vec<String> {
    let outcome = |index| {
        let key = scenario.record(index, "prepared.json")["projectKey"].as_str().unwrap().to_owned();
        let outcome = &scenario.record(index, "analyzed.json")["outcome"];
        let word = outcome.as_str().map(str::to_owned);
        let word = word.unwrap_or_else(|| outcome.as_object().unwrap().keys().next().unwrap().clone());
        format!("{key} {word}")
    };
    let mut all: Vec<_> = (0..scenario.records().len()).map(outcome).collect();
    all.sort();
    all
}

#[test]
fn a_monorepo_needs_one_of_each_step() {
    let mut scenario = scenario(SonarQube::start());
    scenario.job.write(
        "services/web/sonar-project.properties",
        "sonar.projectBaseDir=.\nsonar.sources=src\nsonar.projectKey=ignored\n",
    );
    let engine = engine(&scenario, "leave");
    let extra = format!("{engine}\nsonar.projectVersion=7\nsonar.exclusions=none");
    let step = prepare(&mut scenario, &[("extraProperties", &extra)]);
    step.succeeded().says("Analysing main as the main branch");
    step.says("Because the default branch is main (according to Azure Repos)");
    assert_eq!(step.log.iter().filter(|line| line.contains("as the main branch")).count(), 1);
    assert_eq!(scenario.job.azure.requests().len(), 1, "the default branch is asked for once");
    let names: BTreeSet<_> =
        step.set_variables().into_iter().map(|(name, _, secret)| (name, secret)).collect();
    assert_eq!(
        names.iter().filter(|(name, secret)| name.starts_with("SONAR_AZDO_TOKEN_") && *secret).count(),
        3
    );
    assert!(!names.iter().any(|(name, _)| name.ends_with("REPORTTASKFILE") || name.ends_with("PARAMS")));

    scenario.analyze().succeeded().says("Analysis of api");
    let sources = scenario.job.sources().display().to_string();
    for (key, directory) in [("api", "services/api"), ("web", "services/web"), ("docs", "docs")] {
        let base = format!("{sources}/{directory}");
        assert_eq!(given(&scenario, key, "sonar.projectBaseDir").as_deref(), Some(base.as_str()));
        let work = format!("{base}/.scannerwork");
        assert_eq!(given(&scenario, key, "sonar.working.directory").as_deref(), Some(work.as_str()));
        assert_eq!(given(&scenario, key, "sonar.projectVersion").as_deref(), Some("7"));
    }
    assert_eq!(given(&scenario, "api", "sonar.exclusions").as_deref(), Some("**/*_pb.py"), "the entry wins");
    assert_eq!(given(&scenario, "docs", "sonar.exclusions").as_deref(), Some("none"));
    assert_eq!(given(&scenario, "web", "sonar.sources").as_deref(), Some("src"), "of its settings file");
    assert_eq!(outcomes(&scenario), ["api succeeded", "docs succeeded", "web succeeded"]);
    assert!(scenario.analyze().sole_error().contains("all 3 that SonarPrepare prepared have already run"));

    scenario.sonarqube.processed("api", "api", gate("OK"));
    scenario.sonarqube.processed("web", "web", failed_gate());
    scenario.sonarqube.processed("docs", "docs", gate("OK"));
    scenario.publish(&[]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("failed"));
    let [(title, page)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
    assert_eq!(title, "SonarQube – 3 projects – failed");
    let table: Vec<_> = page.lines().filter(|line| line.starts_with("| [The ")).collect();
    assert_eq!(table.len(), 3, "{page}");
    for (line, (project, word)) in table.iter().zip([("web", "❌ failed"), ("api", "✅"), ("docs", "✅")])
    {
        assert!(line.contains(&format!("[The {project}]")) && line.contains(word), "{line}");
    }
}

#[test]
fn parallel_analyses_prefix_their_lines_and_keep_their_results() {
    let mut scenario = scenario(SonarQube::start());
    // Those two wait for each other: one after the other they would never end.
    let body = "echo \"$key began\"\ntouch \"$key.began\"\ncase $key in docs) ;; *)\n\
                while ! [ -e api.began ] || ! [ -e web.began ]; do sleep 0.05; done ;;\nesac\n\
                [ $key != web ] || { echo '##vso[task.complete]'; echo oops; exit 1; }\nleave";
    let engine = engine(&scenario, body);
    prepare(&mut scenario, &[("extraProperties", &engine), ("parallel", "2")]).succeeded();
    let step = scenario.analyze();
    step.ended(TaskResult::Failed).says("[api] api began").says("[web] web began").says("[docs] docs began");
    let cores = std::thread::available_parallelism().unwrap().get();
    step.says(&format!("on {} processors", (cores / 2).max(1)));
    insta::assert_snapshot!(step.errors.join("\n"), @"
    web: the analysis failed: the scanner engine ended with exit code 1 and gave no reason. The last lines:
    web began
    # #vso[task.complete]
    oops
    1 of 3 analyses failed: web
    ");
    assert_eq!(outcomes(&scenario), ["api succeeded", "docs succeeded", "web failed"]);
}

#[test]
fn a_failed_monorepo_project_stops_no_other_and_is_named_at_the_end() {
    let mut scenario = scenario(SonarQube::start());
    let failing =
        "[ $key = docs ] || { echo '{\"level\":\"ERROR\",\"message\":\"no '$key'\"}'; exit 2; }\nleave";
    let engine = engine(&scenario, failing);
    prepare(&mut scenario, &[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze();
    step.ended(TaskResult::Failed);
    insta::assert_snapshot!(step.errors.join("\n"), @"
    api: the analysis failed: no api
    web: the analysis failed: no web
    2 of 3 analyses failed: api, web
    ");
    assert_eq!(outcomes(&scenario), ["api failed", "docs succeeded", "web failed"]);
    scenario.sonarqube.processed("docs", "docs", gate("OK"));
    scenario.publish(&[]).ended(TaskResult::Failed);
    assert_eq!(scenario.gate_property().as_deref(), Some("analysis-failed"));
}

#[test]
fn cancelling_ends_all_parallel_analyses() {
    let mut scenario = scenario(SonarQube::start());
    let engine =
        engine(&scenario, "echo $$ >\"$key.pid\"\necho \"$key runs, says it\"\nwhile :; do sleep 0.1; done");
    prepare(&mut scenario, &[("extraProperties", &engine), ("parallel", "2")]).succeeded();
    let mut running = scenario.job.begin(Task::Analyze, &[]);
    let first = running.await_line("runs, says");
    let other = if first.contains("[api]") { "web runs, says" } else { "api runs, says" };
    running.await_line(other);
    running.signal(Signal::INT);
    running.finish().ended(TaskResult::Canceled);
    assert_eq!(outcomes(&scenario), ["api cancelled", "docs cancelled", "web cancelled"]);
    assert_eq!(analysed(&scenario), ["api", "web"], "nothing new is begun");
    for key in ["api", "web"] {
        let pid = std::fs::read_to_string(scenario.job.path("engine").join(format!("{key}.pid"))).unwrap();
        assert!(ends(pid.trim().parse().unwrap()), "{key}");
    }
}

/// A pull request into `main` in Azure Repos.
fn of_pull_request() -> (Scenario, String) {
    let mut scenario = scenario(SonarQube::with_branches());
    scenario.job.of_pull_request("TfsGit", "12", "refs/heads/fix", "refs/heads/main");
    scenario.job.azure.open_pull_request(12, "refs/heads/fix", "refs/heads/main", false);
    let built = clone(&scenario.job.sources());
    scenario.job.set("Build.SourceVersion", &built);
    let engine = engine(&scenario, "leave");
    (scenario, engine)
}

/// Makes a directory a clone of what is in it; returns the commit.
fn clone(directory: &Path) -> String {
    git(directory, &["init", "--quiet", "--initial-branch", "main"]);
    commit(directory, "all");
    git(directory, &["checkout", "--quiet", "--detach"]);
    git(directory, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    head(directory)
}

/// A task of the pull request.
fn processed(scenario: &Scenario, key: &str, status: &str) {
    scenario.sonarqube.processed(key, key, gate(status));
    let mut answer = task(key, key, "SUCCESS");
    answer["task"]["pullRequest"] = "12".into();
    scenario.sonarqube.processing(key, [answer]);
}

#[test]
fn a_pull_request_analyses_only_the_projects_it_touches() {
    let (mut scenario, engine) = of_pull_request();
    // More than two pages: the model has three changes on each.
    let readme = ("edit", "/README.md", None);
    scenario.job.azure.change_files(&[readme; 6]);
    scenario.job.azure.change_files(&[
        ("add", "/services/api-gateway/main.py", None),
        ("rename", "/tools/moved.py", Some("/services/web/moved.py")),
        ("edit", "/docs-of-others/index.md", None),
    ]);
    let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
    let step = prepare(&mut scenario, &inputs);
    step.succeeded()
        .says("changedOnly: 10 files of pull request 12 changed")
        .says("api is not analysed: nothing in services/api changed")
        .says("docs is not analysed: nothing in docs changed");
    assert!(step.warnings.is_empty(), "{}", step.transcript());
    let pages =
        scenario.job.azure.requests().iter().filter(|request| request.ends_with("/3/changes")).count();
    assert_eq!(pages, 3);

    let step = scenario.analyze();
    step.succeeded();
    assert!(step.warnings.is_empty(), "{}", step.transcript());
    assert_eq!(analysed(&scenario), ["web"]);
    assert_eq!(outcomes(&scenario), ["api skipped", "docs skipped", "web succeeded"]);

    processed(&scenario, "web", "OK");
    scenario.sonarqube.change(|model| {
        model.projects.insert(("api".into(), None, None), (SystemTime::now(), failed_gate()));
    });
    scenario.publish(&[]).ended(TaskResult::Succeeded);
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"), "a gate of before counts for nothing");
    // What is only shown spends no time of what counts.
    let asked = scenario.sonarqube.asked();
    let of_last = asked.iter().position(|asked| asked.query.contains_key("projectKey")).unwrap();
    let of_web = asked.iter().rposition(|asked| asked.query.contains_key("analysisId")).unwrap();
    let shown_of_web = asked.iter().position(|asked| asked.path.ends_with("/measures/component")).unwrap();
    assert!(of_web < of_last && shown_of_web < of_last, "{asked:?}");
    let [(title, page)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
    assert_eq!(title, "SonarQube – 3 projects – passed");
    let page = scenario.job.tidy(page);
    let lines: Vec<_> = page.lines().filter(|line| line.starts_with(['#', '|', '-'])).collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    ### ✅ Quality gate passed – 1 of 3 projects, 2 skipped
    | Project | Analysed | Quality gate |
    | :--- | :--- | :--- |
    | [The web](<server>/dashboard?id=web&pullRequest=12) | pull request 12 | ✅ passed |
    | docs | pull request 12 | ⏭️ skipped |
    | [The API](<server>/dashboard?id=api&branch=main) | pull request 12 | ⏭️ skipped (last known: branch main, failed) |
    #### ⏭️ Not analysed
    - docs: nothing in docs changed
    - The API: nothing in services/api changed
    ");
}

#[test]
fn a_deleted_file_touches_its_project_and_untouched_projects_are_skipped() {
    for (changes, expected, property) in [
        (&[("delete", "/services/api/old.py", None)][..], &["api"][..], "ok"),
        (&[("edit", "/docs/index.md", None), ("edit", "/services/web/a.py", None)], &["docs", "web"], "ok"),
        (&[("edit", "/build.gradle", None)], &[], "skipped"),
    ] {
        let (mut scenario, engine) = of_pull_request();
        scenario.job.azure.change_files(changes);
        let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
        prepare(&mut scenario, &inputs).succeeded();
        scenario.analyze().succeeded();
        assert_eq!(analysed(&scenario), expected);
        for key in expected {
            processed(&scenario, key, "OK");
        }
        scenario.publish(&[]).ended(TaskResult::Succeeded);
        assert_eq!(scenario.gate_property().as_deref(), Some(property));
    }
}

/// With several checkouts the agent leaves `Build.Repository.LocalPath` the folder above them.
#[test]
fn with_several_checkouts_the_change_belongs_to_one_repository() {
    let (mut scenario, engine) = of_pull_request();
    std::fs::remove_dir_all(scenario.job.sources().join(".git")).unwrap();
    for name in ["shop", "tools"] {
        for directory in ["api", "web"] {
            scenario.job.write(&format!("{name}/{directory}/main.py"), &format!("print('{name}')\n"));
        }
    }
    let built = clone(&scenario.job.sources().join("shop"));
    for (name, file) in [("tools", "web/more.py"), ("shop/vendor/lint", "rules/more.py")] {
        scenario.job.write(&format!("{name}/main.py"), "");
        let directory = scenario.job.sources().join(name);
        clone(&directory);
        scenario.job.write(&format!("{name}/{file}"), "");
        commit(&directory, "more");
    }
    scenario.job.set("Build.SourceVersion", &built);
    scenario.job.azure.change_files(&[("edit", "/api/main.py", None)]);
    let list = "
- {key: api, baseDir: shop/api}
- {key: web, baseDir: shop/web}
- {key: lint, baseDir: tools/web}
- {key: nested, baseDir: shop/vendor/lint/rules}";
    let inputs = [("monorepo", list), ("extraProperties", engine.as_str()), ("changedOnly", "true")];
    let step = scenario.prepare_as(&[&[("scannerMode", "cli")], &inputs[..]].concat());
    step.succeeded()
        .says("web is not analysed: nothing in shop/web changed")
        .says("changedOnly: 1 file of the branch against main changed")
        .warns("/tools is a clone of another repository than this build's")
        .warns("/shop/vendor/lint is a clone of another repository than this build's");
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "lint", "nested"]);
}

#[test]
fn a_second_repository_is_reported_and_queried_once() {
    let mut scenario = scenario(SonarQube::with_branches());
    scenario.job.set("System.Debug", "true");
    let sources = scenario.job.sources();
    clone(&sources);
    git(&sources, &["remote", "add", "origin", "http://127.0.0.1:9/shop"]);
    let step = prepare(&mut scenario, &[]);
    let asked = step.debug.iter().filter(|line| line.contains("ls-remote --symref")).count();
    assert_eq!(asked, 1, "{}", step.transcript());
    let told: Vec<_> =
        step.warnings.iter().filter(|warning| warning.contains("another repository")).collect();
    let [warning] = &told[..] else { panic!("{told:?}") };
    insta::assert_snapshot!(scenario.job.tidy(warning), @"<job>/s is a clone of another repository than this build's. Set the input branch to the branch that is checked out there");
}

#[test]
fn without_a_clone_every_project_is_analysed() {
    let (mut scenario, engine) = of_pull_request();
    std::fs::remove_dir_all(scenario.job.sources().join(".git")).unwrap();
    scenario.job.azure.change_files(&[("edit", "/docs/index.md", None)]);
    let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
    prepare(&mut scenario, &inputs).succeeded().warns("is not a git clone");
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "docs", "web"]);
}

#[test]
fn an_unknown_change_analyses_every_project() {
    let (mut scenario, engine) = of_pull_request();
    scenario.job.azure.forget_token(SignIn::Refuse);
    git(&scenario.job.sources(), &["update-ref", "-d", "refs/remotes/origin/main"]);
    let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
    let step = prepare(&mut scenario, &inputs);
    step.succeeded()
        .says("Azure Repos could not be asked for the files of pull request 12")
        .warns("changedOnly: every project is analysed, because what changed is not known");
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "docs", "web"]);
}

#[test]
fn the_main_branch_analyses_every_project() {
    let mut scenario = scenario(SonarQube::with_branches());
    let engine = engine(&scenario, "leave");
    let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
    prepare(&mut scenario, &inputs)
        .succeeded()
        .says("changedOnly: every project is analysed, because the main branch is being built");
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "docs", "web"]);
}

fn commit(directory: &Path, message: &str) {
    git(directory, &["add", "--all"]);
    let who = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"];
    git(directory, &[&who[..], &["commit", "--quiet", "--message", message]].concat());
}

/// Makes the sources a clone, its branch `fix` checked out, which changes `web` alone; `main` goes on without it.
fn check_out(scenario: &Scenario) {
    let (sources, origin) = (scenario.job.sources(), scenario.job.path("origin"));
    std::fs::create_dir(&origin).unwrap();
    git(&origin, &["init", "--quiet", "--bare", "--initial-branch", "main"]);
    git(&sources, &["init", "--quiet", "--initial-branch", "main"]);
    git(&sources, &["remote", "add", "origin", &format!("file://{}", origin.display())]);
    commit(&sources, "all");
    git(&sources, &["checkout", "--quiet", "-b", "fix"]);
    std::fs::rename(sources.join("services/web/main.py"), sources.join("services/web/ma\u{ef}n.py")).unwrap();
    commit(&sources, "web");
    git(&sources, &["checkout", "--quiet", "main"]);
    scenario.job.write("docs/more.py", "");
    commit(&sources, "docs");
    git(&sources, &["push", "--quiet", "origin", "main", "fix"]);
    git(&sources, &["checkout", "--quiet", "fix"]);
}

#[test]
fn git_finds_the_change_for_other_providers() {
    for (kind, source) in [("branch", "refs/heads/fix"), ("pull request", "refs/pull/12/merge")] {
        let mut scenario = scenario(SonarQube::with_branches());
        check_out(&scenario);
        if kind == "pull request" {
            scenario.job.of_pull_request("GitHub", "12", "fix", "main");
        }
        scenario.job.set("Build.Repository.Provider", "GitHub");
        scenario.job.set("Build.SourceBranch", source);
        let engine = engine(&scenario, "leave");
        let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true")];
        let step = prepare(&mut scenario, &inputs);
        step.succeeded().says("changedOnly: 2 files of the branch against main changed");
        scenario.analyze().succeeded();
        assert_eq!(analysed(&scenario), ["web"], "{kind}");
    }
}

#[test]
fn git_finds_the_change_of_a_pull_request_set_by_the_user() {
    let mut scenario = scenario(SonarQube::with_branches());
    check_out(&scenario);
    scenario.job.set("Build.SourceVersion", &head(&scenario.job.sources()));
    scenario.job.set("Build.SourceBranch", "refs/heads/fix");
    // Another one of Azure Repos, by chance.
    scenario.job.azure.open_pull_request(12, "refs/heads/other", "refs/heads/main", false);
    scenario.job.azure.change_files(&[("edit", "/docs/index.md", None)]);
    let own = "sonar.pullrequest.key=12\nsonar.pullrequest.branch=fix\nsonar.pullrequest.base=main";
    let extra = format!("{}\n{own}", engine(&scenario, "leave"));
    prepare(&mut scenario, &[("extraProperties", &extra), ("changedOnly", "true")]).succeeded();
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["web"]);
}

#[test]
fn a_project_with_its_own_branch_is_compared_separately() {
    let mut scenario = scenario(SonarQube::with_branches());
    check_out(&scenario);
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.job.set("Build.SourceBranch", "refs/heads/fix");
    let engine = engine(&scenario, "leave");
    let list = LIST.replace("    sonar.projectName", "    sonar.branch.name: x\n    sonar.projectName");
    let inputs = [("monorepo", list.as_str()), ("extraProperties", engine.as_str()), ("changedOnly", "true")];
    scenario.prepare_as(&[&[("scannerMode", "cli")], &inputs[..]].concat()).ended(TaskResult::Succeeded);
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "web"], "nobody knows what x is compared with");
}

#[test]
fn a_clone_without_the_common_ancestor_analyses_every_project() {
    let mut scenario = scenario(SonarQube::with_branches());
    check_out(&scenario);
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.job.set("Build.SourceBranch", "refs/heads/fix");
    let sources = scenario.job.sources();
    let head = git(&sources, &["rev-parse", "HEAD"]);
    std::fs::write(sources.join(".git/shallow"), format!("{head}\n")).unwrap();
    let engine = engine(&scenario, "leave");
    let inputs = [("extraProperties", engine.as_str()), ("changedOnly", "true"), ("unshallow", "off")];
    let step = prepare(&mut scenario, &inputs);
    step.succeeded().warns("(`fetchDepth: 0`)");
    scenario.analyze().succeeded();
    assert_eq!(analysed(&scenario), ["api", "docs", "web"]);
}

#[test]
fn monorepo_mistakes_are_errors_before_any_request() {
    let mut said = Vec::new();
    for (list, inputs) in [
        ("- {key: a, baseDir: nowhere}", &[][..]),
        ("- {key: a, baseDir: ../temp}", &[]),
        ("- {key: a, baseDir: docs}\n- {key: a, baseDir: services}", &[]),
        ("- key: a\n  baseDir: docs\n  properties:\n    sonar.sources: [a, b]\n", &[]),
        ("- {key: a, baseDir: docs}", &[("extraProperties", "sonar.projectName=All")]),
        ("- {key: a, baseDir: docs}", &[("scannerMode", "other")]),
        ("- {key: a, baseDir: docs}", &[("parallel", "many")]),
    ] {
        let mut scenario = scenario(SonarQube::start());
        let inputs: Vec<_> = [("monorepo", list)].into_iter().chain(inputs.iter().copied()).collect();
        let step = prepare(&mut scenario, &inputs);
        said.push(scenario.job.tidy(step.sole_error()));
        assert!(scenario.sonarqube.asked().is_empty() && scenario.records().is_empty());
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
    entry 1 of monorepo (a): the baseDir <job>/s/nowhere does not exist. Write a directory of the sources, relative to System.DefaultWorkingDirectory or projectBaseDir.
    entry 1 of monorepo (a): the baseDir ../temp is outside the sources. Write a directory in <job>/s.
    entry 1 and 2 of monorepo have the same key a. An entry is `{ key: <project>, baseDir: <folder>, properties: { <name>: <value> } }`.
    entry 1 of monorepo (line 1, a): the property sonar.sources is not text; separate the parts of a list by commas. An entry is `{ key: <project>, baseDir: <folder>, properties: { <name>: <value> } }`.
    sonar.projectName in extraProperties would be the same for every project of monorepo. Set it in the properties of each entry. For the key and the directory an entry has fields of its own.
    monorepo works with scannerMode cli, not with other. Set `scannerMode: cli`, or use a SonarPrepare task for each project.
    the input parallel is "many". Write the number of analyses that may run at the same time, such as 2.
    "#);
}

#[test]
fn two_projects_in_one_directory_have_separate_working_folders() {
    let mut scenario = scenario(SonarQube::start());
    std::os::unix::fs::symlink("services/web", scenario.job.sources().join("front")).unwrap();
    let engine = engine(&scenario, "leave");
    let list = "- {key: api, baseDir: services/web}\n- {key: web, baseDir: ./front/}\n";
    prepare(&mut scenario, &[("monorepo", list), ("extraProperties", &engine)]).succeeded();
    scenario.analyze().succeeded();
    let work = |key: &str| given(&scenario, key, "sonar.working.directory").unwrap();
    assert!(work("api").ends_with("/services/web/.scannerwork"), "{}", work("api"));
    assert!(work("web").ends_with("/services/web/.scannerwork-2"), "{}", work("web"));

    // Nor where all of them are given one.
    let shared = scenario.job.path("work").display().to_string();
    let list = "- {key: api, baseDir: services/api}\n- {key: web, baseDir: services/web}\n";
    let extra = format!("{engine}\nsonar.working.directory={shared}");
    prepare(&mut scenario, &[("monorepo", list), ("extraProperties", &extra)]).succeeded();
    scenario.analyze().succeeded();
    let work = |key: &str| given(&scenario, key, "sonar.working.directory").unwrap();
    assert_eq!((work("api"), work("web")), (shared.clone(), format!("{shared}-2")));
}
