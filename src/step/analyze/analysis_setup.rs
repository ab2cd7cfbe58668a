//! What every scanner needs before it runs: secrets, a cache, the way to the server.

use super::effective_properties::EffectiveProperties;
use super::shared_runtime::SharedRuntime;
use crate::agent::AnalyzeInputs;
use crate::analysis::{Prepared, PreparedScanner, ScannerRelease};
use crate::error::Result;
use crate::scanner::Audit;
use crate::secret::Secret;
use crate::step::cache_choice;
use crate::step::job::Job;
use crate::step::record::read::Record;
use crate::step::record::tokens::tokens_of;
use crate::step::runtime::java_options::JavaOptions;
use crate::step::runtime::{self, Jdk, RuntimeRequest, network};
use std::path::{Path, PathBuf};

/// What every way to run an analysis needs.
pub(super) struct AnalysisSetup<'a> {
    /// With all properties but the token.
    pub(super) request: RuntimeRequest<'a>,
    pub(super) inputs: &'a AnalyzeInputs,
    pub(super) prepared: &'a Prepared,
    pub(super) shared: &'a SharedRuntime,
    pub(super) token: Secret,
    /// The SonarScanner CLI that runs it; else the server's engine does.
    pub(super) scanner_cli: Option<ScannerRelease>,
    /// Properties of modules that a settings file sets and must not.
    pub(super) refused: Vec<String>,
    /// The folder of the record.
    pub(super) folder: &'a Path,
    /// The base directory.
    pub(super) base_dir: PathBuf,
}

impl<'a> AnalysisSetup<'a> {
    /// Chooses and checks the cache, and gives the scanner its way to the server.
    ///
    /// # Errors
    /// No cache can be used, the CA file cannot be read, or the run was cancelled.
    pub(super) async fn make(
        job: &'a Job,
        inputs: &'a AnalyzeInputs,
        shared: &'a SharedRuntime,
        record: &'a Record,
        effective: &EffectiveProperties,
    ) -> Result<Self> {
        let prepared = &record.prepared;
        let tokens = tokens_of(job, prepared)?;
        let mut properties = effective.properties();
        properties.extend(&tokens.secrets.properties);
        let scanner_cli = match &prepared.scanner {
            PreparedScanner::Cli(release) => {
                let archive = tokens.secrets.scanner_archive.clone();
                let archive = archive.unwrap_or_else(|| release.archive.clone());
                Some(ScannerRelease { archive, ..release.clone() })
            }
            _ => None,
        };
        let home = runtime::user_home(job, &properties)?;
        let password = tokens.password();
        let credentials = (&tokens.token, password.as_ref());
        // The engine fetches its plugins itself; SonarScanner CLI may take the engine from the cache, too.
        let scope = if scanner_cli.is_some() { Audit::Scanner } else { Audit::Engine };
        let choosing = cache_choice::choose(job, &home, credentials, prepared.private_cache, scope);
        let cache = shared.cache(&home, choosing).await?;
        if cache.user_home() != home {
            properties.set("sonar.userHome", cache.user_home().display().to_string());
        }
        let server = (&prepared.server.url, scanner_cli.is_some());
        network::equip(job, server, &record.folder, cache.user_home(), &mut properties)?;
        cache.tidy();
        let request = RuntimeRequest {
            job,
            facts: &prepared.server.facts,
            sonarqube: tokens.sonarqube(job, &prepared.server),
            cache,
            platform: runtime::platform(job, &properties),
            properties,
            jdk: Jdk { named: inputs.jdk_version.as_deref(), strict: inputs.jdk_version_strict },
        };
        Ok(Self {
            request,
            inputs,
            prepared,
            shared,
            token: tokens.token,
            scanner_cli,
            refused: effective.refused(),
            folder: &record.folder,
            base_dir: effective.base_dir.clone(),
        })
    }

    /// Options for the Java that analyses: ours, then `of_user`, which win.
    pub(super) fn java_options(&self, of_user: &str) -> JavaOptions {
        let profile = self.inputs.jvm_profile;
        JavaOptions::of(self.request.job, profile, self.shared.parallel, &self.base_dir, of_user)
    }
}
