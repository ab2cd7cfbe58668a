//! The quality gate of an analysis.

use super::client::{Answer, SonarQube, of_target};
use super::error::{Error, Fault};
use crate::analysis::Target;
use crate::quality_gate::{Comparator, Condition, GateStatus, QualityGate, Worst, WorstQuery};
use serde::Deserialize;
use url::Url;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GateAnswerJson {
    project_status: GateJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GateJson {
    status: String,
    conditions: Option<Vec<ConditionJson>>,
    ignored_conditions: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConditionJson {
    status: Option<String>,
    metric_key: Option<String>,
    comparator: Option<String>,
    error_threshold: Option<String>,
    warning_threshold: Option<String>,
    actual_value: Option<String>,
}

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
    pub(crate) async fn current_quality_gate(
        &self,
        project: &str,
        target: &Target,
    ) -> Result<QualityGate, Error> {
        let mut query = vec![("projectKey", project)];
        query.extend(of_target(target));
        self.gate(self.url("api/qualitygates/project_status", &query)).await
    }

    /// The worst files or issues behind a failed condition, at most `count` of them.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn worst_of(
        &self,
        project: &str,
        target: &Target,
        condition: &Condition,
        count: usize,
    ) -> Result<Worst, Error> {
        match condition.worst_query() {
            WorstQuery::Files(query) => self.worst_files(project, target, &query, count).await,
            WorstQuery::Issues(query) => self.worst_issues(project, target, &query, count).await,
        }
    }

    async fn gate(&self, url: Url) -> Result<QualityGate, Error> {
        let Answer { value: GateAnswerJson { project_status: gate }, url, .. } = self.json(url).await?;
        let conditions = gate.conditions.unwrap_or_default().into_iter().map(condition);
        Ok(QualityGate {
            status: GateStatus::parse(&gate.status),
            conditions: conditions.collect::<Result<_, _>>().map_err(|error: ConditionError| Error {
                url,
                fault: Fault::NotUnderstood(error.to_string()),
            })?,
            ignored_conditions: gate.ignored_conditions == Some(true),
        })
    }
}

/// What of a condition this version does not understand.
#[derive(Debug, thiserror::Error)]
enum ConditionError {
    #[error("a condition without metricKey")]
    NoMetric,
    #[error("the comparator {0:?}")]
    Comparator(String),
}

fn condition(condition: ConditionJson) -> Result<Condition, ConditionError> {
    let status = GateStatus::parse(&condition.status.unwrap_or_default());
    let comparator = condition.comparator.unwrap_or_default();
    Ok(Condition {
        threshold: match status {
            GateStatus::Warn => condition.warning_threshold.or(condition.error_threshold),
            _ => condition.error_threshold,
        },
        status,
        metric: condition.metric_key.ok_or(ConditionError::NoMetric)?,
        comparator: Comparator::parse(&comparator).ok_or(ConditionError::Comparator(comparator))?,
        actual: condition.actual_value,
    })
}
