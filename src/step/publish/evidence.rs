//! What SonarPublish judges, and what each verdict rests on.

use crate::analysis::{AnalysisId, AnalysisReport, Extent, Narrowing, Outcome, Prepared, ServerKind, Target};
use crate::context::PipelineContext;
use crate::quality_gate::{BuildTargets, Expected, PipelineStart, Verdict};
use crate::sonarqube::SonarQube;
use url::Url;

/// What an analysis is called where its record does not say.
pub(super) const UNNAMED: &str = "the project";

/// One analysis to judge.
#[derive(Debug)]
pub(super) struct AnalysisToJudge {
    /// Its identity, where there is a record of it.
    pub(super) id: Option<AnalysisId>,
    pub(super) description: Description,
    pub(super) evidence: Evidence,
}

/// What is known of an analysis before a server is asked.
#[derive(Debug, Clone)]
pub(super) struct Description {
    pub(super) project_key: String,
    /// Name of the project; the key where the name is not known.
    pub(super) project_name: String,
    pub(super) target: Target,
    /// `SonarQube Server`, `SonarQube Community Build` or `SonarQube Cloud`.
    pub(super) server_name: String,
    /// None for Cloud.
    pub(super) server_version: Option<String>,
    /// What was not analysed: a sentence each.
    pub(super) notes: Vec<String>,
    /// What the repository's own settings took out of the judgement.
    pub(super) narrowed: Vec<Narrowing>,
}

/// What a verdict rests on.
#[derive(Debug)]
pub(super) enum Evidence {
    /// The verdict and its reason: there is nothing that a server could be asked about.
    Known(Verdict, String),
    /// Nothing was analysed: why.
    NothingAnalysed(String),
    /// It was left out because the change does not touch it: why, and the server that knows its last gate.
    Untouched(Box<SonarQube>, String),
    /// A scanner's report.
    Report(Box<ReportEvidence>),
    /// The project as it is now, if this build analysed it.
    Project(Box<ProjectEvidence>),
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
    /// No report that was submitted earlier counts.
    pub(super) start: Option<PipelineStart>,
    /// What may have been analysed, where no record says what was.
    pub(super) build_targets: Option<BuildTargets>,
    /// What the analysis covered, as far as a record says.
    pub(super) extent: Extent,
}

/// A project that is known by its key alone.
#[derive(Debug)]
pub(super) struct ProjectEvidence {
    pub(super) sonarqube: SonarQube,
    /// No analysis that was made earlier counts.
    pub(super) start: PipelineStart,
    /// The commit that the analysis must be of, where it is known.
    pub(super) revision: Option<String>,
    /// What may be judged, where the inputs do not say what to judge.
    pub(super) build_targets: Option<BuildTargets>,
}

impl AnalysisToJudge {
    /// One of which nothing is known but the verdict.
    pub(super) fn with_verdict(name: &str, target: &Target, verdict: Verdict, reason: String) -> Self {
        let description = Description::new(name.to_owned(), target.clone());
        Self { id: None, description, evidence: Evidence::Known(verdict, reason) }
    }

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
}

impl Description {
    pub(super) fn new(project_key: String, target: Target) -> Self {
        Self {
            project_name: project_key.clone(),
            project_key,
            target,
            server_name: "SonarQube".into(),
            server_version: None,
            notes: Vec::new(),
            narrowed: Vec::new(),
        }
    }

    /// By what SonarPrepare wrote, and by what the analysis covered.
    pub(super) fn of(prepared: &Prepared, extent: &Extent) -> Self {
        let key = prepared.project_key.clone().unwrap_or_else(|| UNNAMED.into());
        Self {
            project_name: prepared.properties.value("sonar.projectName").unwrap_or(&key).to_owned(),
            server_name: prepared.server.facts.product().to_owned(),
            server_version: (prepared.server.facts.kind == ServerKind::Server)
                .then(|| prepared.server.facts.version.to_string()),
            notes: extent.left_out.clone(),
            narrowed: extent.narrowed.clone(),
            ..Self::new(key, prepared.analysed())
        }
    }
}

impl Evidence {
    /// The verdict on an analysis that left nothing to ask the server about.
    pub(super) fn without_gate(outcome: Option<&Outcome>, skip: Option<&str>) -> Option<Self> {
        let (verdict, reason) = match (outcome, skip) {
            (Some(Outcome::Skipped { reason }), _) => (Verdict::Skipped, reason.as_str()),
            (Some(Outcome::NothingAnalysed { reason }), _) => {
                return Some(Self::NothingAnalysed(reason.clone()));
            }
            (Some(Outcome::Failed { message }), _) => (Verdict::AnalysisFailed, message.as_str()),
            (Some(Outcome::Cancelled), _) => (Verdict::Cancelled, "The analysis was cancelled"),
            (Some(Outcome::Succeeded | Outcome::GateFailed { .. }), _) | (None, None) => return None,
            (None, Some(reason)) => (Verdict::Skipped, reason),
        };
        Some(Self::Known(verdict, reason.to_owned()))
    }

    /// The same, with the server that knows the last gate of what the change does not touch.
    #[must_use]
    pub(super) fn with_last_gate(
        self,
        prepared: &Prepared,
        server: impl FnOnce() -> Option<SonarQube>,
    ) -> Self {
        let is_untouched = prepared.member.as_ref().is_some_and(|member| member.untouched);
        match self {
            Self::Known(Verdict::Skipped, reason) if is_untouched => match server() {
                Some(sonarqube) => Self::Untouched(Box::new(sonarqube), reason),
                None => Self::Known(Verdict::Skipped, reason),
            },
            other => other,
        }
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
        Self {
            report,
            sonarqube,
            project: prepared.project_key.clone(),
            created: prepared.by_server_clock.then_some(prepared.created),
            id: (!chosen).then(|| prepared.id.clone()),
            start,
            build_targets: None,
            extent: Extent::default(),
        }
    }

    pub(super) fn expected<'a>(&'a self, target: &'a Target) -> Expected<'a> {
        Expected {
            project: self.project.as_deref(),
            target,
            created: self.created,
            id: self.id.as_ref().map(AnalysisId::as_str),
        }
    }
}

/// What this build may analyse, by the agent's variables.
pub(super) fn build_targets(build: &PipelineContext) -> BuildTargets {
    BuildTargets {
        detectable: build.detectable_targets(),
        pull_request: build.is_of_pull_request().then(|| build.target()),
    }
}

/// Whether both are the same server at the same path.
pub(super) fn is_same(a: &Url, b: &Url) -> bool {
    a.origin() == b.origin() && a.path().trim_end_matches('/') == b.path().trim_end_matches('/')
}
