//! The real SDK installs the SonarScanner for .NET from a folder as feed, and it is verified. What it would do is
//! only noted.

use crate::dotnet_sdk::{Sdk, nuget_config, sdk};
use crate::fake_agent::{Step, Task};
use crate::fake_sonarqube::SonarQube;
use crate::nuget_feed::NugetFeed;
use crate::scenario::{Scenario, copy, program};
use crate::tls::ForwardProxy;
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zip::write::SimpleFileOptions;

const INPUTS: [(&str, &str); 2] = [("scannerMode", "dotnet"), ("projectKey", "shop")];
const DLL: &str = "tools/netcoreapp3.1/any/SonarScanner.MSBuild.dll";

/// A job on an agent with the SDK, whose user has the feed configured; for a server of this version.
fn scenario(sdk: &Sdk, version: &str) -> Scenario {
    let sonarqube = SonarQube::start();
    sonarqube.change(|model| model.version = version.into());
    let mut scenario = Scenario::with(sonarqube);
    let folder = scenario.job.path("sdk");
    std::fs::create_dir(&folder).unwrap();
    let noted = folder.display();
    let real = sdk.root.join("dotnet").display().to_string();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{noted}/commands'\n\
         case \"$1\" in *SonarScanner.MSBuild.dll) env >'{noted}/environment'; exit 0;; esac\n\
         echo \"$PWD\" >>'{noted}/folders'\nenv >'{noted}/environment of the SDK'\nexec '{real}' \"$@\"\n"
    );
    program(&folder.join("dotnet"), &script);
    scenario.job.set("PATH", &format!("{noted}:/usr/bin:/bin"));
    configure(&scenario, &nuget_config(&sdk.feed));
    scenario
}

/// Writes the user's NuGet configuration.
fn configure(scenario: &Scenario, configuration: &str) {
    let folder = scenario.job.path("home/.nuget/NuGet");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("NuGet.Config"), configuration).unwrap();
}

/// Nothing is to be had from now on: a feed that is not there.
fn without_feed(scenario: &Scenario) {
    configure(scenario, &nuget_config(Path::new("/nowhere/feed")));
}

fn prepare(scenario: &mut Scenario, inputs: &[(&str, &str)]) -> Step {
    let engine = scenario.engine("");
    let mut all: Vec<_> = INPUTS.iter().chain(inputs).copied().collect();
    all.push(("extraProperties", &engine));
    scenario.prepare_as(&all)
}

/// What `dotnet` was told since the last time, one command a line.
fn commands(scenario: &Scenario) -> Vec<String> {
    let file = scenario.job.path("sdk/commands");
    let commands = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(file);
    commands.lines().map(str::to_owned).collect()
}

fn installs(commands: &[String]) -> usize {
    commands.iter().filter(|command| command.starts_with("tool install ")).count()
}

fn arch() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" }
}

/// Where the tool cache has this version, and where its package is.
fn cached(scenario: &Scenario, version: &str) -> (PathBuf, PathBuf) {
    let folder = scenario.job.path(&format!("tools/dotnet-sonarscanner/{version}/{}", arch()));
    let store = folder.join(format!(".store/dotnet-sonarscanner/{version}/dotnet-sonarscanner/{version}"));
    (folder, store)
}

/// A feed with a package of this name, which `change` has made from the real one: it says for each entry whether it stays.
fn changed_feed(
    sdk: &Sdk,
    folder: &Path,
    (from, to): (&str, &str),
    keep: impl Fn(&str) -> bool,
    more: &[(&str, &str)],
) -> String {
    std::fs::create_dir_all(folder).unwrap();
    let real = File::open(sdk.feed.join(format!("dotnet-sonarscanner.{from}.nupkg"))).unwrap();
    let mut real = zip::ZipArchive::new(real).unwrap();
    let file = folder.join(format!("dotnet-sonarscanner.{to}.nupkg"));
    let mut changed = zip::ZipWriter::new(File::create(file).unwrap());
    for index in 0..real.len() {
        let entry = real.by_index_raw(index).unwrap();
        if keep(&entry.name().unwrap()) {
            changed.raw_copy_file(entry).unwrap();
        }
    }
    for (name, content) in more {
        changed.start_file(*name, SimpleFileOptions::default()).unwrap();
        changed.write_all(content.as_bytes()).unwrap();
    }
    changed.finish().unwrap();
    folder.display().to_string()
}

fn sha256_of(file: &Path) -> String {
    Sha256::digest(std::fs::read(file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_dotnet_scanner_is_installed_once_and_ignores_the_repositorys_nuget_config() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "26.9.0.129388");
    // All of these would break it, or lead it elsewhere.
    let hostile = nuget_config(Path::new("/nowhere/of/the/pull/request"));
    scenario.job.write("NuGet.config", &hostile);
    scenario.job.write("global.json", r#"{ "sdk": { "version": "5.0.100" } }"#);
    scenario.job.write(".config/dotnet-tools.json", "{ not JSON");
    scenario.job.set("VSS_NUGET_ACCESSTOKEN", "of-the-feed");
    scenario.job.set("DOTNET_STARTUP_HOOKS", "/nowhere/hook.dll");

    let step = prepare(&mut scenario, &[]);
    step.succeeded()
        .says("SonarScanner for .NET 12.1.0, the version for SonarQube Community Build 26.9.0.129388");
    assert_eq!(step.warnings, [""; 0]);
    let (folder, store) = cached(&scenario, "12.1.0");
    let told = commands(&scenario);
    assert_eq!(installs(&told), 1, "{told:?}");
    assert!(told.last().unwrap().starts_with(&format!("{} begin", store.join(DLL).display())), "{told:?}");
    assert!(folder.with_file_name(format!("{}.complete", arch())).is_file());
    let folders = std::fs::read_to_string(scenario.job.path("sdk/folders")).unwrap();
    let sources = scenario.job.sources().display().to_string();
    assert!(!folders.lines().any(|folder| folder.starts_with(&sources)), "{folders}");

    let environment = |of| std::fs::read_to_string(scenario.job.path(of)).unwrap();
    let of_sdk = environment("sdk/environment of the SDK");
    for line in ["VSS_NUGET_ACCESSTOKEN=of-the-feed", "DOTNET_NOLOGO=1", "DOTNET_CLI_TELEMETRY_OPTOUT=1"] {
        assert!(of_sdk.lines().any(|l| l == line), "{line}: {of_sdk}");
    }
    let of_scanner = environment("sdk/environment");
    assert!(!of_scanner.contains("of-the-feed"), "{of_scanner}");
    assert!(!of_scanner.contains("DOTNET_STARTUP_HOOKS"), "{of_scanner}");

    // The next job asks no feed.
    without_feed(&scenario);
    std::fs::remove_dir_all(scenario.job.temp().join("sonar-azdo")).unwrap();
    prepare(&mut scenario, &[]).succeeded();
    let told = commands(&scenario);
    assert_eq!(installs(&told), 0, "{told:?}");
    scenario.analyze().succeeded();
    assert!(commands(&scenario).last().unwrap().ends_with(&format!("{} end", store.join(DLL).display())));

    // A file that was changed or added since is seen by both steps.
    std::fs::remove_dir_all(scenario.job.temp().join("sonar-azdo")).unwrap();
    prepare(&mut scenario, &[]).succeeded();
    let planted = store.join("tools/netcoreapp3.1/any/Planted.dll");
    std::fs::write(&planted, "").unwrap();
    commands(&scenario);
    let step = scenario.analyze();
    let error = format!(
        "the SonarScanner for .NET 12.1.0 was changed since SonarPrepare verified it: {} does not belong to the package.",
        planted.display()
    );
    assert!(step.sole_error().starts_with(&error), "{}", step.sole_error());
    assert_eq!(commands(&scenario), [""; 0], "it was not run");
    let step = prepare(&mut scenario, &[]);
    step.says("Planted.dll does not belong to the package");
    assert!(step.sole_error().contains("the feed does not have this version"), "{}", step.sole_error());
    configure(&scenario, &nuget_config(&sdk.feed));
    prepare(&mut scenario, &[]).succeeded().warns("is replaced, because its files were changed");
    assert!(!planted.exists());
}

#[test]
fn an_older_server_gets_an_older_dotnet_scanner_from_a_named_feed() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "10.7.0.96327");
    without_feed(&scenario);
    let step = prepare(&mut scenario, &[("nugetSource", sdk.feed.to_str().unwrap())]);
    step.succeeded()
        .says("SonarScanner for .NET 11.3.0, the version for SonarQube Community Build 10.7.0.96327");
    // A configured name, and what is in no feed.
    let named = format!(
        "<configuration><packageSources><clear/><add key=\"dead\" value=\"/nowhere\"/>\
         <add key=\"my feed\" value=\"{}\"/></packageSources></configuration>",
        sdk.feed.display()
    );
    configure(&scenario, &named);
    let inputs = [("nugetSource", "My Feed"), ("dotnetScannerVersion", "11.2.1.137242")];
    let error = prepare(&mut scenario, &inputs).sole_error().replace(sdk.feed.to_str().unwrap(), "<feed>");
    insta::assert_snapshot!(error, @"the SonarScanner for .NET 11.2.1 could not be installed, because the feed does not have this version: Version 11.2.1 of package dotnet-sonarscanner is not found in NuGet feeds <feed>. Add the version to that feed, set nugetSource to a feed that has it, or set dotnetScannerVersion to a version that the feed has.");
    // Nobody listens there.
    let inputs = [("nugetSource", "http://127.0.0.1:9/index.json"), ("dotnetScannerVersion", "11.2.1")];
    insta::assert_snapshot!(prepare(&mut scenario, &inputs).sole_error(), @"the SonarScanner for .NET 11.2.1 could not be installed, because a NuGet feed could not be reached: Unable to load the service index for source http://127.0.0.1:9/index.json. Set nugetSource to a feed that this agent can reach (a URL, a folder, or the name of a configured feed). If there is a proxy, configure it for the agent.");
    commands(&scenario);
    // Refused before anything is asked for.
    let step = prepare(&mut scenario, &[("dotnetScannerVersion", "12.1.0")]);
    assert!(
        step.sole_error()
            .starts_with("the SonarScanner for .NET 12.1.0 does not work with SonarQube Community Build")
    );
    assert_eq!(commands(&scenario), ["--list-sdks"]);
    let left: Vec<_> =
        std::fs::read_dir(scenario.job.path("tools/dotnet-sonarscanner/11.2.1")).unwrap().collect();
    assert_eq!(left.len(), 1, "the lock alone: {left:?}");
}

#[test]
fn a_package_that_is_not_from_sonarsource_is_refused() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "10.7.0.96327");
    let feed = |name: &str| scenario.job.path(name);
    let (all, planted) = (|_: &str| true, [("tools/netcoreapp3.1/any/Planted.dll", "x")]);
    let old_planted = [("tools/netcoreapp3.0/any/Planted.dll", "x")];
    let unsigned = |name: &str| name != ".signature.p7s";
    let known = changed_feed(&sdk, &feed("known"), ("11.3.0", "11.3.0"), all, &planted);
    let altered = changed_feed(&sdk, &feed("altered"), ("4.10.0", "4.10.0"), all, &old_planted);
    let not_signed = changed_feed(&sdk, &feed("unsigned"), ("4.10.0", "4.10.0"), unsigned, &[]);
    for (feed, version, why) in [
        (&known, "11.3.0", "is not the package that SonarSource published: its SHA-512 is "),
        (&altered, "4.10.0", "the signature of its package is not valid.\nNU3008"),
        (&not_signed, "4.10.0", "the signature of its package is not valid.\nNU3004"),
    ] {
        let step = prepare(&mut scenario, &[("nugetSource", feed), ("dotnetScannerVersion", version)]);
        assert!(step.sole_error().contains(why), "{}", step.sole_error());
        assert!(step.sole_error().contains("dotnetScannerSha256"), "{}", step.sole_error());
        assert!(!cached(&scenario, version).0.exists());
    }
    // The user's word counts for more than what is known, and holds the package to it.
    let sha256 = sha256_of(&Path::new(&not_signed).join("dotnet-sonarscanner.4.10.0.nupkg"));
    let mut inputs = vec![
        ("nugetSource", not_signed.as_str()),
        ("dotnetScannerVersion", "4.10.0"),
        ("dotnetScannerSha256", &sha256),
    ];
    prepare(&mut scenario, &inputs).succeeded();
    let other = "0".repeat(64);
    inputs[2].1 = &other;
    let step = prepare(&mut scenario, &inputs);
    assert!(step.sole_error().contains(&format!("has the SHA-256 {sha256}, but {other} was expected")));
    // Another version under this one's name.
    let wrong = changed_feed(&sdk, &scenario.job.path("wrong"), ("12.1.0", "11.2.0"), all, &[]);
    let step = prepare(&mut scenario, &[("nugetSource", &wrong), ("dotnetScannerVersion", "11.2.0")]);
    assert!(step.sole_error().contains("11.2.0"), "{}", step.sole_error());
    assert!(!cached(&scenario, "11.2.0").0.exists());
}

#[test]
fn an_installed_dotnet_tool_is_used_if_it_is_genuine_and_suits_the_server() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "26.9.0.129388");
    prepare(&mut scenario, &[]).succeeded();
    let tools = scenario.job.path("home/.dotnet/tools");
    copy(&cached(&scenario, "12.1.0").0, &tools);
    std::fs::remove_dir_all(scenario.job.path("tools")).unwrap();
    without_feed(&scenario);
    let line = "SonarScanner for .NET 12.1.0: the tool installed on this agent, because it works with";
    prepare(&mut scenario, &[]).succeeded().says(line);
    let store = tools.join(".store/dotnet-sonarscanner/12.1.0/dotnet-sonarscanner/12.1.0");
    assert!(commands(&scenario).last().unwrap().starts_with(&store.display().to_string()));
    // Another one is needed: the installed one gives way without an error.
    scenario.sonarqube.change(|model| model.version = "10.7.0.96327".into());
    configure(&scenario, &nuget_config(&sdk.feed));
    prepare(&mut scenario, &[])
        .succeeded()
        .says("SonarScanner for .NET 11.3.0, the version for SonarQube Community Build 10.7.0.96327; the installed 12.1.0 does not");
    // Something was planted beside it.
    scenario.sonarqube.change(|model| model.version = "26.9.0.129388".into());
    std::fs::write(store.join("tools/netcoreapp3.1/any/Planted.dll"), "").unwrap();
    prepare(&mut scenario, &[])
        .succeeded()
        .says("the installed 12.1.0 is not used, because")
        .says("Planted.dll does not belong to the package");
    let (_, cache) = cached(&scenario, "12.1.0");
    assert!(commands(&scenario).last().unwrap().starts_with(&cache.display().to_string()));
}

#[test]
fn the_dotnet_scanner_installs_without_a_home_folder() {
    let Some(sdk) = sdk() else { return };
    for home in ["", "/nowhere/home"] {
        let mut scenario = scenario(&sdk, "26.9.0.129388");
        scenario.job.set("HOME", home);
        // NuGet changes its mode where it finds no home.
        let temporary = scenario.job.path("tmp");
        std::fs::create_dir(&temporary).unwrap();
        std::fs::set_permissions(&temporary, std::fs::Permissions::from_mode(0o1777)).unwrap();
        scenario.job.set("TMPDIR", &temporary.display().to_string());
        let inputs = [("nugetSource", sdk.feed.to_str().unwrap())];
        let step = prepare(&mut scenario, &inputs);
        step.succeeded();
        assert_eq!(temporary.metadata().unwrap().permissions().mode() & 0o7777, 0o1777);
        assert!(!step.transcript().contains("Welcome to .NET"));
        let home = format!("DOTNET_CLI_HOME={}", scenario.job.temp().join("dotnet-home").display());
        let environment = std::fs::read_to_string(scenario.job.path("sdk/environment")).unwrap();
        assert!(environment.lines().any(|line| line == home), "{environment}");
    }
}

#[test]
fn three_simultaneous_installs_and_a_killed_one_leave_one_whole_tool() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "26.9.0.129388");
    let connection = scenario.connection.clone();
    let mut inputs = INPUTS.to_vec();
    let engine = scenario.engine("");
    inputs.extend([("SonarQube", connection.as_str()), ("extraProperties", &engine)]);
    let mut killed = scenario.job.begin(Task::Prepare, &inputs);
    killed.await_line("Installing dotnet-sonarscanner 12.1.0");
    // Its command is noted before it is killed, so that it is not counted below.
    let noted = scenario.job.path("sdk/commands");
    let is_noted = || std::fs::read_to_string(&noted).is_ok_and(|text| text.contains("tool install "));
    let began = Instant::now();
    while !is_noted() && began.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.signal(Signal::KILL);
    killed.finish();
    let (folder, _) = cached(&scenario, "12.1.0");
    let marker = folder.with_file_name(format!("{}.complete", arch()));
    assert!(!marker.exists());
    commands(&scenario);
    let running: Vec<_> = (0..3).map(|_| scenario.job.begin(Task::Prepare, &inputs)).collect();
    for step in running {
        step.finish().succeeded();
    }
    assert_eq!(installs(&commands(&scenario)), 1);
    assert!(marker.exists());
    without_feed(&scenario);
    prepare(&mut scenario, &[]).succeeded();
}

#[test]
fn a_dotnet_scanner_whose_runtime_is_missing_is_an_error() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "10.7.0.96327");
    scenario.job.set("PATH", &format!("{}:/usr/bin:/bin", sdk.root.display()));
    // SonarSource did not sign packages then.
    let mut inputs = vec![("dotnetScannerVersion", "4.10.0")];
    let step = prepare(&mut scenario, &inputs);
    assert!(
        step.sole_error().contains("SonarSource has not signed its package as the author"),
        "{}",
        step.sole_error()
    );
    let sha256 = sha256_of(&sdk.feed.join("dotnet-sonarscanner.4.10.0.nupkg"));
    inputs.push(("dotnetScannerSha256", &sha256));
    let step = prepare(&mut scenario, &inputs);
    insta::assert_snapshot!(step.sole_error(), @"the SonarScanner for .NET could not begin: this agent lacks the version of .NET that this SonarScanner for .NET needs ('Microsoft.NETCore.App', version '3.0.0' (x64)). Install that runtime before SonarPrepare, for example with the task UseDotNet@2, or use a newer version of the scanner.");
}

/// By a stand-in for `dotnet`, because all signed packages of the feed are known by their hashes.
#[test]
fn an_unknown_dotnet_scanner_version_needs_the_authors_signature() {
    let mut scenario = Scenario::new();
    let folder = scenario.job.path("sdk");
    let noted = folder.display();
    std::fs::create_dir(&folder).unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$*\" >>'{noted}/commands'\n[ \"$1\" != nuget ] || exec cat '{noted}/answer'\n"
    );
    program(&folder.join("dotnet"), &script);
    scenario.job.set("PATH", &format!("{noted}:/usr/bin:/bin"));
    let store = "home/.dotnet/tools/.store/dotnet-sonarscanner/13.0.0/dotnet-sonarscanner/13.0.0";
    let store = scenario.job.path(store);
    std::fs::create_dir_all(store.join(DLL).parent().unwrap()).unwrap();
    std::fs::write(store.join(DLL), "").unwrap();
    let file = store.join("dotnet-sonarscanner.13.0.0.nupkg");
    let mut package = zip::ZipWriter::new(File::create(&file).unwrap());
    let manifest =
        "<package><metadata><id>dotnet-sonarscanner</id><version>13.0.0</version></metadata></package>";
    for (name, content) in [("dotnet-sonarscanner.nuspec", manifest), (DLL, "")] {
        package.start_file(name, SimpleFileOptions::default()).unwrap();
        package.write_all(content.as_bytes()).unwrap();
    }
    package.finish().unwrap();

    let mut answer = |author: &str| {
        let text = format!("Signature type: Author\n  Subject Name: {author}\n  SHA256 hash: 404ADA62\n");
        std::fs::write(folder.join("answer"), text).unwrap();
        prepare(&mut scenario, &[])
    };
    let signed = answer("CN=SonarSource SA, O=SonarSource SA, L=Vernier, S=Gen\u{e8}ve, C=CH");
    signed.succeeded().says("SonarScanner for .NET 13.0.0: the tool installed on this agent");
    let other = answer("CN=Contoso, O=Contoso");
    assert!(other.sole_error().starts_with("the dotnet in PATH is a runtime without an SDK"));
    let told = commands(&scenario);
    let verified = told.iter().filter(|command| command.starts_with("nuget verify --all ")).count();
    assert_eq!(verified, 2, "{told:?}");
    assert!(told.iter().any(|command| command.contains("SonarScanner.MSBuild.dll begin")), "{told:?}");
}

/// Feed and server have certificates of an authority that the agent alone was told of, and lie behind its proxy, which wants
/// a password.
#[test]
fn the_nuget_feed_is_reached_by_the_agents_proxy_and_certificate_authority() {
    let Some(sdk) = sdk() else { return };
    let mut scenario = scenario(&sdk, "26.9.0.129388");
    let feed = NugetFeed::of_scanner(&sdk, "12.1.0");
    let password = "b4ck-d00r p@ss:w%rd";
    let proxy = ForwardProxy::start("agent", password);
    let authority = scenario.job.path("ca.pem");
    std::fs::write(&authority, &feed.tls.authority).unwrap();
    scenario.job.set("Agent.CAInfo", authority.to_str().unwrap());
    scenario.job.set("Agent.ProxyUrl", &proxy.url);
    scenario.job.set("Agent.ProxyUsername", "agent");
    scenario.job.set_secret("Agent.ProxyPassword", password);
    scenario.job.watch_for(password);
    prepare(&mut scenario, &[("nugetSource", &feed.source())]).succeeded();
    assert!(feed.was_asked_through(&proxy.passed()), "{:#?}", proxy.passed());
    // So does the scanner, unless the agent's list says that the server is reached directly.
    let environment = std::fs::read_to_string(scenario.job.path("sdk/environment")).unwrap();
    let value = |name: &str| environment.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
    let host = proxy.url.trim_start_matches("http://");
    assert!(
        value("https_proxy").is_some_and(|url| url.trim_end_matches('/').ends_with(host)),
        "{environment}"
    );
    assert_eq!(value("SSL_CERT_FILE"), authority.to_str());
    scenario.job.set("Agent.ProxyBypassList", r#"["127\\.0\\.0\\.1"]"#);
    prepare(&mut scenario, &[]).succeeded();
    let environment = std::fs::read_to_string(scenario.job.path("sdk/environment")).unwrap();
    assert!(!environment.to_lowercase().contains("_proxy="), "{environment}");
}
