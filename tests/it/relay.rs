//! A relay in front of a server. It passes requests on until a test makes it do something else.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const PASS_ON: u8 = 0;
const HTML: u8 = 1;
const REFUSE: u8 = 2;

/// A relay on loopback.
pub(crate) struct Relay {
    pub(crate) url: String,
    behaviour: Arc<AtomicU8>,
}

impl Relay {
    pub(crate) fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Arc::new(AtomicU8::new(PASS_ON));
        let now = behaviour.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, now) = (stream.unwrap(), now.clone());
                // Either side may have closed the connection.
                std::thread::spawn(move || drop(serve(stream, server, now.load(Ordering::SeqCst))));
            }
        });
        Self { url, behaviour }
    }

    /// From the next connection on, requests reach the server.
    pub(crate) fn pass_on(&self) {
        self.behaviour.store(PASS_ON, Ordering::SeqCst);
    }

    /// From the next connection on, each request is answered by a page, as gateways and log-in portals do.
    pub(crate) fn answer_with_html(&self) {
        self.behaviour.store(HTML, Ordering::SeqCst);
    }

    /// From the next connection on, there is no answer.
    pub(crate) fn refuse(&self) {
        self.behaviour.store(REFUSE, Ordering::SeqCst);
    }
}

fn serve(mut client: TcpStream, server: SocketAddr, behaviour: u8) -> std::io::Result<()> {
    match behaviour {
        REFUSE => client.shutdown(Shutdown::Both),
        HTML => {
            let mut buffer = [0; 8192];
            let _ = client.read(&mut buffer)?;
            let page = "<!DOCTYPE html><html><body><h1>Please sign in</h1></body></html>";
            write!(
                client,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
                page.len()
            )
        }
        _ => {
            // One request per connection, so that the next one sees the current setting.
            let server = TcpStream::connect(server)?;
            let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
            let up = std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(Shutdown::Write);
            });
            let mut from_server = server;
            let copied = std::io::copy(&mut from_server, &mut client);
            let _ = client.shutdown(Shutdown::Both);
            let _ = up.join();
            copied.map(drop)
        }
    }
}
