//! The records that hand an analysis from step to step.

pub(super) mod list;
pub(super) mod no_connection;
pub(super) mod read;
pub(super) mod report_file;
pub(super) mod seal;
pub(super) mod sealed_file;
pub(super) mod tokens;
pub(super) mod which_job;
mod write;
