//! The executable: takes the snapshot of the host, runs, returns the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    sonar_azdo::cli::run(sonar_azdo::agent::Host::capture())
}
