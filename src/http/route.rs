//! Which way a URL is reached, for programs that go there by themselves.

use super::client::{NetworkSettings, Proxy, ProxyScope};
use crate::secret::Secret;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use url::{Host, Url};

impl Proxy {
    /// Reads a proxy's address as the variables `HTTPS_PROXY` and the like hold it: with or without a scheme, which is
    /// http then, and with or without user and password. `None`: it is none.
    pub fn parse(scope: ProxyScope, text: &str, no_proxy: &str) -> Option<Self> {
        let text = text.trim();
        let mut url = match text.contains("://") {
            true => Url::parse(text).ok()?,
            false => Url::parse(&format!("http://{text}")).ok()?,
        };
        url.host_str().filter(|host| !host.is_empty())?;
        let user = Some(decoded(url.username())).filter(|user| !user.is_empty());
        let password = Secret::new(decoded(url.password().unwrap_or_default()));
        // Fails only for URLs that cannot have user info.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
        let credentials = user.map(|user| (user, password));
        Some(Self { scope, url, credentials, no_proxy: no_proxy.to_owned() })
    }

    /// `host:port`, for people.
    pub fn address(&self) -> String {
        let port = self.url.port_or_known_default().unwrap_or(80);
        format!("{}:{port}", self.url.host_str().unwrap_or_default())
    }

    /// The URL with user and password in it, and with the port, without which programs take different ones.
    pub fn with_credentials(&self) -> Secret {
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

impl NetworkSettings {
    /// The proxy that `url` is reached through; `None`: it is reached directly.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| {
            let in_scope = match proxy.scope {
                ProxyScope::Http => url.scheme() == "http",
                ProxyScope::Https => url.scheme() == "https",
                ProxyScope::All => true,
            };
            in_scope && !passes(&proxy.no_proxy, url)
        })
    }

    /// The same for our own client.
    pub(super) fn proxies_of_client(&self) -> reqwest::Proxy {
        let settings = self.clone();
        reqwest::Proxy::custom(move |url| {
            settings.proxy_for(url).map(|proxy| proxy.with_credentials().expose().to_owned())
        })
    }

    /// The certificates in the CA files, in DER.
    ///
    /// # Errors
    /// A file can't be read, and why.
    pub fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, (PathBuf, PemError)> {
        let mut certificates = Vec::new();
        for file in &self.ca_files {
            certificates.extend(read(file).map_err(|error| (file.clone(), error))?);
        }
        Ok(certificates)
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    CertificateDer::pem_file_iter(file)?.collect()
}

/// Whether `url` goes past a proxy, by the rules that programs have for `NO_PROXY`, each its own: names, with or without
/// `.` or `*.` before them, stand for themselves and what lies below them, addresses may be networks, a port may stand
/// behind both, `*` is everything; commas, semicolons or white space divide the entries.
fn passes(no_proxy: &str, url: &Url) -> bool {
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
    fn what_goes_past_a_proxy() {
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
            assert_eq!(passes(no_proxy, &url(address)), expected, "{no_proxy} {address}");
        }
    }

    #[test]
    fn addresses_of_proxies() {
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

    #[test]
    fn the_first_proxy_in_whose_scope_a_url_is() {
        let proxy = |scope, address: &str, no_proxy: &str| Proxy {
            scope,
            url: url(address),
            credentials: None,
            no_proxy: no_proxy.to_owned(),
        };
        let settings = NetworkSettings {
            proxies: vec![
                proxy(ProxyScope::Https, "http://a", "past.corp"),
                proxy(ProxyScope::Http, "http://b", ""),
                proxy(ProxyScope::All, "http://c", "past.corp"),
            ],
            ..NetworkSettings::default()
        };
        for (address, expected) in [
            ("https://sonar.corp", Some("http://a/")),
            ("http://sonar.corp", Some("http://b/")),
            ("https://past.corp", None),
        ] {
            let found = settings.proxy_for(&url(address)).map(|proxy| proxy.url.as_str());
            assert_eq!(found, expected, "{address}");
        }
    }
}
