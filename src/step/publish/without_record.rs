//! Analyses without a record: by the reports that scanners left, or by the key of a project.

use super::evidence::{AnalysisToJudge, Evidence, ReportEvidence};
use super::pipeline_start::PipelineStart;
use crate::agent::{PublishInputs, ServiceConnection};
use crate::analysis::{AnalysisReport, Extent, ServerKind, Target};
use crate::quality_gate::{OwnTargets, Verdict};
use crate::sonarqube::{Availability, SonarQube};
use crate::step::glob;
use crate::step::job::Job;
use crate::step::record::sealed_file::read_text;
use crate::step::server_check::connect;
use crate::summary::AnalysisResult;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
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
    start: Result<PipelineStart, String>,
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
        latest: Instant,
    ) -> Self {
        let sonarqube = connect(job, connection);
        let server = in_time(latest, describe(&sonarqube)).await.flatten();
        let server = server.unwrap_or_else(|| ("SonarQube".into(), None));
        let (start, main_branches) = (PipelineStart::find(job).await, RefCell::default());
        Self { job, inputs, sonarqube, server, start, latest, main_branches }
    }

    /// The project that the inputs name.
    pub(super) async fn project(&self, key: &str) -> AnalysisToJudge {
        let target = self.target_of_inputs(key).await.unwrap_or(Target::MAIN_BRANCH);
        let evidence = match &self.start {
            Ok(start) => {
                let revision = self.revision().map(str::to_owned);
                Evidence::Project(Box::new(self.sonarqube.clone()), *start, revision)
            }
            Err(reason) => Evidence::None(Verdict::NoReport, reason.clone()),
        };
        self.subject(key.to_owned(), target, evidence)
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
        let patterns = &self.inputs.report_task_files;
        let searched = patterns.is_empty();
        let mut subjects = Vec::new();
        let mut found = Vec::new();
        if searched {
            found = self.usual_places().unwrap_or_else(|why| {
                subjects.push(
                    self.no_report(format!("The search for reports failed: {why}. Set reportTaskFiles")),
                );
                Vec::new()
            });
            if found.is_empty() && subjects.is_empty() {
                let reason = "No scanner's report-task.txt is in .scannerwork, target/sonar, build/sonar or \
                              .sonarqube/out/.sonar of the sources, nor in Agent.TempDirectory: set reportTaskFiles";
                subjects.push(self.no_report(reason.into()));
            }
        }
        for pattern in patterns {
            match glob::files_of_job(self.job, pattern, REPORT, |_| true) {
                Ok(files) if files.is_empty() => {
                    subjects.push(self.no_report(format!("reportTaskFiles: {pattern} names no file")));
                }
                Ok(files) => found.extend(files),
                Err(why) => {
                    let reason = format!("reportTaskFiles: {why}. Name the folder of the report");
                    subjects.push(self.no_report(reason));
                }
            }
        }
        found.sort();
        found.dedup();
        let mut seen: Vec<AnalysisReport> = Vec::new();
        let mut old = Vec::new();
        for file in found {
            let report = match self.read(&file) {
                Ok(report) => report,
                Err(Unusable::Older(reason)) if searched => {
                    old.push(reason);
                    continue;
                }
                Err(Unusable::Older(reason) | Unusable::Broken(reason)) => {
                    subjects.push(self.no_report(reason));
                    continue;
                }
            };
            if !seen.contains(&report) {
                seen.push(report.clone());
                subjects.push(self.reported(report).await);
            }
        }
        if subjects.is_empty() {
            subjects.extend(old.into_iter().map(|reason| self.no_report(reason)));
        } else {
            old.iter().for_each(|reason| tracing::warn!("{reason}"));
        }
        subjects
    }

    async fn reported(&self, report: AnalysisReport) -> AnalysisToJudge {
        let key = report.project_key.clone();
        let told = self.target_of_inputs(&key).await;
        let build = self.job.predefined.pipeline_context();
        let reported = ReportEvidence {
            report,
            sonarqube: self.sonarqube.clone(),
            project: self.inputs.project_key.clone(),
            created: None,
            id: None,
            start: self.start.as_ref().ok().copied(),
            own_targets: told.is_none().then(|| OwnTargets(build.detectable_targets())),
            extent: Extent::default(),
        };
        // Without a name the server says which of the build's it is.
        let target = told.unwrap_or_else(|| build.target());
        self.subject(key, target, Evidence::Report(Box::new(reported)))
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

    fn read(&self, file: &Path) -> Result<AnalysisReport, Unusable> {
        let start = self.start.as_ref().map_err(|reason| Unusable::Broken(reason.clone()))?;
        let written = std::fs::metadata(file).and_then(|metadata| metadata.modified());
        if written.is_ok_and(|written| start.is_after(written)) {
            return Err(Unusable::Older(format!(
                "{} is older than this pipeline's run, so it is not of this build: run the scanner before \
                 SonarPublish, or clean the workspace",
                file.display()
            )));
        }
        let text = read_text(file).map_err(|error| Unusable::Broken(error.to_string()))?;
        AnalysisReport::parse(&text.unwrap_or_default())
            .map_err(|key| Unusable::Broken(format!("The scanner's report {} has no {key}", file.display())))
    }

    fn usual_places(&self) -> Result<Vec<PathBuf>, String> {
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
        let key = self.inputs.project_key.as_deref().unwrap_or("the project").to_owned();
        let target = self.job.predefined.pipeline_context().target();
        self.subject(key, target, Evidence::None(Verdict::NoReport, reason))
    }

    fn subject(&self, key: String, target: Target, evidence: Evidence) -> AnalysisToJudge {
        let mut result = AnalysisResult::unknown(key, target);
        (result.server_name, result.server_version) = self.server.clone();
        AnalysisToJudge { analysis: None, result, evidence }
    }
}

/// The answer to a question that is worth [`NAME`], and no more than is left until `latest`.
async fn in_time<T>(latest: Instant, asking: impl Future<Output = T>) -> Option<T> {
    timeout_at(latest.min(Instant::now() + NAME), asking).await.ok()
}

/// Why a file is no report of this build.
enum Unusable {
    /// It was there before.
    Older(String),
    Broken(String),
}

/// What the server is and its version, for the Build Summary.
async fn describe(sonarqube: &SonarQube) -> Option<(String, Option<String>)> {
    let once = sonarqube.without_retries();
    let Ok(Availability::Up { version, .. }) = once.availability().await else { return None };
    let shown = (once.kind() == ServerKind::Server).then(|| version.to_string());
    let facts = once.facts(version).await.ok()?;
    Some((facts.product().to_owned(), shown))
}
