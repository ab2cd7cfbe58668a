//! Asks the server what was analysed where a gate passed: a gate that passed over nothing is no pass.

use super::report_verdict::{Analysed, GateServer, Judgement, timed_out};
use crate::analysis::Extent;
use crate::quality_gate::{
    MeasureSet, Objection, Verdict, missing_target, nothing_analysed, shrunk, uncounted, unseen_lines,
};
use crate::sonarqube::{Error, Look, Wait, Waited};

/// Takes a pass back where it proves nothing. `of` is what the gate is of, `warnings` are those of the server.
pub(super) async fn verify_pass(
    server: &impl GateServer,
    of: Analysed<'_>,
    (extent, warnings): (&Extent, &[String]),
    wait: &mut Wait,
    judgement: &mut Judgement,
) {
    if judgement.verdict != Verdict::Passed {
        return;
    }
    let is_pull_request = of.target.is_pull_request();
    let look = async || server.measures(of).await.map(Look::Done);
    let found = match wait.until("SonarQube's measures", &mut None, look).await {
        Waited::Done(measures) => {
            judgement.warning = shrunk(extent, measures.as_ref().filter(|_| !is_pull_request));
            judgement.measures = measures;
            let measures = judgement.measures.as_ref();
            let certain = missing_target(extent, warnings)
                .filter(|_| is_pull_request)
                .or_else(|| nothing_analysed(extent, measures, is_pull_request));
            match (certain, measures) {
                (Some(objection), _) => Ok(Some(objection)),
                (None, Some(measures)) => by_files(server, of, extent, measures, wait).await,
                (None, None) => Ok(None),
            }
        }
        Waited::TimedOut { state, understood } => {
            Err(timed_out("has not told what was analysed", &state, understood, wait))
        }
        Waited::Refused(error) => Err(unreadable(error)),
    };
    match found {
        Ok(None) => {}
        Ok(Some(Objection { reason, nothing_analysed })) => {
            (judgement.verdict, judgement.reason) = (Verdict::NoReport, Some(reason));
            judgement.nothing_analysed = nothing_analysed;
        }
        Err(Judgement { verdict, reason, .. }) => (judgement.verdict, judgement.reason) = (verdict, reason),
    }
}

/// What only the list of source files tells. It is asked for where the measures leave something open.
async fn by_files(
    server: &impl GateServer,
    of: Analysed<'_>,
    extent: &Extent,
    measures: &MeasureSet,
    wait: &mut Wait,
) -> Result<Option<Objection>, Judgement> {
    let is_open = match of.target.is_pull_request() {
        true => !extent.files_with_added_lines.is_empty() && measures.number("new_lines").unwrap_or(0) == 0,
        false => measures.value("ncloc").is_none(),
    };
    if !is_open {
        return Ok(None);
    }
    let look = async || server.source_files(of).await.map(Look::Done);
    let files = match wait.until("SonarQube's list of files", &mut None, look).await {
        Waited::Done(files) => files,
        Waited::TimedOut { state, understood } => {
            return Err(timed_out("has not told which files were analysed", &state, understood, wait));
        }
        Waited::Refused(error) => return Err(unreadable(error)),
    };
    Ok(match (of.target.is_pull_request(), files) {
        (true, files) => unseen_lines(extent, measures, &files.unwrap_or_default()),
        (false, Some(files)) => {
            let mut languages: Vec<_> = files.into_iter().filter_map(|file| file.language).collect();
            languages.sort();
            languages.dedup();
            uncounted(&languages)
        }
        (false, None) => uncounted(&extent.languages),
    })
}

fn unreadable(error: Error) -> Judgement {
    Judgement::without_gate(Verdict::Unknown, error.explain("read what was analysed").to_string())
}
