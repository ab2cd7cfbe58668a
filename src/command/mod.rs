//! What people and scripts run themselves, one file a command.

mod gate;

pub use crate::quality_gate::LONGEST_WAIT;
pub use gate::{Format, Gate, UNKNOWN, USAGE, gate};
