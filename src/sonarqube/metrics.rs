//! The metrics a server knows.

use super::client::{SonarQube, text};
use super::error::Error;
use crate::quality_gate::{Metric, MetricKind, Metrics};

const PAGE_SIZE: usize = 500;

impl SonarQube {
    /// All metrics of the server. Any valid token may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn metrics(&self) -> Result<Metrics, Error> {
        let mut all = Vec::new();
        for page in 1.. {
            let (size, number) = (PAGE_SIZE.to_string(), page.to_string());
            let answer = self.value(self.url("api/metrics/search", &[("ps", &size), ("p", &number)])).await?;
            let metrics = answer.list("metrics")?;
            all.extend(metrics.iter().filter_map(|metric| {
                Some(Metric {
                    key: text(metric, "key")?.to_owned(),
                    name: text(metric, "name").unwrap_or_default().to_owned(),
                    kind: MetricKind::parse(text(metric, "type").unwrap_or_default()),
                })
            }));
            if metrics.len() < PAGE_SIZE {
                break;
            }
        }
        Ok(all.into_iter().collect())
    }
}
