//! Logging commands.

use sonar_azdo::agent::{Commands, Console, Log, TaskResult, neutralise};
use sonar_azdo::secret::Secret;
use sonar_azdo::summary::html;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use tracing_subscriber::layer::SubscriberExt as _;

/// Text from outside in the log and in logging commands: the agent finds no command in it, and reads of ours just the
/// values that were given.
pub fn commands(bytes: &[u8]) {
    let text = &*String::from_utf8_lossy(bytes);
    assert!(!has_command(&neutralise(text)), "{text:?}");
    let nothing_but = |written: String, command: &str| {
        for line in written.lines() {
            let rest = line.strip_prefix(command).unwrap_or(line);
            assert!(!has_command(rest), "{line:?} of {text:?}");
        }
    };
    nothing_but(written(|console| console.print(text)), "");
    nothing_but(written(|console| console.print_json(&serde_json::json!({ text: text }))), "");
    let log = |emit: fn(&str), command: &str| {
        let all = written(|console| {
            let subscriber = tracing_subscriber::registry().with(Log::new(console, true));
            tracing::subscriber::with_default(subscriber, || emit(text));
        });
        nothing_but(all, command);
    };
    log(|text| tracing::error!(target: "sonar_azdo::fuzz", "{text}"), "##vso[task.logissue type=error;]");
    log(|text| tracing::warn!(target: "sonar_azdo::fuzz", "{text}"), "##vso[task.logissue type=warning;]");
    log(|text| tracing::info!(target: "sonar_azdo::fuzz", "{text}"), "");
    log(|text| tracing::debug!(target: "sonar_azdo::fuzz", "{text}"), "##vso[task.debug]");

    let of = |emit: &dyn Fn(&Commands)| written(|console| emit(&Commands::new(console)));
    for line in [
        of(&|commands| commands.set_variable("V", text)),
        of(&|commands| commands.set_output_variable("V", text)),
        of(&|commands| commands.set_secret_variable("V", &Secret::new(text))),
    ] {
        // Of a secret its lines are registered first.
        let variable = line.lines().last().unwrap();
        let (name, properties, data) = as_the_agent_reads(variable);
        assert_eq!((name, properties[0].as_str(), data.as_str()), ("task.setvariable", "variable=V", text));
        assert!(line.lines().all(|line| line.starts_with("##vso[task.set")), "{line:?}");
    }
    let line = of(&|commands| commands.set_variable(text, "x"));
    let (_, properties, data) = as_the_agent_reads(line.trim_end_matches('\n'));
    assert!(line.lines().count() == 1 && data == "x", "{line:?}");
    assert!(text.is_empty() || properties[0] == format!("variable={text}"), "{line:?}");
    let line = of(&|commands| commands.attach_summary(text, Path::new(text)));
    assert!(
        line.lines().count() == 1 && as_the_agent_reads(line.trim_end_matches('\n')).2 == text,
        "{line:?}"
    );
    let line = of(&|commands| commands.complete(TaskResult::Failed, text));
    assert_eq!(as_the_agent_reads(line.trim_end_matches('\n')).2, neutralise(text));

    // Warnings of the server are HTML.
    for base in [None, Some("https://sonar.example")] {
        let _ = (html::to_markdown(text, base), html::to_text(text, base));
    }
}

/// Whether the agent would take something in a line for a command: it skips characters without weight, and does not tell
/// small letters from large ones.
fn has_command(text: &str) -> bool {
    const WEIGHTLESS: [char; 8] =
        ['\0', '\u{1b}', '\u{ad}', '\u{200b}', '\u{200d}', '\u{2060}', '\u{fe0f}', '\u{feff}'];
    let seen = text.replace(WEIGHTLESS, "").to_ascii_lowercase();
    seen.contains("##vso") || seen.contains("##[")
}

/// Name, properties and data of a command: written from the agent's source, independent of the code under test.
fn as_the_agent_reads(line: &str) -> (&str, Vec<String>, String) {
    let inner = line.strip_prefix("##vso[").unwrap();
    let (head, data) = inner.split_once(']').unwrap();
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let unescaped = |text: &str| {
        [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")]
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
    };
    (name, properties.split(';').map(unescaped).collect(), unescaped(data))
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is written to a console.
fn written(write: impl FnOnce(Console)) -> String {
    let buffer = Buffer::default();
    write(Console::new(Box::new(buffer.clone())));
    let bytes = buffer.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}
