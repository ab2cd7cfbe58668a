//! Asks the server what was analysed where a gate passed: a gate that passed over nothing is no pass.

use super::gate_server::{Analysed, GateServer};
use super::judgement::{Judgement, Measures, timed_out};
use crate::analysis::Extent;
use crate::quality_gate::{
    MeasureSet, Objection, Verdict, missing_target, nothing_analysed, shrunk, uncounted, unseen_lines,
};
use crate::sonarqube::{Error, Look, Wait, Waited};

/// Takes a pass back where it proves nothing. `of` is what the gate is of, `warnings` are those of the server.
///
/// The server's own gate passes where no code was analysed, so an answer that is missing here takes the pass back, too.
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
    let mut asked = match std::mem::replace(&mut judgement.measures, Measures::NotAsked) {
        Measures::InFlight(asked) => Some(asked),
        Measures::NotAsked | Measures::Read(_) => None,
    };
    let look = async || {
        let measures = match asked.take() {
            Some(asked) => asked.answer().await,
            None => server.measures(of).await,
        };
        measures.map(Look::Done)
    };
    let found = match wait.until("SonarQube's measures", &mut None, look).await {
        Waited::Done(measures) => {
            let of_branch = measures.as_ref().filter(|_| !of.target.is_pull_request());
            judgement.warning = shrunk(extent, of_branch);
            let found = objection(server, of, (extent, warnings), measures.as_ref(), wait).await;
            judgement.measures = Measures::Read(measures);
            found
        }
        Waited::TimedOut { state, understood } => {
            Err(timed_out("did not say what was analysed", &state, understood, wait))
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

/// What speaks against a pass.
async fn objection(
    server: &impl GateServer,
    of: Analysed<'_>,
    (extent, warnings): (&Extent, &[String]),
    measures: Option<&MeasureSet>,
    wait: &mut Wait,
) -> Result<Option<Objection>, Judgement> {
    let is_pull_request = of.target.is_pull_request();
    let certain = missing_target(extent, warnings)
        .filter(|_| is_pull_request)
        .or_else(|| nothing_analysed(extent, measures, is_pull_request));
    match (certain, measures) {
        (Some(objection), _) => Ok(Some(objection)),
        (None, Some(measures)) => by_files(server, of, extent, measures, wait).await,
        (None, None) => Ok(None),
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
            return Err(timed_out("did not say which files were analysed", &state, understood, wait));
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
