//! The SonarScanner for .NET that an analysis runs: the installed tool, or the release that is asked for.

use crate::agent::PrepareInputs;
use crate::analysis::ReleaseWish;
use crate::error::{Error, Result};
use crate::scanner::Cache;
use crate::scanner::dotnet;
use crate::step::{Job, machine};
use std::ffi::OsStr;

/// Provides it.
pub(super) async fn provision(job: &Job, inputs: &PrepareInputs, cache: &Cache) -> Result<dotnet::Start> {
    let path = job.environment.value("PATH").map(OsStr::new);
    let wish = ReleaseWish {
        version: inputs.dotnet_version.as_deref(),
        download: inputs.scanner_download_url.as_deref(),
        sha256: inputs.dotnet_sha256.as_deref(),
    };
    let release = wish.dotnet(cfg!(windows)).map_err(|error| Error::new(error.to_string()))?;
    if let Some(release) = release {
        let directory = job.predefined.working_directory()?;
        let tools = machine::tool_cache(job, inputs.private_cache)?;
        let folder = tools.install(dotnet::TOOL, &release, &directory, &job.http, cache).await?;
        return dotnet::unpacked(&folder, path);
    }
    let home = job.environment.value(machine::HOME);
    let start = dotnet::installed(path, home).ok_or_else(|| {
        Error::new("the SonarScanner for .NET is not installed on this agent").hint(
            "Run `dotnet tool install --global dotnet-sonarscanner` before SonarPrepare, or set dotnetScannerVersion and \
             dotnetScannerSha256.",
        )
    })?;
    tracing::info!("SonarScanner for .NET: {}", start.join(" "));
    Ok(start)
}
