//! What is being built, and so what is analysed: branch, tag or pull request of which repository.
//! Pure: the agent's variables come in as values, the decision goes out with its reason.

mod built;
mod choices;
mod default_branch;
mod git_ref;
mod pipeline;
mod provider;
mod pull_request_properties;
mod refusal;
mod scope;
mod user_scope;

pub(crate) use built::BuiltRef;
pub use choices::{BranchChoice, Choices, OnUnsupported, Tags};
pub(crate) use default_branch::{DefaultBranch, DefaultBranchSource, KnownBranch};
pub use git_ref::{GitRef, branch_name};
pub use pipeline::{PipelineContext, PullRequest};
pub use provider::Provider;
pub(crate) use pull_request_properties::{check_pull_request_properties, name_branches};
pub(crate) use refusal::Refusal;
pub(crate) use scope::{Scope, decide};
pub(crate) use user_scope::{decides, is_of_scope, remove_unset, unexpanded, user_scope};

#[cfg(test)]
mod tests;
