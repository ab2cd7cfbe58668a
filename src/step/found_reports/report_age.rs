//! Whether a report is of this build: not what its checkout wrote, and nothing older.

use super::regular_file::read;
use crate::git::{Stamp, files_in_index};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A larger index is not read: hundreds of thousands of files are in it.
const LARGEST_INDEX: u64 = 256 << 20;
/// So much of the end of the list of checkouts is looked at.
const END_OF_LOG: usize = 64 * 1024;

/// What is too old, by the files of a clone or by time alone.
pub(super) struct ReportAge {
    since: SystemTime,
    before: &'static str,
    clone: Option<PathBuf>,
    index: OnceCell<BTreeMap<String, Stamp>>,
}

impl ReportAge {
    /// Of this build is what was written since the checkout, by others than the checkout. Without a clone, since the end of
    /// SonarPrepare. `started` is when the pipeline began.
    pub(super) fn since_checkout(
        clone: Option<&Path>,
        prepared: SystemTime,
        started: Option<SystemTime>,
    ) -> Self {
        let Some(clone) = clone else { return Self::since_prepare(prepared) };
        // A checkout writes all of these. Later commits, branches and fetches write some of them again, so the oldest
        // time is the nearest to it. Where the clone of an earlier build is used again for the same commit, git leaves
        // `HEAD` as it is: nothing is older than the pipeline.
        let modified = |name: &str| std::fs::metadata(clone.join(name)).and_then(|file| file.modified()).ok();
        let times = [modified(".git/HEAD"), modified(".git/FETCH_HEAD"), last_checkout(clone)];
        let oldest = times.into_iter().flatten().fold(prepared, SystemTime::min);
        Self {
            since: started.map_or(oldest, |started| oldest.max(started)),
            before: "the checkout",
            clone: Some(clone.to_owned()),
            index: OnceCell::new(),
        }
    }

    /// Of this build is what was written since the end of SonarPrepare.
    pub(super) fn since_prepare(prepared: SystemTime) -> Self {
        Self { since: prepared, before: "the end of SonarPrepare", clone: None, index: OnceCell::new() }
    }

    /// Why a file is not of this build; `None` if it is.
    pub(super) fn why_too_old(&self, path: &Path, metadata: &Metadata) -> Option<String> {
        let Ok(modified) = metadata.modified() else {
            return Some("their modification times could not be read".to_owned());
        };
        if modified <= self.since {
            return Some(format!("they are older than {}", self.before));
        }
        let name = path.strip_prefix(self.clone.as_ref()?).ok()?.to_string_lossy().replace('\\', "/");
        let stamp = self.index.get_or_init(|| self.read_index()).get(&name)?;
        let since = modified.duration_since(UNIX_EPOCH).ok()?;
        // Whole seconds and sizes have 32 bits in the index.
        let is_unchanged = stamp.seconds == since.as_secs() as u32
            && stamp.size == metadata.len() as u32
            && (stamp.nanoseconds == 0 || stamp.nanoseconds == since.subsec_nanos());
        is_unchanged.then(|| "they are part of the repository and unchanged since the checkout".to_owned())
    }

    fn read_index(&self) -> BTreeMap<String, Stamp> {
        let Some(clone) = &self.clone else { return BTreeMap::new() };
        let bytes = read(&clone.join(".git/index"), LARGEST_INDEX).unwrap_or_default();
        let config = read(&clone.join(".git/config"), 1 << 20).unwrap_or_default();
        let is_sha256 = String::from_utf8_lossy(&config).lines().any(|line| {
            line.split_once('=').is_some_and(|(key, value)| {
                key.trim().eq_ignore_ascii_case("objectformat") && value.trim() == "sha256"
            })
        });
        files_in_index(&bytes, if is_sha256 { 32 } else { 20 })
    }
}

/// When something was checked out last, by git's own list; in whole seconds.
fn last_checkout(clone: &Path) -> Option<SystemTime> {
    let log = read(&clone.join(".git/logs/HEAD"), 16 << 20)?;
    let end = String::from_utf8_lossy(&log[log.len().saturating_sub(END_OF_LOG)..]).into_owned();
    end.lines().rev().find_map(|line| {
        let (who, what) = line.split_once('\t')?;
        let is_checkout = what.starts_with("checkout:") || what.starts_with("clone:");
        // `<old> <new> <name> <mail> <seconds> <zone>`
        let seconds = who.rsplit(' ').nth(1)?.parse().ok().filter(|_| is_checkout)?;
        UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    })
}
