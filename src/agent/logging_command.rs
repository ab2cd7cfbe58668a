//! Logging commands: the only emitter of `##vso[...]`.
//!
//! Form and escaping: microsoft/azure-pipelines-agent `Command.cs`, azure-pipelines-task-lib
//! `taskcommand.ts`: `##vso[area.event key=value;]data`, `%` as `%AZP25`, CR, LF, `]` and `;` as
//! percent escapes (the last two in properties only).

use super::console::Console;
use super::neutralise::neutralise;
use crate::secret::Secret;
use std::path::Path;

/// How a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskResult {
    /// Green.
    Succeeded,
    /// Orange.
    SucceededWithIssues,
    /// Red.
    Failed,
    /// The run was cancelled.
    Canceled,
}

impl TaskResult {
    /// The agent's spelling: case-sensitive, and `Cancelled` would fail the step.
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::SucceededWithIssues => "SucceededWithIssues",
            Self::Failed => "Failed",
            Self::Canceled => "Canceled",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Severity {
    Error,
    Warning,
}

/// Emits commands. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Commands {
    console: Console,
}

impl Commands {
    /// Emits to `console`.
    pub fn new(console: Console) -> Self {
        Self { console }
    }

    /// Runs a future, and begins each line of its log with `[prefix] `, so that lines of things that run at the same time
    /// can be told apart.
    pub(crate) async fn prefixed<T>(&self, prefix: &str, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        std::future::poll_fn(|context| {
            let before = self.console.exchange_prefix(Some(format!("[{prefix}] ")));
            let polled = future.as_mut().poll(context);
            self.console.exchange_prefix(before);
            polled
        })
        .await
    }

    /// Tells the agent to mask `secret` in all that is logged from now on. A secret of several lines
    /// is registered line by line: the agent refuses it whole.
    pub(crate) fn set_secret(&self, secret: &Secret) {
        for line in secret.expose().lines().filter(|line| !line.trim().is_empty()) {
            self.emit("task.setsecret", &[], line);
        }
    }

    /// Sets a job variable, visible to every step.
    pub fn set_variable(&self, name: &str, value: &str) {
        self.variable(name, value, "false", "false");
    }

    /// Sets an output variable, which later jobs and stages may read by the step's name.
    pub fn set_output_variable(&self, name: &str, value: &str) {
        self.variable(name, value, "true", "false");
    }

    /// Sets a secret job variable: only tasks see it, as `SECRET_<name>`.
    pub fn set_secret_variable(&self, name: &str, value: &Secret) {
        self.variable(name, value.expose(), "false", "true");
    }

    /// Sets a secret variable of the job that no later step may set (older agents only warn of it).
    pub(crate) fn fix_secret_variable(&self, name: &str, value: &Secret) {
        self.emit(
            "task.setvariable",
            &[("variable", name), ("isoutput", "false"), ("issecret", "true"), ("isreadonly", "true")],
            value.expose(),
        );
    }

    fn variable(&self, name: &str, value: &str, output: &str, secret: &str) {
        self.emit(
            "task.setvariable",
            &[("variable", name), ("isoutput", output), ("issecret", secret)],
            value,
        );
    }

    /// Puts `folder` before all others in the `PATH` of the steps that follow.
    pub(crate) fn prepend_path(&self, folder: &Path) {
        self.emit("task.prependpath", &[], &folder.display().to_string());
    }

    /// Attaches a Markdown file to the build's Extensions tab; `title` heads its card.
    pub fn attach_summary(&self, title: &str, file: &Path) {
        self.emit(
            "task.addattachment",
            &[("type", "Distributedtask.Core.Summary"), ("name", title)],
            &file.display().to_string(),
        );
    }

    /// The result of the task, which is its last command.
    pub fn complete(&self, result: TaskResult, message: &str) {
        self.emit("task.complete", &[("result", result.as_str())], &neutralise(message));
    }

    pub(super) fn issue(&self, severity: Severity, message: &str) {
        let kind = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        self.emit("task.logissue", &[("type", kind)], &neutralise(message));
    }

    pub(super) fn debug(&self, message: &str) {
        self.emit("task.debug", &[], &neutralise(message));
    }

    /// Moves the task's progress bar. Without a text, which the log has already.
    pub(super) fn progress(&self, percent: u64) {
        self.emit("task.setprogress", &[("value", &percent.min(100).to_string())], "");
    }

    fn emit(&self, name: &str, properties: &[(&str, &str)], data: &str) {
        self.console.write_line(&render(name, properties, data));
    }
}

/// The line for a command. Empty property values are left out, as the agent would drop them.
fn render(name: &str, properties: &[(&str, &str)], data: &str) -> String {
    let mut line = format!("##vso[{name}");
    for (index, (key, value)) in properties.iter().filter(|(_, value)| !value.is_empty()).enumerate() {
        line.push_str(if index == 0 { " " } else { "" });
        line.push_str(key);
        line.push('=');
        line.push_str(&escape_property(value));
        line.push(';');
    }
    line.push(']');
    line.push_str(&escape_data(data));
    line
}

fn escape_data(text: &str) -> String {
    text.replace('%', "%AZP25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape_data(text).replace(']', "%5D").replace(';', "%3B")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_are_escaped_and_leave_out_empty_properties() {
        assert_eq!(
            render("task.setvariable", &[("variable", "A;]%"), ("isoutput", "")], "50%\r\n]x;"),
            "##vso[task.setvariable variable=A%3B%5D%AZP25;]50%AZP25%0D%0A]x;"
        );
        assert_eq!(render("task.debug", &[], "x"), "##vso[task.debug]x");
    }

    /// What the agent does with a line, written from its source and independent of the code above.
    fn parse_as_the_agent(line: &str) -> (String, Vec<(String, String)>, String) {
        let start = line.find("##vso[").unwrap() + 6;
        let end = start + line[start..].find(']').unwrap();
        let (name, rest) = match line[start..end].split_once(' ') {
            Some((name, rest)) => (name, rest),
            None => (&line[start..end], ""),
        };
        let unescape = |text: &str| {
            [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")]
                .iter()
                .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
        };
        let properties = rest
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (key.to_owned(), unescape(value)))
            .collect();
        (name.to_owned(), properties, unescape(&line[end + 1..]))
    }

    proptest! {
        #[test]
        fn values_survive_the_agents_parser(value in "[ -~\r\n\u{e9}\u{1f600}%;\\]\\[=]{1,40}", data in ".*") {
            let line = render("task.setvariable", &[("variable", "V"), ("x", &value)], &data);
            prop_assert!(!line.contains(['\r', '\n']));
            let (name, properties, parsed) = parse_as_the_agent(&line);
            prop_assert_eq!(name, "task.setvariable");
            prop_assert_eq!(properties, vec![("variable".to_owned(), "V".to_owned()), ("x".to_owned(), value)]);
            prop_assert_eq!(parsed, data);
        }
    }
}
