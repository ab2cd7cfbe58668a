//! Where the programs are: `dotnet`, and the scanner in an unpacked archive.

use crate::error::{Error, Result};
use crate::process::first_in_path;
use crate::scanner::tool_cache::Tool;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The scanner in the agent's tool cache.
pub const TOOL: Tool = Tool { name: "sonar-scanner-msbuild", hash_input: "dotnetScannerSha256" };

pub(super) const DOTNET: &str = if cfg!(windows) { "dotnet.exe" } else { "dotnet" };

/// How an installed scanner is started: the program, and the arguments that come before its own.
pub type Start = Vec<String>;

/// The scanner in an unpacked archive: the one for .NET Framework is a program, the other one is run by `dotnet`.
///
/// # Errors
/// There is no scanner, or no `dotnet` in `path`.
pub fn unpacked(folder: &Path, path: Option<&OsStr>) -> Result<Start> {
    unpacked_on(cfg!(windows), folder, path)
}

pub(super) fn unpacked_on(windows: bool, folder: &Path, path: Option<&OsStr>) -> Result<Start> {
    let program = |name: &str| Some(folder.join(name)).filter(|file| file.is_file());
    if let Some(exe) = program("SonarScanner.MSBuild.exe").filter(|_| windows) {
        return Ok(vec![exe.display().to_string()]);
    }
    let dll = program("SonarScanner.MSBuild.dll").ok_or_else(|| {
        Error::new(format!("{} does not hold a SonarScanner for .NET for this platform", folder.display()))
            .hint("Remove that folder, and set scannerDownloadUrl to the archive for this platform.")
    })?;
    let dotnet = if windows { "dotnet.exe" } else { "dotnet" };
    let dotnet = first_in_path(path, dotnet).ok_or_else(|| {
        Error::new(format!("PATH has no {dotnet} to run the SonarScanner for .NET"))
            .hint("Install the .NET SDK before SonarPrepare, for example with the task UseDotNet@2.")
    })?;
    Ok(vec![dotnet.display().to_string(), dll.display().to_string()])
}

/// The `dotnet` in `path`.
pub fn dotnet_in(path: Option<&OsStr>) -> Option<PathBuf> {
    first_in_path(path, DOTNET)
}
