//! What SonarPublish judges: the analyses of this job, those that other jobs exported, and those that its own
//! inputs point at.

use super::pipeline_start::PipelineStart;
use crate::agent::ServiceConnection;
use crate::analysis::{
    AnalysisId, AnalysisReport, Extent, Outcome, Prepared, ScannerMode, ServerKind, Target,
};
use crate::error::{Error, Result};
use crate::quality_gate::{Expected, OwnTargets, Verdict};
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::record::report_file::report_roots;
use crate::step::record::tokens::tokens_of;
use crate::step::server_check::connect;
use crate::summary::AnalysisResult;
use url::Url;

const NO_END: &str = "SonarAnalyze noted no end of the analysis. It was ended before it could, or another step deleted its note: \
                      run the job again";

/// One analysis to judge.
#[derive(Debug)]
pub(super) struct AnalysisToJudge {
    /// Its identity, where there is a record of it.
    pub(super) analysis: Option<AnalysisId>,
    /// What is known of it beforehand; the judge adds the rest.
    pub(super) result: AnalysisResult,
    pub(super) evidence: Evidence,
}

/// What its verdict rests on.
#[derive(Debug)]
pub(super) enum Evidence {
    /// Nothing that a server could be asked about.
    None(Verdict, String),
    /// Nothing was analysed: why.
    Nothing(String),
    /// It was left out because nothing of it changed: why, and who knows its last gate.
    Untouched(Box<SonarQube>, String),
    /// A scanner's report.
    Report(Box<ReportEvidence>),
    /// The project as it is now, if it was analysed since the pipeline began, at this revision where that is known.
    Project(Box<SonarQube>, PipelineStart, Option<String>),
}

/// A scanner's report, whom to ask about it, and what has to be true of it.
#[derive(Debug)]
pub(super) struct ReportEvidence {
    pub(super) report: AnalysisReport,
    pub(super) sonarqube: SonarQube,
    /// Key of the project; none where only the scanner knew it.
    pub(super) project: Option<String>,
    /// When its record was made, by the server's clock.
    pub(super) created: Option<u64>,
    /// What no other run's path of a report holds; `None` where there is no record, or the user chose that path.
    pub(super) id: Option<AnalysisId>,
    /// No report that was handed in earlier counts.
    pub(super) start: Option<PipelineStart>,
    /// What may have been analysed, where no record says what was.
    pub(super) own_targets: Option<OwnTargets>,
    /// What the analysis covered, as far as a record says.
    pub(super) extent: Extent,
}

impl ReportEvidence {
    pub(super) fn expected<'a>(&'a self, target: &'a Target) -> Expected<'a> {
        Expected {
            project: self.project.as_deref(),
            target,
            created: self.created,
            id: self.id.as_ref().map(AnalysisId::as_str),
        }
    }
}

impl AnalysisToJudge {
    /// Whether both rest on the same report.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.evidence, &other.evidence) {
            (Evidence::Report(a), Evidence::Report(b)) => {
                a.report.ce_task_id == b.report.ce_task_id
                    && is_same(a.sonarqube.base_url(), b.sonarqube.base_url())
            }
            _ => false,
        }
    }

    /// An analysis of this job, by its record. The token is that of `connection`, else the one SonarPrepare left. `start` is
    /// since when a report is of this build, for a record that was made without the server's clock.
    pub(super) fn of_record(
        job: &Job,
        record: &Record,
        connection: Option<&ServiceConnection>,
        start: Option<PipelineStart>,
    ) -> Self {
        let prepared = &record.prepared;
        let outcome = record.analyzed.as_ref().map(|analyzed| &analyzed.outcome);
        let extent = record.analyzed.as_ref().map(|analyzed| analyzed.extent.clone()).unwrap_or_default();
        let notes = extent.left_out.clone();
        let evidence = without_gate(outcome, prepared.skip.as_deref())
            .map(|evidence| untouched(evidence, prepared, || server_of(job, prepared, connection).ok()));
        let evidence = evidence.unwrap_or_else(|| {
            let report = match report_of(job, record) {
                Ok(report) => report,
                Err(reason) => return Evidence::None(Verdict::NoReport, reason),
            };
            // Else a step that deletes what SonarAnalyze noted would hide that the analysis failed, or was one of nothing.
            if outcome.is_none() && prepared.mode() != ScannerMode::Other {
                return Evidence::None(Verdict::NoReport, NO_END.to_owned());
            }
            match server_of(job, prepared, connection) {
                Ok(sonarqube) => {
                    let chosen = prepared.properties.value("sonar.scanner.metadataFilePath").is_some();
                    let start = start.filter(|_| !prepared.by_server_clock);
                    let mut reported = ReportEvidence::of(prepared, chosen, report, sonarqube, start);
                    reported.extent = extent;
                    Evidence::Report(Box::new(reported))
                }
                Err(error) => Evidence::None(Verdict::Unknown, error.to_string()),
            }
        });
        let analyzed = record.analyzed.as_ref();
        let narrowed = analyzed.map(|analyzed| analyzed.extent.narrowed.clone()).unwrap_or_default();
        let result = AnalysisResult { notes, narrowed, ..blank_result(prepared) };
        Self { analysis: Some(prepared.id.clone()), result, evidence }
    }
}

impl ReportEvidence {
    /// A report whose analysis was prepared. `chosen` says that a user had it left elsewhere than in the folder that is
    /// named after the analysis.
    pub(super) fn of(
        prepared: &Prepared,
        chosen: bool,
        report: AnalysisReport,
        sonarqube: SonarQube,
        start: Option<PipelineStart>,
    ) -> Self {
        let project = prepared.project_key.clone();
        let created = prepared.by_server_clock.then_some(prepared.created);
        let id = (!chosen).then(|| prepared.id.clone());
        Self { report, sonarqube, project, created, id, start, own_targets: None, extent: Extent::default() }
    }
}

/// The verdict on an analysis that left nothing to ask the server about.
pub(super) fn without_gate(outcome: Option<&Outcome>, skip: Option<&str>) -> Option<Evidence> {
    let (verdict, reason) = match (outcome, skip) {
        (Some(Outcome::Skipped { reason }), _) => (Verdict::Skipped, reason.as_str()),
        (Some(Outcome::NothingAnalysed { reason }), _) => return Some(Evidence::Nothing(reason.clone())),
        (Some(Outcome::Failed { message }), _) => (Verdict::AnalysisFailed, message.as_str()),
        (Some(Outcome::Cancelled), _) => (Verdict::Cancelled, "The analysis was cancelled"),
        (Some(Outcome::Succeeded | Outcome::GateFailed { .. }), _) | (None, None) => return None,
        (None, Some(reason)) => (Verdict::Skipped, reason),
    };
    Some(Evidence::None(verdict, reason.to_owned()))
}

/// Likewise, with the server that knows the last gate of what nothing changed of.
pub(super) fn untouched(
    evidence: Evidence,
    prepared: &Prepared,
    server: impl FnOnce() -> Option<SonarQube>,
) -> Evidence {
    match evidence {
        Evidence::None(Verdict::Skipped, reason)
            if prepared.member.as_ref().is_some_and(|member| member.untouched) =>
        {
            match server() {
                Some(sonarqube) => Evidence::Untouched(Box::new(sonarqube), reason),
                None => Evidence::None(Verdict::Skipped, reason),
            }
        }
        other => other,
    }
}

/// Whether both are the same server at the same path.
pub(super) fn is_same(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && a.path().trim_end_matches('/') == b.path().trim_end_matches('/')
}

/// The server of an analysis of this job: that of the step's own connection, if it has one.
pub(super) fn server_of(
    job: &Job,
    prepared: &Prepared,
    connection: Option<&ServiceConnection>,
) -> Result<SonarQube> {
    match connection {
        None => Ok(tokens_of(job, prepared)?.sonarqube(job, &prepared.server)),
        Some(connection) if is_same(&connection.url, &prepared.server.url) => Ok(connect(job, connection)),
        Some(connection) => Err(Error::new(format!(
            "the analysis was prepared for {}, and the service connection of SonarPublish leads to {}",
            prepared.server.address(),
            connection.url.as_str().trim_end_matches('/')
        ))
        .hint("Give SonarPublish the service connection of SonarPrepare, or none.")),
    }
}

/// The scanner's report, if it is of the project that was prepared; else a word why it isn't there.
fn report_of(job: &Job, record: &Record) -> Result<AnalysisReport, String> {
    let report = match record.report(&report_roots(job)) {
        Ok(Some(report)) => report,
        Ok(None) => {
            let missing = format!("No scanner left a report at {}", record.report_file().display());
            return Err(match record.prepared.mode() {
                ScannerMode::Other => format!(
                    "{missing}. In scannerMode other the build runs the scanner; if it does so in a container, run \
                     SonarPrepare there too: folders have other names in it"
                ),
                _ => missing,
            });
        }
        Err(error) => return Err(error.to_string()),
    };
    match &record.prepared.project_key {
        Some(key) if *key != report.project_key => {
            Err(format!("The report is of the project {}, not of {key}", report.project_key))
        }
        _ => Ok(report),
    }
}

/// What is known of an analysis by what SonarPrepare wrote.
pub(super) fn blank_result(prepared: &Prepared) -> AnalysisResult {
    let key = prepared.project_key.clone().unwrap_or_else(|| "the project".into());
    AnalysisResult {
        project_name: prepared.properties.value("sonar.projectName").unwrap_or(&key).to_owned(),
        server_name: prepared.server.facts.product().to_owned(),
        server_version: (prepared.server.facts.kind == ServerKind::Server)
            .then(|| prepared.server.facts.version.to_string()),
        ..AnalysisResult::unknown(key, prepared.analysed())
    }
}
