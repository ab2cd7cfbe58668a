//! The server as a whole: is it up, what can it do, does it know the token, and what may the token do.

use super::client::{Answer, SonarQube, if_allowed};
use super::error::{Error, Fault};
use crate::analysis::{Edition, ServerFacts, ServerKind, ServerVersion};
use serde::Deserialize;

/// The state of a server, from `api/system/status`, which needs no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// Up, with its version, and the time by its own clock in seconds since 1970 if it told.
    Up {
        /// The version.
        version: ServerVersion,
        /// From the Date header.
        date: Option<u64>,
    },
    /// It starts, restarts or migrates its database: it will be up soon.
    Starting(String),
    /// It needs an administrator.
    Down(String),
}

/// What the token is, by `api/authentication/validate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authenticated {
    /// The server accepts it.
    Yes,
    /// Wrong, expired or revoked.
    No,
}

#[derive(Deserialize)]
struct StatusJson {
    version: String,
    status: String,
}

#[derive(Deserialize)]
struct ValidationJson {
    valid: bool,
}

#[derive(Deserialize)]
struct SettingsJson {
    settings: Vec<SettingJson>,
}

#[derive(Deserialize)]
struct SettingJson {
    value: Option<String>,
}

#[derive(Deserialize)]
struct NavigationJson {
    edition: Option<String>,
}

#[derive(Deserialize)]
struct UserJson {
    permissions: Option<PermissionsJson>,
}

#[derive(Deserialize)]
struct PermissionsJson {
    #[serde(default)]
    global: Vec<String>,
}

impl SonarQube {
    /// Asks for the state.
    ///
    /// # Errors
    /// No answer, or an answer that is not SonarQube's.
    pub async fn availability(&self) -> Result<Availability, Error> {
        let url = self.url("api/system/status", &[]);
        let Answer { value: StatusJson { version, status }, url, date } = match self.json(url).await {
            Ok(answer) => answer,
            Err(Error { fault: Fault::Unavailable(_), .. }) => {
                return Ok(Availability::Starting("503 Service Unavailable".into()));
            }
            Err(error) => return Err(error),
        };
        Ok(match status.as_str() {
            "UP" => Availability::Up {
                version: ServerVersion::parse(&version).ok_or_else(|| Error {
                    url,
                    fault: Fault::NotTheApi(format!("the version {version:?}")),
                })?,
                date,
            },
            "STARTING" | "RESTARTING" | "DB_MIGRATION_RUNNING" => Availability::Starting(status),
            _ => Availability::Down(status),
        })
    }

    /// Whether the server knows the token.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn authenticate(&self) -> Result<Authenticated, Error> {
        let answer = self.json::<ValidationJson>(self.url("api/authentication/validate", &[])).await?;
        Ok(if answer.value.valid { Authenticated::Yes } else { Authenticated::No })
    }

    /// What the server can do. Any valid token may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn facts(&self, version: ServerVersion) -> Result<ServerFacts, Error> {
        if self.kind() == ServerKind::Cloud {
            return Ok(ServerFacts { kind: ServerKind::Cloud, version, edition: None, branch_support: true });
        }
        let (edition, features) = tokio::join!(self.edition(), self.features());
        let edition = edition?;
        let branch_support = match features? {
            Some(features) => features.iter().any(|feature| feature == "branch-support"),
            // Servers before 9.0 have no list: branches came with every edition but the first.
            None => edition.is_some_and(|edition| edition != Edition::Community),
        };
        Ok(ServerFacts { kind: ServerKind::Server, version, edition, branch_support })
    }

    /// The address the server goes by (`sonar.core.serverBaseURL`), which scanners write into their
    /// reports; `None` when none is set or the token may not ask.
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn public_url(&self) -> Result<Option<String>, Error> {
        let url = self.url("api/settings/values", &[("keys", "sonar.core.serverBaseURL")]);
        let answer = if_allowed(self.json::<SettingsJson>(url).await)?;
        Ok(answer.and_then(|answer| answer.value.settings.into_iter().next()?.value))
    }

    async fn edition(&self) -> Result<Option<Edition>, Error> {
        let answer = self.json::<NavigationJson>(self.url("api/navigation/global", &[])).await?;
        // An edition that this version does not know is not an error.
        Ok(answer.value.edition.as_deref().and_then(Edition::parse))
    }

    async fn features(&self) -> Result<Option<Vec<String>>, Error> {
        match self.json(self.url("api/features/list", &[])).await {
            Ok(answer) => Ok(Some(answer.value)),
            Err(Error { fault: Fault::NotFound(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the token may create projects, by the global permissions of `api/users/current`: empty
    /// for project tokens, those of token and owner for others (observed on 10.7 and 26.9).
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn may_create_projects(&self) -> Result<bool, Error> {
        let answer = self.json::<UserJson>(self.url("api/users/current", &[])).await?;
        Ok(answer
            .value
            .permissions
            .is_some_and(|permissions| permissions.global.iter().any(|name| name == "provisioning")))
    }
}
