//! The lines of a child's output, or its records between NULs, whatever its bytes are.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Longer lines and records come in pieces of at most this many bytes.
const LONGEST: usize = 1024 * 1024;
const READ_AT_ONCE: usize = 16 * 1024;

/// What ends a line or record. The end of the stream does, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Separator {
    /// `\n` or `\r\n`.
    LineBreak,
    /// A NUL: the records may hold line breaks.
    Nul,
}

/// Reads the lines or records of a stream.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: Option<R>,
    separator: Separator,
    buffer: Vec<u8>,
    /// This many bytes at the start of the buffer hold no separator.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: Option<R>, separator: Separator) -> Self {
        Self { reader, separator, buffer: Vec::new(), searched: 0 }
    }

    /// Whether nothing more will come.
    pub(super) fn is_ended(&self) -> bool {
        self.reader.is_none() && self.buffer.is_empty()
    }

    /// The next line, or `None` at the end. Nothing is lost when the future is dropped.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.buffered_line() {
                return Some(line);
            }
            let reader = self.reader.as_mut()?;
            self.buffer.reserve(READ_AT_ONCE);
            match reader.read_buf(&mut self.buffer).await {
                Ok(0) | Err(_) => self.reader = None,
                Ok(_) => {}
            }
        }
    }

    fn buffered_line(&mut self) -> Option<String> {
        let separator = match self.separator {
            Separator::LineBreak => b'\n',
            Separator::Nul => 0,
        };
        let rest = &self.buffer[self.searched..];
        let end = rest.iter().position(|byte| *byte == separator).map(|at| self.searched + at);
        self.searched = self.buffer.len();
        match end {
            Some(end) if end <= LONGEST => {
                let text = &self.buffer[..end];
                let text = match self.separator {
                    Separator::LineBreak => text.strip_suffix(b"\r").unwrap_or(text),
                    Separator::Nul => text,
                };
                let line = String::from_utf8_lossy(text).into_owned();
                self.forget(end + 1);
                Some(line)
            }
            _ if self.buffer.len() > LONGEST => Some(self.take(char_boundary(&self.buffer, LONGEST))),
            _ if self.reader.is_none() && !self.buffer.is_empty() => Some(self.take(self.buffer.len())),
            _ => None,
        }
    }

    fn take(&mut self, length: usize) -> String {
        let text = String::from_utf8_lossy(&self.buffer[..length]).into_owned();
        self.forget(length);
        text
    }

    fn forget(&mut self, length: usize) {
        self.buffer.drain(..length);
        self.searched = 0;
    }
}

/// The last place at or before `at` that does not cut a UTF-8 character.
fn char_boundary(bytes: &[u8], at: usize) -> usize {
    let is_continuation =
        |index: usize| bytes.get(index).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    (at.saturating_sub(3)..=at).rev().find(|index| !is_continuation(*index)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn lines_of(bytes: &[u8]) -> Vec<String> {
        parts_of(bytes, Separator::LineBreak).await
    }

    async fn parts_of(bytes: &[u8], separator: Separator) -> Vec<String> {
        let mut lines = Lines::new(Some(bytes), separator);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await {
            all.push(line);
        }
        assert!(lines.is_ended());
        all
    }

    #[tokio::test]
    async fn line_ends() {
        assert_eq!(lines_of(b"a\r\nb\n\nc\rd\nlast").await, ["a", "b", "", "c\rd", "last"]);
        assert_eq!(lines_of(b"a\n").await, ["a"]);
        assert!(lines_of(b"").await.is_empty());
        assert_eq!(lines_of(b"\xffx\n").await, ["\u{fffd}x"]);
    }

    #[tokio::test]
    async fn records_between_nuls_hold_line_breaks() {
        assert_eq!(parts_of(b"a\nb\r\0\0last", Separator::Nul).await, ["a\nb\r", "", "last"]);
        assert_eq!(parts_of(b"a\0", Separator::Nul).await, ["a"]);
    }

    #[tokio::test]
    async fn a_line_without_end_comes_in_pieces_that_cut_no_character() {
        let text = format!("a{}", "€".repeat(LONGEST));
        let lines = lines_of(format!("{text}\nnext\n").as_bytes()).await;
        assert!(lines.iter().all(|line| line.len() <= LONGEST && !line.contains('\u{fffd}')));
        assert_eq!(lines.last().map(String::as_str), Some("next"));
        assert_eq!(lines[..lines.len() - 1].concat(), text);
    }

    #[tokio::test]
    async fn a_line_of_the_greatest_length_is_whole() {
        let text = "x".repeat(LONGEST);
        assert_eq!(lines_of(format!("{text}\r\ny").as_bytes()).await.concat(), format!("{text}y"));
    }
}
