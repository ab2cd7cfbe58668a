//! Reads the lines of a step as the agent does, and records the result.

use crate::manifest::Restrictions;
use crate::variables::{Overwriting, Variable};
use crate::{Command, JobState, TaskResult};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Which step says something, and what it may do.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The step's name, which its output variables carry.
    pub step: String,
    /// `None`: a script of the pipeline's author. A task of ours uses only those commands that the agent is known to have.
    pub task: Option<Restrictions>,
}

/// The result of a step. Text is masked, as people see it, except in `commands` and `lines`.
#[derive(Debug, Default)]
pub struct Record {
    /// How the agent records it.
    pub result: Option<TaskResult>,
    /// Every `task.complete`.
    pub completions: Vec<(TaskResult, String)>,
    /// `None`: ended by a signal.
    pub exit_code: Option<i32>,
    /// The errors on the build's page, those of the agent itself included.
    pub errors: Vec<String>,
    /// The warnings on that page.
    pub warnings: Vec<String>,
    /// Lines that are not commands.
    pub log: Vec<String>,
    /// Lines that only a build with `System.Debug` shows.
    pub debug: Vec<String>,
    /// The percentage and the current operation.
    pub progress: Vec<(u32, String)>,
    /// Every command.
    pub commands: Vec<Command>,
    /// The lines, unmasked.
    pub lines: Vec<String>,
    /// Files that the agent uploads later.
    pub attached: Vec<PathBuf>,
    command_result: Option<TaskResult>,
}

/// A file that the agent attaches to the build.
#[derive(Debug)]
pub struct Attachment {
    /// Its type.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
}

/// The effect of a line, in addition to what the record keeps.
#[derive(Debug, Default)]
pub struct Taken {
    /// Lines that people see: masked, with the `##[...]` mark that colours them.
    pub shown: Vec<String>,
    /// What is attached to the build.
    pub attachment: Option<Attachment>,
}

impl Record {
    /// Takes one line of the step.
    pub fn take(&mut self, line: &str, state: &mut JobState, origin: &Origin) -> Taken {
        let mut taken = Taken::default();
        self.lines.push(line.to_owned());
        let Some(command) = Command::parse(line) else {
            if line.contains("##vso") {
                let warning = "the agent found ##vso in a line that holds no legal command";
                self.warn(warning.into(), &mut taken);
            }
            let line = state.masker.mask(line);
            self.log.push(line.clone());
            taken.shown.push(line);
            return taken;
        };
        if let Err(why) = self.obey(&command, state, origin, &mut taken) {
            let error = format!("the agent can't carry out {}: {why}", state.masker.mask(line));
            taken.shown.push(format!("##[error]{error}"));
            self.errors.push(error);
            self.command_result = Some(TaskResult::Failed);
        }
        self.commands.push(command);
        taken
    }

    fn warn(&mut self, warning: String, taken: &mut Taken) {
        taken.shown.push(format!("##[warning]{warning}"));
        self.warnings.push(warning);
    }

    /// Carries out a command; an error fails the step, as on the agent.
    fn obey(
        &mut self,
        command: &Command,
        state: &mut JobState,
        origin: &Origin,
        taken: &mut Taken,
    ) -> Result<(), String> {
        let required = |name| command.property(name).ok_or_else(|| format!("no property {name}"));
        let text = state.masker.mask(&command.data);
        let is_strict = state.restricted || origin.task.as_ref().is_some_and(Restrictions::are_strict);
        match command.name.as_str() {
            "task.setsecret" => state.masker.add(&command.data),
            "task.setvariable" => self.set_variable(required("variable")?, command, state, origin, taken)?,
            "task.logissue" | "task.issue" => match required("type")?.to_lowercase().as_str() {
                "error" => {
                    taken.shown.push(format!("##[error]{text}"));
                    self.errors.push(text);
                }
                "warning" => self.warn(text, taken),
                other => return Err(format!("no issue is of type {other}")),
            },
            "task.complete" => {
                let result = required("result")?;
                let result =
                    TaskResult::parse(result).ok_or_else(|| format!("no result is called {result}"))?;
                self.result = Some(TaskResult::merge(self.result, result));
                self.completions.push((result, text));
            }
            "task.prependpath" if Path::new(&command.data).is_dir() => {
                state.paths.insert(0, command.data.clone());
            }
            "task.prependpath" => return Err(format!("{text} is not a folder")),
            "task.setprogress" => {
                let done = required("value")?.parse().unwrap_or(0);
                // It moves the bar of the step and writes no line of the log (`ExecutionContext.Progress`).
                self.progress.push((done, text));
            }
            "task.debug" => {
                if state.variables.is_true("System.Debug") {
                    taken.shown.push(format!("##[debug]{text}"));
                }
                self.debug.push(text);
            }
            "task.addattachment" | "task.uploadsummary" if is_strict => {
                self.warn(format!("the agent does not allow {} here", command.name), taken);
            }
            "task.addattachment" => {
                taken.attachment =
                    Some(self.attachment(required("type")?, required("name")?, &command.data)?);
            }
            other if origin.task.is_some() => {
                return Err(format!("{other} is no command this job should use"));
            }
            "task.uploadsummary" => {
                let name = Path::new(&command.data).file_name().unwrap_or_default().to_string_lossy();
                taken.attachment =
                    Some(self.attachment("Distributedtask.Core.Summary", &name, &command.data)?);
            }
            other => self.warn(format!("the stand-in agent leaves {other} out"), taken),
        }
        Ok(())
    }

    fn set_variable(
        &mut self,
        name: &str,
        command: &Command,
        state: &mut JobState,
        origin: &Origin,
        taken: &mut Taken,
    ) -> Result<(), String> {
        match state.variables.overwriting(name) {
            Overwriting::Allowed => {}
            Overwriting::Warned => {
                self.warn(format!("the variable {name} is read-only, and a step changes it"), taken);
            }
            Overwriting::Refused => return Err(format!("the variable {name} is read-only")),
        }
        let secret = command.is_true("issecret");
        if secret && command.data.contains('\n') {
            return Err("a secret of several lines".into());
        }
        if secret {
            state.masker.add(&command.data);
        }
        if origin.task.as_ref().is_some_and(|restrictions| !restrictions.may_set(name)) {
            // An agent only warns, but a task that needs more than its manifest allows is wrong.
            return Err(format!("task.json does not allow the task to set {name}"));
        }
        if !state.may_set(name) {
            self.warn(format!("the agent may not set the variable {name}"), taken);
            return Ok(());
        }
        // Output variables are the step's, `<step>.<name>`, and read-only.
        let is_output = command.is_true("isoutput");
        state.set_variable(Variable {
            name: if is_output { format!("{}.{name}", origin.step) } else { name.to_owned() },
            value: command.data.clone(),
            secret,
            read_only: is_output || command.is_true("isreadonly"),
            keeps_case: command.is_true("preservecase"),
        });
        Ok(())
    }

    fn attachment(&mut self, kind: &str, name: &str, file: &str) -> Result<Attachment, String> {
        // Of Windows, where they are more than elsewhere.
        if let Some(bad) = format!("{kind}{name}").chars().find(|c| "\"<>|:*?\\/".contains(*c) || *c < ' ') {
            return Err(format!("{bad:?} may not be in an attachment's type or name"));
        }
        let content = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        self.attached.push(PathBuf::from(file));
        Ok(Attachment { kind: kind.to_owned(), name: name.to_owned(), content })
    }

    /// Ends the record with the process: `exit` says how it ended, if not well. Returns what people see of that.
    pub fn end(&mut self, exit_code: Option<i32>, exit: &str) -> Option<String> {
        self.exit_code = exit_code;
        let error = (exit_code != Some(0)).then(|| format!("the agent says: the process ended with {exit}"));
        if let Some(error) = &error {
            self.errors.push(error.clone());
            self.result = Some(TaskResult::Failed);
        }
        if let Some(result) = self.command_result {
            self.result = Some(TaskResult::merge(self.result, result));
        }
        self.result.get_or_insert(TaskResult::Succeeded);
        error.map(|error| format!("##[error]{error}"))
    }
}

/// Reads lines as .NET's `ReadLine` does: a lone carriage return ends one too.
pub fn read_lines(output: impl Read, mut take: impl FnMut(&str)) {
    let mut output = BufReader::new(output);
    let mut bytes = Vec::new();
    while output.read_until(b'\n', &mut bytes).unwrap_or(0) > 0 {
        let text = String::from_utf8_lossy(&bytes);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        text.split('\r').for_each(&mut take);
        bytes.clear();
    }
}

#[cfg(test)]
fn taken(lines: &[&str], state: &mut JobState, task: Option<Restrictions>) -> (Record, Vec<String>) {
    let origin = Origin { step: "set".into(), task };
    let mut record = Record::default();
    let shown = lines.iter().flat_map(|line| record.take(line, state, &origin).shown).collect();
    (record, shown)
}

#[test]
fn a_step_changes_variables_as_its_commands_say() {
    let mut state = JobState::default();
    let lines = [
        "##vso[task.setvariable variable=my.plain]one",
        "##vso[task.setvariable variable=my.secret;issecret=true]hush",
        "##vso[task.setvariable variable=out;isoutput=true]two",
        "##vso[task.setvariable variable=Kept;preservecase=true]three",
        "hush, all of you",
    ];
    let (record, shown) = taken(&lines, &mut state, None);
    assert_eq!(shown, ["***, all of you"]);
    assert_eq!((record.errors.len(), record.warnings.len()), (0, 0));
    let environment: std::collections::BTreeMap<_, _> = state.variables.environment().into_iter().collect();
    let expected = [("MY_PLAIN", "one"), ("SECRET_MY_SECRET", "hush"), ("SET_OUT", "two"), ("Kept", "three")];
    for (name, value) in expected {
        assert_eq!(environment.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert!(!environment.contains_key("MY_SECRET"));
}

#[test]
fn read_only_variables_change_with_a_warning_and_not_at_all_where_they_are_protected() {
    let set = "##vso[task.setvariable variable=TOKEN_X;issecret=true;isreadonly=true]good";
    let replace = "##vso[task.setvariable variable=Token_x;issecret=true]bad";
    let other = "##vso[task.setvariable variable=token.x;issecret=true]bad";
    let output = "##vso[task.setvariable variable=out;isoutput=true]1";
    let replace_output = "##vso[task.setvariable variable=set.out]2";
    for (knob, value, warnings, errors) in [("false", "bad", 2, 0), ("true", "good", 0, 2)] {
        let mut state = JobState::default();
        state.set("agent.readOnlyVariables", knob);
        let (record, _) = taken(&[set, output, replace, replace_output], &mut state, None);
        assert_eq!((record.warnings.len(), record.errors.len()), (warnings, errors), "{record:#?}");
        assert_eq!(state.variables.value("TOKEN_X"), Some(value));
        // Another spelling is another variable: nothing protects it, and nothing warns.
        let (record, _) = taken(&[other], &mut state, None);
        assert_eq!((record.warnings.len(), record.errors.len()), (0, 0), "{record:#?}");
        assert_eq!(state.variables.value("TOKEN_X"), Some(value));
    }
}

#[test]
fn an_illegal_command_fails_the_step() {
    for line in [
        "##vso[task.complete result=Cancelled]",
        "##vso[task.setvariable issecret=true]x",
        "##vso[task.setvariable variable=x;issecret=true]a%0Ab",
        "##vso[task.logissue type=note]x",
        "##vso[task.addattachment type=t;name=a/b]Cargo.toml",
        "##vso[task.addattachment type=t;name=n]nowhere",
        "##vso[task.prependpath]nowhere",
        "##vso[build.addbuildtag]x",
    ] {
        let task = Some(Restrictions::default());
        let (mut record, shown) = taken(&[line], &mut JobState::default(), task);
        assert!(shown.len() == 1 && shown[0].starts_with("##[error]"), "{shown:?}");
        record.end(Some(0), "");
        assert_eq!((record.result, record.errors.len()), (Some(TaskResult::Failed), 1), "{line}");
    }
}

#[test]
fn a_process_that_ends_badly_fails_its_step() {
    for (exit_code, result) in
        [(Some(0), TaskResult::Succeeded), (Some(3), TaskResult::Failed), (None, TaskResult::Failed)]
    {
        let mut record = Record::default();
        let shown = record.end(exit_code, "exit status: 3");
        assert_eq!((record.result, shown.is_some()), (Some(result), exit_code != Some(0)));
    }
}

#[test]
fn issues_and_debug_are_shown_as_on_the_page_of_the_build() {
    let lines = [
        "##vso[task.logissue type=error]broken",
        "##vso[task.logissue type=warning]odd",
        "##vso[task.setprogress value=40]half",
        "##vso[task.debug]detail",
        "##vso[task.debug",
        "##vso[build.addbuildtag]x",
    ];
    let mut state = JobState::default();
    let expected = [
        "##[error]broken",
        "##[warning]odd",
        "##[warning]the agent found ##vso in a line that holds no legal command",
        "##vso[task.debug",
        "##[warning]the stand-in agent leaves build.addbuildtag out",
    ];
    assert_eq!(taken(&lines, &mut state, None).1, expected);
    state.set("System.Debug", "True");
    assert_eq!(taken(&lines, &mut state, None).1[2], "##[debug]detail");
}

#[test]
fn a_lone_carriage_return_ends_a_line() {
    let mut lines = Vec::new();
    read_lines(&b"a\rb\r\n\nc"[..], |line| lines.push(line.to_owned()));
    assert_eq!(lines, ["a", "b", "", "c"]);
}
