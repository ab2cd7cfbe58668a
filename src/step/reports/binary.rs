//! Visual Studio's binary coverage, which no analyzer reads: converted where the agent has the program for it.

use super::search::{Found, named};
use crate::analysis::Invocation;
use crate::error::Result;
use crate::process::{self, Ended, first_in_path, is_executable};
use crate::step::Job;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

const PROGRAM: &str = if cfg!(windows) { "dotnet-coverage.exe" } else { "dotnet-coverage" };

/// Converts the reports into one in XML in `folder`, by the tool `dotnet-coverage` if the agent has it. Otherwise, and
/// if it fails, a warning says what to do.
///
/// Contract: its documentation, "dotnet-coverage merge".
///
/// # Errors
/// Cancelled.
pub(super) async fn convert(
    job: &Job,
    found: &[Found],
    folder: &Path,
    base_dir: &Path,
) -> Result<Option<PathBuf>> {
    let paths: Vec<_> = found.iter().map(|found| &found.path).collect();
    let what_to_do =
        "Let the tests write a report that is read: dotnet test --collect \"Code Coverage;Format=Cobertura\"";
    let Some(program) = program(job) else {
        tracing::warn!(
            "Coverage is missing: {} can be read by Microsoft's programs alone, and the agent does not have the tool \
             dotnet-coverage that converts it. {what_to_do}",
            named(&paths, base_dir)
        );
        return Ok(None);
    };
    let result = folder.join("binary-coverage.xml");
    let mut arguments = ["merge", "--output-format", "xml", "--output"].map(str::to_owned).to_vec();
    arguments.push(result.display().to_string());
    arguments.extend(paths.iter().map(|path| path.display().to_string()));
    let invocation = Invocation {
        program,
        arguments,
        directory: folder.to_owned(),
        environment: vec![
            ("DOTNET_NOLOGO".to_owned(), "1".to_owned()),
            ("DOTNET_CLI_TELEMETRY_OPTOUT".to_owned(), "1".to_owned()),
        ],
        secret_environment: Vec::new(),
        stdin: None,
    };
    let mut said = String::new();
    let ended = process::run(&invocation, &job.environment.for_children(), &job.cancellation, |_, line| {
        tracing::debug!("dotnet-coverage: {line}");
        if !line.trim().is_empty() {
            line.clone_into(&mut said);
        }
    })
    .await;
    match ended {
        Ok(Ended::Cancelled) => return Err(crate::error::Error::cancelled()),
        Ok(Ended::Exit(exit)) if exit.is_success() && result.is_file() => {
            tracing::info!("Converted binary Visual Studio coverage: {}", named(&paths, base_dir));
            return Ok(Some(result));
        }
        Ok(Ended::Exit(_)) => {}
        Err(error) => said = error.to_string(),
    }
    tracing::warn!(
        "Coverage is missing: dotnet-coverage could not convert {} ({said}). {what_to_do}",
        named(&paths, base_dir)
    );
    Ok(None)
}

/// In `PATH`, or where .NET puts the user's own tools.
fn program(job: &Job) -> Option<PathBuf> {
    let home = ["HOME", "USERPROFILE"].into_iter().find_map(|name| job.environment.value(name));
    let in_home = home.map(|home| Path::new(home).join(".dotnet/tools").join(PROGRAM));
    first_in_path(job.environment.value("PATH").map(OsStr::new), PROGRAM)
        .or_else(|| in_home.filter(|tool| is_executable(tool)))
}
