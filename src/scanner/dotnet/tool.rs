//! The .NET tool `dotnet-sonarscanner`: finds it or installs it into the agent's tool cache, and verifies it.
//!
//! It is run as `dotnet SonarScanner.MSBuild.dll`, not by the small program that `dotnet tool install` creates: no package
//! holds that one, so it cannot be verified.

use super::dotnet_command::DotnetCommand;
use super::feed;
use super::package::UnpackedPackage;
use crate::analysis::DotnetScanner;
use crate::analysis::dotnet_scanner::{PACKAGE, PackageCheck, ToolVersion};
use crate::error::{Error, Result};
use crate::scanner::tool_cache::ToolCache;
use std::cell::RefCell;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

/// An installed tool that is not verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundTool {
    /// Its version.
    pub version: ToolVersion,
    unpacked: UnpackedPackage,
}

impl FoundTool {
    /// This version as `dotnet tool install --tool-path folder` lays it out.
    fn in_folder(folder: &Path, version: ToolVersion) -> Self {
        let store = [".store", PACKAGE, &version.to_string(), PACKAGE, &version.to_string()];
        let store = store.iter().fold(folder.to_owned(), |path, part| path.join(part));
        let package = store.join(format!("{PACKAGE}.{version}.nupkg"));
        Self { version, unpacked: UnpackedPackage { package, folder: store.join("tools"), part: "tools/" } }
    }
}

/// The tools that are installed for all projects: in the folders of `PATH`, and in .NET's folder in the user's `home`.
pub fn installed(path: Option<&OsStr>, home: Option<&str>) -> Vec<FoundTool> {
    let in_path = path.into_iter().flat_map(std::env::split_paths).filter(|folder| folder.is_absolute());
    let in_home = home.map(|home| Path::new(home).join(".dotnet/tools"));
    let mut tools: Vec<FoundTool> = Vec::new();
    for folder in in_path.chain(in_home) {
        let versions = std::fs::read_dir(folder.join(".store").join(PACKAGE)).into_iter().flatten().flatten();
        let versions = versions.filter_map(|entry| {
            let name = entry.file_name();
            // Only names that a version is written as: the folder is found by that name later.
            ToolVersion::parse(name.to_str()?).filter(|version| version.to_string().as_str() == name)
        });
        let found = versions.map(|version| FoundTool::in_folder(&folder, version));
        let mut found: Vec<FoundTool> = found.filter(|tool| !tools.contains(tool)).collect();
        found.sort_by_key(|tool| std::cmp::Reverse(tool.version));
        tools.extend(found);
    }
    tools
}

/// Verifies packages, and the files that were unpacked from them.
#[derive(Debug)]
pub struct Verifier<'a> {
    /// The `dotnet` that runs the tool, and reads signatures.
    pub dotnet: &'a DotnetCommand<'a>,
    /// A folder outside of the sources, in which `dotnet` runs.
    pub directory: &'a Path,
    /// The SHA-256 of packages whose signature was verified.
    pub signed: RefCell<Vec<String>>,
}

impl Verifier<'_> {
    /// The tool, ready to run, if its package is `expected` and its files are those of the package.
    ///
    /// # Errors
    /// The package or a file is another one.
    pub async fn verified(&self, tool: &FoundTool, expected: &PackageCheck) -> Result<DotnetScanner> {
        let FoundTool { version, unpacked } = tool;
        let sha256 = unpacked.inspect(expected).await.map_err(|error| refused(*version, expected, &error))?;
        let unreadable = |error: io::Error| refused(*version, expected, &error);
        if *expected == PackageCheck::Signed && !self.signed.borrow().contains(&sha256) {
            if !unpacked.is_version(*version).map_err(unreadable)? {
                let why = "its package is for another tool or another version";
                return Err(refused(*version, expected, &io::Error::other(why)));
            }
            self.dotnet.verify_signature(*version, &unpacked.package, self.directory).await?;
            // The package may have been replaced while `dotnet` verified it.
            unpacked.inspect(&PackageCheck::Sha256(sha256.clone())).await.map_err(unreadable)?;
            self.signed.borrow_mut().push(sha256.clone());
        }
        let program = unpacked.program().map_err(unreadable)?;
        let dotnet = self.dotnet.program.clone().unwrap_or_default();
        Ok(DotnetScanner {
            start: vec![dotnet.display().to_string(), program.display().to_string()],
            version: version.to_string(),
            package: unpacked.package.display().to_string(),
            sha256,
            folder: unpacked.folder.display().to_string(),
        })
    }

    /// The tool from the agent's tool cache. If it is not there yet, it is installed from the feed `source` (the input
    /// `nugetSource`; a folder is relative to `sources`), else from the feeds that are configured for the machine and the user.
    ///
    /// # Errors
    /// It could not be installed, or is not `expected`.
    pub async fn provide(
        &self,
        version: ToolVersion,
        expected: &PackageCheck,
        tools: &ToolCache,
        source: Option<&str>,
        sources: &Path,
    ) -> Result<DotnetScanner> {
        let check =
            async |folder: &Path| self.verified(&FoundTool::in_folder(folder, version), expected).await;
        let fill = async |folder: &Path| self.install(version, folder, source, sources).await;
        tools.provide(PACKAGE, &version.to_string(), check, fill).await
    }

    async fn install(
        &self,
        version: ToolVersion,
        folder: &Path,
        source: Option<&str>,
        sources: &Path,
    ) -> Result<()> {
        // From this folder upwards NuGet looks for its configuration, and `dotnet` for global.json and tool manifests. So none
        // of the repository is read.
        let directory = folder.join("here");
        let unwritable = |error: io::Error| Error::new(format!("{}: {error}", directory.display()));
        std::fs::create_dir(&directory).map_err(unwritable)?;
        if let Some(source) = source {
            let feed = feed::find(source, &self.dotnet.feeds(&directory).await?, sources)?;
            std::fs::write(directory.join("nuget.config"), feed.configuration()).map_err(unwritable)?;
        }
        tracing::info!("Installing {PACKAGE} {version} with dotnet tool install");
        self.dotnet.install(version, folder, &directory).await?;
        std::fs::remove_dir_all(&directory).map_err(unwritable)
    }
}

fn refused(version: ToolVersion, expected: &PackageCheck, error: &io::Error) -> Error {
    let hint = match expected {
        PackageCheck::Sha256(_) => {
            "Correct dotnetScannerSha256, or replace the package in the feed by the one with that hash."
        }
        _ => {
            "Install it from a feed that has the package as SonarSource published it. If this is your own package, set \
             dotnetScannerSha256 to its SHA-256."
        }
    };
    Error::new(format!("the SonarScanner for .NET {version} is refused: {error}")).hint(hint)
}

/// Checks that the scanner of a record is still what was verified when its analysis began. Both steps call this before they
/// run it.
///
/// # Errors
/// A file was changed, added or removed since.
pub async fn check_unchanged(scanner: &DotnetScanner) -> Result<()> {
    let DotnetScanner { version, package, sha256, folder, .. } = scanner;
    let part = if package.ends_with(".nupkg") { "tools/" } else { "" };
    let unpacked = UnpackedPackage { package: PathBuf::from(package), folder: PathBuf::from(folder), part };
    match unpacked.inspect(&PackageCheck::Sha256(sha256.clone())).await {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::new(format!(
            "the SonarScanner for .NET {version} was changed since SonarPrepare verified it: {error}"
        ))
        .hint("Find out which step of the job changed it. The next SonarPrepare installs it again.")),
    }
}
