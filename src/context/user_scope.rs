//! Parameters of a branch or a pull request that the user sets. They win over the decision.

use super::pull_request_properties::name_branches;
use super::refusal::{Refusal, check_name};
use super::scope::Scope;
use crate::analysis::target::{BRANCH_NAME, PULL_REQUEST_BRANCH, PULL_REQUEST_KEY};
use crate::analysis::{Properties, ServerFacts, Target};

const OF_PULL_REQUEST: &str = "sonar.pullrequest.";

/// Whether a property is a parameter of a branch or a pull request.
pub(crate) fn is_of_scope(key: &str) -> bool {
    key.starts_with("sonar.branch.") || key.starts_with(OF_PULL_REQUEST)
}

/// Whether these properties choose the branch or pull request. `sonar.pullrequest.base` alone, for example, only changes a
/// detail of the decision.
pub(crate) fn decides(properties: &Properties) -> bool {
    Target::of_properties(properties).is_some()
}

/// The variable in the first `$(name)` of a text. Azure Pipelines leaves `$(name)` as it is if the variable is not set.
pub(crate) fn unexpanded(text: &str) -> Option<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ' ');
    text.match_indices("$(").find_map(|(at, _)| {
        let inner = &text[at + 2..];
        let (name, _) = inner.split_once(')')?;
        (!name.is_empty() && name.chars().all(is_part)).then_some(name)
    })
}

/// Removes the parameters of a branch or pull request that are blank and, unless the build is `of_pull_request`, those whose
/// value is a variable of pull requests. Templates that many pipelines share leave such lines. Returns the removed keys.
///
/// A blank `sonar.branch.name` must not reach the engine: it would analyse the main branch in the build of a feature branch.
pub(crate) fn remove_unset(properties: &mut Properties, of_pull_request: bool) -> Vec<String> {
    let is_unset = |value: &str| {
        value.trim().is_empty()
            || (!of_pull_request
                && unexpanded(value)
                    .is_some_and(|name| name.to_ascii_lowercase().starts_with("system.pullrequest.")))
    };
    let mut unset: Vec<String> = properties
        .iter()
        .filter(|(key, value)| is_of_scope(key) && is_unset(value))
        .map(|(key, _)| key.to_owned())
        .collect();
    if !of_pull_request && unset.iter().any(|key| key == PULL_REQUEST_KEY) {
        // Without its key the other parameters of the pull request mean nothing.
        let details = properties.iter().map(|(key, _)| key).filter(|key| key.starts_with(OF_PULL_REQUEST));
        unset.extend(details.map(str::to_owned));
        unset.sort();
        unset.dedup();
    }
    for key in &unset {
        properties.remove(key);
    }
    unset
}

/// What the user's properties in `place` choose to analyse; `None` if they do not choose.
///
/// # Errors
/// SonarQube would refuse a name.
pub(crate) fn user_scope(
    user: &Properties,
    place: &str,
    server: &ServerFacts,
) -> Result<Option<Scope>, Refusal> {
    let of_scope = user.iter().filter(|(key, _)| is_of_scope(key));
    let mut properties: Properties =
        of_scope.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    name_branches(&mut properties);
    let Some(target) = Target::of_properties(&properties) else { return Ok(None) };
    let key = if target.is_pull_request() { PULL_REQUEST_KEY } else { BRANCH_NAME };
    for name in [PULL_REQUEST_KEY, PULL_REQUEST_BRANCH, BRANCH_NAME] {
        let chosen = user.value(name).filter(|value| !value.is_empty());
        if let Some(chosen) = chosen.filter(|_| server.branch_support) {
            let hint = format!("Set {name} in {place} to another value, or remove it.");
            check_name(&format!("value of {name}"), chosen).map_err(|refusal| Refusal { hint, ..refusal })?;
        }
    }
    let mut warnings = Vec::new();
    if !server.branch_support {
        warnings.push(format!(
            "{} analyses the main branch only and refuses {key}. Remove it from {place}.",
            server.product()
        ));
    }
    let what = format!("Analysing {}", target.in_sentence());
    let scope = Scope::new(target, what, format!("{key} is set in {place}"));
    Ok(Some(Scope { properties, warnings, ..scope }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_were_not_replaced_are_found() {
        for (text, expected) in [
            ("$(prBranch)", Some("prBranch")),
            ("x-$(System.PullRequest.PullRequestId)", Some("System.PullRequest.PullRequestId")),
            ("$(My Variable)", Some("My Variable")),
            ("$() $(x)", Some("x")),
            ("$(cat /etc/passwd)", None),
            ("$x ${x} $(x", None),
        ] {
            assert_eq!(unexpanded(text), expected, "{text}");
        }
    }

    #[test]
    fn blank_parameters_are_removed() {
        let taken = |pairs: &[(&str, &str)], of_pull_request| {
            let mut properties: Properties =
                pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let taken = remove_unset(&mut properties, of_pull_request);
            let left: Vec<_> = properties.iter().map(|(key, _)| key.to_owned()).collect();
            (taken.join(" "), left.join(" "))
        };
        let shared = [
            ("sonar.branch.name", " "),
            ("sonar.pullrequest.key", "$(System.PullRequest.PullRequestId)"),
            ("sonar.pullrequest.base", "main"),
            ("sonar.exclusions", ""),
        ];
        let (taken_out, left) = taken(&shared, false);
        assert_eq!(taken_out, "sonar.branch.name sonar.pullrequest.base sonar.pullrequest.key");
        assert_eq!(left, "sonar.exclusions");
        let (taken_out, left) = taken(&shared, true);
        assert_eq!(taken_out, "sonar.branch.name");
        assert_eq!(left, "sonar.exclusions sonar.pullrequest.base sonar.pullrequest.key");
        let kept = [("sonar.branch.name", "$(other)"), ("sonar.pullrequest.base", "develop")];
        assert_eq!(taken(&kept, false).0, "");
    }
}
