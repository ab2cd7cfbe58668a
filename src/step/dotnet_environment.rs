//! What `dotnet`, and the scanner that it runs, see of the environment: the agent's proxy and authorities, a home, and
//! nothing that would load other code into them.
//!
//! Contract: .NET's documentation of `HttpClient.DefaultProxy` (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), NuGet's
//! of `http_proxy`, and "DOTNET_* environment variables"; on Linux .NET trusts what OpenSSL's `SSL_CERT_FILE` names, beside
//! the machine's folder of certificates.

use super::{Job, machine};
use crate::error::{Error, Result};
use crate::http::{Proxy, ProxyScope};
use std::ffi::OsString;
use std::path::Path;
use url::Url;

type Variables = Vec<(OsString, OsString)>;

/// Code that .NET would load into every program. The build may want that; a program that is verified, and holds the token,
/// does not.
const INJECTED: &[&str] = &[
    "DOTNET_STARTUP_HOOKS",
    "DOTNET_ADDITIONAL_DEPS",
    "DOTNET_SHARED_STORE",
    "CORECLR_ENABLE_PROFILING",
    "COR_ENABLE_PROFILING",
];

/// For the scanner, which finds its own way to the server: nothing loads other code into it, and it trusts the agent's
/// authorities.
pub(super) fn for_scanner(job: &Job) -> Variables {
    let mut variables = job.environment.for_children();
    protect(job, &mut variables);
    variables
}

/// For the commands that install and verify packages: with the credentials for feeds that NuGetAuthenticate@1 leaves.
///
/// # Errors
/// Likewise.
pub(super) fn for_nuget(job: &Job) -> Result<Variables> {
    let mut variables = job.environment.for_nuget();
    equip(job, &mut variables)?;
    Ok(variables)
}

fn protect(job: &Job, variables: &mut Variables) {
    variables.retain(|(name, _)| {
        !INJECTED.iter().any(|injected| name.to_string_lossy().eq_ignore_ascii_case(injected))
    });
    if let Some(file) = job.http.settings().ca_files.first()
        && cfg!(target_os = "linux")
        && job.environment.value("SSL_CERT_FILE").is_none()
    {
        set(variables, "SSL_CERT_FILE", &file.display().to_string());
    }
}

fn equip(job: &Job, variables: &mut Variables) -> Result<()> {
    protect(job, variables);
    set(variables, "DOTNET_NOLOGO", "1");
    set(variables, "DOTNET_CLI_TELEMETRY_OPTOUT", "1");
    set(variables, "DOTNET_GENERATE_ASPNET_CERTIFICATE", "false");
    let has_home = job.environment.value(machine::HOME).is_some_and(|home| Path::new(home).is_dir());
    if !has_home && job.environment.value("DOTNET_CLI_HOME").is_none() {
        let home = job.predefined.temp_directory()?.join("sonar-azdo-dotnet");
        std::fs::create_dir_all(&home).map_err(|error| {
            Error::new(format!("the folder {} can't be made: {error}", home.display()))
                .hint("Let the agent's user write to Agent.TempDirectory.")
        })?;
        set(variables, "DOTNET_CLI_HOME", &home.display().to_string());
    }
    let settings = job.http.settings();
    for (name, value) in proxies(&settings.proxies, None) {
        set(variables, name, &value);
    }
    Ok(())
}

/// The variables that lead .NET through these proxies; `server` is reached directly if our own requests are.
fn proxies(proxies: &[Proxy], server: Option<&Url>) -> Vec<(&'static str, String)> {
    let mut variables = Vec::new();
    for proxy in proxies {
        let names: &[&str] = match proxy.scope {
            // NuGet reads `http_proxy` for all feeds, and in small letters only.
            ProxyScope::All => &["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"],
            ProxyScope::Https => &["https_proxy", "HTTPS_PROXY"],
            ProxyScope::Http => &["http_proxy", "HTTP_PROXY"],
        };
        let mut url = proxy.url.clone();
        if let Some((user, password)) = &proxy.credentials {
            // Fails only for URLs that can't have user info.
            let _ = url.set_username(user).and_then(|()| url.set_password(Some(password.expose())));
        }
        variables.extend(names.iter().map(|name| (*name, url.as_str().trim_end_matches('/').to_owned())));
    }
    let Some(first) = proxies.first() else { return variables };
    let past = directly(&first.no_proxy, server.filter(|server| goes_past(proxies, server)));
    if !past.is_empty() {
        variables.extend(["no_proxy", "NO_PROXY"].map(|name| (name, past.clone())));
    }
    variables
}

fn goes_past(proxies: &[Proxy], url: &Url) -> bool {
    let settings = crate::http::Settings { proxies: proxies.to_vec(), ..Default::default() };
    settings.proxy_for(url).is_none()
}

/// The list as .NET reads it: a name there stands for itself alone, and with a dot before it for what lies below it.
fn directly(no_proxy: &str, server: Option<&Url>) -> String {
    let mut entries: Vec<String> = Vec::new();
    let mut add = |entry: String| {
        if !entries.contains(&entry) {
            entries.push(entry);
        }
    };
    for entry in no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let name = entry.trim_start_matches('.');
        add(name.to_owned());
        if name.contains(|c: char| c.is_ascii_alphabetic()) {
            add(format!(".{name}"));
        }
    }
    if let Some(host) = server.and_then(Url::host_str) {
        add(host.to_owned());
    }
    entries.join(",")
}

fn set(variables: &mut Variables, name: &str, value: &str) {
    variables.retain(|(other, _)| other != name);
    variables.push((name.into(), value.into()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    #[test]
    fn the_agents_proxy_is_told_to_dotnet() {
        let proxy = |scope, address: &str| Proxy {
            scope,
            url: Url::parse(address).unwrap(),
            credentials: None,
            no_proxy: "corp.example,.a.example,10.1.2.3".into(),
        };
        let server = Url::parse("https://sonar.corp.example/x").unwrap();
        let past = "corp.example,.corp.example,a.example,.a.example,10.1.2.3";
        let mut of_agent = proxy(ProxyScope::All, "http://proxy.example:3128/");
        of_agent.credentials = Some(("ci@x".into(), Secret::new("p@ss/word")));
        let url = "http://ci%40x:p%40ss%2Fword@proxy.example:3128".to_owned();
        let told = proxies(&[of_agent], Some(&server));
        let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"];
        let mut expected: Vec<_> = names.map(|name| (name, url.clone())).into();
        let with_server = format!("{past},sonar.corp.example");
        expected.extend(["no_proxy", "NO_PROXY"].map(|name| (name, with_server.clone())));
        assert_eq!(told, expected);

        let machines = [proxy(ProxyScope::Https, "http://a:1"), proxy(ProxyScope::Http, "http://b:2")];
        let elsewhere = Url::parse("https://sonar.example").unwrap();
        let told = proxies(&machines, Some(&elsewhere));
        let value = |name| told.iter().find(|(n, _)| *n == name).map(|(_, value)| value.as_str());
        assert_eq!(value("https_proxy"), Some("http://a:1"));
        assert_eq!(value("HTTP_PROXY"), Some("http://b:2"));
        assert_eq!(value("NO_PROXY"), Some(past));
        assert!(proxies(&[], Some(&server)).is_empty());
    }
}
