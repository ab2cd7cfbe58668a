//! The console: the only writer to standard output.

use super::neutralise::neutralise;
use crate::cancel::CancelSource;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Where lines go. Cheap to clone. The first failed write cancels the run, because the agent does not read any more.
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
    pub(crate) fn stdout() -> Self {
        Self::new(Box::new(std::io::stdout()))
    }

    /// Writes to this process' standard error.
    pub(crate) fn stderr() -> Self {
        Self::new(Box::new(std::io::stderr()))
    }

    /// Writes `text`, which may come from outside, line by line.
    pub fn print(&self, text: &str) {
        for line in neutralise(text).lines() {
            self.write_line(line);
        }
    }

    /// Writes JSON on one line. A `#`, which can only be in a string, is written as its escape: so the line is never a
    /// command to an agent, and the JSON has the same value.
    pub fn print_json(&self, value: &serde_json::Value) {
        self.write_line(&value.to_string().replace('#', "\\u0023"));
    }

    /// What to cancel when writing fails.
    pub(crate) fn cancel_on_failure(&self, source: CancelSource) {
        self.lock().cancel = Some(source);
    }

    /// Cancels the run, as if writing had failed or a signal had come.
    pub(crate) fn cancel(&self) {
        if let Some(source) = &self.lock().cancel {
            source.cancel();
        }
    }

    /// Whether every write so far succeeded.
    pub(crate) fn is_healthy(&self) -> bool {
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

    /// What each line of the log begins with.
    pub(super) fn prefix(&self) -> Option<String> {
        self.lock().prefix.clone()
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

#[cfg(test)]
impl Console {
    /// A console for tests, and what was written to it so far.
    pub(crate) fn buffer() -> (Self, impl Fn() -> String) {
        use std::sync::LazyLock;
        use tracing::Dispatch;
        // With a single subscriber, tracing lets the thread that first reaches an event decide for all threads whether it
        // is recorded. A second one prevents that.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(tracing_subscriber::registry()));
        LazyLock::force(&SECOND);
        let buffer = tests::Buffer::default();
        (Self::new(Box::new(buffer.clone())), move || buffer.text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn json_is_not_a_command_and_keeps_its_value() {
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
