//! A user's own parameters of a branch or a pull request, which win over the decision.

use super::scope::{Refusal, Scope, check_name};
use crate::analysis::{Properties, ServerFacts, Target};

const BRANCH: &str = "sonar.branch.name";
const PULL_REQUEST: &str = "sonar.pullrequest.key";

/// Whether a property is one of those that say what is analysed.
pub fn is_of_scope(key: &str) -> bool {
    key.starts_with("sonar.branch.") || key.starts_with("sonar.pullrequest.")
}

/// Whether these properties say what is analysed. Others of their kind, such as `sonar.pullrequest.base`,
/// only change a detail of the decision.
pub fn decides(properties: &Properties) -> bool {
    [BRANCH, PULL_REQUEST].iter().any(|key| properties.value(key).is_some())
}

/// What the user's own properties say is analysed, as they are written in `place`; `None` when they leave
/// it open.
///
/// # Errors
/// SonarQube would refuse a name.
pub fn own_scope(own: &Properties, place: &str, server: &ServerFacts) -> Result<Option<Scope>, Refusal> {
    if !decides(own) {
        return Ok(None);
    }
    let value = |key: &str| own.value(key).filter(|value| !value.is_empty());
    let (target, what, key) = match (value(PULL_REQUEST), value(BRANCH)) {
        (Some(number), _) => {
            let detail = |key: &str| value(key).unwrap_or_default().to_owned();
            let (branch, base) = (detail("sonar.pullrequest.branch"), detail("sonar.pullrequest.base"));
            let target = Target::PullRequest { key: number.to_owned(), branch, base };
            (target, format!("pull request {number}"), PULL_REQUEST)
        }
        (None, Some(name)) => {
            (Target::Branch { name: name.to_owned() }, format!("the branch {name}"), BRANCH)
        }
        (None, None) => (Target::MainBranch { name: None }, "the main branch".to_owned(), BRANCH),
    };
    for name in [PULL_REQUEST, "sonar.pullrequest.branch", BRANCH] {
        if let Some(chosen) = value(name).filter(|_| server.branch_support) {
            let hint = format!("Write another {name} in {place}, or none.");
            check_name(&format!("value of {name}"), chosen).map_err(|refusal| Refusal { hint, ..refusal })?;
        }
    }
    let mut warnings = Vec::new();
    if !server.branch_support && !matches!(target, Target::MainBranch { .. }) {
        warnings.push(format!(
            "{} analyses the main branch only and will refuse {key}: take it out of {place}",
            server.product()
        ));
    }
    let explanation = format!("Analysing {what}, because {key} in {place} says so");
    let scope = match target {
        Target::MainBranch { name } => Scope::main_branch(name, server, explanation),
        target => Scope::new(target, explanation),
    };
    let mut properties = scope.properties.clone();
    for (key, value) in own.iter().filter(|(key, _)| is_of_scope(key)) {
        properties.set(key, value);
    }
    Ok(Some(Scope { properties, warnings, ..scope }))
}
