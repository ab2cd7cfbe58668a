//! A project: may it be analysed, what is its main branch.

use super::client::{SonarQube, success, text};
use super::error::{Error, Fault};
use crate::analysis::seconds_since_1970;

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

    /// When a branch (the main branch if none is named) or a pull request was last analysed, in seconds since 1970
    /// by the scanner's clock; `None` when it never was, or there is none. Analysis tokens may ask.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn last_analysis(
        &self,
        project: &str,
        branch: Option<&str>,
        pull_request: Option<&str>,
    ) -> Result<Option<u64>, Error> {
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
        Ok(found.and_then(|entry| text(entry, "analysisDate")).and_then(seconds_since_1970))
    }

    /// The page of a project, of a branch or of a pull request.
    pub fn dashboard(&self, project: &str, branch: Option<&str>, pull_request: Option<&str>) -> String {
        let mut query = vec![("id", project)];
        query.extend(branch.map(|name| ("branch", name)));
        query.extend(pull_request.map(|key| ("pullRequest", key)));
        self.url("dashboard", &query).into()
    }
}
