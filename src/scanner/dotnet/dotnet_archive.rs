//! The SonarScanner for .NET from its archive. The agent's tool cache holds both the archive and what was unpacked from it, so
//! that each run can compare them.

use super::dotnet_program::{TOOL, unpacked};
use super::package::UnpackedPackage;
use crate::analysis::dotnet_scanner::PackageCheck;
use crate::analysis::{DotnetScanner, ScannerRelease};
use crate::error::{Error, Result};
use crate::http::Client;
use crate::scanner::archive;
use crate::scanner::cache::Cache;
use crate::scanner::provision_error::ProvisionError;
use crate::scanner::tool_cache::{ToolCache, obtain};
use std::ffi::OsStr;
use std::path::Path;

const ARCHIVE: &str = "archive.zip";
const FILES: &str = "scanner";

/// The scanner of the archive `release`, verified. A path is relative to `directory`.
///
/// # Errors
/// The archive could not be downloaded or read, or has another hash; `path` has no `dotnet` to run it.
pub async fn provide(
    release: &ScannerRelease,
    tools: &ToolCache,
    directory: &Path,
    client: &Client,
    downloads: &Cache,
    path: Option<&OsStr>,
) -> Result<DotnetScanner> {
    let check = async |folder: &Path| {
        let files = UnpackedPackage { package: folder.join(ARCHIVE), folder: folder.join(FILES), part: "" };
        let sha256 = files.inspect(&PackageCheck::Sha256(release.sha256.clone())).await.map_err(|error| {
            Error::new(format!("the SonarScanner for .NET {} is refused: {error}", release.version))
        })?;
        Ok(DotnetScanner {
            start: unpacked(&files.folder, path)?,
            version: release.version.clone(),
            package: files.package.display().to_string(),
            sha256,
            folder: files.folder.display().to_string(),
        })
    };
    let fill = async |folder: &Path| {
        downloads.tidy();
        let obtained = obtain(TOOL, release, directory, client, downloads).await?;
        let kept = folder.join(ARCHIVE);
        std::fs::copy(&obtained, &kept)
            .map_err(|error| Error::new(format!("{} could not be written: {error}", kept.display())))?;
        archive::unpack(kept, folder.join(FILES)).await.map_err(ProvisionError::from)?;
        Ok(())
    };
    tools.provide(TOOL.name, &release.version, check, fill).await
}
