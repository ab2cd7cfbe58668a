//! SonarPrepare: decides what is analysed and how, checks that it can be, and leaves a record.
//!
//! One pipeline for one project or several: [`setup`] reads, [`questions`] asks, [`decision`] decides,
//! [`complete_history`] and [`changed_projects`] look into the clone, and [`leave_records`] hands over.

mod azure_repos;
mod changed_projects;
mod complete_history;
mod decision;
mod default_branch_search;
mod dotnet_begin;
mod dotnet_tool;
mod job_variables;
mod leave_records;
mod project;
mod questions;
mod scanner_choice;
mod setup;
mod several_projects;
mod user_properties;

use crate::analysis::Prepared;
use crate::error::Result;
use crate::step::job::{Completion, Job};
use setup::Setup;

/// Runs the step.
///
/// # Errors
/// Whatever keeps the analysis from succeeding later, in words of the user.
pub async fn prepare(job: &Job) -> Result<Completion> {
    let setup = Setup::read(job)?;
    let mut answers = questions::ask(&setup).await?;
    let release = scanner_choice::cli_release(&setup.inputs, &answers.server.facts)?;
    let mut planned = decision::plan(&setup, &mut answers)?;
    complete_history::complete(&setup, &planned).await?;
    changed_projects::leave_out_untouched(&setup, &mut planned).await?;
    let records = leave_records::leave_records(&setup, &answers, release.as_ref(), planned).await?;
    Completion::new(last_line(&records))
}

fn last_line(records: &[Prepared]) -> String {
    let open = records.iter().filter(|record| record.skip.is_none()).count();
    match (records, open) {
        (_, 0) => "Prepared: nothing will be analysed".into(),
        ([Prepared { member: None, project_key: Some(key), .. }], _) => {
            format!("Prepared the analysis of {key}")
        }
        ([Prepared { member: None, .. }], _) => "Prepared the analysis".into(),
        (all, open) if open == all.len() => format!("Prepared the analyses of {open} projects"),
        (all, open) => format!("Prepared the analyses of {open} of {} projects", all.len()),
    }
}
