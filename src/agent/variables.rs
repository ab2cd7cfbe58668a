//! Azure's predefined variables, typed.
//!
//! Source: Microsoft's documentation page "Use predefined variables" and the agent's `Constants.cs`.

use super::env::Environment;
use crate::analysis::Build;
use crate::context::{GitRef, PipelineContext, Provider, PullRequest};
use crate::error::{Error, Result};
use serde::Deserialize;
use std::path::PathBuf;

/// Predefined variables of a job. Each field is the variable of its name, `.` written `_`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Predefined {
    /// Cleaned before and after each job; all our files live here.
    pub agent_tempdirectory: Option<PathBuf>,
    /// `Agent.OS`: `Linux`, `Darwin` or `Windows_NT`.
    pub agent_os: Option<String>,
    /// `Build.BuildId`.
    pub build_buildid: Option<String>,
    /// `Build.Reason`.
    pub build_reason: Option<String>,
    /// `Build.Repository.ID`.
    pub build_repository_id: Option<String>,
    /// `Build.Repository.LocalPath`: where the pipeline's own repository is checked out; with several checkouts as a rule
    /// the folder above them.
    pub build_repository_localpath: Option<PathBuf>,
    /// `Build.Repository.Name`; `owner/name` on GitHub and Bitbucket.
    pub build_repository_name: Option<String>,
    /// `Build.Repository.Provider`: `TfsGit`, `GitHub`, ...
    pub build_repository_provider: Option<String>,
    /// `Build.Repository.Uri`.
    pub build_repository_uri: Option<String>,
    /// `Build.SourceBranch`: a full ref such as `refs/heads/main`.
    pub build_sourcebranch: Option<String>,
    /// `Build.SourcesDirectory`.
    pub build_sourcesdirectory: Option<PathBuf>,
    /// `Build.SourceVersion`.
    pub build_sourceversion: Option<String>,
    /// `Common.TestResultsDirectory`: where tasks leave the results of tests, beside the sources.
    pub common_testresultsdirectory: Option<PathBuf>,
    /// `System.CollectionUri`, with a trailing slash.
    pub system_collectionuri: Option<String>,
    /// The older name of the same; on Azure DevOps Server with the host that the agent was configured with.
    pub system_teamfoundationcollectionuri: Option<String>,
    /// `System.Debug`.
    pub system_debug: Option<String>,
    /// `System.DefaultWorkingDirectory`: where relative paths of inputs start.
    pub system_defaultworkingdirectory: Option<PathBuf>,
    /// `System.HostType`: `build`, `release`, ...
    pub system_hosttype: Option<String>,
    /// `Pipeline.Workspace`: where artifacts are downloaded to.
    pub pipeline_workspace: Option<PathBuf>,
    /// `System.PipelineStartTime`.
    pub system_pipelinestarttime: Option<String>,
    /// `System.PullRequest.IsFork`.
    pub system_pullrequest_isfork: Option<String>,
    /// `System.PullRequest.PullRequestId`.
    pub system_pullrequest_pullrequestid: Option<String>,
    /// `System.PullRequest.PullRequestNumber`: on GitHub, where the id is an internal one.
    pub system_pullrequest_pullrequestnumber: Option<String>,
    /// `System.PullRequest.SourceBranch`.
    pub system_pullrequest_sourcebranch: Option<String>,
    /// `System.PullRequest.TargetBranch`.
    pub system_pullrequest_targetbranch: Option<String>,
    /// `System.TeamProject`.
    pub system_teamproject: Option<String>,
    /// `System.TeamProjectId`.
    pub system_teamprojectid: Option<String>,
}

impl Predefined {
    /// Reads them from the snapshot.
    ///
    /// # Errors
    /// None in practice: every field is optional text.
    pub(crate) fn read(environment: &Environment) -> Result<Self> {
        let variables = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        envy::from_iter(variables)
            .map_err(|error| Error::new(format!("the agent's variables could not be read: {error}")))
    }

    /// `Agent.TempDirectory`.
    ///
    /// # Errors
    /// It is not set, because this does not run on an agent.
    pub(crate) fn temp_directory(&self) -> Result<PathBuf> {
        self.agent_tempdirectory.clone().ok_or_else(|| {
            Error::new("Agent.TempDirectory is not set")
                .hint("Run this task on an Azure Pipelines agent, or set AGENT_TEMPDIRECTORY to an existing folder.")
        })
    }

    /// The directory that relative paths start from: `System.DefaultWorkingDirectory`.
    ///
    /// # Errors
    /// Neither it nor `Build.SourcesDirectory` is set.
    pub(crate) fn working_directory(&self) -> Result<PathBuf> {
        self.system_defaultworkingdirectory
            .clone()
            .or_else(|| self.build_sourcesdirectory.clone())
            .ok_or_else(|| {
                Error::new("System.DefaultWorkingDirectory is not set")
                    .hint("Run this task on an Azure Pipelines agent.")
            })
    }

    /// The run as the core sees it.
    pub(crate) fn pipeline_context(&self) -> PipelineContext {
        let pull_request = self.system_pullrequest_pullrequestid.clone().map(|id| PullRequest {
            id,
            number: self.system_pullrequest_pullrequestnumber.clone(),
            source_branch: self.system_pullrequest_sourcebranch.clone().unwrap_or_default(),
            target_branch: self.system_pullrequest_targetbranch.clone().unwrap_or_default(),
            is_fork: self.is_fork(),
        });
        PipelineContext {
            provider: Provider::parse(self.build_repository_provider.as_deref().unwrap_or_default()),
            source: self.build_sourcebranch.as_deref().map(GitRef::parse),
            pull_request,
            collection_uri: self
                .system_collectionuri
                .clone()
                .or_else(|| self.system_teamfoundationcollectionuri.clone()),
            team_project: self.system_teamproject.clone(),
            repository: self.build_repository_name.clone(),
        }
    }

    /// The build this job belongs to; `None` where a variable that names it is not set.
    pub(crate) fn build(&self) -> Option<Build> {
        let collection =
            self.system_collectionuri.as_ref().or(self.system_teamfoundationcollectionuri.as_ref())?;
        let project = self.system_teamprojectid.as_ref().or(self.system_teamproject.as_ref())?;
        Some(Build::new(collection, project, self.build_buildid.as_ref()?))
    }

    /// Whether this is the build of a pull request from a fork.
    pub(crate) fn is_fork(&self) -> bool {
        self.system_pullrequest_isfork.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// Whether `System.Debug` asks for debug lines.
    pub(crate) fn is_debug(&self) -> bool {
        self.system_debug.as_deref().is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_under_the_agents_names() {
        let env = Environment::new([
            ("AGENT_TEMPDIRECTORY".into(), "/t".into()),
            ("BUILD_SOURCEBRANCH".into(), "refs/heads/main".into()),
            ("SYSTEM_DEBUG".into(), "True".into()),
            ("SYSTEM_TEAMPROJECT".into(), "".into()),
        ]);
        let predefined = Predefined::read(&env).unwrap();
        assert_eq!(predefined.temp_directory().unwrap(), PathBuf::from("/t"));
        assert_eq!(predefined.build_sourcebranch.as_deref(), Some("refs/heads/main"));
        assert!(predefined.is_debug());
        assert_eq!(predefined.system_teamproject, None);
        assert!(predefined.working_directory().is_err());
    }
}
