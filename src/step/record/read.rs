//! Reads one record and checks that a SonarPrepare of this job made it.

use super::seal::{Seal, seal_of};
use super::sealed_file::{ANALYZED, PREPARED, SECRETS, check_version, read_sealed, read_text, seal_file};
use super::tokens::{Tokens, secrets_text, tokens};
use crate::agent::{Environment, ServiceConnection};
use crate::analysis::{AnalysisId, Analyzed, Prepared};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One record.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// What Prepare wrote.
    pub(crate) prepared: Prepared,
    /// What Analyze added, if it ran.
    pub(crate) analyzed: Option<Analyzed>,
    pub(super) seal: Seal,
}

impl Record {
    /// Reads the record of the analysis `id`; `None` when there is none in the folder.
    ///
    /// # Errors
    /// It was not made by a SonarPrepare of this job, or was changed since.
    pub(super) fn read(
        folder: PathBuf,
        id: &AnalysisId,
        environment: &Environment,
        connection: Option<&ServiceConnection>,
    ) -> Result<Option<Self>> {
        // Another version may keep its secrets in another form, so this is told first.
        if !check_version(&folder, PREPARED)? {
            return Ok(None);
        }
        let seal = match connection {
            Some(connection) => seal_of(environment, connection),
            None => {
                let tokens = tokens(environment, id)?.ok_or_else(|| not_of_this_job(&folder, id))?;
                let seal = tokens.seal(environment);
                check_secrets(&folder, id, &tokens, &seal)?;
                seal
            }
        };
        let whose = connection.map(|_| " Or SonarPrepare used another service connection than this step.");
        let read_all = || -> Result<Option<(Prepared, Option<Analyzed>)>> {
            let Some(prepared) = read_sealed(&folder, PREPARED, &seal)? else { return Ok(None) };
            Ok(Some((prepared, read_sealed(&folder, ANALYZED, &seal)?)))
        };
        let read = read_all().map_err(|error| match whose {
            Some(whose) => Error::new(format!("{error}{whose}")),
            None => error,
        })?;
        let Some((prepared, analyzed)) = read else { return Ok(None) };
        if prepared.id != *id || analyzed.as_ref().is_some_and(|analyzed| analyzed.id != *id) {
            return Err(Error::new(format!(
                "the record in {} belongs to another analysis",
                folder.display()
            )));
        }
        Ok(Some(Self { folder, prepared, analyzed, seal }))
    }

    /// When Prepare wrote it, by this machine's clock.
    pub(crate) fn prepared_at(&self) -> SystemTime {
        let written = std::fs::metadata(self.folder.join(PREPARED)).and_then(|metadata| metadata.modified());
        written.unwrap_or_else(|_| SystemTime::now())
    }
}

/// Makes sure that the secret properties are those that SonarPrepare left. They win over all others, so a step that replaced
/// the variable could lead the token to a server of its own.
fn check_secrets(folder: &Path, id: &AnalysisId, tokens: &Tokens, seal: &Seal) -> Result<()> {
    if tokens.secrets.is_empty() {
        return Ok(());
    }
    let written = read_text(&folder.join(seal_file(SECRETS)))?.unwrap_or_default();
    if seal.fits(SECRETS, secrets_text(&tokens.secrets).expose().as_bytes(), &written) {
        return Ok(());
    }
    Err(Error::new(format!("the job variable {} was changed by another step", id.secrets_variable())).hint(
        "SonarPrepare's record is not used. Find the step that sets this variable, and run the job again.",
    ))
}

fn not_of_this_job(folder: &Path, id: &AnalysisId) -> Error {
    Error::new(format!(
        "the record in {} was not made by a SonarPrepare of this job: the job has no variable {}",
        folder.display(),
        id.token_variable()
    ))
    .hint(
        "Run the three tasks in one job. If the pipeline restricts which variables may be set, allow SONAR_AZDO_*, or \
         give SonarPublish the service connection of SonarPrepare.",
    )
}
