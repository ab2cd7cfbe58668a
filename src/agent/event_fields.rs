//! What a log shows of a tracing event: its text, and how far something has come.

use std::fmt::{self, Write as _};
use tracing::Event;
use tracing::field::{Field, Visit};

/// The fields of an event.
#[derive(Debug, Default)]
pub(crate) struct EventFields {
    pub(crate) message: String,
    /// In percent.
    pub(crate) progress: Option<u64>,
}

impl EventFields {
    pub(crate) fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }
}

impl Visit for EventFields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "progress" {
            self.progress = Some(value);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.record_u64(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing to a String cannot fail.
            let _ = write!(self.message, "{value:?}");
        }
    }
}
