//! SonarQube's Web API: one file a service. Wire shapes stay inside; what leaves is a type of the core.
//!
//! Contracts: the server's own `api/webservices/list`, and what real servers answer to which token.

mod analysis;
mod ce;
mod client;
mod error;
mod measures;
mod metrics;
mod plugins;
mod project;
mod quality_gates;
mod server;
mod wait;

pub use ce::{CeTask, CeTaskStatus};
pub use client::SonarQube;
pub use error::{Error, Fault};
pub use project::{LastAnalysis, ProjectAccess};
pub use server::{Authenticated, Availability};
pub use wait::{Look, Wait, Waited};
