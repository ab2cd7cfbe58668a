//! SonarSource's scanners and what they need: downloads in a shared cache, Java.

pub mod archive;
mod audit;
pub mod build_wrapper;
mod cache;
mod cache_seal;
mod class_archive;

mod cli_log;
pub mod dotnet;
pub mod engine;
mod engine_log;
mod file_digest;
mod file_lock;
mod file_stamp;
mod intact;
mod jar;
mod java;
mod java_choice;
mod java_home;
mod ownership;
mod platform;
mod provision_error;
mod provisioning;
pub mod scanner_cli;
mod scanner_run;
mod sealed_folder;
mod temporary;
mod tool_cache;

pub use audit::Audit;
pub use cache::Cache;
pub use cache_seal::CacheSeal;
pub use class_archive::{ClassArchive, Marks};
pub use engine::Engine;
pub use jar::java_needed;
pub use java::Java;
pub use java_choice::{ChosenJava, JavaChoices};
pub use java_home::JavaHome;
pub use platform::{Platform, WindowsProcessor};
pub use provision_error::ProvisionError;
pub use provisioning::{Provisioned, Provisioning};
pub use scanner_cli::{Cli, CliHome};
pub use scanner_run::ScannerRun;
pub use tool_cache::{Tool, ToolCache};
