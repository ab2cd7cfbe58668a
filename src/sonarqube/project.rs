//! A project: may it be analysed, what is its main branch.

use super::client::{SonarQube, success, text};
use super::error::{Error, Fault};

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
}
