//! The scanner engine and the Java runtimes a server offers, from 10.6 on.

use super::client::{Answer, SonarQube};
use super::error::{Error, Fault};
use crate::analysis::{Artifact, Jre};
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
struct EngineJson {
    filename: String,
    sha256: String,
    #[serde(rename = "downloadUrl")]
    download_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JreJson {
    id: Option<String>,
    filename: String,
    sha256: String,
    download_url: Option<String>,
    java_path: String,
}

impl SonarQube {
    /// The engine.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn engine(&self) -> Result<Artifact, Error> {
        let below_api = self.v2_url("analysis/engine", &[]);
        let Answer { value: engine, url, .. } = self.json::<EngineJson>(below_api.clone()).await?;
        let download = download_url(&url, engine.download_url, below_api)?;
        Ok(Artifact { file_name: engine.filename, sha256: engine.sha256, url: download })
    }

    /// The Java runtime for this platform, spelt as the server spells it (`linux`, `x64`); `None` when it offers none.
    ///
    /// Contract: observed on 10.7 and 26.9: no runtime for a platform is an empty list, a platform that the server does not
    /// know is 400.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn jre(&self, os: &str, arch: &str) -> Result<Option<Jre>, Error> {
        let offers = self.json::<Vec<JreJson>>(self.v2_url("analysis/jres", &[("os", os), ("arch", arch)]));
        let Answer { value: offers, url, .. } = match offers.await {
            Err(Error { fault: Fault::Status(400, _), .. }) => return Ok(None),
            answer => answer?,
        };
        let Some(offer) = offers.into_iter().next() else { return Ok(None) };
        // An offer with a download URL needs no id.
        let below_api = self.v2_url(&format!("analysis/jres/{}", offer.id.unwrap_or_default()), &[]);
        let download = download_url(&url, offer.download_url, below_api)?;
        let artifact = Artifact { file_name: offer.filename, sha256: offer.sha256, url: download };
        Ok(Some(Jre { artifact, java_path: offer.java_path }))
    }
}

/// Where the offer is downloaded from: `below_api`, unless the server names another place. `answered` is the URL of the answer.
fn download_url(answered: &str, named: Option<String>, below_api: Url) -> Result<Url, Error> {
    match named.filter(|url| !url.is_empty()) {
        None => Ok(below_api),
        Some(text) => Url::parse(&text).map_err(|error| Error {
            url: answered.to_owned(),
            fault: Fault::NotTheApi(format!("the download URL {text:?} ({error})")),
        }),
    }
}
