use super::super::{dotnet, scanner_cli};
use super::*;
use std::fs::File;
use std::io::Write as _;

/// An archive with one file, and the release it is.
fn archive(folder: &Path, name: &str) -> ScannerRelease {
    let path = folder.join(name);
    let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
    zip.start_file("cli-1.2/lib/x.jar", zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(b"jar").unwrap();
    zip.finish().unwrap();
    let sha256 = sha256(&path).unwrap();
    ScannerRelease { version: "1.2.3.4".into(), sha256, archive: name.into() }
}

const CLI: Tool = Tool { name: "cli", ..scanner_cli::TOOL };

struct Machine {
    folder: tempfile::TempDir,
    tools: ToolCache,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tools = ToolCache::new(folder.path().join("_tool"), "aarch64")
            .or_private(folder.path().join("private/tools"));
        Self { folder, tools }
    }

    async fn install(&self, release: &ScannerRelease) -> Result<PathBuf> {
        self.install_tool(CLI, release).await
    }

    async fn install_tool(&self, tool: Tool, release: &ScannerRelease) -> Result<PathBuf> {
        let client = Client::new(http::NetworkSettings::default());
        let seal = CacheSeal::new(&crate::secret::Secret::new("squ_1"));
        let downloads = Cache::in_user_home(&self.folder.path().join("home")).sealed(Some(seal));
        self.tools.install(tool, release, self.folder.path(), &client, &downloads).await
    }
}

#[tokio::test]
async fn the_layout_is_the_one_of_microsofts_library() {
    let machine = Machine::new();
    let release = archive(machine.folder.path(), "cli.zip");
    let folder = machine.install(&release).await.unwrap();
    let version = machine.folder.path().join("_tool/cli/1.2.3.4");
    assert_eq!(folder, version.join("arm64"));
    assert_eq!(std::fs::read(folder.join("cli-1.2/lib/x.jar")).unwrap(), b"jar");
    assert_eq!(std::fs::read(version.join("arm64.complete")).unwrap(), b"");
    let names: Vec<_> = std::fs::read_dir(version).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().ends_with(UNPACKING)), "{names:?}");

    // Reused, although the archive is gone.
    std::fs::remove_file(machine.folder.path().join("cli.zip")).unwrap();
    assert_eq!(machine.install(&release).await.unwrap(), folder);
}

#[tokio::test]
async fn an_incomplete_tool_is_installed_again() {
    let machine = Machine::new();
    let release = archive(machine.folder.path(), "cli.zip");
    let folder = machine.folder.path().join("_tool/cli/1.2.3.4/arm64");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("half"), "").unwrap();
    assert_eq!(machine.install(&release).await.unwrap(), folder);
    assert!(!folder.join("half").exists() && folder.join("cli-1.2").exists());
    // Nor is it a tool when a file lost its end.
    std::fs::write(folder.join("cli-1.2/lib/x.jar"), "ja").unwrap();
    machine.install(&release).await.unwrap();
    assert_eq!(std::fs::read(folder.join("cli-1.2/lib/x.jar")).unwrap(), b"jar");
    // A marker without a folder does not count either.
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(machine.install(&release).await.unwrap().join("cli-1.2").exists());
}

#[tokio::test]
async fn a_tool_that_differs_from_its_archive_is_not_run() {
    let machine = Machine::new();
    let release = archive(machine.folder.path(), "cli.zip");
    let folder = machine.folder.path().join("_tool/cli/1.2.3.4/arm64");
    let jar = folder.join("cli-1.2/lib/x.jar");
    let put = |content: &str| {
        std::fs::create_dir_all(jar.parent().unwrap()).unwrap();
        std::fs::write(&jar, content).unwrap();
        std::fs::write(folder.with_file_name("arm64.complete"), "").unwrap();
    };
    // An earlier build's, with the marker and without a seal; and one that it changed later.
    for _ in 0..2 {
        put("JAR");
        assert_eq!(machine.install(&release).await.unwrap(), folder);
        assert_eq!(std::fs::read(&jar).unwrap(), b"jar");
    }
    // What another task has put there is what the archive holds.
    std::fs::remove_dir_all(&folder).unwrap();
    put("jar");
    let modified = jar.metadata().unwrap().modified().unwrap();
    assert_eq!(machine.install(&release).await.unwrap(), folder);
    assert_eq!(jar.metadata().unwrap().modified().unwrap(), modified, "used as it was");
}

#[cfg(unix)]
#[tokio::test]
async fn a_tool_cache_that_others_may_write_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    let release = archive(machine.folder.path(), "cli.zip");
    machine.install(&release).await.unwrap();
    let versions = machine.folder.path().join("_tool/cli");
    std::fs::set_permissions(&versions, std::fs::Permissions::from_mode(0o777)).unwrap();
    let private = machine.folder.path().join("private/tools/cli/1.2.3.4/arm64");
    assert_eq!(machine.install(&release).await.unwrap(), private);
    std::fs::set_permissions(&versions, std::fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(machine.install(&release).await.unwrap(), versions.join("1.2.3.4/arm64"));
}

#[tokio::test]
async fn what_killed_runs_have_left_is_removed_after_a_day() {
    let machine = Machine::new();
    let release = archive(machine.folder.path(), "cli.zip");
    machine.install(&release).await.unwrap();
    let left = [
        machine.folder.path().join("_tool/cli/1.2.3.4/0123.unpacking"),
        machine.folder.path().join("home/cache/_tmp/0123-download"),
    ];
    let yesterday = SystemTime::now() - std::time::Duration::from_secs(25 * 60 * 60);
    for folder in &left {
        std::fs::create_dir_all(folder).unwrap();
        File::open(folder).unwrap().set_modified(yesterday).unwrap();
    }
    machine.install(&release).await.unwrap();
    assert!(!left.iter().any(|folder| folder.exists()));
}

#[tokio::test]
async fn an_archive_with_another_hash_is_refused() {
    let machine = Machine::new();
    let mut release = archive(machine.folder.path(), "cli.zip");
    release.sha256 = "0".repeat(64);
    let error = machine.install(&release).await.unwrap_err().to_string();
    assert!(error.contains("cli.zip has the SHA-256 ") && error.contains("000 was expected"), "{error}");
    assert!(error.contains("set cliScannerSha256"), "{error}");
    let error = machine.install_tool(dotnet::TOOL, &release).await.unwrap_err().to_string();
    assert!(error.contains("set dotnetScannerSha256"), "{error}");
    assert!(!machine.folder.path().join("_tool/cli/1.2.3.4/arm64").exists());
    release.archive = "nowhere.zip".into();
    let error = machine.install(&release).await.unwrap_err().to_string();
    assert!(error.contains("nowhere.zip could not be read"), "{error}");
}

#[test]
fn an_archive_is_named_by_a_url_or_a_path() {
    let file = |path: &str| Location::File(PathBuf::from(path));
    let location = |text: &str| location(text, Path::new("/agent"));
    assert_eq!(location("https://x/y.zip").unwrap(), Location::Url("https://x/y.zip".parse().unwrap()));
    assert_eq!(location("tools/y.zip").unwrap(), file("/agent/tools/y.zip"));
    assert_eq!(location("/srv/y.zip").unwrap(), file("/srv/y.zip"));
    assert_eq!(location("C:\\y.zip").unwrap(), file("/agent/C:\\y.zip"));
    if cfg!(unix) {
        assert_eq!(location("file:///srv/a%20b.zip").unwrap(), file("/srv/a b.zip"));
        assert!(location("file://host/y.zip").is_err());
    }
    assert!(location("https://").is_err());
    let error = location("https://joe:hush/1@mirror.example/x.zip").unwrap_err().to_string();
    assert!(error.contains("is not a valid URL: invalid port") && error.contains("%2F"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}
