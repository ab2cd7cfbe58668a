//! How git reaches `origin`: credentials, proxy and certificates, as configuration that only the child's environment
//! holds (`GIT_CONFIG_COUNT`, which git 2.31 and newer reads).
//!
//! Contract: what the agent's own checkout does (microsoft/azure-pipelines-agent, `GitSourceProvider.cs`): the header
//! `AUTHORIZATION: bearer <token>` for Azure Repos, its CA file for Azure DevOps' own host, its proxy for all. What
//! `persistCredentials: true` left in the clone's configuration git uses by itself.

use crate::http::{ProxyScope, Settings};
use crate::secret::Secret;
use url::Url;

/// What the job may give git to reach `origin`.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// URL of the job's organisation or collection, and the job's token, which is for its repositories only.
    pub job: Option<(Url, Secret)>,
    /// Proxy and certificates.
    pub network: Settings,
}

impl Access {
    /// git's configuration for the remote at the URL `origin`: keys and values.
    ///
    /// The token is bound to this very URL, which no setting of the machine can outbid, and redirects are off for
    /// it: git would send the header on to where they lead.
    pub(super) fn configuration(&self, origin: &str) -> Vec<(String, Secret)> {
        let Ok(url) = Url::parse(origin) else { return Vec::new() };
        if !matches!(url.scheme(), "http" | "https") {
            return Vec::new();
        }
        let mut configuration = Vec::new();
        let mut set = |key: String, value: &str| configuration.push((key, Secret::new(value)));
        if let Some(proxy) = self.network.proxies.iter().find(|proxy| proxy.scope == ProxyScope::All) {
            set("http.proxy".into(), &proxy_url(&proxy.url, proxy.credentials.as_ref()));
        }
        if self.network.skip_certificate_validation {
            set("http.sslVerify".into(), "false");
        }
        if let Some((collection, token)) = &self.job
            && is_in(collection, &url)
        {
            if let Some(file) = self.network.ca_files.first() {
                set(format!("http.{origin}.sslCAInfo"), &file.display().to_string());
            }
            if url.password().is_none() {
                set(format!("http.{origin}.followRedirects"), "false");
                // An empty value drops the headers before it: two Authorization headers are an error to servers.
                set(format!("http.{origin}.extraHeader"), "");
                set(
                    format!("http.{origin}.extraHeader"),
                    &format!("AUTHORIZATION: bearer {}", token.expose()),
                );
                // If the token is refused, no program is asked for another: it would see this one.
                set("credential.helper".into(), "");
            }
        }
        configuration
    }
}

/// What git would start beside what it is asked for: programs that the clone's configuration names, which would have the
/// token in their environment, and a clean-up that goes on in the background.
const NOTHING_ELSE: [(&str, &str); 6] = [
    ("core.alternateRefsCommand", ""),
    ("core.fsmonitor", "false"),
    ("core.hooksPath", "/dev/null"),
    ("gc.auto", "0"),
    ("maintenance.auto", "false"),
    // With `remote.origin.vcs` a file in the clone would be what reaches `origin`.
    ("protocol.ext.allow", "never"),
];

/// `configuration` as variables, behind the `already` entries that the environment holds, with what keeps git from
/// starting anything else.
pub(super) fn variables(mut configuration: Vec<(String, Secret)>, already: usize) -> Vec<(String, Secret)> {
    configuration.extend(NOTHING_ELSE.map(|(key, value)| (key.to_owned(), Secret::new(value))));
    let count = already + configuration.len();
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), Secret::new(count.to_string()))];
    for (number, (key, value)) in (already..).zip(configuration) {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), Secret::new(key)));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), value));
    }
    variables
}

/// With the port, without which git takes 1080.
fn proxy_url(url: &Url, credentials: Option<&(String, Secret)>) -> String {
    let mut with_user = url.clone();
    if let Some((user, password)) = credentials {
        // Fails only for URLs that cannot have user info.
        let _ = with_user.set_username(user).and_then(|()| with_user.set_password(Some(password.expose())));
    }
    let text = with_user.as_str().trim_end_matches('/');
    match (url.port(), url.port_or_known_default()) {
        (None, Some(port)) => format!("{text}:{port}"),
        _ => text.to_owned(),
    }
}

/// Whether a repository's URL is one of the collection: on its very host and port, or of the same organisation of Azure
/// DevOps Services, whose two names are `https://dev.azure.com/<org>` and `https://<org>.visualstudio.com`.
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
    use crate::http::Proxy;

    fn access(collection: &str) -> Access {
        let job = Some((Url::parse(collection).unwrap(), Secret::new("t0k")));
        Access { job, network: Settings::default() }
    }

    fn lines(access: &Access, origin: &str) -> Vec<String> {
        let configuration = access.configuration(origin).into_iter();
        configuration.map(|(key, value)| format!("{key}={}", value.expose())).collect()
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
            // The user's own.
            (azure, "https://org:pat@dev.azure.com/org/shop/_git/shop", false),
            ("https://tfs.corp:8443/tfs/A", "https://tfs.corp:8443/tfs/A/shop/_git/shop", true),
            ("https://tfs.corp:8443/tfs/A", "https://tfs.corp/tfs/A/shop/_git/shop", false),
            ("https://tfs.corp/tfs/A", "http://tfs.corp/tfs/A/shop/_git/shop", false),
        ] {
            let found = lines(&access(collection), origin);
            let expected = if allowed {
                vec![
                    format!("http.{origin}.followRedirects=false"),
                    format!("http.{origin}.extraHeader="),
                    format!("http.{origin}.extraHeader=AUTHORIZATION: bearer t0k"),
                    "credential.helper=".to_owned(),
                ]
            } else {
                Vec::new()
            };
            assert_eq!(found, expected, "{collection} {origin}");
        }
    }

    #[test]
    fn proxy_and_certificates() {
        let mut access = access("https://tfs.corp/A");
        access.network = Settings {
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
                "http.proxy=http://do%20main:p%40ss@proxy.corp:80",
                "http.sslVerify=false",
                "http.https://tfs.corp/A/_git/shop.sslCAInfo=/etc/ca.pem"
            ]
        );
        // The agent's authorities are those of its Azure DevOps; what signs other hosts, the machine knows.
        assert_eq!(lines(&access, "https://github.com/a/b").len(), 2);
        assert_eq!(lines(&access, "file:///srv/git"), Vec::<String>::new());
    }

    #[test]
    fn variables_come_behind_those_there_are() {
        let configuration = vec![("a.b".to_owned(), Secret::new("1")), ("c.d".to_owned(), Secret::new("2"))];
        let variables: Vec<_> = variables(configuration, 3)
            .into_iter()
            .map(|(name, value)| format!("{name}={}", value.expose()))
            .collect();
        assert_eq!(
            variables[..5],
            [
                "GIT_CONFIG_COUNT=11",
                "GIT_CONFIG_KEY_3=a.b",
                "GIT_CONFIG_VALUE_3=1",
                "GIT_CONFIG_KEY_4=c.d",
                "GIT_CONFIG_VALUE_4=2"
            ]
        );
    }
}
