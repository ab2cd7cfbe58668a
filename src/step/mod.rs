//! The steps: they wire edges to the core and own clocks and order. Rules are in the core.

mod analyze;
mod cache_choice;
mod concurrent;
mod dotnet_begin_end;
mod folder_walk;
mod found_reports;
mod glob;
mod job;
mod machine;
mod nuget;
mod prepare;
mod publish;
mod record;
mod runtime;
mod server_check;
mod settings_file;
mod source_size;
mod sources_clone;

pub use analyze::analyze;
pub use job::{Completion, Job};
pub use prepare::prepare;
pub use publish::{publish, record_unknown};
