//! The compute engine: what became of a report.

use super::client::{SonarQube, if_allowed};
use super::error::Error;
use crate::analysis::{Target, seconds_since_1970};
use serde::Deserialize;

/// A task of the compute engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CeTask {
    /// Its state.
    pub status: CeTaskStatus,
    /// Id of the analysis; set once it succeeded.
    pub analysis_id: Option<String>,
    /// Key of the project.
    pub project_key: Option<String>,
    /// Name of the project.
    pub project_name: Option<String>,
    /// What it analysed: the main branch where the server names none, and any branch by its name, be it the main branch or
    /// not.
    pub target: Target,
    /// When the report was handed in, by the server's clock in seconds since 1970.
    pub submitted: Option<u64>,
    /// When the server sent this answer, by the same clock.
    pub answered: Option<u64>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Warnings about the analysis: HTML.
    pub warnings: Vec<String>,
    /// Where its scanner was told to leave its report (`sonar.scanner.metadataFilePath`); known once the server
    /// has read the report. No documented form: a text with a line for each property, alike in 9.9 to 26.9.
    pub report_file: Option<String>,
}

/// State of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CeTaskStatus {
    /// In the queue.
    Pending,
    /// Being processed.
    InProgress,
    /// Done.
    Success,
    /// It failed.
    Failed,
    /// An administrator cancelled it.
    Canceled,
    /// Something this version does not know.
    Unknown(String),
}

impl CeTaskStatus {
    /// The server's word for it.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Pending => "PENDING",
            Self::InProgress => "IN_PROGRESS",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
            Self::Unknown(text) => text,
        }
    }
}

impl From<String> for CeTaskStatus {
    fn from(text: String) -> Self {
        match text.as_str() {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "SUCCESS" => Self::Success,
            "FAILED" => Self::Failed,
            "CANCELED" => Self::Canceled,
            _ => Self::Unknown(text),
        }
    }
}

#[derive(Deserialize)]
struct TaskAnswerJson {
    task: TaskJson,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskJson {
    status: String,
    analysis_id: Option<String>,
    component_key: Option<String>,
    component_name: Option<String>,
    branch: Option<String>,
    pull_request: Option<String>,
    submitted_at: Option<String>,
    error_message: Option<String>,
    warnings: Option<Vec<String>>,
    scanner_context: Option<String>,
}

#[derive(Deserialize)]
struct QueueJson {
    queue: Vec<QueuedTaskJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueuedTaskJson {
    branch: Option<String>,
    pull_request: Option<String>,
}

impl SonarQube {
    /// The task with this id.
    ///
    /// # Errors
    /// As [`Error`]; an unknown id is [`Fault::NotFound`].
    ///
    /// [`Fault::NotFound`]: super::error::Fault::NotFound
    pub async fn ce_task(&self, id: &str) -> Result<CeTask, Error> {
        let query = [("id", id), ("additionalFields", "warnings,scannerContext")];
        let answer = self.json::<TaskAnswerJson>(self.url("api/ce/task", &query)).await?;
        let task = answer.value.task;
        Ok(CeTask {
            status: task.status.into(),
            analysis_id: task.analysis_id,
            project_key: task.component_key,
            project_name: task.component_name,
            target: Target::named(task.branch, task.pull_request),
            submitted: task.submitted_at.as_deref().and_then(seconds_since_1970),
            answered: answer.date,
            error_message: task.error_message,
            warnings: task.warnings.unwrap_or_default(),
            report_file: task.scanner_context.as_deref().and_then(report_file).map(str::to_owned),
        })
    }

    /// How many reports of the project wait or are being processed. Those that name another branch or pull request than
    /// `target` do not count, nor do those of pull requests where `target` is the main branch. A report of the main branch
    /// may bear no name, so one without a name may be of any branch. `None` when the token may not ask, which takes Browse on the project.
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn pending_reports(&self, project: &str, target: &Target) -> Result<Option<usize>, Error> {
        let (branch, pull_request) = target.parameters();
        let is_of_target = |task: &&QueuedTaskJson| {
            let named = task.branch.as_deref();
            let may_be_of_branch = branch.is_none() || named.is_none() || named == branch;
            task.pull_request.as_deref() == pull_request && (pull_request.is_some() || may_be_of_branch)
        };
        let answer = self.json::<QueueJson>(self.url("api/ce/component", &[("component", project)])).await;
        let answer = if_allowed(answer)?;
        Ok(answer.map(|answer| answer.value.queue.iter().filter(is_of_target).count()))
    }
}

/// The scanner's own properties come last.
fn report_file(scanner_context: &str) -> Option<&str> {
    let mut lines = scanner_context.lines().rev();
    lines.find_map(|line| line.trim_start().strip_prefix("- sonar.scanner.metadataFilePath="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::ServerKind;
    use crate::http;
    use crate::secret::Secret;
    use std::time::Duration;
    use url::Url;
    use wiremock::matchers::{path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    async fn ask(response: ResponseTemplate) -> Result<CeTask, Error> {
        let server = MockServer::start().await;
        Mock::given(path("/api/ce/task"))
            .and(query_param("id", "T"))
            .respond_with(response)
            .expect(1)
            .mount(&server)
            .await;
        let url = Url::parse(&server.uri()).unwrap();
        let token = http::Authentication::BasicToken(Secret::new("t"));
        let http = http::Client::new(http::NetworkSettings::default());
        SonarQube::new(http, url.clone(), url, ServerKind::Server, token).without_retries().ce_task("T").await
    }

    fn json(body: &str) -> ResponseTemplate {
        ResponseTemplate::new(200).set_body_raw(body.to_owned(), "application/json")
    }

    #[tokio::test]
    async fn every_field_of_a_task_is_read() {
        let body = r#"{"task":{"id":"T","type":"REPORT","componentKey":"shop","componentName":"Shop","analysisId":"A",
            "status":"SUCCESS","submittedAt":"2026-11-23T20:00:58+0000","pullRequest":"7","warnings":["w"],"scannerContext":
            "Project server settings:\n  - a=b\nProject scanner properties:\n  - sonar.scanner.metadataFilePath=/t/1d/r.txt\n  - sonar.z=1"}}"#;
        let task = ask(json(body).insert_header("date", "Mon, 23 Nov 2026 20:01:00 GMT")).await.unwrap();
        let expected = CeTask {
            status: CeTaskStatus::Success,
            analysis_id: Some("A".into()),
            project_key: Some("shop".into()),
            project_name: Some("Shop".into()),
            target: Target::pull_request("7"),
            submitted: Some(1_795_464_058),
            answered: Some(1_795_464_060),
            error_message: None,
            warnings: vec!["w".into()],
            report_file: Some("/t/1d/r.txt".into()),
        };
        assert_eq!(task, expected);
    }

    /// Whether the wait goes on, and what pause the server asks for.
    #[tokio::test]
    async fn transient_answers_are_told_from_final_ones() {
        let status = ResponseTemplate::new;
        let error = |code, body: &str| status(code).set_body_raw(body.to_owned(), "application/json");
        for (response, is_transient, pause) in [
            (json("{\"task\":{\"status\":\"SUC"), true, None),
            (json("{\"task\":{}}"), true, None),
            (json("[]"), true, None),
            (status(200).set_body_raw("<html>", "text/html"), true, None),
            (status(429).insert_header("retry-after", "7"), true, Some(7)),
            (status(503).insert_header("retry-after", "3"), true, Some(3)),
            (status(500), true, None),
            (status(502), true, None),
            (status(504), true, None),
            (error(404, r#"{"errors":[{"msg":"Unknown url : /api/ce/task"}]}"#), true, None),
            (error(404, r#"{"errors":[{"msg":"No activity found for task 'T'"}]}"#), false, None),
            (status(302).insert_header("location", "https://login.example/"), false, None),
            (status(400), false, None),
            (status(401), false, None),
            (status(403), false, None),
        ] {
            let error = ask(response).await.unwrap_err();
            assert_eq!(error.is_transient(), is_transient, "{error}");
            assert_eq!(error.retry_after(), pause.map(Duration::from_secs), "{error}");
        }
    }
}
