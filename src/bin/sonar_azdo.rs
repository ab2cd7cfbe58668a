//! `sonar-azdo`: takes the snapshot of the host, runs the command, returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sonar_azdo::command::run(&sonar_azdo::agent::Host::capture())
}
