//! Watches the processes that a step starts (Linux).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Command lines seen in the tree below one process, by process id.
#[derive(Debug, Default, Clone)]
pub(crate) struct Processes(BTreeMap<u32, BTreeSet<String>>);

impl Processes {
    /// Reads the process tree of `root`, including `root` itself.
    fn look(&mut self, root: u32) {
        let mut tree = BTreeSet::from([root]);
        let mut parents = parents();
        // A child's id may be lower than its parent's: go on until nothing is added.
        loop {
            let (found, rest): (Vec<_>, Vec<_>) =
                parents.into_iter().partition(|(_, parent)| tree.contains(parent));
            if found.is_empty() {
                break;
            }
            tree.extend(found.into_iter().map(|(child, _)| child));
            parents = rest;
        }
        for id in tree {
            if let Ok(line) = std::fs::read(format!("/proc/{id}/cmdline")) {
                self.0.entry(id).or_default().insert(String::from_utf8_lossy(&line).replace('\0', " "));
            }
        }
    }

    pub(crate) fn command_lines(&self) -> impl Iterator<Item = &str> {
        self.0.values().flatten().map(String::as_str)
    }

    /// The processes that are still running.
    pub(crate) fn survivors(&self) -> Vec<u32> {
        self.0.keys().copied().filter(|id| !ends(*id)).collect()
    }
}

/// Waits until a process ends, and returns whether it did. Returns at once if it has already ended.
pub(crate) fn ends(id: u32) -> bool {
    let id = Pid::from_raw(id.try_into().unwrap()).unwrap();
    let Ok(process) = pidfd_open(id, PidfdFlags::empty()) else { return true };
    let patience = Timespec { tv_sec: 300, tv_nsec: 0 };
    // It can be read from once the process has ended.
    poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&patience)).unwrap() > 0
}

/// All processes and their parents.
fn parents() -> Vec<(u32, u32)> {
    let parent = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name before it stands in parentheses and may hold anything.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let ids = std::fs::read_dir("/proc").unwrap().flatten();
    ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|id| Some((id, parent(id)?)))
        .collect()
}

/// Watches repeatedly until it is stopped.
pub(crate) struct Watcher {
    stop: Sender<()>,
    thread: JoinHandle<Processes>,
}

impl Watcher {
    pub(crate) fn start(root: u32) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut processes = Processes::default();
            loop {
                processes.look(root);
                match stopped.recv_timeout(Duration::from_millis(200)) {
                    Err(RecvTimeoutError::Timeout) => {}
                    _ => return processes,
                }
            }
        });
        Self { stop, thread }
    }

    /// The command lines that were seen.
    pub(crate) fn stop(self) -> Processes {
        let _ = self.stop.send(());
        self.thread.join().unwrap()
    }
}
