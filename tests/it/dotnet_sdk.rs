//! The .NET SDK and the packages for the .NET builds of the tests.

use crate::test_data;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// A .NET SDK and the source of packages.
#[derive(Debug, Clone)]
pub(crate) struct Sdk {
    /// The folder of `dotnet`: `DOTNET_ROOT`.
    pub(crate) root: PathBuf,
    /// The only source of packages that a `nuget.config` has to name: the folder of the test data, or what the machine's
    /// own configuration names first, which may be a URL.
    pub(crate) feed: PathBuf,
}

impl Sdk {
    /// A NuGet configuration with only this feed.
    pub(crate) fn nuget_config(&self) -> String {
        nuget_config(&self.feed)
    }
}

/// A NuGet configuration with only one source.
pub(crate) fn nuget_config(source: &Path) -> String {
    format!(
        "<configuration>\n  <packageSources><clear /><add key=\"tests\" value=\"{}\" /></packageSources>\n  \
         <fallbackPackageFolders><clear /></fallbackPackageFolders>\n</configuration>\n",
        source.display()
    )
}

/// The SDK of the test data, unpacked once; otherwise `dotnet` of `PATH` with the machine's feed. `None`: there is neither, and
/// one line has said that the .NET tests are left out.
pub(crate) fn sdk() -> Option<Sdk> {
    static SDK: LazyLock<Option<Sdk>> = LazyLock::new(|| {
        let found = test_data::folder("dotnet").map(|folder| of_test_data(&folder)).or_else(of_machine);
        if found.is_none() {
            test_data::left_out(&format!(
                "the .NET journeys, because {} is not set and PATH holds no dotnet with an SDK",
                test_data::VARIABLE
            ));
        }
        found
    });
    SDK.clone()
}

fn of_test_data(folder: &Path) -> Sdk {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/dotnet-sdk");
    let output =
        Command::new(&script).output().unwrap_or_else(|error| panic!("{}: {error}", script.display()));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} failed: {said}", script.display());
    let root = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim_end());
    let feed = folder.canonicalize().unwrap().join("packages");
    assert!(root.join("dotnet").is_file() && feed.is_dir(), "{} {}", root.display(), feed.display());
    Sdk { root, feed }
}

/// The output of a command of the machine's `dotnet`, if it succeeds.
fn dotnet(arguments: &[&str]) -> Option<String> {
    let output = Command::new("dotnet")
        .args(arguments)
        .env("DOTNET_NOLOGO", "1")
        .env("DOTNET_CLI_TELEMETRY_OPTOUT", "1")
        .env("DOTNET_CLI_UI_LANGUAGE", "en")
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn of_machine() -> Option<Sdk> {
    // `10.0.401 [/usr/share/dotnet/sdk]`, the newest last; nothing where there is a runtime alone.
    let sdks = dotnet(&["--list-sdks"])?;
    let (_, folder) = sdks.lines().last()?.split_once('[')?;
    let root = Path::new(folder.trim_end_matches(']')).parent()?.to_owned();
    // `E https://feed.example/index.json`: enabled, and its place.
    let sources = dotnet(&["nuget", "list", "source", "--format", "Short"])?;
    let feed = sources.lines().find_map(|line| line.trim().strip_prefix("E "))?;
    Some(Sdk { root, feed: feed.into() })
}

#[test]
fn the_sdk_runs_and_its_configuration_names_one_source() {
    let Some(sdk) = sdk() else { return };
    let version =
        Command::new(sdk.root.join("dotnet")).arg("--version").env("DOTNET_NOLOGO", "1").output().unwrap();
    assert!(version.status.success() && version.stdout.starts_with(b"1"), "{version:?}");
    let config = sdk.nuget_config();
    assert!(config.contains(&format!("value=\"{}\"", sdk.feed.display())), "{config}");
    assert_eq!(config.matches("<add ").count(), 1, "{config}");
}
