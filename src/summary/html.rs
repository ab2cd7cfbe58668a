//! The server's warnings are HTML from outside: their text and their safe links are kept, nothing else.

use url::Url;

use super::markdown::{escape, link, safe_url};
use super::text::{MESSAGE_CHARS, one_line};

/// Longest input read, in characters; what is longer is cut.
const INPUT_CHARS: usize = 4_000;

/// `html` as one line of Markdown: its text, and its links to http and https. Links are resolved against `base`,
/// a page of the server.
pub fn to_markdown(html: &str, base: Option<&str>) -> String {
    let mut markdown = String::new();
    for piece in pieces(html, base) {
        match piece {
            Piece::Text(text) => push_word(&mut markdown, &text, &escape(&text, MESSAGE_CHARS)),
            Piece::Link { text, url } => {
                // `!` before a link would make an image of it.
                if markdown.ends_with('!') {
                    markdown.insert(markdown.len() - 1, '\\');
                }
                push_word(&mut markdown, &text, &link(&escape(&text, MESSAGE_CHARS), Some(&url)));
            }
        }
    }
    markdown.trim().to_owned()
}

/// `html` as one line of plain text, for a log: its text, each safe link's URL in parentheses behind it.
pub fn to_text(html: &str, base: Option<&str>) -> String {
    let mut plain = String::new();
    for piece in pieces(html, base) {
        match piece {
            Piece::Text(text) => plain.push_str(&text),
            Piece::Link { text, url } if text.trim() == url => plain.push_str(&text),
            Piece::Link { text, url } => {
                plain.push_str(text.trim_end());
                plain.push_str(&format!(" ({url})"));
            }
        }
    }
    one_line(&plain, MESSAGE_CHARS)
}

/// Appends `escaped`, which lost the white space around `original`, with one space for it.
fn push_word(line: &mut String, original: &str, escaped: &str) {
    let spaced = original.starts_with(char::is_whitespace) && !line.ends_with(' ') && !line.is_empty();
    if spaced {
        line.push(' ');
    }
    line.push_str(escaped);
    if !escaped.is_empty() && original.ends_with(char::is_whitespace) {
        line.push(' ');
    }
}

enum Piece {
    Text(String),
    Link { text: String, url: String },
}

/// Text and safe links in their order.
fn pieces(html: &str, base: Option<&str>) -> Vec<Piece> {
    let base = base.and_then(|base| Url::parse(base).ok());
    let html: String = html.chars().take(INPUT_CHARS).collect();
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut open_link: Option<String> = None;
    let mut rest = html.as_str();
    let mut flush = |text: &mut String, url: Option<String>| {
        let text = std::mem::take(text);
        match url {
            Some(url) if !text.trim().is_empty() => pieces.push(Piece::Link { text, url }),
            _ if !text.is_empty() => pieces.push(Piece::Text(text)),
            _ => {}
        }
    };
    while let Some(at) = rest.find('<') {
        let (before, markup) = rest.split_at(at);
        text.push_str(&decode_entities(before));
        let Some((tag, after)) = read_tag(markup) else {
            text.push('<');
            rest = markup.get(1..).unwrap_or_default();
            continue;
        };
        rest = after;
        let name = tag.name.as_str();
        match name {
            "script" | "style" | "template" | "iframe" | "noscript" | "object" | "svg" | "textarea"
            | "title"
                if !tag.closing =>
            {
                rest = behind_closing_tag(after, name);
            }
            "a" => {
                let url = open_link.take();
                flush(&mut text, url);
                if !tag.closing {
                    open_link = tag.href.and_then(|href| resolve(&href, base.as_ref()));
                }
            }
            "br" | "p" | "div" | "li" | "ul" | "ol" | "tr" | "td" | "th" | "hr" | "h1" | "h2" | "h3"
            | "h4" => {
                text.push(' ');
            }
            _ => {}
        }
    }
    text.push_str(&decode_entities(rest));
    flush(&mut text, open_link);
    pieces
}

struct Tag {
    /// In lower case; empty for a comment or declaration.
    name: String,
    closing: bool,
    href: Option<String>,
}

/// The tag or comment `markup` starts with, and what follows it; `None` when its `<` is just a character.
fn read_tag(markup: &str) -> Option<(Tag, &str)> {
    let nothing = Tag { name: String::new(), closing: false, href: None };
    if let Some(comment) = markup.strip_prefix("<!--") {
        return Some((nothing, comment.split_once("-->").map_or("", |(_, after)| after)));
    }
    if markup.starts_with("<!") || markup.starts_with("<?") {
        return markup.split_once('>').map(|(_, after)| (nothing, after));
    }
    let inside = markup.strip_prefix('<')?;
    let (closing, inside) = inside.strip_prefix('/').map_or((false, inside), |inside| (true, inside));
    if !inside.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = inside.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '>')?;
    let (name, mut rest) = inside.split_at(end);
    let mut href = None;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return Some((Tag { name: name.to_ascii_lowercase(), closing, href }, after));
        }
        let (attribute, value, after) = read_attribute(rest)?;
        if attribute.eq_ignore_ascii_case("href") && href.is_none() {
            href = Some(decode_entities(value));
        }
        rest = after;
    }
}

/// Name and value of the attribute `text` starts with, and what follows it.
fn read_attribute(text: &str) -> Option<(&str, &str, &str)> {
    // The first character belongs to the name whatever it is, so that every call gets further.
    let first = text.chars().next()?.len_utf8();
    let tail = text.get(first..)?;
    let end =
        tail.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/')).map(|at| at + first)?;
    let (name, rest) = text.split_at(end);
    let Some(value) = rest.trim_start().strip_prefix('=') else { return Some((name, "", rest)) };
    let value = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, after) = quoted.split_once(quote)?;
            return Some((name, value, after));
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    let (value, after) = value.split_at(end);
    Some((name, value, after))
}

/// What follows `</name>`; nothing when it is never closed.
fn behind_closing_tag<'a>(text: &'a str, name: &str) -> &'a str {
    let mut rest = text;
    while let Some(at) = rest.find("</") {
        let (_, markup) = rest.split_at(at);
        let inside = markup.get(2..).unwrap_or_default();
        if inside.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name)) {
            return inside.split_once('>').map_or("", |(_, after)| after);
        }
        rest = inside;
    }
    ""
}

/// The safe absolute URL of a link.
fn resolve(href: &str, base: Option<&Url>) -> Option<String> {
    let url = match base {
        Some(base) => base.join(href.trim()).ok()?,
        None => Url::parse(href.trim()).ok()?,
    };
    safe_url(url.as_str())
}

/// `text` with its character references replaced; those it does not know stay as they are.
fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        decoded.push_str(before);
        let inside = reference.get(1..).unwrap_or_default();
        let name = inside.split_once(';').filter(|(name, _)| name.len() <= 10);
        match name.and_then(|(name, after)| Some((entity(name)?, after))) {
            Some((character, after)) => {
                decoded.push(character);
                rest = after;
            }
            None => {
                decoded.push('&');
                rest = inside;
            }
        }
    }
    decoded.push_str(rest);
    decoded
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        "hellip" => '…',
        "ndash" => '–',
        "mdash" => '—',
        "lsquo" => '‘',
        "rsquo" => '’',
        "ldquo" => '“',
        "rdquo" => '”',
        "laquo" => '«',
        "raquo" => '»',
        "bull" => '•',
        "middot" => '·',
        "rarr" => '→',
        "le" => '≤',
        "ge" => '≥',
        "copy" => '©',
        "reg" => '®',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BASE: Option<&str> = Some("https://sonar.example/sq/dashboard?id=shop");

    #[test]
    fn text_and_safe_links() {
        for (html, expected) in [
            ("Plain text.", "Plain text."),
            (
                "Missing blame. See <a href=\"https://docs.example/scm\" target=\"_blank\">the docs</a>.",
                "Missing blame. See [the docs](https://docs.example/scm).",
            ),
            (
                "<a href='/settings?a=1&amp;b=2'>Settings</a>",
                "[Settings](https://sonar.example/settings?a=1&b=2)",
            ),
            ("<A HREF=help/x>Help</A>", "[Help](https://sonar.example/sq/help/x)"),
            ("<a href=\"javascript:alert(1)\">click</a> me", "click me"),
            ("<a href=\"&#106;avascript:alert(1)\">click</a>", "click"),
            ("<a href=\" java\nscript:alert(1)\">click</a>", "click"),
            ("<a href=\"data:text/html,x\">click</a>", "click"),
            ("Wow!<a href=\"https://x/\">image</a>", "Wow\\![image](https://x/)"),
            ("one<br/>two<p>three</p>four", "one two three four"),
            ("<b>bold</b> <code>x*y*</code>", "bold x\\*y\\*"),
            ("a<script>alert('</b>')</SCRIPT>b<style>p{}</style>c", "abc"),
            ("a<script>never closed", "a"),
            ("a<!-- <b>comment</b> -->b", "ab"),
            ("1 < 2 &amp;&amp; 3 &gt; 2 &hellip; &unknown; &#x41;", "1 &lt; 2 && 3 &gt; 2 … &amp;unknown; A"),
            ("&lt;script&gt;alert(1)&lt;/script&gt;", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("Java <17 is old <", "Java &lt;17 is old &lt;"),
            ("cut <a href=\"https://x", "cut &lt;a href=\"https:\\//x"),
            ("<a href=\"https://x/a)b\">[x](y)</a>", "[\\[x\\](y)](https://x/a%29b)"),
            ("<img src=x onerror=\"alert('>')\">after", "after"),
            ("<a href=https://x><img src=y></a>", ""),
            ("line\n\n# one", "line \\# one"),
        ] {
            assert_eq!(to_markdown(html, BASE), expected, "{html}");
        }
        assert_eq!(to_markdown("<a href='/x'>rel</a>", None), "rel");
    }

    #[test]
    fn plain_text() {
        for (html, expected) in [
            (
                "See <a href=\"https://docs.example/scm\">the docs</a>.",
                "See the docs (https://docs.example/scm).",
            ),
            ("<a href=\"https://x/\">https://x/</a>", "https://x/"),
            ("<a href=\"javascript:x\">y</a>\n##vso[task.complete]", "y ##vso[task.complete]"),
        ] {
            assert_eq!(to_text(html, BASE), expected, "{html}");
        }
    }

    proptest! {
        #[test]
        fn no_html_and_one_line(html in "(<|>|/|a|b|!|--|\"|'|=| |\n|&|#|;|lt|href=|https://x|script|[|]|\\(|\\)|\\PC){0,60}") {
            let markdown = to_markdown(&html, BASE);
            prop_assert!(!markdown.contains(['<', '\n']), "{}", markdown);
            prop_assert!(!to_text(&html, BASE).contains('\n'));
        }
    }
}
