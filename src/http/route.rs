//! Which way a URL is reached, for programs that go there by themselves.

use super::client::{Proxy, ProxyScope, Settings};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use url::{Host, Url};

impl Settings {
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

/// Whether `url` goes past a proxy, by the rules of `NO_PROXY` that our own client follows: names stand for
/// themselves and what lies below them, addresses may be networks, `*` is everything.
fn passes(no_proxy: &str, url: &Url) -> bool {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    let name = url.host_str().unwrap_or_default();
    no_proxy.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| match address {
        _ if entry == "*" => true,
        Some(address) => is_within(address, entry),
        None => {
            let domain = entry.trim_start_matches('.').to_ascii_lowercase();
            name.strip_suffix(&domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
    })
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
            ("10.0.0.0/8", "http://[::1]", false),
        ] {
            assert_eq!(passes(no_proxy, &url(address)), expected, "{no_proxy} {address}");
        }
    }

    #[test]
    fn the_first_proxy_in_whose_scope_a_url_is() {
        let proxy = |scope, address: &str, no_proxy: &str| Proxy {
            scope,
            url: url(address),
            credentials: None,
            no_proxy: no_proxy.to_owned(),
        };
        let settings = Settings {
            proxies: vec![
                proxy(ProxyScope::Https, "http://a", "past.corp"),
                proxy(ProxyScope::Http, "http://b", ""),
                proxy(ProxyScope::All, "http://c", "past.corp"),
            ],
            ..Settings::default()
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
