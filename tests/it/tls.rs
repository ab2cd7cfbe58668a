//! TLS with a private certificate authority, and a proxy that needs a password.

use crate::fake_azure_devops::block_on;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls;

/// A server that speaks TLS with a certificate of an authority of its own, before one that does not.
pub(crate) struct Tls {
    pub(crate) url: String,
    /// PEM.
    pub(crate) authority: String,
}

impl Tls {
    pub(crate) fn before(server: SocketAddr) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        // Of two authorities of one name, who looks one up may find the other.
        let name = format!("Contoso Root of {server}");
        parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
        let authority = parameters.self_signed(&key).unwrap();
        let pem = authority.pem();
        let issuer = rcgen::Issuer::new(parameters, key);

        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));

        let (listener, address) = listen();
        let url = format!("https://{address}");
        // It serves until the tests end.
        std::thread::spawn(move || block_on(serve(listener, acceptor, server)));
        Self { url, authority: pem }
    }
}

async fn serve(listener: std::net::TcpListener, acceptor: tokio_rustls::TlsAcceptor, server: SocketAddr) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            // A client that does not trust the certificate closes the connection.
            let Ok(mut outside) = acceptor.accept(stream).await else { return };
            let mut inside = TcpStream::connect(server).await.unwrap();
            let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
        });
    }
}

fn listen() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A forward proxy for clients that know its user and password.
pub(crate) struct ForwardProxy {
    pub(crate) url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

impl ForwardProxy {
    pub(crate) fn start(user: &str, password: &str) -> Self {
        let (listener, address) = listen();
        let heads = Arc::<Mutex<Vec<String>>>::default();
        let seen = heads.clone();
        let credentials = format!("Basic {}", BASE64.encode(format!("{user}:{password}")));
        std::thread::spawn(move || {
            block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                while let Ok((client, _)) = listener.accept().await {
                    let (seen, credentials) = (seen.clone(), credentials.clone());
                    tokio::spawn(async move { pass(client, &credentials, &seen).await });
                }
            });
        });
        Self { url: format!("http://{address}"), heads }
    }

    /// The heads of the requests that were let through, in lower case.
    pub(crate) fn passed(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// Serves one connection: `None` when the other side is gone.
async fn pass(client: TcpStream, credentials: &str, seen: &Mutex<Vec<String>>) -> Option<()> {
    let mut client = BufReader::new(client);
    loop {
        let mut head = String::new();
        while client.read_line(&mut head).await.ok()? > 2 {}
        let (first, rest) = head.split_once("\r\n")?;
        let [method, target, _] = first.split(' ').collect::<Vec<_>>()[..] else { return None };
        let authorized = rest.lines().any(|line| {
            line.split_once(": ").is_some_and(|(name, value)| {
                name.eq_ignore_ascii_case("proxy-authorization") && value == credentials
            })
        });
        if !authorized {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n\
                          Content-Length: 0\r\n\r\n";
            client.write_all(answer.as_bytes()).await.ok()?;
            continue;
        }
        seen.lock().unwrap().push(head.to_lowercase());
        let mut server;
        if method == "CONNECT" {
            server = TcpStream::connect(target).await.ok()?;
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
        } else {
            let (host, path) = target.strip_prefix("http://")?.split_once('/')?;
            server = TcpStream::connect(host).await.ok()?;
            // One request per connection, so that the next one is seen too.
            let head = format!("{method} /{path} HTTP/1.1\r\nConnection: close\r\n{rest}");
            server.write_all(head.as_bytes()).await.ok()?;
        }
        tokio::io::copy_bidirectional(&mut client, &mut server).await.ok()?;
        return Some(());
    }
}
