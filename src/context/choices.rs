//! What the user's inputs say about what is analysed.

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
    /// Whatever is being built.
    Auto,
    /// The main branch, whatever is being built: no parameter of a branch or a pull request is sent.
    Off,
    /// The branch of this name.
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

/// The input `tags`: what becomes of the build of a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tags {
    /// It is not analysed.
    Skip,
    /// The main branch is analysed with what the tag holds, and the version is the tag.
    Main,
    /// A branch named as the tag is analysed.
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

/// The input `onUnsupportedBranch`: what becomes of branches and pull requests where the server analyses
/// the main branch only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUnsupported {
    /// They are not analysed.
    Skip,
    /// SonarPrepare fails.
    Fail,
    /// The main branch is analysed with what they hold.
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
