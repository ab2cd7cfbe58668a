//! What the commands of `dotnet` that install packages see of the environment: the agent's proxy and authorities, and the
//! credentials for feeds that NuGetAuthenticate@1 leaves.
//!
//! Contract: .NET's documentation of `HttpClient.DefaultProxy` (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).

use crate::agent::{Child, Passed};
use crate::error::Result;
use crate::http::{Proxy, ProxyScope};
use crate::scanner::dotnet::environment::{self, Variables};
use crate::step::job::Job;
use std::path::PathBuf;

/// Those variables.
///
/// # Errors
/// The job has no temporary folder.
pub(super) fn variables(job: &Job) -> Result<Variables> {
    let mut variables = job.environment.for_child(Child::Packages, &Passed::default());
    environment::prepare(&mut variables, &job.predefined.temp_directory()?);
    environment::isolate(&mut variables);
    environment::set(&mut variables, "DOTNET_GENERATE_ASPNET_CERTIFICATE", "false");
    let settings = job.http.settings();
    environment::trust(&mut variables, settings.ca_files.first().map(PathBuf::as_path));
    for (name, value) in proxies(&settings.proxies) {
        // `https_proxy` would be read first.
        environment::set(&mut variables, name, value);
    }
    Ok(variables)
}

/// The variables that lead .NET through these proxies. In capital letters only: of `http_proxy` NuGet takes the password
/// without decoding it.
fn proxies(proxies: &[Proxy]) -> Vec<(&'static str, String)> {
    let mut variables: Vec<(&str, String)> = Vec::new();
    for proxy in proxies {
        let names: &[&str] = match proxy.scope {
            ProxyScope::All => &["HTTP_PROXY", "HTTPS_PROXY"],
            ProxyScope::Https => &["HTTPS_PROXY"],
            ProxyScope::Http => &["HTTP_PROXY"],
        };
        let mut url = proxy.url.clone();
        if let Some((user, password)) = &proxy.credentials {
            // Fails only for URLs that cannot have user info.
            let _ = url.set_username(user).and_then(|()| url.set_password(Some(password.expose())));
        }
        for name in names {
            // The first one counts.
            if !variables.iter().any(|(set, _)| set == name) {
                variables.push((name, url.as_str().trim_end_matches('/').to_owned()));
            }
        }
    }
    let Some(first) = proxies.first() else { return variables };
    let past = directly(&first.no_proxy);
    if !past.is_empty() {
        variables.push(("NO_PROXY", past));
    }
    variables
}

/// The list as .NET reads it: a name there stands for itself alone, and with a dot before it for what lies below it.
fn directly(no_proxy: &str) -> String {
    let mut entries: Vec<String> = Vec::new();
    let mut add = |entry: String| {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    };
    for entry in no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let name = entry.strip_prefix('*').unwrap_or(entry).trim_start_matches('.');
        if name.is_empty() {
            continue;
        }
        add(name.to_owned());
        if name.contains(|c: char| c.is_ascii_alphabetic()) {
            add(format!(".{name}"));
        }
    }
    entries.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;
    use url::Url;

    #[test]
    fn the_agents_proxy_is_told_to_dotnet() {
        let proxy = |scope, address: &str| Proxy {
            scope,
            url: Url::parse(address).unwrap(),
            credentials: None,
            no_proxy: "corp.example,*.a.example,10.1.2.3".into(),
        };
        let past = "corp.example,.corp.example,a.example,.a.example,10.1.2.3";
        let mut of_agent = proxy(ProxyScope::All, "http://proxy.example:3128/");
        of_agent.credentials = Some(("ci@x".into(), Secret::new("p@ss/word")));
        let url = "http://ci%40x:p%40ss%2Fword@proxy.example:3128".to_owned();
        let told = proxies(&[of_agent]);
        let mut expected: Vec<_> = ["HTTP_PROXY", "HTTPS_PROXY"].map(|name| (name, url.clone())).into();
        expected.push(("NO_PROXY", past.to_owned()));
        assert_eq!(told, expected);

        let machines = [proxy(ProxyScope::Https, "http://a:1"), proxy(ProxyScope::All, "http://b:2")];
        let told = proxies(&machines);
        let value = |name| told.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!(value("HTTPS_PROXY"), Some("http://a:1"));
        assert_eq!(value("HTTP_PROXY"), Some("http://b:2"));
        assert_eq!(value("NO_PROXY"), Some(past));
        assert!(proxies(&[]).is_empty());
    }
}
