//! What has to be known before anything is decided. What does not wait for another answer is asked at once; the answers
//! are looked at in a fixed order, so that a wrong token is told before a missing project.
//!
//! Nothing but `api/system/status` is asked before the server has said that it is SonarQube and up. A password is sent on
//! its own first: each wrong one may count towards the lock of an account.

use super::azure_repos::azure_repos;
use super::default_branch_search::search;
use super::project::Project;
use super::setup::Setup;
use crate::analysis::AnalysisServer;
use crate::context::{
    BranchChoice, BuiltRef, DefaultBranchSource, KnownBranch, PipelineContext, PullRequest, decides,
};
use crate::error::{Error, Result};
use crate::sonarqube::{self, ProjectAccess, SonarQube};
use crate::step::sources_clone::is_of_build;
use crate::step::{concurrent, server_check};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// Projects that the server is asked about at a time.
const PROJECTS_AT_ONCE: usize = 8;

/// The answers.
pub(super) struct Answers {
    pub(super) sonarqube: SonarQube,
    pub(super) server: AnalysisServer,
    /// The server's clock, in seconds since 1970, if it told.
    pub(super) date: Option<u64>,
    /// What is being built, with what Azure Repos knows of it.
    pub(super) built: BuiltRef,
    /// In the order of the projects.
    pub(super) projects: Vec<Result<ProjectAnswer>>,
    clones: BTreeMap<Option<PathBuf>, CloneAnswer>,
}

/// What SonarQube says about a project.
pub(super) struct ProjectAnswer {
    /// None for a project whose key only the scanner knows.
    pub(super) access: Option<ProjectAccess>,
    main_branch: Result<Option<String>, sonarqube::Error>,
}

impl ProjectAnswer {
    /// The name SonarQube has for the main branch, where it tells.
    pub(super) fn main_branch(&self) -> Option<String> {
        if self.access != Some(ProjectAccess::Granted) {
            return None;
        }
        self.main_branch.as_ref().ok()?.clone()
    }

    /// Why it is not known.
    pub(super) fn main_branch_error(&self) -> Option<&sonarqube::Error> {
        self.main_branch.as_ref().err().filter(|_| self.access == Some(ProjectAccess::Granted))
    }
}

/// What the clone of a project's sources says, and the repository that it is of.
struct CloneAnswer {
    is_of_build: bool,
    sources: Vec<DefaultBranchSource>,
    /// By the sources beside SonarQube.
    default_branch: Option<KnownBranch>,
}

impl Answers {
    /// The repository's default branch; `main_branch` is SonarQube's for the project.
    pub(super) fn default_branch(&self, project: &Project, main_branch: Option<&str>) -> Option<KnownBranch> {
        let clone = self.clones.get(&project.clone)?;
        let of_repository = clone.default_branch.clone();
        let of_sonarqube = main_branch
            .map(|name| KnownBranch { name: name.to_owned(), source: DefaultBranchSource::SonarQube });
        match clone.sources.first()? {
            DefaultBranchSource::SonarQube => of_sonarqube.or(of_repository),
            _ => of_repository.or(of_sonarqube),
        }
    }

    /// The clone of the project, if it is not of the repository that the build and its variables speak of.
    pub(super) fn clone_of_another_repository<'a>(&self, project: &'a Project) -> Option<&'a Path> {
        let is_of_build = self.clones.get(&project.clone).is_none_or(|clone| clone.is_of_build);
        project.clone.as_deref().filter(|_| !is_of_build)
    }
}

/// Asks.
///
/// # Errors
/// The server cannot be worked with, or the run was cancelled. What is wrong with a project is in its answer.
pub(super) async fn ask(setup: &Setup<'_>) -> Result<Answers> {
    server_check::warn_of_http(setup.job, &setup.connection)?;
    let sonarqube = server_check::connect(setup.job, &setup.connection);
    let (version, date) = server_check::wait_until_up(&sonarqube, &setup.job.cancellation).await?;
    let is_at_once = setup.connection.password.is_none();
    let context = setup.job.predefined.pipeline_context();
    let questions = Questions { setup, context, sonarqube: &sonarqube };
    let knows_token = server_check::check_token(&sonarqube);
    let facts = async {
        let facts = sonarqube.facts(version).await;
        facts.map_err(|error| error.explain("ask what the server can do"))
    };
    let rest = concurrent::in_order(true, facts, questions.about_sources_and_projects());
    let ((), (facts, mut rest)) = concurrent::in_order(is_at_once, knows_token, rest).await?;
    if facts.branch_support {
        questions.ask_again(&mut rest).await;
    }
    let (built, clones, projects) = rest;
    tracing::info!("{} {} at {}", facts.product(), facts.version, sonarqube.address());
    let server =
        AnalysisServer { url: setup.connection.url.clone(), api_url: sonarqube.api_url().clone(), facts };
    Ok(Answers { sonarqube, server, date, built, projects, clones })
}

type OfSourcesAndProjects = (BuiltRef, BTreeMap<Option<PathBuf>, CloneAnswer>, Vec<Result<ProjectAnswer>>);

struct Questions<'a> {
    setup: &'a Setup<'a>,
    context: PipelineContext,
    sonarqube: &'a SonarQube,
}

impl Questions<'_> {
    async fn about_sources_and_projects(&self) -> Result<OfSourcesAndProjects> {
        let built = self.context.built(&self.setup.inputs.choices);
        let pull_request = async {
            match &built {
                BuiltRef::MergeRef(number) => self.pull_request(number).await,
                _ => None,
            }
        };
        let (pull_request, clones, projects) =
            tokio::join!(pull_request, self.about_clones(&built), self.about_projects(&built));
        Ok((pull_request.map_or(built, BuiltRef::PullRequest), clones?, projects))
    }

    /// Whether the user's own properties leave open what is analysed.
    fn is_open(&self, project: &Project) -> bool {
        let by_file = self.setup.inputs.choices.branch == BranchChoice::Auto && decides(&project.settings);
        !decides(&project.user_properties) && !by_file
    }

    async fn about_clones(&self, built: &BuiltRef) -> Result<BTreeMap<Option<PathBuf>, CloneAnswer>> {
        let mut clones: BTreeMap<Option<PathBuf>, &Project> = BTreeMap::new();
        for project in self.setup.projects.iter().filter(|project| self.is_open(project)) {
            clones.entry(project.clone.clone()).or_insert(project);
        }
        let questions = clones.into_iter().map(|(clone, project)| {
            let question = async move {
                let answer = self.about_clone(built, project).await?;
                Ok((clone, answer))
            };
            Box::pin(question) as Pin<Box<dyn Future<Output = Result<_>> + '_>>
        });
        concurrent::all(PROJECTS_AT_ONCE, questions).await.into_iter().collect()
    }

    async fn about_clone(&self, built: &BuiltRef, project: &Project) -> Result<CloneAnswer> {
        let is_of_build = match &project.clone {
            Some(clone) => is_of_build(self.setup.job, clone).await.map_err(|_| Error::cancelled())?,
            None => true,
        };
        let sources = DefaultBranchSource::in_order(&self.context, built, is_of_build);
        // Where SonarQube comes first, the others are asked only if it does not know.
        let is_last = sources.last() == Some(&DefaultBranchSource::SonarQube);
        let default_branch = match is_last {
            true => self.search(&sources, project).await,
            false => None,
        };
        Ok(CloneAnswer { is_of_build, sources, default_branch })
    }

    async fn search(&self, sources: &[DefaultBranchSource], project: &Project) -> Option<KnownBranch> {
        let local = self.setup.job.predefined.build_repository_localpath.as_deref();
        let directory = project.clone.as_deref().or(local).unwrap_or(&project.sources);
        search(self.setup, &self.context, sources, directory).await
    }

    async fn about_projects(&self, built: &BuiltRef) -> Vec<Result<ProjectAnswer>> {
        let needs_main_branch = !DefaultBranchSource::in_order(&self.context, built, true).is_empty();
        let questions = self.setup.projects.iter().map(|project| {
            let question = self.about_project(project, needs_main_branch && self.is_open(project));
            Box::pin(question) as Pin<Box<dyn Future<Output = Result<ProjectAnswer>> + '_>>
        });
        concurrent::all(PROJECTS_AT_ONCE, questions).await
    }

    async fn about_project(&self, project: &Project, needs_main_branch: bool) -> Result<ProjectAnswer> {
        let Some(key) = &project.key else {
            return Ok(ProjectAnswer { access: None, main_branch: Ok(None) });
        };
        let main_branch = async {
            match needs_main_branch {
                true => self.sonarqube.main_branch(key).await,
                false => Ok(None),
            }
        };
        let (access, main_branch) =
            tokio::join!(server_check::check_project(self.sonarqube, key), main_branch);
        Ok(ProjectAnswer { access: Some(access?), main_branch })
    }

    /// Asks the repository for its default branch where SonarQube was to be believed first and does not know it.
    async fn ask_again(&self, (_, clones, answers): &mut OfSourcesAndProjects) {
        for (project, answer) in self.setup.projects.iter().zip(answers) {
            let Ok(answer) = answer else { continue };
            let Some(clone) = clones.get_mut(&project.clone) else { continue };
            let is_first = clone.sources.first() == Some(&DefaultBranchSource::SonarQube);
            if is_first && clone.default_branch.is_none() && answer.main_branch().is_none() {
                clone.default_branch = self.search(&clone.sources, project).await;
            }
        }
    }

    async fn pull_request(&self, number: &str) -> Option<PullRequest> {
        let (azure, project, repository) = azure_repos(self.setup.job, &self.context)?;
        azure.pull_request(project, repository, number).await.unwrap_or_else(|error| {
            tracing::info!("Azure Repos could not be asked for pull request {number}: {error}");
            None
        })
    }
}
