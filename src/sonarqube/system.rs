//! The server itself: is it there, is it up, what can it do, does it know the token.

use super::client::{SonarQube, text};
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
    /// On its way: asking again helps.
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

impl SonarQube {
    /// Asks for the state.
    ///
    /// # Errors
    /// No answer, or an answer that isn't SonarQube's.
    pub async fn availability(&self) -> Result<Availability, Error> {
        let url = self.url("api/system/status", &[]);
        let answer = match self.value(url).await {
            Ok(answer) => answer,
            Err(Error { fault: Fault::Unavailable(_), .. }) => {
                return Ok(Availability::Starting("503 Service Unavailable".into()));
            }
            Err(error) => return Err(error),
        };
        let required = |key| text(&answer.value, key).ok_or_else(|| answer.without(key));
        let (version, status) = (required("version")?, required("status")?);
        Ok(match status {
            "UP" => Availability::Up {
                version: ServerVersion::parse(version).ok_or_else(|| Error {
                    url: answer.url.clone(),
                    fault: Fault::NotTheApi(format!("the version {version:?}")),
                })?,
                date: answer.date,
            },
            "STARTING" | "RESTARTING" | "DB_MIGRATION_RUNNING" => Availability::Starting(status.to_owned()),
            _ => Availability::Down(status.to_owned()),
        })
    }

    /// Whether the server knows the token.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn authenticate(&self) -> Result<Authenticated, Error> {
        #[derive(Deserialize)]
        struct Validation {
            valid: bool,
        }
        let validation: Validation = self.json(self.url("api/authentication/validate", &[])).await?;
        Ok(if validation.valid { Authenticated::Yes } else { Authenticated::No })
    }

    /// What the server can do. Any valid token may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn facts(&self, version: ServerVersion) -> Result<ServerFacts, Error> {
        if self.kind() == ServerKind::Cloud {
            return Ok(ServerFacts { kind: ServerKind::Cloud, version, edition: None, branch_support: true });
        }
        let edition = self.edition().await?;
        let branch_support = match self.features().await? {
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
        match self.value(self.url("api/settings/values", &[("keys", "sonar.core.serverBaseURL")])).await {
            Ok(answer) => Ok(answer
                .list("settings")?
                .first()
                .and_then(|setting| text(setting, "value"))
                .map(str::to_owned)),
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn edition(&self) -> Result<Option<Edition>, Error> {
        #[derive(Deserialize)]
        struct Global {
            edition: Option<String>,
        }
        let global: Global = self.json(self.url("api/navigation/global", &[])).await?;
        // An edition this version has not heard of is no reason to fail.
        Ok(global.edition.as_deref().and_then(Edition::parse))
    }

    async fn features(&self) -> Result<Option<Vec<String>>, Error> {
        match self.json(self.url("api/features/list", &[])).await {
            Ok(features) => Ok(Some(features)),
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
        #[derive(Deserialize)]
        struct Current {
            permissions: Option<Permissions>,
        }
        #[derive(Deserialize)]
        struct Permissions {
            #[serde(default)]
            global: Vec<String>,
        }
        let current: Current = self.json(self.url("api/users/current", &[])).await?;
        Ok(current
            .permissions
            .is_some_and(|permissions| permissions.global.iter().any(|name| name == "provisioning")))
    }
}
