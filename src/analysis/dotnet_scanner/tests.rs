use super::*;
use crate::analysis::ServerVersion;

fn server(version: &str) -> ServerFacts {
    let kind = if version == "Cloud" { ServerKind::Cloud } else { ServerKind::Server };
    let version = if version == "Cloud" { "8.0" } else { version };
    ServerFacts {
        kind,
        version: ServerVersion::parse(version).unwrap(),
        edition: None,
        branch_support: false,
    }
}

fn tool(version: &str) -> InstalledTool {
    InstalledTool { version: ToolVersion::parse(version).unwrap(), flaw: None }
}

fn chosen(
    wish: ReleaseWish<'_>,
    version: &str,
    dotnet: DotnetHost,
    installed: &[InstalledTool],
) -> Result<String, String> {
    let choice =
        choose(&wish, &server(version), false, dotnet, installed).map_err(|error| error.to_string())?;
    Ok(match choice.plan {
        Plan::Installed(at) => format!("installed {at}"),
        Plan::Package(version, PackageCheck::Sha256(_)) => format!("{version} by SHA-256"),
        Plan::Package(version, PackageCheck::Sha512(_)) => format!("{version} by SHA-512"),
        Plan::Package(version, PackageCheck::Signed) => format!("{version} by signature"),
        Plan::Archive(release) => release.archive,
    })
}

fn pinned(version: &str) -> ReleaseWish<'_> {
    ReleaseWish { version: Some(version), ..ReleaseWish::default() }
}

#[test]
fn a_version_has_three_or_four_numbers() {
    for (text, expected) in [
        ("11.2.1.137242", Some("11.2.1")),
        ("12.1.0", Some("12.1.0")),
        ("11", None),
        ("11.3", None),
        ("12.0.0-rc.1", None),
        ("1.2.3.4.5", None),
        ("latest", None),
        ("../../x", None),
        ("11..0", None),
    ] {
        assert_eq!(ToolVersion::parse(text).map(|v| v.to_string()).as_deref(), expected, "{text}");
    }
}

#[test]
fn the_server_decides_which_version_is_installed() {
    for (version, expected) in [
        ("Cloud", "12.1.0 by SHA-512"),
        ("26.9.0.129388", "12.1.0 by SHA-512"),
        ("2025.1", "12.1.0 by SHA-512"),
        ("25.1.0.102122", "12.1.0 by SHA-512"),
        ("24.12", "11.3.0 by SHA-512"),
        ("10.7.0.96327", "11.3.0 by SHA-512"),
        ("10.6", "11.3.0 by SHA-512"),
        ("10.5", "10.4.1 by signature"),
        ("9.9.8", "10.4.1 by signature"),
        ("8.9", "10.4.1 by signature"),
    ] {
        let wish = ReleaseWish::default();
        assert_eq!(chosen(wish, version, DotnetHost::Sdk, &[]).as_deref(), Ok(expected), "{version}");
    }
}

#[test]
fn an_installed_tool_is_used_if_it_works_with_the_server_and_is_right() {
    let all = ["10.4.1", "11.3.0", "12.1.0", "13.0.0"].map(tool);
    for (version, expected) in [
        ("Cloud", "installed 1"),
        ("25.1", "installed 1"),
        ("24.12", "installed 1"),
        ("10.6", "installed 1"),
        ("9.9", "installed 0"),
    ] {
        let wish = ReleaseWish::default();
        assert_eq!(chosen(wish, version, DotnetHost::Sdk, &all).as_deref(), Ok(expected), "{version}");
    }
    let only = |version: &str, server: &str| {
        chosen(ReleaseWish::default(), server, DotnetHost::Sdk, &[tool(version)]).unwrap()
    };
    assert_eq!(only("12.1.0", "10.7"), "11.3.0 by SHA-512");
    assert_eq!(only("11.3.0", "9.9"), "10.4.1 by signature");
    assert_eq!(only("9.2.1", "25.1"), "12.1.0 by SHA-512");
    assert_eq!(only("13.0.0", "26.9"), "installed 0");

    let altered = InstalledTool { flaw: Some("it was altered".into()), ..tool("12.1.0") };
    let tools = [altered.clone(), tool("10.4.1")];
    let choice = choose(&ReleaseWish::default(), &server("26.9"), false, DotnetHost::Sdk, &tools).unwrap();
    insta::assert_snapshot!(choice.line, @"SonarScanner for .NET 12.1.0, the version for SonarQube Server 26.9; the installed 12.1.0 is not used, because it was altered; the installed 10.4.1 does not work with it");
    // Even where it would be the only one.
    let error = chosen(ReleaseWish::default(), "26.9", DotnetHost::Runtime, &[altered]).unwrap_err();
    assert!(error.starts_with("the dotnet in PATH is a runtime without an SDK"), "{error}");
}

#[test]
fn the_input_names_the_version() {
    for (version, server, expected) in [
        ("11.2.1.137242", "10.7", "11.2.1 by signature"),
        ("11.3.0", "26.9", "installed 0"),
        ("12.1.0", "26.9", "12.1.0 by SHA-512"),
        ("12.0.0", "26.9", "12.0.0 by signature"),
        ("4.10.0", "10.7", "4.10.0 by signature"),
        ("10.4.1", "9.9", "10.4.1 by signature"),
    ] {
        let installed = [tool("11.3.0")];
        assert_eq!(
            chosen(pinned(version), server, DotnetHost::Sdk, &installed).as_deref(),
            Ok(expected),
            "{version}"
        );
    }
    let hash = "AB".repeat(32);
    let wish = ReleaseWish { sha256: Some(&hash), ..pinned("12.1.0") };
    assert_eq!(chosen(wish, "26.9", DotnetHost::Sdk, &[]).as_deref(), Ok("12.1.0 by SHA-256"));
    let of = |version| PackageCheck::of(ToolVersion::parse(version).unwrap(), None);
    assert!(matches!(of("11.3.0"), PackageCheck::Sha512(hash) if hash.starts_with("abta3b09")));
}

#[test]
fn the_archive_is_for_its_address_and_for_agents_without_an_sdk() {
    let hash = "ab".repeat(32);
    let full = ReleaseWish { sha256: Some(&hash), ..pinned("11.2.1.137242") };
    let published = format!("{ARCHIVES}/11.2.1.137242/sonar-scanner-11.2.1.137242-net.zip");
    assert_eq!(chosen(full, "10.7", DotnetHost::Runtime, &[]), Ok(published));
    // An SDK installs the tool instead.
    assert_eq!(chosen(full, "10.7", DotnetHost::Sdk, &[]).as_deref(), Ok("11.2.1 by SHA-256"));
    let windows = choose(&full, &server("10.7"), true, DotnetHost::Absent, &[]).unwrap();
    assert!(
        matches!(&windows.plan, Plan::Archive(release) if release.archive.ends_with("-net-framework.zip"))
    );
    insta::assert_snapshot!(windows.line, @"SonarScanner for .NET 11.2.1.137242: SonarSource's archive, because this agent has no .NET SDK");

    let from = |download| ReleaseWish { download: Some(download), sha256: Some(&hash), version: None };
    let file = "https://mirror.example/sonar-scanner-12.1.0.146213-net.zip";
    assert_eq!(chosen(from(file), "26.9", DotnetHost::Sdk, &[tool("12.1.0")]).as_deref(), Ok(file));
    let folder = ReleaseWish { version: Some("12.1.0.146213"), ..from("/srv/scanners") };
    let expected = "/srv/scanners/sonar-scanner-12.1.0.146213-net.zip";
    assert_eq!(chosen(folder, "26.9", DotnetHost::Runtime, &[]).as_deref(), Ok(expected));
}

#[test]
fn what_cannot_run_is_an_error_before_anything_is_installed() {
    let error = |wish, version, dotnet| chosen(wish, version, dotnet, &[]).unwrap_err();
    let none = ReleaseWish::default();
    let sdk = DotnetHost::Sdk;
    insta::assert_snapshot!(error(pinned("12.1.0"), "10.7.0.96327", sdk), @"the SonarScanner for .NET 12.1.0 does not work with SonarQube Server 10.7.0.96327. Versions from 12 on need SonarQube 25.1, 2025.1 or later. Remove dotnetScannerVersion, or set it to 11.3.0.");
    insta::assert_snapshot!(error(pinned("11.2.1.137242"), "9.9", sdk), @"the SonarScanner for .NET 11.2.1 does not work with SonarQube Server 9.9. Before SonarQube 10.6, version 11 downloads the SonarScanner CLI, which nothing verifies. Remove dotnetScannerVersion, or set it to 10.4.1.");
    insta::assert_snapshot!(error(pinned("11"), "10.7", sdk), @r#"dotnetScannerVersion "11" is not a version number. Use three numbers, such as 12.1.0."#);
    insta::assert_snapshot!(error(ReleaseWish { sha256: Some("12"), ..none }, "10.7", sdk), @r#"dotnetScannerSha256 "12" is not a SHA-256. Use its 64 hexadecimal digits."#);
    insta::assert_snapshot!(error(none, "10.7", DotnetHost::Absent), @"PATH holds no dotnet, which installs and runs the SonarScanner for .NET. Install the .NET SDK before SonarPrepare, for example with the task UseDotNet@2.");
    insta::assert_snapshot!(error(none, "10.7", DotnetHost::Runtime), @"the dotnet in PATH is a runtime without an SDK, so it cannot install the SonarScanner for .NET. Install the .NET SDK before SonarPrepare, for example with the task UseDotNet@2; or set dotnetScannerVersion (all four numbers) and dotnetScannerSha256, and SonarSource's archive is run.");
    let windows = choose(&none, &server("10.7"), true, DotnetHost::Absent, &[]).unwrap_err().to_string();
    assert!(
        windows.starts_with("PATH holds no dotnet") && windows.contains("dotnetScannerSha256"),
        "{windows}"
    );
    let at = |download| ReleaseWish { download: Some(download), ..none };
    insta::assert_snapshot!(error(at("/srv/x.zip"), "10.7", sdk), @"the archive of the SonarScanner for .NET needs dotnetScannerVersion and dotnetScannerSha256. Set dotnetScannerVersion to all four numbers, such as 12.1.0.146213, and dotnetScannerSha256 to the SHA-256 of the archive.");
    let hash = "ab".repeat(32);
    let short = ReleaseWish { version: Some("11.3.0"), sha256: Some(&hash), ..at("/srv") };
    assert!(error(short, "10.7", sdk).contains("needs dotnetScannerVersion."));
    assert!(
        error(ReleaseWish { version: Some("11.3.0.1"), ..at("/srv") }, "10.7", sdk)
            .contains("needs dotnetScannerSha256.")
    );
}
