//! The log of a command, on standard error: plain lines, and on a terminal one line that shows what is being waited for.

use crate::agent::{Console, EventFields};
use indicatif::ProgressBar;
use std::time::Duration;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

const TICK: Duration = Duration::from_millis(120);

/// The layer that turns events into lines.
#[derive(Debug)]
pub(super) struct CommandLog {
    console: Console,
    /// On a terminal.
    progress: Option<ProgressBar>,
}

impl CommandLog {
    /// A log that writes to `console`. On a terminal progress is one line that changes; else it is lines.
    pub(super) fn new(console: Console, is_terminal: bool) -> Self {
        Self { console, progress: is_terminal.then(ProgressBar::new_spinner) }
    }
}

impl Drop for CommandLog {
    fn drop(&mut self) {
        if let Some(progress) = &self.progress {
            progress.finish_and_clear();
        }
    }
}

impl<S: Subscriber> Layer<S> for CommandLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Libraries' own events are for their authors.
        metadata.target().starts_with(env!("CARGO_CRATE_NAME")) && *metadata.level() <= Level::INFO
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let fields = EventFields::of(event);
        let text = match *event.metadata().level() {
            Level::ERROR => format!("error: {}", fields.message),
            Level::WARN => format!("warning: {}", fields.message),
            _ => fields.message,
        };
        match &self.progress {
            Some(progress) if fields.progress.is_some() => {
                progress.set_message(printable(&text));
                progress.enable_steady_tick(TICK);
            }
            Some(progress) => progress.suspend(|| self.console.print(&printable(&text))),
            None => self.console.print(&printable(&text)),
        }
    }
}

/// `text`, which may come from outside, without what a terminal would obey.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn without_a_terminal_each_event_is_a_plain_line() {
        let (console, written) = Console::buffer();
        let log = CommandLog::new(console, false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), || {
            tracing::info!(progress = 40_u64, "Waiting for the quality gate");
            tracing::warn!("odd \u{1b}[31m name");
            tracing::debug!("detail");
        });
        assert_eq!(written(), "Waiting for the quality gate\nwarning: odd \u{FFFD}[31m name\n");
    }
}
