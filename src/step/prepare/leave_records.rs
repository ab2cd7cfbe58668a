//! The last stage: what the build needs of its scanner, the variables of the job, and the record of each analysis.

use super::decision::PlannedAnalysis;
use super::dotnet_begin::{self, DotnetAnalysis};
use super::job_variables::{set_established_variables, set_scanner_parameters, set_secret_variables};
use super::questions::Answers;
use super::scanner_choice;
use super::setup::Setup;
use crate::analysis::{
    AnalysisId, AnalysisSecrets, Member, Prepared, PreparedScanner, Properties, RECORD_VERSION, ScannerMode,
    ScannerRelease,
};
use crate::error::{Error, Result};
use crate::scanner::Audit;
use crate::step::record::seal::seal_of;
use crate::step::{cache_choice, runtime};
use std::time::{SystemTime, UNIX_EPOCH};

/// An analysis whose record is about to be written.
struct Draft<'a> {
    id: AnalysisId,
    planned: PlannedAnalysis<'a>,
    /// Those of the record: no secrets.
    properties: Properties,
    secrets: AnalysisSecrets,
    scanner: PreparedScanner,
}

/// Leaves the variables and the records: all or none. `release` is that of SonarScanner CLI, where it runs.
///
/// # Errors
/// The scanner could not begin, or the disk refuses.
pub(super) async fn leave_records(
    setup: &Setup<'_>,
    answers: &Answers,
    release: Option<&ScannerRelease>,
    planned: Vec<PlannedAnalysis<'_>>,
) -> Result<Vec<Prepared>> {
    let is_sole = setup.inputs.monorepo.is_none();
    let mut drafts: Vec<Draft<'_>> = Vec::with_capacity(planned.len());
    for planned in planned {
        let mut draft = Draft::new(setup, answers, release, planned).await?;
        set_secret_variables(setup, &draft.id, &draft.secrets);
        if drafts.is_empty() {
            set_established_variables(setup, &answers.server, &draft.properties);
        }
        if is_sole {
            let of_analysis = (&draft.properties, &draft.secrets);
            set_scanner_parameters(setup, &answers.server, (&draft.id, draft.planned.project), of_analysis);
        }
        draft.begin(setup, answers).await?;
        drafts.push(draft);
    }
    let seal = seal_of(&setup.job.environment, &setup.connection);
    let first = drafts.first().map(|draft| draft.id.clone());
    let mut records = Vec::with_capacity(drafts.len());
    for (place, draft) in drafts.into_iter().enumerate() {
        let of_several = first.clone().zip(setup.inputs.monorepo.as_ref());
        let member = of_several.map(|(of, monorepo)| Member {
            of,
            place,
            parallel: monorepo.parallel,
            untouched: draft.planned.is_untouched,
        });
        let secrets = draft.secrets.clone();
        records.push((draft.record(setup, answers, member), secrets));
    }
    for (record, secrets) in &records {
        setup.records.write_prepared(record, secrets, &seal)?;
    }
    Ok(records.into_iter().map(|(record, _)| record).collect())
}

impl<'a> Draft<'a> {
    async fn new(
        setup: &Setup<'_>,
        answers: &Answers,
        release: Option<&ScannerRelease>,
        planned: PlannedAnalysis<'a>,
    ) -> Result<Self> {
        let Setup { job, connection, inputs, records, .. } = setup;
        let id = new_id()?;
        let mut properties = planned.properties(inputs);
        if inputs.build_wrapper && !planned.is_skipped() {
            let folder = records.folder().join(id.as_str()).join("build-wrapper");
            let facts = &answers.server.facts;
            scanner_choice::install_build_wrapper(job, &answers.sonarqube, facts, &folder, &mut properties)
                .await?;
        }
        let mut secrets = AnalysisSecrets { properties: properties.take_secrets(), scanner_archive: None };
        if let Some(password) = &connection.password {
            secrets.properties.set("sonar.password", password.expose());
        }
        let scanner = match (inputs.mode, release.cloned()) {
            (ScannerMode::Cli, Some(mut release)) => {
                secrets.scanner_archive = release.withhold();
                PreparedScanner::Cli(release)
            }
            (ScannerMode::Cli, None) => PreparedScanner::Engine,
            (ScannerMode::Dotnet, _) => PreparedScanner::DotnetNotBegun,
            (ScannerMode::Other, _) => PreparedScanner::Other,
        };
        if inputs.mode == ScannerMode::Other && !planned.is_skipped() {
            name_cache_of_build(setup, &mut properties).await?;
        }
        Ok(Self { id, planned, properties, secrets, scanner })
    }

    /// Begins the analysis by the SonarScanner for .NET, in its mode.
    async fn begin(&mut self, setup: &Setup<'_>, answers: &Answers) -> Result<()> {
        let is_skipped = self.planned.is_skipped() || self.properties.is_true("sonar.scanner.skip");
        if setup.inputs.mode == ScannerMode::Dotnet && !is_skipped {
            let analysis = DotnetAnalysis {
                setup,
                sonarqube: &answers.sonarqube,
                server: &answers.server,
                project: self.planned.project,
                id: &self.id,
                properties: &self.properties,
                secrets: &self.secrets,
            };
            self.scanner = dotnet_begin::begin(&analysis).await?;
        }
        Ok(())
    }

    fn record(self, setup: &Setup<'_>, answers: &Answers, member: Option<Member>) -> Prepared {
        let Setup { job, inputs, .. } = setup;
        let PlannedAnalysis { project, scope, .. } = self.planned;
        Prepared {
            version: RECORD_VERSION,
            id: self.id,
            name: inputs.analysis_name.clone(),
            created: answers.date.unwrap_or_else(now),
            by_server_clock: answers.date.is_some(),
            server: answers.server.clone(),
            scanner: self.scanner,
            private_cache: inputs.private_cache,
            project_key: project.key.clone(),
            base_dir: project.relative(&project.base_dir),
            settings_file: project.settings_file.as_deref().map(|file| project.relative(file)),
            properties: self.properties,
            rules: inputs.rules,
            target: scope.target,
            skip: scope.skip,
            member,
            build_id: job.predefined.build_buildid.clone(),
        }
    }
}

/// The build runs its scanner by itself, from a cache: names the cache, if it is not the one that the scanner would use.
async fn name_cache_of_build(setup: &Setup<'_>, properties: &mut Properties) -> Result<()> {
    let Setup { job, connection, inputs, .. } = setup;
    let credentials = (&connection.token, connection.password.as_ref());
    // Without a home the scanner finds no cache there either.
    let Ok(home) = runtime::user_home(job, properties) else { return Ok(()) };
    let cache = cache_choice::choose(job, &home, credentials, inputs.private_cache, Audit::Build).await?;
    if cache.user_home() != home {
        properties.set("sonar.userHome", cache.user_home().display().to_string());
    }
    Ok(())
}

fn new_id() -> Result<AnalysisId> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::new(format!("this machine gives no random numbers: {error}")))?;
    Ok(AnalysisId::from_bytes(bytes))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
