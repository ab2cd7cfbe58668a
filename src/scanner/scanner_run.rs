//! How a run of a scanner ended.

use crate::analysis::{Extent, Outcome};

/// How a run of a scanner ended, and what it covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScannerRun {
    /// How the analysis ended.
    pub outcome: Outcome,
    /// What the scanner engine said of what the analysis covers.
    pub extent: Extent,
    /// The engine failed before it said anything, so Java or the engine may be damaged.
    pub may_be_damaged: bool,
}

impl ScannerRun {
    /// An analysis that ended before a scanner ran, or that no scanner tells of.
    pub fn without_extent(outcome: Outcome) -> Self {
        Self { outcome, extent: Extent::default(), may_be_damaged: false }
    }
}
