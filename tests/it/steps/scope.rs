//! What is analysed: main branch, branch or pull request, by provider and by what the server can do.

use crate::fake_agent::TaskResult;
use crate::fake_azure_devops::{AzureDevOps, SignIn};
use crate::fake_sonarqube::{Access, SonarQube};
use crate::scenario::Scenario;
use serde_json::{Value, json};

/// The branch and pull request parameters of the analysis that was prepared.
fn scope(scenario: &Scenario) -> String {
    let record = scenario.record(0, "prepared.json");
    let properties = record["properties"].as_object().unwrap().iter();
    let of_scope =
        properties.filter(|(key, _)| key.starts_with("sonar.branch") || key.starts_with("sonar.pullrequest"));
    let lines: Vec<_> = of_scope.map(|(key, value)| format!("{key}={}", value.as_str().unwrap())).collect();
    scenario.job.tidy(&lines.join("\n"))
}

#[test]
fn a_pull_request_is_told_as_its_provider_needs_it() {
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
fn a_branch_is_told_from_the_default_branch_by_the_git_api() {
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
fn another_provider_asks_sonarqube_for_the_main_branch() {
    for (provider, branch, expected) in [
        ("GitHub", "refs/heads/main", ""),
        ("GitHub", "refs/heads/feature", "sonar.branch.name=feature"),
        ("Git", "refs/heads/master", "sonar.branch.name=master"),
        ("TfsVersionControl", "$/shop/main", ""),
        ("Svn", "trunk", ""),
    ] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.set("Build.Repository.Provider", provider);
        scenario.job.set("Build.SourceBranch", branch);
        scenario.prepare(&[]).succeeded();
        assert_eq!(scope(&scenario), expected, "{provider} {branch}");
        assert!(scenario.job.azure.requests().is_empty());
    }
}

#[test]
fn a_project_that_is_not_there_yet_has_the_branch_built_as_its_main_branch() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.sonarqube.change(|model| model.access = Access::MayCreate);
    scenario.job.set("Build.Repository.Provider", "GitHub");
    scenario.job.set("Build.SourceBranch", "refs/heads/develop");
    scenario.prepare(&[]).succeeded().says("its first analysis creates it");
    assert_eq!(scope(&scenario), "");
}

#[test]
fn where_azure_devops_says_nothing_sonarqube_does() {
    for sign_in in [SignIn::Refuse, SignIn::Redirect, SignIn::Page] {
        let mut scenario = Scenario::with(SonarQube::with_branches());
        scenario.job.azure.forget_token(sign_in);
        scenario.job.set("Build.SourceBranch", "refs/heads/feature");
        let step = scenario.prepare(&[]);
        step.succeeded()
            .says("The default branch could not be asked for")
            .says("does not accept the job's access token");
        assert!(step.warnings.is_empty(), "{:?}", step.warnings);
        assert_eq!(scope(&scenario), "sonar.branch.name=feature");
        assert!(!scenario.job.azure.is_stranger_asked(), "{sign_in:?}");
    }
}

#[test]
fn what_a_user_says_about_the_branch_counts() {
    let mut scenario = Scenario::with(SonarQube::with_branches());
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/a", "refs/heads/main");
    scenario.prepare(&[("extraProperties", "sonar.branch.name=mine")]).succeeded();
    assert_eq!(scope(&scenario), "sonar.branch.name=mine");
}

#[test]
fn what_community_build_cannot_analyse_is_skipped_all_the_way() {
    for (kind, explanation) in [
        (
            "pull request",
            "SonarQube Community Build analyses no pull requests, and pull request 7 is being built",
        ),
        (
            "branch",
            "SonarQube Community Build analyses the main branch only, and feature is not main (says Azure Repos)",
        ),
        ("tag", "the tag v1.0 is being built, and a SonarQube branch for each tag would stay for ever"),
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
        prepare.succeeded().warns(&format!("Nothing will be analysed: {explanation}"));
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
