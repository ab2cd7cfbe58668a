//! SonarSource's scanners and what they need: downloads in a shared cache, Java.

pub mod archive;
mod audit;
pub mod build_wrapper;
mod cache;
mod cache_seal;
mod class_archive;
pub mod cli;
mod cli_log;
pub mod dotnet;
pub mod engine;
mod engine_log;
mod intact;
mod jar;
pub mod java;
mod manifest;
mod ownership;
mod platform;
mod provision;
mod tool_cache;

pub use audit::Audit;
pub use cache::Cache;
pub use cache_seal::CacheSeal;
pub use class_archive::{ClassArchive, Marks};
pub use cli::{Cli, CliHome};
pub use engine::{Engine, EngineEnd, EngineResult};
pub use jar::java_needed;
pub use java::{Java, JavaChoices, JavaHome};
pub use platform::{Platform, WindowsProcessor};
pub use provision::{ProvisionError, Provisioned, Provisioning};
pub use tool_cache::{Tool, ToolCache};
