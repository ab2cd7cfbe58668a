//! Makes sure that the server can be worked with, before anything else is done.

use crate::agent::{ServiceConnection, allow_http};
use crate::analysis::{ServerKind, ServerVersion};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::http::Retry;
use crate::sonarqube::{Authenticated, Availability, ProjectAccess, SonarQube};
use crate::step::job::Job;
use std::time::Instant;

/// The server, as `connection` reaches it.
pub(super) fn connect(job: &Job, connection: &ServiceConnection) -> SonarQube {
    let api = SonarQube::api_url_of(&connection.url, connection.kind);
    let authentication = connection.authentication();
    SonarQube::new(job.http.clone(), connection.url.clone(), api, connection.kind, authentication)
}

/// Warns of a connection that everybody between here and the server may read and change.
pub(super) fn warn_of_http(job: &Job, connection: &ServiceConnection) -> Result<()> {
    if connection.is_unencrypted() && !allow_http(&job.environment)? {
        tracing::warn!(
            "The service connection uses http: whoever is on the network between this agent and {} can read the token, \
             change the verdict, and replace the scanner engine and the Java runtime, whose hashes travel the same way. \
             Use https, or set allowHttp: true if that network is trusted",
            connection.url.as_str().trim_end_matches('/')
        );
    }
    Ok(())
}

/// Makes sure that the server knows the token.
pub(super) async fn check_token(server: &SonarQube) -> Result<()> {
    let doing = "check the token";
    if server.authenticate().await.map_err(|error| error.explain(doing))? == Authenticated::Yes {
        return Ok(());
    }
    Err(Error::new(format!("{} does not accept the token of the service connection", server.address())).hint(
        "It is wrong, expired or revoked (401). Generate a new one in SonarQube (My Account > Security) and store it in the \
         service connection.",
    ))
}

/// Waits until the server is up, and makes sure that its version is not too old. Returns the version, and the server's clock
/// in seconds since 1970, if it told.
pub(super) async fn wait_until_up(
    server: &SonarQube,
    cancellation: &Cancellation,
) -> Result<(ServerVersion, Option<u64>)> {
    let (version, date) = up(server, cancellation).await?;
    let (major, minor) = ServerVersion::OLDEST;
    if server.kind() == ServerKind::Server && !version.at_least(major, minor) {
        return Err(Error::new(format!("{} runs SonarQube {version}", server.address())).hint(format!(
            "This extension works with SonarQube {major}.{minor} and newer: upgrade the server."
        )));
    }
    Ok((version, date))
}

async fn up(server: &SonarQube, cancellation: &Cancellation) -> Result<(ServerVersion, Option<u64>)> {
    let (retry, started, mut attempts) = (Retry::wait_until_up(), Instant::now(), 0);
    loop {
        let state = match server.availability().await.map_err(|error| error.explain("reach SonarQube"))? {
            Availability::Up { version, date } => return Ok((version, date)),
            Availability::Down(state) => {
                return Err(Error::new(format!("{} is not up: its state is {state}", server.address()))
                    .hint("An administrator has to look at the server (a database migration may be due)."));
            }
            Availability::Starting(state) => state,
        };
        attempts += 1;
        let Some(pause) = retry.pause(attempts, started.elapsed(), None) else {
            return Err(Error::new(format!(
                "{} is still not up after {} seconds: its state is {state}",
                server.address(),
                retry.total().as_secs()
            ))
            .hint("Run the build again once the server has started."));
        };
        tracing::info!("{} is not up yet ({state}); waiting", server.address());
        cancellation.unless_requested(tokio::time::sleep(pause)).await?;
    }
}

/// Makes sure that the token may analyse the project, or create it when there is none.
pub(super) async fn check_project(server: &SonarQube, key: &str) -> Result<ProjectAccess> {
    let doing = format!("ask for the project {key}");
    let access = server.project_access(key).await.map_err(|error| error.explain(&doing))?;
    match &access {
        ProjectAccess::Granted => {}
        ProjectAccess::Denied(reason) => {
            return Err(Error::new(format!(
                "the token may not analyse the project {key}: {} answered 403: {reason}",
                server.address()
            ))
            .hint(
                "Use a project analysis token of this project or a global analysis token, or grant the token's owner \
                 Execute Analysis (Project Settings > Permissions).",
            ));
        }
        // Cloud creates no project for an analysis and has its own words for it.
        ProjectAccess::Unknown if server.kind() == ServerKind::Cloud => {}
        ProjectAccess::Unknown => {
            let may_create = server
                .may_create_projects()
                .await
                .map_err(|error| error.explain("ask for the token's rights"))?;
            if !may_create {
                return Err(Error::new(format!(
                    "the project {key} does not exist on {}, and the token may not create it",
                    server.address()
                ))
                .hint(
                    "Check the spelling of the key, or create the project in SonarQube first, or use a global analysis \
                     token of a user with the right Create Projects.",
                ));
            }
        }
    }
    Ok(access)
}
