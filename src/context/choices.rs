//! The inputs of SonarPrepare about branches and tags.

use super::git_ref::branch_name;

/// The inputs of SonarPrepare that change the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// `branch`.
    pub branch: BranchChoice,
    /// `tags`.
    pub tags: Tags,
    /// `onUnsupportedBranch`.
    pub on_unsupported: OnUnsupported,
}

impl Default for Choices {
    fn default() -> Self {
        Self { branch: BranchChoice::Auto, tags: Tags::Skip, on_unsupported: OnUnsupported::Skip }
    }
}

/// The input `branch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchChoice {
    /// `auto`: what is being built.
    Auto,
    /// `off`: the main branch, whatever is being built. No parameter of a branch or a pull request is sent.
    Off,
    /// Any other text: the branch of this name.
    Named(String),
}

impl BranchChoice {
    /// Reads the input. A branch that is called `auto` or `off` is written as a full reference.
    pub fn parse(text: &str) -> Self {
        match text {
            "auto" => Self::Auto,
            "off" => Self::Off,
            name => Self::Named(branch_name(name).to_owned()),
        }
    }
}

/// The input `tags`: what the build of a tag analyses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// Nothing.
    Skip,
    /// The main branch, with the tag's content and the tag as version.
    Main,
    /// A branch with the tag's name.
    Branch,
}

impl Tags {
    /// Reads the input; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "skip" => Self::Skip,
            "main" => Self::Main,
            "branch" => Self::Branch,
            _ => return None,
        })
    }
}

/// The input `onUnsupportedBranch`: what to do with a branch or pull request if the server analyses the main branch only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnsupported {
    /// Analyse nothing.
    Skip,
    /// Let SonarPrepare fail.
    Fail,
    /// Analyse the main branch, with the content of the branch or pull request.
    Main,
}

impl OnUnsupported {
    /// Reads the input; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "skip" => Self::Skip,
            "fail" => Self::Fail,
            "main" => Self::Main,
            _ => return None,
        })
    }
}
