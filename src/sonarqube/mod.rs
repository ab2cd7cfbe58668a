//! SonarQube's Web API: one file a service. Wire shapes stay inside; what leaves is a type of the core.
//!
//! Contracts: the server's own `api/webservices/list`, and what real servers answer to which token.

mod ce;
mod client;
mod component_tree;
mod error;
mod installed_plugins;
mod issues;
mod measures;
mod metrics;
mod project_branches;
mod quality_gates;
mod scanner_downloads;
mod system;
mod wait;

pub use ce::{CeTask, CeTaskStatus};
pub use client::SonarQube;
pub use error::{Error, Fault};
pub use project_branches::{LastAnalysis, ProjectAccess};
pub use system::{Authenticated, Availability};
pub(crate) use wait::{Look, Wait, Waited};
