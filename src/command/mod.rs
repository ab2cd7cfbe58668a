//! What people, scripts and services run: the program `sonar-azdo`, one file a command.

mod arguments;
mod command_log;
mod exit_code;
mod explain;
mod format;
mod gate;
mod run;
mod terminal;

pub use exit_code::ExitCode;
pub use run::run;
