//! What SonarPublish asks of a server: SonarQube, or a model of one in tests.

use crate::analysis::{ServerKind, Target};
use crate::quality_gate::{MeasureSet, QualityGate, SourceFile};
use crate::sonarqube::{Availability, CeTask, Error, Look, SonarQube};
use crate::summary::shown_metrics;

pub(super) trait GateServer: Clone {
    /// The compute engine task with this id.
    async fn ce_task(&self, id: &str) -> Result<CeTask, Error>;
    /// The gate of this analysis.
    async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error>;
    /// Name of the project's main branch, if the token may read it.
    async fn main_branch(&self, project: &str) -> Result<Option<String>, Error>;
    /// Whether the server analyses pull requests.
    async fn has_pull_requests(&self) -> Result<Look<bool>, Error>;
    /// The address that people know the server by, if it is not the connection's.
    async fn public_url(&self) -> Result<Option<String>, Error>;
    /// All measures that count or are shown; `None` if the token may not read them.
    async fn measures(&self, of: Analysed<'_>) -> Result<Option<MeasureSet>, Error>;
    /// The source files; `None` if the token may not read them.
    async fn source_files(&self, of: Analysed<'_>) -> Result<Option<Vec<SourceFile>>, Error>;
}

/// A project, and its branch or pull request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Analysed<'a> {
    pub(super) project: &'a str,
    pub(super) target: &'a Target,
}

impl GateServer for SonarQube {
    async fn ce_task(&self, id: &str) -> Result<CeTask, Error> {
        self.ce_task(id).await
    }

    async fn quality_gate(&self, analysis_id: &str) -> Result<QualityGate, Error> {
        self.quality_gate(analysis_id).await
    }

    async fn main_branch(&self, project: &str) -> Result<Option<String>, Error> {
        self.main_branch(project).await
    }

    async fn has_pull_requests(&self) -> Result<Look<bool>, Error> {
        if self.kind() == ServerKind::Cloud {
            return Ok(Look::Done(true));
        }
        match self.availability().await? {
            Availability::Up { version, .. } => Ok(Look::Done(self.facts(version).await?.branch_support)),
            Availability::Starting(state) | Availability::Down(state) => {
                Ok(Look::NotYet { state, age: None })
            }
        }
    }

    async fn public_url(&self) -> Result<Option<String>, Error> {
        self.public_url().await
    }

    async fn measures(&self, of: Analysed<'_>) -> Result<Option<MeasureSet>, Error> {
        let mut metrics = shown_metrics();
        metrics.extend(["files", "new_lines"]);
        self.measures(of.project, of.target, &metrics).await
    }

    async fn source_files(&self, of: Analysed<'_>) -> Result<Option<Vec<SourceFile>>, Error> {
        self.source_files(of.project, of.target).await
    }
}
