//! What stands before a server and counts in how many rounds it is asked: it holds the answers to the requests of a round
//! until all of them have come. Who asks one after the other what is expected at once, waits for ever.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// Far longer than any machine takes: it ends a test that fails.
const LONGEST: Duration = Duration::from_secs(30);

/// A relay on loopback.
pub(crate) struct Rounds {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    server: SocketAddr,
    /// Paths that have not come yet, of the rounds that have not ended.
    rounds: Mutex<Vec<Vec<String>>>,
    changed: Condvar,
    /// What came out of turn, or waited too long.
    wrong: Mutex<Vec<String>>,
}

impl Rounds {
    /// Before a server that is asked for these paths, all those of a round at once. What comes after the last round passes.
    pub(crate) fn before(url: &str, rounds: &[&[&str]]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let rounds = rounds.iter().map(|round| round.iter().map(|path| (*path).to_owned()).collect());
        let state = Arc::new(State {
            server: url.trim_start_matches("http://").trim_end_matches('/').parse().unwrap(),
            rounds: Mutex::new(rounds.collect()),
            changed: Condvar::new(),
            wrong: Mutex::default(),
        });
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, state) = (stream.unwrap(), shared.clone());
                // Either side may be gone.
                std::thread::spawn(move || drop(state.serve(stream)));
            }
        });
        Self { url: address, state }
    }

    /// Makes sure that all rounds were held, each as it is expected.
    #[track_caller]
    pub(crate) fn were_held(&self) {
        assert_eq!(*self.state.wrong.lock().unwrap(), [""; 0]);
        assert_eq!(*self.state.rounds.lock().unwrap(), [[""; 0]; 0], "not asked for");
    }
}

impl State {
    fn serve(&self, mut client: TcpStream) -> std::io::Result<()> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            if client.read(&mut byte)? == 0 {
                return Ok(());
            }
            head.extend_from_slice(&byte);
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().split('?').next().unwrap();
        self.hold(path);
        let mut server = TcpStream::connect(self.server)?;
        // One request a connection, so that its answer ends with it.
        server.write_all(head.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
        std::io::copy(&mut server, &mut client)?;
        client.shutdown(Shutdown::Both)
    }

    /// Waits for the others of the round.
    fn hold(&self, path: &str) {
        let mut rounds = self.rounds.lock().unwrap();
        let Some(round) = rounds.first_mut() else { return };
        let Some(at) = round.iter().position(|expected| expected == path) else {
            self.wrong.lock().unwrap().push(format!("{path} came while {round:?} were to come"));
            return;
        };
        round.remove(at);
        if round.is_empty() {
            rounds.remove(0);
            self.changed.notify_all();
            return;
        }
        let left = rounds.len();
        let (rounds, waited) =
            self.changed.wait_timeout_while(rounds, LONGEST, |rounds| rounds.len() == left).unwrap();
        if waited.timed_out() {
            self.wrong.lock().unwrap().push(format!("{path} waited for {:?}", rounds.first()));
        }
    }
}
