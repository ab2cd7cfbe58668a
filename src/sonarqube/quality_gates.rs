//! The quality gate of an analysis.

use super::client::{SonarQube, list, of_target, text};
use super::error::{Error, Fault};
use crate::analysis::Target;
use crate::quality_gate::{Comparator, Condition, GateStatus, QualityGate};
use url::Url;

impl SonarQube {
    /// The gate as it was at this analysis: it never changes afterwards.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error> {
        self.gate(self.url("api/qualitygates/project_status", &[("analysisId", analysis_id)])).await
    }

    /// The gate of a project as it is now: of the branch, of the pull request, or of the main branch.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn current_quality_gate(&self, project: &str, target: &Target) -> Result<QualityGate, Error> {
        let mut query = vec![("projectKey", project)];
        query.extend(of_target(target));
        self.gate(self.url("api/qualitygates/project_status", &query)).await
    }

    async fn gate(&self, url: Url) -> Result<QualityGate, Error> {
        let answer = self.value(url).await?;
        let gate = &answer.value["projectStatus"];
        let status = text(gate, "status").ok_or_else(|| answer.without("projectStatus.status"))?;
        let odd = |what: String| Error { url: answer.url.clone(), fault: Fault::NotUnderstood(what) };
        let mut conditions = Vec::new();
        for condition in list(gate, "conditions").unwrap_or_default() {
            let field = |key: &str| text(condition, key).map(str::to_owned);
            let status = GateStatus::parse(text(condition, "status").unwrap_or_default());
            let comparator = text(condition, "comparator").unwrap_or_default();
            conditions.push(Condition {
                threshold: match status {
                    GateStatus::Warn => field("warningThreshold").or_else(|| field("errorThreshold")),
                    _ => field("errorThreshold"),
                },
                status,
                metric: field("metricKey").ok_or_else(|| odd("a condition without metricKey".into()))?,
                comparator: Comparator::parse(comparator)
                    .ok_or_else(|| odd(format!("the comparator {comparator:?}")))?,
                actual: field("actualValue"),
            });
        }
        Ok(QualityGate {
            status: GateStatus::parse(status),
            conditions,
            ignored_conditions: gate["ignoredConditions"] == true,
        })
    }
}
