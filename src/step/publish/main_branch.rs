//! Whether a branch is the main branch of its project, which the policy goes by. A pipeline may name it (`sonar.branch.name`),
//! and SonarPrepare may not have known it.

use super::evidence::server_of;
use crate::agent::ServiceConnection;
use crate::analysis::Target;
use crate::quality_gate::Verdict;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::list::FoundRecords;
use crate::step::server_check::connect;
use crate::summary::AnalysisResult;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// All questions together are worth this much time.
const LIMIT: Duration = Duration::from_secs(10);

/// Asks for every analysis of a named branch that did not pass: to one that passed no policy does anything. Where the server
/// does not answer, it stays unknown, and the stricter rule counts.
pub(super) async fn learn(
    job: &Job,
    found: &FoundRecords,
    connection: Option<&ServiceConnection>,
    results: &mut [AnalysisResult],
) {
    let latest = Instant::now() + LIMIT;
    let mut known: HashMap<String, Option<String>> = HashMap::new();
    for result in results.iter_mut().filter(|result| result.verdict != Verdict::Passed) {
        let Target::Branch { name } = &result.target else { continue };
        let project = &result.project_key;
        // A record that says nothing any more leaves words where a key would be, and keys hold no blanks.
        if project.contains(' ') {
            continue;
        }
        if !known.contains_key(project) {
            let main = match server(job, found, connection, project) {
                Some(sonarqube) => {
                    let sonarqube = sonarqube.without_retries();
                    timeout_at(latest, sonarqube.main_branch(project))
                        .await
                        .ok()
                        .and_then(Result::ok)
                        .flatten()
                }
                None => None,
            };
            known.insert(project.clone(), main);
        }
        match known.get(project).and_then(Option::as_ref) {
            Some(main) if main == name => result.target = result.target.clone().as_main_branch(),
            Some(_) => result.is_other_branch = true,
            None => {}
        }
    }
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
