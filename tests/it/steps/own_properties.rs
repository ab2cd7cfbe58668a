//! Properties that the user sets: how they may be written, and which ones SonarPrepare refuses before the build.

use crate::fake_sonarqube::SonarQube;
use crate::scenario::Scenario;

fn branches() -> Scenario {
    Scenario::with(SonarQube::with_branches())
}

fn prepared(scenario: &Scenario, key: &str) -> Option<String> {
    scenario.record(0, "prepared.json")["properties"][key].as_str().map(str::to_owned)
}

#[test]
fn empty_branch_and_pull_request_parameters_count_as_unset() {
    let mut scenario = branches();
    scenario.job.set("Build.SourceBranch", "refs/heads/feature");
    let extra = "sonar.branch.name=\nsonar.pullrequest.key=$(System.PullRequest.PullRequestId)\n\
                 sonar.pullrequest.base=main\nsonar.links.ci=";
    let step = scenario.prepare(&[("extraProperties", extra)]);
    step.succeeded().says("Left out of extraProperties, because this build gives them no value: sonar.branch.name, sonar.pullrequest.base, sonar.pullrequest.key");
    assert!(step.warnings.is_empty(), "{:?}", step.warnings);
    assert_eq!(prepared(&scenario, "sonar.branch.name").as_deref(), Some("feature"));
    assert_eq!(prepared(&scenario, "sonar.pullrequest.key"), None);
    assert_eq!(prepared(&scenario, "sonar.pullrequest.base"), None);
    assert_eq!(prepared(&scenario, "sonar.links.ci").as_deref(), Some(""));
}

#[test]
fn a_pull_request_variable_as_branch_means_auto_in_other_builds() {
    let mut scenario = branches();
    scenario.job.set("Build.SourceBranch", "refs/heads/feature");
    let branch = ("branch", "$(System.PullRequest.SourceBranch)");
    scenario.prepare(&[branch]).succeeded().says("it is read as auto");
    assert_eq!(prepared(&scenario, "sonar.branch.name").as_deref(), Some("feature"));
}

#[test]
fn a_variable_that_was_not_replaced_is_an_error_before_the_build() {
    let long = "sonar.pullrequest.key=7\nsonar.pullrequest.branch=$(prBranch)";
    let told: Vec<_> = [
        ("extraProperties", "sonar.branch.name=$(prBranch)"),
        ("extraProperties", long),
        ("extraProperties", "sonar.projectKey=shop-$(team)"),
        ("extraProperties", "sonar.projectBaseDir=$(service)"),
        ("branch", "$(my branch)"),
        ("defaultBranch", "$(main)"),
        ("projectBaseDir", "services/$(service)"),
        ("cliProjectKey", "$(key)"),
    ]
    .into_iter()
    .map(|input| {
        let mut scenario = branches();
        let step = scenario.prepare(&[input]);
        assert!(scenario.records().is_empty());
        step.sole_error().to_owned()
    })
    .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    sonar.branch.name in extraProperties holds $(prBranch), because no variable has the name prBranch. Set the variable prBranch before SonarPrepare, or write the value itself.
    sonar.pullrequest.branch in extraProperties holds $(prBranch), because no variable has the name prBranch. Set the variable prBranch before SonarPrepare, or write the value itself.
    the project's key holds $(team), because no variable has the name team. Set the variable team before SonarPrepare, or write the value itself.
    the project's base directory holds $(service), because no variable has the name service. Set the variable service before SonarPrepare, or write the value itself.
    the input branch holds $(my branch), because no variable has the name my branch. Set the variable my branch before SonarPrepare, or write the value itself.
    the input defaultBranch holds $(main), because no variable has the name main. Set the variable main before SonarPrepare, or write the value itself.
    the project's base directory holds $(service), because no variable has the name service. Set the variable service before SonarPrepare, or write the value itself.
    the project's key holds $(key), because no variable has the name key. Set the variable key before SonarPrepare, or write the value itself.
    ");
    // In a build of a pull request its variables are there, unless their names are wrong.
    let mut scenario = branches();
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/a", "refs/heads/main");
    let extra = "sonar.pullrequest.base=$(System.PullRequest.TargetBranc)";
    let step = scenario.prepare(&[("extraProperties", extra)]);
    assert!(step.sole_error().contains("no variable has the name System.PullRequest.TargetBranc"));
}

#[test]
fn a_pull_request_base_may_be_a_full_reference_in_extra_properties() {
    let mut scenario = branches();
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/a", "refs/heads/main");
    let extra = "sonar.pullrequest.base=refs/heads/develop";
    scenario.prepare(&[("extraProperties", extra)]).succeeded();
    assert_eq!(prepared(&scenario, "sonar.pullrequest.base").as_deref(), Some("develop"));
}

#[test]
fn a_project_key_that_sonarqube_refuses_is_an_error() {
    let told: Vec<_> = ["my shop", "shop/web", "123"]
        .into_iter()
        .map(|key| {
            let mut scenario = Scenario::new();
            let error = scenario.prepare(&[("cliProjectKey", key)]).sole_error().to_owned();
            error.split(". ").next().unwrap().to_owned()
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    SonarQube does not take the project key "my shop", because it contains ' '
    SonarQube does not take the project key "shop/web", because it contains '/'
    SonarQube does not take the project key "123", because it consists of digits only
    "#);
}

#[test]
fn command_line_syntax_in_extra_properties_is_read_or_reported() {
    let mut scenario = Scenario::new();
    let extra = "/d:sonar.exclusions=\"**/gen/**\" /d:sonar.projectName=\"The shop\"\n-Dsonar.links.ci=x\n\
                 sonar.tests=a sonar.test.inclusions=b\nsonar.projectVersion='7'";
    let step = scenario.prepare(&[("extraProperties", extra)]);
    step.succeeded();
    for (key, value) in [
        ("sonar.exclusions", "**/gen/**"),
        ("sonar.projectName", "The shop"),
        ("sonar.links.ci", "x"),
        ("sonar.projectVersion", "7"),
    ] {
        assert_eq!(prepared(&scenario, key).as_deref(), Some(value), "{key}");
    }
    assert_eq!(
        step.warnings,
        [
            "Line 3 of extraProperties sets sonar.tests to a value that seems to set sonar.test.inclusions as well. Write one property per line."
        ]
    );
}

#[test]
fn an_unreadable_line_is_reported_without_its_text() {
    let mut scenario = Scenario::new();
    scenario.job.watch_for("squ_of_somebody");
    let extra = "sonar.scanner.truststorePassword squ_of_somebody\nsqu_of_somebody";
    let step = scenario.prepare(&[("extraProperties", extra)]);
    step.succeeded();
    assert_eq!(
        step.warnings,
        [
            "line 1 of extraProperties (sonar.scanner.truststorePassword) is not key=value and is ignored",
            "line 2 of extraProperties is not key=value and is ignored",
        ]
    );
}
