//! The contract with the Azure Pipelines agent: environment, inputs, variables, service connections,
//! logging commands and the log. The only reader of the environment and the only writer to stdout.

mod children;
mod command;
mod connection;
mod env;
mod hidden;
mod inputs;
mod log;
mod service_connection;
mod signals;
mod variables;

pub use children::{Child, Passed};
pub use command::{Commands, TaskResult};
pub use connection::{azure_devops_settings, http_settings};
pub use env::{Environment, Host};
pub use inputs::{
    AnalyzeInputs, ConfigMode, Monorepo, OnMissingConnection, PrepareInputs, PublishInputs, allow_http,
    allow_invalid_certificate,
};
pub use log::{Console, Log, neutralise};
pub(crate) use service_connection::authentication;
pub use service_connection::{JobConnection, ServiceConnection, job_token};
pub use signals::listen as listen_for_cancellation;
pub use variables::Predefined;
