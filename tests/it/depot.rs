//! A file server that counts requests and sends no more pieces than a test allows.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// The number of pieces in which each file is sent.
pub(crate) const PIECES: usize = 20;
const PATIENCE: Duration = Duration::from_secs(600);

pub(crate) struct Depot {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Vec<u8>>,
    asked: BTreeMap<String, usize>,
    /// How many pieces may be sent in total. `None`: any number.
    allowed: Option<usize>,
    sent: usize,
}

impl Depot {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::<Shared>::default();
        let of_listener = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&of_listener);
                // A killed client does not read to the end.
                std::thread::spawn(move || drop(shared.serve(stream.unwrap())));
            }
        });
        Self { url, shared }
    }

    /// Serves a file and returns its URL.
    pub(crate) fn put(&self, name: &str, content: &[u8]) -> String {
        self.shared.state().files.insert(name.to_owned(), content.to_owned());
        format!("{}/{name}", self.url)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// How often the file was requested.
    pub(crate) fn times_asked(&self, name: &str) -> usize {
        self.shared.state().asked.get(name).copied().unwrap_or(0)
    }

    /// Resets the counters.
    pub(crate) fn forget(&self) {
        self.shared.state().asked.clear();
    }

    /// Allows this many pieces from now on, of all files together.
    pub(crate) fn allow(&self, pieces: Option<usize>) {
        let mut state = self.shared.state();
        (state.allowed, state.sent) = (pieces, 0);
        self.shared.changed.notify_all();
    }

    /// Waits until all allowed pieces are sent and another one is requested.
    pub(crate) fn await_sent(&self, pieces: usize) {
        let state = self.shared.state();
        let waiting = |state: &mut State| state.sent < pieces || state.asked.is_empty();
        let (_state, timeout) = self.shared.changed.wait_timeout_while(state, PATIENCE, waiting).unwrap();
        assert!(!timeout.timed_out(), "{pieces} pieces were never asked for");
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.ends_with(b"\r\n\r\n") {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            request.extend(&buffer[..length]);
        }
        let request = String::from_utf8_lossy(&request).into_owned();
        let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
        let mut state = self.state();
        *state.asked.entry(name.clone()).or_default() += 1;
        let file = state.files.get(&name).cloned();
        drop(state);
        self.changed.notify_all();
        let Some(file) = file else {
            return stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", file.len())?;
        for piece in file.chunks(file.len().div_ceil(PIECES).max(1)) {
            let is_closed = |state: &mut State| state.allowed.is_some_and(|allowed| state.sent >= allowed);
            let mut state = self.changed.wait_while(self.state(), is_closed).unwrap();
            stream.write_all(piece)?;
            state.sent += 1;
            drop(state);
            self.changed.notify_all();
        }
        Ok(())
    }
}
