//! Altered packages: none of them runs.

use super::Solution;
use crate::dotnet_sdk::nuget_config;
use crate::real_sonarqube::Server;
use std::io::{Read as _, Write as _};
use std::path::Path;

/// What is made of a package.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// A file of it is another one; the signature is the old one.
    Altered,
    /// It has no signature any more.
    Unsigned,
    /// It is another version, and says that it is this one.
    OtherVersion,
}

/// The feed holds an altered, an unsigned and a renamed package in place of the right one: SonarPrepare refuses each.
pub(in crate::real_sonarqube) fn altered_scanner_packages_are_refused(server: &Server) {
    for change in [Change::Altered, Change::Unsigned, Change::OtherVersion] {
        let Some(mut solution) = Solution::empty(server, "refused") else { return };
        let version = super::tool_for(server);
        let of = match change {
            Change::OtherVersion => "4.10.0",
            _ => version,
        };
        let original = solution.sdk.feed.join(format!("dotnet-sonarscanner.{of}.nupkg"));
        if !original.is_file() {
            crate::test_data::left_out("packages that were changed, because the feed is not a folder");
            return;
        }
        let feed = solution.journey.job.path("feed");
        std::fs::create_dir(&feed).unwrap();
        change_package(
            &original,
            &feed.join(format!("dotnet-sonarscanner.{version}.nupkg")),
            change,
            of,
            version,
        );
        let user = solution.journey.job.path("home/.nuget/NuGet/NuGet.Config");
        std::fs::write(user, nuget_config(&feed)).unwrap();
        let tools = solution.journey.job.path("tools");
        solution.journey.job.set("Agent.ToolsDirectory", tools.to_str().unwrap());
        // One that another job unpacked from the right package would hide it.
        let packages = solution.journey.job.path("packages");
        solution.journey.job.set("NUGET_PACKAGES", packages.to_str().unwrap());

        let prepare = solution.prepare(&[]);
        let error = prepare.sole_error().to_owned();
        assert!(error.contains(version), "{change:?}: {error}");
        assert!(error.contains("package"), "{change:?}: {error}");
        let ran = prepare.processes.command_lines().any(|line| line.contains(" begin"));
        assert!(!ran, "{change:?}: nothing of the package ran: {:#?}", prepare.processes);
    }
}

/// Writes a package with a change into `to`.
fn change_package(from: &Path, to: &Path, change: Change, old: &str, new: &str) {
    let mut package = zip::ZipArchive::new(std::fs::File::open(from).unwrap()).unwrap();
    let mut changed = zip::ZipWriter::new(std::fs::File::create(to).unwrap());
    let mut is_changed = false;
    for index in 0..package.len() {
        let mut file = package.by_index(index).unwrap();
        let name = file.name().unwrap().into_owned();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        match change {
            Change::Altered if name.ends_with("SonarScanner.MSBuild.Common.dll") => {
                let middle = content.len() / 2;
                content[middle] ^= 1;
                is_changed = true;
            }
            Change::Unsigned if name == ".signature.p7s" => {
                is_changed = true;
                continue;
            }
            Change::OtherVersion if name.ends_with(".nuspec") => {
                let text = String::from_utf8(content).unwrap();
                let (old, new) = (format!("<version>{old}</version>"), format!("<version>{new}</version>"));
                assert!(text.contains(&old), "{text}");
                content = text.replace(&old, &new).into_bytes();
                is_changed = true;
            }
            _ => {}
        }
        changed.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        changed.write_all(&content).unwrap();
    }
    changed.finish().unwrap();
    assert!(is_changed, "{change:?}");
}
