//! What an analysis covered: what the scanner engine said of it, and for a pull request what git says.

use crate::analysis::target::{BRANCH_NAME, PULL_REQUEST_BASE};
use crate::analysis::{Outcome, Prepared, Target};
use crate::error::Result;
use crate::git;
use crate::scanner::ScannerRun;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::sources_clone::open;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;

/// The answer is for a warning only.
const QUESTION: Duration = Duration::from_secs(5);
/// Files of a pull request that are kept: one of them is enough to find out that no code counted as new.
const FILES: usize = 1_000;

/// Runs the analysis, and asks beside it how many files the branch had before, for as long as [`QUESTION`]. For a pull
/// request nothing is asked.
pub(super) async fn with_files_before(
    analysis: impl Future<Output = Result<ScannerRun>>,
    sonarqube: SonarQube,
    prepared: &Prepared,
) -> Result<ScannerRun> {
    let question = async { timeout(QUESTION, files_before(sonarqube, prepared)).await.ok().flatten() };
    let (mut analysis, mut question) = (pin!(analysis), pin!(question));
    let (mut before, mut is_asked) = (None, false);
    let mut end = loop {
        tokio::select! {
            end = &mut analysis => break end?,
            found = &mut question, if !is_asked => (before, is_asked) = (found, true),
        }
    };
    if !is_asked && end.outcome == Outcome::Succeeded {
        before = question.await;
    }
    end.extent.files_before = before;
    Ok(end)
}

async fn files_before(sonarqube: SonarQube, prepared: &Prepared) -> Option<u64> {
    let chosen = prepared.properties.value(BRANCH_NAME).filter(|name| !name.is_empty());
    let target = match &prepared.target {
        Target::PullRequest { .. } => return None,
        decided => chosen.map_or_else(|| decided.clone(), Target::branch),
    };
    let project = prepared.project_key.as_deref()?;
    let measures = sonarqube.without_retries().measures(project, &target, &["files"]).await;
    measures.ok().flatten()?.number("files")
}

/// Adds what git counts to what the engine said of an analysis that succeeded, and warns of an analysis of nothing at once.
pub(super) async fn complete(job: &Job, record: &Record, base_dir: &Path, mut run: ScannerRun) -> ScannerRun {
    if run.outcome != Outcome::Succeeded {
        return run;
    }
    let extent = &mut run.extent;
    let key = record.prepared.project_key.as_deref().unwrap_or("the project");
    match (&extent.nothing, extent.indexed_files) {
        (Some(reason), _) => tracing::warn!("Nothing of {key} was analysed: {reason}"),
        (None, Some(0)) => tracing::warn!(
            "Nothing of {key} was analysed: the scanner engine indexed 0 files. Check sonar.sources, sonar.inclusions and \
             sonar.exclusions in the pipeline and in the settings file of the repository"
        ),
        _ => {}
    }
    if let Some(base) = target_branch(&record.prepared) {
        match files_with_added_lines(job, base_dir, base).await {
            Ok(files) => extent.files_with_added_lines = files,
            Err(error) => tracing::debug!("The added lines of the pull request are not known: {error}"),
        }
    }
    run
}

/// The target branch of the pull request that was analysed.
fn target_branch(prepared: &Prepared) -> Option<&str> {
    let own = prepared.properties.value(PULL_REQUEST_BASE).filter(|base| !base.is_empty());
    own.or(match &prepared.target {
        Target::PullRequest { base, .. } => base.as_deref(),
        _ => None,
    })
}

/// Those to which git counts added lines, relative to the base directory; those outside of it are left out.
async fn files_with_added_lines(
    job: &Job,
    base_dir: &Path,
    base: &str,
) -> Result<Vec<String>, git::GitError> {
    let clone = open(job, base_dir).await?;
    let (Ok(top), Ok(base_dir)) = (clone.top_level().canonicalize(), base_dir.canonicalize()) else {
        return Ok(Vec::new());
    };
    let Ok(below) = base_dir.strip_prefix(&top) else { return Ok(Vec::new()) };
    let files = clone.files_with_added_lines(base).await?;
    let relative = |file: String| {
        let path = Path::new(&file).strip_prefix(below).ok()?;
        let parts: Vec<_> = path.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Some(parts.join("/"))
    };
    Ok(files.into_iter().filter_map(relative).take(FILES).collect())
}
