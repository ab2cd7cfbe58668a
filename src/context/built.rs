//! What is being built, by the variables of the run and the inputs alone. A tag is skipped here.

use super::choices::{BranchChoice, Choices, Tags};
use super::git_ref::GitRef;
use super::pipeline::{PipelineContext, PullRequest};
use super::provider::Provider;

/// What is being built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuiltRef {
    /// The main branch, whatever its name.
    MainBranch {
        /// Why the main branch is analysed, as a clause.
        why: String,
        /// The version of the project: the tag that is built.
        version: Option<String>,
    },
    /// A branch that may be the default branch: somebody has to be asked.
    Branch(String),
    /// A branch that cannot be the default branch.
    OtherBranch {
        name: String,
        /// What is being built, as a clause.
        what: String,
    },
    PullRequest(PullRequest),
    /// A pull request of which only the number is known: its reference was queued by hand.
    MergeRef(String),
    /// Something that is not analysed.
    Nothing {
        /// What is being built: a full reference or a shelveset.
        name: String,
        /// Why it is not analysed, as a clause.
        why: String,
    },
}

impl PipelineContext {
    /// What is being built, by the agent's variables and the user's choices.
    pub(crate) fn built(&self, choices: &Choices) -> BuiltRef {
        let main = |why: String| BuiltRef::MainBranch { why, version: None };
        match &choices.branch {
            BranchChoice::Off => return main("the input branch is off".into()),
            BranchChoice::Named(name) => return BuiltRef::Branch(name.clone()),
            BranchChoice::Auto => {}
        }
        if let Some(pull_request) = &self.pull_request {
            return BuiltRef::PullRequest(pull_request.clone());
        }
        match &self.source {
            None => main("Build.SourceBranch is not set".into()),
            Some(GitRef::Branch(name)) => BuiltRef::Branch(name.clone()),
            Some(GitRef::Tag(name)) => of_tag(name, choices.tags),
            Some(GitRef::PullRequest(number)) => BuiltRef::MergeRef(number.clone()),
            Some(GitRef::Other(text)) => self.of_other(text, choices.tags),
        }
    }

    fn of_other(&self, text: &str, tags: Tags) -> BuiltRef {
        let main = |why: String| BuiltRef::MainBranch { why, version: None };
        if self.provider == Provider::Svn {
            return of_subversion(text, tags);
        }
        if text.starts_with("$/") {
            return main(format!(
                "{text} is being built, and SonarQube does not treat a TFVC folder as a branch"
            ));
        }
        if self.provider == Provider::TfsVersionControl || text.starts_with("Gated_") {
            let why = format!(
                "{text} is a gated check-in or a shelveset, whose changes are not checked in yet (set the input branch to \
                 off to analyse it as the main branch)"
            );
            return BuiltRef::Nothing { name: text.to_owned(), why };
        }
        let is_commit = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_commit || text.starts_with("refs/") {
            let what = if is_commit { "a commit" } else { "a reference" };
            let why =
                format!("{text} is {what}, not a branch (set the input branch to the branch it belongs to)");
            return BuiltRef::Nothing { name: text.to_owned(), why };
        }
        BuiltRef::Branch(text.to_owned())
    }
}

/// By the layout that Subversion recommends: `trunk`, `branches/<name>`, `tags/<name>`, below any folders.
fn of_subversion(folder: &str, tags: Tags) -> BuiltRef {
    let what = format!("{folder} is being built");
    let mut rest = folder.trim_end_matches('/');
    while let Some((part, name)) = rest.split_once('/') {
        match part {
            "trunk" => break,
            "tags" => return of_tag(name, tags),
            "branches" => return BuiltRef::OtherBranch { name: name.to_owned(), what },
            _ => rest = name,
        }
    }
    BuiltRef::MainBranch { why: what, version: None }
}

fn of_tag(name: &str, tags: Tags) -> BuiltRef {
    match tags {
        Tags::Skip => BuiltRef::Nothing {
            name: format!("refs/tags/{name}"),
            why: format!(
                "the tag {name} is being built, and a SonarQube branch for each tag would stay forever (set the input tags \
                 to main or branch to analyse it)"
            ),
        },
        Tags::Main => BuiltRef::MainBranch {
            why: format!("the tag {name} is being built, and the input tags is main"),
            version: Some(name.to_owned()),
        },
        Tags::Branch => BuiltRef::OtherBranch {
            name: name.to_owned(),
            what: format!("the tag {name} is being built, and the input tags is branch"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_subversion_are_branches_tags_and_trunk() {
        for (folder, expected) in [
            ("trunk", None),
            ("/shop/trunk/", None),
            ("branches", None),
            ("branches/2.0", Some("2.0")),
            ("/shop/branches/team/2.0/", Some("team/2.0")),
            ("old-branches/branches/2.0", Some("2.0")),
            ("my-tags/branches/2.0", Some("2.0")),
            ("branches/of/tags/1", Some("of/tags/1")),
            ("trunk/src/branches/2.0", None),
            ("old-branches/2.0", None),
        ] {
            let found = match of_subversion(folder, Tags::Skip) {
                BuiltRef::OtherBranch { name, .. } => Some(name),
                BuiltRef::MainBranch { .. } => None,
                other => panic!("{folder}: {other:?}"),
            };
            assert_eq!(found.as_deref(), expected, "{folder}");
        }
        assert_eq!(of_subversion("my-tags/tags/v1", Tags::Skip), of_tag("v1", Tags::Skip));
    }
}
