//! The log of the SonarScanner CLI.

use super::engine_log::{COMPLETED, EngineLog, emit};
use super::scanner_run::ScannerRun;
use crate::analysis::{Invocation, Outcome};
use crate::cancel::Cancellation;
use crate::error::Result;
use crate::process::{self, Ended, Exit, Stream};
use std::ffi::OsString;
use tracing::Level;

/// Runs the CLI with `environment`, and relays its log as that of the engine is relayed.
///
/// # Errors
/// It could not be started.
pub(super) async fn run(
    mut log: CliLog,
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
) -> Result<ScannerRun> {
    let on_line = |stream, line: &str| log.line(stream, line, &mut emit);
    let ended = process::run(invocation, environment, cancellation, on_line).await?;
    let extent = log.log.extent().clone();
    let result = match ended {
        Ended::Exit(exit) => log.result(exit, &mut emit),
        Ended::Cancelled => Outcome::Cancelled,
    };
    Ok(ScannerRun { outcome: result, may_be_damaged: false, extent })
}

/// Reads the lines of the CLI: `INFO: text` up to version 5, later `12:34:56.789 INFO  text`. Each error is reported once, as
/// for the engine.
#[derive(Debug)]
pub(super) struct CliLog {
    log: EngineLog,
    error: Option<CliError>,
}

/// An error to which more lines may belong.
#[derive(Debug)]
struct CliError {
    message: String,
    trace: String,
}

/// What older versions log before the error itself, and after it.
const HEADLINE: &str = "Error during SonarScanner";
const ADVICE: &str = "Re-run SonarScanner";

impl CliLog {
    /// The log of `program`. `waits_for_gate`: the engine waits for the quality gate.
    pub(super) fn new(program: &'static str, waits_for_gate: bool) -> Self {
        Self { log: EngineLog::of_program(program, waits_for_gate), error: None }
    }

    /// Reads one line, and emits what belongs in the log.
    pub(super) fn line(&mut self, stream: Stream, line: &str, emit: &mut impl FnMut(Level, &str)) {
        match (level_and_text(line), stream) {
            // A warning of Java itself.
            (Some((Level::WARN, _)), Stream::Stderr) if line.starts_with("WARNING: ") => {
                emit(Level::DEBUG, line);
            }
            (Some((Level::ERROR, text)), _) => self.error(text, emit),
            (Some((level, text)), _) => {
                if text == COMPLETED {
                    // An error that was logged before the analysis succeeded stays an error.
                    self.flush(emit);
                }
                self.log.learn(text);
                emit(level, text);
            }
            (None, Stream::Stderr) => match &mut self.error {
                Some(error) => error.add(line),
                None => self.log.line(stream, line, emit),
            },
            (None, _) => self.log.line(stream, line, emit),
        }
    }

    fn error(&mut self, text: &str, emit: &mut impl FnMut(Level, &str)) {
        if text.is_empty() || text.starts_with(ADVICE) {
            return;
        }
        if let Some(error) = &mut self.error {
            if error.message.starts_with(HEADLINE) && error.trace.is_empty() {
                text.clone_into(&mut error.message);
                return;
            }
            self.flush(emit);
        }
        self.error = Some(CliError { message: text.to_owned(), trace: String::new() });
    }

    fn flush(&mut self, emit: &mut impl FnMut(Level, &str)) {
        if let Some(CliError { message, trace }) = self.error.take() {
            self.log.error_of(message, trace, emit);
        }
    }

    /// The outcome, after the CLI has ended.
    pub(super) fn result(mut self, exit: Exit, emit: &mut impl FnMut(Level, &str)) -> Outcome {
        self.flush(emit);
        self.log.result(exit, emit)
    }
}

impl CliError {
    /// A line of the stack trace, or one more of the message.
    fn add(&mut self, line: &str) {
        let is_frame = line.trim_start() != line && line.trim_start().starts_with("at ");
        if is_frame && self.trace.is_empty() {
            // The exception itself was a line of the message. The trace begins with it.
            self.trace.push_str(self.message.lines().last().unwrap_or_default());
        }
        let text = if is_frame || !self.trace.is_empty() { &mut self.trace } else { &mut self.message };
        text.push('\n');
        text.push_str(line);
    }
}

fn level_and_text(line: &str) -> Option<(Level, &str)> {
    let rest = match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => rest.trim_start(),
        _ => line,
    };
    let end = rest.find([' ', ':']).unwrap_or(rest.len());
    let (word, text) = rest.split_at(end);
    let level = match word {
        "ERROR" => Level::ERROR,
        "WARN" | "WARNING" => Level::WARN,
        "INFO" => Level::INFO,
        "DEBUG" => Level::DEBUG,
        "TRACE" => Level::TRACE,
        _ => return None,
    };
    Some((level, text.strip_prefix(':').unwrap_or(text).trim_start()))
}

/// `12:34:56.789`
fn is_time(text: &str) -> bool {
    text.len() == 12
        && text
            .bytes()
            .zip("00:00:00.000".bytes())
            .all(|(byte, form)| if form == b'0' { byte.is_ascii_digit() } else { byte == form })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: Exit = Exit { code: Some(2), signal: None };
    const SUCCEEDED: Exit = Exit { code: Some(0), signal: None };

    /// What is told of these lines (`!` before those of standard error), and the result.
    fn run(lines: &str, exit: Exit) -> (Vec<String>, Outcome) {
        let mut told = Vec::new();
        let mut emit = |level: Level, text: &str| told.push(format!("{level} {text}"));
        let mut log = CliLog::new("SonarScanner CLI", true);
        for line in lines.lines() {
            match line.strip_prefix('!') {
                Some(line) => log.line(Stream::Stderr, line, &mut emit),
                None => log.line(Stream::Stdout, line, &mut emit),
            }
        }
        let result = log.result(exit, &mut emit);
        (told, result)
    }

    fn failed(message: &str) -> Outcome {
        Outcome::Failed { message: message.to_owned() }
    }

    #[test]
    fn lines_keep_their_levels() {
        let (told, result) = run(
            "INFO: SonarScanner 5.0.1.3006\nWARN: odd\n12:34:56.789 INFO  SonarScanner CLI 8.1\n\
             12:34:56.789 WARN  newer\n12:34:56.789  WARNING: of .NET\nDEBUG: x\nno level\nINFORMATION\n!WARNING: by Java\n!Picked up X",
            SUCCEEDED,
        );
        assert_eq!(
            told,
            [
                "INFO SonarScanner 5.0.1.3006",
                "WARN odd",
                "INFO SonarScanner CLI 8.1",
                "WARN newer",
                "WARN of .NET",
                "DEBUG x",
                "INFO no level",
                "INFO INFORMATION",
                "DEBUG WARNING: by Java",
                "DEBUG Picked up X"
            ]
        );
        assert_eq!(result, Outcome::Succeeded);
    }

    #[test]
    fn the_last_error_is_the_message_and_told_nowhere_else() {
        let (told, result) = run(
            "!ERROR: Invalid value of sonar.sources for demo\n!ERROR: Error during SonarScanner execution\n\
             !ERROR: The folder 'nope' does not exist\n!ERROR: \n\
             !ERROR: Re-run SonarScanner using the -X switch to enable full debug logging.\nINFO: EXECUTION FAILURE",
            FAILED,
        );
        assert_eq!(told, ["INFO EXECUTION FAILURE", "ERROR Invalid value of sonar.sources for demo"]);
        assert_eq!(result, failed("The folder 'nope' does not exist"));
        let (told, result) = run(
            "!12:34:56.789 ERROR Validation of project failed:\n!  o Developer Edition is required",
            FAILED,
        );
        assert!(told.is_empty(), "{told:?}");
        assert_eq!(result, failed("Validation of project failed:\n  o Developer Edition is required"));
    }

    #[test]
    fn a_stack_trace_gives_its_root_cause() {
        let (told, result) = run(
            "!ERROR: Error during SonarScanner execution\n!java.lang.IllegalStateException: outer\n!\tat a.b(C.java:1)\n\
             !Caused by: java.net.ConnectException: refused\n!\tat d.e(F.java:2)\n!ERROR: \n",
            FAILED,
        );
        assert_eq!(
            result,
            failed(
                "Error during SonarScanner execution\njava.lang.IllegalStateException: outer: \
                 java.net.ConnectException: refused"
            )
        );
        assert!(told.iter().all(|line| line.starts_with("DEBUG ")), "{told:?}");
        // In the words of version 6.
        let (_, result) = run(
            "!12:34:56.799 ERROR Error during SonarScanner CLI execution\n!java.lang.X: outer\n!\tat a.b(C.java:1)\n\
             !12:34:56.800 ERROR \n!12:34:56.800 ERROR Re-run SonarScanner CLI using the -X switch to enable full debug logging.",
            FAILED,
        );
        assert_eq!(result, failed("Error during SonarScanner CLI execution\njava.lang.X: outer"));
        let (_, result) = run(
            "!ERROR: Error during SonarScanner execution\n!java.lang.X: outer\n!\tat a.b(C.java:1)",
            FAILED,
        );
        assert_eq!(result, failed("Error during SonarScanner execution\njava.lang.X: outer"));
    }

    #[test]
    fn what_the_analysis_covers_and_errors_after_its_end() {
        let mut told = Vec::new();
        let mut emit = |level: Level, text: &str| told.push(format!("{level} {text}"));
        let mut log = CliLog::new("SonarScanner for .NET", true);
        for line in [
            "INFO: 4 files indexed",
            "12:34:56.789 INFO  Quality profile for cs: Sonar way",
            "12:34:56.789 ERROR early",
            "12:34:56.789 INFO  SonarScanner Engine completed successfully",
            "12:34:56.789 ERROR late",
        ] {
            log.line(Stream::Stdout, line, &mut emit);
        }
        assert_eq!(log.log.extent().indexed_files, Some(4));
        assert_eq!(log.log.extent().languages, ["cs"]);
        assert_eq!(log.result(SUCCEEDED, &mut emit), Outcome::Succeeded);
        assert_eq!(told[3..], ["ERROR early", "WARN late"]);
    }

    #[test]
    fn the_gate_and_java() {
        let (_, result) = run("!ERROR: QUALITY GATE STATUS: FAILED - View details on http://x", FAILED);
        assert!(matches!(result, Outcome::GateFailed { .. }), "{result:?}");
        let (_, result) =
            run("!Error: Could not find or load main class", Exit { code: Some(1), signal: None });
        assert_eq!(
            result,
            failed(
                "the SonarScanner CLI ended with exit code 1 and gave no reason. The last lines:\n\
                 Error: Could not find or load main class"
            )
        );
    }
}
