//! Runs squid, a proxy that many companies use, as Debian packages it.

use crate::scenario::program;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A squid for one test. It serves clients that know its user and password.
pub(crate) struct Squid {
    pub(crate) url: String,
    process: Child,
    folder: tempfile::TempDir,
}

impl Squid {
    pub(crate) fn start(user: &str, password: &str) -> Self {
        let executable = ["/usr/sbin/squid", "/usr/bin/squid"].iter().find(|path| Path::new(path).is_file());
        let executable = executable.expect("squid is not here: run scripts/test, which installs it");
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        // squid asks this program whether a client may pass: each line is a user and a password, percent-encoded.
        let encoded = url::form_urlencoded::byte_serialize(password.as_bytes()).collect::<String>();
        let helper = format!(
            "#!/bin/sh\nwhile read -r line; do\n  case $line in\n    '{user} {password}' | '{user} {encoded}') echo OK ;;\n    \
             *) echo ERR ;;\n  esac\ndone\n"
        );
        program(&folder.path().join("knows"), &helper);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let configuration = format!(
            "http_port 127.0.0.1:{port}\nauth_param basic program {}\nacl known proxy_auth REQUIRED\nhttp_access allow known\n\
             http_access deny all\ncache deny all\naccess_log stdio:{}\ncache_log {}\npid_filename none\n\
             coredump_dir none\nvisible_hostname squid\nshutdown_lifetime 0 seconds\npinger_enable off\n\
             buffered_logs off\nlogfile_rotate 0\n",
            path("knows"),
            path("access.log"),
            path("cache.log"),
        );
        std::fs::write(path("squid.conf"), configuration).unwrap();
        give_to_squid(folder.path());
        let process = Command::new(executable)
            .args(["-N", "-f", &path("squid.conf")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut squid = Self { url: format!("http://127.0.0.1:{port}"), process, folder };
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = squid.process.try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < Duration::from_secs(120),
                "squid: {ended:?}: {}",
                squid.log("cache.log")
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        squid
    }

    fn log(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
    }

    /// Its logs, for a test that fails.
    pub(crate) fn logs(&self) -> String {
        format!("\nsquid:\n{}{}", self.log("access.log"), self.log("cache.log"))
    }

    /// How many connections to an address it passed on. Its log has a connection once the connection ends.
    pub(crate) fn connections_to(&self, address: &str) -> usize {
        let log = self.log("access.log");
        log.lines()
            .filter(|line| line.contains(&format!("CONNECT {address}")) && line.contains("/200"))
            .count()
    }
}

impl Drop for Squid {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// squid runs as the user `proxy` if root starts it, so that user must be able to read and write there.
fn give_to_squid(folder: &Path) {
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let Some(user) = users.lines().find(|line| line.starts_with("proxy:")) else { return };
    let mut numbers = user.split(':').skip(2).map(|number| number.parse::<u32>().unwrap_or(0));
    let (uid, gid) = (numbers.next(), numbers.next());
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    for path in files.chain([PathBuf::from(folder)]) {
        // Started by another user, squid runs as that user.
        let _ = std::os::unix::fs::chown(path, uid, gid);
    }
}
