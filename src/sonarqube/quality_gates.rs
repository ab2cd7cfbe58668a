//! The quality gate of an analysis.

use super::client::SonarQube;
use super::error::{Error, Fault};
use crate::quality_gate::{Comparator, Condition, GateStatus, QualityGate};
use serde::Deserialize;
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
    pub async fn current_quality_gate(
        &self,
        project: &str,
        branch: Option<&str>,
        pull_request: Option<&str>,
    ) -> Result<QualityGate, Error> {
        let mut query = vec![("projectKey", project)];
        query.extend(branch.map(|name| ("branch", name)));
        query.extend(pull_request.map(|key| ("pullRequest", key)));
        self.gate(self.url("api/qualitygates/project_status", &query)).await
    }

    async fn gate(&self, url: Url) -> Result<QualityGate, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Answer {
            project_status: ProjectStatus,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct ProjectStatus {
            status: String,
            #[serde(default)]
            conditions: Vec<WireCondition>,
            #[serde(default)]
            ignored_conditions: bool,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct WireCondition {
            status: String,
            metric_key: String,
            comparator: String,
            error_threshold: Option<String>,
            warning_threshold: Option<String>,
            actual_value: Option<String>,
        }
        let shown = self.url("api/qualitygates/project_status", &[]).to_string();
        let Answer { project_status } = self.json(url).await?;
        let conditions = project_status
            .conditions
            .into_iter()
            .map(|condition| {
                let status = GateStatus::parse(&condition.status);
                let threshold = match status {
                    GateStatus::Warn => condition.warning_threshold.or(condition.error_threshold),
                    _ => condition.error_threshold,
                };
                Ok(Condition {
                    status,
                    metric: condition.metric_key,
                    comparator: Comparator::parse(&condition.comparator).ok_or_else(|| Error {
                        url: shown.clone(),
                        fault: Fault::NotTheApi(format!("the comparator {:?}", condition.comparator)),
                    })?,
                    threshold,
                    actual: condition.actual_value,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(QualityGate {
            status: GateStatus::parse(&project_status.status),
            conditions,
            ignored_conditions: project_status.ignored_conditions,
        })
    }
}
