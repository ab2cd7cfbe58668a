use super::*;
use crate::command::arguments::{Command, parse};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn run(server: &MockServer, arguments: &str) -> (u8, String) {
    let environment = Environment::new([
        ("SONAR_HOST_URL".into(), server.uri().into()),
        ("SONAR_TOKEN".into(), "squ_1".into()),
    ]);
    let arguments = format!("sonar-azdo gate --project-key shop {arguments}");
    let arguments: Vec<_> = arguments.split_whitespace().map(Into::into).collect();
    let Command::Gate(args) = parse(&arguments).unwrap().command else { panic!("{arguments:?}") };
    let (console, written) = Console::buffer();
    let folder = tempfile::tempdir().unwrap();
    let code = Gate::new(args, &environment, folder.path()).unwrap().run(&console).await;
    (code.number(), anstream::adapter::strip_str(&written()).to_string())
}

fn answer(body: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
}

async fn with_gate(response: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/qualitygates/project_status"))
        .respond_with(response)
        .mount(&server)
        .await;
    server
}

const FAILED: &str = r#"{"projectStatus":{"status":"ERROR","conditions":[
    {"status":"ERROR","metricKey":"new_coverage","comparator":"LT","errorThreshold":"80","actualValue":"41.7"}]}}"#;

#[tokio::test]
async fn each_verdict_has_its_exit_code() {
    for (response, code, word) in [
        (answer(r#"{"projectStatus":{"status":"OK","conditions":[]}}"#), 0, "Quality gate passed"),
        (answer(FAILED), 3, "Quality gate failed"),
        (answer(r#"{"projectStatus":{"status":"NONE","conditions":[]}}"#), 4, "No quality gate was computed"),
        (ResponseTemplate::new(503), 5, "time is up"),
        (answer(r#"{"projectStatus":{"status":"MAYBE"}}"#), 4, "MAYBE"),
        (
            answer(&FAILED.replacen("ERROR", "OK", 1)),
            4,
            "\"OK\" for the quality gate, although 1 of its conditions failed",
        ),
        (
            answer(
                &FAILED
                    .replacen("ERROR", "OK", 1)
                    .replace(r#""conditions""#, r#""ignoredConditions":true,"conditions""#),
            ),
            0,
            "Quality gate passed",
        ),
        (answer(&FAILED.replace("metricKey", "metric")), 1, "a condition without metricKey"),
        (answer(&FAILED.replace("LT", "BELOW")), 1, "the comparator \"BELOW\""),
        (ResponseTemplate::new(200).set_body_raw("<html>", "text/html"), 1, "text/html"),
        (ResponseTemplate::new(401), 6, "401"),
        (ResponseTemplate::new(403), 6, "Execute Analysis"),
        (ResponseTemplate::new(404), 1, "Check SONAR_HOST_URL"),
        (
            ResponseTemplate::new(404)
                .set_body_raw(r#"{"errors":[{"msg":"Project 'shop' not found"}]}"#, "application/json"),
            1,
            "404 Not Found: Project 'shop' not found. Check that name",
        ),
    ] {
        let server = with_gate(response).await;
        let (found, text) = run(&server, "").await;
        assert_eq!(found, code, "{text}");
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn formats_and_what_is_asked_for() {
    let server = MockServer::start().await;
    Mock::given(path("/api/qualitygates/project_status"))
        .and(query_param("projectKey", "shop"))
        .and(query_param("pullRequest", "7"))
        .respond_with(answer(FAILED))
        .mount(&server)
        .await;
    let (code, text) = run(&server, "--pull-request 7").await;
    let link = format!("{}/dashboard?id=shop&pullRequest=7", server.uri());
    assert_eq!(code, 3);
    assert_eq!(
        text,
        format!(
            "Quality gate failed – 1 of 1 condition – shop, pull request 7 – {link}\n\
             new_coverage: 41.7 (required: ≥ 80) – shop, pull request 7 – {link}\n"
        )
    );
    let (_, json) = run(&server, "--pull-request 7 --format json").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "version": 1, "key": "shop", "branch": null, "pullRequest": "7", "verdict": "failed", "link": link, "reason": null,
            "conditions": [{
                "metric": "new_coverage", "failed": true, "actual": "41.7", "comparator": "LT", "threshold": "80",
            }],
        })
    );
    let (_, markdown) = run(&server, "--pull-request 7 --format markdown").await;
    assert!(markdown.starts_with("### ❌ Quality gate failed"), "{markdown}");
    // What was not asked for is not there.
    assert_eq!(run(&server, "--branch main").await.0, 1);
}

/// What a server says of a failed gate with three conditions: of issues, of coverage, and of something its token may not see.
async fn with_worst() -> MockServer {
    let condition = |metric: &str, comparator: &str| {
        format!(
            r#"{{"status":"ERROR","metricKey":"{metric}","comparator":"{comparator}","errorThreshold":"1","actualValue":"9"}}"#
        )
    };
    let conditions = [("new_violations", "GT"), ("coverage", "LT"), ("bugs", "GT")];
    let conditions = conditions.map(|(metric, comparator)| condition(metric, comparator)).join(",");
    let server = with_gate(answer(&format!(
        r#"{{"projectStatus":{{"status":"ERROR","conditions":[{conditions}]}}}}"#
    )))
    .await;
    let metrics =
        r#"{"metrics":[{"key":"uncovered_lines","name":"Uncovered Lines","type":"INT"}],"total":1}"#;
    Mock::given(path("/api/metrics/search")).respond_with(answer(metrics)).mount(&server).await;
    let issues = r#"{"paging":{"total":4},"issues":[
        {"key":"i","rule":"python:S1","severity":"MAJOR","message":"Mend \u001b[31mthis.","component":"shop:src/a.py","line":3}],
        "components":[{"key":"shop","path":null},{"key":"shop:src/a.py","path":"src/a.py"}]}"#;
    Mock::given(path("/api/issues/search"))
        .and(query_param("componentKeys", "shop"))
        .and(query_param("pullRequest", "7"))
        .and(query_param("inNewCodePeriod", "true"))
        .and(query_param("resolved", "false"))
        .and(query_param("ps", "2"))
        .respond_with(answer(issues))
        .mount(&server)
        .await;
    Mock::given(path("/api/issues/search"))
        .and(query_param("types", "BUG"))
        .respond_with(answer(r#"{"paging":{"total":0},"issues":[],"components":[]}"#))
        .mount(&server)
        .await;
    let files = r#"{"components":[
        {"path":"src/a.py","measures":[{"metric":"uncovered_lines","value":"12"}]},
        {"path":"src/b.py","measures":[{"metric":"uncovered_lines","value":"0"}]}]}"#;
    Mock::given(path("/api/measures/component_tree"))
        .and(query_param("metricSort", "uncovered_lines"))
        .and(query_param("asc", "false"))
        .respond_with(answer(files))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn top_lists_the_worst_files_and_issues_behind_each_failed_condition() {
    let server = with_worst().await;
    let (code, text) = run(&server, "--pull-request 7 --top 2").await;
    assert_eq!(code, 3);
    let listed: Vec<_> = text.lines().filter(|line| line.starts_with("  ")).collect();
    assert_eq!(
        listed,
        [
            "  src/a.py:3: MAJOR Mend \u{FFFD}[31mthis. (python:S1)",
            "  and 3 more issues",
            "  src/a.py: 12 (Uncovered Lines)",
            "  not visible to this token, whose owner lacks the permission Browse on the project",
        ],
        "{text}"
    );
    let (_, json) = run(&server, "--pull-request 7 --top 2 --format json").await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let conditions = &json["conditions"];
    assert_eq!(conditions[0]["worst"]["total"], 4);
    assert_eq!(conditions[1]["worst"]["files"][0]["path"], "src/a.py");
    assert_eq!(conditions[2]["worst"], serde_json::json!({ "hidden": true }));
    let (_, markdown) = run(&server, "--pull-request 7 --top 2 --format markdown").await;
    assert!(markdown.contains("#### Where it fails") && markdown.contains("src/a.py: 12"), "{markdown}");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_does_not_change_the_exit_code() {
    let server = with_gate(answer(FAILED)).await;
    let (code, text) = run(&server, "--pull-request 7 --top 2").await;
    assert_eq!((code, text.lines().count()), (3, 2), "{text}");
}

#[tokio::test]
async fn waits_for_the_queue_and_for_a_first_gate() {
    let server = with_gate(answer(r#"{"projectStatus":{"status":"OK"}}"#)).await;
    Mock::given(path("/api/ce/component"))
        .respond_with(answer(r#"{"queue":[{"branch":"main"},{"pullRequest":"7"}]}"#))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    // Of the main branch, which the server names nowhere here.
    Mock::given(path("/api/ce/component"))
        .respond_with(answer(r#"{"queue":[{"status":"PENDING"}]}"#))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(path("/api/ce/component"))
        .respond_with(answer(r#"{"queue":[{"pullRequest":"7"},{"branch":"other"}]}"#))
        .mount(&server)
        .await;
    assert_eq!(run(&server, "--wait 60 --branch main").await.0, 0);
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|request| request.url.path() == "/api/ce/component").count(), 3);
    assert_eq!(run(&server, "--wait 1 --pull-request 7").await.0, 5);
}

#[tokio::test]
async fn waits_for_a_first_analysis_that_is_not_queued_yet() {
    let unknown = r#"{"errors":[{"msg":"Pull request '7' in project 'shop' not found"}]}"#;
    let unknown = || ResponseTemplate::new(404).set_body_raw(unknown, "application/json");
    let server = MockServer::start().await;
    Mock::given(path("/api/ce/component")).respond_with(answer(r#"{"queue":[]}"#)).mount(&server).await;
    Mock::given(path("/api/qualitygates/project_status"))
        .respond_with(unknown())
        .up_to_n_times(2)
        .mount(&server)
        .await;
    Mock::given(path("/api/qualitygates/project_status"))
        .respond_with(answer(r#"{"projectStatus":{"status":"OK"}}"#))
        .mount(&server)
        .await;
    assert_eq!(run(&server, "--wait 60 --pull-request 7").await.0, 0);
    // Who does not wait is told at once, and so is who asks for a project that is not there.
    assert_eq!(run(&with_gate(unknown()).await, "--pull-request 7").await.0, 1);
    let no_project = r#"{"errors":[{"msg":"Project 'shop' not found"}]}"#;
    let no_project = ResponseTemplate::new(404).set_body_raw(no_project, "application/json");
    assert_eq!(run(&with_gate(no_project).await, "--wait 60 --pull-request 7").await.0, 1);
}

#[tokio::test]
async fn links_lead_to_the_address_that_the_server_goes_by() {
    let server = with_gate(answer(r#"{"projectStatus":{"status":"OK"}}"#)).await;
    let setting = r#"{"settings":[{"key":"sonar.core.serverBaseURL","value":"https://sonar.corp/s"}]}"#;
    Mock::given(path("/api/settings/values")).respond_with(answer(setting)).mount(&server).await;
    let (_, text) = run(&server, "--branch x").await;
    assert!(text.contains("https://sonar.corp/s/dashboard?id=shop&branch=x"), "{text}");
}
