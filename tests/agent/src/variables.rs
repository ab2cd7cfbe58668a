//! Variables of a job, by the rules of the agent's `Variables.cs`, `TaskCommandExtension.cs` and `Handler.cs`.

/// The agent's own variables that are read-only, as far as this job may have them.
const READ_ONLY: [&str; 46] = [
    "agent.builddirectory",
    "agent.cainfo",
    "agent.jobstatus",
    "agent.name",
    "agent.os",
    "agent.osarchitecture",
    "agent.proxybypasslist",
    "agent.proxypassword",
    "agent.proxyurl",
    "agent.proxyusername",
    "agent.readonlyvariables",
    "agent.skipcertvalidation",
    "agent.tempdirectory",
    "agent.toolsdirectory",
    "agent.version",
    "agent.workfolder",
    "build.artifactstagingdirectory",
    "build.binariesdirectory",
    "build.buildnumber",
    "build.definitionname",
    "build.repository.id",
    "build.repository.localpath",
    "build.repository.name",
    "build.repository.provider",
    "build.repository.uri",
    "build.sourcebranch",
    "build.sourcesdirectory",
    "build.sourceversion",
    "common.testresultsdirectory",
    "pipeline.workspace",
    "system.accesstoken",
    "system.collectionid",
    "system.debug",
    "system.defaultworkingdirectory",
    "system.definitionid",
    "system.hosttype",
    "system.jobattempt",
    "system.jobid",
    "system.jobname",
    "system.phasename",
    "system.pullrequest.targetbranch",
    "system.stageattempt",
    "system.stagename",
    "system.teamfoundationserveruri",
    "system.teamproject",
    "system.teamprojectid",
];

/// A variable with its flags.
#[derive(Debug, Clone, Default)]
pub struct Variable {
    /// Its name, in the spelling of the last assignment.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Scripts don't see it, and logs mask it.
    pub secret: bool,
    /// Set with `isreadonly`, or the output of a step.
    pub read_only: bool,
    /// Its environment variable keeps the case of the name.
    pub keeps_case: bool,
}

impl Variable {
    fn environment_name(&self) -> String {
        let name = self.name.replace(['.', ' '], "_");
        if self.keeps_case { name } else { name.to_uppercase() }
    }
}

/// How the agent reacts if a step sets a variable that may be read-only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwriting {
    /// There is no such variable, or it may change.
    Allowed,
    /// It is read-only. The agent warns and changes it anyway.
    Warned,
    /// It is read-only. The agent refuses to change it.
    Refused,
}

/// All variables of a job. Case does not count in their names; dots, spaces and underscores do, though all of them become
/// underscores in the environment.
#[derive(Debug, Clone, Default)]
pub struct Variables(
    /// In the order in which they were set last. Of those that become one environment variable the last one counts: the
    /// agent has no fixed order, so this is the one that an attacker hopes for.
    Vec<Variable>,
);

impl Variables {
    /// Sets a variable. One that was secret or read-only once stays so.
    pub fn set(&mut self, mut variable: Variable) {
        if let Some(index) = self.index(&variable.name) {
            let old = self.0.remove(index);
            variable.secret |= old.secret;
            variable.read_only |= old.read_only;
        }
        self.0.push(variable);
    }

    /// What the agent thinks of a step that sets this variable. The pipeline's variable `agent.readOnlyVariables` decides
    /// whether read-only variables are protected; without it they are not. Another spelling is another variable.
    pub fn overwriting(&self, name: &str) -> Overwriting {
        let Some(old) = self.get(name) else { return Overwriting::Allowed };
        let is_read_only = old.read_only || READ_ONLY.contains(&old.name.to_lowercase().as_str());
        match (is_read_only, self.is_true("agent.readOnlyVariables")) {
            (false, _) => Overwriting::Allowed,
            (true, false) => Overwriting::Warned,
            (true, true) => Overwriting::Refused,
        }
    }

    /// Makes a variable keep the case of its name.
    pub fn keep_case(&mut self, name: &str) {
        if let Some(index) = self.index(name) {
            self.0[index].keeps_case = true;
        }
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|variable| !variable.name.eq_ignore_ascii_case(name));
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|variable| variable.name.eq_ignore_ascii_case(name))
    }

    /// A variable by its name.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.index(name).map(|index| &self.0[index])
    }

    /// The value of a variable.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(|variable| variable.value.as_str())
    }

    /// Whether the value of a variable is `true`, ignoring case.
    pub fn is_true(&self, name: &str) -> bool {
        self.value(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `$(name)` replaced by the value; unknown names stay.
    pub fn expand(&self, text: &str) -> String {
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("$(") {
            expanded.push_str(before);
            match after.split_once(')').and_then(|(name, tail)| Some((self.value(name)?, tail))) {
                Some((value, tail)) => {
                    expanded.push_str(value);
                    rest = tail;
                }
                None => {
                    expanded.push_str("$(");
                    rest = after;
                }
            }
        }
        expanded + rest
    }

    /// Those of them that every process of the job sees.
    pub fn public_environment(&self) -> Vec<(String, String)> {
        let public = self.0.iter().filter(|variable| !variable.secret);
        public.map(|variable| (variable.environment_name(), variable.value.clone())).collect()
    }

    /// The environment variables they become for a task.
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut environment = Vec::new();
        let (mut public, mut secret) = (Vec::new(), Vec::new());
        for variable in &self.0 {
            if variable.name.eq_ignore_ascii_case("agent.jobstatus") {
                environment.push((variable.name.clone(), variable.value.clone()));
            }
            let name = variable.environment_name();
            if variable.secret {
                secret.push(variable.name.as_str());
                environment.push((format!("SECRET_{name}"), variable.value.clone()));
            } else {
                public.push(variable.name.as_str());
                environment.push((name, variable.value.clone()));
            }
        }
        environment.push(("VSTS_PUBLIC_VARIABLES".into(), serde_json::Value::from(public).to_string()));
        environment.push(("VSTS_SECRET_VARIABLES".into(), serde_json::Value::from(secret).to_string()));
        environment
    }
}

/// The environment variable that a variable, an input or a parameter of a connection becomes.
pub(crate) fn environment_name(name: &str) -> String {
    name.replace(['.', ' '], "_").to_uppercase()
}

#[cfg(test)]
fn variable(name: &str, value: &str) -> Variable {
    Variable { name: name.into(), value: value.into(), ..Variable::default() }
}

#[test]
fn variables_become_environment_variables() {
    let mut variables = Variables::default();
    variables.set(variable("Build.Source Branch", "refs/heads/x"));
    variables.set(Variable { secret: true, ..variable("my.token", "hush") });
    variables.set(variable("My.Token", "still secret"));
    assert_eq!(variables.expand("a $(BUILD.source branch) $(no) $("), "a refs/heads/x $(no) $(");
    let environment = variables.environment();
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("BUILD_SOURCE_BRANCH"), Some("refs/heads/x"));
    assert_eq!(value("SECRET_MY_TOKEN"), Some("still secret"));
    assert_eq!(value("MY_TOKEN"), None);
    assert_eq!(value("VSTS_SECRET_VARIABLES"), Some(r#"["My.Token"]"#));
}

#[test]
fn read_only_variables_are_protected_only_where_the_pipeline_says_so() {
    let mut variables = Variables::default();
    variables.set(variable("Build.SourceBranch", "refs/heads/main"));
    variables.set(variable("plain", "1"));
    variables.set(Variable { read_only: true, ..variable("SONAR_AZDO_TOKEN_X", "good") });
    // A read-only variable stays read-only when it is overwritten.
    variables.set(variable("sonar_azdo_token_x", "bad"));
    let names =
        ["sonar_azdo_token_X", "build.sourcebranch", "plain", "sonar.azdo.token.x", "BUILD_SOURCEBRANCH"];
    use Overwriting::{Allowed, Refused, Warned};
    for (knob, expected) in [
        (None, [Warned, Warned, Allowed, Allowed, Allowed]),
        (Some("false"), [Warned, Warned, Allowed, Allowed, Allowed]),
        (Some("True"), [Refused, Refused, Allowed, Allowed, Allowed]),
    ] {
        if let Some(value) = knob {
            variables.set(variable("Agent.ReadOnlyVariables", value));
        }
        assert_eq!(names.map(|name| variables.overwriting(name)), expected, "{knob:?}");
    }
}

#[test]
fn another_spelling_is_another_variable_and_the_same_environment_variable() {
    let mut variables = Variables::default();
    for (name, value) in [("SONAR_AZDO_TOKEN_X", "good"), ("sonar.azdo token.x", "bad"), ("a", "1")] {
        variables.set(Variable { secret: true, read_only: true, ..variable(name, value) });
    }
    assert_eq!(variables.value("sonar_azdo_token_x"), Some("good"));
    let environment = variables.environment();
    let mut values = environment.iter().filter(|(name, _)| name == "SECRET_SONAR_AZDO_TOKEN_X");
    assert_eq!(values.next_back().map(|(_, value)| value.as_str()), Some("bad"));
}
