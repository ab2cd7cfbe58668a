//! What people, scripts and services run: the program `sonar-azdo`, one file a command.

mod arguments;
mod exit_code;
mod format;
mod gate;
mod run;

pub use exit_code::ExitCode;
pub use run::run;
