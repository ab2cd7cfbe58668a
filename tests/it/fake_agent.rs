//! A job of the stand-in agent (tests/agent) for tests, in its own folder and with its own Azure DevOps.
//!
//! Each step is also watched: a secret that appears in a line, in the arguments of a process or in a file of the job ends
//! the test.

mod processes;
mod secrets;
mod step;

pub(crate) use processes::{Processes, ends};
pub(crate) use stand_in_agent::{Command, TaskResult};
pub(crate) use step::{Running, Step};

use crate::fake_azure_devops::AzureDevOps;
use crate::fake_sonarqube::server_time;
use processes::Watcher;
use secrets::Watch;
use stand_in_agent::{Connection, JobState, Manifest, Origin, Variables};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use step::Recorder;

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

/// A job of a build.
pub(crate) struct Job {
    folder: tempfile::TempDir,
    pub(crate) azure: AzureDevOps,
    runner: Runner,
    state: Arc<Mutex<JobState>>,
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

    /// The same, in this Azure DevOps.
    pub(crate) fn with(azure: AzureDevOps) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut job = Self {
            folder,
            azure,
            runner: Runner::Executable,
            state: Arc::default(),
            watch: Watch::default(),
            may_leak: false,
            at_start: None,
        };
        for folder in ["temp", "s", "a", "b", "tools", "home"] {
            std::fs::create_dir(job.path(folder)).unwrap();
        }
        let token = job.azure.token();
        job.watch.add(&token);
        let (folder, sources, collection) = (job.folder.path(), job.sources(), job.azure.collection_uri());
        let started = pipeline_time(SystemTime::now() - Duration::from_secs(600));
        let mut state = job.state();
        job.azure.predefine(|resources| state.predefine(folder, &sources, &collection, resources));
        state.set("System.PipelineStartTime", &started);
        state.set_secret("System.AccessToken", &token);
        state.connect(Connection::of_agent(&collection, &token));
        drop(state);
        job
    }

    /// Runs the steps through the launchers of these task folders.
    pub(crate) fn launched_from(mut self, tasks: &Path) -> Self {
        self.runner = Runner::Launcher(tasks.to_owned());
        self
    }

    /// Makes the agent's own connection lead to an address without a server.
    pub(crate) fn cut_off_from_azure(&mut self) {
        self.state().connections[0].url = "http://127.0.0.1:9/".into();
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
        let id = format!("7b5f9d1c-0000-4000-8000-00000000000{}", self.state().connections.len());
        let has_password = parameters.iter().any(|(name, value)| *name == "password" && !value.is_empty());
        for (name, secret) in &parameters {
            // The agent masks user names too, but many harmless texts contain them.
            let is_user_name = has_password && *name == "username";
            if !secret.is_empty() && !is_user_name {
                self.watch.add(secret);
            }
        }
        let parameters = parameters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (scheme, url) = (scheme.to_owned(), url.to_owned());
        self.state().connect(Connection { id: id.clone(), url, scheme, parameters });
        id
    }

    /// Makes the job's own connection lead to this collection.
    pub(crate) fn of_collection(&mut self, url: &str) {
        self.set("System.CollectionUri", url);
        url.clone_into(&mut self.state().connections[0].url);
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
        self.state().set(name, value);
    }

    /// Sets a variable whose name keeps its case, as a step may with `preservecase`.
    pub(crate) fn set_in_case(&mut self, name: &str, value: &str) {
        self.set(name, value);
        self.state().variables.keep_case(name);
    }

    pub(crate) fn set_secret(&mut self, name: &str, value: &str) {
        self.state().set_secret(name, value);
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

    /// Turns off the search for leaks: this test checks them itself, because something must be leaked.
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
        let variable = state.variables.get(name)?;
        Some((variable.value.clone(), variable.secret))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
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

    /// `text` with placeholders for what differs from run to run: folders, and the addresses of the models.
    pub(crate) fn tidy(&self, text: &str) -> String {
        let folder = self.folder.path().display().to_string();
        let mut tidy = text.replace(&folder, "<job>").replace(self.azure.origin().as_str(), "<azure>");
        for connection in &self.state().connections {
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
        Running::start(self, Origin { step: task.name().into(), task: Some(restrictions) }, command)
    }

    /// A script step with only this line. Variables that it sets stay set, as on the agent.
    pub(crate) fn script_says(&self, line: &str) -> Step {
        let mut recorder = Recorder::new(self, Origin { step: "script".into(), task: None });
        recorder.take(line);
        recorder.end()
    }

    /// The command that runs a step, with the step's environment only.
    pub(crate) fn command(&self, task: Task, inputs: &[(&str, &str)]) -> std::process::Command {
        let (folder, manifest) = self.task_folder(task);
        let mut command = match &self.runner {
            Runner::Executable => {
                let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sonar-azdo-task"));
                command.args(["task", task.name()]);
                command
            }
            Runner::Launcher(_) => {
                let mut command = std::process::Command::new("node");
                command.arg(folder.join(manifest.script().unwrap()));
                command
            }
        };
        let state = self.state();
        command
            .current_dir(state.variables.value("System.DefaultWorkingDirectory").unwrap_or("."))
            .env_clear()
            .env("PATH", state.path(&std::env::var("PATH").unwrap_or_default()))
            .env("HOME", self.path("home"))
            .env("LANG", "C.UTF-8")
            .envs(state.task_environment(&manifest, &self.sources(), inputs).unwrap());
        command
    }

    /// An environment variable of a step.
    pub(crate) fn environment(&self, task: Task, name: &str) -> Option<String> {
        let command = self.command(task, &[]);
        let found = command.get_envs().find(|(known, _)| *known == name)?;
        Some(found.1?.to_str().unwrap().to_owned())
    }

    fn task_folder(&self, task: Task) -> (PathBuf, Manifest) {
        let tasks = match &self.runner {
            Runner::Executable => Path::new(env!("CARGO_MANIFEST_DIR")).join("task"),
            Runner::Launcher(tasks) => tasks.clone(),
        };
        let folder = tasks.join(task.name());
        let manifest = Manifest::of_folder(&folder).unwrap();
        (folder, manifest)
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

    /// Runs a script step to its end, watched like a task. Returns whether it succeeded, and its output.
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

    /// Files of the job, in any of its folders, that hold a secret.
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

    fn state(&self) -> MutexGuard<'_, JobState> {
        self.state.lock().unwrap()
    }
}

/// A time as Azure Pipelines writes it: `2026-11-24 06:00:00+00:00`.
pub(crate) fn pipeline_time(time: SystemTime) -> String {
    server_time(time).replace('T', " ").replace("+0000", "+00:00")
}

impl Drop for Job {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.azure.assert_contract_kept();
        }
    }
}
