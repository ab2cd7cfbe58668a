//! How this job reaches the network: the agent's proxy and TLS settings, else those of the machine.
//!
//! Source: the agent passes its own configuration as variables `Agent.ProxyUrl`, `Agent.CAInfo`, ...

use super::Environment;
use crate::http::{Proxy, ProxyScope, Settings};
use crate::secret::Secret;
use url::Url;

/// The settings for HTTP clients of this job.
pub fn http_settings(env: &Environment) -> Settings {
    Settings {
        ca_files: env.variable("Agent.CAInfo").map(Into::into).into_iter().collect(),
        proxies: proxies(env),
        skip_certificate_validation: env
            .variable("Agent.SkipCertValidation")
            .is_some_and(|value| value.eq_ignore_ascii_case("true")),
    }
}

fn proxies(env: &Environment) -> Vec<Proxy> {
    let no_proxy = env.value("NO_PROXY").unwrap_or_default();
    let proxy = |scope, url: Option<&str>| {
        let mut url = Url::parse(url?).ok()?;
        let user = (!url.username().is_empty()).then(|| url.username().to_owned());
        let password = Secret::new(url.password().unwrap_or_default());
        // Fails only for URLs that cannot have user info.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        Some(Proxy {
            scope,
            url,
            credentials: user.map(|user| (user, password)),
            no_proxy: no_proxy.to_owned(),
        })
    };
    if let Some(mut of_agent) = proxy(ProxyScope::All, env.variable("Agent.ProxyUrl")) {
        if let Some(user) = env.variable("Agent.ProxyUsername") {
            let password = env.secret_variable("Agent.ProxyPassword").unwrap_or_default();
            of_agent.credentials = Some((user.to_owned(), Secret::new(password)));
        }
        return vec![of_agent];
    }
    [
        proxy(ProxyScope::Https, env.value("HTTPS_PROXY")),
        proxy(ProxyScope::Http, env.value("HTTP_PROXY")),
        proxy(ProxyScope::All, env.value("ALL_PROXY")),
    ]
    .into_iter()
    .flatten()
    .collect()
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
    fn the_machines_proxies_keep_their_scopes() {
        let env = Environment::new([("https_proxy".into(), "http://u:p@other:1".into())]);
        let settings = http_settings(&env);
        assert_eq!(settings.proxies[0].scope, ProxyScope::Https);
        assert_eq!(settings.proxies[0].url.as_str(), "http://other:1/");
        assert_eq!(settings.proxies[0].credentials, Some(("u".into(), Secret::new("p"))));
    }
}
