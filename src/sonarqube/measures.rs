//! Measures of a project, its branch or pull request.

use super::client::{SonarQube, list, text};
use super::error::{Error, Fault};
use crate::quality_gate::{Measure, MeasureSet};

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
        let keys = metrics.join(",");
        let mut query = vec![("component", project), ("metricKeys", keys.as_str())];
        query.extend(branch.map(|name| ("branch", name)));
        query.extend(pull_request.map(|key| ("pullRequest", key)));
        let answer = match self.value(self.url("api/measures/component", &query)).await {
            Ok(answer) => answer,
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let measures =
            list(&answer.value["component"], "measures").unwrap_or_default().iter().filter_map(|measure| {
                // Of new code, in the form of newer or of older servers.
                let of_new_code =
                    || text(&measure["period"], "value").or_else(|| text(&measure["periods"][0], "value"));
                let value = text(measure, "value").or_else(of_new_code)?;
                Some(Measure { metric: text(measure, "metric")?.to_owned(), value: value.to_owned() })
            });
        Ok(Some(MeasureSet(measures.collect())))
    }
}
