//! The Build Summary and the lines of a build's issues list, as pure functions of values.

mod analysis_line;
mod analysis_section;
mod build_summary;
mod failed_condition;
mod headline;
pub mod html;
mod markdown;
mod overview_page;
mod page;
mod result;
mod shown_measure;
mod text;
mod worst_items;

pub use analysis_line::outcome_line;
pub use build_summary::{BuildSummary, build_summary};
pub use failed_condition::issue_line;
pub use result::{AnalysisResult, LastKnown};
pub use shown_measure::shown_metrics;
pub use worst_items::{WorstOfCondition, worst_section};
