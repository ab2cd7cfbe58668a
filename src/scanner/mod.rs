//! SonarSource's scanners and what they need: downloads in a shared cache, Java, child processes.

pub mod archive;
mod cache;
pub mod engine;
mod engine_log;
mod jar;
pub mod java;
mod lines;
mod platform;
pub mod process;
mod provision;

pub use cache::Cache;
pub use engine::{Engine, EngineResult};
pub use jar::java_needed;
pub use java::{Java, JavaChoices, JavaHome};
pub use platform::{Platform, WindowsProcessor};
pub use provision::{ProvisionError, Provisioned, provision, provision_jre};
