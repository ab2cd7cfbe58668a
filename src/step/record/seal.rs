//! Seals records, so that a step or a job that lacks the credentials cannot change one unnoticed.

use crate::agent::{Environment, ServiceConnection, job_token};
use crate::keyed_hash::KeyedHash;
use crate::secret::Secret;

/// What one analysis' records are sealed with: HMAC-SHA256.
#[derive(Debug, Clone)]
pub(crate) struct Seal(KeyedHash);

impl Seal {
    /// The seal of a record within its job. `of_job` is the access token of the job's own connection to Azure DevOps.
    ///
    /// The token of the analysis alone would not do: it travels in a job variable, and a step may set that to a token of
    /// its own, point the record at its own server and seal it again. No script is given the endpoint
    /// `SYSTEMVSSCONNECTION`, so none can make this key.
    pub(crate) fn within_job(of_job: Option<&Secret>, token: &Secret, password: Option<&Secret>) -> Self {
        Self::keyed(&["job", of_job.map_or("", Secret::expose), token.expose(), exposed(password)])
    }

    /// The seal of a record on its way to another job: both jobs have the service connection, and nothing else in common.
    /// There is none where a user's password is used: people can guess one, and whoever reads the artifact could try
    /// guesses against the seal.
    pub(crate) fn between_jobs(token: &Secret, password: Option<&Secret>) -> Option<Self> {
        password.is_none().then(|| Self::keyed(&["artifact", token.expose()]))
    }

    fn keyed(parts: &[&str]) -> Self {
        Self(KeyedHash::with_key(parts))
    }

    /// The seal of the file `name` with this content.
    pub(crate) fn of(&self, name: &str, content: &[u8]) -> String {
        self.0.of(name, content)
    }

    /// Whether `seal` is that of the file. How long it takes does not depend on how much of it is right.
    pub(crate) fn fits(&self, name: &str, content: &[u8], seal: &str) -> bool {
        self.0.fits(name, content, seal)
    }
}

/// The seal of the records of this job that were made with the step's own connection.
pub(crate) fn seal_of(environment: &Environment, connection: &ServiceConnection) -> Seal {
    Seal::within_job(job_token(environment).as_ref(), &connection.token, connection.password.as_ref())
}

/// With user name and password both are in the key: the name alone is not secret.
fn exposed(password: Option<&Secret>) -> &str {
    password.map_or("", Secret::expose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_what_it_was_made_for_alone() {
        let secret = Secret::new;
        let (job, token, password) = (secret("eyJ"), secret("squ_1"), secret("p"));
        let seal = Seal::within_job(Some(&job), &token, Some(&password));
        let text = seal.of("prepared.json", b"{}");
        assert!(seal.fits("prepared.json", b"{}", &format!("{text}\n")));
        let another_token = Seal::within_job(Some(&job), &secret("squ_2"), Some(&password));
        for (seal, name, content, text) in [
            (&seal, "prepared.json", "{ }", text.as_str()),
            (&seal, "analyzed.json", "{}", &text),
            (&seal, "prepared.json", "{}", ""),
            (&seal, "prepared.json", "{}", &text[..40]),
            (&seal, "prepared.json", "{}", "no Base64"),
            (&Seal::within_job(Some(&job), &token, None), "prepared.json", "{}", &text),
            (&Seal::within_job(None, &token, Some(&password)), "prepared.json", "{}", &text),
            (&another_token, "prepared.json", "{}", &text),
            (&Seal::between_jobs(&token, None).unwrap(), "prepared.json", "{}", &text),
        ] {
            assert!(!seal.fits(name, content.as_bytes(), text), "{name} {content} {text}");
        }
        assert!(Seal::between_jobs(&token, Some(&password)).is_none());
        assert!(!format!("{seal:?}").contains("squ_1"));
    }
}
