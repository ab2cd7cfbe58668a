//! One step: its process, its lines, and what the agent makes of them.

use super::processes::Watcher;
use super::secrets::Watch;
use super::{Command, Job, Processes, Restrictions, State, Task, TaskResult};
use crate::fake_azure_devops::AzureDevOps;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Far above any step: a step that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(900);

/// What came of a step. Text is masked, as people see it, but for `commands` and `lines`.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// How the agent records it.
    pub(crate) result: Option<TaskResult>,
    /// Every `task.complete`.
    pub(crate) completions: Vec<(TaskResult, String)>,
    /// `None`: ended by a signal.
    pub(crate) exit_code: Option<i32>,
    /// The errors on the build's page, those of the agent itself included.
    pub(crate) errors: Vec<String>,
    pub(crate) warnings: Vec<String>,
    /// Lines that are no commands.
    pub(crate) log: Vec<String>,
    pub(crate) debug: Vec<String>,
    pub(crate) progress: Vec<(u32, String)>,
    pub(crate) commands: Vec<Command>,
    /// Lines as they came.
    pub(crate) lines: Vec<String>,
    pub(crate) processes: Processes,
    /// Where a secret was seen.
    pub(crate) leaks: Vec<String>,
    attached: Vec<PathBuf>,
    command_result: Option<TaskResult>,
}

impl Step {
    /// Makes sure that the step told its one result, with exit code 0.
    #[track_caller]
    pub(crate) fn ended(&self, result: TaskResult) -> &Self {
        let completions: Vec<_> = self.completions.iter().map(|(result, _)| *result).collect();
        assert_eq!((self.result, completions), (Some(result), vec![result]), "{}", self.transcript());
        assert_eq!(self.exit_code, Some(0), "{}", self.transcript());
        assert_eq!(
            self.commands.last().map(|last| last.name.as_str()),
            Some("task.complete"),
            "nothing follows it"
        );
        self
    }

    #[track_caller]
    pub(crate) fn succeeded(&self) -> &Self {
        assert!(self.errors.is_empty(), "{}", self.transcript());
        self.ended(TaskResult::Succeeded)
    }

    /// The error of a step that failed with exactly one.
    #[track_caller]
    pub(crate) fn sole_error(&self) -> &str {
        self.ended(TaskResult::Failed);
        assert_eq!(self.errors.len(), 1, "{}", self.transcript());
        &self.errors[0]
    }

    /// Variables it set, in order: name, value, secret.
    pub(crate) fn set_variables(&self) -> Vec<(&str, &str, bool)> {
        let commands = self.commands.iter().filter(|command| command.is("task.setvariable"));
        commands
            .map(|c| (c.property("variable").unwrap_or(""), c.data.as_str(), c.is_true("issecret")))
            .collect()
    }

    #[track_caller]
    pub(crate) fn variable(&self, name: &str) -> &str {
        self.set_variables()
            .into_iter()
            .find(|(n, ..)| *n == name)
            .unwrap_or_else(|| panic!("no variable {name}"))
            .1
    }

    /// All that people may read.
    pub(crate) fn transcript(&self) -> String {
        let Self { result, exit_code, errors, warnings, log, debug, .. } = self;
        let (log, debug) = (log.join("\n"), debug.join("\n"));
        format!(
            "{result:?}, exit code {exit_code:?}\nerrors {errors:#?}\nwarnings {warnings:#?}\n{log}\n{debug}"
        )
    }

    #[track_caller]
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.log.iter().any(|line| line.contains(text)), "no line {text:?} in {}", self.transcript());
        self
    }

    #[track_caller]
    pub(crate) fn warns(&self, text: &str) -> &Self {
        assert!(
            self.warnings.iter().any(|warning| warning.contains(text)),
            "{text:?}: {}",
            self.transcript()
        );
        self
    }
}

/// Takes the lines of a step, from both its outputs, one at a time.
struct Recorder {
    task: Task,
    step: Step,
    state: Arc<Mutex<State>>,
    azure: AzureDevOps,
    watch: Watch,
    restrictions: Restrictions,
}

impl Recorder {
    fn take(&mut self, line: &str) {
        self.step.lines.push(line.to_owned());
        let command = Command::parse(line);
        let hands_over_a_secret = command.as_ref().is_some_and(|command| {
            command.is("task.setsecret") || command.is("task.setvariable") && command.is_true("issecret")
        });
        if !hands_over_a_secret && self.watch.is_in(line) {
            let line = self.mask(line);
            self.step.leaks.push(format!("the line {line}"));
        }
        match command {
            Some(command) => {
                if let Err(why) = self.obey(&command) {
                    let line = self.mask(line);
                    self.step.errors.push(format!("the agent can't carry out {line}: {why}"));
                    self.step.command_result = Some(TaskResult::Failed);
                }
                self.step.commands.push(command);
            }
            None => {
                if line.contains("##vso") {
                    self.step
                        .warnings
                        .push("the agent found ##vso in a line that holds no legal command".into());
                }
                let line = self.mask(line);
                self.step.log.push(line);
            }
        }
    }

    /// Carries out a command; an error fails the step, as on the agent.
    fn obey(&mut self, command: &Command) -> Result<(), String> {
        let required = |name| command.property(name).ok_or_else(|| format!("no property {name}"));
        let text = self.mask(&command.data);
        let step = &mut self.step;
        let mut state = self.state.lock().unwrap();
        match command.name.as_str() {
            "task.setsecret" => state.masker.add(&command.data),
            "task.setvariable" => {
                let name = required("variable")?;
                let secret = command.is_true("issecret");
                if secret && command.data.contains('\n') {
                    return Err("a secret of several lines".into());
                }
                if secret {
                    state.masker.add(&command.data);
                }
                if !self.restrictions.may_set(name) {
                    // An agent only warns, but a task that needs more than it says is wrong.
                    return Err(format!("task.json does not allow the task to set {name}"));
                }
                if state.may_set(name) {
                    // Output variables are the step's: `<step>.<name>`.
                    let of_step = format!("{}.{name}", self.task.name());
                    let name = if command.is_true("isoutput") { &of_step } else { name };
                    state.set_variable(name, &command.data, secret);
                } else {
                    step.warnings.push(format!("the agent may not set the variable {name}"));
                }
            }
            "task.logissue" | "task.issue" => match required("type")?.to_lowercase().as_str() {
                "error" => step.errors.push(text),
                "warning" => step.warnings.push(text),
                other => return Err(format!("no issue is of type {other}")),
            },
            "task.complete" => {
                let result = required("result")?;
                let result =
                    TaskResult::parse(result).ok_or_else(|| format!("no result is called {result}"))?;
                step.result = Some(TaskResult::merge(step.result, result));
                step.completions.push((result, text));
            }
            "task.prependpath" if Path::new(&text).is_dir() => {}
            "task.setprogress" => step.progress.push((required("value")?.parse().unwrap_or(0), text)),
            "task.debug" => step.debug.push(text),
            "task.addattachment" | "task.uploadsummary"
                if state.restricted || self.restrictions.are_strict() =>
            {
                step.warnings.push(format!("the agent does not allow {} here", command.name));
            }
            "task.addattachment" => {
                let (kind, name) = (required("type")?, required("name")?);
                // Of Windows, where they are more than elsewhere.
                if let Some(bad) =
                    format!("{kind}{name}").chars().find(|c| "\"<>|:*?\\/".contains(*c) || *c < ' ')
                {
                    return Err(format!("{bad:?} may not be in an attachment's type or name"));
                }
                let content =
                    std::fs::read(&command.data).map_err(|error| format!("{}: {error}", command.data))?;
                step.attached.push(PathBuf::from(&command.data));
                drop(state);
                self.azure.attach(kind, name, content);
            }
            other => return Err(format!("{other} is no command this job should use")),
        }
        Ok(())
    }

    fn mask(&self, text: &str) -> String {
        self.state.lock().unwrap().masker.mask(text)
    }
}

/// A step that runs.
pub(crate) struct Running {
    child: Child,
    recorder: Arc<Mutex<Recorder>>,
    readers: Vec<JoinHandle<()>>,
    lines: Receiver<String>,
    watcher: Watcher,
    temp: PathBuf,
    may_leak: bool,
}

impl Running {
    pub(super) fn start(
        job: &Job,
        task: Task,
        restrictions: Restrictions,
        mut command: std::process::Command,
    ) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watcher = Watcher::start(child.id());
        let (sender, lines) = channel();
        let recorder = Arc::new(Mutex::new(Recorder {
            task,
            step: Step::default(),
            state: job.state.clone(),
            azure: job.azure.clone(),
            watch: job.watch.clone(),
            restrictions,
        }));
        let readers = vec![
            read(child.stdout.take().unwrap(), recorder.clone(), sender.clone()),
            read(child.stderr.take().unwrap(), recorder.clone(), sender),
        ];
        Self { child, recorder, readers, lines, watcher, temp: job.temp(), may_leak: job.may_leak }
    }

    /// Waits until a line with this text has been written.
    #[track_caller]
    pub(crate) fn await_line(&mut self, text: &str) -> String {
        let began = Instant::now();
        loop {
            match self.lines.recv_timeout(PATIENCE.saturating_sub(began.elapsed())) {
                Ok(line) if line.contains(text) => return line,
                Ok(_) => {}
                Err(_) => self.give_up(&format!("there was no line {text:?}")),
            }
        }
    }

    /// Sends a signal to the process the agent started, and to no other.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    #[track_caller]
    fn give_up(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        panic!("{why}: {}", self.recorder.lock().unwrap().step.transcript());
    }

    /// Waits for its end, and says what the agent says.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Step {
        let began = Instant::now();
        // Both readers are done when nobody holds the outputs open any more.
        while !matches!(self.lines.recv_timeout(Duration::from_secs(1)), Err(error) if error == RecvTimeoutError::Disconnected)
        {
            if began.elapsed() > PATIENCE {
                self.give_up("the step did not end");
            }
        }
        let status = self.child.wait().unwrap();
        self.readers.into_iter().for_each(|reader| reader.join().unwrap());
        let mut recorder = self.recorder.lock().unwrap();
        let watch = recorder.watch.clone();
        let mut step = std::mem::take(&mut recorder.step);
        step.exit_code = status.code();
        if !status.success() {
            step.errors.push(format!("the agent says: the process ended with {status}"));
            step.result = Some(TaskResult::Failed);
        }
        if let Some(result) = step.command_result {
            step.result = Some(TaskResult::merge(step.result, result));
        }
        step.result.get_or_insert(TaskResult::Succeeded);
        step.processes = self.watcher.stop();
        for file in &step.attached {
            assert!(file.is_file(), "the agent uploads {} later, and it is gone", file.display());
        }
        let strange = step.lines.iter().find(|line| holds_strange_command(line));
        assert_eq!(strange, None, "a line that an agent may take for another command");
        step.leaks.extend(leaks(&step, &watch, &self.temp));
        assert!(self.may_leak || step.leaks.is_empty(), "{:#?}\n{}", step.leaks, step.transcript());
        step
    }
}

/// Whether a line holds a command that does not begin it, however the agent looks for them: it compares as people
/// read, and so passes over what can't be seen. `##[...]` colours a line and is not ours to say either.
fn holds_strange_command(line: &str) -> bool {
    // A variable must keep its value, and the agent takes the first command of a line alone.
    let is_value = |command: Command| command.is("task.setvariable") || command.is("task.setsecret");
    if line.starts_with("##vso[") && Command::parse(line).is_some_and(is_value) {
        return false;
    }
    let unseen =
        |c: char| c.is_control() || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
    let seen = line.chars().filter(|c| !unseen(*c)).collect::<String>().to_lowercase();
    let rest = if line.starts_with("##vso[") { &seen[6..] } else { &seen };
    rest.contains("##vso[") || rest.contains("##[")
}

#[test]
fn strange_commands_are_noticed() {
    for line in
        ["x ##vso[task.debug]", "##vso[task.debug]##[error]", "##[group]", "#\u{ad}#VSO[x]", "##VSO[x]"]
    {
        assert!(holds_strange_command(line), "{line:?}");
    }
    for line in
        ["##vso[task.debug]# #[error] ## x", "##vso[task.setvariable variable=a]##vso[task.debug]x", "plain"]
    {
        assert!(!holds_strange_command(line), "{line:?}");
    }
}

/// Secrets where anybody on the machine may read them.
fn leaks(step: &Step, watch: &Watch, temp: &Path) -> Vec<String> {
    let arguments = step.processes.command_lines().filter(|line| watch.is_in(line));
    let arguments = arguments.map(|line| format!("the arguments {line}"));
    arguments.chain(watch.files_below(temp).into_iter().map(|file| format!("the file {file}"))).collect()
}

/// Reads lines as .NET's `ReadLine` does: a lone carriage return ends one too.
fn read(
    output: impl Read + Send + 'static,
    recorder: Arc<Mutex<Recorder>>,
    sender: Sender<String>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut bytes = Vec::new();
        while output.read_until(b'\n', &mut bytes).unwrap_or(0) > 0 {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            for line in text.split('\r') {
                recorder.lock().unwrap().take(line);
                // Nobody may be waiting for lines any more.
                let _ = sender.send(line.to_owned());
            }
            bytes.clear();
        }
    })
}
