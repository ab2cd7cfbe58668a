//! Proxies from the variables of a machine, and hosts that bypass them.

use crate::fake_agent::{Step, TaskResult};
use crate::scenario::Scenario;
use crate::tls::{ForwardProxy, Tls};

/// Prepares with these variables.
fn prepare(variables: &[(&str, &str)]) -> (Step, Scenario) {
    let mut scenario = Scenario::new();
    variables.iter().for_each(|(name, value)| scenario.job.set(name, value));
    (scenario.prepare(&[]), scenario)
}

/// Nothing listens there.
const NOBODY: &str = "127.0.0.1:9";

#[test]
fn a_proxy_needs_no_scheme() {
    let proxy = ForwardProxy::start("ci", "p@ss");
    let address = proxy.url.replace("http://", "ci:p%40ss@");
    let (step, _scenario) = prepare(&[("HTTP_PROXY", &address)]);
    step.succeeded();
    assert!(proxy.passed().iter().any(|head| head.contains("/api/system/status")), "{:?}", proxy.passed());
}

#[test]
fn an_unreadable_proxy_variable_is_ignored_with_a_warning() {
    let (step, _scenario) = prepare(&[("HTTP_PROXY", "http://ci:hush@[proxy")]);
    step.ended(TaskResult::Succeeded).warns("The variable HTTP_PROXY is ignored");
    assert!(!step.transcript().contains("hush"));
}

#[test]
fn an_https_proxy_serves_an_http_server() {
    let proxy = ForwardProxy::start("ci", "pass");
    let tls = Tls::before(proxy.url.trim_start_matches("http://").parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("ca.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    let address = tls.url.replace("https://", "https://ci:pass@");
    let (step, _scenario) =
        prepare(&[("HTTP_PROXY", &address), ("Agent.CAInfo", authority.to_str().unwrap())]);
    step.succeeded();
    assert!(!proxy.passed().is_empty());
}

#[test]
fn an_error_behind_a_proxy_names_the_proxy() {
    let (step, scenario) = prepare(&[("HTTP_PROXY", NOBODY)]);
    step.ended(TaskResult::Failed);
    let error = step.sole_error().replace(&scenario.sonarqube.url(), "<server>");
    insta::assert_snapshot!(error, @"failed to reach SonarQube: <server>/api/system/status could not be reached: through the proxy 127.0.0.1:9: Connection refused (os error 111). Check the URL of the service connection, that the server is running, and that this agent can reach it (DNS, firewall, proxy).");
}

#[test]
fn a_host_in_no_proxy_is_reached_directly() {
    for past in ["*", "x.org; 127.0.0.1", "127.0.0.0/8 x.org", "<host>:<port>"] {
        let mut scenario = Scenario::new();
        let server = scenario.sonarqube.url();
        let (host, port) = server.trim_start_matches("http://").split_once(':').unwrap();
        let past = past.replace("<host>", host).replace("<port>", port);
        scenario.job.set("HTTP_PROXY", NOBODY);
        scenario.job.set("NO_PROXY", &past);
        scenario.prepare(&[]).ended(TaskResult::Succeeded);
    }
}
