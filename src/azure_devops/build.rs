//! A build: its properties and attachments.

use super::client::AzureDevOps;
use super::error::Error;
use serde_json::json;
use std::collections::BTreeMap;

/// A preview on Azure DevOps Server 2019 and 2020, accepted ever since.
const PROPERTIES: &str = "5.0-preview.1";
const ATTACHMENTS: &str = "5.0-preview.2";

impl AzureDevOps {
    /// Sets properties of the build in one request, replacing their values.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn set_build_properties(
        &self,
        project: &str,
        build: &str,
        properties: &[(String, String)],
    ) -> Result<(), Error> {
        let url = self.url(&[project, "_apis", "build", "builds", build, "properties"], PROPERTIES);
        let operations: Vec<_> = properties
            .iter()
            .map(|(name, value)| {
                // The path of a JSON patch is a JSON pointer.
                let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
                json!({ "op": "add", "path": pointer, "value": value })
            })
            .collect();
        self.patch(url, &operations.into()).await.map(|_| ())
    }

    /// The build's properties; those that are no text in their JSON form.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn build_properties(
        &self,
        project: &str,
        build: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let url = self.url(&[project, "_apis", "build", "builds", build, "properties"], PROPERTIES);
        let mut answer = self.json(url).await?;
        let part = |value: &mut serde_json::Value, key: &str| value.get_mut(key).map(serde_json::Value::take);
        let Some(serde_json::Value::Object(properties)) = part(&mut answer, "value") else {
            return Ok(BTreeMap::new());
        };
        // {"<name>":{"$type":"System.String","$value":"<value>"}}
        let text = |(name, mut value): (String, serde_json::Value)| match part(&mut value, "$value") {
            Some(serde_json::Value::String(text)) => (name, text),
            other => (name, other.unwrap_or(value).to_string()),
        };
        Ok(properties.into_iter().map(text).collect())
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
        let url = self.url(&[project, "_apis", "build", "builds", build, "attachments", kind], ATTACHMENTS);
        match self.json(url).await {
            Ok(list) => {
                let found = list["value"].as_array().into_iter().flatten();
                Ok(found.filter_map(|attachment| attachment["name"].as_str().map(str::to_owned)).collect())
            }
            Err(Error::Status(_, 404, _)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}
