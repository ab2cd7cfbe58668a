//! A build: its properties and attachments.

use super::client::AzureDevOps;
use super::error::Error;
use serde::Deserialize;
use serde_json::json;

/// A preview on Azure DevOps Server 2019 and 2020, accepted ever since.
const PROPERTIES: &str = "5.0-preview.1";
const ATTACHMENTS: &str = "5.0-preview.2";

impl AzureDevOps {
    /// Sets a property of the build, replacing its value.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn set_build_property(
        &self,
        project: &str,
        build: &str,
        name: &str,
        value: &str,
    ) -> Result<(), Error> {
        let url = self.url(&[project, "_apis", "build", "builds", build, "properties"], PROPERTIES);
        // The path of a JSON patch is a JSON pointer.
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        self.patch(url, &json!([{ "op": "add", "path": pointer, "value": value }])).await.map(|_| ())
    }

    /// Names of the build's attachments of this type. Some servers answer 404 when there are none.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn build_attachments(
        &self,
        project: &str,
        build: &str,
        kind: &str,
    ) -> Result<Vec<String>, Error> {
        #[derive(Deserialize)]
        struct List {
            #[serde(default)]
            value: Vec<Attachment>,
        }
        #[derive(Deserialize)]
        struct Attachment {
            name: String,
        }
        let url = self.url(&[project, "_apis", "build", "builds", build, "attachments", kind], ATTACHMENTS);
        match self.json::<List>(url).await {
            Ok(list) => Ok(list.value.into_iter().map(|attachment| attachment.name).collect()),
            Err(Error::Status(_, 404, _)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
