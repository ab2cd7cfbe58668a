//! A job of the agent, and the environment that it gives to a step.

use crate::manifest::{Manifest, is_listed};
use crate::variables::{Variable, Variables, environment_name};
use crate::{Masker, azure_devops::Resources};
use std::collections::BTreeMap;
use std::path::Path;

/// A service connection.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its id, or `SYSTEMVSSCONNECTION`.
    pub id: String,
    /// The server's URL.
    pub url: String,
    /// `UsernamePassword`, `Token`, `OAuth`.
    pub scheme: String,
    /// Its credentials.
    pub parameters: Vec<(String, String)>,
}

impl Connection {
    /// The agent's own connection to Azure DevOps.
    pub fn of_agent(url: &str, token: &str) -> Self {
        Self {
            id: "SYSTEMVSSCONNECTION".into(),
            url: url.to_owned(),
            scheme: "OAuth".into(),
            parameters: vec![("AccessToken".into(), token.to_owned())],
        }
    }

    fn environment(&self) -> Vec<(String, String)> {
        let Self { id, url, scheme, parameters } = self;
        let json: BTreeMap<_, _> = parameters.iter().cloned().collect();
        let mut environment = vec![
            (format!("ENDPOINT_URL_{id}"), url.clone()),
            (
                format!("ENDPOINT_AUTH_{id}"),
                serde_json::json!({ "parameters": json, "scheme": scheme }).to_string(),
            ),
            (format!("ENDPOINT_AUTH_SCHEME_{id}"), scheme.clone()),
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
}

/// What an agent knows of a job. Steps change it by their commands.
#[derive(Debug, Default)]
pub struct JobState {
    /// The variables.
    pub variables: Variables,
    /// What the log masks.
    pub masker: Masker,
    /// The service connections, the agent's own one first.
    pub connections: Vec<Connection>,
    /// Folders that steps put before those of `PATH`.
    pub paths: Vec<String>,
    /// Names that steps may set, in a job that restricts them; `*` at the end stands for anything.
    pub settable: Option<Vec<String>>,
    /// A job whose steps may only use harmless commands.
    pub restricted: bool,
}

impl JobState {
    /// Sets a variable, as the server or the agent does: what is read-only does not count.
    pub fn set(&mut self, name: &str, value: &str) {
        self.set_variable(Variable { name: name.to_owned(), value: value.to_owned(), ..Variable::default() });
    }

    /// Likewise one that is secret.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.set_variable(Variable { name, value, secret: true, ..Variable::default() });
    }

    pub(crate) fn set_variable(&mut self, variable: Variable) {
        if variable.secret {
            self.masker.add(&variable.value);
        }
        self.variables.set(variable);
    }

    /// Sets the variables of a manual build of `refs/heads/main` of a repository in Azure Repos, in this folder.
    pub fn predefine(&mut self, folder: &Path, sources: &Path, collection: &str, azure: &Resources) {
        let text = |name: &str| folder.join(name).display().to_string();
        let (folder, sources) = (folder.display().to_string(), sources.display().to_string());
        let build = azure.build.to_string();
        for (name, value) in [
            ("Agent.BuildDirectory", folder.as_str()),
            ("Agent.JobStatus", "Succeeded"),
            ("Agent.Name", "model"),
            ("Agent.OS", "Linux"),
            ("Agent.OSArchitecture", "X64"),
            ("Agent.TempDirectory", &text("temp")),
            ("Agent.ToolsDirectory", &text("tools")),
            ("Agent.Version", "4.260.0"),
            ("Build.ArtifactStagingDirectory", &text("a")),
            ("Build.BinariesDirectory", &text("b")),
            ("Build.BuildId", &build),
            ("Build.BuildNumber", "20261124.1"),
            ("Build.BuildUri", &format!("vstfs:///Build/Build/{build}")),
            ("Build.DefinitionName", "shop"),
            ("Build.Reason", "Manual"),
            ("Build.Repository.ID", &azure.repository.id),
            ("Build.Repository.LocalPath", &sources),
            ("Build.Repository.Name", &azure.repository.name),
            ("Build.Repository.Provider", "TfsGit"),
            ("Build.SourceBranch", "refs/heads/main"),
            ("Build.SourceBranchName", "main"),
            ("Build.SourcesDirectory", &sources),
            ("Build.SourceVersion", "0123456789abcdef0123456789abcdef01234567"),
            ("Pipeline.Workspace", &folder),
            ("System.CollectionUri", collection),
            ("System.DefaultWorkingDirectory", &sources),
            ("System.HostType", "build"),
            ("System.JobId", "12f1170f-54f2-53f3-20dd-22fc7dff55f9"),
            ("System.TeamFoundationCollectionUri", collection),
            ("System.TeamProject", &azure.project.name),
            ("System.TeamProjectId", &azure.project.id),
            ("TF_BUILD", "True"),
        ] {
            self.set(name, value);
        }
    }

    /// Adds a service connection; what it holds is masked.
    pub fn connect(&mut self, connection: Connection) {
        for (_, secret) in &connection.parameters {
            self.masker.add(secret);
        }
        self.connections.push(connection);
    }

    /// Whether the job lets steps set this variable.
    pub fn may_set(&self, name: &str) -> bool {
        self.settable.as_ref().is_none_or(|patterns| is_listed(patterns, name))
    }

    /// What a task's process finds in its environment beside the agent's own.
    ///
    /// # Errors
    /// An input that is given and that the task does not have.
    pub fn task_environment(
        &self,
        manifest: &Manifest,
        sources: &Path,
        inputs: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, String> {
        let mut environment = self.variables.environment();
        environment.extend(manifest.input_environment(&self.variables, sources, inputs)?);
        environment.extend(self.connections.iter().flat_map(Connection::environment));
        Ok(environment)
    }

    /// `PATH` of a step.
    pub fn path(&self, inherited: &str) -> String {
        let separator = if cfg!(windows) { ";" } else { ":" };
        let folders: Vec<_> = self.paths.iter().map(String::as_str).chain([inherited]).collect();
        folders.join(separator)
    }
}
