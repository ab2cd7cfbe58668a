//! The secrets of an analysis, which SonarPrepare leaves in secret variables of the job for the steps after it.

use crate::agent::{Environment, authentication, job_token};
use crate::analysis::{AnalysisId, AnalysisSecrets, AnalysisServer, Prepared};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::seal::Seal;

/// The token of an analysis and its other secrets, from the job's secret variables.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) token: Secret,
    pub(crate) secrets: AnalysisSecrets,
}

/// The secrets of an analysis in one form, which the record's seal is over.
pub(crate) fn secrets_text(secrets: &AnalysisSecrets) -> Secret {
    // Text keys and values always serialise.
    Secret::new(serde_json::to_string(secrets).unwrap_or_default())
}

impl Tokens {
    /// The server of the analysis, as these reach it.
    pub(crate) fn sonarqube(&self, job: &Job, server: &AnalysisServer) -> SonarQube {
        let kind = server.facts.kind;
        let authentication = authentication(kind, &self.token, self.password().as_ref());
        SonarQube::new(job.http.clone(), server.url.clone(), server.api_url.clone(), kind, authentication)
    }

    pub(crate) fn password(&self) -> Option<Secret> {
        self.secrets.properties.value("sonar.password").map(Secret::new)
    }

    pub(crate) fn seal(&self, environment: &Environment) -> Seal {
        Seal::within_job(job_token(environment).as_ref(), &self.token, self.password().as_ref())
    }

    /// The seal of the record that is exported to other jobs; none where a user's password is used.
    pub(crate) fn seal_between_jobs(&self) -> Option<Seal> {
        Seal::between_jobs(&self.token, self.password().as_ref())
    }
}

/// Reads them.
///
/// # Errors
/// The job has no token of this analysis.
pub(crate) fn tokens_of(job: &Job, prepared: &Prepared) -> Result<Tokens> {
    tokens(&job.environment, &prepared.id)?.ok_or_else(|| {
        Error::new(format!("the token of the analysis prepared for {} is not in this job", prepared.server.address())).hint(
            "Run the three tasks in one job; if the pipeline restricts which variables may be set, allow SONAR_AZDO_*.",
        )
    })
}

/// The tokens of the analysis `id`; `None` when the job does not have them.
pub(crate) fn tokens(environment: &Environment, id: &AnalysisId) -> Result<Option<Tokens>> {
    let name = id.token_variable();
    let Some(token) = environment.secret_variable(&name) else {
        // Any step may empty it, to be rid of the seal: agents only warn of it.
        if environment.secret_variables().any(|secret| secret == name) {
            return Err(Error::new(format!("the job variable {name} was emptied by another step")).hint(
                "SonarPrepare's record is not used. Find the step that sets this variable, and run the job again.",
            ));
        }
        return Ok(None);
    };
    let secrets = match environment.secret_variable(&id.secrets_variable()) {
        Some(json) => serde_json::from_str(json).map_err(|_| {
            Error::new(format!("the job variable {} was changed by another step", id.secrets_variable()))
        })?,
        None => AnalysisSecrets::default(),
    };
    Ok(Some(Tokens { token: Secret::new(token), secrets }))
}
