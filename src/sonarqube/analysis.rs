//! The scanner engine and the Java runtimes a server offers, from 10.6 on.

use super::client::SonarQube;
use super::error::{Error, Fault};
use crate::analysis::{Artifact, Jre};
use serde::Deserialize;
use url::Url;

impl SonarQube {
    /// The engine.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn engine(&self) -> Result<Artifact, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Engine {
            filename: String,
            sha256: String,
            download_url: Option<String>,
        }
        let url = self.v2_url("analysis/engine", &[]);
        let engine: Engine = self.json(url.clone()).await?;
        let url = download_url(engine.download_url.as_deref(), url)?;
        Ok(Artifact { file_name: engine.filename, sha256: engine.sha256, url })
    }

    /// The Java runtime for this platform, spelt as the server spells it (`linux`, `x64`); `None` when
    /// it offers none.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn jre(&self, os: &str, arch: &str) -> Result<Option<Jre>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Offer {
            id: String,
            filename: String,
            sha256: String,
            java_path: String,
            download_url: Option<String>,
        }
        let offers: Vec<Offer> =
            self.json(self.v2_url("analysis/jres", &[("os", os), ("arch", arch)])).await?;
        let Some(offer) = offers.into_iter().next() else { return Ok(None) };
        let own = self.v2_url(&format!("analysis/jres/{}", offer.id), &[]);
        let url = download_url(offer.download_url.as_deref(), own)?;
        let artifact = Artifact { file_name: offer.filename, sha256: offer.sha256, url };
        Ok(Some(Jre { artifact, java_path: offer.java_path }))
    }
}

fn download_url(elsewhere: Option<&str>, own: Url) -> Result<Url, Error> {
    match elsewhere.filter(|url| !url.is_empty()) {
        None => Ok(own),
        Some(text) => Url::parse(text).map_err(|error| Error {
            url: own.to_string(),
            fault: Fault::NotTheApi(format!("the download URL {text:?} ({error})")),
        }),
    }
}
