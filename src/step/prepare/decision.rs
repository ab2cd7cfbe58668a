//! What is analysed: asks whom it takes, decides, and tells.

use super::Place;
use crate::agent::{JobConnection, PrepareInputs};
use crate::analysis::{Properties, ScannerMode, ServerFacts, ServerKind};
use crate::azure_devops::AzureDevOps;
use crate::context::{
    BranchChoice, Built, DefaultBranch, PipelineContext, Provider, PullRequest, Refusal, Scope, Source,
    branch_name, check_pull_request_properties, decide, decides, is_of_scope, name_branches, user_scope,
};
use crate::error::{Error, Result};
use crate::git;
use crate::sonarqube::{ProjectAccess, SonarQube};
use crate::step::job::Job;
use crate::step::sources_clone::{is_of_build, open};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use tokio::sync::OnceCell;

/// Whom to ask, and about which project.
pub(super) struct Asker<'a> {
    pub(super) job: &'a Job,
    pub(super) inputs: &'a PrepareInputs,
    pub(super) place: &'a Place,
    /// What is analysed, and the clone that it lies in.
    pub(super) sources: &'a Path,
    pub(super) clone: Option<&'a Path>,
    pub(super) sonarqube: &'a SonarQube,
    pub(super) facts: &'a ServerFacts,
    pub(super) project_key: Option<&'a str>,
    pub(super) access: Option<ProjectAccess>,
    pub(super) shared: &'a Shared,
}

/// What need not be asked or said for each of several projects again.
#[derive(Debug, Default)]
pub(super) struct Shared {
    told: RefCell<HashSet<String>>,
    /// By the clone's folder; none for sources in no clone.
    known: RefCell<BTreeMap<Option<PathBuf>, Rc<Known>>>,
}

/// What is known of a clone.
#[derive(Debug, Default)]
struct Known {
    is_of_build: OnceCell<bool>,
    default_branch: OnceCell<Option<(String, Source)>>,
}

impl Shared {
    fn is_new(&self, text: &str) -> bool {
        self.told.borrow_mut().insert(text.to_owned())
    }
}

/// Chooses what is analysed. `extra` are the user's own properties, which win.
///
/// # Errors
/// What [`decide`] refuses.
pub(super) async fn choose(asker: &Asker<'_>, extra: &Properties) -> Result<Scope> {
    let Asker { inputs, facts, .. } = asker;
    let settings = asker.place.settings();
    let refused = |refusal: Refusal| Error::new(refusal.message).hint(refusal.hint);
    let of_extra = user_scope(extra, "extraProperties", facts).map_err(refused)?;
    let own = match inputs.choices.branch {
        BranchChoice::Auto if of_extra.is_none() => {
            user_scope(&settings, "the settings file", facts).map_err(refused)?
        }
        _ => of_extra,
    };
    let is_own = own.is_some();
    let mut scope = match own {
        Some(scope) => scope,
        None => asker.decided().await?,
    };
    if decides(&settings) {
        drop_others(&mut scope, &settings, extra);
    }
    if is_own && facts.branch_support {
        check_pull_request_properties(&scope.properties).map_err(refused)?;
    }
    name_branches(&mut scope.properties);
    if scope.target.is_pull_request() && scope.skip.is_none() {
        asker.check_pull_request_is_not_first()?;
    }
    if let Some(version) = &scope.version
        && asker.has_no_version(&settings)
    {
        scope.properties.set("sonar.projectVersion", version.as_str());
    }
    if !is_own
        && inputs.choices.branch == BranchChoice::Auto
        && scope.skip.is_none()
        && let Some(clone) = asker.clone_of_another_repository().await?
    {
        scope.warnings.push(format!(
            "{} is of another repository than this build: name the branch that is checked out there in the input branch",
            clone.display()
        ));
    }
    asker.tell(&scope, extra, is_own);
    Ok(scope)
}

/// Makes void what the settings file says against the decision: the scanner reads it below all this.
fn drop_others(scope: &mut Scope, settings: &Properties, extra: &Properties) {
    for (key, _) in settings.iter().filter(|(key, _)| is_of_scope(key)) {
        if scope.properties.value(key).is_none() && extra.value(key).is_none() {
            scope.properties.set(key, "");
            scope.warnings.push(format!("{key} in the settings file is ignored: other settings win over it"));
        }
    }
}

impl Asker<'_> {
    /// SonarQube creates a project by the analysis of a branch alone (observed on 10.7 and 26.9: `No branch exists in
    /// Sonarqube with the name main`, after the build).
    fn check_pull_request_is_not_first(&self) -> Result<()> {
        if self.access != Some(ProjectAccess::Unknown) || self.facts.kind != ServerKind::Server {
            return Ok(());
        }
        let key = self.project_key.unwrap_or_default();
        Err(Error::new(format!(
            "the project {key} does not exist in SonarQube yet, and its first analysis can't be that of a pull request"
        ))
        .hint(
            "Run this pipeline for the main branch first, which creates the project, and then for the pull request again.",
        ))
    }

    /// Whether the user left the version open. `1.0` is what the task says when the user says nothing; builds that
    /// run the scanner themselves have a version of their own.
    fn has_no_version(&self, settings: &Properties) -> bool {
        let of_input = self.inputs.project_version.as_deref().filter(|version| *version != "1.0");
        self.inputs.mode != ScannerMode::Other
            && of_input.is_none()
            && settings.value("sonar.projectVersion").is_none()
    }

    fn tell(&self, scope: &Scope, extra: &Properties, is_own: bool) {
        if self.shared.is_new(&scope.explanation) {
            if scope.skip.is_some() {
                tracing::warn!("{}", scope.explanation);
            } else {
                tracing::info!("{}", scope.explanation);
            }
        }
        for warning in scope.warnings.iter().filter(|warning| self.shared.is_new(warning)) {
            tracing::warn!("{warning}");
        }
        if !is_own {
            for (key, value) in extra.iter().filter(|(key, _)| is_of_scope(key)) {
                tracing::info!("{key} is {value}, by extraProperties");
            }
        }
    }

    fn known(&self) -> Rc<Known> {
        Rc::clone(self.shared.known.borrow_mut().entry(self.clone.map(Path::to_owned)).or_default())
    }

    /// The clone of the sources, if it is not of the repository that the build and its variables speak of.
    async fn clone_of_another_repository(&self) -> Result<Option<&Path>> {
        let Some(clone) = self.clone else { return Ok(None) };
        let known = self.known();
        let asking = known.is_of_build.get_or_try_init(|| is_of_build(self.job, clone));
        let is_of_build = *asking.await.map_err(|_| Error::cancelled())?;
        Ok((!is_of_build).then_some(clone))
    }

    async fn decided(&self) -> Result<Scope> {
        let choices = &self.inputs.choices;
        let context = self.job.predefined.pipeline_context();
        let mut subject = context.built(choices);
        if let Built::MergeRef(number) = &subject
            && let Some(pull_request) = self.pull_request(&context, number).await
        {
            subject = Built::PullRequest(pull_request);
        }
        let (mut default, mut conflict) = (DefaultBranch::Unknown, None);
        if matches!(subject, Built::MainBranch { .. })
            && context.is_of_pull_request()
            && self.facts.branch_support
        {
            let of_sonarqube = self.main_branch().await.map(|name| (name, Source::SonarQube));
            let known = match of_sonarqube {
                Some(known) => Some(known),
                None => {
                    let is_elsewhere = self.clone_of_another_repository().await?.is_some();
                    self.default_branch(&context, is_elsewhere).await
                }
            };
            if let Some((name, source)) = known {
                default = DefaultBranch::Known { name, source };
            }
        }
        if let Built::Branch(built) = &subject {
            let is_elsewhere = self.clone_of_another_repository().await?.is_some();
            let (of_repository, of_sonarqube) =
                tokio::join!(self.default_branch(&context, is_elsewhere), self.main_branch());
            default = match of_repository.or_else(|| Some((of_sonarqube.clone()?, Source::SonarQube))) {
                Some((name, source)) => DefaultBranch::Known { name, source },
                None if self.access == Some(ProjectAccess::Unknown) => DefaultBranch::NeverAnalysed,
                None => DefaultBranch::Unknown,
            };
            conflict = default.conflict(of_sonarqube.as_deref(), built, self.facts.branch_support);
        }
        let mut scope = decide(&context, &subject, choices, self.facts, &default)
            .map_err(|refusal| Error::new(refusal.message).hint(refusal.hint))?;
        scope.default_branch = default.name().map(str::to_owned);
        scope.warnings.extend(conflict);
        Ok(scope)
    }

    /// `is_elsewhere`: of a repository that is not the build's, which its clone alone tells of.
    async fn default_branch(
        &self,
        context: &PipelineContext,
        is_elsewhere: bool,
    ) -> Option<(String, Source)> {
        if let Some(name) = &self.inputs.default_branch {
            return Some((name.clone(), Source::Input));
        }
        let known = self.known();
        let asking = known.default_branch.get_or_init(|| async {
            match is_elsewhere {
                true => self.default_branch_by_git().await,
                false => self.ask_for_default_branch(context).await,
            }
        });
        asking.await.clone()
    }

    /// The repository's default branch: each source is asked only when those before it don't know.
    async fn ask_for_default_branch(&self, context: &PipelineContext) -> Option<(String, Source)> {
        if let Some((azure, project, repository)) = self.azure_repos(context) {
            match azure.default_branch(project, repository).await {
                Ok(Some(name)) => return Some((branch_name(&name).to_owned(), Source::AzureRepos)),
                Ok(None) => {}
                Err(error) => tracing::info!("The default branch could not be asked for: {error}"),
            }
        }
        if matches!(context.provider, Provider::TfsVersionControl | Provider::Svn) {
            return None;
        }
        self.default_branch_by_git().await
    }

    async fn default_branch_by_git(&self) -> Option<(String, Source)> {
        let job = self.job;
        let local = job.predefined.build_repository_localpath.as_deref();
        let directory = self.clone.or(local).unwrap_or(self.sources);
        let told = async {
            let repository = open(job, directory).await?;
            match repository.remote_default_branch().await {
                Ok(Some(name)) => return Ok(Some((name, Source::Remote))),
                Ok(None) => {}
                Err(error) => tracing::info!("The remote told no default branch: {error}"),
            }
            Ok(repository.origin_head().await?.map(|name| (name, Source::OriginHead)))
        };
        told.await.unwrap_or_else(|error: git::GitError| {
            tracing::info!("The clone tells no default branch: {error}");
            None
        })
    }

    /// The name SonarQube has for the main branch, where it tells.
    async fn main_branch(&self) -> Option<String> {
        let key = self.project_key.filter(|_| self.access == Some(ProjectAccess::Granted))?;
        let told = self.sonarqube.main_branch(key).await;
        told.unwrap_or_else(|error| {
            tracing::info!("SonarQube's main branch could not be asked for: {error}");
            None
        })
    }

    async fn pull_request(&self, context: &PipelineContext, number: &str) -> Option<PullRequest> {
        let (azure, project, repository) = self.azure_repos(context)?;
        azure.pull_request(project, repository, number).await.unwrap_or_else(|error| {
            tracing::info!("Pull request {number} could not be asked for: {error}");
            None
        })
    }

    fn azure_repos<'a>(&'a self, context: &'a PipelineContext) -> Option<(AzureDevOps, &'a str, &'a str)> {
        azure_repos(self.job, context)
    }
}

/// Azure Repos, where the repository is there, with the project and the repository to ask about.
pub(super) fn azure_repos<'a>(
    job: &'a Job,
    context: &'a PipelineContext,
) -> Option<(AzureDevOps, &'a str, &'a str)> {
    let predefined = &job.predefined;
    if context.provider != Provider::TfsGit {
        return None;
    }
    let connection = JobConnection::read(&job.environment, predefined)?;
    let project = predefined.system_teamprojectid.as_ref().or(context.team_project.as_ref())?;
    let repository = predefined.build_repository_id.as_ref().or(context.repository.as_ref())?;
    let azure = AzureDevOps::new(job.azure_devops.clone(), connection.collection, connection.token);
    Some((azure, project, repository))
}
