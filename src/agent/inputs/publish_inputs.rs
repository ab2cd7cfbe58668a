//! Inputs of SonarPublish.

use super::input_value::{lines, one_of};
use super::missing_connection::OnMissingConnection;
use crate::agent::env::Environment;
use crate::agent::hidden;
use crate::error::{Error, Result};
use crate::http::LONGEST_WAIT;
use crate::quality_gate::{Policy, Reaction, Rule};
use std::time::Duration;

/// Inputs of SonarPublish.
#[derive(Debug, Clone)]
pub(crate) struct PublishInputs {
    /// `pollingTimeoutSec`: the longest wait for the server, over all analyses.
    pub polling_timeout: Duration,
    /// `onQualityGateFailure`, `onNoVerdict` and `onSkipped` with their overrides, and `onNothingAnalysed`.
    pub policy: Policy,
    /// `analyses`: patterns of exported records.
    pub analyses: Vec<String>,
    /// `projects`: keys of projects that must be among the analyses.
    pub projects: Vec<String>,
    /// `reportTaskFiles`: patterns of scanners' reports.
    pub report_task_files: Vec<String>,
    /// `projectKey`.
    pub project_key: Option<String>,
    /// `branch`.
    pub branch: Option<String>,
    /// `pullRequest`.
    pub pull_request: Option<String>,
    /// `onMissingConnection`.
    pub on_missing_connection: Option<OnMissingConnection>,
}

impl PublishInputs {
    /// Reads the inputs.
    ///
    /// # Errors
    /// A timeout that is not a number of seconds, an unknown reaction, a branch as well as a pull request, or a job variable
    /// in the place of an input.
    pub(crate) fn read(env: &Environment) -> Result<Self> {
        hidden::refuse(env)?;
        let text = env.input("pollingTimeoutSec").unwrap_or("300");
        let seconds = text.parse().ok().filter(|seconds| *seconds <= LONGEST_WAIT).ok_or_else(|| {
            Error::new(format!("the input pollingTimeoutSec is {text:?}")).hint(format!(
                "Write a whole number of seconds, at most {LONGEST_WAIT} (one week), such as 300."
            ))
        })?;
        let Policy { failure, no_verdict, nothing_analysed, skipped } = Policy::default();
        let policy = Policy {
            failure: rule(env, "onQualityGateFailure", failure.general)?,
            no_verdict: rule(env, "onNoVerdict", no_verdict.general)?,
            nothing_analysed: reaction(env, "onNothingAnalysed")?.unwrap_or(nothing_analysed),
            skipped: rule(env, "onSkipped", skipped.general)?,
        };
        let text = |name: &str| env.input(name).map(str::to_owned);
        let (branch, pull_request) = (text("branch"), text("pullRequest"));
        if branch.is_some() && pull_request.is_some() {
            return Err(Error::new("both branch and pullRequest are set")
                .hint("Remove the one that was not analysed."));
        }
        Ok(Self {
            polling_timeout: Duration::from_secs(seconds),
            policy,
            analyses: lines(env, "analyses"),
            projects: lines(env, "projects"),
            report_task_files: lines(env, "reportTaskFiles"),
            project_key: text("projectKey"),
            branch,
            pull_request,
            on_missing_connection: OnMissingConnection::read(env)?,
        })
    }
}

/// The rule of the input `name` and of the inputs that override it in a context: `name` with
/// `PullRequest`, `DefaultBranch` or `OtherBranches` behind it.
fn rule(env: &Environment, name: &str, default: Reaction) -> Result<Rule> {
    let read = |context: &str| reaction(env, &format!("{name}{context}"));
    Ok(Rule {
        general: read("")?.unwrap_or(default),
        pull_request: read("PullRequest")?,
        default_branch: read("DefaultBranch")?,
        other_branches: read("OtherBranches")?,
    })
}

/// The reaction that an input names.
fn reaction(env: &Environment, input: &str) -> Result<Option<Reaction>> {
    let read = |text| Reaction::parse(text).ok_or_else(|| one_of(input, text, "fail, warn, ignore"));
    env.input(input).map(read).transpose()
}
