//! A model of the Azure Pipelines agent: a job with its variables, service connections and directories, that
//! runs the steps as an agent runs them and takes their lines as an agent takes them.
//!
//! Written from the agent's source (microsoft/azure-pipelines-agent: `Handler.cs`, `NodeHandler.cs`,
//! `TaskRunner.cs`, `ProcessInvoker.cs`, `TaskCommandExtension.cs`). Each step is also watched: a secret that
//! appears in a line, in the arguments of a process or in a file of the job ends the test.

mod command;
mod processes;
mod secrets;
mod step;
mod variables;

pub(crate) use command::{Command, TaskResult};
pub(crate) use processes::{Processes, ends};
pub(crate) use step::{Running, Step};

use crate::fake_azure_devops::AzureDevOps;
use crate::fake_sonarqube::server_time;
use processes::Watcher;
use secrets::{Masker, Watch};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use variables::{Variables, environment_name};

/// The three tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Prepare,
    Analyze,
    Publish,
}

impl Task {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Analyze => "analyze",
            Self::Publish => "publish",
        }
    }
}

/// What runs a step.
#[derive(Debug, Clone)]
enum Runner {
    /// The executable itself, as its launcher would start it.
    Executable,
    /// The launcher of the task folder below this one.
    Launcher(PathBuf),
}

/// A task.json, as far as an agent needs it.
#[derive(Deserialize)]
struct Manifest {
    inputs: Vec<Input>,
    execution: BTreeMap<String, Handler>,
    #[serde(default)]
    restrictions: Restrictions,
}

/// What a task.json forbids its own task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
struct Restrictions {
    commands: Mode,
    settable_variables: Option<Settable>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Mode {
    mode: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settable {
    allowed: Vec<String>,
}

impl Restrictions {
    fn are_strict(&self) -> bool {
        self.commands.mode == "restricted"
    }

    fn may_set(&self, name: &str) -> bool {
        self.settable_variables.as_ref().is_none_or(|settable| is_listed(&settable.allowed, name))
    }
}

/// Whether a list of names, which may end in `*`, has this one.
fn is_listed(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.to_lowercase().starts_with(&start.to_lowercase()),
        None => name.eq_ignore_ascii_case(pattern),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    default_value: String,
}

#[derive(Deserialize)]
struct Handler {
    target: String,
}

#[derive(Debug, Clone)]
struct Connection {
    id: String,
    url: String,
    scheme: &'static str,
    parameters: Vec<(&'static str, String)>,
}

/// What a step's commands change.
#[derive(Debug, Default)]
struct State {
    variables: Variables,
    masker: Masker,
    /// Names that steps may set, in a job that restricts them; `*` at the end stands for anything.
    settable: Option<Vec<String>>,
    /// A job whose steps may only use harmless commands.
    restricted: bool,
}

impl State {
    fn set_variable(&mut self, name: &str, value: &str, secret: bool) {
        if secret {
            self.masker.add(value);
        }
        self.variables.set(name, value, secret);
    }

    fn may_set(&self, name: &str) -> bool {
        self.settable.as_ref().is_none_or(|patterns| is_listed(patterns, name))
    }
}

/// A job of a build.
pub(crate) struct Job {
    folder: tempfile::TempDir,
    pub(crate) azure: AzureDevOps,
    runner: Runner,
    state: Arc<Mutex<State>>,
    connections: Vec<Connection>,
    watch: Watch,
    may_leak: bool,
    /// The variables before the first step.
    at_start: Option<Variables>,
}

impl Job {
    /// A job of a manual build of `refs/heads/main` of a repository in Azure Repos.
    pub(crate) fn start() -> Self {
        Self::with(AzureDevOps::start())
    }

    /// Likewise, in this Azure DevOps.
    pub(crate) fn with(azure: AzureDevOps) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut job = Self {
            folder,
            azure,
            runner: Runner::Executable,
            state: Arc::default(),
            connections: Vec::new(),
            watch: Watch::default(),
            may_leak: false,
            at_start: None,
        };
        for folder in ["temp", "s", "a", "b", "tools", "home"] {
            std::fs::create_dir(job.path(folder)).unwrap();
        }
        job.predefine();
        let token = job.azure.token();
        job.watch.add(&token);
        job.set_secret("System.AccessToken", &token);
        job.connections.push(Connection {
            id: "SYSTEMVSSCONNECTION".into(),
            url: job.azure.collection_uri(),
            scheme: "OAuth",
            parameters: vec![("AccessToken", token)],
        });
        job
    }

    fn predefine(&mut self) {
        let (temp, sources) = (self.text("temp"), self.text("s"));
        let azure = self.azure.clone();
        let repository = azure.repository();
        let build = azure.build_id();
        let version = "0123456789abcdef0123456789abcdef01234567";
        for (name, value) in [
            ("Agent.BuildDirectory", self.folder.path().display().to_string().as_str()),
            ("Agent.JobStatus", "Succeeded"),
            ("Agent.Name", "model"),
            ("Agent.OS", "Linux"),
            ("Agent.OSArchitecture", "X64"),
            ("Agent.TempDirectory", &temp),
            ("Agent.ToolsDirectory", &self.text("tools")),
            ("Agent.Version", "4.260.0"),
            ("Build.ArtifactStagingDirectory", &self.text("a")),
            ("Build.BinariesDirectory", &self.text("b")),
            ("Build.BuildId", &build),
            ("Build.BuildNumber", "20261124.1"),
            ("Build.BuildUri", &format!("vstfs:///Build/Build/{build}")),
            ("Build.DefinitionName", "shop"),
            ("Build.Reason", "Manual"),
            ("Build.Repository.ID", &repository.id),
            ("Build.Repository.LocalPath", &sources),
            ("Build.Repository.Name", &repository.name),
            ("Build.Repository.Provider", "TfsGit"),
            ("Build.SourceBranch", "refs/heads/main"),
            ("Build.SourceBranchName", "main"),
            ("Build.SourcesDirectory", &sources),
            ("Build.SourceVersion", version),
            ("Pipeline.Workspace", self.folder.path().display().to_string().as_str()),
            ("System.CollectionUri", &azure.collection_uri()),
            ("System.DefaultWorkingDirectory", &sources),
            ("System.HostType", "build"),
            ("System.PipelineStartTime", &pipeline_time(SystemTime::now() - Duration::from_secs(600))),
            ("System.JobId", "12f1170f-54f2-53f3-20dd-22fc7dff55f9"),
            ("System.TeamFoundationCollectionUri", &azure.collection_uri()),
            ("System.TeamProject", &azure.project().name),
            ("System.TeamProjectId", &azure.project().id),
            ("TF_BUILD", "True"),
        ] {
            self.set(name, value);
        }
    }

    /// Runs the steps through the launchers of these task folders.
    pub(crate) fn launched_from(mut self, tasks: &Path) -> Self {
        self.runner = Runner::Launcher(tasks.to_owned());
        self
    }

    /// Where the agent's own connection leads is nothing.
    pub(crate) fn cut_off_from_azure(&mut self) {
        self.connections[0].url = "http://127.0.0.1:9/".into();
    }

    /// A service connection of the type of the input `SonarQube`: its token is the user name. Returns its id.
    pub(crate) fn connect_server(&mut self, url: &str, token: &str) -> String {
        self.connect(url, "UsernamePassword", vec![("username", token.into()), ("password", String::new())])
    }

    /// One of the type of the inputs `SonarCloud` and `connection`.
    pub(crate) fn connect_by_token(&mut self, url: &str, token: &str) -> String {
        self.connect(url, "Token", vec![("apitoken", token.into())])
    }

    /// One with a user's name and password.
    pub(crate) fn connect_by_password(&mut self, url: &str, user: &str, password: &str) -> String {
        self.connect(url, "UsernamePassword", vec![("username", user.into()), ("password", password.into())])
    }

    fn connect(
        &mut self,
        url: &str,
        scheme: &'static str,
        parameters: Vec<(&'static str, String)>,
    ) -> String {
        let id = format!("7b5f9d1c-0000-4000-8000-00000000000{}", self.connections.len());
        for (name, secret) in &parameters {
            self.state().masker.add(secret);
            let has_password =
                parameters.iter().any(|(name, value)| *name == "password" && !value.is_empty());
            // The agent masks user names too, but they are in many an innocent text.
            let is_user_name = has_password && *name == "username";
            if !secret.is_empty() && !is_user_name {
                self.watch.add(secret);
            }
        }
        self.connections.push(Connection { id: id.clone(), url: url.to_owned(), scheme, parameters });
        id
    }

    /// Has the job's own connection lead to this collection.
    pub(crate) fn of_collection(&mut self, url: &str) {
        self.set("System.CollectionUri", url);
        url.clone_into(&mut self.connections[0].url);
    }

    /// The job of a pull request, with the variables its provider has.
    pub(crate) fn of_pull_request(&mut self, provider: &str, id: &str, source: &str, target: &str) {
        self.set("Build.Reason", "PullRequest");
        self.set("Build.Repository.Provider", provider);
        self.set("Build.SourceBranch", &format!("refs/pull/{id}/merge"));
        self.set("System.PullRequest.PullRequestId", id);
        self.set("System.PullRequest.SourceBranch", source);
        self.set("System.PullRequest.TargetBranch", target);
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.state().set_variable(name, value, false);
    }

    /// Sets a variable whose name keeps its case, as a step may with `preservecase`.
    pub(crate) fn set_in_case(&mut self, name: &str, value: &str) {
        self.set(name, value);
        self.state().variables.keep_case(name);
    }

    pub(crate) fn set_secret(&mut self, name: &str, value: &str) {
        self.state().set_variable(name, value, true);
    }

    pub(crate) fn unset(&mut self, name: &str) {
        self.state().variables.remove(name);
    }

    /// Restricts which variables steps may set, as `settableVariables` of a pipeline does.
    pub(crate) fn allow_variables(&mut self, patterns: &[&str]) {
        self.state().settable = Some(patterns.iter().map(|&pattern| pattern.to_owned()).collect());
    }

    /// Restricts the commands, as `commands: restricted` of a pipeline does.
    pub(crate) fn restrict_commands(&mut self) {
        self.state().restricted = true;
    }

    /// This test looks itself at what is leaked, because something has to be.
    pub(crate) fn allow_leaks(&mut self) {
        self.may_leak = true;
    }

    /// Another secret that must not be seen.
    pub(crate) fn watch_for(&mut self, secret: &str) {
        self.watch.add(secret);
    }

    /// A variable and whether it is secret.
    pub(crate) fn variable(&self, name: &str) -> Option<(String, bool)> {
        let state = self.state();
        Some((state.variables.value(name)?.to_owned(), state.variables.is_secret(name)))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn sources(&self) -> PathBuf {
        self.path("s")
    }

    pub(crate) fn temp(&self) -> PathBuf {
        self.path("temp")
    }

    /// Writes a file of the sources.
    pub(crate) fn write(&self, name: &str, content: &str) -> PathBuf {
        let file = self.sources().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }

    /// `text` without what differs from run to run: folders, and the addresses of the models.
    pub(crate) fn tidy(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let mut tidy = text.replace(&folder, "<job>").replace(self.azure.origin().as_str(), "<azure>");
        for connection in &self.connections {
            tidy = tidy.replace(connection.url.trim_end_matches('/'), "<server>");
        }
        tidy
    }

    /// Runs a step to its end.
    pub(crate) fn run(&mut self, task: Task, inputs: &[(&str, &str)]) -> Step {
        self.begin(task, inputs).finish()
    }

    /// Starts a step.
    pub(crate) fn begin(&mut self, task: Task, inputs: &[(&str, &str)]) -> Running {
        if self.at_start.is_none() {
            let variables = self.state().variables.clone();
            self.at_start = Some(variables);
        }
        let command = self.command(task, inputs);
        let restrictions = self.task_folder(task).1.restrictions;
        Running::start(self, task, restrictions, command)
    }

    /// The command that runs a step, with its environment and nothing of ours.
    pub(crate) fn command(&self, task: Task, inputs: &[(&str, &str)]) -> std::process::Command {
        let (folder, manifest) = self.task_folder(task);
        let mut command = match &self.runner {
            Runner::Executable => {
                let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sonar-azdo"));
                command.args(["task", task.name()]);
                command
            }
            Runner::Launcher(_) => {
                let mut command = std::process::Command::new("node");
                command.arg(folder.join(&manifest.execution["Node20_1"].target));
                command
            }
        };
        let state = self.state();
        command
            .current_dir(state.variables.value("System.DefaultWorkingDirectory").unwrap_or("."))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("LANG", "C.UTF-8")
            .envs(state.variables.environment())
            .envs(self.inputs(&state, &manifest, inputs))
            .envs(self.connections.iter().flat_map(connection_environment));
        command
    }

    fn task_folder(&self, task: Task) -> (PathBuf, Manifest) {
        let tasks = match &self.runner {
            Runner::Executable => Path::new(env!("CARGO_MANIFEST_DIR")).join("task"),
            Runner::Launcher(tasks) => tasks.clone(),
        };
        let folder = tasks.join(task.name());
        let manifest = std::fs::read(folder.join("task.json")).unwrap();
        (folder, serde_json::from_slice(&manifest).unwrap())
    }

    /// A command of a script step: such a step sees the job's public variables, and no service connection.
    pub(crate) fn script(&self, program: &str) -> std::process::Command {
        let mut command = std::process::Command::new(program);
        command
            .current_dir(self.sources())
            .env_clear()
            .envs(
                ["PATH", "JAVA_HOME", "MAVEN_OPTS"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("HOME", self.path("home"))
            .env("LANG", "C.UTF-8")
            .envs(self.state().variables.public_environment());
        command
    }

    /// Runs a script step to its end, watched as a task is. Returns whether it succeeded, and what it said.
    #[track_caller]
    pub(crate) fn run_script(&self, mut command: std::process::Command) -> (bool, String) {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let watcher = Watcher::start(child.id());
        let output = child.wait_with_output().unwrap();
        let processes = watcher.stop();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let leaks: Vec<_> =
            said.lines().chain(processes.command_lines()).filter(|line| self.watch.is_in(line)).collect();
        assert!(self.may_leak || leaks.is_empty(), "{leaks:#?}");
        (output.status.success(), said)
    }

    /// Files of the job, in whatever folder of it, that hold a secret.
    pub(crate) fn leaking_files(&self) -> Vec<String> {
        self.watch.files_below(self.folder.path())
    }

    /// Begins another job of the same agent: its folders stay, but for the temporary one, which agents empty; what steps
    /// set is gone, and nothing is known of the build yet.
    pub(crate) fn begin_another(&mut self) {
        std::fs::remove_dir_all(self.temp()).unwrap();
        std::fs::create_dir(self.temp()).unwrap();
        if let Some(variables) = self.at_start.take() {
            self.state().variables = variables;
        }
        self.azure.begin_anew(0);
    }

    /// Every input under its own name: as given, else its default.
    fn inputs(&self, state: &State, manifest: &Manifest, given: &[(&str, &str)]) -> Vec<(String, String)> {
        let is_named = |input: &Input, name: &str| {
            std::iter::once(&input.name).chain(&input.aliases).any(|known| known.eq_ignore_ascii_case(name))
        };
        for (name, _) in given {
            assert!(manifest.inputs.iter().any(|input| is_named(input, name)), "no task has an input {name}");
        }
        let value = |input: &Input| {
            let given = given.iter().rev().find(|(name, _)| is_named(input, name)).map(|(_, value)| *value);
            let value = state.variables.expand(given.unwrap_or(&input.default_value).trim());
            // Relative paths become absolute ones, and no path that of the sources.
            if input.kind == "filePath" { self.sources().join(value).display().to_string() } else { value }
        };
        let name = |input: &Input| format!("INPUT_{}", environment_name(&input.name));
        manifest.inputs.iter().map(|input| (name(input), value(input))).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A time as Azure Pipelines writes it: `2026-11-24 06:00:00+00:00`.
pub(crate) fn pipeline_time(time: SystemTime) -> String {
    server_time(time).replace('T', " ").replace("+0000", "+00:00")
}

fn connection_environment(connection: &Connection) -> Vec<(String, String)> {
    let Connection { id, url, scheme, parameters } = connection;
    let json: BTreeMap<_, _> = parameters.iter().cloned().collect();
    let mut environment = vec![
        (format!("ENDPOINT_URL_{id}"), url.clone()),
        (
            format!("ENDPOINT_AUTH_{id}"),
            serde_json::json!({ "parameters": json, "scheme": scheme }).to_string(),
        ),
        (format!("ENDPOINT_AUTH_SCHEME_{id}"), (*scheme).to_owned()),
    ];
    for (name, value) in parameters {
        let name = environment_name(name);
        environment.push((format!("ENDPOINT_AUTH_PARAMETER_{id}_{name}"), value.clone()));
    }
    if id != "SYSTEMVSSCONNECTION" {
        environment.push((format!("ENDPOINT_DATA_{id}"), "{}".into()));
    }
    environment
}

impl Drop for Job {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.azure.assert_contract_kept();
        }
    }
}
