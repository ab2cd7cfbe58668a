//! SonarSource's scanners and what they need: downloads in a shared cache, Java.

pub mod archive;
pub mod build_wrapper;
mod cache;
pub mod cli;
mod cli_log;
pub mod dotnet;
pub mod engine;
mod engine_log;
mod jar;
pub mod java;
mod platform;
mod provision;
mod tool_cache;

pub use cache::Cache;
pub use cli::{Cli, CliHome};
pub use engine::{Engine, EngineResult};
pub use jar::java_needed;
pub use java::{Java, JavaChoices, JavaHome};
pub use platform::{Platform, WindowsProcessor};
pub use provision::{ProvisionError, Provisioned, provision, provision_jre};
pub use tool_cache::ToolCache;
