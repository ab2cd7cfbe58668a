//! `sonar-azdo-task`: takes the snapshot of the host, runs the step, returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sonar_azdo::task::run(sonar_azdo::agent::Host::capture())
}
