//! The beginning of an analysis by the SonarScanner for .NET.

use super::{Place, dotnet_tool};
use crate::agent::{Child, Passed, PrepareInputs};
use crate::analysis::{Prepared, Properties};
use crate::error::{Error, Result};
use crate::scanner::EngineResult;
use crate::scanner::dotnet::{self, Dotnet};
use crate::secret::Secret;
use crate::step::Job;
use std::path::Path;

/// Begins the analysis by the SonarScanner for .NET: the installed tool, or the release that is asked for. Tells how it
/// is started, for its end.
pub(super) async fn begin(
    job: &Job,
    inputs: &PrepareInputs,
    prepared: &Prepared,
    secrets: &Properties,
    token: &Secret,
    place: &Place,
    report_file: &Path,
) -> Result<dotnet::Start> {
    let start = tokio::select! {
        start = dotnet_tool::provision(job, inputs) => start?,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    let mut properties = prepared.properties.clone();
    properties.set("sonar.host.url", prepared.server_address());
    properties.set_default("sonar.scanner.metadataFilePath", report_file.display().to_string());
    if inputs.project_base_dir.is_some() {
        properties.set_default("sonar.projectBaseDir", place.base_dir.display().to_string());
    }
    if job.predefined.is_debug() {
        properties.set_default("sonar.verbose", "true");
    }
    for (key, _) in properties.iter().filter(|(_, value)| value.is_empty()) {
        tracing::warn!("{key} is left out: the SonarScanner for .NET takes no empty values");
    }
    let (secrets, token) = dotnet::secrets(&prepared.server, secrets, token);
    let run = Dotnet {
        start: &start,
        arguments: dotnet::begin(&properties),
        directory: &place.working_directory,
        secrets: &secrets,
        token,
        java_home: None,
    };
    let environment = job.environment.for_child(Child::Dotnet, &Passed::default());
    match run.run(&environment, &job.cancellation).await? {
        EngineResult::Succeeded => Ok(start),
        EngineResult::Cancelled => Err(Error::cancelled()),
        EngineResult::Failed { message } | EngineResult::GateFailed { message } => {
            Err(Error::new(format!("the SonarScanner for .NET could not begin: {message}")))
        }
    }
}
