//! Who can choose the commands that git runs, who gets the job's token from git, and which variables other programs get.

use crate::fake_agent::{Step, TaskResult};
use crate::fake_sonarqube::{Access, SonarQube};
use crate::git_host::{Door, GitHost, Origin, commits, git, head};
use crate::scenario::{self, Scenario};
use std::fmt::Write as _;
use std::path::Path;

/// A job whose sources are a clone of depth 1 of the repository in Azure Repos, a proxy of the attacker's, and a file that
/// each command of his leaves.
struct Attack {
    scenario: Scenario,
    proxy: GitHost,
    seen: std::path::PathBuf,
    _origin: Origin,
}

impl Attack {
    fn new() -> Self {
        let mut scenario = Scenario::new();
        let azure = &scenario.job.azure;
        let origin = Origin::new(&azure.repository().name);
        azure.host(origin.root().to_owned());
        origin.check_out(&scenario.job.sources(), "refs/heads/main", &["--depth=1"], &azure.clone_url());
        scenario.job.set("Build.SourceVersion", &head(&scenario.job.sources()));
        // With all that git says in the log.
        scenario.job.set("System.Debug", "true");
        let seen = scenario.job.path("seen");
        let proxy = GitHost::start(&origin, Door::Open);
        Self { scenario, proxy, seen, _origin: origin }
    }

    /// A configuration that has git run commands, and go by the proxy.
    fn configuration(&self) -> String {
        let run = format!("sh -c 'echo x >>{}'", self.seen.display());
        let (url, proxy) = (self.scenario.job.azure.clone_url(), self.proxy.url(""));
        let mut text = String::new();
        for (section, keys) in [
            (
                "core",
                vec![
                    "sshCommand",
                    "fsmonitor",
                    "pager",
                    "editor",
                    "askPass",
                    "gitProxy",
                    "alternateRefsCommand",
                ],
            ),
            ("diff", vec!["external"]),
            ("filter \"x\"", vec!["clean", "smudge", "process"]),
            ("remote \"origin\"", vec!["uploadpack"]),
        ] {
            writeln!(text, "[{section}]").unwrap();
            keys.iter().for_each(|key| writeln!(text, "\t{key} = {run}").unwrap());
        }
        let credential = format!(
            "[credential]\n\thelper = \"!{run};:\"\n[alias]\n\tfetch = !{run}\n\tls-remote = !{run}\n"
        );
        let routes = format!(
            "[http]\n\tproxy = {proxy}\n\tsslVerify = false\n[http \"{url}\"]\n\tproxy = {proxy}\n\
             [remote \"origin\"]\n\tproxy = {proxy}\n[url \"{proxy}\"]\n\tinsteadOf = {origin}/\n",
            origin = self.scenario.job.azure.origin()
        );
        text + &credential + &routes
    }

    fn prepare(&mut self, inputs: &[(&str, &str)]) -> Step {
        self.scenario.prepare(inputs)
    }

    /// Checks that nothing of the attacker ran, and that the attacker saw no request.
    fn assert_fended_off(&self, step: &Step) {
        assert!(!self.seen.exists(), "{}", step.transcript());
        let seen = self.proxy.authorizations();
        assert!(seen.is_empty(), "{seen:?}\n{}", step.transcript());
    }
}

/// Has `folder` look like a git directory with this configuration.
fn disguise(folder: &Path, configuration: &str, commit: &str) {
    for name in ["objects", "refs/heads"] {
        std::fs::create_dir_all(folder.join(name)).unwrap();
        std::fs::write(folder.join(name).join(".keep"), "").unwrap();
    }
    for (name, text) in [("HEAD", "ref: refs/heads/main\n"), ("config", configuration)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    for name in ["refs/heads/main", "shallow"] {
        std::fs::write(folder.join(name), format!("{commit}\n")).unwrap();
    }
}

#[test]
fn a_tracked_git_directory_cannot_choose_commands() {
    let mut attack = Attack::new();
    let sources = attack.scenario.job.sources();
    let folder = sources.join("lib");
    let configuration = format!(
        "[core]\n\tbare = false\n\tworktree = ..\n[remote \"origin\"]\n\turl = {}\n{}",
        attack.scenario.job.azure.clone_url(),
        attack.configuration()
    );
    disguise(&folder, &configuration, &head(&sources));
    let step = attack.prepare(&[("projectBaseDir", "lib"), ("extraProperties", "sonar.scm.disabled=true")]);
    step.ended(TaskResult::Succeeded);
    attack.assert_fended_off(&step);

    // The scanner would ask it what is new.
    std::fs::create_dir(folder.join("app")).unwrap();
    for directory in ["lib", "lib/app"] {
        let step = attack.prepare(&[("projectBaseDir", directory)]);
        step.ended(TaskResult::Failed);
        attack.assert_fended_off(&step);
        let error = step.sole_error();
        assert!(error.contains("/lib looks like a git directory"), "{error}");
    }
    // Above the folder of the clone there is none of the repository's.
    let step = attack.prepare(&[]);
    step.succeeded().says("The history is complete");
    attack.assert_fended_off(&step);
}

/// git's own search, as a scanner starts it in the analysed folder.
#[test]
fn a_scanners_git_does_not_take_a_tracked_folder_for_a_git_directory() {
    let mut scenario = Scenario::new();
    let lib = scenario.job.sources().join("lib");
    git(&scenario.job.sources(), &["init", "--quiet"]);
    disguise(&lib, "[core]\n\tbare = true\n", &"1".repeat(40));
    let engine = scenario.engine(&format!(
        "git rev-parse --git-dir >\"$(dirname \"$0\")/found\"\n{}",
        scenario.report("1", "shop")
    ));
    let extra = format!("{engine}\nsonar.scm.disabled=true");
    scenario.prepare(&[("projectBaseDir", "lib"), ("extraProperties", &extra)]).succeeded();
    scenario.analyze().succeeded();
    assert_eq!(scenario.noted("found"), "", "git refuses");
    assert_eq!(git(&lib, &["rev-parse", "--git-dir"]), ".", "which it does not by itself");
}

#[test]
fn git_configuration_left_by_an_earlier_build_is_ignored() {
    let mut attack = Attack::new();
    let sources = attack.scenario.job.sources();
    let file = sources.join(".git/config");
    let mut configuration = std::fs::read_to_string(&file).unwrap();
    configuration.push_str(&attack.configuration());
    // Half of it by a tracked file.
    std::fs::write(sources.join("tracked.config"), attack.configuration()).unwrap();
    configuration.push_str("[include]\n\tpath = ../tracked.config\n");
    std::fs::write(&file, configuration).unwrap();
    std::fs::write(sources.join(".gitattributes"), "* filter=x diff=x\n").unwrap();
    let hooks = sources.join(".git/hooks");
    std::fs::create_dir_all(&hooks).unwrap();
    scenario::program(
        &hooks.join("reference-transaction"),
        &format!("#!/bin/sh\necho hook >>'{}'\n", attack.seen.display()),
    );
    let step = attack.prepare(&[]);
    step.succeeded().says("The history is complete");
    attack.assert_fended_off(&step);
    assert_eq!(commits(&sources, "HEAD"), 4);
}

#[test]
fn git_files_in_the_users_home_get_no_token() {
    let mut attack = Attack::new();
    let home = attack.scenario.job.path("home");
    let trace = attack.scenario.job.path("trace");
    let tracing = format!("[trace2]\n\teventTarget = {}\n\tconfigParams = http.*\n", trace.display());
    std::fs::write(home.join(".gitconfig"), attack.configuration() + &tracing).unwrap();
    std::fs::write(home.join(".netrc"), "default login me password mine\n").unwrap();
    let step = attack.prepare(&[]);
    step.succeeded().says("The history is complete");
    attack.assert_fended_off(&step);
    assert!(!trace.exists());
}

#[test]
fn variables_of_the_job_do_not_reach_git() {
    let mut attack = Attack::new();
    let files = ["curl", "trace2", "packet"].map(|name| attack.scenario.job.path(name));
    let [curl, trace2, packet] = files.each_ref().map(|file| file.display().to_string());
    let proxy = attack.proxy.url("");
    let run = format!("sh -c 'echo x >>{}'", attack.seen.display());
    for (name, value) in [
        ("GIT_TRACE_CURL", curl.as_str()),
        ("GIT_TRACE_REDACT", "0"),
        ("GIT_TRACE2_EVENT", &trace2),
        ("GIT_TRACE2_CONFIG_PARAMS", "http.*"),
        ("GIT_TRACE_PACKET", &packet),
        ("GIT_CONFIG_COUNT", "2"),
        ("GIT_CONFIG_KEY_0", "http.proxy"),
        ("GIT_CONFIG_VALUE_0", &proxy),
        ("GIT_CONFIG_KEY_1", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_1", &run),
        ("GIT_SSH_COMMAND", &run),
        ("GIT_PROXY_COMMAND", &run),
        ("GIT_EXTERNAL_DIFF", &run),
        ("GIT_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/"),
        ("GIT_EXEC_PATH", "/nowhere"),
        ("GIT_ALLOW_PROTOCOL", "ext"),
        ("LD_PRELOAD", "/nowhere/x.so"),
    ] {
        attack.scenario.job.set(name, value);
    }
    let step = attack.prepare(&[]);
    step.succeeded().says("The history is complete");
    attack.assert_fended_off(&step);
    assert!(files.iter().all(|file| !file.exists()));
}

#[test]
fn an_old_git_never_gets_the_token() {
    let mut attack = Attack::new();
    let folder = attack.scenario.job.path("old");
    std::fs::create_dir(&folder).unwrap();
    let path = std::env::var("PATH").unwrap();
    let seen = attack.seen.display().to_string();
    scenario::program(
        &folder.join("git"),
        &format!(
            "#!/bin/sh\n[ \"$1\" = version ] && echo 'git version 2.30.9' && exit\nenv >>'{seen}'\nPATH='{path}'\nexec git \"$@\"\n"
        ),
    );
    attack.scenario.job.set("PATH", &format!("{}:{path}", folder.display()));
    let step = attack.prepare(&[]);
    step.ended(TaskResult::Succeeded).warns("Install git 2.31 or newer");
    let environment = std::fs::read_to_string(&attack.seen).unwrap();
    assert!(!environment.contains(&attack.scenario.job.azure.token()), "{environment}");
}

#[test]
fn a_password_in_the_url_of_origin_is_in_no_argument() {
    let origin = Origin::new("shop");
    let host = GitHost::start(&origin, Door::Locked("Basic bWU6dDBwLXMzY3JldA=="));
    let mut scenario = Scenario::new();
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.job.set("System.Debug", "true");
    let url = host.url("shop").replace("http://", "http://me:t0p-s3cret@");
    origin.check_out(&scenario.job.sources(), "refs/heads/main", &["--depth=1"], &url);
    let step = scenario.prepare(&[]);
    step.succeeded().says("The history is complete");
    assert!(!step.transcript().contains("t0p-s3cret"), "{}", step.transcript());
}

#[test]
fn an_include_in_the_clones_configuration_is_tolerated() {
    let mut attack = Attack::new();
    let sources = attack.scenario.job.sources();
    git(&sources, &["config", "include.path", "../.gitconfig"]);
    std::fs::write(sources.join(".gitconfig"), "[core]\n\tautocrlf = input\n").unwrap();
    attack.prepare(&[]).succeeded().says("The history is complete");
}

/// A pull request's build in a clone that is whole, for a server with branches.
fn of_pull_request(options: &[&str]) -> (Scenario, Origin) {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    let azure = &scenario.job.azure;
    let origin = Origin::new(&azure.repository().name);
    azure.host(origin.root().to_owned());
    origin.check_out(&scenario.job.sources(), "refs/pull/7/merge", options, &azure.clone_url());
    scenario.job.set("Build.SourceVersion", &head(&scenario.job.sources()));
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
    (scenario, origin)
}

fn sent(scenario: &Scenario, key: &str) -> Option<String> {
    let prepared = scenario.record(scenario.records().len() - 1, "prepared.json");
    Some(prepared["properties"][key].as_str()?.to_owned())
}

#[test]
fn a_pull_requests_base_may_be_a_full_reference() {
    let (mut scenario, origin) = of_pull_request(&[]);
    let own = "sonar.pullrequest.key=7\nsonar.pullrequest.branch=refs/heads/feature\nsonar.pullrequest.base=refs/heads/main";
    scenario.prepare(&[("extraProperties", own)]).succeeded();
    assert_eq!(sent(&scenario, "sonar.pullrequest.base").as_deref(), Some("main"));
    assert_eq!(sent(&scenario, "sonar.pullrequest.branch").as_deref(), Some("feature"));
    assert_eq!(git(&scenario.job.sources(), &["rev-parse", "origin/main"]), origin.commit_of("main"));
    assert_eq!(scenario.record(0, "prepared.json")["target"]["pullRequest"]["base"], "main");

    // Only the one, above what the build says.
    let (mut scenario, _origin) = of_pull_request(&[]);
    scenario.prepare(&[("extraProperties", "sonar.pullrequest.base=refs/heads/main")]).succeeded();
    assert_eq!(sent(&scenario, "sonar.pullrequest.base").as_deref(), Some("main"));

    // In the settings file.
    let (mut scenario, _origin) = of_pull_request(&[]);
    scenario.job.write("sonar-project.properties", &format!("sonar.projectKey=shop\n{own}\n"));
    scenario.prepare(&[("configMode", "file")]).succeeded();
    assert_eq!(sent(&scenario, "sonar.pullrequest.base").as_deref(), Some("main"));
}

#[test]
fn origin_main_as_pull_request_base_means_main() {
    let (mut scenario, origin) = of_pull_request(&[]);
    let step = scenario.prepare(&[("extraProperties", "sonar.pullrequest.base=origin/main")]);
    step.succeeded();
    assert!(step.warnings.is_empty(), "{}", step.transcript());
    assert_eq!(sent(&scenario, "sonar.pullrequest.base").as_deref(), Some("origin/main"));
    assert_eq!(git(&scenario.job.sources(), &["rev-parse", "origin/main"]), origin.commit_of("main"));
}

#[test]
fn a_pull_request_target_that_is_not_in_the_clone_is_an_error() {
    for (inputs, reason) in [
        ([("unshallow", "auto"), ("extraProperties", "sonar.pullrequest.base=gone")], "git fetch failed"),
        ([("unshallow", "off"), ("extraProperties", "")], "main. Without it"),
    ] {
        let (mut scenario, _origin) = of_pull_request(&[]);
        let step = scenario.prepare(&inputs);
        step.ended(TaskResult::Failed);
        let error = step.sole_error();
        assert!(error.contains("does not have the pull request's target branch"), "{error}");
        assert!(error.contains(reason) && error.contains("the quality gate passes"), "{error}");
    }
    // All lines of a shallow clone count as new: that is no false pass.
    let (mut scenario, _origin) = of_pull_request(&["--depth=1"]);
    scenario.prepare(&[("unshallow", "off")]).succeeded();
    // Where git does not tell what is new, nothing is missing.
    let (mut scenario, _origin) = of_pull_request(&[]);
    scenario.prepare(&[("unshallow", "off"), ("extraProperties", "sonar.scm.disabled=true")]).succeeded();
}

#[test]
fn a_reference_that_an_earlier_build_left_is_not_compared_with() {
    let build = |reference: &str, target: &str| {
        let (mut scenario, origin) = of_pull_request(&[]);
        let sources = scenario.job.sources();
        git(&sources, &["fetch", "--quiet", &origin.file_url(), "+refs/heads/*:refs/remotes/origin/*"]);
        let file = sources.join(".git").join(reference);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let target = if target == "HEAD" { "ref: HEAD".to_owned() } else { origin.commit_of(target) };
        std::fs::write(&file, format!("{target}\n")).unwrap();
        let step = scenario.prepare(&[]);
        let compared = git(&sources, &["rev-parse", "refs/remotes/origin/main"]);
        (step, std::fs::read_to_string(&file).unwrap(), compared == origin.commit_of("main"))
    };
    for target in ["HEAD", "refs/pull/7/merge", "feature"] {
        let (step, ..) = build("refs/heads/main", target);
        step.ended(TaskResult::Failed);
        let error = step.sole_error();
        assert!(error.starts_with("the reference refs/heads/main of the clone contains commits"), "{error}");
    }
    let (step, file, is_origins) = build("refs/remotes/origin/main", "HEAD");
    step.succeeded();
    assert!(is_origins && !file.starts_with("ref:"), "it is fetched: {file}");
    // Of an older checkout: more counts as new, not less.
    let (step, ..) = build("refs/heads/main", "main~1");
    step.succeeded();
}

#[test]
fn an_incomplete_pull_request_is_an_error_before_the_build() {
    for (own, expected) in [
        ("sonar.pullrequest.key=7", "sonar.pullrequest.key is set without sonar.pullrequest.branch"),
        (
            "sonar.pullrequest.key=7\nsonar.pullrequest.branch=a\nsonar.branch.name=b",
            "sonar.pullrequest.key and sonar.branch.name are both set",
        ),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        let step = scenario.prepare(&[("extraProperties", own)]);
        step.ended(TaskResult::Failed);
        assert!(step.sole_error().contains(expected), "{}", step.transcript());
    }
}

#[test]
fn a_pull_request_as_first_analysis_of_a_project_is_an_error() {
    let (mut scenario, _origin) = of_pull_request(&[]);
    scenario.sonarqube.change(|model| model.access = Access::MayCreate);
    let step = scenario.prepare(&[]);
    step.ended(TaskResult::Failed);
    insta::assert_snapshot!(step.sole_error(), @"the project shop does not exist in SonarQube yet, and its first analysis cannot be that of a pull request. Run this pipeline for the main branch first, which creates the project. Then run it for the pull request again.");

    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.sonarqube.change(|model| model.access = Access::MayCreate);
    scenario
        .prepare(&[])
        .succeeded()
        .says("The project shop does not exist yet; its first analysis creates it");
}

#[test]
fn branch_off_in_a_pull_request_names_the_main_branch() {
    for mode in ["cli", "other"] {
        let (mut scenario, _origin) = of_pull_request(&[]);
        scenario.sonarqube.change(|model| model.main_branch = "trunk".into());
        // In mode other the scanner reads the token in a plain variable.
        scenario.job.allow_leaks();
        let extra = ("extraProperties", "sonar.projectKey=shop");
        let step = scenario.prepare(&[("scannerMode", mode), ("branch", "off"), extra]);
        step.succeeded();
        assert_eq!(sent(&scenario, "sonar.branch.name").as_deref(), Some("trunk"), "{}", step.transcript());
        assert_eq!(sent(&scenario, "sonar.pullrequest.key"), None);
        if mode == "other" {
            let (parameters, _) = scenario.job.variable("SONARQUBE_SCANNER_PARAMS").unwrap();
            assert!(parameters.contains(r#""sonar.branch.name":"trunk""#), "{parameters}");
        }
    }
    // SonarQube Community Build knows no such parameter.
    let (mut scenario, _origin) = of_pull_request(&[]);
    scenario.sonarqube.change(|model| model.features.clear());
    scenario.prepare(&[("branch", "off")]).succeeded();
    assert_eq!(sent(&scenario, "sonar.branch.name"), None);
}

#[test]
fn secrets_of_the_job_do_not_reach_the_scanner() {
    let mut scenario = Scenario::new();
    for name in ["AWS_SECRET_ACCESS_KEY", "NPM_TOKEN", "IAR_HOME", "JAVA_TOOL_OPTIONS"] {
        scenario.job.set(name, &format!("-Dof={name}"));
    }
    let engine = scenario.engine(&scenario.report("1", "shop"));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    scenario.analyze_with(&[("passEnvironment", "IAR_*")]).succeeded();
    let environment = scenario.noted("environment");
    let has = |name: &str| environment.lines().any(|line| line.starts_with(&format!("{name}=")));
    assert!(!has("AWS_SECRET_ACCESS_KEY") && !has("NPM_TOKEN"), "{environment}");
    for passed in ["IAR_HOME", "JAVA_TOOL_OPTIONS", "PATH", "HOME", "LANG", "TF_BUILD", "BUILD_SOURCEVERSION"]
    {
        assert!(has(passed), "{passed}: {environment}");
    }
    let mut scenario = Scenario::new();
    let engine = scenario.engine(&scenario.report("1", "shop"));
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let step = scenario.analyze_with(&[("passEnvironment", "SYSTEM_ACCESSTOKEN")]);
    step.ended(TaskResult::Failed);
    assert!(step.sole_error().contains("passEnvironment names SYSTEM_ACCESSTOKEN"), "{}", step.transcript());
}
