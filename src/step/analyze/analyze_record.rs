//! One analysis from its record to its noted end.

use super::analysis_setup::AnalysisSetup;
use super::effective_properties::EffectiveProperties;
use super::shared_runtime::SharedRuntime;
use super::{analyzed_extent, dotnet_proof, note_end, with_dotnet_scanner, with_engine, with_scanner_cli};
use crate::agent::AnalyzeInputs;
use crate::analysis::{Outcome, Prepared, PreparedScanner};
use crate::error::Result;
use crate::scanner::ScannerRun;
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::record::tokens::tokens_of;

/// Runs the analysis, and notes how it ended. Returns `Succeeded`, or why nothing was analysed.
///
/// # Errors
/// It failed, it was cancelled, or its end cannot be noted.
pub(super) async fn analyze_record(
    job: &Job,
    inputs: &AnalyzeInputs,
    shared: &SharedRuntime,
    record: &Record,
) -> Result<Outcome> {
    let run = match &record.prepared.skip {
        Some(reason) => Ok(skipped(reason)),
        None => run(job, inputs, shared, record).await,
    };
    note_end::note(record, run)
}

fn skipped(reason: &str) -> ScannerRun {
    ScannerRun::without_extent(Outcome::Skipped { reason: reason.to_owned() })
}

async fn run(
    job: &Job,
    inputs: &AnalyzeInputs,
    shared: &SharedRuntime,
    record: &Record,
) -> Result<ScannerRun> {
    match &record.prepared.scanner {
        PreparedScanner::DotnetNotBegun => Ok(skipped(SKIPPED_BY_PIPELINE)),
        PreparedScanner::Dotnet { tool, begun } => {
            crate::scanner::dotnet::check_unchanged(tool).await?;
            let end = with_dotnet_scanner::end(job, inputs, shared, record, &tool.start, begun);
            let sonarqube = tokens_of(job, &record.prepared)?.sonarqube(job, &record.prepared.server);
            let run = analyzed_extent::with_files_before(end, sonarqube, &record.prepared).await?;
            let base_dir = job.predefined.working_directory()?.join(&record.prepared.base_dir);
            let run = dotnet_proof::prove(job, run)?;
            Ok(analyzed_extent::complete(job, record, &base_dir, run).await)
        }
        PreparedScanner::Engine | PreparedScanner::Cli(_) | PreparedScanner::Other => {
            run_with_properties(job, inputs, shared, record).await
        }
    }
}

/// The analyses whose properties we put together ourselves: by the server's engine, and by SonarScanner CLI.
async fn run_with_properties(
    job: &Job,
    inputs: &AnalyzeInputs,
    shared: &SharedRuntime,
    record: &Record,
) -> Result<ScannerRun> {
    let prepared = &record.prepared;
    let mut effective = EffectiveProperties::assemble(job, record)?;
    if effective.is_skipped() {
        return Ok(skip_that_counts(prepared));
    }
    effective.add_found_reports(job, record)?;
    let setup = AnalysisSetup::make(job, inputs, shared, record, &effective).await?;
    let sonarqube = setup.request.sonarqube.clone();
    let running = async {
        match &setup.scanner_cli {
            Some(release) => with_scanner_cli::run(&setup, release).await,
            None => with_engine::run(&setup).await,
        }
    };
    let mut run = analyzed_extent::with_files_before(running, sonarqube, prepared).await?;
    run.extent.narrowed = effective.narrowed;
    setup.request.cache.seal_unpacked().await;
    Ok(analyzed_extent::complete(job, record, &effective.base_dir, run).await)
}

const SKIPPED_BY_PIPELINE: &str = "sonar.scanner.skip is true";

/// Any step of the job can set a variable, and what a step says of itself must not let a build pass: only the pipeline skips an
/// analysis on purpose. The repository cannot set the property at all.
fn skip_that_counts(prepared: &Prepared) -> ScannerRun {
    match prepared.properties.is_true("sonar.scanner.skip") {
        true => skipped(SKIPPED_BY_PIPELINE),
        false => ScannerRun::without_extent(Outcome::NothingAnalysed {
            reason: "an environment variable sets sonar.scanner.skip to true, which does not count as a skip. To skip the \
                     analysis on purpose, set it in extraProperties of SonarPrepare"
                .to_owned(),
        }),
    }
}
