//! The Build Summary and the lines of a build's issues list, as pure functions of values.

mod result;

pub use result::{AnalysedTarget, AnalysisResult};
