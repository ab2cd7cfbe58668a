//! The remote `origin` as the clone's configuration has it: its URL, and the credential that the checkout left.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::Url;

/// A remote.
#[derive(Debug)]
pub(super) struct Remote {
    /// The URL as it is configured, which may hold a password.
    pub(super) configured: Secret,
    /// The URL without user and password, if git may fetch from there.
    pub(super) url: Option<Url>,
    /// A header with the user and password that the URL holds.
    pub(super) header_of_url: Option<Secret>,
    /// The header that a checkout with `persistCredentials: true` left for it.
    pub(super) header_of_checkout: Option<Secret>,
}

impl Remote {
    /// `headers` are the keys and values of `http.extraHeader` and `http.<url>.extraHeader`.
    pub(super) fn new(configured: &str, headers: &[(&str, &str)]) -> Self {
        let is_fetched = |url: &Url| {
            matches!(url.scheme(), "http" | "https") && url.has_host() || cfg!(test) && url.scheme() == "file"
        };
        let parsed = Url::parse(configured).ok().filter(is_fetched);
        let header_of_url = parsed.as_ref().and_then(of_url);
        let header_of_checkout = parsed.as_ref().and_then(|url| of_checkout(url, headers));
        let url = parsed.map(|mut url| {
            // This fails only for URLs that cannot have a user.
            let _ = url.set_username("").and_then(|()| url.set_password(None));
            url
        });
        Self { configured: Secret::new(configured), url, header_of_url, header_of_checkout }
    }
}

/// User and password of the URL as a header: other processes can read arguments.
fn of_url(url: &Url) -> Option<Secret> {
    let password = decoded(url.password()?);
    let pair = [decoded(url.username()), password].join(&b':');
    Some(Secret::new(format!("Authorization: Basic {}", BASE64.encode(pair))))
}

fn decoded(text: &str) -> Vec<u8> {
    let hex = |at: usize| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        match (byte, hex(at + 1)) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    bytes
}

/// The header that git would choose: of those whose URL `url` begins with, the one with the longest URL (`git-config`(1),
/// `http.<url>.*`).
fn of_checkout(url: &Url, headers: &[(&str, &str)]) -> Option<Secret> {
    let fitting = headers.iter().filter_map(|(key, value)| {
        let of = key.strip_prefix("http.")?.strip_suffix("extraheader")?;
        let length = match of.strip_suffix('.') {
            None => 0,
            Some(of) => 1 + begins_with(url, &Url::parse(of).ok()?)?,
        };
        Some((length, value))
    });
    let (_, header) = fitting.filter(|(_, value)| !value.is_empty()).max_by_key(|(length, _)| *length)?;
    Some(Secret::new(*header))
}

/// The length of the path of `of`, if `url` is below `of`.
fn begins_with(url: &Url, of: &Url) -> Option<usize> {
    let path = of.path().trim_end_matches('/');
    let rest = url.path().strip_prefix(path)?;
    let is_below = url.origin() == of.origin()
        && (rest.is_empty() || rest.starts_with('/'))
        && (of.username().is_empty() || of.username() == url.username());
    is_below.then_some(path.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_http_and_https_are_fetched_from() {
        for (configured, expected) in [
            ("https://dev.azure.com/o/p/_git/r", Some("https://dev.azure.com/o/p/_git/r")),
            ("https://o@dev.azure.com/o/p/_git/r", Some("https://dev.azure.com/o/p/_git/r")),
            ("http://u:p@host/r", Some("http://host/r")),
            ("ssh://git@host/r", None),
            ("ext::sh -c x", None),
            ("git@ssh.dev.azure.com:v3/o/p/r", None),
            ("../r", None),
            ("/srv/r", None),
        ] {
            let url = Remote::new(configured, &[]).url;
            assert_eq!(url.as_ref().map(Url::as_str), expected, "{configured}");
        }
    }

    #[test]
    fn the_credential_is_that_of_the_longest_matching_url() {
        let header = |configured: &str, headers: &[(&str, &str)]| {
            let origin = Remote::new(configured, headers);
            origin.header_of_url.or(origin.header_of_checkout).map(|header| header.expose().to_owned())
        };
        // What the agent's checkout leaves: the URL with its user.
        let left = [("http.https://o@dev.azure.com/o/p/_git/r.extraheader", "AUTHORIZATION: bearer x")];
        let found = header("https://o@dev.azure.com/o/p/_git/r", &left);
        assert_eq!(found.as_deref(), Some("AUTHORIZATION: bearer x"));
        assert_eq!(header("https://dev.azure.com/o/p/_git/r", &left), None);
        assert_eq!(header("https://dev.azure.com.evil.example/o/p/_git/r", &left), None);
        let several = [
            ("http.extraheader", "a: 1"),
            ("http.https://github.com/.extraheader", "b: 2"),
            ("http.https://github.com/owner.extraheader", "c: 3"),
            ("http.https://github.com/owner/other.extraheader", "d: 4"),
            ("http.https://github.com/own.extraheader", "e: 5"),
            ("http.https://github.com/owner/name.extraheader", ""),
        ];
        assert_eq!(header("https://github.com/owner/name", &several).as_deref(), Some("c: 3"));
        assert_eq!(header("https://host/x", &several).as_deref(), Some("a: 1"));
        assert_eq!(
            header("https://u:p%40%C3%A4%@host/x", &several).as_deref(),
            Some("Authorization: Basic dTpwQMOkJQ==")
        );
        assert_eq!(header("https://u@host/x", &[]), None);
    }
}
