//! The SonarScanner for .NET that an analysis runs: chosen, installed where it has to be, and verified.

use crate::agent::PrepareInputs;
use crate::analysis::dotnet_scanner::{
    DotnetHost, InstalledTool, PackageCheck, Plan, ScannerChoice, ToolVersion, choose,
};
use crate::analysis::{DotnetScanner, ReleaseWish, ServerFacts};
use crate::error::{Error, Result};
use crate::scanner::Cache;
use crate::scanner::dotnet::{self, DotnetCommand, FoundTool, Verifier};
use crate::step::job::Job;
use crate::step::{machine, nuget};
use std::cell::RefCell;
use std::ffi::OsStr;

/// Provides it.
///
/// # Errors
/// No version works with the server, the tool cannot be installed, or it is not what SonarSource published.
pub(super) async fn provision(
    job: &Job,
    inputs: &PrepareInputs,
    server: &ServerFacts,
    downloads: &Cache,
) -> Result<DotnetScanner> {
    let path = job.environment.value("PATH").map(OsStr::new);
    // Whatever runs here must not read the NuGet.config, global.json or tool manifest of the sources.
    let directory = job.predefined.temp_directory()?;
    let environment = nuget::variables(job)?;
    let dotnet = DotnetCommand {
        program: dotnet::dotnet_in(path),
        environment: &environment,
        cancellation: &job.cancellation,
    };
    let verifier = Verifier { dotnet: &dotnet, directory: &directory, signed: RefCell::default() };
    let wish = ReleaseWish {
        version: inputs.dotnet_version.as_deref(),
        download: inputs.scanner_download_url.as_deref(),
        sha256: inputs.dotnet_sha256.as_deref(),
    };
    let host = dotnet.host(&directory).await?;
    let found = match wish.download {
        None if host != DotnetHost::Absent => dotnet::installed(path, job.environment.value(machine::HOME)),
        _ => Vec::new(),
    };
    let (installed, ready) = verify(&verifier, &wish, server, found).await?;
    let choice = choose(&wish, server, cfg!(windows), host, &installed);
    let ScannerChoice { plan, line } = choice.map_err(|error| Error::new(error.to_string()))?;
    tracing::info!("{line}");
    let (tools, sources) =
        (machine::tool_cache(job, inputs.private_cache)?, job.predefined.working_directory()?);
    match plan {
        Plan::Installed(at) => ready
            .into_iter()
            .nth(at)
            .flatten()
            .ok_or_else(|| Error::new("the installed SonarScanner for .NET was not verified")),
        Plan::Package(version, expected) => {
            let source = inputs.nuget_source.as_deref();
            verifier.provide(version, &expected, &tools, source, &sources).await
        }
        Plan::Archive(release) => {
            dotnet::dotnet_archive::provide(&release, &tools, &sources, &job.http, downloads, path).await
        }
    }
}

/// The installed tools with what is wrong with them, and those that are ready to run. One that will not be used anyway is
/// not verified.
async fn verify(
    verifier: &Verifier<'_>,
    wish: &ReleaseWish<'_>,
    server: &ServerFacts,
    found: Vec<FoundTool>,
) -> Result<(Vec<InstalledTool>, Vec<Option<DotnetScanner>>)> {
    let pinned = wish.version.map(ToolVersion::parse);
    let sha256 = wish.sha256.map(str::to_ascii_lowercase);
    let (mut installed, mut ready) = (Vec::new(), Vec::new());
    for tool in found {
        let version = tool.version;
        let may_run = match pinned {
            Some(pinned) => pinned == Some(version),
            None => version.suits(server),
        };
        let verified = match may_run {
            true => Some(verifier.verified(&tool, &PackageCheck::of(version, sha256.as_deref())).await),
            false => None,
        };
        if job_is_cancelled(verifier) {
            return Err(Error::cancelled());
        }
        let (scanner, flaw) = match verified {
            Some(Ok(scanner)) => (Some(scanner), None),
            Some(Err(error)) => (None, Some(error.message().to_owned())),
            None => (None, None),
        };
        installed.push(InstalledTool { version, flaw });
        ready.push(scanner);
    }
    Ok((installed, ready))
}

fn job_is_cancelled(verifier: &Verifier<'_>) -> bool {
    verifier.dotnet.cancellation.is_requested()
}
