//! Runs the command that the arguments name, until it ends or is interrupted.

use super::arguments::{self, Command, GateArguments, definition};
use super::command_log::{CommandLog, printable};
use super::exit_code::ExitCode;
use super::gate::Gate;
use super::terminal;
use crate::agent::{Console, Environment, Host, interrupted};
use crate::bug::Bugs;
use crate::error::{Error, Result};
use std::io::IsTerminal as _;
use std::path::Path;
use tracing_subscriber::layer::SubscriberExt as _;

/// Runs what the command line says. Returns the exit code of the process.
pub fn run(host: &Host) -> std::process::ExitCode {
    let bugs = Bugs::watch();
    let console = terminal::stdout();
    let log = CommandLog::new(terminal::stderr(), std::io::stderr().is_terminal());
    let code = tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
        bugs.caught_now(|| Ok(dispatch(host, &console, &bugs))).unwrap_or_else(|bug| failed(&bug))
    });
    // An answer that could not be written is no success.
    let code = if console.is_healthy() { code } else { ExitCode::Error };
    code.into()
}

fn dispatch(host: &Host, console: &Console, bugs: &Bugs) -> ExitCode {
    let command = match arguments::parse(&host.arguments) {
        Ok(arguments) => arguments.command,
        Err(error) if error.exit_code() == 0 => {
            console.print(error.render().ansi().to_string().trim_end());
            return ExitCode::Ok;
        }
        Err(error) => {
            terminal::stderr().print(error.render().ansi().to_string().trim_end());
            return ExitCode::Usage;
        }
    };
    match command {
        Command::Gate(arguments) => gate(arguments, &host.environment, console, bugs),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut definition(), "sonar-azdo", &mut script);
            write(console, script)
        }
        Command::Man => {
            let mut page = Vec::new();
            match clap_mangen::Man::new(definition()).render(&mut page) {
                Ok(()) => write(console, page),
                Err(error) => failed(&Error::new(format!("the manual page could not be made: {error}"))),
            }
        }
    }
}

fn gate(arguments: GateArguments, environment: &Environment, console: &Console, bugs: &Bugs) -> ExitCode {
    let gate = match Gate::new(arguments, environment, Path::new(".")) {
        Ok(gate) => gate,
        Err(error) => {
            failed(&error);
            return ExitCode::Usage;
        }
    };
    let code = runtime().and_then(|runtime| {
        runtime.block_on(bugs.caught(async {
            tokio::select! {
                biased;
                () = interrupted() => Ok(ExitCode::Interrupted),
                code = gate.run(console) => Ok(code),
            }
        }))
    });
    code.unwrap_or_else(|error| failed(&error))
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(format!("the runtime could not be started: {error}")))
}

fn write(console: &Console, text: Vec<u8>) -> ExitCode {
    console.print(&String::from_utf8_lossy(&text));
    ExitCode::Ok
}

fn failed(error: &Error) -> ExitCode {
    terminal::stderr().print(&printable(&format!("error: {error}")));
    ExitCode::Error
}
