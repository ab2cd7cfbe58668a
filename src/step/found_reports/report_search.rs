//! Looks for reports in folders.

use super::report_age::Age;
use crate::analysis::report_formats::{
    HEAD, Report, is_dotcover_page, is_likely_report, may_be_report, recognise,
};
use crate::analysis::xml::decode;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Entries of folders looked at in all, and files opened.
const MOST_ENTRIES: usize = 100_000;
pub(super) const MOST_OPENED: usize = 1_000;
/// Files opened only to tell that they are left out.
const MOST_TOLD: usize = 50;
/// A larger report is left alone.
pub(super) const LARGEST: u64 = 256 << 20;
/// Names in one line of the log.
const MOST_NAMED: usize = 3;

/// No build leaves its reports there.
const PASSED_OVER: &[&str] =
    &[".git", ".scannerwork", ".sonar", ".sonarqube", "node_modules", ".venv", "site-packages", "sonar-azdo"];

/// A report and where it lies.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) report: Report,
}

impl Found {
    /// The report at a path.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let size = std::fs::symlink_metadata(path).ok()?.len();
        Some(Self { path: path.to_owned(), size, report: open(path)? })
    }
}

/// A search through several folders.
#[derive(Debug, Default)]
pub(super) struct Search {
    pub(super) found: Vec<Found>,
    /// What was left out, by the reason.
    left_out: BTreeMap<String, Vec<PathBuf>>,
    /// Whether dotCover's reports are meant, too: a page, beside a folder of its name.
    pub(super) pages: bool,
}

struct Candidate {
    path: PathBuf,
    metadata: Metadata,
    is_likely: bool,
}

impl Search {
    /// Adds the reports below `folder` that are not too old, in the order of their paths.
    pub(super) fn look_in(&mut self, folder: &Path, age: Option<&Age>) {
        let mut told = 0;
        let mut folders_of_java = BTreeSet::new();
        for Candidate { path, metadata, is_likely } in self.candidates(folder) {
            let why = age.and_then(|age| age.why_too_old(&path, &metadata));
            if why.is_some() && (!is_likely || told == MOST_TOLD) {
                continue;
            }
            // Of the many that Java writes into one folder one is enough.
            if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("TEST-"))
                && why.is_none()
                && !folders_of_java.insert(path.parent().map(Path::to_owned))
            {
                continue;
            }
            told += usize::from(why.is_some());
            let Some(report) = open(&path) else { continue };
            let too_large = || format!("larger than {} MiB", LARGEST >> 20);
            match why.or_else(|| (metadata.len() > LARGEST).then(too_large)) {
                Some(why) => self.leave_out(&path, why),
                None => self.found.push(Found { path, size: metadata.len(), report }),
            }
        }
    }

    /// Notes that a report is left out.
    pub(super) fn leave_out(&mut self, path: &Path, why: impl Into<String>) {
        self.left_out.entry(why.into()).or_default().push(path.to_owned());
    }

    /// Tells what was left out.
    pub(super) fn tell(&self, base_dir: &Path) {
        for (why, paths) in &self.left_out {
            tracing::info!("Reports left out, because {why}: {}", named(paths, base_dir));
        }
    }

    /// Of files of the same content only the first is kept: a TRX report has copies of what belongs to it.
    pub(super) fn keep_each_once(&mut self) {
        let mut sizes: BTreeMap<u64, usize> = BTreeMap::new();
        for found in &self.found {
            *sizes.entry(found.size).or_default() += 1;
        }
        let mut seen = BTreeSet::new();
        // A comma in a path would keep it from being named.
        self.found.sort_by_key(|found| found.path.to_string_lossy().contains(','));
        self.found.retain(|found| {
            sizes[&found.size] == 1 || hash(&found.path).is_none_or(|hash| seen.insert(hash))
        });
    }

    /// Files that may be reports, in the order of their paths; where they are too many, those with likely names.
    fn candidates(&self, folder: &Path) -> Vec<Candidate> {
        let mut found = Vec::new();
        let is_whole = walk(folder, &mut |path, name| {
            let is_page = || self.pages && name.ends_with(".html") && is_dotcover(&path);
            if (may_be_report(name) || is_page())
                && let Ok(metadata) = std::fs::symlink_metadata(&path)
            {
                found.push(Candidate { path, metadata, is_likely: is_likely_report(name) });
            }
            true
        });
        found.sort_by(|a, b| (!a.is_likely, a.path.as_os_str()).cmp(&(!b.is_likely, b.path.as_os_str())));
        if !is_whole || found.len() > MOST_OPENED {
            tracing::info!(
                "The search for reports in {} ended early: there are too many files",
                folder.display()
            );
            found.truncate(MOST_OPENED);
        }
        found.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        found
    }
}

/// Whether this may be the first page of dotCover's report: the folder of its name has one for each source file.
fn is_dotcover(path: &Path) -> bool {
    let pages = std::fs::read_dir(path.with_extension("").join("src")).into_iter().flatten().flatten();
    pages.take(3).any(|page| read(&page.path(), LARGEST).is_some_and(|text| is_dotcover_page(&decode(&text))))
}

fn open(path: &Path) -> Option<Report> {
    recognise(&path.file_name()?.to_string_lossy(), &decode(&read(path, HEAD)?))
}

fn hash(path: &Path) -> Option<[u8; 32]> {
    let mut file = regular(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(hash.finalize().into()),
            length => hash.update(&piece[..length]),
        }
    }
}

/// The first `most` bytes of a regular file.
pub(super) fn read(path: &Path, most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    regular(path)?.take(most).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Opens a regular file: a pipe of a report's name would never answer, a link might lead to a device without an end.
fn regular(path: &Path) -> Option<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path).ok()?;
    file.metadata().ok()?.is_file().then_some(file)
}

/// Hands on the files below `folder`, those that lie deepest last, until `each` says that it is enough. Returns
/// whether those were all. Links are not followed.
pub(super) fn walk(folder: &Path, each: &mut dyn FnMut(PathBuf, &str) -> bool) -> bool {
    let mut left = MOST_ENTRIES;
    let mut folders = VecDeque::from([folder.to_owned()]);
    while let Some(folder) = folders.pop_front() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            let name = name.to_string_lossy();
            if kind.is_dir() && !PASSED_OVER.contains(&name.as_ref()) {
                folders.push_back(entry.path());
            }
            left -= 1;
            if left == 0 || kind.is_file() && !each(entry.path(), &name) {
                return false;
            }
        }
    }
    true
}

/// The first of these paths, and how many there are beside them.
pub(super) fn named(paths: &[impl AsRef<Path>], base_dir: &Path) -> String {
    let first = paths.iter().take(MOST_NAMED).map(|path| relative(path.as_ref(), base_dir));
    let first = first.collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(MOST_NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

pub(super) fn relative(path: &Path, base_dir: &Path) -> String {
    path.strip_prefix(base_dir).unwrap_or(path).display().to_string()
}
