//! Looks for reports in folders.

use super::regular_file::{LARGEST, open_regular, read};
use super::report_age::ReportAge;
use super::shown_paths::named;
use crate::analysis::report_formats::{
    HEAD, Report, is_dotcover_page, is_likely_report, may_be_report, recognise,
};
use crate::analysis::xml::decode;
use crate::step::folder_walk::{WalkPurpose, walk};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Entries of folders looked at in all, and files opened.
const MOST_ENTRIES: usize = 100_000;
pub(super) const MOST_OPENED: usize = 1_000;
/// Files opened only to tell that they are left out.
const MOST_TOLD: usize = 50;

/// A report and where it lies.
#[derive(Debug, Clone)]
pub(super) struct FoundReport {
    pub(super) path: PathBuf,
    pub(super) size: u64,
    pub(super) report: Report,
}

impl FoundReport {
    /// The report at a path.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let size = std::fs::symlink_metadata(path).ok()?.len();
        Some(Self { path: path.to_owned(), size, report: open(path)? })
    }
}

/// A search through several folders.
#[derive(Debug, Default)]
pub(super) struct ReportSearch {
    pub(super) found: Vec<FoundReport>,
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

impl ReportSearch {
    /// Adds the reports below `folder` that are not too old, in the order of their paths.
    pub(super) fn look_in(&mut self, folder: &Path, age: Option<&ReportAge>) {
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
            let too_large = || format!("they are larger than {} MiB", LARGEST >> 20);
            match why.or_else(|| (metadata.len() > LARGEST).then(too_large)) {
                Some(why) => self.leave_out(&path, why),
                None => self.found.push(FoundReport { path, size: metadata.len(), report }),
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
        let is_whole = walk_files(folder, &mut |path, name| {
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
                "The search for reports in {} ended early, because the folder holds too many files",
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
    let mut file = open_regular(path)?;
    let (mut hash, mut piece) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match file.read(&mut piece).ok()? {
            0 => return Some(hash.finalize().into()),
            length => hash.update(&piece[..length]),
        }
    }
}

/// Hands on the files below `folder`, those that lie deepest last, until `each` says that it is enough. Returns
/// whether those were all.
pub(super) fn walk_files(folder: &Path, each: &mut dyn FnMut(PathBuf, &str) -> bool) -> bool {
    walk(folder, WalkPurpose::Reports, MOST_ENTRIES, &mut |entry| {
        !entry.kind.is_file() || each(entry.path, entry.name)
    })
}
