//! A stand-in for the Azure Pipelines agent: the environment of a step, the result of its lines, and what Azure DevOps keeps for the
//! job. One set of rules for the tests, which use this library, and for scripts/demo and
//! scripts/bench, which use the program `stand-in-agent` by way of scripts/lib/agent.js.
//!
//! Written from the agent's source (microsoft/azure-pipelines-agent: `Handler.cs`, `NodeHandler.cs`, `TaskRunner.cs`,
//! `ProcessInvoker.cs`, `TaskCommandExtension.cs`, `Variables.cs`), and from nothing of ours.
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test ends by a panic"))]

pub mod azure_devops;
mod command;
mod job;
mod manifest;
mod masker;
mod record;
mod variables;

pub use command::{Command, TaskResult};
pub use job::{Connection, JobState};
pub use manifest::{Manifest, Restrictions};
pub use masker::Masker;
pub use record::{Attachment, Origin, Record, Taken, read_lines};
pub use variables::{Overwriting, Variable, Variables};
