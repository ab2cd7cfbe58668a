//! A condition of a quality gate, and its status.

/// `projectStatus.status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateStatus {
    /// `OK`.
    Ok,
    /// `WARN`, sent by servers before 7.6 only.
    Warn,
    /// `ERROR`.
    Error,
    /// `NONE`: no gate, or never computed.
    None,
    /// Something this version does not know.
    Unknown(String),
}

impl GateStatus {
    /// Reads the server's spelling.
    pub fn parse(text: &str) -> Self {
        match text {
            "OK" => Self::Ok,
            "WARN" => Self::Warn,
            "ERROR" => Self::Error,
            "NONE" => Self::None,
            other => Self::Unknown(other.to_owned()),
        }
    }

    /// The server's spelling.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ok => "OK",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::None => "NONE",
            Self::Unknown(text) => text,
        }
    }

    /// Whether a condition of this status fails its gate.
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Warn | Self::Error)
    }
}

/// One condition of a gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// Its status.
    pub status: GateStatus,
    /// Key of the metric, such as `new_coverage`.
    pub metric: String,
    /// When the condition fails, comparing the actual value with the threshold.
    pub comparator: Comparator,
    /// The threshold as the server spells it; absent in conditions without one.
    pub threshold: Option<String>,
    /// The measured value as the server spells it; absent when nothing was measured.
    pub actual: Option<String>,
}

/// How a condition compares: it FAILS when `actual <comparator> threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparator {
    /// Fails when greater: the requirement is "at most".
    GreaterThan,
    /// Fails when less: the requirement is "at least".
    LessThan,
    /// Fails when equal.
    Equal,
    /// Fails when not equal.
    NotEqual,
}

impl Comparator {
    /// Reads the server's spelling; `None` for one this version does not know.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "GT" => Self::GreaterThan,
            "LT" => Self::LessThan,
            "EQ" => Self::Equal,
            "NE" => Self::NotEqual,
            _ => return None,
        })
    }
}
