//! Measures of a project, its branch or pull request.

use super::client::SonarQube;
use super::error::{Error, Fault};
use crate::quality_gate::{Measure, MeasureSet};
use serde::Deserialize;

impl SonarQube {
    /// The measures of these metrics; `None` when the token may not read them: analysis tokens may on
    /// 26.9 and may not on 9.9 and 10.7 (observed).
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn measures(
        &self,
        project: &str,
        branch: Option<&str>,
        pull_request: Option<&str>,
        metrics: &[&str],
    ) -> Result<Option<MeasureSet>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            component: Component,
        }
        #[derive(Deserialize)]
        struct Component {
            #[serde(default)]
            measures: Vec<Wire>,
        }
        #[derive(Deserialize)]
        struct Wire {
            metric: String,
            value: Option<String>,
            period: Option<Period>,
            #[serde(default)]
            periods: Vec<Period>,
        }
        #[derive(Deserialize)]
        struct Period {
            value: Option<String>,
        }
        let keys = metrics.join(",");
        let mut query = vec![("component", project), ("metricKeys", keys.as_str())];
        query.extend(branch.map(|name| ("branch", name)));
        query.extend(pull_request.map(|key| ("pullRequest", key)));
        let answer: Answer = match self.json(self.url("api/measures/component", &query)).await {
            Ok(answer) => answer,
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let measures = answer.component.measures.into_iter().filter_map(|wire| {
            let of_new_code =
                wire.period.or_else(|| wire.periods.into_iter().next()).and_then(|period| period.value);
            Some(Measure { metric: wire.metric, value: wire.value.or(of_new_code)? })
        });
        Ok(Some(MeasureSet(measures.collect())))
    }
}
