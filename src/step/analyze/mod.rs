//! SonarAnalyze: runs the analyses that SonarPrepare prepared, and notes how each ended.

use crate::agent::AnalyzeInputs;
use crate::analysis::Outcome;
use crate::error::Result;
use crate::step::job::{Completion, Job};
use crate::step::record::list::Records;
use crate::step::record::no_connection;
use crate::step::record::read::Record;
use shared_runtime::SharedRuntime;

mod analysis_setup;
mod analyze_record;
mod analyze_several;
mod analyzed_extent;
mod dotnet_proof;
mod effective_properties;
mod export;
mod note_end;
mod select;
mod shared_runtime;
mod with_dotnet_scanner;
mod with_engine;
mod with_scanner_cli;

/// Runs the step.
///
/// # Errors
/// There is no analysis to run, or one fails.
pub async fn analyze(job: &Job) -> Result<Completion> {
    let inputs = AnalyzeInputs::read(&job.environment)?;
    let records = Records::new(&job.predefined.temp_directory()?);
    let found = records.list_unbroken(&job.environment)?;
    if found.is_empty()
        && let Some(reason) = no_connection::reason(job, &records, inputs.on_missing_connection)
    {
        tracing::warn!("Nothing is analysed: {reason}");
        if let Some(folder) = &inputs.export_to {
            export::without_connection(job, folder, reason)?;
        }
        return Completion::new(NOTHING);
    }
    let selected = select::choose(found, inputs.analysis_name.as_deref(), records.folder())?;
    let result = analyze_records(job, &inputs, &selected).await;
    // What went wrong is exported too: the step that joins the records must know of it.
    let exported = inputs.export_to.as_deref().map_or(Ok(()), |folder| export::export(job, &records, folder));
    result.and_then(|completion| exported.map(|()| completion))
}

const NOTHING: &str = "Skipped: nothing was analysed";

async fn analyze_records(job: &Job, inputs: &AnalyzeInputs, records: &[Record]) -> Result<Completion> {
    match records {
        [] => {
            tracing::info!("Nothing to do: in scannerMode other the build itself runs the scanner");
            Completion::new("The build runs the scanner")
        }
        [record] => {
            match analyze_record::analyze_record(job, inputs, &SharedRuntime::among(1), record).await? {
                Outcome::Succeeded => Completion::new("The analysis succeeded"),
                _ => Completion::new(NOTHING),
            }
        }
        records => analyze_several::analyze(job, inputs, records).await,
    }
}
