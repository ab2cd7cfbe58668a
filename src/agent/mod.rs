//! The contract with the Azure Pipelines agent: environment, inputs, variables, service connections,
//! logging commands and the log. The only reader of the environment and the only writer to stdout.

mod children;
mod console;
mod env;
mod event_fields;
mod hidden;
mod inputs;
mod logging_command;
mod network_variables;
mod neutralise;
mod service_connection;
mod signals;
mod task_log;
mod variables;

pub(crate) use children::{Child, Passed};
pub use console::Console;
pub use env::{Environment, Host};
#[cfg(feature = "cli")]
pub(crate) use event_fields::EventFields;
pub(crate) use inputs::{
    AnalyzeInputs, ConfigMode, Monorepo, OnMissingConnection, PrepareInputs, PublishInputs, allow_http,
    allow_invalid_certificate,
};
pub use logging_command::{Commands, TaskResult};
pub(crate) use network_variables::azure_devops_settings;
pub use network_variables::http_settings;
pub use neutralise::neutralise;
pub(crate) use service_connection::authentication;
pub(crate) use service_connection::{JobConnection, ServiceConnection, job_token};
#[cfg(feature = "cli")]
pub(crate) use signals::interrupted;
pub(crate) use signals::listen as listen_for_cancellation;
pub use task_log::Log;
pub(crate) use variables::Predefined;
