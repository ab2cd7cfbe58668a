//! Shallow clones: SonarPrepare notices them, completes them if the job may, and otherwise says what to do.

use crate::fake_agent::{Job, Step, Task, TaskResult};
use crate::fake_azure_devops::SignIn;
use crate::fake_sonarqube::SonarQube;
use crate::git_host::{Door, GitHost, Origin, commits, git, head};
use crate::scenario::{self, Scenario};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustix::process::Signal;

/// A job whose sources are a clone of depth 1 of the repository in Azure Repos.
fn of_azure_repos(sonarqube: SonarQube, reference: &str) -> (Scenario, Origin) {
    let mut scenario = Scenario::with(sonarqube);
    let azure = &scenario.job.azure;
    let origin = Origin::new(&azure.repository().name);
    azure.host(origin.root().to_owned());
    origin.check_out(&scenario.job.sources(), reference, &["--depth=1"], &azure.clone_url());
    scenario.job.set("Build.SourceVersion", &head(&scenario.job.sources()));
    (scenario, origin)
}

/// The same, for a repository with another provider.
fn of_another_host(origin: &Origin, host: &GitHost) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.job.set("Build.Repository.Provider", "GitHub");
    origin.check_out(&scenario.job.sources(), "refs/heads/main", &["--depth=1"], &host.url("shop"));
    scenario.job.set("Build.SourceVersion", &head(&scenario.job.sources()));
    scenario
}

fn prepare(scenario: &mut Scenario) -> Step {
    // With all that git says in the log.
    scenario.job.set("System.Debug", "true");
    scenario.prepare(&[])
}

/// Requests for the repository itself.
fn git_requests(job: &Job) -> usize {
    job.azure.requests().iter().filter(|request| request.contains("/_git/")).count()
}

#[test]
fn the_jobs_token_completes_a_shallow_clone_of_azure_repos() {
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    let sources = scenario.job.sources();
    assert_eq!(commits(&sources, "HEAD"), 1);
    let step = prepare(&mut scenario);
    step.succeeded().says("The clone is shallow: fetching").says("The history is complete");
    assert!(step.warnings.is_empty(), "{}", step.transcript());
    assert!(step.debug.iter().any(|line| line.contains("--unshallow ")), "{}", step.transcript());
    assert_eq!(commits(&sources, "HEAD"), 4);
    assert!(!sources.join(".git/shallow").exists());
    let configuration = std::fs::read_to_string(sources.join(".git/config")).unwrap();
    assert!(!configuration.contains(&scenario.job.azure.token()), "{configuration}");

    // Nothing is left to do, and no request is sent.
    let before = git_requests(&scenario.job);
    let step = prepare(&mut scenario);
    assert!(!step.log.iter().any(|line| line.contains("clone")), "{}", step.transcript());
    assert_eq!(git_requests(&scenario.job), before);
}

#[test]
fn programs_that_a_build_left_in_the_clone_are_not_run() {
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    let sources = scenario.job.sources();
    let hook = sources.join(".git/hooks/reference-transaction");
    let seen = scenario.job.path("seen");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    scenario::program(&hook, &format!("#!/bin/sh\nenv >>'{}'\n", seen.display()));
    git(&sources, &["update-ref", "refs/heads/x", "HEAD"]);
    std::fs::remove_file(&seen).expect("the hook works");
    // Nor what names the references of a repository that lends objects, or finds credentials.
    let lender = scenario.job.path("lender");
    git(&sources, &["init", "-q", lender.to_str().unwrap()]);
    std::fs::write(
        sources.join(".git/objects/info/alternates"),
        lender.join(".git/objects").display().to_string(),
    )
    .unwrap();
    let show = format!("env >>'{}'", seen.display());
    git(&sources, &["config", "core.alternateRefsCommand", &format!("{show};:")]);
    git(&sources, &["config", "credential.helper", &format!("!{show};:")]);
    let unseen = || assert!(!seen.exists(), "{}", std::fs::read_to_string(&seen).unwrap());
    prepare(&mut scenario).succeeded().says("The history is complete");
    unseen();

    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    git(&scenario.job.sources(), &["config", "credential.helper", &format!("!{show};:")]);
    scenario.job.azure.forget_token(SignIn::Refuse);
    prepare(&mut scenario).ended(TaskResult::Succeeded).warns("cannot be fetched");
    unseen();

    // Nor another way to the host than git's own.
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    let sources = scenario.job.sources();
    git(&sources, &["config", "remote.origin.vcs", "ext"]);
    git(&sources, &["config", "remote.origin.uploadpack", &show]);
    git(&sources, &["config", "protocol.ext.allow", "always"]);
    prepare(&mut scenario).succeeded().says("The history is complete");
    unseen();
}

#[test]
fn a_token_left_by_the_checkout_is_sent_once() {
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    let (url, token) = (scenario.job.azure.clone_url(), scenario.job.azure.token());
    let header = format!("AUTHORIZATION: bearer {token}");
    git(&scenario.job.sources(), &["config", &format!("http.{url}.extraheader"), &header]);
    prepare(&mut scenario).succeeded().says("The history is complete");
}

#[test]
fn a_pull_requests_target_branch_is_fetched() {
    let (mut scenario, origin) = of_azure_repos(SonarQube::with_branches(), "refs/pull/7/merge");
    let sources = scenario.job.sources();
    // What an earlier build left behind.
    git(&sources, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
    prepare(&mut scenario).succeeded();
    assert_eq!(commits(&sources, "HEAD"), 6);
    assert_eq!(git(&sources, &["rev-parse", "origin/main"]), origin.commit_of("main"));
    assert_eq!(
        git(&sources, &["merge-base", "origin/main", "HEAD^2"]),
        origin.commit_of("main~2"),
        "what is new can be told"
    );

    // A whole clone that lacks the target alone.
    git(&sources, &["update-ref", "-d", "refs/remotes/origin/main"]);
    prepare(&mut scenario).succeeded();
    assert_eq!(git(&sources, &["rev-parse", "origin/main"]), origin.commit_of("main"));

    git(&sources, &["update-ref", "-d", "refs/remotes/origin/main"]);
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/gone");
    let step = prepare(&mut scenario);
    step.ended(TaskResult::Failed).says("The branch gone cannot be fetched: ");
}

#[test]
fn the_default_and_reference_branches_are_fetched() {
    let (mut scenario, origin) = of_azure_repos(SonarQube::with_branches(), "refs/heads/feature");
    let sources = scenario.job.sources();
    scenario.job.set("Build.SourceBranch", "refs/heads/feature");
    let step = scenario.prepare(&[("extraProperties", "sonar.newCode.referenceBranch=gone")]);
    step.succeeded().says("The branch gone cannot be fetched: ");
    assert_eq!(commits(&sources, "HEAD"), 3);
    assert_eq!(git(&sources, &["rev-parse", "origin/main"]), origin.commit_of("main"));
}

#[test]
fn every_shallow_clone_of_a_monorepo_is_completed() {
    let mut scenario = Scenario::with(SonarQube::start());
    let azure = scenario.job.azure.clone();
    let origin = Origin::new(&azure.repository().name);
    azure.host(origin.root().to_owned());
    let sources = scenario.job.sources();
    let [one, two, module] = ["one", "two", "two/module"].map(|name| sources.join(name));
    for clone in [&one, &two, &module] {
        std::fs::create_dir(clone).unwrap();
        origin.check_out(clone, "refs/heads/main", &["--depth=1"], &azure.clone_url());
    }
    let list = "
- {key: a, baseDir: one}
- {key: b, baseDir: one, properties: {sonar.newCode.referenceBranch: feature}}
- {key: c, baseDir: two}
- {key: d, baseDir: two/module}
";
    std::fs::create_dir(two.join(".git/modules")).unwrap();
    git(&module, &["init", "--quiet", "--separate-git-dir", "../.git/modules/module"]);
    assert!(module.join(".git").is_file());
    let step = scenario.prepare_as(&[("scannerMode", "cli"), ("monorepo", list)]);
    step.ended(TaskResult::Succeeded);
    let completed = step.log.iter().filter(|line| line.contains("The history is complete")).count();
    assert_eq!(completed, 3, "{}", step.transcript());
    assert_eq!([&one, &two, &module].map(|clone| commits(clone, "HEAD")), [4; 3]);
    assert_eq!(git(&one, &["rev-parse", "origin/feature"]), origin.commit_of("feature"));
}

#[test]
fn a_partial_clone_gets_its_missing_files() {
    let mut scenario = Scenario::new();
    let azure = scenario.job.azure.clone();
    let origin = Origin::new(&azure.repository().name);
    azure.host(origin.root().to_owned());
    let sources = scenario.job.sources();
    origin.check_out(&sources, "refs/heads/main", &["--filter=blob:none"], &azure.clone_url());
    scenario.job.set("Build.SourceVersion", &head(&sources));
    let missing = || git(&sources, &["rev-list", "--objects", "--missing=print", "HEAD"]).contains("\n?");
    assert!(missing());
    prepare(&mut scenario).succeeded().says("The clone is partial (blob:none): fetching");
    assert!(!missing());
    let before = git_requests(&scenario.job);
    prepare(&mut scenario).succeeded();
    assert_eq!(git_requests(&scenario.job), before, "it is not fetched twice");
}

#[test]
fn git_sends_the_jobs_token_to_no_other_host() {
    let origin = Origin::new("shop");
    let host = GitHost::start(&origin, Door::Locked("basic czNjcmV0"));
    let mut scenario = of_another_host(&origin, &host);
    let step = prepare(&mut scenario);
    step.ended(TaskResult::Succeeded);
    let warning = step.warnings.join("\n").replace(host.url("").trim_end_matches('/'), "<host>");
    insta::assert_snapshot!(warning, @"
    The clone is shallow, and the rest of its history cannot be fetched: git fetch failed: could not read Username for '<host>': terminal prompts disabled. Without it SonarQube cannot tell who changed which line, or which code is new. Check out the whole history, without fetchFilter:
    - checkout: self
      fetchDepth: 0
    or, to have it fetched here, with persistCredentials: true instead
    ");
    assert_eq!(commits(&scenario.job.sources(), "HEAD"), 1);
    let seen = host.authorizations();
    assert!(!seen.is_empty() && seen.iter().all(Vec::is_empty), "{seen:?}");

    // What persistCredentials leaves behind.
    let key = format!("http.{}.extraheader", host.url("shop"));
    git(&scenario.job.sources(), &["config", &key, "AUTHORIZATION: basic czNjcmV0"]);
    prepare(&mut scenario).succeeded().says("The history is complete");
    assert_eq!(commits(&scenario.job.sources(), "HEAD"), 4);
}

#[test]
fn a_public_shallow_clone_is_completed_without_credentials() {
    let origin = Origin::new("shop");
    let host = GitHost::start(&origin, Door::Open);
    let mut scenario = of_another_host(&origin, &host);
    prepare(&mut scenario).succeeded().says("The history is complete");
    assert!(host.authorizations().iter().all(Vec::is_empty));
}

#[test]
fn git_uses_the_agents_proxy() {
    let origin = Origin::new("shop");
    let basic = format!("Basic {}", BASE64.encode("agent:t0p/s3cret"));
    let proxy = GitHost::start(&origin, Door::Proxy(basic));
    let mut scenario = of_another_host(&origin, &proxy);
    let nowhere = "http://git.invalid/shop";
    git(&scenario.job.sources(), &["remote", "set-url", "origin", nowhere]);
    scenario.job.set("Agent.ProxyUrl", &proxy.url(""));
    scenario.job.set("Agent.ProxyUsername", "agent");
    scenario.job.set_secret("Agent.ProxyPassword", "t0p/s3cret");
    scenario.job.watch_for("t0p/s3cret");
    scenario.job.set("NO_PROXY", "127.0.0.1");
    prepare(&mut scenario).succeeded().says("The history is complete");
    assert!(proxy.authorizations().iter().all(Vec::is_empty));
}

#[test]
fn git_does_not_send_the_token_after_a_redirect() {
    let (mut scenario, origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    // As of a proxy or a moved server that the collection's host is now.
    let stranger = GitHost::start(&origin, Door::Open);
    let mover = GitHost::start(&origin, Door::Elsewhere(stranger.url("").trim_end_matches('/').to_owned()));
    scenario.job.of_collection(&mover.url(""));
    git(&scenario.job.sources(), &["remote", "set-url", "origin", &mover.url("shop")]);
    let step = prepare(&mut scenario);
    step.ended(TaskResult::Succeeded).warns("cannot be fetched");
    let token = format!("bearer {}", scenario.job.azure.token());
    assert!(mover.authorizations().contains(&vec![token]), "{:?}", mover.authorizations());
    assert!(stranger.authorizations().is_empty(), "{:?}", stranger.authorizations());

    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    scenario.job.azure.forget_token(SignIn::Redirect);
    let step = prepare(&mut scenario);
    step.ended(TaskResult::Succeeded).warns("  fetchDepth: 0");
    assert!(!scenario.job.azure.is_stranger_asked());
    assert!(!step.warnings[0].contains("persistCredentials"), "{}", step.transcript());
}

#[test]
fn output_of_a_git_host_is_not_a_logging_command() {
    let origin = Origin::new("shop");
    let host =
        GitHost::start(&origin, Door::Refusing("##vso[task.complete result=Failed;]no https://me:pw@x/y"));
    let mut scenario = of_another_host(&origin, &host);
    let step = prepare(&mut scenario);
    step.ended(TaskResult::Succeeded).warns("# #vso[task.complete result=Failed;]no https://x/y");
    assert!(!step.transcript().contains("me:pw"));
}

#[test]
fn unshallow_off_leaves_clones_as_they_are() {
    for (inputs, says) in [
        ([("unshallow", "off"), ("extraProperties", "")], "and unshallow is off, so it stays that way"),
        ([("unshallow", "auto"), ("extraProperties", "sonar.scm.disabled=true")], "Analysing main"),
        ([("unshallow", "auto"), ("extraProperties", "sonar.scm.provider=svn")], "Analysing main"),
        ([("unshallow", "auto"), ("extraProperties", "sonar.scanner.skip=true")], "Analysing main"),
    ] {
        let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
        let step = scenario.prepare(&inputs);
        step.succeeded().says(says);
        assert!(step.warnings.is_empty(), "{}", step.transcript());
        assert_eq!(
            (git_requests(&scenario.job), commits(&scenario.job.sources(), "HEAD")),
            (0, 1),
            "{inputs:?}"
        );
    }
    // The sources say so.
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    scenario.job.write("sonar-project.properties", "sonar.projectKey=shop\nsonar.scm.disabled=true\n");
    scenario.prepare(&[("configMode", "file")]).succeeded();
    assert_eq!(git_requests(&scenario.job), 0);
    // Nothing is analysed.
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/pull/7/merge");
    scenario.job.of_pull_request("TfsGit", "7", "refs/heads/feature", "refs/heads/main");
    scenario.prepare(&[]).ended(TaskResult::Succeeded).warns("Nothing will be analysed");
    assert_eq!(git_requests(&scenario.job), 0);
}

#[test]
fn a_shallow_clone_is_noticed_without_git() {
    let (mut scenario, _origin) = of_azure_repos(SonarQube::start(), "refs/heads/main");
    scenario.job.set("PATH", "/nowhere");
    prepare(&mut scenario)
        .ended(TaskResult::Succeeded)
        .warns("The clone is shallow, and there is no git in PATH");
    std::fs::remove_file(scenario.job.sources().join(".git/shallow")).unwrap();
    let step = prepare(&mut scenario);
    step.succeeded();
    assert!(step.warnings.is_empty(), "{}", step.transcript());
}

#[test]
fn sources_without_git_give_no_warning() {
    let mut scenario = Scenario::new();
    let step = prepare(&mut scenario);
    step.succeeded();
    assert!(step.warnings.is_empty(), "{}", step.transcript());
    assert!(
        !step.log.iter().any(|line| line.contains("git") || line.contains("clone")),
        "{}",
        step.transcript()
    );
}

#[test]
fn cancelling_ends_a_git_fetch() {
    let origin = Origin::new("shop");
    let host = GitHost::start(&origin, Door::Slow);
    let mut scenario = of_another_host(&origin, &host);
    let inputs = [("SonarQube", scenario.connection.clone()), ("scannerMode", "other".to_owned())];
    let inputs = inputs.each_ref().map(|(name, value)| (*name, value.as_str()));
    let mut running = scenario.job.begin(Task::Prepare, &inputs);
    running.await_line("The clone is shallow: fetching");
    running.signal(Signal::INT);
    let step = running.finish();
    step.ended(TaskResult::Canceled);
    assert!(step.errors.is_empty(), "{}", step.transcript());
    assert_eq!(step.processes.survivors(), [0; 0]);
}
