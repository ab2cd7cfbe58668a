//! Values of properties that do not count, and why: the warnings about them.

use super::property_origin::SetElsewhere;
use super::property_source::PropertySource;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileLine {
    /// The file, relative to the sources where it lies in them.
    pub file: String,
    /// Its number, from 1.
    pub line: usize,
}

impl fmt::Display for FileLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} of {}", self.line, self.file)
    }
}

/// Why a value does not count. `Display` completes "is ignored, because".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalReason {
    /// Its source may not set the property.
    NotAllowed(SetElsewhere),
    /// It narrows what is judged, and the input `scopeFrom` is `pipeline`.
    ScopeFromPipeline,
    /// No property has a blank in its name.
    BlankInName,
    /// It may be that of several modules.
    AmbiguousName,
    /// A path begins or ends with a blank that some readers drop and others keep.
    UnusualBlank,
    /// The path leads out of the sources.
    OutsideSources,
    /// The path leads out of the base directory, or is the base directory.
    OutsideBaseDirectory,
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = SetElsewhere::ExtraProperties;
        match self {
            Self::NotAllowed(remedy) => write!(f, "it may not be set there. {remedy}"),
            Self::ScopeFromPipeline => {
                write!(f, "the input scopeFrom of SonarPrepare is pipeline. {path}")
            }
            Self::BlankInName => f.write_str("its name contains a blank."),
            Self::AmbiguousName => f.write_str(
                "its name contains sonar twice. Rename the module, so that its name does not contain .sonar.",
            ),
            Self::UnusualBlank => {
                f.write_str("it contains a path that begins or ends with an unusual blank.")
            }
            Self::OutsideSources => write!(f, "it leads out of the sources. {path}"),
            Self::OutsideBaseDirectory => write!(f, "it must lie below the base directory. {path}"),
        }
    }
}

/// A value that does not count. `Display` is the warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The property.
    pub key: String,
    /// Who set it.
    pub source: PropertySource,
    /// The line of the file that set it.
    pub at: Option<FileLine>,
    /// Why it does not count.
    pub reason: RefusalReason,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, at, reason, .. } = self;
        match at {
            Some(at) => write!(f, "{key} in {at} is ignored, because {reason}"),
            None => write!(f, "{key} in a variable of the job is ignored, because {reason}"),
        }
    }
}
