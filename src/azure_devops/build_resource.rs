//! A build: its properties and attachments.

use super::client::{AzureDevOps, Operation};
use super::error::Error;
use crate::analysis::seconds_since_1970;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A preview on Azure DevOps Server 2019 and 2020, accepted ever since.
const PROPERTIES: &str = "5.0-preview.1";
const BUILD: &str = "5.0";
const ATTACHMENTS: &str = "5.0-preview.2";

/// `{"<name>":{"$type":"System.String","$value":"<value>"}}`.
#[derive(Deserialize)]
struct PropertiesJson {
    /// Required: an answer without it does not mean that there are no properties. One of them may be a failure.
    value: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BuildJson {
    start_time: Option<String>,
}

#[derive(Deserialize)]
struct AttachmentsJson {
    value: Option<Vec<AttachmentJson>>,
}

#[derive(Deserialize)]
struct AttachmentJson {
    name: Option<String>,
}

impl AzureDevOps {
    /// Sets properties of the build in one request, replacing their values.
    ///
    /// # Errors
    /// As [`Error`].
    pub(crate) async fn set_build_properties(
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
                Operation { op: "add", path: pointer, value }
            })
            .collect();
        self.patch(url, &operations).await
    }

    /// The build's properties. The value of one that is not text is its JSON.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn build_properties(
        &self,
        project: &str,
        build: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let url = self.url(&[project, "_apis", "build", "builds", build, "properties"], PROPERTIES);
        let properties: PropertiesJson = self.json(url).await?;
        let text = |(name, mut property): (String, Value)| {
            let value = property.get_mut("$value").map(Value::take).unwrap_or(property);
            let text = value.as_str().map(str::to_owned);
            (name, text.unwrap_or_else(|| value.to_string()))
        };
        Ok(properties.value.into_iter().map(text).collect())
    }

    /// When the build started, in seconds since 1970; `None` where the server does not say.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn build_start(&self, project: &str, build: &str) -> Result<Option<u64>, Error> {
        let url = self.url(&[project, "_apis", "build", "builds", build], BUILD);
        let build: BuildJson = self.json(url).await?;
        Ok(build.start_time.as_deref().and_then(seconds_since_1970))
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
        match self.json::<AttachmentsJson>(url).await {
            Ok(list) => {
                Ok(list.value.into_iter().flatten().filter_map(|attachment| attachment.name).collect())
            }
            Err(Error::Status(_, 404, _)) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{Client, NetworkSettings};
    use crate::secret::Secret;
    use url::Url;
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any};

    #[tokio::test]
    async fn an_answer_of_another_form_is_not_an_empty_one() {
        for (body, count) in [
            (r#"{"count":0,"value":{}}"#, Some(0)),
            (r#"{"count":1,"value":{"a":{"$type":"System.String","$value":"b"}}}"#, Some(1)),
            (r#"{"count":0}"#, None),
            (r#"{"value":[]}"#, None),
            ("[]", None),
        ] {
            let server = MockServer::start().await;
            let answer = ResponseTemplate::new(200).set_body_raw(body, "application/json");
            Mock::given(any()).respond_with(answer).mount(&server).await;
            let url = Url::parse(&server.uri()).unwrap();
            let azure = AzureDevOps::new(Client::new(NetworkSettings::default()), url, Secret::new("t"));
            let found = azure.build_properties("p", "1").await.ok();
            assert_eq!(found.map(|properties| properties.len()), count, "{body}");
        }
    }
}
