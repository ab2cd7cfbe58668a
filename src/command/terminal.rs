//! Colours on a terminal. `anstream` leaves them out in a pipe, with `NO_COLOR` and on a dumb terminal.

use crate::agent::Console;
use crate::quality_gate::Verdict;
use clap::builder::styling::{AnsiColor, Style};

/// Standard output for people: with colours where they are wanted.
pub(super) fn stdout() -> Console {
    Console::new(Box::new(anstream::AutoStream::auto(std::io::stdout())))
}

/// Standard error for people: with colours where they are wanted.
pub(super) fn stderr() -> Console {
    Console::new(Box::new(anstream::AutoStream::auto(std::io::stderr())))
}

/// `line` with its beginning, up to the first dash, in the colour of the verdict.
pub(super) fn coloured(line: &str, verdict: Verdict) -> String {
    let colour = match verdict {
        Verdict::Passed => AnsiColor::Green,
        Verdict::Failed => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let style = Style::new().bold().fg_color(Some(colour.into()));
    let (start, rest) = line.find(" – ").map_or((line, ""), |at| line.split_at(at));
    format!("{style}{start}{style:#}{rest}")
}
