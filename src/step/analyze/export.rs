//! Writes the records of this job where they can be published as an artifact, for SonarPublish in another job.

use crate::analysis::{Build, Exported, Unconnected};
use crate::error::{Error, Result};
use crate::step::job::Job;
use crate::step::record::list::Records;
use crate::step::record::report_file::report_roots;
use crate::step::record::sealed_file::write;
use crate::step::record::tokens::tokens_of;
use crate::step::record::which_job::this_job;
use std::path::{Path, PathBuf};

/// Writes one file for each analysis of this job into `folder`, which is made if need be.
pub(super) fn export(job: &Job, records: &Records, folder: &Path) -> Result<()> {
    let (build, folder) = destination(job, folder)?;
    let found = records.list_unbroken(&job.environment)?;
    let roots = report_roots(job);
    let build_job = this_job(&job.environment);
    for record in &found {
        let report = record.report_text(&roots).unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        });
        let report = report.map(|(_, text)| text);
        let mut exported =
            Exported::new(build.clone(), build_job.job(), &record.prepared, record.analyzed.as_ref(), report);
        let seal = tokens_of(job, &record.prepared)?.seal_between_jobs();
        exported.seal = seal.map(|seal| seal.of(&exported.file_name(), exported.sealed_text().as_bytes()));
        write(&folder, &exported.file_name(), &exported)?;
    }
    let count = found.len();
    let records = if count == 1 { "record" } else { "records" };
    tracing::info!(
        "Exported {count} {records} to {}: publish it as an artifact of the pipeline",
        folder.display()
    );
    Ok(())
}

/// Tells SonarPublish that this job analysed nothing because it has no service connection. Without this file it could not
/// tell such a job from one that ended before it exported anything.
pub(super) fn without_connection(job: &Job, folder: &Path, reason: &str) -> Result<()> {
    let (build, folder) = destination(job, folder)?;
    write(&folder, Unconnected::FILE_NAME, &Unconnected::new(build, reason))
}

/// This build, and the folder, which is made if need be.
fn destination(job: &Job, folder: &Path) -> Result<(Build, PathBuf)> {
    let build = job.predefined.build().ok_or_else(|| {
        Error::new(
            "exportTo needs System.CollectionUri, System.TeamProjectId and Build.BuildId, and one of them is not set",
        )
        .hint("Run this task on an Azure Pipelines agent.")
    })?;
    let folder = job.predefined.working_directory()?.join(folder);
    std::fs::create_dir_all(&folder).map_err(|error| {
        Error::new(format!("exportTo: the folder {} could not be created: {error}", folder.display()))
    })?;
    Ok((build, folder))
}
