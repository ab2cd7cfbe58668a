//! Text from outside, made fit for one line.

/// Longest name of a project, branch or metric shown, in characters.
pub(super) const NAME_CHARS: usize = 300;
/// Longest message of a server shown, in characters.
pub(super) const MESSAGE_CHARS: usize = 1_000;

/// `text` as one line of at most `max_chars` visible characters; the rest is cut and marked with `…`.
///
/// Line breaks and other white space become one space. Characters that are not seen but change how others
/// are seen (control characters, direction overrides, invisible ones) become `�`.
pub(super) fn one_line(text: &str, max_chars: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for character in text.chars() {
        let last = line.chars().next_back();
        let shown = match character {
            _ if is_space(character) => match last {
                None | Some(' ') => continue,
                Some(_) => ' ',
            },
            _ if is_deceptive(character) => match last {
                Some('\u{FFFD}') => continue,
                _ => '\u{FFFD}',
            },
            _ => character,
        };
        if length == max_chars {
            line.pop();
            line.truncate(line.trim_end().len());
            line.push('…');
            return line;
        }
        line.push(shown);
        length += 1;
    }
    line.truncate(line.trim_end().len());
    line
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{2800}' | '\u{3164}' | '\u{FFA0}')
}

/// Joiners (U+200C, U+200D) and variation selectors stay: scripts and emoji need them.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_seen_characters() {
        for (text, expected) in [
            ("", ""),
            ("  a\r\n\tb\u{a0}c \u{2028}", "a b c"),
            ("admin\u{202E}gpj.exe", "admin\u{FFFD}gpj.exe"),
            ("\u{1b}[31mred\u{200B}\u{200B}", "\u{FFFD}[31mred\u{FFFD}"),
            ("👩\u{200D}💻 ⚠\u{FE0F}", "👩\u{200D}💻 ⚠\u{FE0F}"),
        ] {
            assert_eq!(one_line(text, 300), expected, "{text:?}");
        }
        for (text, expected) in [("1234567", "1234567"), ("12345678", "123456…"), ("12345 78", "12345…")]
        {
            assert_eq!(one_line(text, 7), expected, "{text:?}");
        }
    }
}
