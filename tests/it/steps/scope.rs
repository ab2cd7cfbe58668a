//! What is analysed: the main branch, a branch or a pull request, by provider and by the features of the server.

use crate::fake_agent::TaskResult;
use crate::fake_azure_devops::{AzureDevOps, SignIn};
use crate::fake_sonarqube::{Access, SonarQube, gate};
use crate::git_host::{Door, GitHost, git, head};
use crate::scenario::Scenario;
use serde_json::{Value, json};

/// The branch and pull request parameters of the analysis that was prepared.
fn scope(scenario: &Scenario) -> String {
    let record = scenario.record(0, "prepared.json");
    let properties = record["properties"].as_object().unwrap().iter();
    let of_scope =
        properties.filter(|(key, _)| *key == "sonar.branch.name" || key.starts_with("sonar.pullrequest"));
    let lines: Vec<_> = of_scope.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
    scenario.job.tidy(&lines.join("\n"))
}

#[test]
fn pull_request_parameters_follow_the_provider() {
    let told = |provider: &str, number: Option<&str>| {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.of_pull_request(provider, "1042", "refs/heads/feature/a b", "refs/heads/main");
        scenario.job.set("Build.Repository.Name", "contoso/shop");
        if let Some(number) = number {
            scenario.job.set("System.PullRequest.PullRequestNumber", number);
        }
        let step = scenario.prepare(&[]);
        step.succeeded();
        assert!(scenario.job.azure.requests().is_empty(), "a pull request needs no default branch");
        let scanner_parameters: Value =
            serde_json::from_str(step.variable("SONARQUBE_SCANNER_PARAMS")).unwrap();
        assert_eq!(scanner_parameters["sonar.pullrequest.branch"], "feature/a b");
        scope(&scenario)
    };
    insta::assert_snapshot!(told("TfsGit", None), @"
    sonar.pullrequest.base=main
    sonar.pullrequest.branch=feature/a b
    sonar.pullrequest.key=1042
    sonar.pullrequest.vsts.instanceUrl=<azure>/contoso/
    sonar.pullrequest.vsts.project=My Shop
    sonar.pullrequest.vsts.repository=contoso/shop
    ");
    insta::assert_snapshot!(told("GitHub", Some("7")), @"
    sonar.pullrequest.base=main
    sonar.pullrequest.branch=feature/a b
    sonar.pullrequest.github.repository=contoso/shop
    sonar.pullrequest.key=7
    sonar.pullrequest.provider=github
    ");
    insta::assert_snapshot!(told("GitHubEnterprise", Some("8")), @"
    sonar.pullrequest.base=main
    sonar.pullrequest.branch=feature/a b
    sonar.pullrequest.github.repository=contoso/shop
    sonar.pullrequest.key=8
    sonar.pullrequest.provider=github
    ");
    insta::assert_snapshot!(told("Bitbucket", None), @"
    sonar.pullrequest.base=main
    sonar.pullrequest.branch=feature/a b
    sonar.pullrequest.key=1042
    sonar.pullrequest.provider=bitbucketcloud
    ");
}

#[test]
fn the_git_api_tells_a_branch_from_the_default_branch() {
    for (default, branch, expected) in [
        (Some("refs/heads/main"), "refs/heads/main", ""),
        (Some("refs/heads/trunk"), "refs/heads/trunk", ""),
        (Some("refs/heads/trunk"), "refs/heads/main", "sonar.branch.name=main"),
        (Some("refs/heads/main"), "refs/heads/release/2.0", "sonar.branch.name=release/2.0"),
        // An empty repository has none: SonarQube's main branch counts.
        (None, "refs/heads/main", ""),
        (None, "refs/heads/x", "sonar.branch.name=x"),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.azure.set_default_branch(default);
        scenario.job.set("Build.SourceBranch", branch);
        scenario.prepare(&[]).succeeded();
        assert_eq!(scope(&scenario), expected, "{default:?} {branch}");
        let (project, repository) = (scenario.job.azure.project().id, scenario.job.azure.repository().id);
        let expected = format!("GET /contoso/{project}/_apis/git/repositories/{repository}");
        assert_eq!(scenario.job.azure.requests(), [expected]);
    }
}

#[test]
fn collections_may_lie_below_a_path_and_have_spaces() {
    let mut scenario =
        Scenario::within(AzureDevOps::at("tfs/Default Collection"), SonarQube::with_branches());
    scenario.job.azure.set_default_branch(Some("refs/heads/trunk"));
    scenario.job.unset("System.TeamProjectId");
    scenario.job.unset("Build.Repository.ID");
    scenario.prepare(&[]).succeeded();
    let expected = "GET /tfs/Default Collection/My Shop/_apis/git/repositories/shop api";
    assert_eq!(scenario.job.azure.requests(), [expected]);
    assert_eq!(scope(&scenario), "sonar.branch.name=main");
}

#[test]
fn sonarqube_tells_the_main_branch_for_other_providers() {
    for (provider, branch, expected) in [
        ("GitHub", "refs/heads/main", ""),
        ("GitHub", "refs/heads/feature", "sonar.branch.name=feature"),
        ("Git", "refs/heads/master", "sonar.branch.name=master"),
        ("TfsVersionControl", "$/shop/main", ""),
        ("Svn", "trunk", ""),
        ("Svn", "branches/2.0", "sonar.branch.name=2.0"),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.Repository.Provider", provider);
        scenario.job.set("Build.SourceBranch", branch);
        scenario.prepare(&[]).succeeded();
        assert_eq!(scope(&scenario), expected, "{provider} {branch}");
        let asked = usize::from(branch.starts_with("refs/"));
        assert_eq!(
            scenario.sonarqube.times_asked("/api/project_branches/list"),
            asked,
            "{provider} {branch}"
        );
        assert!(scenario.job.azure.requests().is_empty());
    }
}

#[test]
fn the_built_branch_is_the_main_branch_of_a_new_project() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.sonarqube.change(|model| model.access = Access::MayCreate);
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.job.set("Build.SourceBranch", "refs/heads/develop");
    scenario.prepare(&[]).succeeded().says("its first analysis creates it");
    assert_eq!(scope(&scenario), "");
}

#[test]
fn sonarqube_tells_the_main_branch_if_azure_devops_does_not() {
    for sign_in in [SignIn::Refuse, SignIn::Redirect, SignIn::Page] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.azure.forget_token(sign_in);
        scenario.job.set("Build.SourceBranch", "refs/heads/feature");
        let step = scenario.prepare(&[]);
        step.succeeded()
            .says("Azure Repos could not be asked for the default branch")
            .says("does not accept the job's access token");
        assert!(step.warnings.is_empty(), "{:?}", step.warnings);
        assert_eq!(scope(&scenario), "sonar.branch.name=feature");
        assert!(!scenario.job.azure.is_stranger_asked(), "{sign_in:?}");
    }
}

#[test]
fn a_branch_set_by_the_user_counts() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/a", "refs/heads/main");
    scenario
        .prepare(&[("extraProperties", "sonar.branch.name=mine")])
        .succeeded()
        .says("Analysing the branch mine")
        .says("Because sonar.branch.name is set in extraProperties")
        .says("To analyse something else, change or remove this property");
    assert_eq!(scope(&scenario), "sonar.branch.name=mine");
    // A detail is changed, and the rest stays.
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.of_pull_request("Bitbucket", "7", "a", "main");
    scenario
        .prepare(&[("extraProperties", "sonar.pullrequest.base=develop")])
        .succeeded()
        .says("Analysing pull request 7, from a into main")
        .says("sonar.pullrequest.base is develop, because extraProperties says so");
    assert!(scope(&scenario).starts_with("sonar.pullrequest.base=develop\nsonar.pullrequest.branch=a\n"));
}

#[test]
fn a_trusted_settings_file_counts_until_an_input_says_otherwise() {
    let prepared = |inputs: &[(&str, &str)], settings: &str| {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.SourceBranch", "refs/heads/feature");
        scenario.job.write("sonar-project.properties", &format!("sonar.projectKey=shop\n{settings}"));
        let mut all = vec![("scannerMode", "cli"), ("configMode", "file"), ("trustSettingsFile", "true")];
        all.extend(inputs);
        let step = scenario.prepare_as(&all);
        step.succeeded();
        (scope(&scenario), step)
    };
    let (sent, step) = prepared(&[], "sonar.branch.name=mine");
    assert_eq!(sent, "sonar.branch.name=mine");
    step.says("Because sonar.branch.name is set in the settings file");
    let pull_request = "sonar.pullrequest.key=9\nsonar.pullrequest.branch=x\nsonar.pullrequest.base=main";
    let (sent, step) = prepared(&[("branch", "feature")], pull_request);
    assert_eq!(
        sent,
        "sonar.branch.name=feature\nsonar.pullrequest.base=\nsonar.pullrequest.branch=\nsonar.pullrequest.key="
    );
    step.warns("sonar.pullrequest.key in the settings file is ignored");
    let (sent, _) = prepared(&[("branch", "off")], "sonar.branch.name=mine");
    assert_eq!(sent, "sonar.branch.name=");
    let (sent, _) = prepared(&[("extraProperties", "sonar.branch.name=other")], pull_request);
    assert_eq!(
        sent,
        "sonar.branch.name=other\nsonar.pullrequest.base=\nsonar.pullrequest.branch=\nsonar.pullrequest.key="
    );
}

#[test]
fn a_pull_request_queued_by_its_reference_is_looked_up() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.set("Build.SourceBranch", "refs/pull/7/merge");
    scenario.job.azure.open_pull_request(7, "refs/heads/feature/x", "refs/heads/main", false);
    scenario.prepare(&[]).succeeded().says("Analysing pull request 7, from feature/x into main");
    assert!(scope(&scenario).contains("sonar.pullrequest.key=7"));

    // Only Azure Repos can answer, and only about existing pull requests.
    for (provider, number) in [("TfsGit", "8"), ("GitHub", "7")] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.azure.open_pull_request(7, "refs/heads/feature/x", "refs/heads/main", false);
        scenario.job.set("Build.Repository.Provider", provider);
        scenario.job.set("Build.SourceBranch", &format!("refs/pull/{number}/merge"));
        scenario.prepare(&[]).succeeded().warns("its branches are not known");
        assert_eq!(scope(&scenario), "");
        assert_eq!(scenario.record(0, "prepared.json")["properties"]["sonar.scanner.skip"], "true");
    }
}

#[test]
fn the_clone_tells_the_default_branch_if_azure_repos_cannot() {
    let git = |directory: &std::path::Path, arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(directory).args(["-c", "user.name=ada", "-c", "user.email=ada@contoso.example"]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    // Reachable or not, and with what a clone by hand remembers of its remote or without it, as agents make them.
    for (reachable, remembers, branch, source) in [
        (true, false, "trunk", "according to the remote origin"),
        (true, false, "main", "according to the remote origin"),
        (false, true, "main", "according to origin/HEAD of the clone"),
        (false, false, "main", "SonarQube's main branch"),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        let (remote, sources) = (scenario.job.path("remote"), scenario.job.sources());
        std::fs::create_dir(&remote).unwrap();
        git(&remote, &["init", "--quiet", "--initial-branch=trunk"]);
        git(&remote, &["commit", "--quiet", "--allow-empty", "--message=Start"]);
        git(&sources, &["clone", "--quiet", remote.to_str().unwrap(), "."]);
        let host = GitHost::serving(&scenario.job.path(""), Door::Open);
        git(&sources, &["remote", "set-url", "origin", &host.url("remote/.git")]);
        if !remembers {
            git(&sources, &["symbolic-ref", "--delete", "refs/remotes/origin/HEAD"]);
        }
        if !reachable {
            std::fs::remove_dir_all(&remote).unwrap();
        }
        scenario.job.set("Build.Repository.Provider", "Git");
        scenario.job.set("Build.SourceVersion", &head(&sources));
        scenario.job.set("Build.SourceBranch", &format!("refs/heads/{branch}"));
        let step = scenario.prepare(&[]);
        step.succeeded().says(source);
        let default = if source.starts_with("according") { "trunk" } else { "main" };
        let expected = if branch == default { String::new() } else { format!("sonar.branch.name={branch}") };
        assert_eq!(scope(&scenario), expected, "{source}");
        // The model calls the project's main branch main.
        assert_eq!(step.warnings.len(), usize::from(default == "trunk"), "{:?}", step.warnings);
        scenario
            .prepare(&[("defaultBranch", "refs/heads/develop")])
            .succeeded()
            .says("develop (according to the input");
    }
}

#[test]
fn a_differently_named_main_branch_says_what_to_rename() {
    let told = |branch: &str| {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.sonarqube.change(|model| model.main_branch = "master".into());
        scenario.job.set("Build.SourceBranch", branch);
        let step = scenario.prepare(&[]);
        step.succeeded();
        step.warnings.join("\n")
    };
    insta::assert_snapshot!(told("refs/heads/main"), @"The default branch is main (according to Azure Repos), and SonarQube calls the project's main branch master. Rename SonarQube's main branch to main: the project's page Branches & Pull Requests, in SonarQube");
    insta::assert_snapshot!(told("refs/heads/master"), @"The default branch is main (according to Azure Repos), and SonarQube calls the project's main branch master. So the analysis of the branch master goes into the history of main. Rename SonarQube's main branch to main: the project's page Branches & Pull Requests, in SonarQube");
    assert_eq!(told("refs/pull/7/merge").matches("master").count(), 0);
}

#[test]
fn a_tag_can_be_the_version_of_the_main_branch_or_a_branch() {
    let prepared = |inputs: &[(&str, &str)]| {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.SourceBranch", "refs/tags/v1.2.0");
        // In mode other the token is where its scanners read it.
        scenario.job.allow_leaks();
        scenario.job.write("own.properties", "sonar.projectKey=shop\nsonar.projectVersion=7");
        scenario.prepare(inputs).succeeded();
        assert!(scenario.job.azure.requests().is_empty(), "nobody needs to be asked");
        let record = scenario.record(0, "prepared.json");
        let property = |key: &str| record["properties"][key].as_str().unwrap_or("-").to_owned();
        format!("{} {}", property("sonar.branch.name"), property("sonar.projectVersion"))
    };
    assert_eq!(prepared(&[("tags", "main")]), "- v1.2.0");
    assert_eq!(prepared(&[("tags", "main"), ("cliProjectVersion", "2.5")]), "- 2.5");
    assert_eq!(prepared(&[("tags", "main"), ("extraProperties", "sonar.projectVersion=3")]), "- 3");
    assert_eq!(
        prepared(&[("tags", "main"), ("configMode", "file"), ("configFile", "own.properties")]),
        "- -"
    );
    assert_eq!(prepared(&[("tags", "main"), ("scannerMode", "other")]), "- -");
    assert_eq!(prepared(&[("tags", "branch")]), "v1.2.0 1.0");
}

#[test]
fn on_unsupported_branch_may_fail_or_analyse_the_main_branch() {
    let mut scenario = Scenario::new();
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
    let step = scenario.prepare(&[("onUnsupportedBranch", "fail")]);
    insta::assert_snapshot!(step.sole_error(), @"SonarQube Community Build does not analyse pull requests, and pull request 7 is being built. Give the three steps a condition, set onUnsupportedBranch to skip or main, or use an edition that analyses branches (Developer Edition and higher).");
    assert!(scenario.records().is_empty());
    scenario
        .prepare(&[("onUnsupportedBranch", "main")])
        .succeeded()
        .says("Analysing the main branch")
        .says("and pull request 7 is being built, and onUnsupportedBranch is main");
    assert_eq!(scope(&scenario), "");

    let mut scenario = Scenario::with(SonarQube::with_branches());
    let step = scenario.prepare(&[("branch", &"x".repeat(256))]);
    assert!(
        step.sole_error().contains("has 256 characters, and SonarQube accepts at most 255"),
        "{}",
        step.transcript()
    );
}

/// With several checkouts the agent leaves `Build.Repository.LocalPath` the folder above them.
#[test]
fn sources_of_another_repository_tell_their_own_default_branch() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.write("docs/index.md", "");
    let sources = scenario.job.sources();
    let beside = scenario.job.path("beside");
    let nested = sources.join("shop api/vendor/lint");
    let host = GitHost::serving(&scenario.job.path(""), Door::Open);
    for directory in [&sources.join("shop api"), &sources.join("tools"), &nested, &beside] {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join("main.py"), directory.display().to_string()).unwrap();
        git(directory, &["init", "--quiet", "--initial-branch=trunk"]);
        git(directory, &["add", "--all"]);
        let who = ["-c", "user.name=Ada", "-c", "user.email=ada@contoso.example"];
        git(directory, &[&who[..], &["commit", "--quiet", "--message=Start"]].concat());
        let below = directory.strip_prefix(scenario.job.path("")).unwrap().display().to_string();
        let url = format!("{}/.git", host.url(&below)).replace(' ', "%20");
        git(directory, &["remote", "add", "origin", &url]);
    }
    let tools = sources.join("tools");
    // As git leaves a submodule: it belongs to the commit that is built.
    scenario.job.write("shop api/lib/main.py", "");
    scenario.job.write("shop api/lib/.git", "gitdir: ../.git/modules/lib\n");
    scenario.job.set("Build.SourceVersion", &head(&sources.join("shop api")));
    let places =
        [(".", false), ("docs", false), ("shop api", false), ("shop api/lib", false), ("tools", true)];
    let outside = [(nested.to_str().unwrap(), true), (beside.to_str().unwrap(), true)];
    for (directory, warned) in places.into_iter().chain(outside) {
        let step = scenario.prepare(&[("projectBaseDir", directory)]);
        step.succeeded();
        let is_told = step.warnings.iter().any(|warning| warning.contains("of another repository"));
        assert_eq!(is_told, warned, "{directory}: {:?}", step.warnings);
    }
    let asked = scenario.job.azure.requests().len();
    for directory in ["tools", beside.to_str().unwrap()] {
        let step = scenario.prepare(&[("projectBaseDir", directory), ("branch", "trunk")]);
        step.succeeded().says("Because the default branch is trunk (according to the remote origin)");
    }
    assert_eq!(scenario.job.azure.requests().len(), asked, "Azure Repos would tell of shop api");

    scenario.job.write("tools/own.properties", "sonar.projectKey=shop\nsonar.projectBaseDir=tools\n");
    let step = scenario.prepare(&[("configMode", "file"), ("configFile", "tools/own.properties")]);
    step.ended(TaskResult::Succeeded).warns("/tools is a clone of another repository than this build's");

    // A clone that the agent itself lives in is none of the job's.
    let binaries = beside.join("agent/b");
    std::fs::create_dir_all(&binaries).unwrap();
    let workspace = scenario.job.path("");
    for (workspace, warned) in [(workspace.clone(), true), (beside.join("agent"), false), (workspace, true)] {
        scenario.job.set("Pipeline.Workspace", workspace.to_str().unwrap());
        let step = scenario.prepare(&[("projectBaseDir", binaries.to_str().unwrap())]);
        assert_eq!(step.succeeded().warnings.iter().any(|w| w.contains("of another repository")), warned);
    }

    // What is not analysed needs no branch.
    let mut skipped = Scenario::new();
    skipped.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
    let step = skipped.prepare(&[("projectBaseDir", tools.to_str().unwrap())]);
    let [warning] = &step.warnings[..] else { panic!("{:?}", step.warnings) };
    assert!(warning.contains("SonarQube Community Build does not analyse pull requests"), "{warning}");

    // As of a pull request whose merge was made anew before the checkout.
    let origin = "https://dev.azure.com/contoso/shop/_git/tools";
    scenario.job.set("Build.Repository.Uri", origin);
    git(&tools, &["remote", "set-url", "origin", &origin.replace("//", "//contoso@")]);
    let step =
        scenario.prepare(&[("projectBaseDir", "tools"), ("unshallow", "off"), ("defaultBranch", "main")]);
    assert!(
        !step.warnings.iter().any(|warning| warning.contains("another repository")),
        "{:?}",
        step.warnings
    );
    git(&tools, &["remote", "set-url", "origin", "."]);

    // A commit of the pipeline's own, on top of what is built, makes it no other repository.
    scenario.job.set("Build.SourceVersion", &head(&tools));
    git(
        &tools,
        &["-c", "user.name=B", "-c", "user.email=b@x", "commit", "--quiet", "--allow-empty", "-m", "x"],
    );
    let step = scenario.prepare(&[("projectBaseDir", "tools")]);
    assert!(
        !step.warnings.iter().any(|warning| warning.contains("another repository")),
        "{:?}",
        step.warnings
    );
}

/// What the engine is given, and what SonarPublish asks a server with branches.
#[test]
fn branches_and_pull_requests_run_through_all_steps() {
    for (kind, parameters) in [
        ("branch", vec![("sonar.branch.name", "feature/a b")]),
        (
            "pull request",
            vec![
                ("sonar.pullrequest.base", "main"),
                ("sonar.pullrequest.branch", "feature/a b"),
                ("sonar.pullrequest.github.repository", "shop api"),
                ("sonar.pullrequest.key", "7"),
                ("sonar.pullrequest.provider", "github"),
            ],
        ),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        let asked = if kind == "branch" {
            scenario.job.set("Build.SourceBranch", "refs/heads/feature/a b");
            ("branch", "feature/a b")
        } else {
            scenario.job.of_pull_request("GitHub", "1042", "feature/a b", "main");
            scenario.job.set("System.PullRequest.PullRequestNumber", "7");
            ("pullRequest", "7")
        };
        let link = if kind == "branch" { "&branch=feature%2Fa+b" } else { "&pullRequest=7" };
        let report =
            scenario.report("1", "shop").replace("dashboard?id=shop", &format!("dashboard?id=shop{link}"));
        let engine = scenario.engine(&report);
        scenario.prepare(&[("extraProperties", &engine)]).succeeded();
        scenario.analyze().succeeded();
        let given = scenario.engine_properties();
        let given: Vec<_> = given
            .iter()
            .filter(|(key, _)| key.starts_with("sonar.branch") || key.starts_with("sonar.pullrequest"))
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(given, parameters);

        scenario.sonarqube.processed("1", "shop", gate("OK"));
        scenario.sonarqube.change(|model| {
            let answer = &mut model.tasks.get_mut("AZ-1").unwrap()[0]["task"];
            answer[asked.0] = asked.1.into();
        });
        scenario.publish(&[]).succeeded();
        assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
        let requests = scenario.sonarqube.asked();
        let gate = requests.iter().find(|asked| asked.path == "/api/qualitygates/project_status").unwrap();
        assert_eq!(gate.query["analysisId"], "AY-1", "{:?}", gate.query);
        let measures = requests.iter().find(|asked| asked.path == "/api/measures/component").unwrap();
        assert_eq!(measures.query.get(asked.0).map(String::as_str), Some(asked.1), "{:?}", measures.query);
        let [(_, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
        assert!(text.contains("feature/a b"), "{text}");
        assert!(text.contains(&format!("/dashboard?id=shop{link}")), "{text}");

        // The report of another branch, or of the main one, is not this analysis'.
        for (name, value) in [("branch", "other"), ("pullRequest", "8")] {
            scenario.sonarqube.change(|model| {
                let answer = model.tasks.get_mut("AZ-1").unwrap()[0]["task"].as_object_mut().unwrap();
                answer.remove(asked.0);
                answer.insert(name.into(), value.into());
            });
            scenario.publish(&[]).ended(TaskResult::Failed);
            scenario.sonarqube.change(|model| {
                let answer = model.tasks.get_mut("AZ-1").unwrap()[0]["task"].as_object_mut().unwrap();
                answer.remove(name);
                answer.insert(asked.0.into(), asked.1.into());
            });
        }
    }
}

#[test]
fn branches_are_skipped_through_all_steps_on_community_build() {
    for (kind, explanation) in [
        (
            "pull request",
            "SonarQube Community Build does not analyse pull requests, and pull request 7 is being built",
        ),
        (
            "branch",
            "SonarQube Community Build analyses the main branch only, and feature is not main (according to Azure Repos)",
        ),
        (
            "tag",
            "the tag v1.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main \
             or branch to analyse it)",
        ),
    ] {
        let mut scenario = Scenario::new();
        match kind {
            "pull request" => {
                scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
            }
            "branch" => scenario.job.set("Build.SourceBranch", "refs/heads/feature"),
            _ => scenario.job.set("Build.SourceBranch", "refs/tags/v1.0"),
        }
        let engine = scenario.engine("touch \"$0.ran\"");
        let prepare = scenario.prepare(&[("extraProperties", &engine)]);
        prepare.succeeded().warns(&format!("Nothing will be analysed\nBecause {explanation}"));
        let parameters: Value = serde_json::from_str(prepare.variable("SONARQUBE_SCANNER_PARAMS")).unwrap();
        assert_eq!(parameters["sonar.scanner.skip"], "true", "Maven and Gradle skip too");
        scenario.analyze().succeeded().warns(explanation);
        assert!(!scenario.job.path("engine/java.ran").exists(), "no engine was started");
        assert_eq!(
            scenario.record(0, "analyzed.json")["outcome"],
            json!({ "skipped": { "reason": explanation } })
        );
        let publish = scenario.publish(&[]);
        publish.ended(TaskResult::Succeeded).warns("Not analysed");
        assert!(publish.errors.is_empty());
        assert_eq!(scenario.gate_property().as_deref(), Some("skipped"), "which is no ok");
        let [(title, text)] = &scenario.job.azure.summaries()[..] else { panic!("one summary") };
        assert!(title.ends_with(" – skipped") && text.contains("Not analysed"), "{title}: {text}");
    }
}
