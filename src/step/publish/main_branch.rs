//! Whether a branch is the main branch of its project, which the policy goes by. A pipeline may name it (`sonar.branch.name`),
//! and SonarPrepare may not have known it.

use super::judged::JudgedAnalysis;
use super::this_job::server_of;
use crate::agent::ServiceConnection;
use crate::analysis::Target;
use crate::quality_gate::Verdict;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::list::FoundRecords;
use crate::step::server_check::connect;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// All questions together are worth this much time.
const LIMIT: Duration = Duration::from_secs(10);

/// What is known of the branch of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BranchKind {
    /// It was named, and is the main branch.
    Main,
    /// It is not the main branch.
    Other,
    /// Not asked, or no answer: of the policy's rules the stricter one counts.
    Unknown,
}

/// Asks for every analysis of a named branch that did not pass: to one that passed no policy does anything.
pub(super) async fn branch_kinds(
    job: &Job,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    judged: &[JudgedAnalysis],
) -> Vec<BranchKind> {
    let latest = Instant::now() + LIMIT;
    let mut known: HashMap<&str, Option<String>> = HashMap::new();
    let mut kinds = Vec::with_capacity(judged.len());
    for JudgedAnalysis { description, verdict, .. } in judged {
        let project = description.project_key.as_str();
        let name = match &description.target {
            // A record that cannot be read leaves words where a key would be, and keys hold no blanks.
            Target::Branch { name } if *verdict != Verdict::Passed && !project.contains(' ') => name,
            _ => {
                kinds.push(BranchKind::Unknown);
                continue;
            }
        };
        if !known.contains_key(project) {
            known.insert(project, ask(job, found, connection, project, latest).await);
        }
        kinds.push(match known.get(project).and_then(Option::as_ref) {
            Some(main) if main == name => BranchKind::Main,
            Some(_) => BranchKind::Other,
            None => BranchKind::Unknown,
        });
    }
    kinds
}

/// Name of the project's main branch.
async fn ask(
    job: &Job,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    project: &str,
    latest: Instant,
) -> Option<String> {
    let sonarqube = server(job, found, connection, project)?.without_retries();
    timeout_at(latest, sonarqube.main_branch(project)).await.ok()?.ok()?
}

/// Who knows the project: the server of its record, else that of the connection.
fn server(
    job: &Job,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    project: &str,
) -> Option<SonarQube> {
    let mut records = found.records.iter().map(|record| &record.prepared);
    match records.find(|prepared| prepared.project_key.as_deref() == Some(project)) {
        Some(prepared) => server_of(job, prepared, connection).ok(),
        None => connection.map(|connection| connect(job, connection)),
    }
}
