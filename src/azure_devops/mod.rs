//! Azure DevOps' REST API, as the job's own token may use it: one file a resource.
//!
//! Contract: Microsoft's own descriptions (vsts-rest-api-specs). Versions: 5.0 (Azure DevOps Server
//! 2019) and its previews, which every later product keeps accepting.

mod build_resource;
mod client;
mod error;
mod pull_request_resource;
mod repository_resource;

pub use client::AzureDevOps;
pub use error::Error;
