//! The steps: they wire edges to the core and own clocks and order. Rules are in the core.

mod analyze;
mod caches;
mod concurrent;
mod dotnet;
mod glob;
mod ledger;
mod machine;
mod missing;
mod nuget;
mod prepare;
mod publish;
mod records;
mod reports;
mod repository;
mod runtime;
mod seal;
mod server;
mod settings;
mod source_size;
mod tokens;

use crate::agent::{Commands, Environment, Predefined};
use crate::cancel::Cancellation;
use crate::error::Result;
use crate::http;

pub use analyze::analyze;
pub use prepare::prepare;
pub use publish::{publish, record_unknown};
pub use records::{Record, Records};

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

/// How a step that did not fail ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The last line of the task.
    pub message: String,
    /// The task is orange: it succeeded, and there is something to look at.
    pub with_issues: bool,
}

impl Ending {
    fn new(message: impl Into<String>) -> Result<Self> {
        Ok(Self { message: message.into(), with_issues: false })
    }
}
