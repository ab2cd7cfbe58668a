//! What the scanner of the analysis is, and what a build needs for it.

use crate::agent::PrepareInputs;
use crate::analysis::{Properties, ReleaseWish, ScannerMode, ScannerRelease, ServerFacts, ServerKind};
use crate::error::{Error, Result};
use crate::scanner::build_wrapper;
use crate::sonarqube::SonarQube;
use crate::step::job::Job;
use crate::step::machine;
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
    let wrapper = job.cancellation.unless_requested(fetching).await??;
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
