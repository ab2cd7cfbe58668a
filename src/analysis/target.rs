//! Which branch or pull request is analysed: in the record, in what SonarQube is asked, in the properties of a scanner and
//! in words for people.

use super::Properties;
use serde::{Deserialize, Serialize};

/// The property that names a branch.
pub const BRANCH_NAME: &str = "sonar.branch.name";
/// The property that names a pull request by its number.
pub const PULL_REQUEST_KEY: &str = "sonar.pullrequest.key";
/// The property that names the source branch of a pull request.
pub const PULL_REQUEST_BRANCH: &str = "sonar.pullrequest.branch";
/// The property that names the target branch of a pull request.
pub const PULL_REQUEST_BASE: &str = "sonar.pullrequest.base";

/// How the reference of a tag begins, which is the name of what a build of it analyses.
const TAG: &str = "refs/tags/";

/// What is analysed. Its form in JSON is that of the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Target {
    /// The project's main branch, or the only one where the server knows no branches.
    MainBranch {
        /// Its name, where known. SonarQube may call it by another name than the repository does.
        name: Option<String>,
    },
    /// Another branch, or a branch of which it is not known whether it is the main branch.
    Branch {
        /// Its name; of a tag the whole reference.
        name: String,
    },
    /// A pull request.
    PullRequest {
        /// Its number.
        key: String,
        /// Its source branch, where known.
        #[serde(with = "blank_if_unknown")]
        branch: Option<String>,
        /// Its target branch, where known.
        #[serde(with = "blank_if_unknown")]
        base: Option<String>,
    },
}

impl Target {
    /// The main branch, whatever its name.
    pub const MAIN_BRANCH: Self = Self::MainBranch { name: None };

    /// The branch of this name.
    pub fn branch(name: impl Into<String>) -> Self {
        Self::Branch { name: name.into() }
    }

    /// The pull request of this number, whose branches are not known.
    pub fn pull_request(key: impl Into<String>) -> Self {
        Self::PullRequest { key: key.into(), branch: None, base: None }
    }

    /// The pull request of this number, from `branch` into `base`; a blank name is not known.
    pub fn pull_request_between(key: impl Into<String>, branch: &str, base: &str) -> Self {
        let known = |name: &str| Some(name.to_owned()).filter(|name| !name.is_empty());
        Self::PullRequest { key: key.into(), branch: known(branch), base: known(base) }
    }

    /// The pull request, else the branch, else the main branch.
    pub fn named(branch: Option<String>, pull_request: Option<String>) -> Self {
        match (branch, pull_request) {
            (_, Some(key)) => Self::pull_request(key),
            (Some(name), None) => Self::branch(name),
            (None, None) => Self::MAIN_BRANCH,
        }
    }

    /// What these properties say is analysed; `None` when they leave it open. A blank property says nothing.
    pub fn of_properties(properties: &Properties) -> Option<Self> {
        let value = |key: &str| properties.value(key).filter(|value| !value.is_empty());
        if let Some(key) = value(PULL_REQUEST_KEY) {
            let [branch, base] =
                [PULL_REQUEST_BRANCH, PULL_REQUEST_BASE].map(|key| value(key).unwrap_or_default());
            return Some(Self::pull_request_between(key, branch, base));
        }
        value(BRANCH_NAME).map(Self::branch)
    }

    /// What is analysed when a scanner is given these properties: they win where they say what. The main branch stays the
    /// main branch when they name it.
    #[must_use]
    pub fn overridden_by(self, properties: &Properties) -> Self {
        match Self::of_properties(properties) {
            Some(Self::Branch { name }) if self.main_branch_name() == Some(&name) => self,
            Some(own) => own,
            None => self,
        }
    }

    /// The properties that have a scanner analyse it. The main branch takes none.
    pub fn properties(&self) -> Properties {
        let mut properties = Properties::default();
        match self {
            Self::MainBranch { .. } => {}
            Self::Branch { name } => properties.set(BRANCH_NAME, name.as_str()),
            Self::PullRequest { key, branch, base } => {
                let branches = [(PULL_REQUEST_BRANCH, branch), (PULL_REQUEST_BASE, base)];
                properties.set(PULL_REQUEST_KEY, key.as_str());
                for (property, name) in branches {
                    if let Some(name) = name {
                        properties.set(property, name.as_str());
                    }
                }
            }
        }
        properties
    }

    /// The branch that turned out to be the main branch.
    #[must_use]
    pub fn as_main_branch(self) -> Self {
        match self {
            Self::Branch { name } => Self::MainBranch { name: Some(name) },
            other => other,
        }
    }

    /// The branch whose name SonarQube knows, be it the main branch or not.
    #[must_use]
    pub fn as_named_branch(self) -> Self {
        match self {
            Self::MainBranch { name: Some(name) } => Self::Branch { name },
            other => other,
        }
    }

    /// Whether it is certainly the main branch.
    pub fn is_main_branch(&self) -> bool {
        matches!(self, Self::MainBranch { .. })
    }

    /// Whether it is a pull request.
    pub fn is_pull_request(&self) -> bool {
        matches!(self, Self::PullRequest { .. })
    }

    /// Whether it is a tag.
    pub fn is_tag(&self) -> bool {
        matches!(self, Self::Branch { name } if name.starts_with(TAG))
    }

    /// Name of the main branch, where that is what is analysed and the name is known.
    pub fn main_branch_name(&self) -> Option<&str> {
        match self {
            Self::MainBranch { name } => name.as_deref(),
            _ => None,
        }
    }

    /// Whether both are the same to SonarQube, which knows the main branch without a name and a pull request by its number.
    pub fn is_same(&self, other: &Self) -> bool {
        self.parameters() == other.parameters()
    }

    /// The parameters `branch` and `pullRequest` of SonarQube's web API. The main branch has none: SonarQube may call it by
    /// another name.
    pub fn parameters(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::MainBranch { .. } => (None, None),
            Self::Branch { name } => (Some(name), None),
            Self::PullRequest { key, .. } => (None, Some(key)),
        }
    }

    /// Branch and pull request, as far as they have names: for records and output variables.
    pub fn names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::MainBranch { name } => (name.as_deref(), None),
            Self::Branch { name } => (Some(name), None),
            Self::PullRequest { key, branch, .. } => (branch.as_deref(), Some(key)),
        }
    }

    /// What it is called in a title: `main branch`, `branch release`, `tag v1.0`, `pull request 12`.
    pub fn name(&self) -> String {
        match self {
            Self::MainBranch { name: None } => "main branch".into(),
            Self::MainBranch { name: Some(name) } | Self::Branch { name } => match name.strip_prefix(TAG) {
                Some(tag) => format!("tag {tag}"),
                None => format!("branch {name}"),
            },
            Self::PullRequest { key, .. } => format!("pull request {key}"),
        }
    }

    /// [`Self::name`], with the branches of a pull request: `pull request 12 (fix/cart → main)`.
    pub fn full_name(&self) -> String {
        match self {
            Self::PullRequest { branch: Some(branch), base: Some(base), .. } => {
                format!("{} ({branch} → {base})", self.name())
            }
            Self::PullRequest { branch: Some(branch), base: None, .. } => {
                format!("{} ({branch})", self.name())
            }
            _ => self.name(),
        }
    }

    /// What it is to SonarQube, as part of a sentence: `the main branch`, `the branch release`, `pull request 12`.
    pub fn in_sentence(&self) -> String {
        match self {
            Self::MainBranch { .. } => "the main branch".into(),
            Self::Branch { name } => format!("the branch {name}"),
            Self::PullRequest { key, .. } => format!("pull request {key}"),
        }
    }
}

/// The record has a blank text where a branch of a pull request is not known.
mod blank_if_unknown {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(name: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_deref().unwrap_or_default())
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Option<String>, D::Error> {
        String::deserialize(from).map(|name| Some(name).filter(|name| !name.is_empty()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn main_branch(name: &str) -> Target {
        Target::MainBranch { name: Some(name.into()) }
    }

    #[test]
    fn every_target_has_its_form_in_the_record() {
        for (target, form) in [
            (Target::MAIN_BRANCH, json!({ "mainBranch": { "name": null } })),
            (main_branch("main"), json!({ "mainBranch": { "name": "main" } })),
            (Target::branch("release"), json!({ "branch": { "name": "release" } })),
            (Target::pull_request("7"), json!({ "pullRequest": { "key": "7", "branch": "", "base": "" } })),
            (
                Target::pull_request_between("7", "fix", "main"),
                json!({ "pullRequest": { "key": "7", "branch": "fix", "base": "main" } }),
            ),
        ] {
            assert_eq!(json!(target), form);
            assert_eq!(serde_json::from_value::<Target>(form).unwrap(), target);
        }
        let incomplete = json!({ "pullRequest": { "key": "7", "base": "main" } });
        assert!(serde_json::from_value::<Target>(incomplete).is_err());
    }

    #[test]
    fn properties_say_what_is_analysed_and_are_made_of_it() {
        for (target, lines) in [
            (Target::branch("release"), "sonar.branch.name=release"),
            (Target::pull_request("7"), "sonar.pullrequest.key=7"),
            (
                Target::pull_request_between("7", "fix", "main"),
                "sonar.pullrequest.base=main sonar.pullrequest.branch=fix sonar.pullrequest.key=7",
            ),
        ] {
            let properties = target.properties();
            let mut found: Vec<_> = properties.iter().map(|(key, value)| format!("{key}={value}")).collect();
            found.sort();
            assert_eq!(found.join(" "), lines);
            assert_eq!(Target::of_properties(&properties), Some(target));
        }
        assert_eq!(main_branch("main").properties(), Properties::default());
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            Target::of_properties(&pairs.collect())
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(BRANCH_NAME, ""), (PULL_REQUEST_BASE, "main")]), None);
        assert_eq!(of(&[(PULL_REQUEST_KEY, ""), (BRANCH_NAME, "x")]), Some(Target::branch("x")));
        assert_eq!(of(&[(PULL_REQUEST_KEY, "7"), (BRANCH_NAME, "x")]), Some(Target::pull_request("7")));
    }

    #[test]
    fn properties_of_a_user_win_over_the_decision() {
        let (main, fix) = (main_branch("main"), Target::pull_request_between("7", "fix", "main"));
        for (decided, own, analysed) in [
            (&main, &main, &main),
            (&main, &Target::branch("main"), &main),
            (&main, &Target::branch("x"), &Target::branch("x")),
            (&Target::MAIN_BRANCH, &Target::branch("main"), &Target::branch("main")),
            (&Target::branch("x"), &Target::MAIN_BRANCH, &Target::branch("x")),
            (&main, &fix, &fix),
            (&fix, &Target::MAIN_BRANCH, &fix),
            (&fix, &Target::pull_request("8"), &Target::pull_request("8")),
        ] {
            assert_eq!(decided.clone().overridden_by(&own.properties()), *analysed);
        }
    }

    #[test]
    fn every_target_has_its_words() {
        for (target, name, full_name, in_sentence) in [
            (Target::MAIN_BRANCH, "main branch", "main branch", "the main branch"),
            (main_branch("main"), "branch main", "branch main", "the main branch"),
            (Target::branch("release/1"), "branch release/1", "branch release/1", "the branch release/1"),
            (Target::branch("refs/tags/v1.0"), "tag v1.0", "tag v1.0", "the branch refs/tags/v1.0"),
            (Target::pull_request("7"), "pull request 7", "pull request 7", "pull request 7"),
            (
                Target::pull_request_between("7", "fix", ""),
                "pull request 7",
                "pull request 7 (fix)",
                "pull request 7",
            ),
            (
                Target::pull_request_between("7", "fix", "main"),
                "pull request 7",
                "pull request 7 (fix → main)",
                "pull request 7",
            ),
        ] {
            assert_eq!(target.name(), name);
            assert_eq!(target.full_name(), full_name);
            assert_eq!(target.in_sentence(), in_sentence);
            assert_eq!(target.is_tag(), name.starts_with("tag "));
        }
    }

    #[test]
    fn sonarqube_knows_the_main_branch_without_its_name() {
        let named = |branch: Option<&str>, pull_request: Option<&str>| {
            Target::named(branch.map(str::to_owned), pull_request.map(str::to_owned))
        };
        for (target, parameters, names) in [
            (named(None, None), (None, None), (None, None)),
            (main_branch("main"), (None, None), (Some("main"), None)),
            (named(Some("x"), None), (Some("x"), None), (Some("x"), None)),
            (named(Some("x"), Some("7")), (None, Some("7")), (None, Some("7"))),
            (Target::pull_request_between("7", "fix", "main"), (None, Some("7")), (Some("fix"), Some("7"))),
        ] {
            assert_eq!(target.parameters(), parameters);
            assert_eq!(target.names(), names);
            assert!(target.is_same(&named(parameters.0, parameters.1)), "{target:?}");
        }
        assert_eq!(Target::branch("x").as_main_branch(), main_branch("x"));
        assert_eq!(main_branch("x").as_named_branch(), Target::branch("x"));
        for other in [Target::MAIN_BRANCH, Target::pull_request("7")] {
            assert_eq!(other.clone().as_main_branch(), other);
            assert_eq!(other.clone().as_named_branch(), other);
        }
        let different = [Target::MAIN_BRANCH, Target::branch("7"), Target::pull_request("7")];
        for (index, one) in different.iter().enumerate() {
            for (place, other) in different.iter().enumerate() {
                assert_eq!(one.is_same(other), index == place);
            }
        }
    }
}
