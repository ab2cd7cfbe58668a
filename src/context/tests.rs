//! The whole decision table: captured environments of every provider and event, and what is made of them.

use super::*;
use crate::agent::{Environment, Predefined};
use crate::analysis::{Edition, Properties, ServerFacts, ServerKind, ServerVersion, Target};
use std::fmt::Write as _;
use std::path::Path;

fn server(branch_support: bool) -> ServerFacts {
    let edition = Some(if branch_support { Edition::Developer } else { Edition::Community });
    let version = ServerVersion::parse("26.9.0.1").unwrap();
    ServerFacts { kind: ServerKind::Server, version, edition, branch_support }
}

/// An environment of tests/data/environments: variables as an agent sets them, one a line.
fn captured(name: &str) -> PipelineContext {
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/environments").join(format!("{name}.env"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let variables = lines.map(|line| line.split_once('=').unwrap());
    let variables = variables.map(|(name, value)| (name.into(), value.into()));
    Predefined::read(&Environment::new(variables)).unwrap().pipeline_context()
}

fn names() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/environments");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<_> =
        files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn known(name: &str, source: DefaultBranchSource) -> DefaultBranch {
    DefaultBranch::Known(KnownBranch { name: name.into(), source })
}

fn decided(name: &str, choices: &Choices, server: &ServerFacts) -> Result<Scope, Refusal> {
    let context = captured(name);
    let built = context.built(choices);
    decide(&context, &built, choices, server, &known("main", DefaultBranchSource::Remote))
}

fn shown(properties: &Properties) -> String {
    properties.iter().map(|(key, value)| format!("\n    {key}={value}")).collect()
}

/// The decision, its reason and properties where the server analyses branches; decision and reason where it doesn't, if
/// that is another.
fn row(name: &str, choices: &Choices) -> String {
    let told = |scope: Result<Scope, Refusal>, branch_support| match scope {
        Ok(mut scope) => {
            let is_main = scope.target.is_main_branch();
            let detects = scope.properties.remove("sonar.branch.autoconfig.disabled").is_none();
            assert_eq!(!detects, is_main && branch_support, "{name}: {scope:?}");
            assert_eq!(scope.skip.is_some(), scope.what == "Nothing will be analysed", "{name}: {scope:?}");
            let version = scope.version.map(|version| format!("\n    version {version}"));
            format!(
                "{}: {}{}{}",
                scope.what,
                scope.why,
                shown(&scope.properties),
                version.unwrap_or_default()
            )
        }
        Err(refusal) => format!("Error: {}", refusal.message),
    };
    let mut row = format!("{name}\n  {}", told(decided(name, choices, &server(true)), true));
    let community = told(decided(name, choices, &server(false)), false);
    if !row.ends_with(&community) {
        write!(row, "\n  {community}").unwrap();
    }
    row
}

#[test]
fn each_provider_and_event_has_its_decision() {
    let rows: Vec<_> = names().iter().map(|name| row(name, &Choices::default())).collect();
    insta::assert_snapshot!(rows.join("\n"), @"
    bitbucket-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    bitbucket-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    bitbucket-merge-ref-by-hand
      Nothing will be analysed: pull request 7 is being built by its reference alone, and its branches are not known (let the pull request start the build, or set sonar.pullrequest.key, .branch and .base in extraProperties)
    bitbucket-pull-request
      Analysing pull request 42, from feature/x into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.key=42
        sonar.pullrequest.provider=bitbucketcloud
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    bitbucket-pull-request-fork
      Analysing pull request 42, from main of a fork into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=main
        sonar.pullrequest.key=42
        sonar.pullrequest.provider=bitbucketcloud
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    bitbucket-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    git-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    git-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    git-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    github-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    github-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    github-merge-ref-by-hand
      Nothing will be analysed: pull request 7 is being built by its reference alone, and its branches are not known (let the pull request start the build, or set sonar.pullrequest.key, .branch and .base in extraProperties)
    github-pull-request
      Analysing pull request 7, from feature/x into main: pull request 7 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.github.repository=contoso/shop
        sonar.pullrequest.key=7
        sonar.pullrequest.provider=github
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 7 is being built
    github-pull-request-fork
      Analysing pull request 7, from main of a fork into main: pull request 7 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=main
        sonar.pullrequest.github.repository=contoso/shop
        sonar.pullrequest.key=7
        sonar.pullrequest.provider=github
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 7 is being built
    github-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    githubenterprise-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    githubenterprise-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    githubenterprise-pull-request
      Analysing pull request 7, from feature/x into main: pull request 7 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.github.repository=contoso/shop
        sonar.pullrequest.key=7
        sonar.pullrequest.provider=github
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 7 is being built
    githubenterprise-pull-request-fork
      Analysing pull request 7, from main of a fork into main: pull request 7 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=main
        sonar.pullrequest.github.repository=contoso/shop
        sonar.pullrequest.key=7
        sonar.pullrequest.provider=github
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 7 is being built
    githubenterprise-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    release-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    release-plain-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    release-pull-request
      Nothing will be analysed: pull request 42 is being built by its reference alone, and its branches are not known (let the pull request start the build, or set sonar.pullrequest.key, .branch and .base in extraProperties)
    release-tfvc
      Analysing the main branch: $/My Shop/main is being built, and SonarQube does not treat a TFVC folder as a branch
    release-without-artifact
      Analysing the main branch: Build.SourceBranch is not set
    svn-branch
      Analysing the branch release-2: branches/release-2 is being built
        sonar.branch.name=release-2
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and branches/release-2 is being built
    svn-tag
      Nothing will be analysed: the tag 1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    svn-trunk
      Analysing the main branch: trunk is being built
    tfsgit-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    tfsgit-commit
      Nothing will be analysed: 0123456789abcdef0123456789abcdef01234567 is a commit, not a branch (set the input branch to the branch it belongs to)
    tfsgit-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    tfsgit-merge-ref-by-hand
      Nothing will be analysed: pull request 7 is being built by its reference alone, and its branches are not known (let the pull request start the build, or set sonar.pullrequest.key, .branch and .base in extraProperties)
    tfsgit-pull-request
      Analysing pull request 42, from feature/x into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.key=42
        sonar.pullrequest.vsts.instanceUrl=https://dev.azure.com/contoso/
        sonar.pullrequest.vsts.project=My Shop
        sonar.pullrequest.vsts.repository=shop api
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    tfsgit-pull-request-fork
      Analysing pull request 42, from main of a fork into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=main
        sonar.pullrequest.key=42
        sonar.pullrequest.vsts.instanceUrl=https://dev.azure.com/contoso/
        sonar.pullrequest.vsts.project=My Shop
        sonar.pullrequest.vsts.repository=shop api
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    tfsgit-resource-trigger
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    tfsgit-scheduled
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    tfsgit-several-repositories
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    tfsgit-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    tfvc-folder
      Analysing the main branch: $/My Shop/main is being built, and SonarQube does not treat a TFVC folder as a branch
    tfvc-gated-check-in
      Nothing will be analysed: Gated_2026-11-24_05.20.51.4369;ada@contoso.example is a gated check-in or a shelveset, whose changes are not checked in yet (set the input branch to off to analyse it as the main branch)
    tfvc-shelveset
      Nothing will be analysed: rework of the cart;ada@contoso.example is a gated check-in or a shelveset, whose changes are not checked in yet (set the input branch to off to analyse it as the main branch)
    unknown-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    unknown-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    unknown-pull-request
      Analysing pull request 42, from feature/x into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.key=42
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    unknown-pull-request-fork
      Analysing pull request 42, from main of a fork into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=main
        sonar.pullrequest.key=42
      Nothing will be analysed: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    unknown-tag
      Nothing will be analysed: the tag v1.2.0 is being built, and a SonarQube branch for each tag would stay forever (set the input tags to main or branch to analyse it)
    ");
}

#[test]
fn inputs_change_the_decision() {
    let choices = Choices::default;
    let branch = |text: &str| Choices { branch: BranchChoice::parse(text), ..choices() };
    let rows = [
        row("tfsgit-branch", &branch("off")),
        row("tfsgit-pull-request", &branch("off")),
        row("tfvc-gated-check-in", &branch("off")),
        row("tfsgit-branch", &branch("main")),
        row("tfsgit-commit", &branch("refs/heads/release")),
        row("tfsgit-pull-request", &branch("release")),
        row("github-tag", &Choices { tags: Tags::Main, ..choices() }),
        row("github-tag", &Choices { tags: Tags::Branch, ..choices() }),
        row("github-tag", &Choices { tags: Tags::Branch, on_unsupported: OnUnsupported::Fail, ..choices() }),
        row("tfsgit-branch", &Choices { on_unsupported: OnUnsupported::Fail, ..choices() }),
        row("tfsgit-branch", &Choices { on_unsupported: OnUnsupported::Main, ..choices() }),
        row("tfsgit-pull-request", &Choices { on_unsupported: OnUnsupported::Fail, ..choices() }),
        row("tfsgit-pull-request", &Choices { on_unsupported: OnUnsupported::Main, ..choices() }),
        row("tfsgit-default-branch", &Choices { on_unsupported: OnUnsupported::Fail, ..choices() }),
    ];
    insta::assert_snapshot!(rows.join("\n"), @"
    tfsgit-branch
      Analysing the main branch: the input branch is off
    tfsgit-pull-request
      Analysing the main branch: the input branch is off
        sonar.branch.name=main
      Analysing the main branch: the input branch is off
    tfvc-gated-check-in
      Analysing the main branch: the input branch is off
    tfsgit-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    tfsgit-commit
      Analysing the branch release: the default branch is main (according to the remote origin)
        sonar.branch.name=release
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and release is not main (according to the remote origin)
    tfsgit-pull-request
      Analysing the branch release: the default branch is main (according to the remote origin)
        sonar.branch.name=release
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and release is not main (according to the remote origin)
    github-tag
      Analysing the main branch: the tag v1.2.0 is being built, and the input tags is main
        version v1.2.0
    github-tag
      Analysing the branch v1.2.0: the tag v1.2.0 is being built, and the input tags is branch
        sonar.branch.name=v1.2.0
      Nothing will be analysed: SonarQube Community Build analyses the main branch only, and the tag v1.2.0 is being built, and the input tags is branch
    github-tag
      Analysing the branch v1.2.0: the tag v1.2.0 is being built, and the input tags is branch
        sonar.branch.name=v1.2.0
      Error: SonarQube Community Build analyses the main branch only, and the tag v1.2.0 is being built, and the input tags is branch
    tfsgit-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Error: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    tfsgit-branch
      Analysing the branch feature/x: the default branch is main (according to the remote origin)
        sonar.branch.name=feature/x
      Analysing the main branch: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin), and onUnsupportedBranch is main
    tfsgit-pull-request
      Analysing pull request 42, from feature/x into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.key=42
        sonar.pullrequest.vsts.instanceUrl=https://dev.azure.com/contoso/
        sonar.pullrequest.vsts.project=My Shop
        sonar.pullrequest.vsts.repository=shop api
      Error: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built
    tfsgit-pull-request
      Analysing pull request 42, from feature/x into main: pull request 42 is being built
        sonar.pullrequest.base=main
        sonar.pullrequest.branch=feature/x
        sonar.pullrequest.key=42
        sonar.pullrequest.vsts.instanceUrl=https://dev.azure.com/contoso/
        sonar.pullrequest.vsts.project=My Shop
        sonar.pullrequest.vsts.repository=shop api
      Analysing the main branch: SonarQube Community Build does not analyse pull requests, and pull request 42 is being built, and onUnsupportedBranch is main
    tfsgit-default-branch
      Analysing main as the main branch: the default branch is main (according to the remote origin)
    ");
}

#[test]
fn each_source_of_the_default_branch_has_its_decision() {
    let sources = [
        DefaultBranchSource::Input,
        DefaultBranchSource::AzureRepos,
        DefaultBranchSource::Remote,
        DefaultBranchSource::OriginHead,
        DefaultBranchSource::SonarQube,
    ];
    let mut defaults: Vec<_> = sources.iter().map(|source| known("main", *source)).collect();
    defaults.extend([DefaultBranch::NeverAnalysed, DefaultBranch::Unknown]);
    let mut lines = String::new();
    for name in ["tfsgit-default-branch", "tfsgit-branch"] {
        for default in &defaults {
            for branch_support in [true, false] {
                let context = captured(name);
                let choices = Choices::default();
                let built = context.built(&choices);
                let scope = decide(&context, &built, &choices, &server(branch_support), default).unwrap();
                let sent = scope.properties.value("sonar.branch.name").unwrap_or("-");
                writeln!(lines, "{sent}: {}: {}", scope.what, scope.why).unwrap();
                scope.warnings.iter().for_each(|warning| writeln!(lines, "  {warning}").unwrap());
            }
        }
    }
    insta::assert_snapshot!(lines, @"
    -: Analysing main as the main branch: the default branch is main (according to the input defaultBranch)
    -: Analysing main as the main branch: the default branch is main (according to the input defaultBranch)
    -: Analysing main as the main branch: the default branch is main (according to Azure Repos)
    -: Analysing main as the main branch: the default branch is main (according to Azure Repos)
    -: Analysing main as the main branch: the default branch is main (according to the remote origin)
    -: Analysing main as the main branch: the default branch is main (according to the remote origin)
    -: Analysing main as the main branch: the default branch is main (according to origin/HEAD of the clone)
    -: Analysing main as the main branch: the default branch is main (according to origin/HEAD of the clone)
    -: Analysing main as the main branch: the default branch is main (SonarQube's main branch)
    -: Analysing main as the main branch: the default branch is main (SonarQube's main branch)
    -: Analysing main as the main branch: the project has never been analysed
    -: Analysing main as the main branch: the project has never been analysed
    main: Analysing the branch main: the default branch is not known, and SonarQube decides whether this is its main branch
    -: Analysing main as the main branch: the default branch is not known
      Set the input defaultBranch. Without it, builds of other branches are analysed as the main branch, too.
    feature/x: Analysing the branch feature/x: the default branch is main (according to the input defaultBranch)
    -: Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the input defaultBranch)
    feature/x: Analysing the branch feature/x: the default branch is main (according to Azure Repos)
    -: Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to Azure Repos)
    feature/x: Analysing the branch feature/x: the default branch is main (according to the remote origin)
    -: Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to the remote origin)
    feature/x: Analysing the branch feature/x: the default branch is main (according to origin/HEAD of the clone)
    -: Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (according to origin/HEAD of the clone)
    feature/x: Analysing the branch feature/x: the default branch is main (SonarQube's main branch)
    -: Nothing will be analysed: SonarQube Community Build analyses the main branch only, and feature/x is not main (SonarQube's main branch; if feature/x is the default branch, name it in the input defaultBranch)
    -: Analysing feature/x as the main branch: the project has never been analysed
    -: Analysing feature/x as the main branch: the project has never been analysed
    feature/x: Analysing the branch feature/x: the default branch is not known, and SonarQube decides whether this is its main branch
    -: Analysing feature/x as the main branch: the default branch is not known
      Set the input defaultBranch. Without it, builds of other branches are analysed as the main branch, too.
    ");
}

#[test]
fn a_pull_request_needs_no_default_branch_and_most_others_do_not() {
    let needing = names()
        .into_iter()
        .filter(|name| matches!(captured(name).built(&Choices::default()), BuiltRef::Branch(_)));
    assert!(needing.clone().count() > 10);
    for name in needing {
        assert!(
            ["-branch", "-default-branch", "-scheduled", "-repositories", "-trigger", "-plain-branch"]
                .iter()
                .any(|end| name.ends_with(end)),
            "{name}"
        );
    }
}

#[test]
fn a_merge_ref_becomes_a_pull_request_once_its_branches_are_known() {
    let context = captured("tfsgit-merge-ref-by-hand");
    let choices = Choices::default();
    assert_eq!(context.built(&choices), BuiltRef::MergeRef("7".into()));
    let pull_request = PullRequest {
        id: "7".into(),
        number: None,
        source_branch: "refs/heads/feature/x".into(),
        target_branch: "refs/heads/main".into(),
        is_fork: false,
    };
    let built = BuiltRef::PullRequest(pull_request);
    let scope = decide(&context, &built, &choices, &server(true), &DefaultBranch::Unknown).unwrap();
    assert_eq!(scope.what, "Analysing pull request 7, from feature/x into main");
    assert_eq!(scope.why, "pull request 7 is being built");
    assert_eq!(scope.properties.value("sonar.pullrequest.base"), Some("main"));
}

#[test]
fn cloud_is_told_the_provider_of_azure_repos_too() {
    let cloud = ServerFacts { kind: ServerKind::Cloud, edition: None, ..server(true) };
    let scope = decided("tfsgit-pull-request", &Choices::default(), &cloud).unwrap();
    assert_eq!(scope.properties.value("sonar.pullrequest.provider"), Some("vsts"));
    let scope = decided("tfsgit-pull-request", &Choices::default(), &server(true)).unwrap();
    assert_eq!(scope.properties.value("sonar.pullrequest.provider"), None);
}

#[test]
fn names_that_sonarqube_refuses_are_errors() {
    let choices = |name: &str| Choices { branch: BranchChoice::Named(name.to_owned()), ..Choices::default() };
    for (name, taken) in [
        ("a".repeat(255), true),
        ("\u{e9}".repeat(255), true),
        ("a".repeat(256), false),
        // Two UTF-16 units each.
        ("\u{1f600}".repeat(127), true),
        ("\u{1f600}".repeat(128), false),
        ("#11111".to_owned(), true),
        ("dependabot/npm_and_yarn/@babel/runtime-7.3.1".to_owned(), true),
        ("a b".to_owned(), true),
        (" ".to_owned(), false),
    ] {
        let scope = decided("tfsgit-branch", &choices(&name), &server(true));
        assert_eq!(scope.is_ok(), taken, "{name}: {scope:?}");
        assert!(decided("tfsgit-branch", &choices(&name), &server(false)).is_ok(), "it is not sent");
    }
    let refusal = decided("tfsgit-branch", &choices(&"long".repeat(100)), &server(true)).unwrap_err();
    insta::assert_snapshot!(format!("{}\n{}", refusal.message, refusal.hint), @"
    the name of the branch longlonglonglonglonglonglonglonglonglong... has 400 characters, and SonarQube accepts at most 255
    Set the input branch to a name for SonarQube, or to off.
    ");
}

#[test]
fn a_main_branch_of_another_name_is_a_conflict() {
    let default = known("main", DefaultBranchSource::AzureRepos);
    assert_eq!(default.conflict(Some("main"), "main", true), None);
    assert_eq!(default.conflict(None, "main", true), None);
    assert_eq!(DefaultBranch::Unknown.conflict(Some("master"), "main", true), None);
    let told = [("main", true), ("master", true), ("master", false)]
        .map(|(built, branch_support)| default.conflict(Some("master"), built, branch_support).unwrap());
    insta::assert_snapshot!(told.join("\n"), @"
    The default branch is main (according to Azure Repos), and SonarQube calls the project's main branch master. Rename SonarQube's main branch to main: the project's page Branches & Pull Requests, in SonarQube
    The default branch is main (according to Azure Repos), and SonarQube calls the project's main branch master. So the analysis of the branch master goes into the history of main. Rename SonarQube's main branch to main: the project's page Branches & Pull Requests, in SonarQube
    The default branch is main (according to Azure Repos), and SonarQube calls the project's main branch master. Rename SonarQube's main branch to main: POST api/project_branches/rename with the parameters project and name, by an administrator of the project (this edition has no page for it)
    ");
}

#[test]
fn parameters_of_the_user_win() {
    let own = |pairs: &[(&str, &str)], branch_support| {
        let own: Properties = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        user_scope(&own, "extraProperties", &server(branch_support)).unwrap()
    };
    assert_eq!(own(&[("sonar.exclusions", "x"), ("sonar.pullrequest.base", "develop")], true), None);
    let scope = own(&[("sonar.branch.name", "mine"), ("sonar.exclusions", "x")], true).unwrap();
    assert_eq!(scope.target, Target::branch("mine"));
    assert_eq!(scope.what, "Analysing the branch mine");
    assert_eq!(scope.why, "sonar.branch.name is set in extraProperties");
    assert_eq!(shown(&scope.properties), "\n    sonar.branch.name=mine");
    assert!(scope.warnings.is_empty());
    assert_eq!(own(&[("sonar.branch.name", "")], true), None);
    let reference = [
        ("sonar.pullrequest.key", "9"),
        ("sonar.pullrequest.branch", "refs/heads/x"),
        ("sonar.pullrequest.base", "refs/heads/main"),
    ];
    let scope = own(&reference, true).unwrap();
    let target = Target::pull_request_between("9", "x", "main");
    assert_eq!(scope.target, target);
    assert_eq!(scope.properties.value("sonar.pullrequest.base"), Some("main"));
    let scope = own(&[("sonar.pullrequest.key", "9"), ("sonar.pullrequest.base", "main")], false).unwrap();
    assert_eq!(scope.target, Target::pull_request_between("9", "", "main"));
    assert_eq!(
        scope.warnings,
        [
            "SonarQube Community Build analyses the main branch only and refuses sonar.pullrequest.key. Remove it from \
             extraProperties."
        ]
    );
}

#[test]
fn names_that_the_user_sets_are_checked() {
    let own = |pairs: &[(&str, &str)], branch_support| {
        let own = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        user_scope(&own, "extraProperties", &server(branch_support))
    };
    let (long, longest) = ("a".repeat(256), "a".repeat(255));
    for key in ["sonar.branch.name", "sonar.pullrequest.key", "sonar.pullrequest.branch"] {
        let with = |name: &str| match key {
            "sonar.branch.name" => vec![(key, name.to_owned())],
            _ => {
                let mut all = vec![
                    ("sonar.pullrequest.key", "7".to_owned()),
                    ("sonar.pullrequest.branch", "x".to_owned()),
                ];
                all.retain(|(other, _)| *other != key);
                all.push((key, name.to_owned()));
                all
            }
        };
        let ask = |name: &str, support| {
            own(&with(name).iter().map(|(k, v)| (*k, v.as_str())).collect::<Vec<_>>(), support)
        };
        assert!(ask(&longest, true).is_ok());
        assert!(ask(&long, false).is_ok(), "it is refused anyway");
        let refusal = ask(&long, true).unwrap_err();
        assert!(refusal.message.starts_with(&format!("the value of {key} aaa")), "{refusal:?}");
        assert_eq!(refusal.hint, format!("Set {key} in extraProperties to another value, or remove it."));
        assert_eq!(ask(" ", true).unwrap_err().message, format!("the value of {key} is blank"));
    }
}
