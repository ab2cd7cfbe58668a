//! The secrets of an analysis, which SonarPrepare leaves in secret variables of the job for the steps after it.

use crate::agent::{Environment, authentication, job_token};
use crate::analysis::{ARCHIVE, AnalysisId, Prepared, Properties};
use crate::error::{Error, Result};
use crate::http::Authentication;
use crate::secret::Secret;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::seal::Seal;

/// The token of an analysis and its other secret properties, from the job's secret variables.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) token: Secret,
    /// Secret properties, `sonar.password` among them where a password is used.
    pub(crate) properties: Properties,
    /// Where the archive of the scanner is, if the record may not say so.
    pub(crate) archive: Option<String>,
    /// All that the variable of secret properties holds, as [`secrets_text`] writes it.
    text: Secret,
}

/// The secret properties of an analysis in one form, which the record's seal is over.
pub(crate) fn secrets_text(properties: &Properties) -> Secret {
    // Text keys and values always serialise.
    Secret::new(serde_json::to_string(properties).unwrap_or_default())
}

impl Tokens {
    pub(crate) fn authentication(&self, prepared: &Prepared) -> Authentication {
        authentication(prepared.server.kind, &self.token, self.password().as_ref())
    }

    /// The server of the analysis, as these reach it.
    pub(crate) fn sonarqube(&self, job: &Job, prepared: &Prepared) -> SonarQube {
        SonarQube::new(
            job.http.clone(),
            prepared.server_url.clone(),
            prepared.api_url.clone(),
            prepared.server.kind,
            self.authentication(prepared),
        )
    }

    pub(crate) fn password(&self) -> Option<Secret> {
        self.properties.value("sonar.password").map(Secret::new)
    }

    pub(crate) fn seal(&self, environment: &Environment) -> Seal {
        Seal::within_job(job_token(environment).as_ref(), &self.token, self.password().as_ref())
    }

    /// The text of the secret properties, which the seal of the record must fit; none where there are none.
    pub(crate) fn secrets(&self) -> Option<&Secret> {
        (!self.properties.is_empty() || self.archive.is_some()).then_some(&self.text)
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
        Error::new(format!("the token of the analysis prepared for {} is not in this job", prepared.server_address())).hint(
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
                "Nothing that the record says counts: find the step that sets it, and run the job again.",
            ));
        }
        return Ok(None);
    };
    let mut properties: Properties = match environment.secret_variable(&id.secrets_variable()) {
        Some(json) => serde_json::from_str(json)
            .map_err(|_| Error::new(format!("the job variable {} was changed", id.secrets_variable())))?,
        None => Properties::default(),
    };
    let text = secrets_text(&properties);
    let archive = properties.remove(ARCHIVE);
    Ok(Some(Tokens { token: Secret::new(token), properties, archive, text }))
}
