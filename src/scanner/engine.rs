//! SonarSource's scanner engine: a Java program from the server that does the analysis.
//!
//! Contract: as SonarSource's scanners run it: properties as JSON on standard input, log entries as JSON lines on standard
//! output.

use super::class_archive::ClassArchive;
use super::engine_log::{EngineLog, emit};
use super::scanner_run::ScannerRun;
use crate::analysis::{Invocation, Outcome, Properties, is_secret};
use crate::cancel::Cancellation;
use crate::error::Result;
use crate::process::{self, Ended, Exit};
use crate::secret::Secret;
use serde::Serialize;
use std::ffi::OsString;
use std::path::Path;

/// With this option a password for a trust store that has none is not an error.
pub(super) const NO_USELESS_PASSWORD: &str = "-Dorg.bouncycastle.pkcs12.ignore_useless_passwd=true";

/// What is needed to run the engine.
#[derive(Debug, Clone, Copy)]
pub struct Engine<'a> {
    /// The java executable.
    pub java: &'a Path,
    /// The engine's jar.
    pub jar: &'a Path,
    /// `sonar.scanner.javaOpts` or `SONAR_SCANNER_JAVA_OPTS`: options divided by white space.
    pub java_options: &'a str,
    /// The archive of the engine's classes.
    pub archive: &'a ClassArchive,
    /// All properties of the analysis, the token among them.
    pub properties: &'a Properties,
    /// The project's base directory.
    pub directory: &'a Path,
}

impl Engine<'_> {
    /// The command. Its arguments hold no secret of ours.
    pub fn invocation(&self) -> Invocation {
        let mut arguments: Vec<String> = self.java_options.split_whitespace().map(str::to_owned).collect();
        arguments.extend(self.archive.options());
        arguments.push(NO_USELESS_PASSWORD.to_owned());
        arguments.push("-jar".to_owned());
        // Absolute: the engine runs in another directory than this program.
        let jar = std::path::absolute(self.jar).unwrap_or_else(|_| self.jar.to_owned());
        arguments.push(jar.to_string_lossy().into_owned());
        Invocation {
            program: self.java.to_owned(),
            arguments,
            directory: self.directory.to_owned(),
            environment: Vec::new(),
            secret_environment: Vec::new(),
            stdin: Some(standard_input(self.properties)),
        }
    }

    /// Runs the engine with `environment`, and relays its log. Warnings and errors stay what they are, except for the error
    /// that is the message of the result.
    ///
    /// # Errors
    /// Java could not be started.
    pub async fn run(
        &self,
        environment: &[(OsString, OsString)],
        cancellation: &Cancellation,
    ) -> Result<ScannerRun> {
        let invocation = self.invocation();
        tracing::debug!("Running {}", shown(&invocation));
        let mut log = EngineLog::new(self.properties.is_true("sonar.qualitygate.wait"));
        let on_line = |stream, line: &str| log.line(stream, line, &mut emit);
        let ended = process::run(&invocation, environment, cancellation, on_line).await;
        let exited_well = matches!(ended, Ok(Ended::Exit(exit)) if exit.is_success());
        self.archive.finish(log.has_completed(), exited_well);
        let extent = log.extent().clone();
        Ok(match ended? {
            // The analysis is done and has succeeded. Java may still crash while it writes the archive.
            Ended::Exit(_) if self.archive.is_made() && log.has_completed() => ScannerRun {
                outcome: log.result(Exit { code: Some(0), signal: None }, &mut emit),
                may_be_damaged: false,
                extent,
            },
            Ended::Exit(exit) => {
                let may_be_damage = log.may_be_damage(exit);
                if may_be_damage {
                    self.archive.discard();
                }
                ScannerRun { outcome: log.result(exit, &mut emit), may_be_damaged: may_be_damage, extent }
            }
            Ended::Cancelled => ScannerRun { outcome: Outcome::Cancelled, may_be_damaged: false, extent },
        })
    }
}

/// The invocation without the values of options whose names are those of secrets: users put passwords of trust stores
/// there.
fn shown(invocation: &Invocation) -> Invocation {
    let mut shown = invocation.clone();
    for argument in &mut shown.arguments {
        if let Some((option, _)) = argument.split_once('=')
            && is_secret(option)
        {
            *argument = format!("{option}=***");
        }
    }
    shown
}

/// `{"scannerProperties":[{"key":"..","value":".."},..]}`, sorted by key.
fn standard_input(properties: &Properties) -> Secret {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct EngineInput<'a> {
        scanner_properties: Vec<EngineProperty<'a>>,
    }
    #[derive(Serialize)]
    struct EngineProperty<'a> {
        key: &'a str,
        value: &'a str,
    }
    let scanner_properties = properties.iter().map(|(key, value)| EngineProperty { key, value }).collect();
    // Keys and values of text always serialise.
    Secret::new(serde_json::to_string(&EngineInput { scanner_properties }).unwrap_or_default())
}

#[cfg(test)]
mod tests;
