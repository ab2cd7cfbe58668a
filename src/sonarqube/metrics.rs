//! The metrics a server knows.

use super::client::SonarQube;
use super::error::Error;
use crate::quality_gate::{Metric, MetricKind, Metrics};
use serde::Deserialize;

const PAGE_SIZE: usize = 500;
/// So many pages are read at most: servers have a few hundred metrics, and full pages without end must not take the time
/// and memory of a step.
const PAGES: usize = 20;

#[derive(Deserialize)]
struct MetricsJson {
    metrics: Vec<MetricJson>,
}

#[derive(Deserialize)]
struct MetricJson {
    key: Option<String>,
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl SonarQube {
    /// All metrics of the server. Any valid token may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        let mut all = Vec::new();
        for page in 1..=PAGES {
            let (size, number) = (PAGE_SIZE.to_string(), page.to_string());
            let url = self.url("api/metrics/search", &[("ps", &size), ("p", &number)]);
            let metrics = self.json::<MetricsJson>(url).await?.value.metrics;
            let is_last = metrics.len() < PAGE_SIZE;
            all.extend(metrics.into_iter().filter_map(|metric| {
                Some(Metric {
                    key: metric.key?,
                    name: metric.name.unwrap_or_default(),
                    kind: MetricKind::parse(&metric.kind.unwrap_or_default()),
                })
            }));
            if is_last {
                break;
            }
        }
        Ok(all.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ServerKind;
    use crate::http::{Authentication, Client, NetworkSettings};
    use crate::secret::Secret;
    use serde_json::json;
    use url::Url;
    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    #[tokio::test]
    async fn full_pages_without_end_are_read_up_to_a_limit() {
        let server = MockServer::start().await;
        let page = json!({ "metrics": vec![json!({ "key": "ncloc", "type": "INT" }); PAGE_SIZE] });
        let answer = ResponseTemplate::new(200).set_body_json(page);
        Mock::given(any()).respond_with(answer).expect(PAGES as u64).mount(&server).await;
        let url = Url::parse(&server.uri()).unwrap();
        let token = Authentication::BasicToken(Secret::new("t"));
        let http = Client::new(NetworkSettings::default());
        let sonarqube = SonarQube::new(http, url.clone(), url, ServerKind::Server, token);
        assert!(sonarqube.metrics().await.is_ok());
    }
}
