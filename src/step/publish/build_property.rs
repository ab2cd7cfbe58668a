//! Writes the build's properties: a record of each analysis, and the aggregate that readers compare
//! with `ok`. The rules are in `quality_gate::build_verdict`; here is the order of reading and writing.
//!
//! A mistake in the order is a green build: a job would write `ok` beside a failure that another job is about to record.

use crate::quality_gate::{AGGREGATE, BuildJob, BuildProperties, Verdict, VerdictRecord, aggregate};

/// Pauses for an answer that has this job's own announcement in it; and those in which a job about to write a failure
/// waits for others that may be about to write `ok`.
const PATIENCE: u32 = 40;
/// Rounds of writing and reading again, each of them needed only when another job wrote meanwhile, or when an answer
/// was of an earlier state.
const ROUNDS: u32 = 40;

type Written = Vec<(String, String)>;

/// Records the verdicts and brings the aggregate to what all records of the build say together.
///
/// `pause` waits a little, and says whether there is time for more of that. The verdict is `None` where the records and
/// the aggregate were never seen to agree, or where no answer ever had this job's announcement in it.
///
/// # Errors
/// What `read` or `write` fail with. A verdict that is not a pass is written even if nothing can be read.
pub(super) async fn record_verdicts<E>(
    job: &BuildJob,
    records: &[VerdictRecord],
    read: impl AsyncFn() -> Result<BuildProperties, E>,
    write: impl AsyncFn(&[(String, String)]) -> Result<(), E>,
    pause: impl AsyncFn() -> bool,
) -> Result<Option<Verdict>, E> {
    let verdict = Verdict::worst(records.iter().map(|record| record.verdict));
    let properties = PropertyStore { job, read, write, pause };
    let announcement = properties.announce(verdict).await?;
    let mut found = match properties.read_with(&announcement, verdict).await {
        Ok(Some(found)) => found,
        unseen => {
            // What others recorded is not known, so `ok` is not written. A failure is.
            let blind = job.records(records, &BuildProperties::new());
            let is_failure = verdict.blocks_pass();
            let last =
                if is_failure { properties.with_aggregate(blind, verdict) } else { vec![properties.idle()] };
            (properties.write)(&last).await?;
            return unseen.map(|_| None);
        }
    };
    let own = job.records(records, &found);
    found.extend(own.iter().cloned());
    (properties.write)(&properties.with_aggregate(own.clone(), aggregate(&found))).await?;
    properties.agree(&own).await
}

/// The build's properties, as this job reads and writes them.
struct PropertyStore<'a, R, W, P> {
    job: &'a BuildJob,
    read: R,
    write: W,
    pause: P,
}

impl<R, W, P> PropertyStore<'_, R, W, P> {
    /// Says that this job is about to write `verdict`.
    async fn announce<E>(&self, verdict: Verdict) -> Result<Written, E>
    where
        W: AsyncFn(&[(String, String)]) -> Result<(), E>,
    {
        let announcement = vec![(self.job.announcement_property(), self.job.announcement(verdict))];
        (self.write)(&announcement).await?;
        Ok(announcement)
    }

    /// All properties, once this job's announcement is among them, and, before a failure is recorded, once no other job may
    /// be about to write `ok`. `None` where no answer has the announcement in it.
    async fn read_with<E>(
        &self,
        announcement: &[(String, String)],
        verdict: Verdict,
    ) -> Result<Option<BuildProperties>, E>
    where
        R: AsyncFn() -> Result<BuildProperties, E>,
        P: AsyncFn() -> bool,
    {
        let mut found = self.read().await?;
        let mut patience = PATIENCE;
        while patience > 0
            && (is_late(&found, announcement)
                || verdict.blocks_pass() && self.job.others_may_write_ok(&found))
        {
            patience = if (self.pause)().await { patience - 1 } else { 0 };
            found = self.read().await?;
        }
        Ok((!is_late(&found, announcement)).then_some(found))
    }

    /// Writes the aggregate until it is seen to be what all records say together.
    async fn agree<E>(&self, own: &[(String, String)]) -> Result<Option<Verdict>, E>
    where
        R: AsyncFn() -> Result<BuildProperties, E>,
        W: AsyncFn(&[(String, String)]) -> Result<(), E>,
        P: AsyncFn() -> bool,
    {
        // What an answer must have in it: the records, and this job's announcement as it was written last.
        let at_rest: Written = [own, &[self.idle()]].concat();
        let mut written = at_rest.clone();
        for _ in 0..ROUNDS {
            let found = self.read().await?;
            if is_late(&found, &written) {
                (self.pause)().await;
                continue;
            }
            let expected = aggregate(&found);
            if written == at_rest {
                if found.get(AGGREGATE).map(String::as_str) == Some(expected.build_property()) {
                    return Ok(Some(expected));
                }
                if !expected.blocks_pass() {
                    // What was read does not justify `ok` yet: another job may be about to record a failure.
                    written = [own, &self.announce(expected).await?].concat();
                    continue;
                }
            }
            (self.write)(&self.with_aggregate(Vec::new(), expected)).await?;
            written.clone_from(&at_rest);
            (self.pause)().await;
        }
        (self.write)(&[self.idle()]).await?;
        Ok(None)
    }

    async fn read<E>(&self) -> Result<BuildProperties, E>
    where
        R: AsyncFn() -> Result<BuildProperties, E>,
    {
        let found = (self.read)().await?;
        Ok(found.into_iter().map(|(name, text)| (name.to_ascii_lowercase(), text)).collect())
    }

    /// Says that this job writes nothing more.
    fn idle(&self) -> (String, String) {
        (self.job.announcement_property(), BuildJob::idle().to_owned())
    }

    fn with_aggregate(&self, mut properties: Written, verdict: Verdict) -> Written {
        properties.extend([(AGGREGATE.to_owned(), verdict.build_property().to_owned()), self.idle()]);
        properties
    }
}

/// Whether an answer is of a state before this job wrote: then what others wrote before it is missing, too.
fn is_late(found: &BuildProperties, written: &[(String, String)]) -> bool {
    written.iter().any(|(name, text)| found.get(name) != Some(text))
}

#[cfg(test)]
mod tests;
