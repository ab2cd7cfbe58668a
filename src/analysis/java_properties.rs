//! The format of `java.util.Properties`, in which `sonar-project.properties` and `report-task.txt` are written, but in UTF-8,
//! as SonarSource's scanners read it. Kept by hand: the crates for it bring tables of every legacy encoding, a fifth of the
//! size that the task's program may have, and none knows the line of a property.
//!
//! Contract: the class documentation of `java.util.Properties.load(Reader)`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A property that a file sets.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The key, without escapes.
    pub key: String,
    /// The value, without escapes, but with white space at its end.
    pub value: String,
    /// The line on which it begins, from 1.
    pub line: usize,
}

impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The value may be a password.
        f.debug_struct("Assignment").field("key", &self.key).field("line", &self.line).finish_non_exhaustive()
    }
}

/// Reads properties; of a key given twice the last value counts.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    assignments(text).into_iter().map(|assignment| (assignment.key, assignment.value)).collect()
}

/// Reads properties in the order of the file.
pub fn assignments(text: &str) -> Vec<Assignment> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = logical_lines(text).into_iter();
    lines
        .filter_map(|(line, text)| key_and_value(&text).map(|(key, value)| Assignment { key, value, line }))
        .collect()
}

/// Joins continued lines (those with an odd number of backslashes at their end), and drops blank lines, comments and leading
/// white space, also of continuing lines. Each logical line comes with the number of its first line.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut continued: Option<(usize, String)> = None;
    for (index, natural) in text.replace("\r\n", "\n").split(['\n', '\r']).enumerate() {
        let content = natural.trim_start_matches(is_blank);
        if continued.is_none() && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let (number, mut line) = continued.take().unwrap_or((index + 1, String::new()));
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            line.push_str(&content[..content.len() - 1]);
            continued = Some((number, line));
        } else {
            line.push_str(content);
            lines.push((number, line));
        }
    }
    lines.extend(continued);
    lines
}

/// `text` as SonarScanner CLI and the engine trim it, by Java's `String.trim`: without the characters up to a blank at both
/// ends. Rust's `trim` also drops blanks outside of ASCII, which Java keeps; where a check depends on it, the check must
/// see what the engine sees.
pub fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

/// A file that cannot be read as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotText {
    /// The first line that is not UTF-8, from 1.
    pub line: usize,
    /// The encoding that the file names, which is not supported.
    pub encoding: String,
}

/// The text of a settings file: UTF-8, else the encoding that its own `sonar.sourceEncoding` names, else ISO-8859-1, which
/// is the encoding of `java.util.Properties`.
///
/// # Errors
/// It is not UTF-8, and `sonar.sourceEncoding` names another encoding than ISO-8859-1 and windows-1252.
pub fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, NotText> {
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok(Cow::Borrowed(text)),
        Err(error) => error,
    };
    let latin: String = bytes.iter().copied().map(char::from).collect();
    let named = parse(&latin).remove("sonar.sourceEncoding").unwrap_or_default();
    let name = trimmed(&named).to_ascii_lowercase().replace('_', "-");
    match name.as_str() {
        "" | "iso-8859-1" | "iso8859-1" | "latin1" | "latin-1" | "us-ascii" => Ok(Cow::Owned(latin)),
        "windows-1252" | "cp1252" => Ok(Cow::Owned(bytes.iter().copied().map(of_windows_1252).collect())),
        _ => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            Err(NotText { line, encoding: trimmed(&named).to_owned() })
        }
    }
}

/// ISO-8859-1 except for these characters (the table of the WHATWG's Encoding Standard).
fn of_windows_1252(byte: u8) -> char {
    const FROM_80: [char; 32] = [
        '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}',
        '\u{2c6}', '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}',
        '\u{2018}', '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}',
        '\u{2122}', '\u{161}', '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
    ];
    let at = usize::from(byte).checked_sub(0x80);
    at.and_then(|at| FROM_80.get(at)).copied().unwrap_or(char::from(byte))
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\u{c}')
}

fn key_and_value(line: &str) -> Option<(String, String)> {
    let mut escaped = false;
    let end_of_key = line
        .char_indices()
        .find(|&(_, c)| {
            let ends = !escaped && (is_blank(c) || c == '=' || c == ':');
            escaped = c == '\\' && !escaped;
            ends
        })
        .map_or(line.len(), |(at, _)| at);
    let (key, rest) = line.split_at(end_of_key);
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start_matches(is_blank);
    let key = unescape(key);
    (!key.is_empty()).then(|| (key, unescape(value)))
}

fn unescape(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    let mut buffer = [0; 2];
    while let Some(c) = chars.next() {
        let c = if c == '\\' {
            chars.next().unwrap_or('\\')
        } else {
            units.extend_from_slice(c.encode_utf16(&mut buffer));
            continue;
        };
        let literal = match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\u{c}',
            'u' => {
                let digits: String = chars.clone().take(4).collect();
                // Java refuses a malformed escape; keeping its text loses nothing.
                match u16::from_str_radix(&digits, 16) {
                    Ok(unit) if digits.len() == 4 => {
                        units.push(unit);
                        chars.nth(3);
                        continue;
                    }
                    _ => 'u',
                }
            }
            other => other,
        };
        units.extend_from_slice(literal.encode_utf16(&mut buffer));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_as_java_util_properties_reads_them() {
        for (text, key, value) in [
            ("sonar.sources=src", "sonar.sources", "src"),
            ("  sonar.sources = src ", "sonar.sources", "src "),
            ("sonar.sources: src", "sonar.sources", "src"),
            ("sonar.sources src", "sonar.sources", "src"),
            ("sonar.sources\tsrc", "sonar.sources", "src"),
            ("sonar.sources=", "sonar.sources", ""),
            ("sonar.sources", "sonar.sources", ""),
            ("a=b=c", "a", "b=c"),
            ("a\\=b=c", "a=b", "c"),
            ("a\\ b=c", "a b", "c"),
            ("a=one,\\\n   two,\\\r\n\tthree", "a", "one,two,three"),
            ("a=b\\\\\nc=d", "a", "b\\"),
            ("a=C:\\\\dir\\tx", "a", "C:\\dir\tx"),
            ("a=\\u00e9\\uD83D\\uDE00", "a", "é😀"),
            ("a=é😀", "a", "é😀"),
            ("a=\\u12", "a", "u12"),
            ("\u{feff}a=b", "a", "b"),
            ("# a=c\n! a=d\n\na=b", "a", "b"),
            ("a=1\na=2", "a", "2"),
            ("a=x\\\n", "a", "x"),
            ("a=\\\n# not a comment", "a", "# not a comment"),
        ] {
            assert_eq!(parse(text).get(key).map(String::as_str), Some(value), "{text:?}");
        }
        assert!(parse("#only\n\n   \n").is_empty());
    }

    #[test]
    fn each_property_has_its_line() {
        let found = assignments("# a\r\n\r\na=1,\\\r\n  2\r\nb\n!c=3\n  a = 4");
        let shown: Vec<_> = found
            .iter()
            .map(|assignment| (assignment.line, assignment.key.as_str(), assignment.value.as_str()))
            .collect();
        assert_eq!(shown, [(3, "a", "1,2"), (5, "b", ""), (7, "a", "4")]);
    }

    #[test]
    fn values_are_trimmed_as_the_cli_trims_them() {
        assert_eq!(trimmed(" \t a b\u{c}\r \u{0}"), "a b");
        assert_eq!(trimmed("\u{a0}a\u{2003}"), "\u{a0}a\u{2003}", "only what Java's trim takes");
    }

    #[test]
    fn files_of_known_encodings_are_decoded() {
        assert_eq!(decode("a=\u{e4}".as_bytes()).unwrap(), "a=\u{e4}");
        assert_eq!(decode(b"a=\xe4").unwrap(), "a=\u{e4}");
        assert_eq!(
            decode(b"a=\x80\nsonar.sourceEncoding = ISO-8859-1 ").unwrap().chars().nth(2),
            Some('\u{80}')
        );
        assert_eq!(
            decode(b"a=\x80\xe4\nsonar.sourceEncoding=Cp1252").unwrap().get(..7),
            Some("a=\u{20ac}\u{e4}")
        );
        assert_eq!(
            decode(b"# x\na=\x82\xa0\nsonar.sourceEncoding=Shift_JIS\n"),
            Err(NotText { line: 2, encoding: "Shift_JIS".into() })
        );
    }
}
