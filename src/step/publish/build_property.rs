//! Writes the build's properties: a record of each analysis, and the aggregate that readers compare
//! with `ok`. The rules are in `quality_gate::build_verdict`; here is the order of reading and writing.

use crate::quality_gate::{AGGREGATE, BuildJob, BuildProperties, Verdict, VerdictRecord, aggregate};

/// Pauses for an answer that has this job's own announcement in it; and those that a job about to write a failure
/// leaves to others, who may be about to write `ok`.
const PATIENCE: u32 = 40;
/// Rounds of writing and reading again, each of them needed only when another job wrote meanwhile, or when an answer
/// was of an earlier state.
const ROUNDS: u32 = 40;

/// Records `entries` and brings the aggregate to what all records of the build say together.
///
/// `pause` waits a little, and says whether there is time for more of that. The verdict is `None` where the records and
/// the aggregate were never seen to agree, or where no answer ever had this job's announcement in it.
///
/// # Errors
/// What `read` or `write` fail with. A verdict that is no pass is written even if nothing can be read.
pub(super) async fn record_verdicts<E>(
    job: &BuildJob,
    entries: &[VerdictRecord],
    read: impl AsyncFn() -> Result<BuildProperties, E>,
    write: impl AsyncFn(&[(String, String)]) -> Result<(), E>,
    pause: impl AsyncFn() -> bool,
) -> Result<Option<Verdict>, E> {
    let verdict = Verdict::worst(entries.iter().map(|entry| entry.verdict));
    let idle = (job.announcement_property(), BuildJob::idle().to_owned());
    let with_aggregate = |mut properties: Vec<(String, String)>, verdict: Verdict| {
        properties.extend([(AGGREGATE.to_owned(), verdict.build_property().to_owned()), idle.clone()]);
        properties
    };
    let read = async || {
        let found = read().await?;
        Ok(found
            .into_iter()
            .map(|(name, text)| (name.to_ascii_lowercase(), text))
            .collect::<BuildProperties>())
    };
    // Who does not see what this job wrote last does not see what others wrote before it either.
    let is_late = |found: &BuildProperties, written: &[(String, String)]| {
        written.iter().any(|(name, text)| found.get(name) != Some(text))
    };
    let announcement = [(job.announcement_property(), job.announcement(verdict))];
    write(&announcement).await?;
    let seen = async {
        let mut found = read().await?;
        let mut patience = PATIENCE;
        while patience > 0
            && (is_late(&found, &announcement) || verdict.blocks_pass() && job.others_may_write_ok(&found))
        {
            patience = if pause().await { patience - 1 } else { 0 };
            found = read().await?;
        }
        Ok((!is_late(&found, &announcement)).then_some(found))
    };
    let mut found = match seen.await {
        Ok(Some(found)) => found,
        unseen => {
            let blind = job.records(entries, &BuildProperties::new());
            write(&if verdict.blocks_pass() { with_aggregate(blind, verdict) } else { vec![idle] }).await?;
            return unseen.map(|_| None);
        }
    };
    let records = job.records(entries, &found);
    found.extend(records.iter().cloned());
    write(&with_aggregate(records.clone(), aggregate(&found))).await?;
    // What an answer must have in it: the records, and this job's turn as it was written last.
    let settled = [records.clone(), vec![idle.clone()]].concat();
    let mut written = settled.clone();
    for _ in 0..ROUNDS {
        let found = read().await?;
        if is_late(&found, &written) {
            pause().await;
            continue;
        }
        let expected = aggregate(&found);
        if written == settled {
            if found.get(AGGREGATE).map(String::as_str) == Some(expected.build_property()) {
                return Ok(Some(expected));
            }
            if !expected.blocks_pass() {
                // What was read is no ground for `ok` yet: another job may be about to record a failure.
                let announcement = [(job.announcement_property(), job.announcement(expected))];
                write(&announcement).await?;
                written = [records.as_slice(), &announcement].concat();
                continue;
            }
        }
        write(&with_aggregate(Vec::new(), expected)).await?;
        written.clone_from(&settled);
        pause().await;
    }
    write(&[idle]).await?;
    Ok(None)
}

#[cfg(test)]
mod tests;
