//! A job that works with the model of SonarQube, and a scanner engine that is a shell script.

use crate::fake_agent::{Job, Running, Step, Task};
use crate::fake_azure_devops::AzureDevOps;
use crate::fake_sonarqube::{SonarQube, TOKEN};
use serde_json::Value;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct Scenario {
    pub(crate) sonarqube: SonarQube,
    pub(crate) job: Job,
    /// Id of the service connection.
    pub(crate) connection: String,
}

impl Scenario {
    pub(crate) fn new() -> Self {
        Self::with(SonarQube::start())
    }

    pub(crate) fn with(sonarqube: SonarQube) -> Self {
        Self::within(AzureDevOps::start(), sonarqube)
    }

    pub(crate) fn within(azure: AzureDevOps, sonarqube: SonarQube) -> Self {
        let mut job = Job::with(azure);
        let connection = job.connect_server(&sonarqube.url(), TOKEN);
        Self { sonarqube, job, connection }
    }

    /// Prepares an analysis of `shop` with `configMode: manual` and [`Scenario::engine`]. `inputs` override these.
    pub(crate) fn prepare(&mut self, inputs: &[(&str, &str)]) -> Step {
        let connection = self.connection.clone();
        let mut all = vec![
            ("SonarQube", connection.as_str()),
            ("scannerMode", "cli"),
            ("configMode", "manual"),
            ("cliProjectKey", "shop"),
        ];
        all.extend(inputs);
        self.job.run(Task::Prepare, &all)
    }

    /// Prepares with these inputs only.
    pub(crate) fn prepare_as(&mut self, inputs: &[(&str, &str)]) -> Step {
        let connection = self.connection.clone();
        let all: Vec<_> =
            [("SonarQube", connection.as_str())].into_iter().chain(inputs.iter().copied()).collect();
        self.job.run(Task::Prepare, &all)
    }

    /// Another job of the same build, on another agent.
    pub(crate) fn another_job(&self) -> Job {
        let mut job = Job::with(self.job.azure.clone());
        job.set("System.JobId", "a5b0cdba-1c0a-5c0b-7c6e-57a3bb2f8f2b");
        job
    }

    pub(crate) fn publish(&mut self, inputs: &[(&str, &str)]) -> Step {
        self.job.run(Task::Publish, inputs)
    }

    pub(crate) fn analyze(&mut self) -> Step {
        self.begin_analyze().finish()
    }

    pub(crate) fn analyze_with(&mut self, inputs: &[(&str, &str)]) -> Step {
        self.job.run(Task::Analyze, inputs)
    }

    pub(crate) fn begin_analyze(&mut self) -> Running {
        self.job.begin(Task::Analyze, &[])
    }

    /// Installs an engine: a script that runs `body` after it has noted its arguments, environment and input.
    /// Returns the extra properties that name it.
    pub(crate) fn engine(&self, body: &str) -> String {
        let folder = self.job.path("engine");
        std::fs::create_dir_all(&folder).unwrap();
        let (java, jar) = (folder.join("java"), folder.join("engine.jar"));
        let noted = folder.display();
        let script = format!(
            "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{noted}/arguments'\nenv >'{noted}/environment'\ncat >'{noted}/stdin'\n\
             report=$(sed -n 's/.*\"sonar.scanner.metadataFilePath\",\"value\":\"\\([^\"]*\\)\".*/\\1/p' '{noted}/stdin')\n\
             {body}\n"
        );
        program(&java, &script);
        std::fs::write(&jar, "").unwrap();
        format!("sonar.scanner.javaExePath={}\nsonar.scanner.engineJarPath={}", java.display(), jar.display())
    }

    /// What the engine got: its `arguments`, `environment` or `stdin`.
    pub(crate) fn noted(&self, name: &str) -> String {
        std::fs::read_to_string(self.job.path("engine").join(name)).unwrap()
    }

    /// The properties that the engine got, in their order.
    pub(crate) fn engine_properties(&self) -> Vec<(String, String)> {
        let input: Value = serde_json::from_str(&self.noted("stdin")).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let properties = input["scannerProperties"].as_array().unwrap().iter();
        properties.map(|property| (text(&property["key"]), text(&property["value"]))).collect()
    }

    /// The shell command by which the engine leaves the report of task `AZ-<key>`.
    pub(crate) fn report(&self, key: &str, project: &str) -> String {
        report_on(&self.sonarqube.url(), key, project)
    }

    /// Prepares and analyses `shop`: its report becomes task `AZ-<key>`.
    pub(crate) fn analysed(&mut self, key: &str) {
        self.analysed_as("shop", key);
    }

    pub(crate) fn analysed_as(&mut self, project: &str, key: &str) {
        let engine = self.engine(&self.report(key, project));
        self.prepare(&[("cliProjectKey", project), ("extraProperties", &engine)]).succeeded();
        self.analyze().succeeded();
    }

    /// Folders of the job's records, oldest first.
    pub(crate) fn records(&self) -> Vec<PathBuf> {
        let folder = self.job.temp().join("sonar-azdo");
        let mut records: Vec<_> = std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("prepared.json").exists())
            .collect();
        records.sort_by_key(|path| path.join("prepared.json").metadata().unwrap().modified().unwrap());
        records
    }

    /// A record's file as JSON.
    pub(crate) fn record(&self, index: usize, file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.records()[index].join(file)).unwrap()).unwrap()
    }

    /// The build's property.
    pub(crate) fn gate_property(&self) -> Option<String> {
        self.job.azure.property("sonarglobalqualitygate")
    }
}

/// The same, for an analysis on the server with this URL.
pub(crate) fn report_on(server: &str, key: &str, project: &str) -> String {
    format!(
        "printf '%s\\n' 'projectKey={project}' 'serverUrl={server}' 'dashboardUrl={server}/dashboard?id={project}' \
         'ceTaskId=AZ-{key}' >\"$report\""
    )
}

/// Writes a script that can be run, by a process of its own: a child that another test is just starting would hold a
/// file of ours open for writing, and nobody could run it meanwhile.
pub(crate) fn program(path: &Path, script: &str) {
    let mut install = Command::new("install");
    install.args(["-m", "755", "/dev/stdin"]).arg(path).stdin(Stdio::piped());
    let mut install = install.spawn().unwrap();
    install.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(install.wait().unwrap().success(), "{}", path.display());
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
