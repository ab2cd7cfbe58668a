//! What is being built, and so what is analysed: branch, tag or pull request of which repository.
//! Pure: the agent's variables come in as values, the decision goes out with its reason.

mod git_ref;
mod pipeline;
mod scope;

pub use git_ref::GitRef;
pub use pipeline::{PipelineContext, Provider, PullRequest};
pub use scope::{Scope, decide};
