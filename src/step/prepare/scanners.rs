//! What the scanner of the analysis is, and what a build needs for it.

use super::Place;
use crate::agent::PrepareInputs;
use crate::analysis::{
    Prepared, Properties, ReleaseWish, ScannerMode, ScannerRelease, ServerFacts, ServerKind,
};
use crate::error::{Error, Result};
use crate::scanner::dotnet::{self, Dotnet};
use crate::scanner::{Cache, EngineResult, build_wrapper};
use crate::secret::Secret;
use crate::sonarqube::SonarQube;
use crate::step::{Job, machine};
use std::ffi::OsStr;
use std::path::Path;

/// The SonarScanner CLI to run, in its mode.
pub(super) fn cli_release(inputs: &PrepareInputs, server: &ServerFacts) -> Result<Option<ScannerRelease>> {
    if inputs.mode != ScannerMode::Cli {
        return Ok(None);
    }
    let wish = ReleaseWish {
        version: inputs.cli_version.as_deref(),
        download: inputs.scanner_download_url.as_deref(),
        sha256: inputs.cli_sha256.as_deref(),
    };
    let release = wish.cli_for(server).map_err(|error| Error::new(error.to_string()))?;
    if let Some(ScannerRelease { version, .. }) = &release {
        tracing::info!("SonarAnalyze will run SonarScanner CLI {version}");
    } else if wish.download.is_some() || wish.sha256.is_some() {
        tracing::info!(
            "scannerDownloadUrl and cliScannerSha256 have no effect: the server provides the scanner engine, and \
             cliScannerVersion is empty"
        );
    }
    Ok(release)
}

/// Where the build wrapper is told to leave what it saw, in the words of SonarQube's documentation.
const BUILD_WRAPPER_OUTPUT: &str = "bw-output";

/// Puts the build wrapper on the `PATH` of the build, and sets the property that says where it leaves what it saw.
pub(super) async fn install_build_wrapper(
    job: &Job,
    sonarqube: &SonarQube,
    server: &ServerFacts,
    folder: &Path,
    properties: &mut Properties,
) -> Result<()> {
    let platform = machine::platform(job);
    let credentials = Some(sonarqube.credentials());
    let fetching =
        build_wrapper::fetch(sonarqube.http(), sonarqube.base_url(), credentials, server, &platform, folder);
    let wrapper = tokio::select! {
        fetched = fetching => fetched?,
        () = job.cancellation.requested() => return Err(Error::cancelled()),
    };
    job.commands.prepend_path(&wrapper.folder);
    let [compile_commands, whole_output] =
        ["sonar.cfamily.compile-commands", "sonar.cfamily.build-wrapper-output"];
    let own = properties.value(compile_commands).or(properties.value(whole_output)).is_some();
    if !own && (server.kind == ServerKind::Cloud || server.version.at_least(10, 6)) {
        properties.set(compile_commands, format!("{BUILD_WRAPPER_OUTPUT}/compile_commands.json"));
    } else if !own {
        properties.set(whole_output, BUILD_WRAPPER_OUTPUT);
    }
    tracing::info!(
        "Build with: {} --out-dir {BUILD_WRAPPER_OUTPUT} <build command>, in the base directory of the analysis",
        wrapper.executable
    );
    Ok(())
}

/// Begins the analysis by the SonarScanner for .NET: the installed tool, or the release that is asked for. Tells how it
/// is started, for its end.
pub(super) async fn begin_dotnet(
    job: &Job,
    inputs: &PrepareInputs,
    prepared: &Prepared,
    secrets: &Properties,
    token: &Secret,
    place: &Place,
    report_file: &Path,
) -> Result<dotnet::Start> {
    let start = tokio::select! {
        start = provision_dotnet(job, inputs) => start?,
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
    match run.run(&job.environment.for_children(), &job.cancellation).await? {
        EngineResult::Succeeded => Ok(start),
        EngineResult::Cancelled => Err(Error::cancelled()),
        EngineResult::Failed { message } | EngineResult::GateFailed { message } => {
            Err(Error::new(format!("the SonarScanner for .NET could not begin: {message}")))
        }
    }
}

async fn provision_dotnet(job: &Job, inputs: &PrepareInputs) -> Result<dotnet::Start> {
    let path = job.environment.value("PATH").map(OsStr::new);
    let wish = ReleaseWish {
        version: inputs.dotnet_version.as_deref(),
        download: inputs.scanner_download_url.as_deref(),
        sha256: inputs.dotnet_sha256.as_deref(),
    };
    let release = wish.dotnet(cfg!(windows)).map_err(|error| Error::new(error.to_string()))?;
    if let Some(release) = release {
        let downloads = Cache::in_user_home(&machine::user_home(job)?);
        let directory = job.predefined.working_directory()?;
        let tools = machine::tool_cache(job)?;
        let folder = tools.install(dotnet::TOOL, &release, &directory, &job.http, &downloads).await?;
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
