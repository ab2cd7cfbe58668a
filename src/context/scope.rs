//! The decision: which branch or pull request is analysed, and why.

use super::built::BuiltRef;
use super::choices::{Choices, OnUnsupported};
use super::default_branch::{DefaultBranch, DefaultBranchSource, KnownBranch};
use super::pipeline::{PipelineContext, PullRequest};
use super::pull_request_properties;
use super::refusal::{Refusal, check_name};
use crate::analysis::{Properties, ServerFacts, Target};

/// What is analysed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) target: Target,
    pub(crate) properties: Properties,
    /// Why nothing is analysed, for the log and the summary; `None` if something is.
    pub(crate) skip: Option<String>,
    /// The decision, for the log.
    pub(crate) what: String,
    /// Its reason, as a clause that follows "because".
    pub(crate) why: String,
    /// The version of the project, if it follows from what is built. A version that the user sets wins.
    pub(crate) version: Option<String>,
    /// The repository's default branch, if it was asked for and is known.
    pub(crate) default_branch: Option<String>,
    pub(crate) warnings: Vec<String>,
}

impl Scope {
    pub(super) fn new(target: Target, what: String, why: String) -> Self {
        Self {
            target,
            properties: Properties::default(),
            skip: None,
            what,
            why,
            version: None,
            default_branch: None,
            warnings: Vec::new(),
        }
    }

    /// The main branch. An engine with branches would otherwise take the name of a branch from the build's variables.
    pub(super) fn main_branch(name: Option<String>, server: &ServerFacts, why: String) -> Self {
        let mut scope = Self::new(Target::MainBranch { name }, "Analysing the main branch".into(), why);
        if server.branch_support {
            scope.properties.set("sonar.branch.autoconfig.disabled", "true");
        }
        scope
    }

    fn skipped(target: Target, reason: String) -> Self {
        Self { skip: Some(reason.clone()), ..Self::new(target, "Nothing will be analysed".into(), reason) }
    }
}

/// Decides. `default` counts for a [`BuiltRef::Branch`], and for a [`BuiltRef::MainBranch`] in the build of a pull request.
///
/// # Errors
/// SonarQube would refuse the name, or it does not analyse branches and `onUnsupportedBranch` is `fail`.
pub(crate) fn decide(
    context: &PipelineContext,
    built: &BuiltRef,
    choices: &Choices,
    server: &ServerFacts,
    default: &DefaultBranch,
) -> Result<Scope, Refusal> {
    let table = Table { server, choices, default };
    match built {
        BuiltRef::MainBranch { why, version } => {
            let mut scope = table.main_branch(context, why.clone());
            scope.version.clone_from(version);
            Ok(scope)
        }
        BuiltRef::Branch(name) => table.branch(name),
        BuiltRef::OtherBranch { name, what } => table.other_branch(name, what, what.clone()),
        BuiltRef::PullRequest(pull_request) => table.pull_request(context, pull_request),
        BuiltRef::MergeRef(number) => Ok(Scope::skipped(
            Target::pull_request(number.as_str()),
            format!(
                "pull request {number} is being built by its reference alone, and its branches are not known (let the pull \
                 request start the build, or set sonar.pullrequest.key, .branch and .base in extraProperties)"
            ),
        )),
        BuiltRef::Nothing { name, why } => Ok(Scope::skipped(Target::branch(name.as_str()), why.clone())),
    }
}

struct Table<'a> {
    server: &'a ServerFacts,
    choices: &'a Choices,
    default: &'a DefaultBranch,
}

impl Table<'_> {
    /// The main branch, whatever is being built. In the build of a pull request it is named, because the community branch
    /// plugin ignores `sonar.branch.autoconfig.disabled` and would analyse the pull request by the build's variables.
    fn main_branch(&self, context: &PipelineContext, why: String) -> Scope {
        if !context.is_of_pull_request() || !self.server.branch_support {
            return Scope::main_branch(None, self.server, why);
        }
        let name = self.default.name().map(str::to_owned);
        let mut scope = Scope::main_branch(name.clone(), self.server, why);
        match name {
            Some(name) => scope.properties.extend(&Target::branch(name).properties()),
            None => scope.warnings.push(
                "The name of the main branch is not known, so a server with a branch plugin may analyse the pull request \
                 instead. Set the input defaultBranch."
                    .into(),
            ),
        }
        scope
    }

    fn branch(&self, name: &str) -> Result<Scope, Refusal> {
        let main = |why: &str| Scope {
            what: format!("Analysing {name} as the main branch"),
            ..Scope::main_branch(Some(name.to_owned()), self.server, why.to_owned())
        };
        match self.default {
            DefaultBranch::Known(KnownBranch { name: default, source }) if default == name => {
                Ok(main(&format!("the default branch is {default} ({source})")))
            }
            DefaultBranch::Known(KnownBranch { name: default, source }) => {
                let remedy = match source {
                    DefaultBranchSource::SonarQube => {
                        format!("; if {name} is the default branch, name it in the input defaultBranch")
                    }
                    _ => String::new(),
                };
                self.other_branch(
                    name,
                    &format!("{name} is not {default} ({source}{remedy})"),
                    format!("the default branch is {default} ({source})"),
                )
            }
            DefaultBranch::NeverAnalysed => Ok(main("the project has never been analysed")),
            DefaultBranch::Unknown if self.server.branch_support => {
                let why =
                    "the default branch is not known, and SonarQube decides whether this is its main branch";
                self.other_branch(name, "", why.to_owned())
            }
            DefaultBranch::Unknown => {
                let mut scope = main("the default branch is not known");
                scope.warnings.push(
                    "Set the input defaultBranch. Without it, builds of other branches are analysed as the main branch, too."
                        .into(),
                );
                Ok(scope)
            }
        }
    }

    /// A branch that is not the main branch, analysed because of `why`. `built` is what is being built, as a clause.
    fn other_branch(&self, name: &str, built: &str, why: String) -> Result<Scope, Refusal> {
        let target = Target::branch(name);
        if !self.server.branch_support {
            let product = self.server.product();
            return self.unsupported(target, format!("{product} analyses the main branch only, and {built}"));
        }
        check_name("name of the branch", name)?;
        let properties = target.properties();
        Ok(Scope { properties, ..Scope::new(target, format!("Analysing the branch {name}"), why) })
    }

    fn pull_request(&self, context: &PipelineContext, pull_request: &PullRequest) -> Result<Scope, Refusal> {
        let key = context.key_of(pull_request);
        let (branch, base) = pull_request.branches();
        let target = context.target_of(pull_request);
        let why = format!("pull request {key} is being built");
        if !self.server.branch_support {
            let product = self.server.product();
            let reason = format!("{product} does not analyse pull requests, and {why}");
            return self.unsupported(target, reason);
        }
        check_name("name of the pull request", key)?;
        if !branch.is_empty() {
            check_name("name of the pull request's branch", branch)?;
        }
        let of_fork = if pull_request.is_fork { " of a fork" } else { "" };
        let what = format!("Analysing pull request {key}, from {branch}{of_fork} into {base}");
        let mut scope = Scope::new(target, what, why);
        scope.properties = pull_request_properties::properties_of(pull_request, context, self.server.kind);
        Ok(scope)
    }

    fn unsupported(&self, target: Target, reason: String) -> Result<Scope, Refusal> {
        match self.choices.on_unsupported {
            OnUnsupported::Skip => Ok(Scope::skipped(target, reason)),
            OnUnsupported::Fail => Err(Refusal {
                message: reason,
                hint: "Give the three steps a condition, set onUnsupportedBranch to skip or main, or use an edition that \
                       analyses branches (Developer Edition and higher)."
                    .into(),
            }),
            OnUnsupported::Main => {
                let name = self.default.name().map(str::to_owned);
                let why = format!("{reason}, and onUnsupportedBranch is main");
                Ok(Scope::new(Target::MainBranch { name }, "Analysing the main branch".into(), why))
            }
        }
    }
}
