//! What the command line says.

use crate::command::{Format, Gate, LONGEST_WAIT};
use lexopt::prelude::{Long, Short, Value, ValueExt as _};
use std::ffi::OsString;

/// The text of `--help`.
pub const HELP: &str = "\
SonarQube analysis and a quality gate you can trust, for Azure Pipelines

Usage: sonar-azdo task <prepare|analyze|publish>
           a step of a pipeline, as the agent's tasks run it
       sonar-azdo gate --project-key KEY [--branch NAME | --pull-request NUMBER]
                       [--wait SECONDS] [--format text|json|markdown]
           the quality gate of a project as it is now

gate:
  --project-key KEY       key of the project
  --branch NAME           branch; the main branch if neither this nor --pull-request is given
  --pull-request NUMBER   pull request
  --wait SECONDS          wait so long for a server that is not up, for reports that are being processed
                          (if the token may see them) and for a first analysis; 0 unless said
  --format FORMAT         text, json or markdown; text unless said

  SONAR_HOST_URL and SONAR_TOKEN name the server and the token.
  Exit codes: 0 passed, 1 failed, 2 wrong usage, 3 never computed, 4 time is up, 5 refused or not understood
";

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Run a step of a pipeline.
    Task(Step),
    /// Ask for a project's quality gate.
    Gate(Gate),
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
}

/// A step of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// SonarPrepare.
    Prepare,
    /// SonarAnalyze.
    Analyze,
    /// SonarPublish.
    Publish,
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// They are none of those in [`HELP`].
pub fn parse(arguments: &[OsString]) -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_iter(arguments);
    let command = match parser.next()? {
        Some(Short('h') | Long("help")) => return Ok(Command::Help),
        Some(Short('V') | Long("version")) => return Ok(Command::Version),
        Some(Value(name)) => name.string()?,
        Some(other) => return Err(other.unexpected()),
        None => return Err("a command is missing: task or gate".into()),
    };
    match command.as_str() {
        "task" => task(&mut parser),
        "gate" => gate(&mut parser),
        "help" => Ok(Command::Help),
        other => Err(format!("there is no command {other:?}: use task or gate").into()),
    }
}

fn task(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let mut step = None;
    while let Some(argument) = parser.next()? {
        step = match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Value(name) if step.is_none() => Some(match name.string()?.as_str() {
                "prepare" => Step::Prepare,
                "analyze" => Step::Analyze,
                "publish" => Step::Publish,
                other => {
                    return Err(format!("there is no step {other:?}: use prepare, analyze or publish").into());
                }
            }),
            other => return Err(other.unexpected()),
        };
    }
    step.map(Command::Task).ok_or_else(|| "a step is missing: prepare, analyze or publish".into())
}

fn gate(parser: &mut lexopt::Parser) -> Result<Command, lexopt::Error> {
    let (mut project_key, mut branch, mut pull_request) = (None, None, None);
    let (mut wait, mut format) = (0, Format::Text);
    // A script's variable that is not set shall not choose what is asked for.
    let name = |option: &str, value: OsString| match value.string()? {
        text if text.trim().is_empty() => Err(lexopt::Error::from(format!("{option} is empty"))),
        text => Ok(Some(text)),
    };
    while let Some(argument) = parser.next()? {
        match argument {
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("project-key") => project_key = name("--project-key", parser.value()?)?,
            Long("branch") => branch = name("--branch", parser.value()?)?,
            Long("pull-request") => pull_request = name("--pull-request", parser.value()?)?,
            Long("wait") => {
                wait = parser.value()?.parse()?;
                if wait > LONGEST_WAIT {
                    return Err(format!("--wait is {wait}: at most {LONGEST_WAIT} seconds, a week").into());
                }
            }
            Long("format") => {
                format = match parser.value()?.string()?.as_str() {
                    "text" => Format::Text,
                    "json" => Format::Json,
                    "markdown" => Format::Markdown,
                    other => {
                        return Err(
                            format!("there is no format {other:?}: use text, json or markdown").into()
                        );
                    }
                };
            }
            other => return Err(other.unexpected()),
        }
    }
    if branch.is_some() && pull_request.is_some() {
        return Err("--branch and --pull-request exclude each other".into());
    }
    let project_key = project_key.ok_or("--project-key is missing")?;
    Ok(Command::Gate(Gate { project_key, branch, pull_request, wait, format }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Command, String> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn commands() {
        assert_eq!(read("sonar-azdo task publish"), Ok(Command::Task(Step::Publish)));
        assert_eq!(read("sonar-azdo --help"), Ok(Command::Help));
        assert_eq!(read("sonar-azdo gate --help"), Ok(Command::Help));
        assert_eq!(read("sonar-azdo -V"), Ok(Command::Version));
        let gate = Gate {
            project_key: "shop".into(),
            branch: None,
            pull_request: Some("7".into()),
            wait: 60,
            format: Format::Json,
        };
        let line = "sonar-azdo gate --project-key shop --pull-request=7 --wait 60 --format json";
        assert_eq!(read(line), Ok(Command::Gate(gate)));
    }

    #[test]
    fn mistakes_are_named() {
        for (line, expected) in [
            ("sonar-azdo", "a command is missing: task or gate"),
            ("sonar-azdo run", "there is no command \"run\": use task or gate"),
            ("sonar-azdo task", "a step is missing: prepare, analyze or publish"),
            ("sonar-azdo task begin", "there is no step \"begin\": use prepare, analyze or publish"),
            ("sonar-azdo task prepare publish", "unexpected argument \"publish\""),
            ("sonar-azdo gate", "--project-key is missing"),
            ("sonar-azdo gate --project-key", "missing argument for option '--project-key'"),
            (
                "sonar-azdo gate --project-key x --branch a --pull-request 1",
                "--branch and --pull-request exclude each other",
            ),
            (
                "sonar-azdo gate --project-key x --format xml",
                "there is no format \"xml\": use text, json or markdown",
            ),
            (
                "sonar-azdo gate --project-key x --wait 18446744073709551615",
                "--wait is 18446744073709551615: at most 604800 seconds, a week",
            ),
            ("sonar-azdo gate --project-key x --branch=", "--branch is empty"),
            ("sonar-azdo gate --project-key= --branch b", "--project-key is empty"),
            ("sonar-azdo gate --token t", "invalid option '--token'"),
        ] {
            assert_eq!(read(line), Err(expected.to_owned()), "{line}");
        }
        assert!(read("sonar-azdo gate --project-key x --wait soon").unwrap_err().contains("soon"));
    }
}
