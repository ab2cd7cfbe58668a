//! The format of `java.util.Properties`, in which `sonar-project.properties` and `report-task.txt`
//! are written. UTF-8 instead of Latin-1, as SonarSource's scanners read it. Written here because the
//! crates for it bring tables of every legacy encoding, a fifth of the size this binary may have.
//!
//! Contract: the class documentation of `java.util.Properties.load(Reader)`.

use std::collections::BTreeMap;

/// Reads properties; of a key given twice the last value counts.
pub fn parse(text: &str) -> BTreeMap<String, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    logical_lines(text).into_iter().filter_map(|line| key_and_value(&line)).collect()
}

/// Joins continued lines (an odd number of backslashes before the line's end), drops blank lines and
/// comments. Leading white space of a line, a continuing one included, does not count.
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut continued: Option<String> = None;
    for natural in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let content = natural.trim_start_matches(is_blank);
        if continued.is_none() && (content.is_empty() || content.starts_with(['#', '!'])) {
            continue;
        }
        let mut line = continued.take().unwrap_or_default();
        let backslashes = content.len() - content.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            line.push_str(&content[..content.len() - 1]);
            continued = Some(line);
        } else {
            line.push_str(content);
            lines.push(line);
        }
    }
    lines.extend(continued);
    lines
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
    fn the_format_of_java_util_properties() {
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
}
