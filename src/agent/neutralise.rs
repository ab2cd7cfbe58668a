//! Text from outside never becomes a command of the agent.

/// Makes text from outside harmless: a `##vso` or `##[` in it, wherever it stands, is broken by a
/// visible space. (`##vso` alone is not a command, but the agent warns about each line that holds it.)
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
mod tests {
    use super::*;

    #[test]
    fn a_command_in_a_text_is_broken_by_a_space() {
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
}
