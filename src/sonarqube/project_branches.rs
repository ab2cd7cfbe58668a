//! A project: may it be analysed, what is its main branch.

use super::client::{SonarQube, below, of_target, success, text};
use super::error::{Error, Fault};
use crate::analysis::{Target, seconds_since_1970};
use url::Url;

/// What the token may do with a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectAccess {
    /// It may be analysed.
    Granted,
    /// It exists and the token may not analyse it; the server's reason.
    Denied(String),
    /// There is no such project yet.
    Unknown,
}

/// The last analysis of a branch or pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastAnalysis {
    /// When it was made, in seconds since 1970: by the scanner's clock, or as `sonar.projectDate` says.
    pub date: u64,
    /// The commit, as far as the server tells.
    pub revision: Option<String>,
    /// When the server answered, by its own clock in seconds since 1970, where it told.
    pub answered: Option<u64>,
}

impl SonarQube {
    /// Whether this token may analyse the project: asks for what the scanner engine itself asks for
    /// first (`/batch/project.protobuf`), the one request that tells (observed on 9.9, 10.7 and 26.9).
    ///
    /// # Errors
    /// Any fault but 403 and 404.
    pub async fn project_access(&self, key: &str) -> Result<ProjectAccess, Error> {
        let response = self.response(self.url("batch/project.protobuf", &[("key", key)])).await?;
        match success(response).await {
            Ok(_) => Ok(ProjectAccess::Granted),
            Err(Error { fault: Fault::Forbidden(reason), .. }) => Ok(ProjectAccess::Denied(reason)),
            Err(Error { fault: Fault::NotFound(_), .. }) => Ok(ProjectAccess::Unknown),
            Err(error) => Err(error),
        }
    }

    /// Name of the project's main branch; `None` when there is no such project or the token may not
    /// see it.
    ///
    /// # Errors
    /// Any fault but 403 and 404.
    pub async fn main_branch(&self, key: &str) -> Result<Option<String>, Error> {
        match self.value(self.url("api/project_branches/list", &[("project", key)])).await {
            Ok(answer) => {
                let main = answer.list("branches")?.iter().find(|branch| branch["isMain"] == true);
                Ok(main.and_then(|branch| text(branch, "name")).map(str::to_owned))
            }
            Err(Error { fault: Fault::Forbidden(_) | Fault::NotFound(_), .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The last analysis of a branch or of a pull request; `None` when there was
    /// none, or there is no such branch. Analysis tokens may ask for it; its revision takes Browse on SonarQube Server.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn last_analysis(&self, project: &str, target: &Target) -> Result<Option<LastAnalysis>, Error> {
        let (branch, pull_request) = target.parameters();
        let (path, list) = match pull_request {
            Some(_) => ("api/project_pull_requests/list", "pullRequests"),
            None => ("api/project_branches/list", "branches"),
        };
        let answer = self.value(self.url(path, &[("project", project)])).await?;
        let is_wanted = |entry: &&serde_json::Value| match (pull_request, branch) {
            (Some(key), _) => text(entry, "key") == Some(key),
            (None, Some(name)) => text(entry, "name") == Some(name),
            (None, None) => entry["isMain"] == true,
        };
        let found = answer.list(list)?.iter().find(is_wanted);
        let last = found.and_then(|entry| {
            Some(LastAnalysis {
                date: text(entry, "analysisDate").and_then(seconds_since_1970)?,
                // SonarQube Cloud tells it here.
                revision: text(&entry["commit"], "sha").map(str::to_owned),
                answered: answer.date,
            })
        });
        match last {
            // Of a pull request the server does not list the analyses.
            Some(last) if last.revision.is_none() && pull_request.is_none() => {
                let revision = self.revision(project, branch, last.date).await?;
                Ok(Some(LastAnalysis { revision, ..last }))
            }
            last => Ok(last),
        }
    }

    /// The revision of the analysis of a branch with this date; `None` where the server does not tell.
    async fn revision(
        &self,
        project: &str,
        branch: Option<&str>,
        date: u64,
    ) -> Result<Option<String>, Error> {
        let mut query = vec![("project", project), ("ps", "1")];
        query.extend(branch.map(|name| ("branch", name)));
        match self.value(self.url("api/project_analyses/search", &query)).await {
            Ok(answer) => {
                let last = answer.list("analyses")?.first();
                let is_it = |analysis: &&serde_json::Value| {
                    text(analysis, "date").and_then(seconds_since_1970) == Some(date)
                };
                Ok(last.filter(is_it).and_then(|analysis| text(analysis, "revision")).map(str::to_owned))
            }
            Err(Error { fault: Fault::Unauthorized | Fault::Forbidden(_) | Fault::NotFound(_), .. }) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The page of a project, of a branch or of a pull request on the server at `base`: the address that the server goes by
    /// may be another than the connection's.
    pub fn dashboard_at(base: &Url, project: &str, target: &Target) -> String {
        let mut query = vec![("id", project)];
        query.extend(of_target(target));
        below(base, "dashboard", &query).into()
    }
}
