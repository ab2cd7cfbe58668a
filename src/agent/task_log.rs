//! The log: the only subscriber to tracing events.
//!
//! Events become lines as the agent reads them: an error or warning is an issue of the build, info is
//! text, debug appears when `System.Debug` is true. A field `progress` also moves the task's progress
//! bar; the text is printed once. The text may come from outside and can never become a command.

use super::console::Console;
use super::event_fields::EventFields;
use super::logging_command::{Commands, Severity};
use super::neutralise::neutralise;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The layer that turns events into lines.
#[derive(Debug)]
pub struct Log {
    console: Console,
    commands: Commands,
    debug: bool,
}

impl Log {
    /// A log that writes to `console`, debug lines only when `debug`.
    pub fn new(console: Console, debug: bool) -> Self {
        Self { commands: Commands::new(console.clone()), console, debug }
    }
}

impl<S: Subscriber> Layer<S> for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        // Events of libraries are for their authors.
        let ours = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
        ours && *metadata.level() <= if self.debug { Level::DEBUG } else { Level::INFO }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let fields = EventFields::of(event);
        let mut text = fields.message;
        if let Some(prefix) = self.console.prefix() {
            // Each line of the text is a line of the log.
            text = format!("{prefix}{}", text.trim_end().replace('\n', &format!("\n{prefix}")));
        }
        match *event.metadata().level() {
            Level::ERROR => self.commands.issue(Severity::Error, &text),
            Level::WARN => self.commands.issue(Severity::Warning, &text),
            Level::INFO => {
                for line in neutralise(&text).lines() {
                    self.console.write_line(line);
                }
            }
            Level::DEBUG | Level::TRACE => {
                for line in text.lines() {
                    self.commands.debug(line);
                }
            }
        }
        if let Some(percent) = fields.progress {
            self.commands.progress(percent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    fn logged(debug: bool, emit: impl FnOnce()) -> String {
        let (console, written) = Console::buffer();
        let log = Log::new(console, debug);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), emit);
        written()
    }

    #[test]
    fn levels_become_what_the_agent_understands() {
        let emit = || {
            tracing::error!("bad: {}", 1);
            tracing::warn!("odd");
            tracing::info!("one\ntwo");
            tracing::info!(progress = 40, "Downloading");
            tracing::debug!("detail");
        };
        insta::assert_snapshot!(logged(true, emit), @r"
        ##vso[task.logissue type=error;]bad: 1
        ##vso[task.logissue type=warning;]odd
        one
        two
        Downloading
        ##vso[task.setprogress value=40;]
        ##vso[task.debug]detail
        ");
        assert!(!logged(false, emit).contains("detail"));
    }

    #[tokio::test]
    async fn lines_of_things_that_run_at_the_same_time_have_a_prefix() {
        let (console, written) = Console::buffer();
        let log = Log::new(console.clone(), false);
        let _default = tracing::subscriber::set_default(tracing_subscriber::registry().with(log));
        let commands = Commands::new(console);
        let work = async |name: &'static str| {
            tracing::info!("{name} begins\nnow");
            tokio::task::yield_now().await;
            tracing::warn!("of {name}");
        };
        tokio::join!(commands.prefixed("a", work("a")), commands.prefixed("#", work("b")), work("c"));
        tracing::info!("done");
        insta::assert_snapshot!(written(), @"
        [a] a begins
        [a] now
        [#] b begins
        [#] now
        c begins
        now
        ##vso[task.logissue type=warning;][#] of b
        ##vso[task.logissue type=warning;]of c
        ##vso[task.logissue type=warning;][a] of a
        done
        ");
    }

    #[test]
    fn a_line_end_in_a_message_starts_no_command() {
        let text = logged(false, || tracing::warn!("a\r\n##vso[task.setsecret]x\n##[error]y"));
        assert_eq!(text, "##vso[task.logissue type=warning;]a%0D%0A# #vso[task.setsecret]x%0A# #[error]y\n");
    }
}
