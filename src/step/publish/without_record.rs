//! Analyses without a record: by the reports that scanners left, or by the key of a project.

use super::evidence::{
    AnalysisToJudge, Description, Evidence, ProjectEvidence, ReportEvidence, UNNAMED, build_targets,
};
use super::pipeline_start::{StartUnknown, pipeline_start};
use crate::agent::{PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisReport, Extent, ServerKind, Target};
use crate::error::Error;
use crate::quality_gate::{PipelineStart, Verdict};
use crate::sonarqube::{Availability, SonarQube};
use crate::step::glob::{self, TooManyEntries};
use crate::step::job::Job;
use crate::step::record::sealed_file::read_text;
use crate::step::server_check::connect;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, timeout_at};

const REPORT: &str = "report-task.txt";
/// The name of the server, or of a main branch, is worth this much time.
const NAME: Duration = Duration::from_secs(5);

/// What the inputs point at, with what is the same for all of it.
pub(super) struct WithoutRecord<'a> {
    job: &'a Job,
    inputs: &'a PublishInputs,
    sonarqube: SonarQube,
    server: (String, Option<String>),
    /// When the pipeline began, or why that is not known.
    start: Result<PipelineStart, StartUnknown>,
    /// By when all must have ended.
    latest: Instant,
    /// Names of the main branches of projects that were asked for, as far as they were told.
    main_branches: RefCell<BTreeMap<String, Option<String>>>,
}

impl<'a> WithoutRecord<'a> {
    pub(super) async fn new(
        job: &'a Job,
        inputs: &'a PublishInputs,
        connection: &ServiceConnection,
        start: Option<Result<PipelineStart, StartUnknown>>,
        latest: Instant,
    ) -> Self {
        let sonarqube = connect(job, connection);
        let asked_start = async {
            match start {
                Some(start) => start,
                None => pipeline_start(job).await,
            }
        };
        let (server, start) = tokio::join!(in_time(latest, describe(&sonarqube)), asked_start);
        let server = server.flatten().unwrap_or_else(|| ("SonarQube".into(), None));
        Self { job, inputs, sonarqube, server, start, latest, main_branches: RefCell::default() }
    }

    /// The project that the inputs name.
    pub(super) async fn project(&self, key: &str) -> AnalysisToJudge {
        let told = self.target_of_inputs(key).await;
        let evidence = match &self.start {
            Ok(start) => Evidence::Project(Box::new(ProjectEvidence {
                sonarqube: self.sonarqube.clone(),
                start: *start,
                revision: self.revision().map(str::to_owned),
                build_targets: told.is_none().then(|| build_targets(&self.job.predefined.pipeline_context())),
            })),
            Err(why) => Evidence::Known(Verdict::NoReport, why.to_string()),
        };
        self.to_judge(key.to_owned(), told.unwrap_or(Target::MAIN_BRANCH), evidence)
    }

    /// The commit that this build analyses: of a pull request the newest one of its branch, as the scanner engine has it.
    fn revision(&self) -> Option<&str> {
        let predefined = &self.job.predefined;
        match &predefined.system_pullrequest_pullrequestid {
            Some(_) => self.job.environment.value("SYSTEM_PULLREQUEST_SOURCECOMMITID"),
            None => predefined.build_sourceversion.as_deref(),
        }
    }

    /// The reports that the inputs name, else those in the usual places of scanners.
    pub(super) async fn reports(&self) -> Vec<AnalysisToJudge> {
        let is_search = self.inputs.report_task_files.is_empty();
        let (files, mut analyses) = if is_search { self.searched_files() } else { self.named_files() };
        let mut seen: Vec<AnalysisReport> = Vec::new();
        let mut old = Vec::new();
        for file in files {
            match self.read(&file) {
                Ok(report) if seen.contains(&report) => {}
                Ok(report) => {
                    seen.push(report.clone());
                    analyses.push(self.reported(report).await);
                }
                Err(older @ Unusable::Older(_)) if is_search => old.push(older.to_string()),
                Err(unusable) => analyses.push(self.no_report(unusable.to_string())),
            }
        }
        // Old reports that a search finds are passed over only beside another one: alone they are no pass.
        if analyses.is_empty() {
            analyses.extend(old.into_iter().map(|reason| self.no_report(reason)));
        } else {
            old.iter().for_each(|reason| tracing::warn!("{reason}"));
        }
        analyses
    }

    /// The reports in the usual places, or why there is none.
    fn searched_files(&self) -> (BTreeSet<PathBuf>, Vec<AnalysisToJudge>) {
        let why = match self.usual_places() {
            Ok(files) if !files.is_empty() => return (files, Vec::new()),
            Ok(_) => {
                "There is no report-task.txt of a scanner in .scannerwork, target/sonar, build/sonar or \
                      .sonarqube/out/.sonar of the sources, nor in Agent.TempDirectory. Set reportTaskFiles"
                    .to_owned()
            }
            Err(why) => format!("The search for reports failed: {why}. Set reportTaskFiles"),
        };
        (BTreeSet::new(), vec![self.no_report(why)])
    }

    /// The reports that the inputs name, and one verdict for each pattern that names none.
    fn named_files(&self) -> (BTreeSet<PathBuf>, Vec<AnalysisToJudge>) {
        let (mut files, mut missing) = (BTreeSet::new(), Vec::new());
        for pattern in &self.inputs.report_task_files {
            match glob::files_of_job(self.job, pattern, REPORT, |_| true) {
                Ok(found) if found.is_empty() => {
                    missing.push(self.no_report(format!("reportTaskFiles: no file matches {pattern}")));
                }
                Ok(found) => files.extend(found),
                Err(why) => {
                    let reason = format!("reportTaskFiles: {why}. Name the folder of the report");
                    missing.push(self.no_report(reason));
                }
            }
        }
        (files, missing)
    }

    async fn reported(&self, report: AnalysisReport) -> AnalysisToJudge {
        let key = report.project_key.clone();
        let told = self.target_of_inputs(&key).await;
        let build = self.job.predefined.pipeline_context();
        let evidence = ReportEvidence {
            report,
            sonarqube: self.sonarqube.clone(),
            project: self.inputs.project_key.clone(),
            created: None,
            id: None,
            start: self.start.as_ref().ok().copied(),
            build_targets: told.is_none().then(|| build_targets(&build)),
            extent: Extent::default(),
        };
        // Without a name the server says which of the build's it is.
        let target = told.unwrap_or_else(|| build.target());
        self.to_judge(key, target, Evidence::Report(Box::new(evidence)))
    }

    /// The branch or pull request that the inputs name.
    async fn target_of_inputs(&self, project: &str) -> Option<Target> {
        if let Some(key) = &self.inputs.pull_request {
            return Some(Target::pull_request(key.clone()));
        }
        let name = self.inputs.branch.clone()?;
        let known = self.main_branches.borrow().get(project).cloned();
        let main = match known {
            Some(main) => main,
            None => {
                let answer = in_time(self.latest, self.sonarqube.main_branch(project)).await;
                let main = answer.and_then(Result::ok).flatten();
                self.main_branches.borrow_mut().insert(project.to_owned(), main.clone());
                main
            }
        };
        let is_main_branch = main.as_ref() == Some(&name);
        let target = Target::branch(name);
        Some(if is_main_branch { target.as_main_branch() } else { target })
    }

    fn read(&self, file: &Path) -> Result<AnalysisReport, Unusable<'_>> {
        let start = self.start.as_ref().map_err(Unusable::NoStart)?;
        let written = std::fs::metadata(file).and_then(|metadata| metadata.modified()).ok();
        let seconds =
            |written: SystemTime| written.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        if written.is_some_and(|written| start.is_after(seconds(written))) {
            return Err(Unusable::Older(file.to_owned()));
        }
        let text = read_text(file).map_err(Unusable::Unreadable)?;
        AnalysisReport::parse(&text.unwrap_or_default())
            .map_err(|key| Unusable::MissingKey { file: file.to_owned(), key })
    }

    fn usual_places(&self) -> Result<BTreeSet<PathBuf>, TooManyEntries> {
        let below = |base: PathBuf| glob::files(&base, "**/report-task.txt", REPORT);
        let sources = self.job.predefined.working_directory().map_or(Ok(Vec::new()), below)?;
        let temporary = self.job.predefined.temp_directory().map_or(Ok(Vec::new()), below)?;
        let is_usual = |file: &PathBuf| {
            let mut folders = file.ancestors().skip(1).map(|folder| folder.file_name().unwrap_or_default());
            match folders.next().and_then(|name| name.to_str()) {
                Some(".scannerwork" | ".sonar") => true,
                Some("sonar") => folders.next().is_some_and(|name| name == "target" || name == "build"),
                _ => false,
            }
        };
        Ok(sources.into_iter().filter(is_usual).chain(temporary).collect())
    }

    fn no_report(&self, reason: String) -> AnalysisToJudge {
        let key = self.inputs.project_key.as_deref().unwrap_or(UNNAMED).to_owned();
        let target = self.job.predefined.pipeline_context().target();
        self.to_judge(key, target, Evidence::Known(Verdict::NoReport, reason))
    }

    fn to_judge(&self, key: String, target: Target, evidence: Evidence) -> AnalysisToJudge {
        let (server_name, server_version) = self.server.clone();
        let description = Description { server_name, server_version, ..Description::new(key, target) };
        AnalysisToJudge { id: None, description, evidence }
    }
}

/// The answer to a question that is worth [`NAME`], and no more than is left until `latest`.
async fn in_time<T>(latest: Instant, asking: impl Future<Output = T>) -> Option<T> {
    timeout_at(latest.min(Instant::now() + NAME), asking).await.ok()
}

/// Why a file is no report of this build. `Display` is a sentence without its full stop.
#[derive(Debug, thiserror::Error)]
enum Unusable<'a> {
    /// It was there before.
    #[error(
        "{} is older than this pipeline's run, so it is not of this build. Run the scanner before SonarPublish, or clean \
         the workspace",
        .0.display()
    )]
    Older(PathBuf),
    #[error("{0}")]
    NoStart(&'a StartUnknown),
    #[error(transparent)]
    Unreadable(Error),
    #[error("The scanner's report {} has no {key}", .file.display())]
    MissingKey { file: PathBuf, key: &'static str },
}

/// What the server is and its version, for the Build Summary.
async fn describe(sonarqube: &SonarQube) -> Option<(String, Option<String>)> {
    let once = sonarqube.without_retries();
    let Ok(Availability::Up { version, .. }) = once.availability().await else { return None };
    let shown = (once.kind() == ServerKind::Server).then(|| version.to_string());
    let facts = once.facts(version).await.ok()?;
    Some((facts.product().to_owned(), shown))
}
