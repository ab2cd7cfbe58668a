//! What is being built, and so what is analysed: branch, tag or pull request of which repository.
//! Pure: the agent's variables come in as values, the decision goes out with its reason.

mod choices;
mod default_branch;
mod git_ref;
mod own;
mod pipeline;
mod pull_request;
mod scope;
mod subject;

pub use choices::{BranchChoice, Choices, OnUnsupported, Tags};
pub use default_branch::{DefaultBranch, Source};
pub use git_ref::{GitRef, branch_name};
pub use own::{decides, is_of_scope, own_scope, take_unset, unexpanded};
pub use pipeline::{PipelineContext, Provider};
pub use pull_request::{PullRequest, check_own_pull_request, name_branches};
pub use scope::{Refusal, Scope, decide};
pub use subject::Subject;

#[cfg(test)]
mod tests;
