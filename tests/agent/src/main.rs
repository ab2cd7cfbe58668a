//! The stand-in agent as a program that runs one job. scripts/lib/agent.js writes requests to its standard input, one JSON object
//! per line. It answers with lines of JSON: `{"show": TEXT}` for each line of the job's log, and then `{"answer": ...}` or
//! `{"error": TEXT}`. It ends when its standard input ends.
#![allow(
    clippy::disallowed_methods,
    reason = "an agent hands its own environment on, and starts the processes of steps"
)]

mod server;

use serde::Deserialize;
use serde_json::{Value, json};
use server::AzureDevOps;
use stand_in_agent::{Connection, JobState, Manifest, Origin, Record, TaskResult, read_lines};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

/// What of its own environment the agent does not hand on: values of another job, and a user's own server.
const FOREIGN: [&str; 8] = ["AGENT", "BUILD", "ENDPOINT", "INPUT", "SECRET", "SECUREFILE", "SYSTEM", "VSTS"];
const FOREIGN_NAMES: [&str; 3] = ["SONAR_HOST_URL", "SONAR_TOKEN", "SONARQUBE_SCANNER_PARAMS"];

/// A wish of the one who asks.
#[derive(Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase")]
enum Wish {
    /// The first one: begins the job.
    Start(Start),
    /// Runs a task.
    Task { folder: PathBuf, inputs: BTreeMap<String, String>, condition: Condition },
    /// Runs a script step.
    Script { name: String, command: Vec<String>, folder: Option<PathBuf> },
    /// The environment that a task gets, and the command that starts it: it is run by the one who asks.
    Environment { folder: PathBuf, inputs: BTreeMap<String, String> },
    /// The environment that a script step gets.
    ScriptEnvironment,
    /// Lines of a task that the one who asks has run.
    Lines { folder: PathBuf, lines: Vec<String> },
    /// What Azure DevOps keeps for the job.
    Azure,
}

/// How a job begins.
#[derive(Deserialize)]
struct Start {
    /// Where the repository is checked out.
    sources: PathBuf,
    /// Takes the job's temporary, staging and tool folders.
    folder: PathBuf,
    endpoints: Vec<Endpoint>,
    /// They come over the predefined ones.
    variables: BTreeMap<String, String>,
    /// The job's access token.
    token: String,
    /// The Node.js that runs tasks.
    node: PathBuf,
    /// Lines are coloured for a terminal.
    colour: bool,
}

#[derive(Deserialize)]
struct Endpoint {
    id: String,
    url: String,
    scheme: String,
    parameters: BTreeMap<String, String>,
}

/// When a step runs.
#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Condition {
    Succeeded,
    Failed,
    SucceededOrFailed,
    Always,
}

impl Condition {
    fn holds(self, result: TaskResult) -> bool {
        match self {
            Self::Succeeded => matches!(result, TaskResult::Succeeded | TaskResult::SucceededWithIssues),
            Self::Failed => result == TaskResult::Failed,
            Self::SucceededOrFailed => result != TaskResult::Canceled,
            Self::Always => true,
        }
    }
}

/// A job that runs.
struct Job {
    state: JobState,
    azure: AzureDevOps,
    sources: PathBuf,
    node: PathBuf,
    colour: bool,
    result: TaskResult,
}

/// What a step was named, what it may do, when it runs and how.
struct Step {
    title: String,
    origin: Origin,
    condition: Condition,
    command: Command,
}

impl Job {
    fn start(start: Start) -> Result<Self, String> {
        let Start { sources, folder, endpoints, variables, token, node, colour } = start;
        for name in ["temp", "tools", "a", "b"] {
            let folder = folder.join(name);
            std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let azure = AzureDevOps::start(&token).map_err(|error| error.to_string())?;
        if let Some(name) = sources.file_name() {
            let name = name.to_string_lossy().into_owned();
            azure.state().resources.repository.name = name;
        }
        azure.state().resources.project.name = "demo".into();
        let mut state = JobState::default();
        state.predefine(&folder, &sources, &azure.url, &azure.state().resources);
        for (name, value) in &variables {
            state.set(name, value);
        }
        state.set_secret("System.AccessToken", &token);
        state.connect(Connection::of_agent(&azure.url, &token));
        for Endpoint { id, url, scheme, parameters } in endpoints {
            let parameters = parameters.into_iter().collect();
            state.connect(Connection { id, url, scheme, parameters });
        }
        Ok(Self { state, azure, sources, node, colour, result: TaskResult::Succeeded })
    }

    fn answer(&mut self, wish: Wish) -> Result<Value, String> {
        match wish {
            Wish::Start(_) => Err("the job has begun already".into()),
            Wish::Task { folder, inputs, condition } => {
                let manifest = Manifest::of_folder(&folder)?;
                // Before the environment is made, because the step sees it.
                self.state.set("Agent.JobStatus", &format!("{:?}", self.result));
                let mut command = Command::new(&self.node);
                command.arg(folder.join(manifest.script()?)).envs(self.task_environment(&manifest, &inputs)?);
                Ok(self.run(Step {
                    title: manifest.name.clone(),
                    origin: Origin { step: manifest.name, task: Some(manifest.restrictions) },
                    condition,
                    command: placed(command, &self.sources),
                }))
            }
            Wish::Script { name, command, folder } => {
                let (program, arguments) = command.split_first().ok_or("a script step needs a command")?;
                let mut command = Command::new(program);
                command.args(arguments).envs(self.script_environment());
                Ok(self.run(Step {
                    title: name.clone(),
                    origin: Origin { step: name, task: None },
                    condition: Condition::Succeeded,
                    command: placed(command, folder.as_deref().unwrap_or(&self.sources)),
                }))
            }
            Wish::Environment { folder, inputs } => {
                let manifest = Manifest::of_folder(&folder)?;
                Ok(json!(self.task_environment(&manifest, &inputs)?))
            }
            Wish::ScriptEnvironment => Ok(json!(self.script_environment())),
            Wish::Lines { folder, lines } => {
                let manifest = Manifest::of_folder(&folder)?;
                let (mut record, name) = (Record::default(), manifest.name.clone());
                self.take(&lines, &mut record, &Origin { step: name, task: Some(manifest.restrictions) });
                record.end(Some(0), "");
                Ok(self.told(&manifest.name, &record))
            }
            Wish::Azure => {
                let state = self.azure.state();
                let attachments = state.resources.attachments.iter().map(|(kind, name, content)| {
                    json!({ "type": kind, "name": name, "content": String::from_utf8_lossy(content) })
                });
                let attachments: Vec<_> = attachments.collect();
                Ok(
                    json!({ "properties": state.resources.properties, "attachments": attachments, "calls": state.calls }),
                )
            }
        }
    }

    /// What every process of the job sees of the agent's own environment.
    fn inherited(&self) -> BTreeMap<String, String> {
        let is_foreign = |name: &str| {
            FOREIGN_NAMES.contains(&name)
                || name.split_once('_').is_some_and(|(first, _)| FOREIGN.contains(&first))
        };
        let mut inherited: BTreeMap<_, _> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| !is_foreign(name))
            .collect();
        let path = self.state.path(inherited.get("PATH").map_or("", String::as_str));
        inherited.insert("PATH".into(), path);
        inherited
    }

    fn task_environment(
        &self,
        manifest: &Manifest,
        inputs: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, String> {
        let inputs: Vec<_> = inputs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let mut environment = self.inherited();
        environment.extend(self.state.task_environment(manifest, &self.sources, &inputs)?);
        Ok(environment)
    }

    /// A script sees public variables, and neither secrets nor service connections.
    fn script_environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.inherited();
        environment.extend(self.state.variables.public_environment());
        environment
    }

    /// Runs one step, unless its condition holds it back; a failed step fails the job.
    fn run(&mut self, step: Step) -> Value {
        let Step { title, origin, condition, mut command } = step;
        self.show(&format!("##[section]Starting: {title}"));
        let mut record = Record::default();
        if !condition.holds(self.result) {
            record.result = Some(TaskResult::Skipped);
            self.show(&format!(
                "Skipped: the job's result is {:?}, and this step runs on {condition:?}",
                self.result
            ));
            return self.told(&title, &record);
        }
        let (exit_code, exit) = match command.spawn() {
            Ok(mut child) => {
                let (sender, lines) = channel();
                let outputs: [Option<Box<dyn std::io::Read + Send>>; 2] = [
                    child.stdout.take().map(|pipe| Box::new(pipe) as _),
                    child.stderr.take().map(|pipe| Box::new(pipe) as _),
                ];
                for output in outputs.into_iter().flatten() {
                    let sender = sender.clone();
                    std::thread::spawn(move || {
                        read_lines(output, |line| drop(sender.send(line.to_owned())));
                    });
                }
                drop(sender);
                for line in lines {
                    self.take(&[line], &mut record, &origin);
                }
                match child.wait() {
                    Ok(status) => (status.code(), status.to_string()),
                    Err(error) => (None, error.to_string()),
                }
            }
            Err(error) => (None, format!("{:?} could not be started: {error}", command.get_program())),
        };
        if let Some(line) = record.end(exit_code, &exit) {
            self.show(&line);
        }
        let result = record.result.unwrap_or(TaskResult::Succeeded);
        if result != TaskResult::Skipped {
            self.result = TaskResult::merge(Some(self.result), result);
        }
        self.show(&format!("##[section]Finishing: {title}: {result:?}"));
        self.told(&title, &record)
    }

    fn take(&mut self, lines: &[String], record: &mut Record, origin: &Origin) {
        for line in lines {
            let taken = record.take(line, &mut self.state, origin);
            for shown in taken.shown {
                self.show(&shown);
            }
            if let Some(file) = taken.attachment {
                self.azure.state().resources.attachments.push((file.kind, file.name, file.content));
            }
        }
    }

    /// One line of the job's log, coloured by its mark on a terminal.
    fn show(&self, line: &str) {
        say(&json!({ "show": if self.colour { coloured(line) } else { line.to_owned() } }));
    }

    fn told(&self, name: &str, record: &Record) -> Value {
        let issue = |kind: &'static str| move |message: &String| json!({ "type": kind, "message": message });
        let errors = record.errors.iter().map(issue("error"));
        let issues: Vec<_> = errors.chain(record.warnings.iter().map(issue("warning"))).collect();
        let lines: Vec<_> = record.lines.iter().map(|line| self.state.masker.mask(line)).collect();
        json!({
            "name": name, "result": record.result.map(|result| format!("{result:?}")), "exitCode": record.exit_code,
            "message": record.completions.last().map_or("", |(_, text)| text.as_str()), "issues": issues, "lines": lines,
            "job": format!("{:?}", self.result),
        })
    }
}

/// The process of a step, in its folder and with no environment but what it was given.
fn placed(mut command: Command, folder: &Path) -> Command {
    let environment: Vec<_> =
        command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    command.env_clear().envs(environment).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn coloured(line: &str) -> String {
    let Some((mark, text)) = line.strip_prefix("##[").and_then(|rest| rest.split_once(']')) else {
        return line.to_owned();
    };
    let (colour, label) = match mark {
        "error" => (31, "error: "),
        "warning" => (33, "warning: "),
        "section" => (32, ""),
        "command" => (34, ""),
        "debug" => (36, ""),
        "group" | "endgroup" => (1, ""),
        _ => return line.to_owned(),
    };
    format!("\x1b[{colour}m{label}{text}\x1b[0m")
}

fn say(line: &Value) {
    let mut output = std::io::stdout().lock();
    // Who no longer listens has ended, and standard input with them.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

fn main() {
    let mut job: Option<Job> = None;
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let wish = serde_json::from_str::<Wish>(&line).map_err(|error| format!("{error}: {line}"));
        let answer = wish.and_then(|wish| match (&mut job, wish) {
            (None, Wish::Start(start)) => {
                let started = job.insert(Job::start(start)?);
                Ok(json!({ "url": started.azure.url }))
            }
            (None, _) => Err("the job has not begun".into()),
            (Some(job), wish) => job.answer(wish),
        });
        say(&answer.map_or_else(|error| json!({ "error": error }), |answer| json!({ "answer": answer })));
    }
}
