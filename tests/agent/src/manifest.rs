//! Reads the parts of a task.json that an agent needs.

use crate::variables::{Variables, environment_name};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// What a task.json says.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// The task's name; also that of its step, unless the pipeline names the step.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    inputs: Vec<Input>,
    execution: BTreeMap<String, Handler>,
    /// What the task is not allowed to do.
    #[serde(default)]
    pub restrictions: Restrictions,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    name: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    default_value: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Handler {
    target: String,
}

/// What a task.json forbids its own task.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Restrictions {
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
    /// The task may use harmless commands only.
    pub fn are_strict(&self) -> bool {
        self.commands.mode == "restricted"
    }

    /// Whether the task may set this variable.
    pub fn may_set(&self, name: &str) -> bool {
        self.settable_variables.as_ref().is_none_or(|settable| is_listed(&settable.allowed, name))
    }
}

/// Whether a list of names, which may end in `*`, has this one.
pub(crate) fn is_listed(patterns: &[String], name: &str) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.to_lowercase().starts_with(&start.to_lowercase()),
        None => name.eq_ignore_ascii_case(pattern),
    })
}

impl Manifest {
    /// Reads the task.json of a task's folder.
    ///
    /// # Errors
    /// The file, and why it could not be read.
    pub fn of_folder(folder: &Path) -> Result<Self, String> {
        let file = folder.join("task.json");
        let error = |why: &dyn std::fmt::Display| format!("{}: {why}", file.display());
        let text = std::fs::read(&file).map_err(|why| error(&why))?;
        serde_json::from_slice(&text).map_err(|why| error(&why))
    }

    /// The script that an agent with Node.js 20 starts, by its path from the task's folder.
    ///
    /// # Errors
    /// The task has no handler for Node.js.
    pub fn script(&self) -> Result<&str, String> {
        let handlers = ["Node20_1", "Node16", "Node10", "Node24", "Node"];
        let found = handlers.into_iter().find_map(|handler| self.execution.get(handler));
        found
            .map(|handler| handler.target.as_str())
            .ok_or_else(|| format!("task {} has no Node handler", self.name))
    }

    /// The environment variables of all inputs, each under its own name: as given by name or alias, else its default.
    ///
    /// # Errors
    /// An input that is given and that the task does not have.
    pub fn input_environment(
        &self,
        variables: &Variables,
        sources: &Path,
        given: &[(&str, &str)],
    ) -> Result<Vec<(String, String)>, String> {
        let is_named = |input: &Input, name: &str| {
            std::iter::once(&input.name).chain(&input.aliases).any(|known| known.eq_ignore_ascii_case(name))
        };
        if let Some((name, _)) =
            given.iter().find(|(name, _)| !self.inputs.iter().any(|input| is_named(input, name)))
        {
            return Err(format!("task {} has no input '{name}'", self.name));
        }
        let value = |input: &Input| {
            let given = given.iter().rev().find(|(name, _)| is_named(input, name)).map(|(_, value)| *value);
            let value = variables.expand(given.unwrap_or(&input.default_value).trim());
            // Relative paths become absolute ones, and no path that of the sources.
            if input.kind == "filePath" { sources.join(value).display().to_string() } else { value }
        };
        let name = |input: &Input| format!("INPUT_{}", environment_name(&input.name));
        Ok(self.inputs.iter().map(|input| (name(input), value(input))).collect())
    }
}

#[test]
fn every_input_has_a_value_under_its_own_name() {
    let manifest: Manifest = serde_json::from_str(
        r#"{"name": "T", "execution": {"Node10": {"target": "old.js"}, "Node20_1": {"target": "run.js"}}, "inputs": [
            {"name": "scannerMode", "defaultValue": "cli"}, {"name": "cliVersion", "aliases": ["oldName"], "type": "string"},
            {"name": "configFile", "type": "filePath", "defaultValue": "a.properties"}, {"name": "empty", "type": "string"}]}"#,
    )
    .unwrap();
    let mut variables = Variables::default();
    variables.set(crate::Variable { name: "Given".into(), value: "s/x".into(), ..Default::default() });
    let inputs = |given: &[(&str, &str)]| manifest.input_environment(&variables, Path::new("/s"), given);
    let expected = [
        ("INPUT_SCANNERMODE", "cli"),
        ("INPUT_CLIVERSION", "s/x $(unknown)"),
        ("INPUT_CONFIGFILE", "/s/a.properties"),
        ("INPUT_EMPTY", ""),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(inputs(&[("OLDNAME", " $(given) $(unknown) ")]).unwrap(), expected);
    assert_eq!(inputs(&[("typo", "x")]).unwrap_err(), "task T has no input 'typo'");
    assert_eq!(manifest.script().unwrap(), "run.js");
}
