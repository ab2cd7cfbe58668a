//! Inputs of SonarPrepare about branches and tags.

use super::input_value::one_of;
use crate::agent::env::Environment;
use crate::context::{BranchChoice, Choices, OnUnsupported, Tags, branch_name};
use crate::error::Result;

/// `branch`, `tags` and `onUnsupportedBranch`.
pub(super) fn choices(env: &Environment) -> Result<Choices> {
    let tags = env.input("tags").unwrap_or("skip");
    let unsupported = env.input("onUnsupportedBranch").unwrap_or("skip");
    Ok(Choices {
        branch: BranchChoice::parse(env.input("branch").unwrap_or("auto")),
        tags: Tags::parse(tags).ok_or_else(|| one_of("tags", tags, "skip, main, branch"))?,
        on_unsupported: OnUnsupported::parse(unsupported)
            .ok_or_else(|| one_of("onUnsupportedBranch", unsupported, "skip, fail, main"))?,
    })
}

/// `defaultBranch`, without `refs/heads/`.
pub(super) fn default_branch(env: &Environment) -> Option<String> {
    env.input("defaultBranch").map(|name| branch_name(name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inputs: &[(&str, &str)]) -> Result<Choices> {
        choices(&Environment::new(
            inputs.iter().map(|(name, value)| (format!("INPUT_{name}").into(), value.into())),
        ))
    }

    #[test]
    fn choices_have_defaults_and_refuse_unknown_values() {
        assert_eq!(read(&[]).unwrap(), Choices::default());
        for (text, expected) in [
            ("auto", BranchChoice::Auto),
            ("off", BranchChoice::Off),
            ("refs/heads/off", BranchChoice::Named("off".into())),
            ("release/2.0", BranchChoice::Named("release/2.0".into())),
        ] {
            assert_eq!(read(&[("BRANCH", text)]).unwrap().branch, expected);
        }
        let choices = read(&[("TAGS", "main"), ("ONUNSUPPORTEDBRANCH", "fail")]).unwrap();
        assert_eq!((choices.tags, choices.on_unsupported), (Tags::Main, OnUnsupported::Fail));
        assert_eq!(
            read(&[("TAGS", "all")]).unwrap_err().to_string(),
            "the input tags is \"all\". Write one of: skip, main, branch."
        );
        assert!(read(&[("ONUNSUPPORTEDBRANCH", "error")]).is_err());
    }
}
