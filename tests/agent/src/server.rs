//! Serves Azure DevOps on loopback, with HTTP/1.1 as far as the steps speak it: a request has a length, and a connection
//! carries several.

use serde_json::json;
use stand_in_agent::azure_devops::{Resources, below, segments};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The collection's only name.
const COLLECTION: &str = "demo";

/// Azure DevOps of a job. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct AzureDevOps {
    /// The collection's URL.
    pub(crate) url: String,
    token: String,
    state: Arc<Mutex<State>>,
}

/// What is kept, and what was asked.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) resources: Resources,
    /// Method and path of each request.
    pub(crate) calls: Vec<String>,
}

struct Request {
    method: String,
    target: String,
    authorization: String,
    body: Vec<u8>,
}

impl AzureDevOps {
    /// Starts to serve, to those who send this token.
    pub(crate) fn start(token: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let url = format!("http://{}/{COLLECTION}/", listener.local_addr()?);
        let azure = Self { url, token: token.to_owned(), state: Arc::default() };
        let served = azure.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let served = served.clone();
                // A connection that breaks ends its thread; whoever waits for the answer notices.
                std::thread::spawn(move || served.serve(&connection));
            }
        });
        Ok(azure)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, mut connection: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(connection);
        loop {
            let request = read(&mut reader)?;
            let (status, body) = self.answer(&request);
            let head = format!(
                "HTTP/1.1 {status} -\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            connection.write_all((head + &body).as_bytes()).ok()?;
        }
    }

    fn answer(&self, request: &Request) -> (u16, String) {
        let Request { method, target, authorization, body } = request;
        let mut state = self.state();
        state.calls.push(format!("{method} {target}"));
        if *authorization != format!("Bearer {}", self.token) {
            return (401, json!({ "message": "Access denied" }).to_string());
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let Some(path) = below(&segments(path), COLLECTION) else {
            return (404, json!({ "message": "TF50309: there is no such collection" }).to_string());
        };
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        match state.resources.answer(method, &path, &query, body) {
            Ok(answer) => (200, answer.to_string()),
            Err(refusal) => (refusal.status, refusal.body().to_string()),
        }
    }
}

/// The next request of a connection; `None` at its end.
fn read(reader: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut text = String::new();
        reader.read_line(&mut text).ok()?;
        (!text.is_empty()).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (mut authorization, mut length) = (String::new(), 0);
    loop {
        let header = line()?;
        let Some((name, value)) = header.split_once(':') else { break };
        match name.to_lowercase().as_str() {
            "authorization" => value.trim().clone_into(&mut authorization),
            "content-length" => length = value.trim().parse().ok()?,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, target, authorization, body })
}
