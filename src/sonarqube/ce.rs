//! The compute engine: what became of a report.

use super::client::SonarQube;
use super::error::Error;
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
    /// Branch it analysed; none for the main branch of servers without branches.
    pub branch: Option<String>,
    /// Pull request it analysed.
    pub pull_request: Option<String>,
    /// Why it failed.
    pub error_message: Option<String>,
    /// Warnings about the analysis: HTML.
    pub warnings: Vec<String>,
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
    pub fn as_str(&self) -> &str {
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

impl SonarQube {
    /// The task with this id.
    ///
    /// # Errors
    /// As [`Error`]; an unknown id is [`super::Fault::NotFound`].
    pub async fn ce_task(&self, id: &str) -> Result<CeTask, Error> {
        #[derive(Deserialize)]
        struct Answer {
            task: Task,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Task {
            status: String,
            analysis_id: Option<String>,
            component_key: Option<String>,
            component_name: Option<String>,
            branch: Option<String>,
            pull_request: Option<String>,
            error_message: Option<String>,
            #[serde(default)]
            warnings: Vec<String>,
        }
        let query = [("id", id), ("additionalFields", "warnings")];
        let Answer { task } = self.json(self.url("api/ce/task", &query)).await?;
        Ok(CeTask {
            status: match task.status.as_str() {
                "PENDING" => CeTaskStatus::Pending,
                "IN_PROGRESS" => CeTaskStatus::InProgress,
                "SUCCESS" => CeTaskStatus::Success,
                "FAILED" => CeTaskStatus::Failed,
                "CANCELED" => CeTaskStatus::Canceled,
                _ => CeTaskStatus::Unknown(task.status),
            },
            analysis_id: task.analysis_id,
            project_key: task.component_key,
            project_name: task.component_name,
            branch: task.branch,
            pull_request: task.pull_request,
            error_message: task.error_message,
            warnings: task.warnings,
        })
    }
}
