//! One step: its process, its lines, and how the agent reads them.

use super::processes::Watcher;
use super::secrets::Watch;
use super::{Command, Job, Processes, TaskResult};
use crate::fake_azure_devops::AzureDevOps;
use rustix::process::{Pid, Signal, kill_process};
use stand_in_agent::{JobState, Origin, Record, read_lines};
use std::io::Read;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Much longer than any step takes. A step that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(900);

/// The result of a step, and what was seen of it from outside.
#[derive(Debug, Default)]
pub(crate) struct Step {
    record: Record,
    pub(crate) processes: Processes,
    /// Where a secret was seen.
    pub(crate) leaks: Vec<String>,
}

impl Deref for Step {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}

impl Step {
    /// Checks that the step reported exactly one result, with exit code 0.
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

    /// All text that people can read.
    pub(crate) fn transcript(&self) -> String {
        let Record { result, exit_code, errors, warnings, log, debug, .. } = &self.record;
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

/// Takes the lines of a step from both of its outputs, one at a time.
pub(super) struct Recorder {
    step: Step,
    origin: Origin,
    state: Arc<Mutex<JobState>>,
    azure: AzureDevOps,
    watch: Watch,
}

impl Recorder {
    pub(super) fn new(job: &Job, origin: Origin) -> Self {
        let (state, azure, watch) = (job.state.clone(), job.azure.clone(), job.watch.clone());
        Self { step: Step::default(), origin, state, azure, watch }
    }

    pub(super) fn take(&mut self, line: &str) {
        let command = Command::parse(line);
        let hands_over_a_secret = command.is_some_and(|command| {
            command.is("task.setsecret") || command.is("task.setvariable") && command.is_true("issecret")
        });
        let mut state = self.state.lock().unwrap();
        if !hands_over_a_secret && self.watch.is_in(line) {
            self.step.leaks.push(format!("the line {}", state.masker.mask(line)));
        }
        let taken = self.step.record.take(line, &mut state, &self.origin);
        drop(state);
        if let Some(attachment) = taken.attachment {
            self.azure.attach(attachment);
        }
    }

    /// The step, whose process must have ended normally.
    pub(super) fn end(mut self) -> Step {
        self.step.record.end(Some(0), "");
        self.step
    }
}

/// A running step.
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
    pub(super) fn start(job: &Job, origin: Origin, mut command: std::process::Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watcher = Watcher::start(child.id());
        let (sender, lines) = channel();
        let recorder = Arc::new(Mutex::new(Recorder::new(job, origin)));
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

    /// Sends a signal only to the process that the agent started.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    #[track_caller]
    fn give_up(&mut self, why: &str) -> ! {
        let _ = self.child.kill();
        panic!("{why}: {}", self.recorder.lock().unwrap().step.transcript());
    }

    /// Waits until the step ends, and returns what the agent makes of it.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Step {
        let began = Instant::now();
        // Both readers are done when no process holds the outputs open any more.
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
        step.record.end(status.code(), &status.to_string());
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
fn an_unexpected_logging_command_is_found() {
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

/// Secrets where every user of the machine can read them.
fn leaks(step: &Step, watch: &Watch, temp: &Path) -> Vec<String> {
    let arguments = step.processes.command_lines().filter(|line| watch.is_in(line));
    let arguments = arguments.map(|line| format!("the arguments {line}"));
    arguments.chain(watch.files_below(temp).into_iter().map(|file| format!("the file {file}"))).collect()
}

fn read(
    output: impl Read + Send + 'static,
    recorder: Arc<Mutex<Recorder>>,
    sender: Sender<String>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        read_lines(output, |line| {
            recorder.lock().unwrap().take(line);
            // The receiver of the lines may be gone.
            let _ = sender.send(line.to_owned());
        });
    })
}
