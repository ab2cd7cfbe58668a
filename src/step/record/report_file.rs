//! Where the scanner's report, report-task.txt, may lie.

use super::list::Records;
use super::read::Record;
use super::sealed_file::read_text;
use crate::analysis::{AnalysisId, AnalysisReport};
use crate::error::{Error, Result};
use crate::step::job::Job;
use std::path::{Path, PathBuf};

const REPORT: &str = "report-task.txt";

impl Records {
    /// Where the report of the analysis `id` goes.
    pub(crate) fn report_file(&self, id: &AnalysisId) -> PathBuf {
        self.folder().join(id.as_str()).join(REPORT)
    }
}

impl Record {
    /// Where the scanner was told to leave its report: beside the record, or where the user wants it.
    pub(crate) fn report_file(&self) -> PathBuf {
        let chosen = self.prepared.properties.value("sonar.scanner.metadataFilePath");
        chosen.map_or_else(|| self.folder.join(REPORT), PathBuf::from)
    }

    /// The scanner's report, as it stands, and the file it is in; `None` when there is none. A place that the user chose is
    /// looked for below `roots` too: steps on the host and in a container know one folder by two names.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn report_text(&self, roots: &[PathBuf]) -> Result<Option<(PathBuf, String)>> {
        let chosen = self.report_file();
        let moved = elsewhere(&chosen, roots).find(|file| file.is_file());
        let beside_the_record = self.folder.join(REPORT);
        for file in [chosen].into_iter().chain(moved).chain([beside_the_record]) {
            if let Some(text) = read_text(&file)? {
                return Ok(Some((file, text)));
            }
        }
        Ok(None)
    }

    /// The scanner's report, looked for as [`Record::report_text`] says.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) fn report(&self, roots: &[PathBuf]) -> Result<Option<AnalysisReport>> {
        let Some((file, text)) = self.report_text(roots)? else { return Ok(None) };
        AnalysisReport::parse(&text).map(Some).map_err(|key| {
            Error::new(format!("the scanner's report {} has no {key}", file.display()))
                .hint("It was cut short or changed by another step: run the analysis again.")
        })
    }
}

/// Where a report may lie, by the names that this step has for the folders.
pub(crate) fn report_roots(job: &Job) -> Vec<PathBuf> {
    [job.predefined.temp_directory(), job.predefined.working_directory()].into_iter().flatten().collect()
}

/// The ends of an absolute path below each of `roots`, longest first.
fn elsewhere<'a>(path: &'a Path, roots: &'a [PathBuf]) -> impl Iterator<Item = PathBuf> + 'a {
    let count = path.components().count();
    (1..count).flat_map(move |skipped| {
        let end: PathBuf = path.components().skip(skipped).collect();
        roots.iter().map(move |root| root.join(&end))
    })
}
