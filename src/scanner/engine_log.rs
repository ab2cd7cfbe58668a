//! The log of the scanner engine, and what it means for the analysis.

use crate::analysis::{Extent, Outcome};
use crate::process::{Exit, Stream};
use serde::Deserialize;
use std::collections::VecDeque;
use tracing::Level;

/// How many of the last lines that are not log entries are shown if Java does not start.
const LAST_LINES: usize = 20;
/// SIGILL, SIGABRT, SIGBUS, SIGFPE and SIGSEGV: Java gets these when it crashes; nobody sends them.
const SIGNALS_OF_DAMAGE: [i32; 5] = [4, 6, 7, 8, 11];
/// Parts of Java's messages about failures that another copy of Java would have, too.
const COMPLAINTS: [&str; 7] = [
    "UnsupportedClassVersionError",
    "Unrecognized ",
    "heap size",
    "Could not reserve enough space",
    "insufficient memory",
    "Conflicting collector combinations",
    "Multiple garbage collectors selected",
];
/// The last message of an engine whose analysis has succeeded (observed on 10.7 and 26.9).
pub(super) const COMPLETED: &str = "SonarScanner Engine completed successfully";
const GATE_FAILED: &str = "QUALITY GATE STATUS: FAILED";
/// The start of its warning that git does not find the target branch of a pull request (observed on 10.7 and 26.9).
const MISSING_TARGET: &str = "Could not find ref";

/// Writes one message to the log.
pub(super) fn emit(level: Level, text: &str) {
    match level {
        Level::ERROR => tracing::error!("{text}"),
        Level::WARN => tracing::warn!("{text}"),
        Level::INFO => tracing::info!("{text}"),
        Level::DEBUG => tracing::debug!("{text}"),
        Level::TRACE => tracing::trace!("{text}"),
    }
}

/// Reads the lines of the engine. Each error of the engine is reported once: here, except for the last one, which becomes
/// the message of a failure, and the one about the quality gate.
#[derive(Debug)]
pub(super) struct EngineLog {
    program: &'static str,
    waits_for_gate: bool,
    has_spoken: bool,
    has_completed: bool,
    last_error: Option<EngineError>,
    gate_error: Option<String>,
    extent: Extent,
    last_lines: VecDeque<String>,
}

#[derive(Debug)]
struct EngineError {
    message: String,
    cause: Option<String>,
    /// Its level in the log if the analysis succeeds: an error that the engine logs after its report is with the server does
    /// not concern the analysis, so it is a warning.
    level: Level,
}

/// A log entry of the engine: a line of its standard output.
#[derive(Debug, Deserialize)]
struct EngineLogEntry {
    level: String,
    message: Option<String>,
    stacktrace: Option<String>,
}

impl EngineLog {
    /// `waits_for_gate`: the engine waits for the quality gate.
    pub(super) fn new(waits_for_gate: bool) -> Self {
        Self::of_program("scanner engine", waits_for_gate)
    }

    /// The log of another program that runs the engine.
    pub(super) fn of_program(program: &'static str, waits_for_gate: bool) -> Self {
        Self {
            program,
            waits_for_gate,
            has_spoken: false,
            has_completed: false,
            last_error: None,
            gate_error: None,
            extent: Extent::default(),
            last_lines: VecDeque::new(),
        }
    }

    /// Whether the engine has logged that its analysis has succeeded.
    pub(super) fn has_completed(&self) -> bool {
        self.has_completed
    }

    /// What the engine has logged about what the analysis covers.
    pub(super) fn extent(&self) -> &Extent {
        &self.extent
    }

    /// Notes whether a message says that the analysis has succeeded, or what it covers. The first number of indexed files
    /// counts: the engine indexes before any analyzer runs, and an analyzer may print text of the sources.
    pub(super) fn learn(&mut self, message: &str) {
        self.has_completed |= message == COMPLETED;
        let extent = &mut self.extent;
        if extent.indexed_files.is_none() {
            extent.indexed_files = indexed_files(message);
        }
        if let Some((language, _)) =
            message.strip_prefix("Quality profile for ").and_then(|rest| rest.split_once(':'))
            && !extent.languages.iter().any(|known| known == language)
        {
            extent.languages.push(language.to_owned());
        }
        if extent.missing_target.is_none() && message.starts_with(MISSING_TARGET) {
            extent.missing_target = Some(message.to_owned());
        }
    }

    /// Reads one line, and emits what belongs in the log.
    pub(super) fn line(&mut self, stream: Stream, line: &str, emit: &mut impl FnMut(Level, &str)) {
        let entry = match stream {
            Stream::Stdout => serde_json::from_str::<EngineLogEntry>(line).ok(),
            Stream::Stderr => None,
        };
        match entry {
            Some(entry) => self.entry(entry, emit),
            None => {
                emit(if stream == Stream::Stdout { Level::INFO } else { Level::DEBUG }, line);
                if self.last_lines.len() == LAST_LINES {
                    self.last_lines.pop_front();
                }
                self.last_lines.push_back(line.to_owned());
            }
        }
    }

    /// Reads an error with its stack trace.
    pub(super) fn error_of(
        &mut self,
        message: String,
        stacktrace: String,
        emit: &mut impl FnMut(Level, &str),
    ) {
        self.entry(
            EngineLogEntry {
                level: "ERROR".to_owned(),
                message: Some(message),
                stacktrace: Some(stacktrace),
            },
            emit,
        );
    }

    fn entry(&mut self, entry: EngineLogEntry, emit: &mut impl FnMut(Level, &str)) {
        self.has_spoken = true;
        let trace = entry.stacktrace.unwrap_or_default();
        let message = match entry.message {
            Some(message) if !message.trim().is_empty() => message,
            _ => trace.lines().next().unwrap_or_default().to_owned(),
        };
        self.learn(&message);
        match entry.level.as_str() {
            "ERROR" => {
                let level = if self.has_completed { Level::WARN } else { Level::ERROR };
                self.error(EngineError { cause: root_cause(&trace, &message), message, level }, emit);
            }
            "WARN" => emit(Level::WARN, &message),
            "DEBUG" => emit(Level::DEBUG, &message),
            "TRACE" => emit(Level::TRACE, &message),
            _ => emit(Level::INFO, &message),
        }
        for line in trace.lines() {
            emit(Level::DEBUG, line);
        }
    }

    fn error(&mut self, error: EngineError, emit: &mut impl FnMut(Level, &str)) {
        if self.waits_for_gate && error.message.contains(GATE_FAILED) {
            self.gate_error = Some(error.message);
        } else if let Some(earlier) = self.last_error.replace(error) {
            emit(earlier.level, &earlier.message);
        }
    }

    /// Whether a damaged Java or program may be the reason of a failure: it ended by itself before it logged anything, and
    /// Java does not report that it is too old, has wrong options or has too little memory.
    pub(super) fn may_be_damage(&self, exit: Exit) -> bool {
        let complains = |line: &String| COMPLAINTS.iter().any(|words| line.contains(words));
        let is_killed = exit.signal.is_some_and(|signal| !SIGNALS_OF_DAMAGE.contains(&signal));
        !exit.is_success() && !self.has_spoken && !is_killed && !self.last_lines.iter().any(complains)
    }

    /// The outcome, after the engine has ended.
    pub(super) fn result(mut self, exit: Exit, emit: &mut impl FnMut(Level, &str)) -> Outcome {
        let gate_error = self.gate_error.take();
        let last_error = self.last_error.take();
        if exit.is_success() {
            if let Some(EngineError { message, level, .. }) = last_error {
                emit(level, &message);
            }
            if let Some(message) = gate_error {
                emit(Level::ERROR, &message);
            }
            return Outcome::Succeeded;
        }
        let mut tell = |message: Option<&str>| message.into_iter().for_each(|text| emit(Level::ERROR, text));
        if let Some(signal) = exit.signal {
            tell(last_error.as_ref().map(|error| error.message.as_str()));
            tell(gate_error.as_deref());
            return Outcome::Failed { message: ended_by_signal(self.program, signal) };
        }
        match (gate_error, last_error) {
            (Some(message), other) => {
                tell(other.as_ref().map(|error| error.message.as_str()));
                Outcome::GateFailed { message }
            }
            (None, Some(EngineError { message, cause: Some(cause), .. })) => {
                Outcome::Failed { message: format!("{}: {cause}", message.trim_end()) }
            }
            (None, Some(EngineError { message, cause: None, .. })) => Outcome::Failed { message },
            (None, None) => Outcome::Failed { message: self.not_started(exit) },
        }
    }

    /// The message of a failure for which the engine gave no reason: Java may have printed one.
    fn not_started(self, exit: Exit) -> String {
        let code = exit.code.unwrap_or_default();
        let lines = Vec::from(self.last_lines);
        if let Some(line) = lines.iter().find(|line| line.contains("UnsupportedClassVersionError")) {
            return format!(
                "the Java that is used is too old for the {} of this server. Remove \
                 sonar.scanner.javaExePath and sonar.scanner.skipJreProvisioning to use the server's \
                 Java, or install a newer one. Java's message: {}",
                self.program,
                line.trim()
            );
        }
        let mut message = format!("the {} ended with exit code {code} and gave no reason", self.program);
        if !lines.is_empty() {
            message.push_str(". The last lines:\n");
            message.push_str(&lines.join("\n"));
        }
        message
    }
}

/// The number in `12 files indexed` or `1 file indexed`, whatever follows.
fn indexed_files(message: &str) -> Option<u64> {
    let (number, rest) = message.split_once(' ')?;
    let is_it = rest.starts_with("files indexed") || rest.starts_with("file indexed");
    number.parse().ok().filter(|_| is_it)
}

/// The innermost cause in a Java stack trace, unless the message contains it.
fn root_cause(trace: &str, message: &str) -> Option<String> {
    let caused_by = trace.lines().rev().find_map(|line| line.trim_start().strip_prefix("Caused by: "));
    let cause = caused_by.or_else(|| trace.lines().next())?.trim();
    let text = cause.split_once(": ").map_or(cause, |(_, text)| text);
    (!cause.is_empty() && !message.contains(text)).then(|| cause.to_owned())
}

fn ended_by_signal(program: &str, signal: i32) -> String {
    let name = match signal {
        6 => " (SIGABRT)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        15 => " (SIGTERM)",
        _ => "",
    };
    let mut message = format!("the {program} was ended by signal {signal}{name}");
    if signal == 9 {
        message.push_str(
            ": the agent's machine or container probably ran out of memory. Give it more memory, or limit the \
             memory of Java with the property sonar.scanner.javaOpts, such as -Xmx1g",
        );
    }
    message
}

#[cfg(test)]
mod tests;
