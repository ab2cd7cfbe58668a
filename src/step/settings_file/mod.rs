//! The settings files of an analysis: the project's own, and those of its modules.
//!
//! They lie in the repository, so whoever opens a pull request writes them. What they may set, `analysis::property_origin`
//! says; where the paths in them may lead, and which files are read at all, this module does.

use crate::analysis::precedence::Precedence;

mod confine;
mod expand_names;
mod java_runtimes;
mod left_out;
mod links;
mod module_settings;
mod project_settings;
mod read_settings;
mod source_tree;

pub(super) use expand_names::{expand, unexpandable};
pub(super) use read_settings::FILE;
pub(super) use source_tree::{BASE_DIR, SourceTree, without_dots};

/// Tells what is refused.
pub(super) fn tell_refused(precedence: &Precedence) {
    for refused in precedence.refused() {
        tracing::warn!("{refused}");
    }
}

#[cfg(test)]
mod tests;
