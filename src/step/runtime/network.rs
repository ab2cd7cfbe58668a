//! The scanner reaches the server as we do: through the agent's proxy, and trusting the agent's authorities.

use super::java_options::READ_BY_JAVA;
use crate::analysis::{Properties, trust_store};
use crate::error::{Error, Result};
use crate::step::job::Job;
use std::path::Path;
use url::Url;

const PROXY_HOST: &str = "sonar.scanner.proxyHost";
const TRUST_STORE: &str = "sonar.scanner.truststorePath";

/// Where scanners look for a trust store by default, below their user home.
const TRUST_STORE_OF_USER: &str = "ssl/truststore.p12";

/// The variable with options for the Java of SonarScanner CLI, and for the engine of the scanner for .NET.
pub(crate) const SCANNER_OPTIONS: &str = "SONAR_SCANNER_OPTS";

/// Sets the scanner's properties for that, unless the user chose otherwise by properties or options of Java.
/// `server` is where the scanner goes, and it may read [`SCANNER_OPTIONS`]; `folder` is the record's, for a trust store.
///
/// # Errors
/// The agent's CA file cannot be read, or the trust store cannot be written.
pub(crate) fn equip(
    job: &Job,
    (server, reads_scanner_options): (&Url, bool),
    folder: &Path,
    user_home: &Path,
    properties: &mut Properties,
) -> Result<()> {
    let settings = job.http.settings();
    let own_options = properties.value("sonar.scanner.javaOpts").map(str::to_owned);
    let says = |option: &str| {
        let of_cli = reads_scanner_options.then_some(SCANNER_OPTIONS);
        let of_job = READ_BY_JAVA.into_iter().chain(of_cli).filter_map(|name| job.environment.value(name));
        of_job.chain(own_options.as_deref()).any(|options| options.contains(option))
    };
    if let Some(proxy) = settings.proxy_for(server)
        && properties.value(PROXY_HOST).is_none()
        && !says("http.proxyHost=")
        && !says("https.proxyHost=")
    {
        let host = proxy.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = proxy.url.port_or_known_default().unwrap_or(80);
        tracing::info!("The scanner uses the proxy {host}:{port}");
        properties.set(PROXY_HOST, host);
        properties.set("sonar.scanner.proxyPort", port.to_string());
        if let Some((user, password)) = &proxy.credentials {
            properties.set("sonar.scanner.proxyUser", user.as_str());
            properties.set("sonar.scanner.proxyPassword", password.expose());
        }
    }
    let is_chosen = properties.value(TRUST_STORE).is_some()
        || user_home.join(TRUST_STORE_OF_USER).exists()
        || says("javax.net.ssl.trustStore=");
    if server.scheme() != "https" || is_chosen {
        return Ok(());
    }
    if settings.skip_certificate_validation {
        tracing::warn!(
            "allowInvalidCertificate applies only to the requests of these tasks: the scanner still checks certificates. If it \
             refuses the server's, configure the agent with --sslcacert <PEM file>, or set {TRUST_STORE}."
        );
    } else if !settings.ca_files.is_empty() {
        let authorities = settings.authorities().map_err(|error| Error::new(error.to_string()))?;
        let file = folder.join("truststore.p12");
        std::fs::write(&file, trust_store::pkcs12(&authorities))
            .map_err(|error| Error::new(format!("{} could not be written: {error}", file.display())))?;
        tracing::debug!("The scanner trusts the agent's authorities: {}", file.display());
        properties.set(TRUST_STORE, file.display().to_string());
    }
    Ok(())
}

/// The proxy that these properties name, for programs that read no properties: with its user and password.
pub(crate) fn proxy_in(properties: &Properties) -> Option<Url> {
    let host = properties.value(PROXY_HOST).filter(|host| !host.is_empty())?;
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let port = properties.value("sonar.scanner.proxyPort").unwrap_or("80");
    let mut proxy = Url::parse(&format!("http://{host}:{port}")).ok()?;
    if let Some(user) = properties.value("sonar.scanner.proxyUser") {
        // Fails only for URLs that cannot have user info.
        let password = properties.value("sonar.scanner.proxyPassword");
        proxy.set_username(user).and_then(|()| proxy.set_password(password)).ok()?;
    }
    Some(proxy)
}

/// The same as options of Java, for an engine that runs inside of SonarScanner CLI and does not know these properties.
/// Warns of what has no such option.
pub(crate) fn options_of_java(properties: &Properties, server: &Url) -> String {
    if server.scheme() == "https" && properties.value(TRUST_STORE).is_some() {
        tracing::warn!(
            "This scanner trusts only the certificate authorities of its Java. If it refuses the server's certificate, import the \
             agent's CA file into a trust store (keytool -importcert), and name that store in the variable SONAR_SCANNER_OPTS: \
             -Djavax.net.ssl.trustStore=<file>"
        );
    }
    let Some(host) = properties.value(PROXY_HOST) else { return String::new() };
    if properties.value("sonar.scanner.proxyPassword").is_some() {
        tracing::warn!(
            "The password of the proxy {host} is left out, because this scanner takes it only on its command line, where \
             others could read it. Let the server be reached without the proxy (NO_PROXY), or through a proxy without a \
             password."
        );
    }
    let (scheme, port) = (server.scheme(), properties.value("sonar.scanner.proxyPort").unwrap_or("80"));
    // An empty list: Java would go past the proxy to this machine.
    format!(" -D{scheme}.proxyHost={host} -D{scheme}.proxyPort={port} -Dhttp.nonProxyHosts=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_proxy_of_properties() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs =
                pairs.iter().map(|(key, value)| (format!("sonar.scanner.{key}"), (*value).to_owned()));
            proxy_in(&pairs.collect()).map(String::from)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("proxyHost", "proxy")]).as_deref(), Some("http://proxy/"));
        assert_eq!(
            of(&[("proxyHost", "fd00::1"), ("proxyPort", "3128")]).as_deref(),
            Some("http://[fd00::1]:3128/")
        );
        let named = [
            ("proxyHost", "proxy"),
            ("proxyPort", "3128"),
            ("proxyUser", "us er"),
            ("proxyPassword", "p@:/"),
        ];
        assert_eq!(of(&named).as_deref(), Some("http://us%20er:p%40%3A%2F@proxy:3128/"));
    }
}
