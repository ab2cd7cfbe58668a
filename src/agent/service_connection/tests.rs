use super::*;

fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into())))
}

#[test]
fn the_three_inputs() {
    let server = ServiceConnection::read(&environment(&[
        ("INPUT_SONARQUBE", "7b5f-aa"),
        ("ENDPOINT_URL_7b5f-aa", "http://sonar.example:9000/sonar/"),
        ("ENDPOINT_AUTH_PARAMETER_7b5f-aa_USERNAME", "squ_1"),
    ]))
    .unwrap();
    assert_eq!(server.url.as_str(), "http://sonar.example:9000/sonar");
    assert_eq!(server.kind, ServerKind::Server);
    assert_eq!(server.authentication(), Authentication::BasicToken(Secret::new("squ_1")));
    let cloud = ServiceConnection::read(&environment(&[
        ("INPUT_SONARCLOUD", "c"),
        ("ENDPOINT_URL_C", "https://sonarcloud.io"),
        ("ENDPOINT_AUTH_C", r#"{"scheme":"Token","parameters":{"apitoken":"abc"}}"#),
    ]))
    .unwrap();
    assert_eq!(cloud.authentication(), Authentication::Bearer(Secret::new("abc")));
    let own = ServiceConnection::read(&environment(&[
        ("INPUT_CONNECTION", "o"),
        ("ENDPOINT_URL_O", "https://sonarqube.us/"),
        ("ENDPOINT_AUTH_PARAMETER_O_APITOKEN", "abc"),
    ]))
    .unwrap();
    assert_eq!(own.kind, ServerKind::Cloud);
}

#[test]
fn no_connection_and_two_connections_are_errors() {
    let none = ServiceConnection::read(&environment(&[])).unwrap_err().to_string();
    assert!(none.starts_with(
        "no service connection is chosen. Set one of the inputs SonarQube, SonarCloud or connection"
    ));
    let two = environment(&[("INPUT_SONARQUBE", "a"), ("INPUT_CONNECTION", "b")]);
    let two = ServiceConnection::read(&two).unwrap_err().to_string();
    assert!(
        two.starts_with("more than one service connection is chosen: SonarQube and connection."),
        "{two}"
    );
}

#[test]
fn a_connection_without_usable_url_or_token_is_an_error() {
    let error =
        ServiceConnection::read(&environment(&[("INPUT_SONARQUBE", "a"), ("ENDPOINT_URL_A", "ftp://x")]));
    assert!(error.unwrap_err().to_string().contains("the input SonarQube has no usable URL"));
    let error =
        ServiceConnection::read(&environment(&[("INPUT_SONARQUBE", "a"), ("ENDPOINT_URL_A", "http://x")]));
    assert!(error.unwrap_err().to_string().contains("has no token"));
}

fn read_with_url(input: &str, url: &str) -> Result<ServiceConnection> {
    ServiceConnection::read(&environment(&[
        (&format!("INPUT_{input}"), "a"),
        ("ENDPOINT_URL_A", url),
        ("ENDPOINT_AUTH_PARAMETER_A_APITOKEN", "abc"),
    ]))
}

#[test]
fn a_connection_to_sonarqube_cloud_leads_there_or_to_this_machine() {
    for (url, is_allowed) in [
        ("https://sonarcloud.io", true),
        ("https://sonarqube.us/", true),
        ("https://sc-staging.sonarcloud.io", true),
        ("http://127.0.0.1:9000", true),
        ("http://[::1]:9000", true),
        ("http://localhost:9000", true),
        ("https://sonarcloud.io.evil.example", false),
        ("https://notsonarcloud.io", false),
        ("https://sonarqube.corp", false),
        ("https://localhost.evil.example", false),
    ] {
        match read_with_url("SONARCLOUD", url) {
            Ok(connection) => assert!(is_allowed && connection.kind == ServerKind::Cloud, "{url}"),
            Err(error) => {
                let text = error.to_string();
                assert!(!is_allowed && text.contains("which is not SonarQube Cloud"), "{text}");
            }
        }
        read_with_url("SONARQUBE", url).unwrap();
    }
}

#[test]
fn user_and_password_in_the_url_are_refused_and_not_printed() {
    for url in ["https://joe:hush@sonar.corp", "https://joe@sonar.corp/x", "https://:hush@sonarcloud.io"] {
        for input in ["SONARQUBE", "SONARCLOUD", "CONNECTION"] {
            let text = read_with_url(input, url).unwrap_err().to_string();
            assert!(text.contains("contains a user name or a password. Remove them"), "{text}");
            assert!(!text.contains("joe") && !text.contains("hush"), "{text}");
        }
        let env = environment(&[("SONAR_HOST_URL", url), ("SONAR_TOKEN", "abc")]);
        let text = ServiceConnection::from_variables(&env).unwrap_err().to_string();
        assert!(text.contains("a user name or a password") && !text.contains("hush"), "{text}");
    }
}

#[test]
fn what_travels_unencrypted() {
    for (url, expected) in [
        ("http://sonar.corp", true),
        ("http://10.0.0.1:9000", true),
        ("https://sonar.corp", false),
        ("http://localhost:9000", false),
        ("http://127.1.2.3", false),
    ] {
        assert_eq!(read_with_url("CONNECTION", url).unwrap().is_unencrypted(), expected, "{url}");
    }
}

#[test]
fn hosts_of_the_cloud() {
    for (url, cloud) in [
        ("https://sonarcloud.io", true),
        ("https://www.sonarcloud.io", true),
        ("https://sonarqube.us", true),
        ("https://notsonarcloud.io", false),
        ("https://sonarcloud.io.evil.example", false),
    ] {
        assert_eq!(is_cloud(&Url::parse(url).unwrap()), cloud, "{url}");
    }
}

#[test]
fn the_jobs_own_connection() {
    let env = environment(&[
        ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/org/"),
        ("ENDPOINT_AUTH_SYSTEMVSSCONNECTION", r#"{"parameters":{"AccessToken":"jwt"},"scheme":"OAuth"}"#),
    ]);
    let job = JobConnection::read(&env, &Predefined::read(&env).unwrap()).unwrap();
    assert_eq!(job.collection.as_str(), "https://dev.azure.com/org");
    assert_eq!(job.token.expose(), "jwt");
}

#[test]
fn a_server_is_reached_as_its_agent_reaches_it() {
    let env = environment(&[
        ("SYSTEM_COLLECTIONURI", "https://tfs.contoso.example/tfs/A/"),
        ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "http://tfs:8080/tfs/A/"),
        ("SECRET_SYSTEM_ACCESSTOKEN", "jwt"),
    ]);
    let job = JobConnection::read(&env, &Predefined::read(&env).unwrap()).unwrap();
    assert_eq!(job.collection.as_str(), "http://tfs:8080/tfs/A");
}

#[test]
fn the_connections_own_url_counts_most() {
    for (url, collection) in [
        ("http://tfs:8080/tfs/A/", "http://tfs:8080/tfs/A"),
        ("https://dev.azure.com/org/", "https://dev.azure.com/org"),
        ("https://vsrm.dev.azure.com/org/", "https://dev.azure.com/org"),
        ("https://org.vsrm.visualstudio.com/", "https://org.visualstudio.com/"),
        ("https://vsrm.example/org", "https://vsrm.example/org"),
    ] {
        let env = environment(&[
            ("SYSTEM_TEAMFOUNDATIONCOLLECTIONURI", "https://of.another.step.example/"),
            ("Endpoint_Url_SystemVssConnection", "https://of.another.step.example/"),
            ("ENDPOINT_URL_SYSTEMVSSCONNECTION", url),
            ("SECRET_SYSTEM_ACCESSTOKEN", "jwt"),
        ]);
        let job = JobConnection::read(&env, &Predefined::read(&env).unwrap()).unwrap();
        assert_eq!(job.collection.as_str(), collection);
    }
}
