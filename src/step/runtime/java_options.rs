//! Options for Java that suit what is analysed.

use crate::analysis::jvm_profile::{self, JvmProfile};
use crate::step::job::Job;
use crate::step::{machine, source_size};
use std::path::Path;

/// Variables that every Java reads by itself.
pub(super) const READ_BY_JAVA: [&str; 3] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];

/// The options that Java gets.
pub(crate) struct JavaOptions {
    /// Our options, then the user's, which win. They are separated by white space.
    pub(crate) text: String,
    /// Whether an archive of the engine's classes goes with them.
    pub(crate) suits_class_archive: bool,
    /// The same, with the options in variables that Java reads by itself.
    pub(crate) with_variables: String,
}

impl JavaOptions {
    /// The options for an analysis of `directory`, when `parallel` analyses run at a time. `own` are the user's options.
    pub(crate) fn of(job: &Job, profile: JvmProfile, parallel: usize, directory: &Path, own: &str) -> Self {
        let mut given = vec![own];
        given.extend(READ_BY_JAVA.iter().filter_map(|name| job.environment.value(name)));
        let resources = machine::resources().shared_by(parallel);
        let choice = jvm_profile::choose(profile, source_size::measure(directory), resources, &given);
        tracing::info!("{choice}");
        let options = choice.options.join(" ");
        Self {
            text: format!("{options} {own}"),
            suits_class_archive: choice.suits_class_archive(),
            with_variables: format!("{options} {}", given.join(" ")),
        }
    }
}
