//! What is analysed of each project: decides by the answers, and tells.

use super::project::{Project, properties_of_inputs};
use super::questions::{Answers, ProjectAnswer};
use super::setup::Setup;
use super::user_properties::check_for_dotnet;
use crate::agent::PrepareInputs;
use crate::analysis::precedence::Precedence;
use crate::analysis::{Properties, PropertySource, ScannerMode, ServerKind};
use crate::context::{
    BranchChoice, BuiltRef, DefaultBranch, Refusal, Scope, check_pull_request_properties, decide, decides,
    is_of_scope, name_branches, user_scope,
};
use crate::error::{Error, Result};
use crate::sonarqube::ProjectAccess;
use std::collections::HashSet;

/// The analysis of a project, as it was decided.
pub(super) struct PlannedAnalysis<'a> {
    pub(super) project: &'a Project,
    pub(super) scope: Scope,
    /// It is skipped because the change that is built touches nothing of it.
    pub(super) is_untouched: bool,
}

impl PlannedAnalysis<'_> {
    pub(super) fn is_skipped(&self) -> bool {
        self.scope.skip.is_some()
    }

    /// The properties of the analysis, but for those of settings files and of the scanner.
    pub(super) fn properties(&self, inputs: &PrepareInputs) -> Properties {
        let mut precedence = Precedence::new(inputs.rules);
        precedence.set_all(PropertySource::Input, &properties_of_inputs(inputs));
        precedence.set_all(PropertySource::Scope, &self.scope.properties);
        if self.is_skipped() {
            precedence.set(PropertySource::Scope, "sonar.scanner.skip", "true", None);
        }
        precedence.set_all(PropertySource::ExtraProperties, &self.project.user_properties);
        let mut properties = precedence.properties();
        name_branches(&mut properties);
        properties
    }
}

/// Decides for each project, in their order.
///
/// # Errors
/// The token may not analyse a project, or what is built cannot be analysed.
pub(super) fn plan<'a>(setup: &'a Setup<'_>, answers: &mut Answers) -> Result<Vec<PlannedAnalysis<'a>>> {
    let mut log = DecisionLog::default();
    let mut planned = Vec::with_capacity(setup.projects.len());
    let of_projects = std::mem::take(&mut answers.projects);
    for (project, answer) in setup.projects.iter().zip(of_projects) {
        let answer = answer?;
        if let Some(key) = &project.key
            && answer.access == Some(ProjectAccess::Unknown)
            && answers.server.facts.kind == ServerKind::Server
        {
            tracing::info!("The project {key} does not exist yet; its first analysis creates it");
        }
        if let Some(error) = answer.main_branch_error() {
            tracing::info!("SonarQube could not be asked for its main branch: {error}");
        }
        let deciding = Deciding { setup, answers, project, answer: &answer };
        let (scope, is_by_user) = deciding.scope()?;
        log.tell(&scope, project, is_by_user);
        if setup.inputs.mode == ScannerMode::Dotnet {
            check_for_dotnet(&scope.properties)?;
        }
        planned.push(PlannedAnalysis { project, scope, is_untouched: false });
    }
    Ok(planned)
}

const CHANGE_INPUTS: &str =
    "To analyse something else, set the input branch, defaultBranch, tags or onUnsupportedBranch";
const CHANGE_PROPERTY: &str = "To analyse something else, change or remove this property";

/// Tells a decision once for all projects that it is of.
#[derive(Default)]
struct DecisionLog(HashSet<String>);

impl DecisionLog {
    fn is_new(&mut self, text: &str) -> bool {
        self.0.insert(text.to_owned())
    }

    /// What, why, and where to change it.
    fn tell(&mut self, scope: &Scope, project: &Project, is_by_user: bool) {
        let decision = format!("{}\nBecause {}", scope.what, scope.why);
        if self.is_new(&decision) {
            if scope.skip.is_some() {
                // Both lines are one issue of the build.
                tracing::warn!("{decision}");
            } else {
                tracing::info!("{decision}");
            }
        }
        let where_to_change = if is_by_user { CHANGE_PROPERTY } else { CHANGE_INPUTS };
        if self.is_new(where_to_change) {
            tracing::info!("{where_to_change}");
        }
        for warning in &scope.warnings {
            if self.is_new(warning) {
                tracing::warn!("{warning}");
            }
        }
        if !is_by_user {
            for (key, value) in project.user_properties.iter().filter(|(key, _)| is_of_scope(key)) {
                tracing::info!("{key} is {value}, because extraProperties says so");
            }
        }
    }
}

/// The decision for one project.
struct Deciding<'a> {
    setup: &'a Setup<'a>,
    answers: &'a Answers,
    project: &'a Project,
    answer: &'a ProjectAnswer,
}

impl Deciding<'_> {
    /// What is analysed, and whether the user's own properties say so.
    fn scope(&self) -> Result<(Scope, bool)> {
        let Self { setup, project, .. } = self;
        let (inputs, facts) = (&setup.inputs, &self.answers.server.facts);
        let by_extra = user_scope(&project.user_properties, "extraProperties", facts).map_err(error_of)?;
        let by_user = match inputs.choices.branch {
            BranchChoice::Auto if by_extra.is_none() => {
                user_scope(&project.settings, "the settings file", facts).map_err(error_of)?
            }
            _ => by_extra,
        };
        let is_by_user = by_user.is_some();
        let mut scope = match by_user {
            Some(scope) => scope,
            None => self.by_build()?,
        };
        if decides(&project.settings) {
            drop_others(&mut scope, project);
        }
        if is_by_user && facts.branch_support {
            check_pull_request_properties(&scope.properties).map_err(error_of)?;
        }
        name_branches(&mut scope.properties);
        if scope.target.is_pull_request() && scope.skip.is_none() {
            self.check_pull_request_is_not_first()?;
        }
        if let Some(version) = &scope.version
            && self.has_no_version()
        {
            scope.properties.set("sonar.projectVersion", version.as_str());
        }
        if !is_by_user
            && inputs.choices.branch == BranchChoice::Auto
            && scope.skip.is_none()
            && let Some(clone) = self.answers.clone_of_another_repository(project)
        {
            scope.warnings.push(format!(
                "{} is a clone of another repository than this build's. Set the input branch to the branch that is checked \
                 out there",
                clone.display()
            ));
        }
        Ok((scope, is_by_user))
    }

    /// By what is being built.
    fn by_build(&self) -> Result<Scope> {
        let Self { setup, answers, project, answer } = self;
        let facts = &answers.server.facts;
        let context = setup.job.predefined.pipeline_context();
        let main_branch = answer.main_branch();
        let known = answers.default_branch(project, main_branch.as_deref());
        let (mut default, mut conflict) = (DefaultBranch::Unknown, None);
        match &answers.built {
            // Servers without branches are not told the main branch's name.
            BuiltRef::MainBranch { .. } if !facts.branch_support => {}
            BuiltRef::Branch(built) => {
                default = match known {
                    Some(known) => DefaultBranch::Known(known),
                    None if answer.access == Some(ProjectAccess::Unknown) => DefaultBranch::NeverAnalysed,
                    None => DefaultBranch::Unknown,
                };
                conflict = default.conflict(main_branch.as_deref(), built, facts.branch_support);
            }
            _ => default = known.map_or(DefaultBranch::Unknown, DefaultBranch::Known),
        }
        let mut scope =
            decide(&context, &answers.built, &setup.inputs.choices, facts, &default).map_err(error_of)?;
        scope.default_branch = default.name().map(str::to_owned);
        scope.warnings.extend(conflict);
        Ok(scope)
    }

    /// SonarQube creates a project by the analysis of a branch alone (observed on 10.7 and 26.9: `No branch exists in
    /// Sonarqube with the name main`, after the build).
    fn check_pull_request_is_not_first(&self) -> Result<()> {
        if self.answer.access != Some(ProjectAccess::Unknown)
            || self.answers.server.facts.kind != ServerKind::Server
        {
            return Ok(());
        }
        let key = self.project.key.as_deref().unwrap_or_default();
        Err(Error::new(format!(
            "the project {key} does not exist in SonarQube yet, and its first analysis cannot be that of a pull request"
        ))
        .hint("Run this pipeline for the main branch first, which creates the project. Then run it for the pull request again."))
    }

    /// Whether the user left the version open. `1.0` is what the task says when the user says nothing; builds that
    /// run the scanner themselves have a version of their own.
    fn has_no_version(&self) -> bool {
        let inputs = &self.setup.inputs;
        let of_input = inputs.project_version.as_deref().filter(|version| *version != "1.0");
        inputs.mode != ScannerMode::Other
            && of_input.is_none()
            && self.project.settings.value("sonar.projectVersion").is_none()
    }
}

fn error_of(refusal: Refusal) -> Error {
    Error::new(refusal.message).hint(refusal.hint)
}

/// Blanks what the settings file says against the decision: the scanner reads that file below all this.
fn drop_others(scope: &mut Scope, project: &Project) {
    for (key, _) in project.settings.iter().filter(|(key, _)| is_of_scope(key)) {
        if scope.properties.value(key).is_none() && project.user_properties.value(key).is_none() {
            scope.properties.set(key, "");
            scope.warnings.push(format!("{key} in the settings file is ignored: other settings win over it"));
        }
    }
}
