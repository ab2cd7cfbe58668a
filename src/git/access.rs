//! How git reaches `origin`: credentials, proxy and certificates, as configuration that only the child's environment
//! holds (`GIT_CONFIG_COUNT`, which git 2.31 and newer reads).
//!
//! Contract: what the agent's own checkout does (microsoft/azure-pipelines-agent, `GitSourceProvider.cs`): the header
//! `AUTHORIZATION: bearer <token>` for Azure Repos, its CA file for Azure DevOps' own host, its proxy for all.

use super::remote::Remote;
use crate::http::NetworkSettings;
use crate::secret::Secret;
use url::Url;

/// What the job may give git to reach `origin`.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// URL of the job's organisation or collection, and the job's token, which is for its repositories only.
    pub job: Option<(Url, Secret)>,
    /// Proxy and certificates.
    pub network: NetworkSettings,
}

/// git's configuration for one remote.
#[derive(Debug, Default)]
pub(super) struct Configuration {
    /// Keys and values.
    pub(super) configuration: Vec<(String, Secret)>,
    /// Whether a credential is among them.
    pub(super) has_credential: bool,
}

impl Access {
    /// git's configuration for `origin`. Each key is for exactly its URL, so no setting of the machine takes precedence.
    pub(super) fn configuration(&self, origin: &Remote) -> Configuration {
        let Some(url) = origin.url.as_ref().filter(|url| url.scheme() != "file") else {
            return Configuration::default();
        };
        let mut configuration = Vec::new();
        let mut set = |key: &str, value: &str| {
            configuration.push((format!("http.{url}.{key}"), Secret::new(value)));
        };
        set("sslVerify", if self.network.skip_certificate_validation { "false" } else { "true" });
        match self.network.proxy_for(url) {
            Some(proxy) => set("proxy", proxy.with_credentials().expose()),
            // An empty value is no proxy: this host is on the list of those that are reached directly.
            None if !self.network.proxies.is_empty() => set("proxy", ""),
            None => {}
        }
        let of_job = self.job.as_ref().filter(|(collection, _)| is_in(collection, url));
        if of_job.is_some()
            && let Some(file) = self.network.ca_files.first()
        {
            set("sslCAInfo", &file.display().to_string());
        }
        // For a repository of the job the header that the checkout left has the job's token, too.
        let of_job =
            of_job.map(|(_, token)| Secret::new(format!("AUTHORIZATION: bearer {}", token.expose())));
        let header = origin.header_of_url.clone().or(of_job).or_else(|| origin.header_of_checkout.clone());
        if let Some(header) = &header {
            // git would send the header to where a redirect leads.
            set("followRedirects", "false");
            // An empty value drops the headers before it: servers refuse a request with two Authorization headers.
            set("extraHeader", "");
            set("extraHeader", header.expose());
        }
        Configuration { has_credential: header.is_some(), configuration }
    }
}

/// Whether a repository belongs to the collection: its URL has the same host and port, or is of the same organisation of
/// Azure DevOps Services, which has two names: `https://dev.azure.com/<org>` and `https://<org>.visualstudio.com`.
fn is_in(collection: &Url, repository: &Url) -> bool {
    match (organization(collection), organization(repository)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (None, None) => collection.origin() == repository.origin(),
        _ => false,
    }
}

fn organization(url: &Url) -> Option<&str> {
    if url.scheme() != "https" || url.port().is_some() {
        return None;
    }
    match url.host_str()? {
        "dev.azure.com" => url.path_segments()?.next(),
        host => host.strip_suffix(".visualstudio.com"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Proxy, ProxyScope};

    fn access(collection: &str) -> Access {
        let job = Some((Url::parse(collection).unwrap(), Secret::new("t0k")));
        Access { job, network: NetworkSettings::default() }
    }

    fn lines(access: &Access, origin: &str) -> Vec<String> {
        let configuration = access.configuration(&Remote::new(origin, &[])).configuration.into_iter();
        configuration.map(|(key, value)| format!("{key}={}", value.expose())).collect()
    }

    fn has_token(lines: &[String]) -> bool {
        lines.iter().any(|line| line.contains("t0k"))
    }

    #[test]
    fn the_token_is_for_repositories_of_the_collection_only() {
        let azure = "https://dev.azure.com/org";
        for (collection, origin, allowed) in [
            (azure, "https://dev.azure.com/org/shop/_git/shop", true),
            (azure, "https://org@dev.azure.com/Org/shop/_git/shop", true),
            (azure, "https://org.visualstudio.com/shop/_git/shop", true),
            ("https://org.visualstudio.com", "https://dev.azure.com/org/shop/_git/shop", true),
            (
                "https://org.visualstudio.com",
                "https://org.visualstudio.com/DefaultCollection/shop/_git/shop",
                true,
            ),
            (azure, "https://dev.azure.com/other/shop/_git/shop", false),
            (azure, "https://other.visualstudio.com/org/_git/shop", false),
            (azure, "http://dev.azure.com/org/shop/_git/shop", false),
            (azure, "https://dev.azure.com:8443/org/shop/_git/shop", false),
            (azure, "https://dev.azure.com.evil.example/org/_git/shop", false),
            (azure, "https://dev.azure.com@evil.example/org/_git/shop", false),
            (azure, "https://evil.example/dev.azure.com/org", false),
            (azure, "https://github.com/org/shop", false),
            (azure, "ssh://dev.azure.com/org/shop", false),
            (azure, "git@ssh.dev.azure.com:v3/org/shop/shop", false),
            (azure, "/srv/git/shop", false),
            // The URL holds a credential.
            (azure, "https://org:pat@dev.azure.com/org/shop/_git/shop", false),
            ("https://tfs.corp:8443/tfs/A", "https://tfs.corp:8443/tfs/A/shop/_git/shop", true),
            ("https://tfs.corp:8443/tfs/A", "https://tfs.corp/tfs/A/shop/_git/shop", false),
            ("https://tfs.corp/tfs/A", "http://tfs.corp/tfs/A/shop/_git/shop", false),
        ] {
            let found = lines(&access(collection), origin);
            assert_eq!(has_token(&found), allowed, "{collection} {origin}: {found:?}");
        }
        assert_eq!(
            lines(&access(azure), "https://org@dev.azure.com/org/shop/_git/shop"),
            [
                "http.https://dev.azure.com/org/shop/_git/shop.sslVerify=true",
                "http.https://dev.azure.com/org/shop/_git/shop.followRedirects=false",
                "http.https://dev.azure.com/org/shop/_git/shop.extraHeader=",
                "http.https://dev.azure.com/org/shop/_git/shop.extraHeader=AUTHORIZATION: bearer t0k",
            ]
        );
    }

    #[test]
    fn proxy_and_ca_file_are_those_of_the_agent() {
        let mut access = access("https://tfs.corp/A");
        access.network = NetworkSettings {
            ca_files: vec!["/etc/ca.pem".into()],
            proxies: vec![Proxy {
                scope: ProxyScope::All,
                url: Url::parse("http://proxy.corp").unwrap(),
                credentials: Some(("do main".into(), Secret::new("p@ss"))),
                no_proxy: String::new(),
            }],
            skip_certificate_validation: true,
        };
        assert_eq!(
            lines(&access, "https://tfs.corp/A/_git/shop")[..3],
            [
                "http.https://tfs.corp/A/_git/shop.sslVerify=false",
                "http.https://tfs.corp/A/_git/shop.proxy=http://do%20main:p%40ss@proxy.corp:80",
                "http.https://tfs.corp/A/_git/shop.sslCAInfo=/etc/ca.pem"
            ]
        );
        // The agent's CA file is for its Azure DevOps; the machine knows who signs for other hosts.
        assert_eq!(lines(&access, "https://github.com/a/b").len(), 2);
        access.network.proxies[0].no_proxy = "github.com".into();
        assert_eq!(lines(&access, "https://github.com/a/b")[1], "http.https://github.com/a/b.proxy=");
        assert_eq!(lines(&access, "git@github.com:a/b"), Vec::<String>::new());
    }
}
