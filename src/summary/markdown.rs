//! Markdown that renders as meant in CommonMark with GitHub's tables, and reads well unrendered.
//!
//! Nothing written here holds a `<`: what `<` there is in text is an entity and in a URL percent-encoded. So no
//! renderer finds HTML in it.

use std::fmt::Write as _;

use url::{Position, Url};

use super::text::one_line;

/// `text` as inline Markdown that renders as that very text: no emphasis, link, mention, reference,
/// emoji shortcode, HTML or further table cell. At most `max_chars` characters of it, on one line.
pub(super) fn escape(text: &str, max_chars: usize) -> String {
    let line = one_line(text, max_chars);
    let mut escaped = String::with_capacity(line.len() + 8);
    let mut before = None;
    for (at, character) in line.char_indices() {
        let rest = line.get(at + character.len_utf8()..).unwrap_or_default();
        let next = rest.chars().next();
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' if starts_entity(rest) => escaped.push_str("&amp;"),
            _ => {
                if is_special(character, before, next, rest, line.get(..at).unwrap_or_default()) {
                    escaped.push('\\');
                }
                escaped.push(character);
            }
        }
        before = Some(character);
    }
    escaped
}

/// Whether `character` would be markup where it stands.
fn is_special(character: char, before: Option<char>, next: Option<char>, rest: &str, so_far: &str) -> bool {
    let word = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    match character {
        '\\' | '`' | '*' | '[' | ']' | '|' | '~' | '@' | '$' => true,
        '_' => !(word(before) && word(next)),
        // Neither a heading nor the number of a work item: `C#` may stay.
        '#' => !word(before) || word(next) || next == Some('#'),
        '-' | '+' | '=' => before.is_none() && next.is_none_or(|next| next == ' ' || next == character),
        ':' => starts_shortcode(rest),
        '/' => next == Some('/'),
        // `1. ` at the start is a list, `www.` a link.
        '.' | ')' if !so_far.is_empty() && so_far.bytes().all(|byte| byte.is_ascii_digit()) => {
            next.is_none_or(|next| next == ' ')
        }
        '.' => {
            so_far.len() >= 3
                && so_far.get(so_far.len() - 3..).is_some_and(|end| end.eq_ignore_ascii_case("www"))
        }
        _ => false,
    }
}

/// Whether what follows a `&` makes an entity of it.
fn starts_entity(rest: &str) -> bool {
    rest.split_once(';').is_some_and(|(name, _)| {
        let name = name.strip_prefix('#').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Whether what follows a `:` makes an emoji of it, as in `:bug:`.
fn starts_shortcode(rest: &str) -> bool {
    rest.split_once(':').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    })
}

/// `[text](url)`, with `text` being inline Markdown already; only the text when the URL is not safe to follow.
pub(super) fn link(text: &str, url: Option<&str>) -> String {
    match url.and_then(safe_url) {
        Some(url) => format!("[{text}]({url})"),
        None => text.to_owned(),
    }
}

/// An absolute http or https URL without credentials, with every character encoded that Markdown, a table
/// or a line of a log could take for its own; `None` for anything else.
pub(super) fn safe_url(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return None;
    }
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    let mut safe = url[..Position::BeforePath].to_owned();
    for character in url[Position::BeforePath..].chars() {
        if character.is_ascii_alphanumeric() || "/?#%&=.,:@!$+-_~".contains(character) {
            safe.push(character);
        } else {
            // The parser leaves no other characters than ASCII.
            let _ = write!(safe, "%{:02X}", u32::from(character));
        }
    }
    (safe.len() <= 2_000).then_some(safe)
}

/// How a column stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// The first two lines of a table.
pub(super) fn table_header(columns: &[(&str, Align)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let rules: Vec<&str> =
        columns.iter().map(|(_, align)| if *align == Align::Right { "---:" } else { ":---" }).collect();
    table_row(&names) + &table_row(&rules)
}

/// A line of a table. Cells are inline Markdown whose pipes are escaped.
pub(super) fn table_row<T: AsRef<str>>(cells: &[T]) -> String {
    let mut row = String::from("|");
    for cell in cells {
        row.push(' ');
        row.push_str(cell.as_ref());
        row.push_str(" |");
    }
    row.push('\n');
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, expected) in [
            ("Shop-Backend v1.2 (new)", "Shop-Backend v1.2 (new)"),
            ("my_project __init__", "my_project \\_\\_init\\_\\_"),
            ("**bold** `code` ~~gone~~", "\\*\\*bold\\*\\* \\`code\\` \\~\\~gone\\~\\~"),
            ("[a](http://b) ![i](j)", "\\[a\\](http:\\//b) !\\[i\\](j)"),
            ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
            ("R&D, AT&T; &lt; &#60; &", "R&D, AT&amp;T; &amp;lt; &amp;\\#60; &"),
            ("a|b\\|c", "a\\|b\\\\\\|c"),
            ("C# and F#, see #12", "C# and F#, see \\#12"),
            ("# no heading", "\\# no heading"),
            ("##vso[task.complete]", "\\#\\#vso\\[task.complete\\]"),
            ("@team a@b.de", "\\@team a\\@b.de"),
            ("1. one", "1\\. one"),
            ("79.96%", "79.96%"),
            ("-0.04%", "-0.04%"),
            ("---", "\\---"),
            ("1) one 2) two", "1\\) one 2) two"),
            ("- item", "\\- item"),
            ("www.example.com", "www\\.example.com"),
            (":bug: 12:30", "\\:bug: 12:30"),
            ("$x$", "\\$x\\$"),
            ("two\nlines\n\n---", "two lines ---"),
        ] {
            assert_eq!(escape(text, 300), expected, "{text}");
        }
    }

    #[test]
    fn only_safe_urls() {
        for (url, expected) in [
            (
                "https://sonar/dashboard?id=a&pullRequest=1",
                Some("https://sonar/dashboard?id=a&pullRequest=1"),
            ),
            ("http://[::1]:9000/x", Some("http://[::1]:9000/x")),
            ("https://s/a(b) c|d", Some("https://s/a%28b%29%20c%7Cd")),
            ("https://s/?q=]><\"'`;*\\", Some("https://s/?q=%5D%3E%3C%22%27%60%3B%2A%5C")),
            ("https://user:secret@s/", Some("https://s/")),
            ("https://s/ä\n[x]", Some("https://s/%C3%A4%5Bx%5D")),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("/dashboard", None),
            ("", None),
        ] {
            assert_eq!(safe_url(url).as_deref(), expected, "{url}");
        }
        assert_eq!(safe_url(&format!("https://s/{}", "a".repeat(2_000))), None);
    }
}
