//! Visual Studio's binary coverage, which no analyzer reads: converted where the agent has the program for it.

use super::report_search::FoundReport;
use super::shown_paths::named;
use crate::agent::{Child, Passed};
use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::process::{self, Ended, first_in_path, is_executable};
use crate::step::job::Job;
use crate::step::machine::HOME;
use std::ffi::{OsStr, OsString};
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
    machine: &ConverterHost<'_>,
    found: &[FoundReport],
    folder: &Path,
    base_dir: &Path,
) -> Result<Option<PathBuf>> {
    let paths: Vec<_> = found.iter().map(|found| &found.path).collect();
    let what_to_do = "Have the tests write a format that SonarQube reads: dotnet test --collect \"Code Coverage;Format=Cobertura\"";
    let Some(program) = machine.program() else {
        tracing::warn!(
            "Coverage is missing: only Microsoft's programs can read {}, and the agent does not have the tool \
             dotnet-coverage, which converts it. {what_to_do}",
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
    let ended = process::run(&invocation, &machine.environment, machine.cancellation, |_, line| {
        tracing::debug!("dotnet-coverage: {line}");
        if !line.trim().is_empty() {
            line.clone_into(&mut said);
        }
    })
    .await;
    match ended {
        Ok(Ended::Cancelled) => return Err(Error::cancelled()),
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

/// Where the program may be, and what it runs with.
pub(super) struct ConverterHost<'a> {
    path: Option<&'a OsStr>,
    home: Option<&'a str>,
    environment: Vec<(OsString, OsString)>,
    cancellation: &'a Cancellation,
}

impl<'a> ConverterHost<'a> {
    pub(super) fn of(job: &'a Job) -> Self {
        Self {
            path: job.environment.value("PATH").map(OsStr::new),
            home: job.environment.value(HOME),
            environment: job.environment.for_child(Child::Dotnet, &Passed::default()),
            cancellation: &job.cancellation,
        }
    }

    /// In `PATH`, or where .NET puts the user's own tools.
    fn program(&self) -> Option<PathBuf> {
        let in_home = self.home.map(|home| Path::new(home).join(".dotnet/tools").join(PROGRAM));
        first_in_path(self.path, PROGRAM).or_else(|| in_home.filter(|tool| is_executable(tool)))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::cancel::CancelSource;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test]
    async fn the_tool_of_the_agent_converts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("me.coverage"), "PCH").unwrap();
        let found = [FoundReport::at(&at("me.coverage")).unwrap()];
        let (_source, cancellation) = CancelSource::new();
        let machine = ConverterHost {
            path: None,
            home: folder.path().to_str(),
            environment: Vec::new(),
            cancellation: &cancellation,
        };
        let convert = || convert(&machine, &found, folder.path(), folder.path());
        assert_eq!(convert().await.unwrap(), None, "it is not there");
        let tool = at(".dotnet/tools/dotnet-coverage");
        std::fs::create_dir_all(tool.parent().unwrap()).unwrap();
        for (body, expected) in
            [("exit 3", None), ("exit 0", None), ("echo $@ >$5", Some(at("binary-coverage.xml")))]
        {
            std::fs::write(&tool, format!("#!/bin/sh\n{body}\n")).unwrap();
            std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
            assert_eq!(convert().await.unwrap(), expected, "{body}");
        }
        let result = at("binary-coverage.xml").display().to_string();
        assert_eq!(
            std::fs::read_to_string(&result).unwrap(),
            format!("merge --output-format xml --output {result} {}\n", at("me.coverage").display())
        );
    }
}
