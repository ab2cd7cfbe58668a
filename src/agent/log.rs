//! The log: the only subscriber to tracing events and the only writer to stdout.
//!
//! Events become lines as the agent reads them: an error or warning is an issue of the build, info is
//! text, debug appears when `System.Debug` is true. A field `progress` also sets the task's progress
//! bar. The text may come from outside and can never become a command.

use super::command::{self, Commands};
use crate::cancel::CancelSource;
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// Where lines go. Cheap to clone. The first failed write cancels the run: nobody listens any more.
#[derive(Clone)]
pub struct Console {
    inner: Arc<Mutex<Sink>>,
}

struct Sink {
    out: Box<dyn Write + Send>,
    failed: bool,
    cancel: Option<CancelSource>,
    /// What each line of the log begins with.
    prefix: Option<String>,
}

impl Console {
    /// Writes to `out`.
    pub fn new(out: Box<dyn Write + Send>) -> Self {
        Self { inner: Arc::new(Mutex::new(Sink { out, failed: false, cancel: None, prefix: None })) }
    }

    /// Writes to this process' standard output.
    pub fn stdout() -> Self {
        Self::new(Box::new(std::io::stdout()))
    }

    /// Writes to this process' standard error.
    pub fn stderr() -> Self {
        Self::new(Box::new(std::io::stderr()))
    }

    /// Writes `text`, which may come from outside, line by line.
    pub fn print(&self, text: &str) {
        for line in neutralise(text).lines() {
            self.write_line(line);
        }
    }

    /// Writes JSON on one line. A `#` in it is written as its escape, so that it is no command to an
    /// agent and still the same to who reads it: `#` stands in strings only.
    pub fn print_json(&self, value: &serde_json::Value) {
        self.write_line(&value.to_string().replace('#', "\\u0023"));
    }

    /// What to cancel when writing fails.
    pub fn cancel_on_failure(&self, source: CancelSource) {
        self.lock().cancel = Some(source);
    }

    /// Cancels the run, as if writing had failed or a signal had come.
    pub fn cancel(&self) {
        if let Some(source) = &self.lock().cancel {
            source.cancel();
        }
    }

    /// Whether all that was written so far got through.
    pub fn is_healthy(&self) -> bool {
        !self.lock().failed
    }

    /// Writes one line, as it is, at once.
    pub(super) fn write_line(&self, line: &str) {
        let mut sink = self.lock();
        let mut bytes = Vec::with_capacity(line.len() + 1);
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        let written = sink.out.write_all(&bytes).and_then(|()| sink.out.flush());
        if written.is_err() && !sink.failed {
            sink.failed = true;
            if let Some(source) = &sink.cancel {
                source.cancel();
            }
        }
    }

    /// Sets what each line of the log begins with, and returns what that was before.
    pub(super) fn exchange_prefix(&self, prefix: Option<String>) -> Option<String> {
        std::mem::replace(&mut self.lock().prefix, prefix)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sink> {
        // A panic while a line was written leaves nothing half done that matters to the next line.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Console")
    }
}

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
        // Libraries' own events are for their authors.
        let ours = metadata.target().starts_with(env!("CARGO_CRATE_NAME"));
        ours && *metadata.level() <= if self.debug { Level::DEBUG } else { Level::INFO }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut text = fields.message;
        if let Some(prefix) = &self.console.lock().prefix {
            // A line of the text is one of the log.
            text = format!("{prefix}{}", text.trim_end().replace('\n', &format!("\n{prefix}")));
        }
        match *event.metadata().level() {
            Level::ERROR => self.commands.issue(command::Severity::Error, &text),
            Level::WARN => self.commands.issue(command::Severity::Warning, &text),
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
            self.commands.progress(percent, &text);
        }
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    progress: Option<u64>,
}

impl Visit for Fields {
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

/// Makes text from outside harmless: a `##vso` or `##[` in it, wherever it stands, is broken by a
/// visible space. (`##vso` alone is no command, but the agent warns about each line that holds it.)
///
/// The agent looks for the prefix with a culture-sensitive search, which skips characters without
/// weight (soft hyphens, zero-width and control characters), so these do not hide it here either.
/// Source: microsoft/azure-pipelines-agent, `Command.TryParse`.
pub fn neutralise(text: &str) -> String {
    if !text.contains('#') {
        return text.to_owned();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for (at, c) in text.char_indices() {
        safe.push(c);
        if c == '#' && starts_command(&text[at..]) {
            safe.push(' ');
        }
    }
    safe
}

/// Whether `text` begins with `##[` or `##vso`, in any case and with weightless characters between.
fn starts_command(text: &str) -> bool {
    let mut visible = text.chars().filter(|c| !is_weightless(*c)).map(|c| c.to_ascii_lowercase());
    if visible.next() != Some('#') || visible.next() != Some('#') {
        return false;
    }
    match visible.next() {
        Some('[') => true,
        Some('v') => visible.next() == Some('s') && visible.next() == Some('o'),
        _ => false,
    }
}

/// Characters a culture-sensitive comparison ignores: controls but tab and line ends, and Unicode's
/// default-ignorable code points.
fn is_weightless(c: char) -> bool {
    matches!(c,
        '\u{0}'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}'
        | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
impl Console {
    /// A console for tests, and what was written to it so far.
    pub(crate) fn buffer() -> (Self, impl Fn() -> String) {
        use std::sync::LazyLock;
        use tracing::Dispatch;
        // While there is one subscriber in all, tracing lets the thread that first comes by an event decide for every
        // other whether anybody listens to it.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
        LazyLock::force(&SECOND);
        let buffer = tests::Buffer::default();
        (Self::new(Box::new(buffer.clone())), move || buffer.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[derive(Clone, Default)]
    pub(super) struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Buffer {
        pub(super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(debug: bool, emit: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let log = Log::new(Console::new(Box::new(buffer.clone())), debug);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(log), emit);
        buffer.text()
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
        ##vso[task.setprogress value=40;]Downloading
        ##vso[task.debug]detail
        ");
        assert!(!logged(false, emit).contains("detail"));
    }

    #[tokio::test]
    async fn lines_say_whose_they_are_while_several_things_run() {
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
    fn text_from_outside_is_no_command() {
        for (text, safe) in [
            ("##vso[task.complete result=Succeeded;]", "# #vso[task.complete result=Succeeded;]"),
            ("branch ##vso[x", "branch # #vso[x"),
            ("##[error]x", "# #[error]x"),
            ("###[error]x", "## #[error]x"),
            ("##VSO[x", "# #VSO[x"),
            ("##\u{ad}vso[x", "# #\u{ad}vso[x"),
            ("#\u{200b}#v\u{0}so[x", "# \u{200b}#v\u{0}so[x"),
            ("https://x/##vso%5Btask", "https://x/# #vso%5Btask"),
            ("## Heading", "## Heading"),
            ("#12 [x]", "#12 [x]"),
            ("a##vso[1##vso[2", "a# #vso[1# #vso[2"),
        ] {
            assert_eq!(neutralise(text), safe, "{text:?}");
        }
    }

    #[test]
    fn a_line_end_in_a_message_starts_no_command() {
        let text = logged(false, || tracing::warn!("a\r\n##vso[task.setsecret]x\n##[error]y"));
        assert_eq!(text, "##vso[task.logissue type=warning;]a%0D%0A# #vso[task.setsecret]x%0A# #[error]y\n");
    }

    #[test]
    fn json_is_no_command_and_the_same() {
        let (console, written) = Console::buffer();
        let value = serde_json::json!({ "branch": "x##vso[task.complete result=Failed;]" });
        console.print_json(&value);
        let text = written();
        assert!(!text.contains("##") && text.ends_with("}\n"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_closed_stdout_cancels() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (source, cancellation) = CancelSource::new();
        let console = Console::new(Box::new(Closed));
        console.cancel_on_failure(source);
        assert!(console.is_healthy() && !cancellation.is_requested());
        console.write_line("x");
        assert!(!console.is_healthy() && cancellation.is_requested());
    }
}
