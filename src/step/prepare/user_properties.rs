//! The user's own properties: read, and checked before anybody is asked.

use super::project::not_replaced;
use crate::agent::PrepareInputs;
use crate::analysis::property_origin::{Setter, may_set, remedy};
use crate::analysis::{ExtraProperties, Properties, UnreadableLine, suggestion};
use crate::context::{BranchChoice, is_of_scope, name_branches, remove_unset, unexpanded};
use crate::error::{Error, Result};
use crate::step::job::Job;

/// Reads the input `extraProperties`.
///
/// # Errors
/// A line cannot be read and `strictProperties` is true; what [`checked`] refuses.
pub(super) fn read_extra(job: &Job, inputs: &PrepareInputs) -> Result<Properties> {
    let ExtraProperties { properties, unreadable, doubtful } =
        ExtraProperties::parse(inputs.extra_properties.expose());
    for UnreadableLine { number, key } in &unreadable {
        // Its text may hold a secret.
        let about = key.as_deref().map(|key| format!(" ({key})")).unwrap_or_default();
        let message = format!("line {number} of extraProperties{about} is not key=value");
        if inputs.strict_properties {
            return Err(
                Error::new(message).hint("Write key=value, or begin the line with # to make it a comment.")
            );
        }
        tracing::warn!("{message} and is ignored");
    }
    for line in doubtful {
        tracing::warn!("{line}");
    }
    checked(job, properties, "extraProperties")
}

/// The user's own properties, without those that a pipeline may not set and those that have no value; both are logged.
/// `place` is where they stand.
///
/// # Errors
/// One that decides what is analysed holds a variable that is not set.
pub(super) fn checked(job: &Job, mut properties: Properties, place: &str) -> Result<Properties> {
    for (key, _) in properties.iter() {
        if let Some(known) = suggestion(key) {
            tracing::warn!("SonarQube knows no property {key}; did you mean {known}?");
        }
    }
    let keys: Vec<_> = properties.iter().map(|(key, _)| key.to_owned()).collect();
    for key in keys.iter().filter(|key| !may_set(Setter::Pipeline, key, false)) {
        properties.remove(key);
        tracing::warn!("{key} in {place} is ignored. {}", remedy(key));
    }
    let unset = remove_unset(&mut properties, is_of_pull_request(job));
    if !unset.is_empty() {
        // Templates that many pipelines share do this in every build of a branch: no warning.
        tracing::info!("Left out of {place}, because this build gives them no value: {}", unset.join(", "));
    }
    for key in keys.iter().filter(|key| is_of_scope(key)) {
        if let Some(variable) = properties.value(key).and_then(unexpanded) {
            return Err(not_replaced(&format!("{key} in {place}"), variable));
        }
    }
    name_branches(&mut properties);
    Ok(properties)
}

/// Checks the inputs that name branches: a variable of pull requests in `branch` says nothing in another build.
///
/// # Errors
/// One holds a variable that is not set.
pub(super) fn check_branches(job: &Job, inputs: &mut PrepareInputs) -> Result<()> {
    if let BranchChoice::Named(name) = &inputs.choices.branch
        && let Some(variable) = unexpanded(name)
    {
        let is_of_pull_requests = variable.to_ascii_lowercase().starts_with("system.pullrequest.");
        if !is_of_pull_requests || is_of_pull_request(job) {
            return Err(not_replaced("the input branch", variable));
        }
        tracing::info!(
            "The input branch is {name}, but no pull request is being built, so it is read as auto"
        );
        inputs.choices.branch = BranchChoice::Auto;
    }
    match inputs.default_branch.as_deref().and_then(unexpanded) {
        Some(variable) => Err(not_replaced("the input defaultBranch", variable)),
        None => Ok(()),
    }
}

/// The SonarScanner for .NET that carries a SonarScanner CLI has that replace `${name}`: the name of a branch would be
/// given the value of a property, which may be the token.
///
/// # Errors
/// A name of what is analysed holds `${`.
pub(super) fn check_for_dotnet(scope: &Properties) -> Result<()> {
    match scope.iter().find(|(_, value)| value.contains("${")) {
        None => Ok(()),
        Some((key, value)) => Err(Error::new(format!(
            "{key} would be {value:?}, in which the SonarScanner for .NET may replace the part after $"
        ))
        .hint("Set the input branch to another name.")),
    }
}

fn is_of_pull_request(job: &Job) -> bool {
    job.predefined.pipeline_context().pull_request.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_the_scanner_for_dotnet_would_replace_is_refused() {
        let scope = |name: &str| [("sonar.branch.name".to_owned(), name.to_owned())].into_iter().collect();
        assert!(check_for_dotnet(&scope("feature/$x")).is_ok());
        assert!(check_for_dotnet(&scope("x${env.SONARQUBE_SCANNER_PARAMS}")).is_err());
    }
}
