//! The log of the SonarScanner for .NET, and what it means for the analysis.
//!
//! Observed with 11.3 and 12.1: lines begin with `12:34:56.789  `. After that a warning has `WARNING: `, and a line of the
//! engine its level: `INFO: `, `WARNING: WARN: `. Errors are lines of standard error; a line without a time continues the one
//! before it. An unexpected error is followed by a stack trace of .NET, and the exit code is 134.

use crate::analysis::{Extent, Outcome};
use crate::process::{Exit, Stream};
use crate::scanner::engine_log::EngineLog;
use std::path::Path;
use tracing::Level;

/// What the messages about the log need to know.
#[derive(Debug, Clone, Default)]
pub struct LogContext<'a> {
    /// The server's address.
    pub server: &'a str,
    /// The product and its version, such as `SonarQube Server 10.7.0.96327`.
    pub product: &'a str,
    /// The scanner's work folder.
    pub work_folder: Option<&'a Path>,
    /// The variable `NUGET_PACKAGES`: the folder of NuGet's packages, if it is not the default.
    pub packages: Option<&'a str>,
}

/// Reads the lines of the scanner. Each error is reported once, as for the engine.
#[derive(Debug)]
pub(super) struct DotnetLog<'a> {
    facts: LogContext<'a>,
    log: EngineLog,
    error: Option<PendingError>,
    /// The innermost exception of .NET that ended the scanner.
    exception: Option<String>,
    /// The version of .NET that is missing.
    framework: Option<String>,
    is_java_started: bool,
    has_engine_spoken: bool,
    has_completed: bool,
    is_support_told: bool,
}

/// An error to which more lines may belong.
#[derive(Debug)]
struct PendingError {
    message: String,
    /// The stack trace of Java.
    trace: String,
}

/// What the engine logs before an error, and its last message if the analysis has succeeded.
const HEADLINE: &str = "Error during SonarScanner";
const COMPLETED: &str = "SonarScanner Engine completed successfully";
/// What .NET prints before an exception that ends it.
const UNHANDLED: &str = "Unhandled exception. ";
/// Errors that only say that there was another error.
const CONSEQUENCES: [&str; 4] = [
    "Post-processing failed",
    "Pre-processing failed",
    "The scanner engine did not complete successfully",
    "Generation of the sonar-properties file failed",
];
/// A warning on each agent: the scanner runs the engine, and so git, in `Agent.BuildDirectory`, which is in no clone.
const OUTSIDE_OF_GIT: &str =
    "Analyzing only language associated files, make sure to run the analysis inside a git";
/// The start of a usage text, which concerns no user of the task.
const USAGE: &str = "Expecting at least the following command line argument";

impl<'a> DotnetLog<'a> {
    pub(super) fn new(facts: LogContext<'a>) -> Self {
        Self {
            facts,
            log: EngineLog::of_program("SonarScanner for .NET", true),
            error: None,
            exception: None,
            framework: None,
            is_java_started: false,
            has_engine_spoken: false,
            has_completed: false,
            is_support_told: false,
        }
    }

    /// Whether the engine has logged that its analysis has succeeded.
    pub(super) fn has_completed(&self) -> bool {
        self.has_completed
    }

    /// What the engine has logged about what the analysis covers.
    pub(super) fn extent(&self) -> &Extent {
        self.log.extent()
    }

    /// Whether Java was started with our options, and the engine has logged nothing.
    pub(super) fn is_engine_silent(&self) -> bool {
        self.is_java_started && !self.has_engine_spoken
    }

    /// Reads one line, and emits what belongs in the log.
    pub(super) fn line(&mut self, stream: Stream, line: &str, emit: &mut impl FnMut(Level, &str)) {
        let (is_timed, rest) = without_time(line);
        let (level, text) = level_and_text(rest);
        self.is_java_started |= text.contains("SONAR_SCANNER_OPTS");
        self.has_engine_spoken |= is_timed && rest.starts_with("INFO: ");
        self.has_completed |= text == COMPLETED;
        if level.is_some() {
            if text == COMPLETED {
                // An error that was logged before the analysis succeeded stays an error.
                self.flush(emit);
            }
            self.log.learn(text);
        }
        match (stream, level) {
            // A warning of Java itself.
            (Stream::Stderr, Some(Level::WARN)) if !is_timed => emit(Level::DEBUG, line),
            (_, Some(Level::ERROR)) => self.begin_error(text, emit),
            (_, Some(Level::WARN)) => self.warning(text, emit),
            (_, Some(level)) => emit(level, text),
            (Stream::Stdout, None) => self.log.line(stream, text, emit),
            (Stream::Stderr, None) => self.error_line(is_timed, text, emit),
        }
    }

    fn warning(&mut self, text: &str, emit: &mut impl FnMut(Level, &str)) {
        if text.contains("unsupported version of SonarQube") {
            if !std::mem::replace(&mut self.is_support_told, true) {
                emit(Level::INFO, &self.support());
            }
        } else if text.contains("is not located under the base directory") && self.is_of_package(text) {
            emit(Level::DEBUG, text);
        } else if text.starts_with(OUTSIDE_OF_GIT) {
            emit(Level::INFO, text);
        } else {
            emit(Level::WARN, text);
        }
    }

    fn support(&self) -> String {
        let product = self.facts.product;
        format!(
            "This version of the SonarScanner for .NET is the last one that works with {product}: version 12 and newer need \
             SonarQube Server 2025.1 or Community Build 25.1"
        )
    }

    /// Whether the text names a file of a NuGet package. Such files are compiled into test projects, and are not sources of the
    /// project.
    fn is_of_package(&self, text: &str) -> bool {
        let text = text.replace('\\', "/");
        let own = self.facts.packages.map(|folder| folder.replace('\\', "/"));
        text.contains("/.nuget/packages/") || own.is_some_and(|folder| text.contains(folder.as_str()))
    }

    /// A line of standard error without a level.
    fn error_line(&mut self, is_timed: bool, text: &str, emit: &mut impl FnMut(Level, &str)) {
        if let Some(exception) = text.strip_prefix(UNHANDLED) {
            self.exception = Some(exception.to_owned());
            emit(Level::DEBUG, text);
        } else if let Some(exception) = &mut self.exception {
            if let Some(inner) = text.trim_start().strip_prefix("---> ") {
                inner.clone_into(exception);
            }
            emit(Level::DEBUG, text);
        } else if let Some(framework) = text.trim_start().strip_prefix("Framework: ") {
            self.framework = Some(framework.to_owned());
            emit(Level::DEBUG, text);
        } else if CONSEQUENCES.iter().any(|words| text.starts_with(words)) {
            emit(Level::DEBUG, text);
        } else if is_timed && text.starts_with(USAGE) && self.error.is_some() {
            self.flush(emit);
            emit(Level::DEBUG, text);
        } else if is_timed {
            self.begin_error(text, emit);
        } else if let Some(error) = &mut self.error {
            error.add(text);
        } else {
            self.log.line(Stream::Stderr, text, emit);
        }
    }

    fn begin_error(&mut self, text: &str, emit: &mut impl FnMut(Level, &str)) {
        self.flush(emit);
        self.error = Some(PendingError { message: text.to_owned(), trace: String::new() });
    }

    fn flush(&mut self, emit: &mut impl FnMut(Level, &str)) {
        if let Some(PendingError { message, trace }) = self.error.take() {
            self.log.error_of(message, trace, emit);
        }
    }

    /// The outcome, after the scanner has ended.
    pub(super) fn result(mut self, exit: Exit, emit: &mut impl FnMut(Level, &str)) -> Outcome {
        self.flush(emit);
        let Self { facts, log, exception, framework, .. } = self;
        match log.result(exit, emit) {
            Outcome::Failed { message } => {
                let said = ScannerFailure { message, exception, framework, exit };
                Outcome::Failed { message: said.explained(&facts) }
            }
            other => other,
        }
    }
}

impl PendingError {
    fn add(&mut self, line: &str) {
        // After the headline of the engine comes the exception itself.
        let text = if self.message.starts_with(HEADLINE) { &mut self.trace } else { &mut self.message };
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(line.trim_end());
    }
}

/// All that was logged about a failure.
struct ScannerFailure {
    message: String,
    exception: Option<String>,
    framework: Option<String>,
    exit: Exit,
}

impl ScannerFailure {
    fn explained(self, facts: &LogContext<'_>) -> String {
        let Self { message, exception, framework, exit } = self;
        let server = facts.server;
        let has = |words: &[&str]| {
            let in_exception = |word: &&str| exception.as_deref().is_some_and(|text| text.contains(*word));
            words.iter().any(|word| message.contains(word) || in_exception(word))
        };
        let cause = exception.as_deref().or_else(|| message.lines().next_back()).unwrap_or_default();
        let cause = match cause.split_once(" execution: ") {
            Some((before, cause)) if before.starts_with(HEADLINE) => cause,
            _ => cause,
        };
        let cause = cause.trim().trim_end_matches('.');
        if let Some(framework) = framework.or_else(|| (exit.code == Some(150)).then(|| "unknown".to_owned()))
        {
            return format!(
                "this agent lacks the version of .NET that this SonarScanner for .NET needs ({framework}). Install that runtime \
                 before SonarPrepare, for example with the task UseDotNet@2, or use a newer version of the scanner."
            );
        }
        if has(&["QUALITY GATE"]) {
            return message;
        }
        if has(&[
            "JsonReaderException",
            "JsonException",
            "InvalidProtocolBufferException",
            "while querying the server version",
            "Unexpected character encountered while parsing",
        ]) {
            return format!(
                "{server} did not answer the SonarScanner for .NET as SonarQube does ({cause}). A proxy or a sign-in page between \
                 the agent and the server may have answered. Check that, and run the job again."
            );
        }
        if has(&[
            "Unable to connect to server",
            "HttpRequestException",
            "java.net.",
            "javax.net.ssl.",
            "java.io.EOFException",
            "TaskCanceledException",
            "SocketException",
        ]) {
            return format!(
                "the SonarScanner for .NET could not reach {server} ({cause}). Check the server, the proxy and the certificates, \
                 and run the job again."
            );
        }
        if has(&["Inconsistent build environment settings"]) {
            return "the scanner's configuration belongs to another build. Run SonarPrepare and SonarAnalyze in one job, and do \
                    not let another build use the same Agent.BuildDirectory meanwhile."
                .to_owned();
        }
        if has(&["step was probably not executed", "analysis configuration file could not be found"]) {
            let folder = facts.work_folder.map(|folder| folder.display().to_string()).unwrap_or_default();
            return format!(
                "the folder {folder}, which SonarPrepare created, does not exist any more. Do not check out or clean between \
                 SonarPrepare and SonarAnalyze."
            );
        }
        if has(&["unable to collect the required information about your projects"]) {
            return match facts.work_folder.is_none_or(|folder| !has_projects(folder)) {
                true => "nothing was built between SonarPrepare and SonarAnalyze. Build the solution there, for example with \
                         `dotnet build`."
                    .to_owned(),
                false => "the build between SonarPrepare and SonarAnalyze had no project that can be analysed: all are excluded, \
                          or none has a unique ProjectGuid. The log above names them. Build the solution instead of single \
                          projects."
                    .to_owned(),
            };
        }
        if has(&[
            "javaExePath",
            "Could not find Java",
            "Could not find 'java'",
            "The scanner engine execution failed",
        ]) {
            return format!(
                "the SonarScanner for .NET found no Java that it can start ({cause}). Install Java on the agent, or set the \
                 property sonar.scanner.javaExePath to the path of one."
            );
        }
        match exception {
            Some(exception) => {
                format!("the SonarScanner for .NET ended with an unexpected error: {exception}")
            }
            None => message,
        }
    }
}

/// Whether a build has left the file that the scanner reads of a project.
fn has_projects(work_folder: &Path) -> bool {
    let folders = std::fs::read_dir(work_folder.join("out")).into_iter().flatten().flatten();
    folders.into_iter().any(|entry| entry.path().join("ProjectInfo.xml").is_file())
}

/// Whether a line such as `12:34:56.789  text` has a time, and what follows it.
fn without_time(line: &str) -> (bool, &str) {
    let form = "00:00:00.000".bytes();
    match line.split_once(' ') {
        Some((time, rest))
            if time.len() == form.len()
                && time
                    .bytes()
                    .zip(form)
                    .all(|(b, f)| if f == b'0' { b.is_ascii_digit() } else { b == f }) =>
        {
            (true, rest.trim_start())
        }
        _ => (false, line),
    }
}

/// The level of a line, if it has one, and the text after it. The scanner's own level comes before that of the engine.
fn level_and_text(line: &str) -> (Option<Level>, &str) {
    let of_engine = |line| {
        ["ERROR: ", "WARN: ", "WARNING: ", "INFO: ", "DEBUG: ", "TRACE: "]
            .into_iter()
            .zip([Level::ERROR, Level::WARN, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE])
            .find_map(|(word, level)| Some((level, str::strip_prefix(line, word)?)))
    };
    match of_engine(line) {
        Some((Level::WARN, text)) => {
            let text =
                ["WARN: ", "WARNING: "].iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text);
            (Some(Level::WARN), text)
        }
        Some((level, text)) => (Some(level), text),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests;
