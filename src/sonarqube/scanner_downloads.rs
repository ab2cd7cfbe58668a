//! The scanner engine and the Java runtimes a server offers, from 10.6 on.

use super::client::{Answer, SonarQube, text};
use super::error::{Error, Fault};
use crate::analysis::{Artifact, Jre};
use serde_json::Value;
use url::Url;

impl SonarQube {
    /// The engine.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn engine(&self) -> Result<Artifact, Error> {
        let url = self.v2_url("analysis/engine", &[]);
        let answer = self.value(url.clone()).await?;
        artifact(&answer, &answer.value, url)
    }

    /// The Java runtime for this platform, spelt as the server spells it (`linux`, `x64`); `None` when it offers none.
    ///
    /// Contract: observed on 10.7 and 26.9: no runtime for a platform is an empty list, a platform that the server has
    /// never heard of is 400.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn jre(&self, os: &str, arch: &str) -> Result<Option<Jre>, Error> {
        let answer = match self.value(self.v2_url("analysis/jres", &[("os", os), ("arch", arch)])).await {
            Err(Error { fault: Fault::Status(400, _), .. }) => return Ok(None),
            answer => answer?,
        };
        let offers = answer.value.as_array().ok_or_else(|| answer.without("a list"))?;
        let Some(offer) = offers.first() else { return Ok(None) };
        // Where the download is elsewhere nobody needs an id.
        let own = self.v2_url(&format!("analysis/jres/{}", text(offer, "id").unwrap_or_default()), &[]);
        let artifact = artifact(&answer, offer, own)?;
        Ok(Some(Jre { artifact, java_path: needed(&answer, offer, "javaPath")? }))
    }
}

/// What is offered: below the URL given, if it is not elsewhere.
fn artifact(answer: &Answer, offer: &Value, own: Url) -> Result<Artifact, Error> {
    let url = match text(offer, "downloadUrl").filter(|url| !url.is_empty()) {
        None => own,
        Some(text) => Url::parse(text).map_err(|error| Error {
            url: answer.url.clone(),
            fault: Fault::NotTheApi(format!("the download URL {text:?} ({error})")),
        })?,
    };
    let [file_name, sha256] = [needed(answer, offer, "filename")?, needed(answer, offer, "sha256")?];
    Ok(Artifact { file_name, sha256, url })
}

fn needed(answer: &Answer, offer: &Value, key: &str) -> Result<String, Error> {
    text(offer, key).map(str::to_owned).ok_or_else(|| answer.without(key))
}
