//! What every step works with, and how a step that did not fail ended.

use crate::agent::{Commands, Environment, Predefined};
use crate::cancel::Cancellation;
use crate::error::Result;
use crate::http;

/// What every step works with.
#[derive(Debug)]
pub struct Job {
    /// The snapshot of the environment.
    pub environment: Environment,
    /// Azure's predefined variables.
    pub predefined: Predefined,
    /// Where commands to the agent go.
    pub commands: Commands,
    /// The way to SonarQube and to downloads.
    pub http: http::Client,
    /// The way to Azure DevOps.
    pub azure_devops: http::Client,
    /// Told when the run is cancelled.
    pub cancellation: Cancellation,
}

/// How a step that did not fail completed its task, in the words of `##vso[task.complete]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The last line of the task.
    pub message: String,
    /// `SucceededWithIssues`: the task is orange, because there is something to look at.
    pub with_issues: bool,
}

impl Completion {
    pub(super) fn new(message: impl Into<String>) -> Result<Self> {
        Ok(Self { message: message.into(), with_issues: false })
    }
}
