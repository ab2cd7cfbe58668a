//! A forward proxy, and which hosts go past it.

use super::host_name::parse_url;
use crate::secret::Secret;
use std::net::IpAddr;
use url::{Host, Url};

/// A forward proxy and what goes past it.
#[derive(Debug, Clone)]
pub struct Proxy {
    /// Which URLs go through it.
    pub scope: ProxyScope,
    /// `http://host:port`.
    pub url: Url,
    /// User and password for the proxy's Basic authentication.
    pub credentials: Option<(String, Secret)>,
    /// Hosts that are reached directly, in `NO_PROXY` syntax.
    pub no_proxy: String,
}

/// Which URLs a proxy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyScope {
    /// `http://` only.
    Http,
    /// `https://` only.
    Https,
    /// Both.
    All,
}

impl Proxy {
    /// Reads a proxy's address as the variables `HTTPS_PROXY` and the like hold it: with or without a scheme, which is
    /// http then, and with or without user and password. `None`: it is not an address.
    pub(crate) fn parse(scope: ProxyScope, text: &str, no_proxy: &str) -> Option<Self> {
        let text = text.trim();
        let mut url = match text.contains("://") {
            true => parse_url(text).ok()?,
            false => parse_url(&format!("http://{text}")).ok()?,
        };
        url.host_str().filter(|host| !host.is_empty())?;
        let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
        let password = Secret::new(decoded(url.password().unwrap_or_default()));
        // Fails only for URLs that cannot have user info.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let credentials = user.map(|user| (user, password));
        Some(Self { scope, url, credentials, no_proxy: no_proxy.to_owned() })
    }

    /// Whether `url` is reached through it.
    pub(super) fn is_for(&self, url: &Url) -> bool {
        let is_in_scope = match self.scope {
            ProxyScope::Http => url.scheme() == "http",
            ProxyScope::Https => url.scheme() == "https",
            ProxyScope::All => true,
        };
        is_in_scope && !bypasses(&self.no_proxy, url)
    }

    /// `host:port`, for people.
    pub(crate) fn address(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or(80);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    /// The URL with user and password in it, and with the port, without which programs take different ones.
    pub(crate) fn with_credentials(&self) -> Secret {
        let mut with_user = self.url.clone();
        if let Some((user, password)) = &self.credentials {
            // Fails only for URLs that cannot have user info.
            let _ =
                with_user.set_username(user).and_then(|()| with_user.set_password(Some(password.expose())));
        }
        let text = with_user.as_str().trim_end_matches('/');
        Secret::new(match (self.url.port(), self.url.port_or_known_default()) {
            (None, Some(port)) => format!("{text}:{port}"),
            _ => text.to_owned(),
        })
    }
}

/// User or password without the escapes of a URL.
fn decoded(text: &str) -> String {
    let hex = |at: usize| text.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    let (mut bytes, mut at) = (Vec::with_capacity(text.len()), 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        let escaped = hex(at + 1).filter(|_| byte == b'%');
        bytes.push(escaped.unwrap_or(byte));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether `url` goes past a proxy, by the rules that programs have for `NO_PROXY`, each its own: names, with or without
/// `.` or `*.` before them, stand for themselves and what lies below them, addresses may be networks, a port may stand
/// behind both, `*` is everything; commas, semicolons or white space divide the entries.
fn bypasses(no_proxy: &str, url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let name = url.host_str().unwrap_or_default();
    let entries = no_proxy.split(|c: char| matches!(c, ',' | ';') || c.is_whitespace());
    entries.filter(|entry| !entry.is_empty()).any(|entry| {
        let (host, port) = host_and_port(entry);
        if port.is_some() && port != url.port_or_known_default() {
            return false;
        }
        match address {
            _ if host == "*" => true,
            Some(address) => is_within(address, host),
            None => {
                let domain =
                    host.strip_prefix('*').unwrap_or(host).trim_start_matches('.').to_ascii_lowercase();
                !domain.is_empty()
                    && name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
        }
    })
}

/// `host:port`, `[::1]:port`, or either without a port.
fn host_and_port(entry: &str) -> (&str, Option<u16>) {
    if let Some((address, rest)) = entry.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (address, rest.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        Some((host, port)) if !port.contains(':') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (entry, None),
        },
        _ => (entry, None),
    }
}

/// Whether an address is the one, or in the network, that `entry` writes: `10.0.0.1`, `10.0.0.0/8`.
fn is_within(address: IpAddr, entry: &str) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, bits.parse().ok()),
        None => (entry, Some(128_u32)),
    };
    let (Ok(network), Some(bits)) = (network.parse::<IpAddr>(), bits) else { return false };
    let differ = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(a.to_bits() ^ b.to_bits()) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => a.to_bits() ^ b.to_bits(),
        _ => return false,
    };
    differ.leading_zeros() >= bits.min(if address.is_ipv4() { 32 } else { 128 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn hosts_on_the_list_are_reached_without_the_proxy() {
        for (no_proxy, address, expected) in [
            ("", "http://sonar.corp", false),
            ("*", "http://sonar.corp", true),
            ("corp", "http://sonar.corp", true),
            (" x.org , .CORP ", "http://Sonar.Corp:9000/sonar", true),
            (".sonar.corp", "http://sonar.corp", true),
            ("sonar.corp", "http://mysonar.corp", false),
            ("sonar.corp", "http://corp", false),
            ("10.1.2.3", "http://10.1.2.3:9000", true),
            ("10.1.2.3", "http://10.1.2.4", false),
            ("10.0.0.0/8,x", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("0.0.0.0/0", "https://11.1.2.3", true),
            ("fd00::/8", "http://[fd12::1]", true),
            ("fd00::/8", "http://[fe12::1]", false),
            ("::1", "http://[::1]:9000", true),
            ("10.0.0.0/x,1.2.3.4/8", "http://10.1.2.3", false),
            ("*.corp", "http://sonar.corp", true),
            ("*.sonar.corp", "http://mysonar.corp", false),
            ("*corp", "http://sonar.corp", true),
            ("*", "http://10.1.2.3", true),
            ("*", "http://[::1]:9000", true),
            ("*.", "http://sonar.corp", false),
            ("x.org;sonar.corp", "http://sonar.corp", true),
            ("x.org sonar.corp\tz", "http://sonar.corp", true),
            ("x.org|sonar.corp", "http://sonar.corp", false),
            ("sonar.corp:9000", "http://sonar.corp:9000", true),
            ("sonar.corp:9000", "http://sonar.corp", false),
            ("sonar.corp:443", "https://sonar.corp", true),
            ("10.1.2.3:9000", "http://10.1.2.3:9000", true),
            ("10.1.2.3:9001", "http://10.1.2.3:9000", false),
            ("[::1]:9000,x", "http://[::1]:9000", true),
            ("[::1]", "http://[::1]:9000", true),
            ("10.0.0.0/8", "http://[::1]", false),
        ] {
            assert_eq!(bypasses(no_proxy, &url(address)), expected, "{no_proxy} {address}");
        }
    }

    #[test]
    fn an_address_needs_neither_scheme_nor_port() {
        for (text, expected) in [
            ("http://proxy.corp:8080", Some("http://proxy.corp:8080")),
            ("proxy.corp:8080", Some("http://proxy.corp:8080")),
            ("proxy", Some("http://proxy:80")),
            (" 10.1.2.3:3128 ", Some("http://10.1.2.3:3128")),
            ("[::1]:3128", Some("http://[::1]:3128")),
            ("https://proxy.corp", Some("https://proxy.corp:443")),
            ("ci:p%40ss@proxy:8080", Some("http://ci:p%40ss@proxy:8080")),
            ("http://", None),
            ("proxy:port", None),
        ] {
            let proxy = Proxy::parse(ProxyScope::All, text, "");
            assert_eq!(
                proxy.as_ref().map(|proxy| proxy.with_credentials().expose().to_owned()).as_deref(),
                expected,
                "{text}"
            );
        }
        let proxy = Proxy::parse(ProxyScope::All, "ci:p%40ss@proxy:8080", "").unwrap();
        assert_eq!(proxy.credentials, Some(("ci".into(), Secret::new("p@ss"))));
        assert_eq!(proxy.address(), "proxy:8080");
    }
}
