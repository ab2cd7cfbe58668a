//! The analysis by the server's own engine, without a scanner around it.

use super::analysis_setup::AnalysisSetup;
use crate::agent::Child;
use crate::analysis::{Outcome, Properties};
use crate::error::{ErrorKind, Result};
use crate::scanner::{ClassArchive, Engine, Provisioned, ScannerRun};
use crate::step::runtime::engine_and_java::{Offered, Ready};
use crate::step::runtime::java_options::JavaOptions;
use std::time::{SystemTime, UNIX_EPOCH};

/// Runs it. If Java or the engine seem to be damaged, what is in the cache is checked and provisioned afresh, once.
pub(super) async fn run(setup: &AnalysisSetup<'_>) -> Result<ScannerRun> {
    let began = SystemTime::now();
    let ready = setup.shared.engine_and_java(&setup.request, None).await?;
    let message = match run_once(setup, &ready, EngineAttempt::First).await {
        Ok(ScannerRun { outcome: Outcome::Failed { message }, may_be_damaged: true, .. })
            if ready.is_ours() =>
        {
            message
        }
        Err(error) if error.kind() == ErrorKind::Failed && ready.is_ours() => error.to_string(),
        end => return end,
    };
    tracing::warn!("{message}");
    tracing::info!(
        "Java or the scanner engine in the cache may be damaged: checking both, then running the analysis once more"
    );
    let ready = setup.shared.engine_and_java(&setup.request, Some((&ready, began))).await?;
    run_once(setup, &ready, EngineAttempt::AfterDamage).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EngineAttempt {
    First,
    AfterDamage,
}

async fn run_once(setup: &AnalysisSetup<'_>, ready: &Ready, attempt: EngineAttempt) -> Result<ScannerRun> {
    let job = setup.request.job;
    tracing::info!("{}", ready.java);
    let properties = properties(setup, ready);
    let java_options =
        setup.java_options(setup.request.properties.value("sonar.scanner.javaOpts").unwrap_or_default());
    let archive = class_archive(setup, ready, &java_options, attempt);
    let engine = Engine {
        java: &ready.java.executable,
        jar: &ready.jar.path,
        java_options: &java_options.text,
        archive: &archive,
        properties: &properties,
        directory: &setup.base_dir,
    };
    let environment = job.environment.for_child(Child::Engine, &setup.inputs.pass_environment);
    engine.run(&environment, &job.cancellation).await
}

/// All properties, with the token and what the engine wants to know of how it was started.
fn properties(setup: &AnalysisSetup<'_>, ready: &Ready) -> Properties {
    let platform = &setup.request.platform;
    let started = ready.started.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut properties = setup.request.properties.clone();
    properties.set(setup.prepared.server.facts.token_property(), setup.token.expose());
    properties.set("sonar.scanner.bootstrapStartTime", started.to_string());
    properties.set("sonar.scanner.wasJreCacheHit", cache_use(ready.jre.as_ref()).as_str());
    let engine_was_cached = cache_use(ready.jar.offered.as_ref()) == CacheUse::Hit;
    properties.set("sonar.scanner.wasEngineCacheHit", engine_was_cached.to_string());
    properties.set("sonar.scanner.os", platform.os.as_str());
    properties.set("sonar.scanner.arch", platform.arch.as_str());
    properties
}

/// The archive of the engine's classes. It is not made where something had to be downloaded, because such an agent may never
/// run again, and not used again after Java failed with it.
fn class_archive(
    setup: &AnalysisSetup<'_>,
    ready: &Ready,
    options: &JavaOptions,
    attempt: EngineAttempt,
) -> ClassArchive {
    if attempt != EngineAttempt::First || !options.suits_class_archive || !ready.was_cached() {
        return ClassArchive::Unused;
    }
    let (cache, java) = (&setup.request.cache, &ready.java.executable);
    ClassArchive::find(cache, &ready.jar.path, java, &options.with_variables, &setup.shared.marks)
}

/// Where a program came from, in the words of SonarSource's scanners.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CacheUse {
    Hit,
    Miss,
    /// The user brought it.
    Disabled,
}

impl CacheUse {
    fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Disabled => "disabled",
        }
    }
}

fn cache_use<T>(offered: Option<&Offered<T>>) -> CacheUse {
    match offered.map(|offered| &offered.provisioned) {
        None => CacheUse::Disabled,
        Some(Provisioned { was_cached: true, .. }) => CacheUse::Hit,
        Some(Provisioned { was_cached: false, .. }) => CacheUse::Miss,
    }
}
