//! The service connection of a task, and the job's own connection to Azure DevOps.
//!
//! Contract: the agent sets `ENDPOINT_URL_<id>`, `ENDPOINT_AUTH_<id>` (JSON) and
//! `ENDPOINT_AUTH_PARAMETER_<id>_<KEY>`; the value of a connectedService input is the id.

use super::env::Environment;
use super::variables::Predefined;
use crate::analysis::ServerKind;
use crate::error::{Error, Result};
use crate::http::{Authentication, parse_url};
use crate::secret::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;
use url::{Host, Url};

/// How to reach SonarQube, from the task's input.
#[derive(Debug, Clone)]
pub(crate) struct ServiceConnection {
    /// Base URL, without a trailing slash in its path.
    pub url: Url,
    /// Server or Cloud.
    pub kind: ServerKind,
    /// The token; with a password: the user name.
    pub token: Secret,
    /// Password of a user, in connections that were made with user name and password.
    pub password: Option<Secret>,
}

/// The three inputs, because Azure checks the type of a connection: input name, secret parameter.
const INPUTS: [(&str, &str); 3] =
    [("SonarQube", "username"), ("SonarCloud", "apitoken"), ("connection", "apitoken")];

impl ServiceConnection {
    /// Reads the connection of a task that works without one, too.
    ///
    /// # Errors
    /// More than one is chosen; it has no URL or no token.
    pub(crate) fn read_if_chosen(env: &Environment) -> Result<Option<Self>> {
        if INPUTS.iter().all(|(input, _)| env.input(input).is_none()) {
            return Ok(None);
        }
        Self::read(env).map(Some)
    }

    /// Reads the connection that the inputs name.
    ///
    /// # Errors
    /// None or more than one is chosen; it has no URL or no token.
    pub(crate) fn read(env: &Environment) -> Result<Self> {
        let chosen: Vec<_> = INPUTS
            .into_iter()
            .filter_map(|(input, parameter)| env.input(input).map(|id| (input, id.to_owned(), parameter)))
            .collect();
        let (input, id, parameter) = match chosen.as_slice() {
            [one] => one.clone(),
            [] => {
                return Err(Error::new("no service connection is chosen").hint(
                    "Set one of the inputs SonarQube, SonarCloud or connection to the name of a service connection \
                     (Project settings > Service connections).",
                ));
            }
            several => {
                let names: Vec<_> = several.iter().map(|(input, ..)| *input).collect();
                return Err(Error::new(format!(
                    "more than one service connection is chosen: {}",
                    names.join(" and ")
                ))
                .hint("Keep the connection to the server that analyses this project, and remove the other input."));
            }
        };
        let broken = |what: &str| {
            Error::new(format!("the service connection of the input {input} has no {what}"))
                .hint("Correct it under Project settings > Service connections.")
        };
        let url = env.exact_value(&format!("ENDPOINT_URL_{id}")).ok_or_else(|| broken("URL"))?;
        let url = parse_base_url(url).ok_or_else(|| broken("usable URL (http:// or https://)"))?;
        let wrong = |what: String, hint: &str| {
            Err(Error::new(format!("the URL of the service connection of the input {input} {what}"))
                .hint(hint))
        };
        if has_user_info(&url) {
            return wrong(
                "contains a user name or a password".into(),
                "Remove them, because logs and links may show the URL. The service connection has a field for the token.",
            );
        }
        if input == "SonarCloud" && !is_cloud(&url) && !is_this_machine(&url) {
            return wrong(
                format!("leads to {}, which is not SonarQube Cloud", url.host_str().unwrap_or_default()),
                "Set it to https://sonarcloud.io or https://sonarqube.us. For your own server use a connection of the \
                 type SonarQube Server and the input SonarQube.",
            );
        }
        let token = parameter_of(env, &id, parameter)
            // A connection of the generic or of an older type may keep its token under the other name.
            .or_else(|| parameter_of(env, &id, "apitoken"))
            .or_else(|| parameter_of(env, &id, "username"))
            .ok_or_else(|| broken("token"))?;
        let password = if parameter == "username" { parameter_of(env, &id, "password") } else { None };
        let kind =
            if input == "SonarCloud" || is_cloud(&url) { ServerKind::Cloud } else { ServerKind::Server };
        Ok(Self { url, kind, token: Secret::new(token), password: password.map(Secret::new) })
    }

    #[cfg(feature = "cli")]
    /// Reads the connection of a command that people or scripts run: `SONAR_HOST_URL` and `SONAR_TOKEN`.
    ///
    /// # Errors
    /// One of them is not set, or the URL is not usable.
    pub(crate) fn from_variables(env: &Environment) -> Result<Self> {
        let value = |name: &str, hint: &str| {
            env.value(name)
                .ok_or_else(|| Error::new(format!("the environment variable {name} is not set")).hint(hint))
        };
        let url = value(
            "SONAR_HOST_URL",
            "Set it to the server's address, such as https://sonarqube.example.com.",
        )?;
        let token = value(
            "SONAR_TOKEN",
            "Set it to a token of SonarQube. There is no option for it, because other users of the machine can see the command line.",
        )?;
        let url = parse_base_url(url).ok_or_else(|| {
            Error::new("SONAR_HOST_URL is not a usable URL").hint("Begin it with http:// or https://.")
        })?;
        if has_user_info(&url) {
            return Err(Error::new("SONAR_HOST_URL contains a user name or a password")
                .hint("Remove them. The token is read from SONAR_TOKEN."));
        }
        let kind = if is_cloud(&url) { ServerKind::Cloud } else { ServerKind::Server };
        Ok(Self { url, kind, token: Secret::new(token.trim()), password: None })
    }

    /// Whether requests cross a network without encryption.
    pub(crate) fn is_unencrypted(&self) -> bool {
        self.url.scheme() == "http" && !is_this_machine(&self.url)
    }

    /// How requests authenticate: Cloud by Bearer, Server by Basic, which every version understands.
    pub(crate) fn authentication(&self) -> Authentication {
        authentication(self.kind, &self.token, self.password.as_ref())
    }
}

/// The authentication for a token, or for a user name and password.
pub(crate) fn authentication(kind: ServerKind, token: &Secret, password: Option<&Secret>) -> Authentication {
    match (kind, password) {
        (ServerKind::Cloud, _) => Authentication::Bearer(token.clone()),
        (ServerKind::Server, None) => Authentication::BasicToken(token.clone()),
        (ServerKind::Server, Some(password)) => {
            Authentication::BasicPassword { user: token.clone(), password: password.clone() }
        }
    }
}

/// An `http` or `https` URL whose path has no trailing slash.
fn parse_base_url(text: &str) -> Option<Url> {
    let mut url = parse_url(text.trim()).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// Whether the host is this machine: a loopback address, or a name that always stands for one.
fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether this is SonarQube Cloud, of either region.
fn is_cloud(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    ["sonarcloud.io", "sonarqube.us"]
        .iter()
        .any(|cloud| host == *cloud || host.strip_suffix(cloud).is_some_and(|h| h.ends_with('.')))
}

fn parameter_of(env: &Environment, id: &str, parameter: &str) -> Option<String> {
    let direct = format!("ENDPOINT_AUTH_PARAMETER_{id}_{}", parameter.to_uppercase());
    let direct = env.exact_value(&direct).map(str::to_owned);
    direct.or_else(|| {
        authorization(env, id)?.into_iter().find_map(|(key, value)| {
            (key.eq_ignore_ascii_case(parameter) && !value.is_empty()).then_some(value)
        })
    })
}

#[derive(Deserialize)]
struct AuthorizationJson {
    #[serde(default)]
    parameters: BTreeMap<String, Option<String>>,
}

fn authorization(env: &Environment, id: &str) -> Option<BTreeMap<String, String>> {
    let json = env.exact_value(&format!("ENDPOINT_AUTH_{id}"))?;
    let parsed: AuthorizationJson = serde_json::from_str(json).ok()?;
    Some(parsed.parameters.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

/// The access token of the job's own connection, `SYSTEMVSSCONNECTION`: tasks get it and scripts do not. A variable
/// that would replace it is refused (`hidden`), unlike `System.AccessToken`, which any step may set.
pub(crate) fn job_token(env: &Environment) -> Option<Secret> {
    parameter_of(env, "SYSTEMVSSCONNECTION", "AccessToken").map(Secret::new)
}

/// The connection every job has to its own Azure DevOps: `SYSTEMVSSCONNECTION`.
#[derive(Debug, Clone)]
pub(crate) struct JobConnection {
    /// URL of the organisation or collection, without a trailing slash.
    pub collection: Url,
    /// The job's access token.
    pub token: Secret,
}

impl JobConnection {
    /// Reads it; `None` outside a job.
    ///
    /// Its URL comes from the connection itself, which `task.setendpoint` of another step changes on agents before June 2026
    /// (microsoft/azure-pipelines-agent, pull request 5578), and a variable on those before July 2026, which `hidden` refuses. The agent of an Azure DevOps Server rewrites it, `System.TeamFoundationCollectionUri`
    /// and the URLs of repositories to the host that it was configured with, and leaves `System.CollectionUri` the server's
    /// public one (`JobRunner.cs`).
    pub(crate) fn read(env: &Environment, predefined: &Predefined) -> Option<Self> {
        let token = parameter_of(env, "SYSTEMVSSCONNECTION", "AccessToken")
            .or_else(|| env.secret_variable("System.AccessToken").map(str::to_owned))?;
        let collection = env
            .exact_value("ENDPOINT_URL_SYSTEMVSSCONNECTION")
            .or(predefined.system_teamfoundationcollectionuri.as_deref())
            .or(predefined.system_collectionuri.as_deref())?;
        let mut collection = parse_base_url(collection)?;
        if let Some(host) = host_of_builds(&collection) {
            collection.set_host(Some(&host)).ok()?;
        }
        Some(Self { collection, token: Secret::new(token) })
    }
}

/// The host that has an organisation's builds, where a release of Azure DevOps Services names that of its releases.
fn host_of_builds(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    let is_services = [".dev.azure.com", ".visualstudio.com"].iter().any(|suffix| host.ends_with(suffix));
    (is_services && host.split('.').any(|part| part == "vsrm")).then(|| host.replacen("vsrm.", "", 1))
}

#[cfg(test)]
mod tests;
