//! The analyses that one SonarPrepare made of its input `monorepo`.

use super::analyze_record::analyze_record;
use super::shared_runtime::SharedRuntime;
use crate::agent::AnalyzeInputs;
use crate::analysis::{Extent, Outcome};
use crate::error::{Error, ErrorKind, Result};
use crate::step::concurrent;
use crate::step::job::{Completion, Job};
use crate::step::record::read::Record;
use std::cell::Cell;
use std::pin::Pin;

/// The agent keeps ten errors and ten warnings of each task. The last error is the task's result.
const ISSUES: usize = 9;

/// Runs them, at most as many at a time as the input `parallel` of SonarPrepare says. A failure does not stop the others.
///
/// # Errors
/// Some failed, and have been reported; or the run was cancelled.
pub(super) async fn analyze(job: &Job, inputs: &AnalyzeInputs, records: &[Record]) -> Result<Completion> {
    let members = records.iter().filter_map(|record| record.prepared.member.as_ref());
    let parallel = members.map(|member| member.parallel).max().unwrap_or(1);
    let not_skipped = records.iter().filter(|record| record.prepared.skip.is_none()).count();
    let shared = SharedRuntime::among(parallel.min(not_skipped));
    let several = Several { job, inputs, shared, reported: Cell::new(0), parallel };
    let runs = records
        .iter()
        .map(|record| Box::pin(several.run(record)) as Pin<Box<dyn Future<Output = Result<Outcome>> + '_>>);
    let results = concurrent::all(parallel, runs).await;
    if job.cancellation.is_requested() {
        return Err(Error::cancelled());
    }
    let failed: Vec<_> = records
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.is_err())
        .map(|(record, _)| key(record))
        .collect();
    let all = records.len();
    if !failed.is_empty() {
        let message = format!("{} of {all} analyses failed: {}", failed.len(), failed.join(", "));
        tracing::error!("{message}");
        return Err(Error::reported(message));
    }
    let analysed = results.iter().filter(|result| matches!(result, Ok(Outcome::Succeeded))).count();
    Completion::new(match analysed {
        0 => "Skipped: nothing was analysed".into(),
        analysed if analysed == all => format!("All {all} analyses succeeded"),
        analysed => format!("{analysed} analyses succeeded, {} were skipped", all - analysed),
    })
}

fn key(record: &Record) -> &str {
    record.prepared.project_key.as_deref().unwrap_or("?")
}

struct Several<'a> {
    job: &'a Job,
    inputs: &'a AnalyzeInputs,
    shared: SharedRuntime,
    /// Failures that were logged as errors.
    reported: Cell<usize>,
    parallel: usize,
}

impl Several<'_> {
    async fn run(&self, record: &Record) -> Result<Outcome> {
        if self.job.cancellation.is_requested() {
            record.write_analyzed(Outcome::Cancelled, Extent::default())?;
            return Err(Error::cancelled());
        }
        if record.prepared.skip.is_none() {
            tracing::info!("Analysis of {}", key(record));
        }
        let analysis = analyze_record(self.job, self.inputs, &self.shared, record);
        let result = match self.parallel {
            1 => analysis.await,
            _ => self.job.commands.prefixed(key(record), analysis).await,
        };
        if let Err(error) = &result
            && error.kind() != ErrorKind::Cancelled
        {
            self.reported.set(self.reported.get() + 1);
            match self.reported.get() {
                ..=ISSUES => tracing::error!("{}: {error}", key(record)),
                _ => tracing::info!("{}: {error}", key(record)),
            }
        }
        result
    }
}
