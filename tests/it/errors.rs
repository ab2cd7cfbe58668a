//! Provokes every failure of SonarPrepare that a user can fix: there is one error and one result, and the text says what failed,
//! where, and what to change.

use crate::fake_agent::{Job, Step, Task, TaskResult};
use crate::fake_sonarqube::{Access, SonarQube, TOKEN, html_page, refusal};
use crate::scenario::Scenario;
use crate::tls::Tls;
use wiremock::ResponseTemplate;

/// Prepares with `configMode: manual` against `url`, with a token.
fn prepare(job: &mut Job, url: &str) -> Step {
    let connection = job.connect_server(url, TOKEN);
    let inputs = [
        ("SonarQube", connection.as_str()),
        ("scannerMode", "cli"),
        ("configMode", "manual"),
        ("cliProjectKey", "shop"),
    ];
    job.run(Task::Prepare, &inputs)
}

/// Returns the one error, and checks that no record is left for a later step.
#[track_caller]
fn error_of(scenario: &Scenario, step: &Step) -> String {
    let error = step.sole_error();
    assert!(scenario.records().is_empty(), "a failed step leaves no record");
    scenario.job.tidy(error)
}

#[test]
fn a_missing_service_connection_is_an_error() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[("SonarQube", "")]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"no service connection is chosen. Set one of the inputs SonarQube, SonarCloud or connection to the name of a service connection (Project settings > Service connections).");
}

#[test]
fn two_service_connections_are_an_error() {
    let mut scenario = Scenario::new();
    let other = scenario.job.connect_by_token(&scenario.sonarqube.url(), TOKEN);
    let step = scenario.prepare(&[("connection", &other)]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"more than one service connection is chosen: SonarQube and connection. Keep the connection to the server that analyses this project, and remove the other input.");
    assert!(scenario.sonarqube.asked().is_empty());
}

#[test]
fn a_connection_without_url_or_token_is_an_error() {
    let mut scenario = Scenario::new();
    let connection = scenario.job.connect_server("ftp://sonar.example", TOKEN);
    let step = scenario.prepare(&[("SonarQube", &connection)]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"the service connection of the input SonarQube has no usable URL (http:// or https://). Correct it under Project settings > Service connections.");
    let connection = scenario.job.connect_server(&scenario.sonarqube.url(), "");
    let step = scenario.prepare(&[("SonarQube", &connection)]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"the service connection of the input SonarQube has no token. Correct it under Project settings > Service connections.");
}

#[test]
fn a_refused_connection_is_an_error() {
    let mut job = Job::start();
    // A port that no program gets.
    let step = prepare(&mut job, "http://127.0.0.1:1");
    insta::assert_snapshot!(job.tidy(step.sole_error()), @"failed to reach SonarQube: <server>/api/system/status could not be reached: Connection refused (os error 111). Check the URL of the service connection, that the server is running, and that this agent can reach it (DNS, firewall, proxy).");
}

#[test]
fn an_unknown_host_is_an_error() {
    let mut job = Job::start();
    let step = prepare(&mut job, "http://sonarqube.invalid");
    let error = job.tidy(step.sole_error());
    assert!(
        error.starts_with("failed to reach SonarQube: <server>/api/system/status could not be reached: "),
        "{error}"
    );
}

#[test]
fn an_untrusted_certificate_is_an_error() {
    let sonarqube = SonarQube::start();
    let tls = Tls::before(sonarqube.url().trim_start_matches("http://").parse().unwrap());
    let mut job = Job::start();
    let step = prepare(&mut job, &tls.url);
    insta::assert_snapshot!(job.tidy(step.sole_error()), @"failed to reach SonarQube: the TLS connection to <server>/api/system/status failed: invalid peer certificate: UnknownIssuer. If the server's certificate comes from a private authority, add that authority to the trust store of this machine or configure the agent with --sslcacert <PEM file>. With the input allowInvalidCertificate any certificate is accepted, but then anyone on the network between can read the token.");
    assert!(sonarqube.asked().is_empty());

    // The agent was configured with the authority's certificate.
    let file = job.path("ca.pem");
    std::fs::write(&file, &tls.authority).unwrap();
    job.set("Agent.CAInfo", &file.display().to_string());
    prepare(&mut job, &tls.url).succeeded();

    // And with one that does not exist.
    job.set("Agent.CAInfo", "/nowhere/ca.pem");
    let step = prepare(&mut job, &tls.url);
    insta::assert_snapshot!(job.tidy(step.sole_error()), @"failed to reach SonarQube: the HTTP client for <server>/api/system/status could not be set up: the CA file /nowhere/ca.pem could not be read: I/O error: No such file or directory (os error 2). Check the agent's proxy and certificate settings.");

    // An agent that accepts any certificate does so only for Azure DevOps.
    job.unset("Agent.CAInfo");
    job.set("Agent.SkipCertValidation", "True");
    assert!(prepare(&mut job, &tls.url).sole_error().contains("the TLS connection to "));

    // Or the task is told to trust any certificate.
    let connection = job.connect_server(&tls.url, TOKEN);
    let inputs = [
        ("SonarQube", connection.as_str()),
        ("scannerMode", "cli"),
        ("configMode", "manual"),
        ("cliProjectKey", "shop"),
        ("allowInvalidCertificate", "true"),
    ];
    job.run(Task::Prepare, &inputs).succeeded().warns("allowInvalidCertificate is set");
}

#[test]
fn https_to_an_http_server_is_an_error() {
    let sonarqube = SonarQube::start();
    let mut job = Job::start();
    let step = prepare(&mut job, &sonarqube.url().replace("http:", "https:"));
    let error = job.tidy(step.sole_error());
    assert!(error.contains("the TLS connection to ") || error.contains("could not be reached"), "{error}");
}

#[test]
fn an_unknown_token_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.accepted.clear());
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"<server> does not accept the token of the service connection. It is wrong, expired or revoked (401). Generate a new one in SonarQube (My Account > Security) and store it in the service connection.");
}

#[test]
fn a_missing_permission_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.access = Access::None);
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"the token may not analyse the project shop: <server> answered 403: You're not authorized to push analysis results to the SonarQube server. Please contact your SonarQube administrator. Use a project analysis token of this project or a global analysis token, or grant the token's owner Execute Analysis (Project Settings > Permissions).");
}

#[test]
fn a_project_that_may_not_be_created_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.access = Access::NoProject);
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"the project shop does not exist on <server>, and the token may not create it. Check the spelling of the key, or create the project in SonarQube first, or use a global analysis token of a user with the right Create Projects.");
}

#[test]
fn an_html_page_instead_of_the_api_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.answer_everywhere(html_page());
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"failed to reach SonarQube: <server>/api/system/status is not SonarQube's API: it answered text/html. The URL of the service connection leads to another program, such as the sign-in page of a proxy. Set it to SonarQube's own address, including its context path.");
}

#[test]
fn an_answer_from_another_product_is_an_error() {
    let mut scenario = Scenario::new();
    scenario
        .sonarqube
        .answer_everywhere(crate::fake_sonarqube::json_answer(&serde_json::json!({ "hello": "world" })));
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"failed to reach SonarQube: <server>/api/system/status is not SonarQube's API: it answered JSON that could not be read (missing field `version` at line 1 column 17). The URL of the service connection leads to another program, such as the sign-in page of a proxy. Set it to SonarQube's own address, including its context path.");
    scenario.sonarqube.answer_everywhere(refusal(404, "Not found"));
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"failed to reach SonarQube: <server>/api/system/status answered 404 Not Found: Not found. Check the URL of the service connection, including its context path.");
}

#[test]
fn a_url_without_its_context_path_is_an_error() {
    // The server at the root has no API and redirects to the application.
    let mut scenario = Scenario::new();
    scenario.sonarqube.answer_everywhere(ResponseTemplate::new(302).insert_header("Location", "/sonar/"));
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"failed to reach SonarQube: <server>/api/system/status answered with a redirect that is not followed: more than 5 redirects in a row. Set the URL of the service connection to the address that answers without a redirect.");
}

#[test]
fn a_redirect_to_another_host_does_not_get_the_token() {
    let stranger = SonarQube::start();
    let mut scenario = Scenario::new();
    let location = format!("{}/api/system/status", stranger.url());
    scenario
        .sonarqube
        .answer_everywhere(ResponseTemplate::new(302).insert_header("Location", location.as_str()));
    let step = scenario.prepare(&[]);
    let error = error_of(&scenario, &step).replace(&stranger.url(), "<stranger>");
    insta::assert_snapshot!(error, @"failed to reach SonarQube: <server>/api/system/status answered with a redirect that is not followed: it leads to <stranger>/api/system/status. Set the URL of the service connection to the address that answers without a redirect.");
    assert!(stranger.asked().is_empty());
}

#[test]
fn a_server_that_is_too_old_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.version = "8.8.0.42792".into());
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"<server> runs SonarQube 8.8.0.42792. This extension works with SonarQube 8.9 and newer: upgrade the server.");

    scenario.sonarqube.change(|model| model.version = "8.9.10.61524".into());
    scenario.sonarqube.script("/api/features/list", [refusal(404, "Unknown url : /api/features/list")]);
    scenario.prepare(&[]).succeeded();
}

#[test]
fn a_server_that_is_down_is_an_error() {
    let mut scenario = Scenario::new();
    scenario.sonarqube.change(|model| model.status = "DOWN".into());
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"<server> is not up: its state is DOWN. An administrator has to look at the server (a database migration may be due).");
    scenario.sonarqube.change(|model| model.status = "DB_MIGRATION_NEEDED".into());
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"<server> is not up: its state is DB_MIGRATION_NEEDED. An administrator has to look at the server (a database migration may be due).");
}

#[test]
fn a_server_error_is_an_error() {
    let mut scenario = Scenario::new();
    scenario
        .sonarqube
        .answer_everywhere(ResponseTemplate::new(500).set_body_string("<html>stack trace</html>"));
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(error_of(&scenario, &step), @"failed to reach SonarQube: <server>/api/system/status answered 500. The server failed. Look at its log.");
}

#[test]
fn a_truncated_answer_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = std::io::Read::read(&mut stream, &mut request);
            let answer =
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{\"id\":";
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    let mut job = Job::start();
    let step = prepare(&mut job, &url);
    let error = job.tidy(step.sole_error());
    assert!(
        error.starts_with("failed to reach SonarQube: the connection to <server>/api/system/status broke"),
        "{error}"
    );
}

#[test]
fn a_variable_that_the_agent_did_not_set_is_named() {
    let mut scenario = Scenario::new();
    scenario.job.unset("Agent.TempDirectory");
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"Agent.TempDirectory is not set. Run this task on an Azure Pipelines agent, or set AGENT_TEMPDIRECTORY to an existing folder.");
    scenario.job.unset("System.DefaultWorkingDirectory");
    scenario.job.unset("Build.SourcesDirectory");
    let step = scenario.prepare(&[]);
    insta::assert_snapshot!(scenario.job.tidy(step.sole_error()), @"System.DefaultWorkingDirectory is not set. Run this task on an Azure Pipelines agent.");
}

#[test]
fn an_unknown_scanner_mode_is_an_error() {
    let mut scenario = Scenario::new();
    for (inputs, expected) in [
        (vec![("scannerMode", "MSBuild")], "scannerMode MSBuild is the old name of dotnet"),
        (vec![("scannerMode", "maven")], "Write one of: cli, dotnet, other"),
        (vec![("configMode", "here")], "Write one of: file, manual"),
        (vec![("cliProjectKey", "")], "the input cliProjectKey is empty"),
        (vec![("projectBaseDir", "nowhere")], "the project's base directory"),
    ] {
        let step = scenario.prepare(&inputs);
        assert!(step.sole_error().contains(expected), "{expected}: {}", step.transcript());
    }
    assert!(scenario.sonarqube.asked().is_empty(), "no server is asked about a mistake in the inputs");
}

#[test]
fn an_http_connection_warns_on_every_run_unless_allowed() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[]);
    assert!(step.succeeded().warnings.is_empty(), "to this machine: {:?}", step.warnings);
    let far = scenario.job.connect_server("http://sonar.invalid:9000", TOKEN);
    let inputs = |allowed| [("SonarQube", far.as_str()), ("scannerMode", "other"), ("allowHttp", allowed)];
    let step = scenario.job.run(Task::Prepare, &inputs("false"));
    step.warns("can read the token, change the verdict, and replace the scanner engine");
    let step = scenario.job.run(Task::Prepare, &inputs("true"));
    assert!(step.warnings.is_empty(), "{:?}", step.warnings);
    let step = scenario.job.run(Task::Publish, &[("connection", far.as_str()), ("pollingTimeoutSec", "0")]);
    step.warns("The service connection uses http:");
}

#[test]
fn an_endless_retry_after_does_not_crash() {
    let mut scenario = Scenario::new();
    let busy = ResponseTemplate::new(503).insert_header("Retry-After", "18446744073709551615");
    scenario.sonarqube.script("/api/authentication/validate", [busy]);
    let error = scenario.prepare(&[]).sole_error().to_owned();
    assert!(error.contains("503") && !error.contains("bug"), "{error}");
}

#[test]
fn cancelling_prepare_aborts_its_pending_request() {
    let mut scenario = Scenario::new();
    // A server that accepts a connection and sends nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let connection = scenario.job.connect_server(&url, TOKEN);
    let inputs = [("SonarQube", connection.as_str()), ("scannerMode", "other")];
    let running = scenario.job.begin(Task::Prepare, &inputs);
    let (_stream, _) = silent.accept().unwrap();
    running.signal(rustix::process::Signal::INT);
    running.finish().ended(TaskResult::Canceled);
}
