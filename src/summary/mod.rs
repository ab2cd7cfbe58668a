//! The Build Summary and the lines of a build's issues list, as pure functions of values.

pub mod html;
mod log_line;
mod markdown;
mod page;
mod result;
mod shown_measure;
mod text;

pub use log_line::{issue_line, outcome_line};
pub use page::{BuildSummary, build_summary};
pub use result::{AnalysisResult, LastKnown};
pub use shown_measure::shown_metrics;
