//! Variables of a job, by the rules of the agent's `Variables.cs` and `Handler.cs`.

use std::collections::BTreeMap;

#[derive(Debug, Clone)]
struct Variable {
    name: String,
    value: String,
    secret: bool,
    keeps_case: bool,
}

impl Variable {
    fn environment_name(&self) -> String {
        let name = self.name.replace(['.', ' '], "_");
        if self.keeps_case { name } else { name.to_uppercase() }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Variables(BTreeMap<String, Variable>);

impl Variables {
    /// Sets a variable. One that was secret once stays so.
    pub(crate) fn set(&mut self, name: &str, value: &str, secret: bool) {
        let key = name.to_lowercase();
        let secret = secret || self.0.get(&key).is_some_and(|old| old.secret);
        let variable = Variable { name: name.to_owned(), value: value.to_owned(), secret, keeps_case: false };
        self.0.insert(key, variable);
    }

    /// Has a variable that is set (with `preservecase`) keep the case of its name.
    pub(crate) fn keep_case(&mut self, name: &str) {
        self.0.get_mut(&name.to_lowercase()).unwrap().keeps_case = true;
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(&name.to_lowercase());
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(&name.to_lowercase()).map(|variable| variable.value.as_str())
    }

    pub(crate) fn is_secret(&self, name: &str) -> bool {
        self.0.get(&name.to_lowercase()).is_some_and(|variable| variable.secret)
    }

    /// `$(name)` replaced by the value; unknown names stay.
    pub(crate) fn expand(&self, text: &str) -> String {
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
    pub(crate) fn public_environment(&self) -> Vec<(String, String)> {
        let public = self.0.values().filter(|variable| !variable.secret);
        public.map(|variable| (variable.environment_name(), variable.value.clone())).collect()
    }

    /// The environment variables they become for a task.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut environment = Vec::new();
        let (mut public, mut secret) = (Vec::new(), Vec::new());
        for variable in self.0.values() {
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
        environment.push(("VSTS_PUBLIC_VARIABLES".into(), serde_json::to_string(&public).unwrap()));
        environment.push(("VSTS_SECRET_VARIABLES".into(), serde_json::to_string(&secret).unwrap()));
        environment
    }
}

pub(crate) fn environment_name(name: &str) -> String {
    name.replace(['.', ' '], "_").to_uppercase()
}

#[test]
fn variables_become_environment_variables() {
    let mut variables = Variables::default();
    variables.set("Build.Source Branch", "refs/heads/x", false);
    variables.set("my.token", "hush", true);
    variables.set("My.Token", "still secret", false);
    assert_eq!(variables.expand("a $(BUILD.source branch) $(no) $("), "a refs/heads/x $(no) $(");
    let environment = variables.environment();
    let value = |name: &str| environment.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!(value("BUILD_SOURCE_BRANCH"), Some("refs/heads/x"));
    assert_eq!(value("SECRET_MY_TOKEN"), Some("still secret"));
    assert_eq!(value("MY_TOKEN"), None);
    assert_eq!(value("VSTS_SECRET_VARIABLES"), Some(r#"["My.Token"]"#));
}
