//! In how many rounds SonarPrepare asks: a server far away makes each one cost.

use crate::fake_sonarqube::TOKEN;
use crate::rounds::Rounds;
use crate::scenario::Scenario;

const STATUS: &[&str] = &["/api/system/status"];
const VALIDATE: &str = "/api/authentication/validate";
const REST: [&str; 4] =
    ["/api/navigation/global", "/api/features/list", "/batch/project.protobuf", "/api/project_branches/list"];

#[test]
fn prepare_asks_sonarqube_in_two_rounds() {
    let mut scenario = Scenario::new();
    let at_once = [&[VALIDATE], &REST[..]].concat();
    let rounds = Rounds::before(&scenario.sonarqube.url(), &[STATUS, &at_once]);
    let connection = scenario.job.connect_server(&rounds.url, TOKEN);
    let step = scenario.prepare(&[("SonarQube", &connection)]);
    rounds.were_held();
    step.succeeded().says("Analysing main as the main branch");
    step.says("Because the default branch is main (according to Azure Repos)");
}

#[test]
fn prepare_asks_about_all_projects_in_one_round() {
    let mut scenario = Scenario::new();
    for folder in ["web", "api"] {
        std::fs::create_dir_all(scenario.job.sources().join(folder)).unwrap();
    }
    let of_project = ["/batch/project.protobuf", "/api/project_branches/list"];
    let at_once = [&[VALIDATE], &REST[..], &of_project].concat();
    let rounds = Rounds::before(&scenario.sonarqube.url(), &[STATUS, &at_once]);
    let connection = scenario.job.connect_server(&rounds.url, TOKEN);
    let list = "- { key: web, baseDir: web }\n- { key: api, baseDir: api }";
    let inputs = [("SonarQube", connection.as_str()), ("cliProjectKey", ""), ("monorepo", list)];
    let step = scenario.prepare(&inputs);
    rounds.were_held();
    step.succeeded();
    assert_eq!(scenario.records().len(), 2);
}

#[test]
fn prepare_tries_a_password_once_before_it_asks_anything_else() {
    let mut scenario = Scenario::new();
    let url = scenario.sonarqube.url();
    let password = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "builder:right");
    scenario.sonarqube.change(|model| model.accepted = vec![format!("Basic {password}")]);
    let wrong = scenario.job.connect_by_password(&url, "builder", "wrong-password");
    let step = scenario.prepare(&[("SonarQube", &wrong)]);
    assert!(step.sole_error().contains("does not accept the token"), "{}", step.transcript());
    let asked: Vec<_> = scenario.sonarqube.asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(asked, [STATUS[0], VALIDATE]);

    let rounds = Rounds::before(&url, &[STATUS, &[VALIDATE], &REST]);
    let right = scenario.job.connect_by_password(&rounds.url, "builder", "right");
    let step = scenario.prepare(&[("SonarQube", &right)]);
    rounds.were_held();
    step.succeeded();
}

#[test]
fn a_wrong_token_is_told_before_a_project_that_is_missing() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| {
        model.accepted.clear();
        model.access = crate::fake_sonarqube::Access::NoProject;
    });
    let step = scenario.prepare(&[]);
    assert!(step.sole_error().contains("does not accept the token"), "{}", step.transcript());
}
