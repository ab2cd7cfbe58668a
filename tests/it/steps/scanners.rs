//! Which scanner runs, with which Java, and how. The programs are scripts.

use crate::fake_agent::TaskResult;
use crate::fake_sonarqube::{SonarQube, TOKEN, json_answer};
use crate::scenario::{Scenario, program};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn server(version: &str) -> Scenario {
    let sonarqube = SonarQube::start();
    sonarqube.change(|model| model.version = version.into());
    Scenario::with(sonarqube)
}

/// An archive with one file; its hash.
pub(super) fn archive(path: &Path, name: &str, content: &[u8]) -> String {
    let mut zip = zip::ZipWriter::new(File::create(path).unwrap());
    zip.start_file(name, zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
    let hash = Sha256::digest(std::fs::read(path).unwrap());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Extra properties by which `java` runs the script `body`, after it noted what it was given.
pub(super) fn java(scenario: &Scenario, body: &str) -> String {
    let extra = scenario.engine(body);
    extra.lines().find(|line| line.contains("javaExePath")).unwrap().to_owned()
}

/// Leaves the report of task `AZ-1` where a CLI is told to.
pub(super) fn report(scenario: &Scenario) -> String {
    let find = r#"report=$(env | sed -n 's/.*"sonar.scanner.metadataFilePath":"\([^"]*\)".*/\1/p')"#;
    format!("{find}\n{}\n", scenario.report("1", "shop"))
}

#[test]
fn an_older_server_is_analysed_by_the_cli_from_an_offline_archive() {
    let mut scenario = server("9.9.8.100196");
    let tools = scenario.job.path("tools dir");
    scenario.job.set("Agent.ToolsDirectory", tools.to_str().unwrap());
    scenario.job.set("SONAR_SCANNER_OPTS", "-Xmx512m");
    scenario.job.set("SONAR_SCANNER_JAVA_OPTS", "-Xss2m");
    let zip = scenario.job.path("cli.zip");
    let sha256 = archive(&zip, "sonar-scanner-4.7.0.2747/lib/sonar-scanner-cli-4.7.0.2747.jar", b"");
    let body = [
        "echo 'INFO: SonarScanner 4.7.0.2747'\necho 'WARN: Missing blame information'\n",
        "echo 'ERROR: One file could not be parsed' >&2\n",
        &report(&scenario),
    ];
    let extra = java(&scenario, &body.concat());
    let inputs = [
        ("extraProperties", extra.as_str()),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("cliScannerSha256", &sha256),
    ];
    scenario.prepare(&inputs).succeeded().says("SonarAnalyze will run SonarScanner CLI 4.7.0.2747");
    let step = scenario.analyze();
    step.ended(TaskResult::Succeeded).says("SonarScanner 4.7.0.2747");
    assert_eq!(step.warnings, ["Missing blame information"]);
    assert_eq!(step.errors, ["One file could not be parsed"]);

    let home = tools.join("sonar-scanner-cli/4.7.0.2747/x64/sonar-scanner-4.7.0.2747");
    let home = if cfg!(target_arch = "aarch64") {
        tools.join("sonar-scanner-cli/4.7.0.2747/arm64/sonar-scanner-4.7.0.2747")
    } else {
        home
    };
    let sources = scenario.job.sources().display().to_string();
    assert_eq!(
        scenario.noted("arguments").lines().collect::<Vec<_>>(),
        [
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx512m",
            "-Xss2m",
            "-Djava.awt.headless=true",
            "-classpath",
            &format!("{}/lib/sonar-scanner-cli-4.7.0.2747.jar", home.display()),
            &format!("-Dscanner.home={}", home.display()),
            &format!("-Dproject.home={sources}"),
            &format!("-Dproject.settings={}", scenario.records()[0].join("no-settings.properties").display()),
            "org.sonarsource.scanner.cli.Main",
        ]
    );
    let environment = scenario.noted("environment");
    let parameters =
        environment.lines().find_map(|line| line.strip_prefix("SONARQUBE_SCANNER_PARAMS=")).unwrap();
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
    assert_eq!(parameters["sonar.login"], TOKEN);
    assert_eq!(parameters["sonar.projectKey"], "shop");
    assert_eq!(parameters["sonar.projectBaseDir"], sources.as_str());
    assert_eq!(environment.matches(TOKEN).count(), 1, "{environment}");

    // From the tool cache now: the archive is gone.
    std::fs::remove_file(&zip).unwrap();
    scenario.prepare(&inputs).succeeded();
    scenario.analyze().ended(TaskResult::Succeeded).says("from the agent's tool cache");
}

#[test]
fn a_pinned_cli_gets_the_token_by_environment_and_asks_no_other_server() {
    let mut scenario = server("26.9.0.129388");
    for name in
        ["SONAR_HOST_URL", "SONAR_SCANNER_API_BASE_URL", "SONAR_SCANNER_SONARCLOUD_URL", "SONAR_SCANNER_X"]
    {
        scenario.job.set(name, "http://elsewhere.example");
    }
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    let zip = scenario.job.path("sonar-scanner-cli-8.1.0.6389.zip");
    let sha256 = archive(&zip, "x/lib/sonar-scanner-cli-8.1.0.6389.jar", b"");
    let extra = java(&scenario, "echo '12:34:56.789 ERROR Invalid value of sonar.sources' >&2\nexit 1");
    let folder = format!("file://{}", zip.parent().unwrap().display());
    let step = scenario.prepare(&[
        ("extraProperties", &extra),
        ("cliVersion", "8.1.0.6389"),
        ("scannerDownloadUrl", &folder),
        ("cliScannerSha256", &sha256),
    ]);
    step.succeeded();
    insta::assert_snapshot!(scenario.analyze().sole_error(), @"the analysis failed: Invalid value of sonar.sources");
    let environment = scenario.noted("environment");
    assert_eq!(environment.matches(TOKEN).count(), 1, "{environment}");
    let parameters =
        environment.lines().find_map(|line| line.strip_prefix("SONAR_SCANNER_JSON_PARAMS=")).unwrap();
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
    assert_eq!(parameters["sonar.token"], TOKEN);
    assert_eq!(parameters["sonar.projectKey"], "shop");
    assert_eq!(parameters["sonar.host.url"], scenario.sonarqube.url());
    // All of these are worth more than those parameters; what may count of them is among them.
    assert_eq!(parameters["sonar.scanner.x"], "http://elsewhere.example");
    let others = |line: &&str| line.starts_with("SONAR_") && line.ends_with("=http://elsewhere.example");
    assert_eq!(environment.lines().find(others), None);
    assert!(!scenario.noted("arguments").contains(TOKEN));
}

#[test]
fn a_pinned_cli_runs_on_a_java_that_is_new_enough() {
    let mut scenario = server("26.9.0.129388");
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    let zip = scenario.job.path("sonar-scanner-cli-8.1.0.6389.zip");
    let sha256 = archive(&zip, "x/lib/sonar-scanner-cli-8.1.0.6389.jar", b"");
    scenario.engine(&report(&scenario));
    let processor = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
    for version in ["17.0.1", "21.0.2"] {
        let home = jdk(&scenario, version);
        scenario.job.set(&format!("JAVA_HOME_{}_{processor}", &version[..2]), &home);
    }
    scenario.job.set("SONAR_SCANNER_OPTS", "-Xmx300m");
    scenario.job.set("SONAR_SCANNER_JAVA_OPTS", "-Xmx700m");
    let inputs = [
        ("cliVersion", "8.1.0.6389"),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("cliScannerSha256", &sha256),
    ];
    scenario.prepare(&inputs).succeeded();
    let named = format!("JAVA_HOME_17_{processor}");
    let step = scenario.analyze_with(&[("jdkversion", &named)]);
    step.ended(TaskResult::Succeeded)
        .warns(&format!("jdkversion is {named}, which is Java 17.0.1, but this analysis needs Java 21"))
        .says("Using Java 21.0.2, the oldest on the agent that is new enough");

    let (arguments, environment) = (scenario.noted("arguments"), scenario.noted("environment"));
    assert!(arguments.starts_with("-Xmx300m\n-Djava.awt"), "the CLI's own: {arguments}");
    let parameters =
        environment.lines().find_map(|line| line.strip_prefix("SONAR_SCANNER_JSON_PARAMS=")).unwrap();
    let parameters: serde_json::Value = serde_json::from_str(parameters).unwrap();
    let options = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx700m";
    assert_eq!(parameters["sonar.scanner.javaOpts"], options);
    let java = scenario.job.path("jdk-21.0.2/bin/java");
    assert_eq!(parameters["sonar.scanner.javaExePath"], java.to_str().unwrap());
    assert!(!environment.contains("SONAR_SCANNER_JAVA_OPTS"), "the CLI would prefer it: {environment}");
}

#[test]
fn the_cli_gets_the_merged_settings_and_reads_no_file() {
    let mut scenario = server("9.9.8.100196");
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    let zip = scenario.job.path("cli.zip");
    let sha256 = archive(&zip, "x/lib/sonar-scanner-cli-4.7.0.2747.jar", b"");
    scenario.job.write("sonar-project.properties", "sonar.exclusions=**\n");
    scenario.job.write("ci/my.properties", "sonar.projectKey=shop\nsonar.links.ci=here\n");
    let extra = java(&scenario, &report(&scenario));
    let inputs = [
        ("configMode", "file"),
        ("configFile", "ci/my.properties"),
        ("extraProperties", extra.as_str()),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("cliScannerSha256", &sha256),
    ];
    scenario.prepare(&inputs).succeeded();
    scenario.analyze().ended(TaskResult::Succeeded);
    let file = scenario.records()[0].join("no-settings.properties");
    let option = format!("-Dproject.settings={}", file.display());
    assert!(scenario.noted("arguments").lines().any(|line| line == option));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "");
    let environment = scenario.noted("environment");
    assert!(environment.contains(r#""sonar.links.ci":"here""#) && !environment.contains("sonar.exclusions"));
}

#[test]
fn credentials_of_a_mirror_are_not_logged() {
    let mut scenario = server("9.9.8.100196");
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    scenario.job.set("System.Debug", "true");
    // No file does either.
    scenario.job.watch_for("hush-1");
    scenario.job.watch_for("hush-2");
    let zip = scenario.job.path("cli.zip");
    let sha256 = archive(&zip, "x/lib/sonar-scanner-cli-4.7.0.2747.jar", b"");
    let extra = java(&scenario, &report(&scenario));
    let mirror = format!("{}/mirror/?key=hush-1", scenario.sonarqube.url().replace("//", "//joe:hush-2@"));
    let inputs =
        [("extraProperties", extra.as_str()), ("scannerDownloadUrl", &mirror), ("cliScannerSha256", &sha256)];
    let path = "/mirror/sonar-scanner-cli-4.7.0.2747.zip";
    let answer = |bytes: &[u8]| wiremock::ResponseTemplate::new(200).set_body_bytes(bytes);
    let whole = answer(&std::fs::read(&zip).unwrap());
    // What a proxy spoilt is fetched once more.
    scenario.sonarqube.script(path, [answer(b"another"), whole]);
    let prepare = scenario.prepare(&inputs);
    prepare.succeeded();
    let analyze = scenario.analyze();
    analyze.ended(TaskResult::Succeeded).says("Asking the server again");
    assert!(!scenario.noted("environment").contains("hush-"));
    assert_eq!(scenario.sonarqube.times_asked(path), 2);
    assert!(!format!("{}{}", prepare.transcript(), analyze.transcript()).contains("hush-"));

    std::fs::remove_dir_all(scenario.job.path("tools")).unwrap();
    scenario.sonarqube.script(path, [answer(b"another"), answer(b"another")]);
    let wrong = "0".repeat(64);
    let inputs = [inputs[0], inputs[1], ("cliScannerSha256", wrong.as_str())];
    scenario.prepare(&inputs).succeeded();
    let error = scenario.analyze().sole_error().to_owned();
    assert!(error.contains("is damaged: its SHA-256 is ") && error.contains("cliScannerSha256"), "{error}");
    assert_eq!(scenario.sonarqube.times_asked(path), 4);
}

#[test]
fn a_cli_without_a_known_hash_is_refused_before_the_build() {
    let mut scenario = server("9.9.8.100196");
    let step = scenario.prepare(&[("cliScannerVersion", "4.8.1.3023")]);
    insta::assert_snapshot!(step.sole_error(), @"the SHA-256 of SonarScanner CLI 4.8.1.3023 is not known. Set cliScannerSha256 to the SHA-256 of the archive, or set cliScannerVersion to one of: 4.7.0.2747, 5.0.1.3006, 6.2.1.4610, 7.0.2.4839, 7.1.0.4889, 7.2.0.5079, 7.3.0.5189, 8.0.1.6346, 8.1.0.6389.");
}

/// A folder like a JDK's, whose `java` is the one of [`Scenario::engine`].
fn jdk(scenario: &Scenario, version: &str) -> String {
    let home = scenario.job.path(&format!("jdk-{version}"));
    std::fs::create_dir_all(home.join("bin")).unwrap();
    std::fs::write(home.join("release"), format!("JAVA_VERSION=\"{version}\"\n")).unwrap();
    let java = home.join("bin/java");
    program(&java, &std::fs::read_to_string(scenario.job.path("engine/java")).unwrap());
    home.to_str().unwrap().to_owned()
}

/// An engine that needs Java 21, by a class beside its main class.
fn engine_of_java_21(path: &Path) {
    let mut jar = zip::ZipWriter::new(File::create(path).unwrap());
    let class = |major: u8| [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, major];
    for (name, content) in [
        ("META-INF/MANIFEST.MF", b"Main-Class: org.Main\r\n".as_slice()),
        ("org/Main.class", &class(61)),
        ("org/Work.class", &class(65)),
    ] {
        jar.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        jar.write_all(content).unwrap();
    }
    jar.finish().unwrap();
}

#[test]
fn a_java_too_old_for_the_engine_is_replaced_with_a_warning() {
    let mut scenario = Scenario::new();
    let extra = scenario.engine("");
    let jar = extra.lines().find(|line| line.contains("engineJarPath")).unwrap().to_owned();
    engine_of_java_21(Path::new(jar.split_once('=').unwrap().1));
    let processor = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };
    for version in ["17.0.1", "21.0.2", "25.0.3"] {
        let home = jdk(&scenario, version);
        scenario.job.set(&format!("JAVA_HOME_{}_{processor}", &version[..2]), &home);
    }
    let named = format!("JAVA_HOME_17_{processor}");
    scenario.prepare(&[("extraProperties", &jar)]).succeeded();
    let step = scenario.analyze_with(&[("jdkversion", &named)]);
    step.succeeded()
        .warns(&format!("jdkversion is {named}, which is Java 17.0.1, but this analysis needs Java 21"))
        .says("Using Java 21.0.2, the oldest on the agent that is new enough");

    scenario.prepare(&[("extraProperties", &jar)]).succeeded();
    let step = scenario.analyze_with(&[("jdkversion", &named), ("jdkVersionStrict", "true")]);
    let error = step.sole_error();
    assert!(
        error.contains(&format!("This agent has {named} (17.0.1), JAVA_HOME_21_{processor} (21.0.2)")),
        "{error}"
    );

    scenario.prepare(&[("extraProperties", &jar)]).succeeded();
    let step = scenario.analyze_with(&[("jdkversion", &format!("JAVA_HOME_25_{processor}"))]);
    step.succeeded().says(&format!("Using Java 25.0.3, set by jdkversion (JAVA_HOME_25_{processor})"));
}

#[test]
fn the_agents_java_is_used_if_the_server_has_none() {
    // None, and one that it has never heard of, in the words of 26.9.
    let unheard =
        json!({ "message": "Unsupported architecture: 'armv7l'. Supported values are 'x64, aarch64'" });
    for (arch, answer) in [
        ("aarch64", json_answer(&json!([]))),
        ("armv7l", wiremock::ResponseTemplate::new(400).set_body_json(unheard)),
    ] {
        let mut scenario = Scenario::new();
        let extra = scenario.engine("");
        let jar = extra.lines().find(|line| line.contains("engineJarPath")).unwrap();
        let home = jdk(&scenario, "21.0.2");
        scenario.job.set("JAVA_HOME", &home);
        scenario.sonarqube.script("/api/v2/analysis/jres", [answer]);
        let extra = format!("{jar}\nsonar.scanner.os=alpine\nsonar.scanner.arch={arch}");
        scenario.prepare(&[("extraProperties", &extra)]).succeeded();
        let step = scenario.analyze();
        step.succeeded()
            .says(&format!("The server offers no Java runtime for alpine {arch}"))
            .says("Using Java 21.0.2, set by JAVA_HOME");
    }
}

#[test]
fn the_build_wrapper_is_put_on_the_path() {
    let mut scenario = Scenario::new();
    let zip = scenario.job.path("wrapper.zip");
    let name = if cfg!(target_arch = "aarch64") { "linux-aarch64" } else { "linux-x86" };
    archive(&zip, &format!("build-wrapper-{name}/build-wrapper-{name}-64"), b"#!/bin/sh\n");
    let answer = wiremock::ResponseTemplate::new(200).set_body_bytes(std::fs::read(zip).unwrap());
    scenario.sonarqube.script(&format!("/static/cpp/build-wrapper-{name}.zip"), [answer]);
    let step = scenario.prepare(&[("buildWrapper", "true")]);
    step.succeeded()
        .says(&format!("Build with: build-wrapper-{name}-64 --out-dir bw-output <build command>"));
    let folder = scenario.records()[0].join(format!("build-wrapper/build-wrapper-{name}"));
    let mode =
        std::fs::metadata(folder.join(format!("build-wrapper-{name}-64"))).unwrap().permissions().mode();
    assert_eq!(mode & 0o700, 0o700);
    let paths = step.commands.iter().filter(|command| command.is("task.prependpath"));
    assert_eq!(paths.map(|command| command.data.as_str()).collect::<Vec<_>>(), [folder.to_str().unwrap()]);
    let properties = &scenario.record(0, "prepared.json")["properties"];
    assert_eq!(properties["sonar.cfamily.compile-commands"], "bw-output/compile_commands.json");
}

#[test]
fn a_server_without_build_wrapper_is_an_error() {
    let mut scenario = Scenario::new();
    let step = scenario.prepare(&[("buildWrapper", "true")]);
    let error = step.sole_error();
    assert!(error.contains("could not be downloaded: http://"), "{error}");
    assert!(
        error.contains("Community Build does not include it. Remove the input buildWrapper: servers"),
        "{error}"
    );
}

#[test]
fn reports_left_by_the_build_are_imported() {
    let mut scenario = Scenario::new();
    scenario.job.write("src/main.py", "");
    scenario.job.write("fixtures/lcov.info", "SF:src/main.js\n");
    let engine = scenario.engine("");
    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    let cobertura = |file: &str| format!("<coverage line-rate=\"1\"><class filename=\"{file}\"/></coverage>");
    let report = scenario.job.write("out/coverage.xml", &cobertura("shop/src/main.py"));
    // Clocks of file systems tick slowly.
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(1);
    File::options().write(true).open(report).unwrap().set_modified(later).unwrap();
    let step = scenario.analyze();
    let sources = scenario.job.sources().display().to_string();
    step.succeeded().warns(&format!(
        "The report names shop/src/main.py; the analysis has src/main.py. They would match with {sources}/ instead of shop/."
    ));
    step.says("Reports left out, because they are older than the end of SonarPrepare: fixtures/lcov.info");
    let properties = scenario.engine_properties();
    let value = |key: &str| properties.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    assert_eq!(value("sonar.python.coverage.reportPaths"), None, "the engine would make an error of it");
    assert_eq!(value("sonar.javascript.lcov.reportPaths"), None, "it was there before the build");

    scenario.prepare(&[("extraProperties", &engine)]).succeeded();
    std::fs::remove_file(scenario.job.sources().join("out/coverage.xml")).unwrap();
    let report = scenario.job.temp().join("coverage.xml");
    std::fs::write(&report, cobertura("src/main.py")).unwrap();
    let step = scenario.analyze();
    assert_eq!(step.succeeded().warnings, [""; 0]);
    step.says(&format!("Found Cobertura coverage: {}", report.display()));
}

/// Installs a recording stand-in for the SonarScanner for .NET, as the packages of tools in the user's home, one for each range
/// of servers, and for the `dotnet` that runs it: it runs `body` after it noted what it was given. Returns the SHA-256 of
/// each package.
pub(super) fn dotnet_scanner(scenario: &mut Scenario, body: &str) -> String {
    let folder = scenario.job.path("dotnet tools");
    std::fs::create_dir_all(&folder).unwrap();
    let noted = folder.display();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" != --list-sdks ] || exit 0\nshift\nrun=$(basename \"$1\")\n\
         printf '%s\\n' \"$@\" >'{noted}/'\"$run\".arguments\nenv >'{noted}/'\"$run\".environment\n{body}\n"
    );
    program(&folder.join("dotnet"), &script);
    let path = format!("{noted}:/usr/bin:/bin");
    scenario.job.set("PATH", &path);
    let dll = "tools/netcoreapp3.1/any/SonarScanner.MSBuild.dll";
    let hashes = ["10.4.1", "11.3.0", "12.1.0"].map(|version| {
        let store = format!(".store/dotnet-sonarscanner/{version}/dotnet-sonarscanner/{version}");
        let store = scenario.job.path("home/.dotnet/tools").join(store);
        std::fs::create_dir_all(store.join(dll).parent().unwrap()).unwrap();
        std::fs::write(store.join(dll), "").unwrap();
        archive(&store.join(format!("dotnet-sonarscanner.{version}.nupkg")), dll, b"")
    });
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    hashes[0].clone()
}

pub(super) fn of_dotnet(scenario: &Scenario, file: &str) -> String {
    std::fs::read_to_string(scenario.job.path("dotnet tools").join(file)).unwrap()
}

pub(super) const DOTNET: [(&str, &str); 4] = [
    ("scannerMode", "dotnet"),
    ("projectKey", "shop"),
    ("projectName", "The \"Shop\"; new\\"),
    ("projectVersion", "1.0"),
];

#[test]
fn a_failed_dotnet_begin_or_end_fails_its_step() {
    let mut scenario = Scenario::new();
    let engine = scenario.engine("");
    let mut inputs = DOTNET.to_vec();
    let sha256 = dotnet_scanner(&mut scenario, "echo 'ERROR: Invalid project key' >&2\nexit 1");
    inputs.extend([("extraProperties", engine.as_str()), ("dotnetScannerSha256", &sha256)]);
    let step = scenario.prepare_as(&inputs);
    insta::assert_snapshot!(step.sole_error(), @"the SonarScanner for .NET could not begin: Invalid project key");
    assert!(scenario.records().is_empty());

    dotnet_scanner(&mut scenario, "[ \"$1\" = begin ] || exit 1");
    scenario.prepare_as(&inputs).succeeded();
    insta::assert_snapshot!(scenario.analyze().sole_error(), @"the analysis failed: the SonarScanner for .NET ended with exit code 1 and gave no reason");
}

#[test]
fn a_missing_dotnet_sdk_says_what_to_do() {
    let mut scenario = Scenario::new();
    let nowhere = scenario.job.path("nowhere").display().to_string();
    scenario.job.set("PATH", &nowhere);
    insta::assert_snapshot!(scenario.prepare_as(&DOTNET).sole_error(), @"PATH holds no dotnet, which installs and runs the SonarScanner for .NET. Install the .NET SDK before SonarPrepare, for example with the task UseDotNet@2.");
    dotnet_scanner(&mut scenario, "");
    // SonarSource has not published this package, so the installed tool does not count.
    let step = scenario.prepare_as(&DOTNET);
    insta::assert_snapshot!(step.sole_error(), @"the dotnet in PATH is a runtime without an SDK, so it cannot install the SonarScanner for .NET. Install the .NET SDK before SonarPrepare, for example with the task UseDotNet@2; or set dotnetScannerVersion (all four numbers) and dotnetScannerSha256, and SonarSource's archive is run.");
    let mut inputs = DOTNET.to_vec();
    inputs.push(("msBuildVersion", "11"));
    insta::assert_snapshot!(scenario.prepare_as(&inputs).sole_error(), @r#"dotnetScannerVersion "11" is not a version number. Use three numbers, such as 12.1.0."#);
}

#[test]
fn the_dotnet_scanner_archive_is_run_by_dotnet() {
    let mut scenario = server("9.9.8.100196");
    dotnet_scanner(&mut scenario, "");
    scenario.job.set("Agent.ToolsDirectory", scenario.job.path("tools").to_str().unwrap());
    let zip = scenario.job.path("scanner.zip");
    let sha256 = archive(&zip, "SonarScanner.MSBuild.dll", b"");
    let mut inputs = DOTNET.to_vec();
    let java = java(&scenario, "");
    inputs.extend([
        ("dotnetScannerVersion", "10.4.1.124928"),
        ("dotnetScannerSha256", sha256.as_str()),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("extraProperties", &java),
    ]);
    scenario.prepare_as(&inputs).succeeded();
    let arguments = of_dotnet(&scenario, "begin.arguments");
    assert!(arguments.starts_with("begin\n"), "{arguments}");
    let record = scenario.record(0, "prepared.json");
    let dll = record["scanner"]["dotnet"]["tool"]["start"][1].as_str().unwrap();
    assert!(dll.ends_with("/10.4.1.124928/x64/scanner/SonarScanner.MSBuild.dll"), "{dll}");
    // The next job needs no archive, and sees whether its files are still those of the archive.
    std::fs::rename(&zip, scenario.job.path("away.zip")).unwrap();
    scenario.prepare_as(&inputs).succeeded();
    std::fs::write(dll, "planted").unwrap();
    let step = scenario.prepare_as(&inputs);
    assert!(
        step.says("SonarScanner.MSBuild.dll is not the file of the package")
            .sole_error()
            .contains("scanner.zip")
    );
    std::fs::rename(scenario.job.path("away.zip"), &zip).unwrap();
    scenario.prepare_as(&inputs).succeeded();
    assert_eq!(std::fs::read_to_string(dll).unwrap(), "");
    let wrong = "0".repeat(64);
    let mut others = inputs.clone();
    others[5] = ("dotnetScannerSha256", &wrong);
    std::fs::remove_dir_all(scenario.job.path("tools")).unwrap();
    let step = scenario.prepare_as(&others);
    assert!(step.sole_error().contains("or set dotnetScannerSha256 to"), "{}", step.transcript());
    // This server does not know sonar.token.
    let environment = of_dotnet(&scenario, "begin.environment");
    let url = scenario.sonarqube.url();
    let parameters =
        format!(r#"SONARQUBE_SCANNER_PARAMS={{"sonar.host.url":"{url}","sonar.login":"{TOKEN}"}}"#);
    assert!(environment.lines().any(|line| line == parameters), "{environment}");
    assert!(!arguments.contains(TOKEN));
}
