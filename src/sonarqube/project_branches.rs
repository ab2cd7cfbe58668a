//! A project: may it be analysed, what is its main branch, and when was a branch or pull request last analysed.

use super::client::{Answer, SonarQube, below, if_allowed, of_target, success};
use super::error::{Error, Fault};
use crate::analysis::{Target, seconds_since_1970};
use serde::Deserialize;
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

#[derive(Deserialize)]
struct BranchesJson {
    branches: Vec<BranchJson>,
}

#[derive(Deserialize)]
struct PullRequestsJson {
    #[serde(rename = "pullRequests")]
    pull_requests: Vec<BranchJson>,
}

/// A branch, which has a name, or a pull request, which has a key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchJson {
    name: Option<String>,
    key: Option<String>,
    is_main: Option<bool>,
    analysis_date: Option<String>,
    /// Of SonarQube Cloud alone.
    commit: Option<CommitJson>,
}

#[derive(Deserialize)]
struct CommitJson {
    sha: Option<String>,
}

#[derive(Deserialize)]
struct AnalysesJson {
    analyses: Vec<AnalysisJson>,
}

#[derive(Deserialize)]
struct AnalysisJson {
    date: Option<String>,
    revision: Option<String>,
}

impl BranchJson {
    fn is_main_branch(&self) -> bool {
        self.is_main == Some(true)
    }
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
        match self.branches(key).await {
            Ok(answer) => {
                Ok(answer.value.into_iter().find(BranchJson::is_main_branch).and_then(|it| it.name))
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
        let Answer { value: entries, date: answered, .. } = match pull_request {
            Some(_) => self.pull_requests(project).await?,
            None => self.branches(project).await?,
        };
        let is_wanted = |entry: &BranchJson| match (pull_request, branch) {
            (Some(key), _) => entry.key.as_deref() == Some(key),
            (None, Some(name)) => entry.name.as_deref() == Some(name),
            (None, None) => entry.is_main_branch(),
        };
        let last = entries.into_iter().find(is_wanted).and_then(|entry| {
            Some(LastAnalysis {
                date: entry.analysis_date.as_deref().and_then(seconds_since_1970)?,
                revision: entry.commit.and_then(|commit| commit.sha),
                answered,
            })
        });
        match last {
            // The server does not list the analyses of a pull request.
            Some(last) if last.revision.is_none() && pull_request.is_none() => {
                let revision = self.revision(project, branch, last.date).await?;
                Ok(Some(LastAnalysis { revision, ..last }))
            }
            last => Ok(last),
        }
    }

    async fn branches(&self, project: &str) -> Result<Answer<Vec<BranchJson>>, Error> {
        let url = self.url("api/project_branches/list", &[("project", project)]);
        Ok(self.json::<BranchesJson>(url).await?.map(|list| list.branches))
    }

    async fn pull_requests(&self, project: &str) -> Result<Answer<Vec<BranchJson>>, Error> {
        let url = self.url("api/project_pull_requests/list", &[("project", project)]);
        Ok(self.json::<PullRequestsJson>(url).await?.map(|list| list.pull_requests))
    }

    /// The revision of the analysis of a branch with this date; `None` where the server does not say.
    async fn revision(
        &self,
        project: &str,
        branch: Option<&str>,
        date: u64,
    ) -> Result<Option<String>, Error> {
        let mut query = vec![("project", project), ("ps", "1")];
        query.extend(branch.map(|name| ("branch", name)));
        let url = self.url("api/project_analyses/search", &query);
        let answer = if_allowed(self.json::<AnalysesJson>(url).await)?;
        let last = answer.and_then(|answer| answer.value.analyses.into_iter().next());
        let is_it =
            |analysis: &AnalysisJson| analysis.date.as_deref().and_then(seconds_since_1970) == Some(date);
        Ok(last.filter(is_it).and_then(|analysis| analysis.revision))
    }

    /// The page of a project, of a branch or of a pull request on the server at `base`: the address that the server goes by
    /// may be another than the connection's.
    pub(crate) fn dashboard_at(base: &Url, project: &str, target: &Target) -> String {
        let mut query = vec![("id", project)];
        query.extend(of_target(target));
        below(base, "dashboard", &query).into()
    }
}
