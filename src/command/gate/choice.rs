//! Which project, and which branch or pull request of it, the gate is asked of: what the arguments name, else the pipeline,
//! else the clone.

use crate::agent::{Environment, Predefined};
use crate::analysis::{Target, java_properties};
use crate::command::arguments::GateArguments;
use crate::context::GitRef;
use crate::error::{Error, Result};
use crate::git::CheckedOut;
use std::path::{Path, PathBuf};

const SETTINGS: &str = "sonar-project.properties";

/// What the gate is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Choice {
    /// Key of the project.
    pub(super) project_key: String,
    /// Branch or pull request.
    pub(super) target: Target,
    /// What was chosen without the user having named it, for people; `None` if nothing was.
    pub(super) found: Option<String>,
}

impl Choice {
    /// Chooses for a command that runs in `folder`.
    ///
    /// # Errors
    /// No key of a project was found; neither branch nor pull request was found in a pipeline or a clone.
    pub(super) fn new(arguments: &GateArguments, environment: &Environment, folder: &Path) -> Result<Self> {
        // Folders above `.` are those of the whole path.
        let folder = &folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let clone = CheckedOut::find(folder);
        let mut found = Vec::new();
        let project_key = match &arguments.project_key {
            Some(key) => key.clone(),
            None => {
                let (key, file) = project_key(folder, clone.as_ref())?;
                found.push(format!("project {key} (from {})", file.display()));
                key
            }
        };
        let target = match named_target(arguments) {
            Some(target) => target,
            None => {
                let (target, source) = found_target(environment, clone.as_ref())?;
                found.push(format!("{} ({source})", target.name()));
                target
            }
        };
        let found = (!found.is_empty()).then(|| format!("Using {}", found.join(" and ")));
        Ok(Self { project_key, target, found })
    }
}

fn named_target(arguments: &GateArguments) -> Option<Target> {
    let is_named = arguments.main_branch || arguments.branch.is_some() || arguments.pull_request.is_some();
    is_named.then(|| Target::named(arguments.branch.clone(), arguments.pull_request.clone()))
}

/// The key in the nearest sonar-project.properties from `folder` up to the top of the clone.
fn project_key(folder: &Path, clone: Option<&CheckedOut>) -> Result<(String, PathBuf)> {
    let top = clone.map_or(folder, |clone| clone.top_level.as_path());
    let folders = folder.ancestors().take_while(|folder| folder.starts_with(top));
    let key = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).ok()?;
        let key = java_properties::parse(&text).remove("sonar.projectKey")?;
        Some((key.trim().to_owned(), file)).filter(|(key, _)| !key.is_empty())
    };
    folders.map(|folder| folder.join(SETTINGS)).find_map(key).ok_or_else(|| {
        Error::new(format!(
            "--project-key is not given, and no {SETTINGS} in {} or the folders above it sets sonar.projectKey",
            folder.display()
        ))
        .hint("Give --project-key.")
    })
}

fn found_target(environment: &Environment, clone: Option<&CheckedOut>) -> Result<(Target, &'static str)> {
    const HINT: &str = "Give --branch, --pull-request or --main-branch.";
    let context = Predefined::read(environment)?.pipeline_context();
    let default_branch = clone.and_then(|clone| clone.default_branch.as_deref());
    let of_branch = |name: &str| match default_branch == Some(name) {
        true => Target::branch(name).as_main_branch(),
        false => Target::branch(name),
    };
    match &context.source {
        _ if context.is_of_pull_request() => return Ok((context.target(), "of this pipeline")),
        Some(GitRef::Branch(name)) => return Ok((of_branch(name), "of this pipeline")),
        Some(GitRef::Tag(name)) => {
            return Err(Error::new(format!(
                "cannot tell the branch, because this pipeline builds the tag {name}"
            ))
            .hint(HINT));
        }
        _ => {}
    }
    match clone {
        Some(CheckedOut { branch: Some(name), .. }) => Ok((of_branch(name), "checked out here")),
        Some(CheckedOut { branch: None, .. }) => Err(Error::new(
            "cannot tell the branch, because a commit is checked out here instead of a branch",
        )
        .hint(HINT)),
        None => Ok((Target::MAIN_BRANCH, "because this is neither a pipeline nor a clone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::arguments::{Command, parse};
    use std::fs;

    fn choose(line: &str, variables: &[(&str, &str)], folder: &Path) -> Result<Choice, String> {
        let line = format!("sonar-azdo gate {line}");
        let arguments: Vec<_> = line.split_whitespace().map(Into::into).collect();
        let Command::Gate(arguments) = parse(&arguments).unwrap().command else { panic!("{line}") };
        let environment = Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into())));
        Choice::new(&arguments, &environment, folder).map_err(|error| error.to_string())
    }

    /// A clone with this branch checked out, whose `origin` has the default branch main.
    fn clone(head: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        fs::create_dir_all(git.join("objects")).unwrap();
        fs::create_dir_all(git.join("refs/remotes/origin")).unwrap();
        fs::create_dir_all(folder.path().join("app/src")).unwrap();
        fs::write(git.join("HEAD"), head).unwrap();
        fs::write(git.join("refs/remotes/origin/HEAD"), "ref: refs/remotes/origin/main\n").unwrap();
        folder
    }

    #[test]
    fn the_branch_is_that_of_the_arguments_else_of_the_pipeline_else_of_the_clone() {
        let branch = |name: &str| Ok(Target::branch(name));
        let on_x = clone("ref: refs/heads/x\n");
        let on_main = clone("ref: refs/heads/main\n");
        let on_commit = clone("5e1c309dae7f45e0f39b1bf3ac3cd9db12e7d689\n");
        let nowhere = tempfile::tempdir().unwrap();
        let of_branch = [("BUILD_SOURCEBRANCH", "refs/heads/y")];
        let of_main = [("BUILD_SOURCEBRANCH", "refs/heads/main")];
        let of_tag = [("BUILD_SOURCEBRANCH", "refs/tags/v1")];
        let of_pull_request = [
            ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
            ("SYSTEM_PULLREQUEST_PULLREQUESTID", "7"),
            ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/y"),
            ("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main"),
        ];
        let main_branch = || Ok(Target::branch("main").as_main_branch());
        for (arguments, variables, clone, expected) in [
            ("--branch b", &of_branch[..], &on_x, branch("b")),
            ("--pull-request 9", &of_branch, &on_x, Ok(Target::pull_request("9"))),
            ("--main-branch", &of_branch, &on_x, Ok(Target::MAIN_BRANCH)),
            ("", &of_branch, &on_x, branch("y")),
            ("", &of_main, &on_commit, main_branch()),
            ("", &of_pull_request, &on_x, Ok(Target::pull_request_between("7", "y", "main"))),
            ("", &of_tag, &on_x, Err("the tag v1")),
            ("", &[], &on_x, branch("x")),
            ("", &[], &on_main, main_branch()),
            ("", &[], &on_commit, Err("cannot tell the branch")),
            ("", &[], &nowhere, Ok(Target::MAIN_BRANCH)),
        ] {
            let chosen = choose(&format!("--project-key shop {arguments}"), variables, clone.path());
            match (chosen, expected) {
                (Ok(chosen), Ok(expected)) => {
                    assert_eq!(chosen.target, expected, "{arguments} {variables:?}");
                    assert_eq!(chosen.found.is_none(), !arguments.is_empty(), "{:?}", chosen.found);
                }
                (Err(error), Err(expected)) => assert!(error.contains(expected), "{error}"),
                (chosen, expected) => panic!("{chosen:?} {expected:?}"),
            }
        }
    }

    #[test]
    fn the_project_is_that_of_the_nearest_settings_file() {
        let clone = clone("ref: refs/heads/x\n");
        let below = clone.path().join("app/src");
        let error = choose("", &[], &below).unwrap_err();
        assert!(error.contains("--project-key is not given") && error.contains("--project-key"), "{error}");
        fs::write(clone.path().join(SETTINGS), "sonar.projectKey = shop\n").unwrap();
        assert_eq!(choose("", &[], &below).unwrap().project_key, "shop");
        fs::write(clone.path().join("app").join(SETTINGS), "sonar.projectKey=app\n").unwrap();
        let chosen = choose("", &[], &below).unwrap();
        let file = clone.path().canonicalize().unwrap().join("app").join(SETTINGS);
        assert_eq!(chosen.project_key, "app");
        assert_eq!(
            chosen.found.unwrap(),
            format!("Using project app (from {}) and branch x (checked out here)", file.display())
        );
    }
}
