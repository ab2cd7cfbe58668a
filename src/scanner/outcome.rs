//! How a run of a scanner ended.

use crate::analysis::Extent;

/// How an analysis ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineResult {
    /// The analysis is done and its report is with the server.
    Succeeded,
    /// The user asked the engine to wait for the quality gate (`sonar.qualitygate.wait`), and it failed.
    GateFailed {
        /// What the engine says about it. Not yet reported.
        message: String,
    },
    /// The analysis failed.
    Failed {
        /// The engine's last error, or how Java ended. Not yet reported.
        message: String,
    },
    /// The run was cancelled; the engine has ended.
    Cancelled,
}

/// The end of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineEnd {
    /// How the analysis ended.
    pub result: EngineResult,
    /// The engine failed before it said anything, so Java or the engine may be damaged.
    pub may_be_damage: bool,
    /// What the engine said of what the analysis covers.
    pub extent: Extent,
}
