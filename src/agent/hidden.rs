//! Job variables that hide what the agent gives a task: its inputs and its service connections.
//!
//! Any step can set a job variable, and one that is called `INPUT_ONQUALITYGATEFAILURE` or
//! `ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN` becomes the environment variable of that name. Agents before July 2026
//! put job variables over inputs and endpoints (microsoft/azure-pipelines-agent, `NodeHandler.cs`, pull request 5606). So a
//! step could choose the policy, the server, and the key of the records' seal.

use super::env::Environment;
use crate::error::{Error, Result};
use serde::Deserialize;

/// The descriptions of the tasks: they name every input.
const TASKS: [&str; 3] = [
    include_str!("../../task/prepare/task.json"),
    include_str!("../../task/analyze/task.json"),
    include_str!("../../task/publish/task.json"),
];

/// What the variables of a service connection begin with.
const ENDPOINTS: [&str; 3] = ["ENDPOINT_URL_", "ENDPOINT_AUTH_", "ENDPOINT_DATA_"];

#[derive(Deserialize)]
struct Task {
    inputs: Vec<Input>,
}

#[derive(Deserialize)]
struct Input {
    name: String,
}

/// Refuses a job variable that takes the place of an input or of a service connection: the value that the agent gave is
/// not known any more.
///
/// # Errors
/// There is one.
pub(super) fn refuse(env: &Environment) -> Result<()> {
    // The agent writes this list after all variables, so no variable replaces it.
    let Some(names) = env.exact_value("VSTS_PUBLIC_VARIABLES") else { return Ok(()) };
    let names: Vec<String> = serde_json::from_str(names).unwrap_or_default();
    let hides = |name: &&String| {
        let name = name.replace(['.', ' '], "_").to_uppercase();
        match name.strip_prefix("INPUT_") {
            Some(input) => is_input(input),
            None => ENDPOINTS.iter().any(|prefix| name.starts_with(prefix)),
        }
    };
    match names.iter().find(hides) {
        None => Ok(()),
        Some(name) => Err(Error::new(format!(
            "the job variable {name} has the name of an environment variable by which the agent passes an input or a service \
             connection to this task, so that value cannot be trusted"
        ))
        .hint("Rename the variable in the step or pipeline that sets it.")),
    }
}

/// Whether one of the tasks has the input, whose name is in upper case.
fn is_input(name: &str) -> bool {
    TASKS.iter().any(|text| {
        // The launcher's tests read the same files; one that could not be read would hide every input.
        serde_json::from_str::<Task>(text)
            .map_or(true, |task| task.inputs.iter().any(|input| input.name.to_uppercase() == name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_variable_with_the_name_of_an_input_or_connection_is_an_error() {
        for (name, is_refused) in [
            ("INPUT_ONQUALITYGATEFAILURE", true),
            ("input.onQualityGateFailure", true),
            ("Input sonarqube", true),
            ("ENDPOINT_AUTH_PARAMETER_SYSTEMVSSCONNECTION_ACCESSTOKEN", true),
            ("endpoint_url_ab", true),
            // Pipelines use such names.
            ("INPUT_DIR", false),
            ("inputs.branch", false),
            ("endpoint", false),
        ] {
            let names = serde_json::json!(["Build.BuildId", name]).to_string();
            let env = Environment::new([("VSTS_PUBLIC_VARIABLES".into(), names.into())]);
            let refusal = refuse(&env).map_err(|error| error.to_string());
            assert_eq!(refusal.is_err(), is_refused, "{name}");
            assert!(refusal.err().is_none_or(|message| message.contains(&format!("variable {name} has"))));
        }
        assert!(refuse(&Environment::default()).is_ok());
    }

    #[test]
    fn inputs_of_every_task_are_known() {
        for name in ["SCANNERMODE", "PASSENVIRONMENT", "PROJECTS"] {
            assert!(is_input(name), "{name}");
        }
        assert!(!is_input("NONE"));
    }
}
