//! The compute engine: what became of a report.

use super::client::SonarQube;
use super::error::{Error, Fault};
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
    /// When the report was handed in, by the server's clock in seconds since 1970.
    pub submitted: Option<u64>,
    /// When the server sent this answer, by the same clock.
    pub answered: Option<u64>,
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
    /// As [`Error`]; an unknown id is [`Fault::NotFound`].
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
            submitted_at: Option<String>,
            error_message: Option<String>,
            #[serde(default)]
            warnings: Vec<String>,
        }
        let query = [("id", id), ("additionalFields", "warnings")];
        let (Answer { task }, answered) = self.dated_json(self.url("api/ce/task", &query)).await?;
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
            submitted: task.submitted_at.as_deref().and_then(seconds_since_1970),
            answered,
            error_message: task.error_message,
            warnings: task.warnings,
        })
    }
}

impl SonarQube {
    /// How many reports of the project wait or are being processed, those of other branches and pull
    /// requests left out where `pull_request` or `branch` is given; `None` when the token may not ask,
    /// which takes Browse on the project.
    ///
    /// # Errors
    /// Any fault but 401, 403 and 404.
    pub async fn pending_reports(
        &self,
        project: &str,
        branch: Option<&str>,
        pull_request: Option<&str>,
    ) -> Result<Option<usize>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            #[serde(default)]
            queue: Vec<Task>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Task {
            branch: Option<String>,
            pull_request: Option<String>,
        }
        let is_ours = |task: &Task| {
            let same_branch = branch.is_none() || task.branch.as_deref() == branch;
            task.pull_request.as_deref() == pull_request && (pull_request.is_some() || same_branch)
        };
        match self.json::<Answer>(self.url("api/ce/component", &[("component", project)])).await {
            Ok(answer) => Ok(Some(answer.queue.iter().filter(|task| is_ours(task)).count())),
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Reads the server's form of a time, `2026-11-23T20:00:58+0000`.
fn seconds_since_1970(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let separators = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
    let as_expected = text.is_ascii()
        && text.len() == 24
        && separators.iter().all(|(at, separator)| text[*at..].starts_with(*separator));
    if !as_expected {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    // `number` reads the sign too, which the minutes of an offset share.
    let offset_hours = number(19, 22)?;
    let offset_minutes = number(22, 24)? * if text[19..].starts_with('-') { -1 } else { 1 };
    if !(1..=12).contains(&month) {
        return None;
    }
    // Days of the proleptic Gregorian calendar; a year begins in March, so that leap days come last.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = ((days * 24 + hour - offset_hours) * 60 + minute - offset_minutes) * 60 + second;
    u64::try_from(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_the_server() {
        for (text, expected) in [
            ("1970-01-01T00:00:00+0000", Some(0)),
            ("2026-11-23T20:00:58+0000", Some(1_795_464_058)),
            ("2026-11-23T22:30:58+0230", Some(1_795_464_058)),
            ("2026-11-23T16:30:58-0330", Some(1_795_464_058)),
            ("2024-02-29T12:00:00+0000", Some(1_709_208_000)),
            ("2024-13-29T12:00:00+0000", None),
            ("2026-11-23T20:00:58Z", None),
            ("2026-11-23 20:00:58+0000", None),
            ("", None),
        ] {
            assert_eq!(seconds_since_1970(text), expected, "{text}");
        }
    }
}
