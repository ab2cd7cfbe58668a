//! How this job reaches the network: the agent's proxy and TLS settings, else those of the machine.
//!
//! Source: the agent passes its own configuration as variables `Agent.ProxyUrl`, `Agent.CAInfo`, ...

use super::env::Environment;
use crate::http::{NetworkSettings, Proxy, ProxyScope};
use crate::secret::Secret;

/// The settings for all requests but those to Azure DevOps: to SonarQube, and for downloads. The input
/// `allowInvalidCertificate` of the task decides whether certificates are checked, never the agent's own configuration,
/// which is about Azure DevOps and not about the server that gives the verdict and the programs.
pub fn http_settings(env: &Environment) -> NetworkSettings {
    let is_allowed =
        env.input("allowInvalidCertificate").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    settings(env, is_allowed)
}

/// The settings for requests to Azure DevOps: an agent that was configured with `--sslskipcertvalidation` takes any
/// certificate there.
pub(crate) fn azure_devops_settings(env: &Environment) -> NetworkSettings {
    let is_skipped = env.variable("Agent.SkipCertValidation");
    settings(env, is_skipped.is_some_and(|value| value.eq_ignore_ascii_case("true")))
}

fn settings(env: &Environment, skip_certificate_validation: bool) -> NetworkSettings {
    NetworkSettings {
        ca_files: env.variable("Agent.CAInfo").map(Into::into).into_iter().collect(),
        proxies: proxies(env),
        skip_certificate_validation,
    }
}

fn proxies(env: &Environment) -> Vec<Proxy> {
    let mut past = bypassed(env.variable("Agent.ProxyBypassList").unwrap_or_default());
    past.extend(env.value_in_any_case("NO_PROXY").map(str::to_owned));
    // Other programs know commas alone.
    let separators = |c: char| matches!(c, ',' | ';') || c.is_whitespace();
    let entries = past.iter().flat_map(|list| list.split(separators)).filter(|entry| !entry.is_empty());
    let no_proxy = entries.collect::<Vec<_>>().join(",");
    let proxy = |scope, name: &str| {
        let address = env.value_in_any_case(name)?;
        let proxy = Proxy::parse(scope, address, &no_proxy);
        if proxy.is_none() {
            // Without the value: a password may be in it.
            tracing::warn!(
                "The variable {name} is ignored, because it is not the address of a proxy. Use http://host:port"
            );
        }
        proxy
    };
    if let Some(mut of_agent) = proxy(ProxyScope::All, "AGENT_PROXYURL") {
        if let Some(user) = env.variable("Agent.ProxyUsername") {
            let password = env.secret_variable("Agent.ProxyPassword").unwrap_or_default();
            of_agent.credentials = Some((user.to_owned(), Secret::new(password)));
        }
        return vec![of_agent];
    }
    [
        proxy(ProxyScope::Https, "HTTPS_PROXY"),
        proxy(ProxyScope::Http, "HTTP_PROXY"),
        proxy(ProxyScope::All, "ALL_PROXY"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The hosts of the agent's file `.proxybypass`: a JSON list of regular expressions for URLs. Those for a host, or for
/// everything below a domain, are read (`sonar\.corp`, `^https?://.*\.corp`): NO_PROXY can say that, and no more.
fn bypassed(list: &str) -> Vec<String> {
    let patterns: Vec<String> = serde_json::from_str(list).unwrap_or_default();
    patterns.iter().filter_map(|pattern| host_of(pattern)).collect()
}

fn host_of(pattern: &str) -> Option<String> {
    let mut rest = pattern.trim().trim_start_matches('^').trim_end_matches('$');
    for scheme in ["https?://", "http[s]?://", "(http|https)://", "http://", "https://"] {
        rest = rest.strip_prefix(scheme).unwrap_or(rest);
    }
    rest = rest.trim_end_matches(".*").trim_end_matches(['/', '*']);
    for start in ["(.*\\.)?", ".*", "*", "\\.", "."] {
        rest = rest.strip_prefix(start).unwrap_or(rest);
    }
    let host = rest.replace("\\.", ".").replace("\\-", "-");
    let is_host = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c));
    is_host.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agents_proxy_wins_over_the_machines() {
        let env = Environment::new([
            ("AGENT_PROXYURL".into(), "http://proxy.corp:8080".into()),
            ("AGENT_PROXYUSERNAME".into(), "ci".into()),
            ("SECRET_AGENT_PROXYPASSWORD".into(), "hush".into()),
            ("HTTPS_PROXY".into(), "http://u:p@other:1".into()),
            ("AGENT_CAINFO".into(), "/etc/ca.pem".into()),
        ]);
        let settings = http_settings(&env);
        assert_eq!(settings.proxies.len(), 1);
        assert_eq!(settings.proxies[0].url.as_str(), "http://proxy.corp:8080/");
        assert_eq!(settings.proxies[0].credentials, Some(("ci".into(), Secret::new("hush"))));
        assert_eq!(settings.ca_files, [std::path::PathBuf::from("/etc/ca.pem")]);
    }

    #[test]
    fn the_switch_of_the_agent_is_for_azure_devops_and_the_input_for_sonarqube() {
        for (name, expected) in
            [("AGENT_SKIPCERTVALIDATION", (true, false)), ("INPUT_ALLOWINVALIDCERTIFICATE", (false, true))]
        {
            let env = Environment::new([(name.into(), "True".into())]);
            let found = [azure_devops_settings(&env), http_settings(&env)];
            let [azure, sonarqube] = found.map(|settings| settings.skip_certificate_validation);
            assert_eq!((azure, sonarqube), expected, "{name}");
        }
    }

    #[test]
    fn bypassed_hosts_are_read_from_regular_expressions() {
        for (pattern, host) in [
            ("sonar\\.corp", Some("sonar.corp")),
            ("^https?://.*\\.corp", Some("corp")),
            ("https://sonar.corp/.*", Some("sonar.corp")),
            ("*.corp.local", Some("corp.local")),
            ("(.*\\.)?my\\-corp\\.local$", Some("my-corp.local")),
            ("10\\.1\\.2\\.3", Some("10.1.2.3")),
            ("10\\.[0-9]+\\.", None),
            ("a|b", None),
            ("", None),
        ] {
            assert_eq!(host_of(pattern).as_deref(), host, "{pattern}");
        }
        let env = Environment::new([
            ("AGENT_PROXYURL".into(), "http://proxy.corp:8080".into()),
            ("AGENT_PROXYBYPASSLIST".into(), r#"["sonar\\.corp","a|b"]"#.into()),
            ("no_proxy".into(), "x.org; y.org z.org".into()),
        ]);
        assert_eq!(http_settings(&env).proxies[0].no_proxy, "sonar.corp,x.org,y.org,z.org");
    }

    #[test]
    fn the_machines_proxies_keep_their_scopes() {
        let env = Environment::new([("https_proxy".into(), "http://u:p@other:1".into())]);
        let settings = http_settings(&env);
        assert_eq!(settings.proxies[0].scope, ProxyScope::Https);
        assert_eq!(settings.proxies[0].url.as_str(), "http://other:1/");
        assert_eq!(settings.proxies[0].credentials, Some(("u".into(), Secret::new("p"))));
        let env = Environment::new([
            ("HTTPS_PROXY".into(), "".into()),
            ("https_proxy".into(), "10.1.2.3:3128".into()),
            ("HTTP_PROXY".into(), "no such thing".into()),
        ]);
        let settings = http_settings(&env);
        assert_eq!(settings.proxies.len(), 1, "{:?}", settings.proxies);
        assert_eq!(settings.proxies[0].url.as_str(), "http://10.1.2.3:3128/");
    }
}
