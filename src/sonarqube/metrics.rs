//! The metrics a server knows.

use super::client::SonarQube;
use super::error::Error;
use crate::quality_gate::{Metric, MetricKind, Metrics};
use serde::Deserialize;

const PAGE_SIZE: usize = 500;

impl SonarQube {
    /// All metrics of the server. Any valid token may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        #[derive(Deserialize)]
        struct Page {
            metrics: Vec<Wire>,
            total: usize,
        }
        #[derive(Deserialize)]
        struct Wire {
            key: String,
            name: String,
            #[serde(rename = "type")]
            kind: String,
        }
        let mut all = Vec::new();
        for page in 1.. {
            let (size, number) = (PAGE_SIZE.to_string(), page.to_string());
            let answer: Page =
                self.json(self.url("api/metrics/search", &[("ps", &size), ("p", &number)])).await?;
            let last = answer.metrics.len() < PAGE_SIZE;
            all.extend(answer.metrics.into_iter().map(|wire| Metric {
                kind: MetricKind::parse(&wire.kind),
                key: wire.key,
                name: wire.name,
            }));
            if last || all.len() >= answer.total {
                break;
            }
        }
        Ok(all.into_iter().collect())
    }
}
