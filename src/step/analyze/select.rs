//! Which of the prepared analyses of a job is to be run.

use crate::analysis::ScannerMode;
use crate::error::{Error, Result};
use crate::step::record::read::Record;
use std::path::Path;

/// The records that were prepared and not analysed yet: the one called `name`, else the only one, or those that one
/// SonarPrepare made of its input `monorepo`; none when the build itself runs the scanner. `folder` is where the records
/// were looked for.
///
/// # Errors
/// There is no such record, or more than belong together.
pub(super) fn choose(records: Vec<Record>, name: Option<&str>, folder: &Path) -> Result<Vec<Record>> {
    let is_named = |record: &Record| name.is_none() || record.prepared.name.as_deref() == name;
    let is_analysed = |record: &Record| record.analyzed.is_some();
    let (others, ours): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.prepared.mode() == ScannerMode::Other);
    let (analysed, open): (Vec<_>, Vec<_>) = ours.into_iter().partition(is_analysed);
    let all_open = list(&open);
    let count = open.len();
    let chosen: Vec<_> = open.into_iter().filter(is_named).collect();
    let group = |record: &Record| record.prepared.member.as_ref().map(|member| member.of.clone());
    let belong_together = |first: &Record| {
        let of = group(first);
        of.is_some() && chosen.iter().all(|record| group(record) == of)
    };
    match chosen.split_first() {
        Some((_, [])) => Ok(chosen),
        Some((first, _)) if belong_together(first) => Ok(chosen),
        Some((_, more)) => Err(match name {
            None => Error::new(format!("{count} prepared analyses have not run yet: {all_open}")).hint(
                "Run each SonarAnalyze right after its SonarPrepare, or give both the same analysisName.",
            ),
            Some(name) => Error::new(format!(
                "{} prepared analyses are called {name}. Not run yet: {all_open}",
                more.len() + 1
            ))
            .hint("Give each SonarPrepare of a job a different analysisName."),
        }),
        None if others.iter().any(is_named) => Ok(Vec::new()),
        None => {
            let Some(name) = name else { return Err(nothing_to_run(folder, analysed.len())) };
            let message = if analysed.iter().any(is_named) {
                format!("the analysis {name} has already run")
            } else {
                format!("no prepared analysis is called {name}")
            };
            let open = match count {
                0 => "All prepared analyses have run".to_owned(),
                _ => format!("Not run yet: {all_open}"),
            };
            Err(Error::new(format!("{message}. {open}"))
                .hint("Use the analysisName of a SonarPrepare that ran earlier in the same job."))
        }
    }
}

fn nothing_to_run(folder: &Path, analysed: usize) -> Error {
    let why = match analysed {
        0 => format!("{} holds no record of a SonarPrepare", folder.display()),
        1 => "the one that SonarPrepare prepared has already run".to_owned(),
        all => format!("all {all} that SonarPrepare prepared have already run"),
    };
    Error::new(format!("there is no analysis to run: {why}"))
        .hint("Run SonarPrepare before SonarAnalyze, in the same job.")
}

/// `web (shop), api (shop-api), blog`: names with the keys of the projects, or the keys alone.
fn list(records: &[Record]) -> String {
    let described = records.iter().map(|record| {
        let key = record.prepared.project_key.as_deref().unwrap_or("?");
        record.prepared.name.as_ref().map_or_else(|| key.to_owned(), |name| format!("{name} ({key})"))
    });
    described.collect::<Vec<_>>().join(", ")
}
