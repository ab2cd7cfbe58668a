//! The arguments of `sonar-azdo`.

use super::exit_code::ExitCode;
use super::format::Format;
use crate::http::LONGEST_WAIT;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsString;

/// SonarQube analysis and a quality gate you can trust, for Azure Pipelines
#[derive(Debug, Parser)]
#[command(name = "sonar-azdo", version, propagate_version = true)]
pub(super) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// A command.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the quality gate of a project as it is now
    Gate(GateArguments),
    /// Print completions for a shell
    #[command(after_help = "Example: sonar-azdo completions bash > /etc/bash_completion.d/sonar-azdo")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

/// The arguments of `gate`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(after_help = "SONAR_HOST_URL and SONAR_TOKEN name the server and the token.\n\n\
    Without --branch, --pull-request and --main-branch the command asks for what the pipeline builds, or in a clone for the \
    branch that is checked out.")]
pub(super) struct GateArguments {
    /// Key of the project [default: that of sonar-project.properties in this folder or one above]
    #[arg(long, value_name = "KEY", value_parser = not_blank)]
    pub(super) project_key: Option<String>,
    /// Branch
    #[arg(long, value_name = "NAME", value_parser = not_blank, group = "target")]
    pub(super) branch: Option<String>,
    /// Pull request
    #[arg(long, value_name = "NUMBER", value_parser = not_blank, group = "target")]
    pub(super) pull_request: Option<String>,
    /// The main branch of the project
    #[arg(long, group = "target")]
    pub(super) main_branch: bool,
    /// List the N worst files or issues behind each failed condition
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(..=100))]
    pub(super) top: u16,
    /// Wait up to this many seconds for a server that is not up, for reports that are being processed (if the token may
    /// see them) and for a first analysis
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=LONGEST_WAIT))]
    pub(super) wait: u64,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(super) format: Format,
}

/// The value of an argument is blank.
#[derive(Debug, thiserror::Error)]
#[error("the value is empty")]
struct EmptyValue;

/// A script's variable that is not set must not choose what is asked for.
fn not_blank(text: &str) -> Result<String, EmptyValue> {
    if text.trim().is_empty() { Err(EmptyValue) } else { Ok(text.to_owned()) }
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// The arguments are wrong, or ask for help or the version: [`clap::Error::exit_code`] tells them apart.
pub(super) fn parse(arguments: &[OsString]) -> Result<Arguments, clap::Error> {
    Arguments::from_arg_matches(&definition().try_get_matches_from(arguments)?)
}

/// The commands and their arguments, with the exit codes in the help.
pub(super) fn definition() -> clap::Command {
    let mut codes = String::from("Exit codes:");
    for code in ExitCode::ALL {
        codes.push_str(&format!("\n  {:<4} {}", code.number(), code.meaning()));
    }
    Arguments::command().after_help(codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::error::ErrorKind;

    fn read(line: &str) -> Result<Command, clap::Error> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        parse(&arguments).map(|arguments| arguments.command)
    }

    #[test]
    fn the_definition_is_sound() {
        definition().debug_assert();
    }

    #[test]
    fn commands_are_read() {
        let line = "sonar-azdo gate --project-key shop --pull-request=7 --wait 60 --format json";
        let Ok(Command::Gate(gate)) = read(line) else { panic!("{line}") };
        assert_eq!(
            gate,
            GateArguments {
                project_key: Some("shop".into()),
                branch: None,
                pull_request: Some("7".into()),
                main_branch: false,
                top: 0,
                wait: 60,
                format: Format::Json,
            }
        );
        assert!(matches!(read("sonar-azdo completions zsh"), Ok(Command::Completions { shell: Shell::Zsh })));
        assert!(matches!(read("sonar-azdo man"), Ok(Command::Man)));
        for (line, kind) in [
            ("sonar-azdo --help", ErrorKind::DisplayHelp),
            ("sonar-azdo gate --help", ErrorKind::DisplayHelp),
            ("sonar-azdo -V", ErrorKind::DisplayVersion),
        ] {
            let error = read(line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 0), "{line}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, expected) in [
            ("sonar-azdo", "Usage: sonar-azdo <COMMAND>"),
            ("sonar-azdo run", "unrecognized subcommand 'run'"),
            ("sonar-azdo task prepare", "unrecognized subcommand 'task'"),
            ("sonar-azdo gate --project-key", "a value is required for '--project-key <KEY>'"),
            ("sonar-azdo gate --project-key x --branch a --pull-request 1", "cannot be used with"),
            ("sonar-azdo gate --project-key x --branch a --main-branch", "cannot be used with"),
            ("sonar-azdo gate --project-key x --top 101", "101 is not in 0..=100"),
            ("sonar-azdo gate --project-key x --format xml", "[possible values: text, json, markdown]"),
            ("sonar-azdo gate --project-key x --wait 604801", "604801 is not in 0..=604800"),
            ("sonar-azdo gate --project-key x --wait soon", "soon"),
            ("sonar-azdo gate --project-key x --branch=", "the value is empty"),
            ("sonar-azdo gate --project-key= --branch b", "the value is empty"),
            ("sonar-azdo gate --token t", "unexpected argument '--token'"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
            assert_eq!(error.exit_code(), i32::from(ExitCode::Usage.number()), "{line}");
        }
    }
}
