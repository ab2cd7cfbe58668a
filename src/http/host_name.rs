//! URLs whose host names hold letters outside ASCII.

use url::{ParseError, Url};

/// Reads a URL. A host name may hold letters outside ASCII, which DNS knows in punycode.
///
/// The crate `url` would need tables of 0.2 MB for that, and so a tenth of what the program may have. What they are for is left
/// out: letters in other widths or composed of several characters do not become the usual ones, so such a name is unknown to
/// DNS. Everything else but letters and digits is refused.
///
/// # Errors
/// The text is not a URL.
pub(crate) fn parse_url(text: &str) -> Result<Url, ParseError> {
    match Url::parse(text) {
        Err(error) => in_punycode(text).map_or(Err(error), |text| Url::parse(&text)),
        url => url,
    }
}

fn in_punycode(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    let (user, host) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let (host, port) = host.split_at(host.find(':').unwrap_or(host.len()));
    let labels: Option<Vec<_>> = host.split('.').map(label_in_punycode).collect();
    Some(format!("{scheme}://{user}{}{port}{path}", labels?.join(".")))
}

fn label_in_punycode(label: &str) -> Option<String> {
    if label.is_ascii() {
        return Some(label.to_owned());
    }
    let label = label.to_lowercase();
    if !label.chars().all(|c| c.is_alphanumeric() || c == '-') {
        return None;
    }
    Some(format!("xn--{}", idna::punycode::encode_str(&label)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names_outside_ascii_are_known_to_dns_in_punycode() {
        for (text, expected) in [
            ("https://sonar.example/x", Some("https://sonar.example/x")),
            (
                "https://sonar.bücher.example:9000/größe?q=ä#ü",
                Some("https://sonar.xn--bcher-kva.example:9000/gr%C3%B6%C3%9Fe?q=%C3%A4#%C3%BC"),
            ),
            ("http://us%20er:pä@BÜCHER.example", Some("http://us%20er:p%C3%A4@xn--bcher-kva.example/")),
            ("https://例え.テスト", Some("https://xn--r8jz45g.xn--zckzah/")),
            ("https://faß.example", Some("https://xn--fa-hia.example/")),
            ("https://a\u{200b}b.example", None),
            ("https://sonar。example", None),
            ("https://☂.example", None),
            ("https://ä@", None),
            ("ä", None),
        ] {
            assert_eq!(parse_url(text).ok().map(String::from).as_deref(), expected, "{text}");
        }
    }
}
