//! How this job reaches the network: proxies and certificate authorities, for our own requests and for programs that make
//! theirs.

use super::proxy::Proxy;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{Error as PemError, PemObject as _};
use std::path::{Path, PathBuf};
use url::Url;

/// How this job reaches the network. Filled by the agent edge.
#[derive(Debug, Clone, Default)]
pub struct NetworkSettings {
    /// PEM files with certificate authorities trusted beside the platform's own (`Agent.CAInfo`).
    pub ca_files: Vec<PathBuf>,
    /// Proxies; the first whose scope has a URL's scheme is used.
    pub proxies: Vec<Proxy>,
    /// Any certificate is accepted: of Azure DevOps if the agent was configured with `--sslskipcertvalidation`, of
    /// everything else if the input `allowInvalidCertificate` says so.
    pub skip_certificate_validation: bool,
}

/// A CA file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the CA file {} could not be read: {cause}", file.display())]
pub(crate) struct CaFileError {
    /// The file.
    pub file: PathBuf,
    /// Why.
    pub cause: PemError,
}

impl NetworkSettings {
    /// The proxy that `url` is reached through; `None`: it is reached directly.
    pub fn proxy_for(&self, url: &Url) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.is_for(url))
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
    /// A file cannot be read.
    pub(crate) fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, CaFileError> {
        let mut certificates = Vec::new();
        for file in &self.ca_files {
            certificates.extend(read(file).map_err(|cause| CaFileError { file: file.clone(), cause })?);
        }
        Ok(certificates)
    }
}

fn read(file: &Path) -> Result<Vec<CertificateDer<'static>>, PemError> {
    CertificateDer::pem_file_iter(file)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::ProxyScope;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
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
