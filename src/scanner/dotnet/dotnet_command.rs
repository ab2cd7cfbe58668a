//! The command `dotnet` of the .NET SDK.
//!
//! Contract: `dotnet --list-sdks`, `tool install`, `nuget verify` and `nuget list source`, as observed with .NET SDK 10.0.401;
//! messages are read in English, because `DOTNET_CLI_UI_LANGUAGE` is set.

use crate::analysis::Invocation;
use crate::analysis::dotnet_scanner::{DotnetHost, PACKAGE, ToolVersion};
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use crate::process::{self, Ended};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The `dotnet` of `PATH`, and how it is run.
#[derive(Debug)]
pub struct DotnetCommand<'a> {
    /// The program; `None` if `PATH` has none.
    pub program: Option<PathBuf>,
    /// Its whole environment, with the credentials of feeds.
    pub environment: &'a [(OsString, OsString)],
    /// Ends the command when the run is cancelled.
    pub cancellation: &'a Cancellation,
}

/// What a command has printed, and its exit code.
struct CommandOutput {
    code: i32,
    lines: Vec<String>,
}

impl CommandOutput {
    /// The last lines, for an error of unknown reason.
    fn last_lines(&self) -> String {
        let begin = self.lines.len().saturating_sub(5);
        self.lines[begin..].join("\n")
    }
}

impl DotnetCommand<'_> {
    async fn run(&self, arguments: &[&str], directory: &Path) -> Result<CommandOutput> {
        let program = self.program.clone().ok_or_else(|| Error::new("PATH has no dotnet"))?;
        let invocation = Invocation {
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            directory: directory.to_owned(),
            environment: vec![("DOTNET_CLI_UI_LANGUAGE".to_owned(), "en".to_owned())],
            secret_environment: Vec::new(),
            stdin: None,
        };
        tracing::debug!("{invocation}");
        let mut lines = Vec::new();
        let on_line = |_, line: &str| {
            tracing::debug!("{line}");
            if !line.trim().is_empty() {
                lines.push(line.trim().to_owned());
            }
        };
        match process::run(&invocation, self.environment, self.cancellation, on_line).await? {
            Ended::Exit(exit) => Ok(CommandOutput { code: exit.code.unwrap_or(-1), lines }),
            Ended::Cancelled => Err(Error::cancelled()),
        }
    }

    /// Which .NET there is for `directory`: a `global.json` in it or above may ask for another SDK.
    ///
    /// # Errors
    /// `dotnet` could not be started.
    pub async fn host(&self, directory: &Path) -> Result<DotnetHost> {
        if self.program.is_none() {
            return Ok(DotnetHost::Absent);
        }
        let said = self.run(&["--list-sdks"], directory).await?;
        let is_sdk = |line: &String| line.starts_with(|c: char| c.is_ascii_digit());
        Ok(match said.lines.iter().any(is_sdk) {
            true if said.code == 0 => DotnetHost::Sdk,
            _ => DotnetHost::Runtime,
        })
    }

    /// Installs the tool into `folder`, from the feeds in the NuGet configuration in and above `directory`.
    pub(super) async fn install(&self, version: ToolVersion, folder: &Path, directory: &Path) -> Result<()> {
        let (version, folder) = (version.to_string(), folder.display().to_string());
        let arguments = ["tool", "install", PACKAGE, "--version", &version, "--tool-path", &folder];
        let said = self.run(&arguments, directory).await?;
        if said.code == 0 { Ok(()) } else { Err(not_installed(&version, &said)) }
    }

    /// Checks that SonarSource signed the package of `version` as its author.
    pub(super) async fn verify_signature(
        &self,
        version: ToolVersion,
        package: &Path,
        directory: &Path,
    ) -> Result<()> {
        let said = self.run(&["nuget", "verify", "--all", &package.display().to_string()], directory).await?;
        let refused = |why: &str| {
            Err(Error::new(format!("the SonarScanner for .NET {version} is refused: {why}")).hint(
                "Install it from a feed that has the package as SonarSource published it. If you trust this package, set \
                 dotnetScannerSha256 to its SHA-256.",
            ))
        };
        if said.code != 0 {
            let reasons: Vec<&str> =
                said.lines.iter().filter_map(|line| line.strip_prefix("error: ")).collect();
            let reasons = if reasons.is_empty() { said.last_lines() } else { reasons.join("\n") };
            return refused(&format!("the signature of its package is not valid.\n{reasons}\n"));
        }
        if is_authors(&said.lines) {
            Ok(())
        } else {
            refused("SonarSource has not signed its package as the author")
        }
    }

    /// Names and places of the feeds in the NuGet configuration in and above `directory`.
    pub(super) async fn feeds(&self, directory: &Path) -> Result<Vec<(String, String)>> {
        let said = self.run(&["nuget", "list", "source", "--format", "Detailed"], directory).await?;
        if said.code != 0 {
            return Err(Error::new(format!(
                "the NuGet configuration of this machine could not be read:\n{}",
                said.last_lines()
            )));
        }
        Ok(feeds_in(&said.lines))
    }
}

/// The feeds in lines such as `1.  name [Enabled]`, each followed by a line with the place.
fn feeds_in(lines: &[String]) -> Vec<(String, String)> {
    let name_of = |line: &str| {
        let (number, rest) = line.split_once('.')?;
        let name = rest.trim().strip_suffix(" [Enabled]").or(rest.trim().strip_suffix(" [Disabled]"))?;
        number.parse::<u32>().ok().map(|_| name.to_owned())
    };
    lines.windows(2).filter_map(|pair| Some((name_of(&pair[0])?, pair[1].clone()))).collect()
}

/// Whether the author's signature in the answer of `dotnet nuget verify --all` is SonarSource's.
fn is_authors(lines: &[String]) -> bool {
    let mut signatures = lines.iter().skip_while(|line| *line != "Signature type: Author").skip(1);
    let subject = signatures.next().and_then(|line| line.strip_prefix("Subject Name: "));
    // A quoted name may contain text that looks like another name.
    subject.is_some_and(|subject| {
        let has = |name: &str| subject.split(", ").any(|part| part == name);
        !subject.contains('"') && has("CN=SonarSource SA") && has("O=SonarSource SA")
    })
}

/// Why `dotnet tool install` failed, and what to do about it.
fn not_installed(version: &str, said: &CommandOutput) -> Error {
    let lines = said.lines.iter().map(|line| line.trim_start_matches("Unhandled exception: "));
    let find = |words: &[&str]| lines.clone().find(|line| words.iter().any(|word| line.contains(word)));
    let what = format!("the SonarScanner for .NET {version} could not be installed");
    if let Some(line) = find(&[
        "401 (Unauthorized)",
        "403 (Forbidden)",
        "NU1301: Response status code does not indicate success: 40",
    ]) {
        return Error::new(format!("{what}, because a NuGet feed refused the credentials: {line}")).hint(
            "Run the task NuGetAuthenticate@1 before SonarPrepare, or set nugetSource to a feed that the agent can read.",
        );
    }
    if let Some(line) = find(&["Unable to load the service index", "NU1301"]) {
        return Error::new(format!("{what}, because a NuGet feed could not be reached: {line}")).hint(
            "Set nugetSource to a feed that this agent can reach (a URL, a folder, or the name of a configured feed). If there \
             is a proxy, configure it for the agent.",
        );
    }
    if let Some(line) = find(&["is not found in NuGet feeds", "NU1101", "NU1102"]) {
        return Error::new(format!("{what}, because the feed does not have this version: {line}")).hint(
            "Add the version to that feed, set nugetSource to a feed that has it, or set dotnetScannerVersion to a version that \
             the feed has.",
        );
    }
    Error::new(format!(
        "{what}: dotnet tool install ended with exit code {}. The last lines:\n{}",
        said.code,
        said.last_lines()
    ))
}

#[cfg(test)]
mod tests;
