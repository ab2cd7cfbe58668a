//! What `Build.SourceBranch` names.

/// A reference, or what other version control has instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitRef {
    /// `refs/heads/<name>`.
    Branch(String),
    /// `refs/tags/<name>`.
    Tag(String),
    /// `refs/pull/<number>/merge`, as a build of a pull request has it, or `/head`.
    PullRequest(String),
    /// Anything else: a folder of TFVC or Subversion, a shelveset, a commit, a plain name.
    Other(String),
}

impl GitRef {
    /// Reads a reference.
    pub fn parse(text: &str) -> Self {
        if let Some(name) = text.strip_prefix("refs/heads/") {
            return Self::Branch(name.to_owned());
        }
        if let Some(name) = text.strip_prefix("refs/tags/") {
            return Self::Tag(name.to_owned());
        }
        if let Some((number, "merge" | "head")) =
            text.strip_prefix("refs/pull/").and_then(|rest| rest.split_once('/'))
            && !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Self::PullRequest(number.to_owned());
        }
        Self::Other(text.to_owned())
    }
}

/// The name of a branch that may be given as a full reference, as Azure Repos does, or plain, as
/// GitHub does.
pub fn branch_name(text: &str) -> &str {
    text.strip_prefix("refs/heads/").unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_apart() {
        for (text, expected) in [
            ("refs/heads/main", GitRef::Branch("main".into())),
            ("refs/heads/feature/a/b", GitRef::Branch("feature/a/b".into())),
            ("refs/heads/refs/heads/x", GitRef::Branch("refs/heads/x".into())),
            ("refs/tags/v1.0", GitRef::Tag("v1.0".into())),
            ("refs/pull/17/merge", GitRef::PullRequest("17".into())),
            ("refs/pull/17/head", GitRef::PullRequest("17".into())),
            ("refs/pull/+7/merge", GitRef::Other("refs/pull/+7/merge".into())),
            ("refs/pull//merge", GitRef::Other("refs/pull//merge".into())),
            ("refs/pull/x/merge", GitRef::Other("refs/pull/x/merge".into())),
            ("refs/pull/17/merge/x", GitRef::Other("refs/pull/17/merge/x".into())),
            ("$/proj/main", GitRef::Other("$/proj/main".into())),
        ] {
            assert_eq!(GitRef::parse(text), expected);
        }
    }
}
