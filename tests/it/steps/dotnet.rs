//! Mode `dotnet`: what the scanner for .NET gets in `begin` and `end`. The scanner is a recording stand-in.

use super::scanners::{DOTNET, dotnet_scanner, of_dotnet};
use crate::fake_sonarqube::{SonarQube, TOKEN};
use crate::scenario::{Scenario, program};
use serde_json::{Value, json};
use std::path::Path;

/// Shell: the record's folder is where the settings file of the beginning is.
const RECORD: &str = r#"record=$(dirname "$(sed -n 's/^.s://p' "$(dirname "$0")/begin.arguments")")"#;

/// A job whose server and scanner are stand-ins; to the scanner's script `$1` is `begin` or `end`.
fn scenario(body: &str) -> Scenario {
    let mut scenario = Scenario::new();
    install(&mut scenario, body);
    scenario
}

/// Installs that script.
fn install(scenario: &mut Scenario, body: &str) {
    let sha256 = dotnet_scanner(scenario, body);
    scenario.job.set("standIn", &sha256);
}

/// Prepares it with these extra properties, beside a Java and an engine of the machine.
fn prepare(scenario: &mut Scenario, extra: &str) -> crate::fake_agent::Step {
    let extra = format!("{}\n{extra}", scenario.engine(""));
    let mut inputs = DOTNET.to_vec();
    inputs.extend([("extraProperties", extra.as_str()), ("dotnetScannerSha256", "$(standIn)")]);
    scenario.prepare_as(&inputs)
}

/// A variable of the scanner's own environment.
fn variable(scenario: &Scenario, run: &str, name: &str) -> Option<String> {
    let environment = of_dotnet(scenario, &format!("{run}.environment"));
    let found = environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    found.map(str::to_owned)
}

fn parameters(scenario: &Scenario, run: &str) -> Value {
    serde_json::from_str(&variable(scenario, run, "SONARQUBE_SCANNER_PARAMS").unwrap()).unwrap()
}

#[test]
fn dotnet_begin_and_end_get_the_token_in_their_own_environment_only() {
    let mut scenario = Scenario::new();
    let report = scenario.report("1", "shop");
    let body = format!(
        "{RECORD}\nreport=$record/report-task.txt\necho '12:34:56.789  WARNING: no test projects'\n\
         [ \"$1\" = begin ] || {report}"
    );
    install(&mut scenario, &body);
    let extra =
        "sonar.exclusions=**/<gen> & \"x\"/**\nsonar.cs.opencover.reportsPaths=\nsonar.my.password=hush-hush";
    let step = prepare(&mut scenario, extra);
    assert_eq!(step.succeeded().warnings, ["no test projects"]);
    let record = scenario.records()[0].clone();
    let settings = record.join("SonarQube.Analysis.xml");
    assert_eq!(
        of_dotnet(&scenario, "begin.arguments").lines().collect::<Vec<_>>(),
        ["begin", "/k:shop", "/n:The \"Shop\"; new\\", "/v:1.0", &format!("/s:{}", settings.display())]
    );
    let text = std::fs::read_to_string(&settings).unwrap();
    let tidy = text
        .replace(record.to_str().unwrap(), "<record>")
        .replace(scenario.job.path("").to_str().unwrap().trim_end_matches('/'), "<job>");
    insta::assert_snapshot!(tidy, @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <SonarQubeAnalysisProperties xmlns="http://www.sonarsource.com/msbuild/integration/2015/1">
      <Property Name="sonar.exclusions">**/&lt;gen&gt; &amp; &quot;x&quot;/**</Property>
      <Property Name="sonar.plugin.cache.directory"><record>/analyzers</Property>
      <Property Name="sonar.scanner.engineJarPath"><job>/engine/engine.jar</Property>
      <Property Name="sonar.scanner.javaExePath"><job>/engine/java</Property>
      <Property Name="sonar.scanner.metadataFilePath"><record>/report-task.txt</Property>
    </SonarQubeAnalysisProperties>
    "#);

    // Any step may change what lies there, and what the job's variables are.
    std::fs::write(&settings, "changed").unwrap();
    let uri = variable(&scenario, "begin", "BUILD_BUILDURI").unwrap();
    let sources = variable(&scenario, "begin", "BUILD_SOURCESDIRECTORY").unwrap();
    scenario.job.set("Build.BuildUri", "vstfs:///Build/Build/999");
    scenario.job.set("Build.SourcesDirectory", "/elsewhere");
    scenario.job.set("SONAR_SCANNER_OPTS", "-Xmx1g");
    let step = scenario.analyze();
    step.succeeded().says("set by sonar.scanner.javaExePath").says("Java options: ");
    assert_eq!(of_dotnet(&scenario, "end.arguments"), "end\n");
    assert_eq!(std::fs::read_to_string(&settings).unwrap(), text);
    assert_eq!(variable(&scenario, "end", "BUILD_BUILDURI"), Some(uri));
    assert_eq!(variable(&scenario, "end", "BUILD_SOURCESDIRECTORY"), Some(sources));
    let options = variable(&scenario, "end", "SONAR_SCANNER_OPTS").unwrap();
    assert!(options.contains(" -Xmx1g ") && options.contains("TieredStopAtLevel"), "{options}");
    for run in ["begin", "end"] {
        let expected = json!({
            "sonar.host.url": scenario.sonarqube.url(), "sonar.token": TOKEN, "sonar.my.password": "hush-hush",
            "sonar.cs.opencover.reportsPaths": "",
        });
        assert_eq!(parameters(&scenario, run), expected, "{run}");
        let environment = of_dotnet(&scenario, &format!("{run}.environment"));
        assert_eq!(environment.matches(TOKEN).count(), 1, "{environment}");
        assert_eq!(variable(&scenario, run, "DOTNET_NOLOGO").as_deref(), Some("1"));
        assert_eq!(variable(&scenario, run, "DOTNET_CLI_TELEMETRY_OPTOUT").as_deref(), Some("1"));
    }
    assert_eq!(scenario.record(0, "analyzed.json")["outcome"], "succeeded");
    let files = std::fs::read_dir(&record).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains(TOKEN) && !text.contains("hush-hush"), "{}", file.display());
    }
}

#[test]
fn dotnet_end_refuses_a_configuration_that_begin_did_not_write() {
    let mut scenario = scenario(
        "[ \"$1\" = end ] || { mkdir -p \"$AGENT_BUILDDIRECTORY/.sonarqube/conf\"; \
         echo \"$BUILD_BUILDURI\" >\"$AGENT_BUILDDIRECTORY/.sonarqube/conf/SonarQubeAnalysisConfig.xml\"; }",
    );
    prepare(&mut scenario, "").succeeded();
    let work_folder = scenario.job.path(".sonarqube");
    let file = work_folder.join("conf/SonarQubeAnalysisConfig.xml");
    let left = std::fs::read(&file).unwrap();
    let reopen = |scenario: &Scenario| {
        let _ = std::fs::remove_file(scenario.records()[0].join("analyzed.json"));
    };
    std::fs::write(&file, "<SonarQubeHostUrl>https://elsewhere</SonarQubeHostUrl>").unwrap();
    let error = scenario.analyze().sole_error().to_owned();
    assert!(error.contains(".sonarqube has changed since SonarPrepare. Another SonarPrepare ran"), "{error}");
    reopen(&scenario);
    std::fs::remove_dir_all(&work_folder).unwrap();
    let error = scenario.analyze().sole_error().to_owned();
    assert!(
        error.contains(".sonarqube, which SonarPrepare created, does not exist any more. Do not check out"),
        "{error}"
    );
    reopen(&scenario);
    assert!(!scenario.job.path("dotnet tools/end.arguments").exists(), "a token was at stake");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, left).unwrap();
    scenario.analyze().succeeded();
}

#[test]
fn jdkversion_in_mode_dotnet_warns_that_it_comes_too_late() {
    let mut scenario = scenario("");
    prepare(&mut scenario, "").succeeded();
    scenario.job.set("JAVA_HOME_21_X64", "/jdk");
    let step = scenario.analyze_with(&[("jdkversion", "JAVA_HOME_21_X64"), ("jdkVersionStrict", "true")]);
    insta::assert_snapshot!(step.sole_error(), @"jdkversion is JAVA_HOME_21_X64, but in scannerMode dotnet SonarPrepare has already chosen the Java. To choose another one, set sonar.scanner.javaExePath in extraProperties of SonarPrepare.");
    let _ = std::fs::remove_file(scenario.records()[0].join("analyzed.json"));
    let step = scenario.analyze_with(&[("jdkversion", "JAVA_HOME_21_X64")]);
    step.succeeded().warns("but in scannerMode dotnet SonarPrepare has already chosen the Java");
}

#[test]
fn secret_properties_are_removed_from_the_files_of_the_dotnet_scanner() {
    let mut scenario = scenario(
        "out=$AGENT_BUILDDIRECTORY/.sonarqube/out\nmkdir -p \"$out\"\n\
         [ \"$1\" = begin ] || echo hush-hush | tee \"$out/ScannerEngineInput.json\" >\"$out/sonar-project.properties\"",
    );
    let out = scenario.job.path(".sonarqube/out");
    prepare(&mut scenario, "sonar.my.password=hush-hush").succeeded();
    scenario.analyze().succeeded();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 0);
    // Without a secret they are of use to who looks for an error.
    prepare(&mut scenario, "").succeeded();
    scenario.analyze().succeeded();
    assert_eq!(std::fs::read_dir(&out).unwrap().count(), 2);
}

#[test]
fn a_java_that_disappeared_before_dotnet_end_is_an_error() {
    let mut scenario = scenario("");
    prepare(&mut scenario, "").succeeded();
    std::fs::remove_file(scenario.job.path("engine/java")).unwrap();
    let error = scenario.analyze().sole_error().to_owned();
    assert!(error.contains("the Java that SonarPrepare chose does not exist any more: "), "{error}");
    for (missing, problem) in [
        (
            "sonar.scanner.javaExePath=/nowhere/java",
            "javaExePath is /nowhere/java, which is not an executable file",
        ),
        ("sonar.scanner.engineJarPath=/nowhere/jar", "engineJarPath names /nowhere/jar, which is not a file"),
    ] {
        let step = prepare(&mut scenario, missing);
        assert!(step.sole_error().contains(problem), "{}", step.transcript());
    }
}

#[test]
fn an_older_server_leaves_the_engine_to_the_dotnet_scanner() {
    let sonarqube = SonarQube::start();
    sonarqube.change(|model| model.version = "9.9.8.100196".into());
    let mut scenario = Scenario::with(sonarqube);
    install(&mut scenario, "");
    let java = scenario.engine("").lines().next().unwrap().to_owned();
    let mut inputs = DOTNET.to_vec();
    inputs.extend([("extraProperties", java.as_str()), ("dotnetScannerSha256", "$(standIn)")]);
    scenario.prepare_as(&inputs).succeeded();
    let settings = scenario.records()[0].join("SonarQube.Analysis.xml");
    let settings = std::fs::read_to_string(settings).unwrap();
    assert!(settings.contains("javaExePath") && !settings.contains("engineJarPath"), "{settings}");
    scenario.analyze().succeeded();
    let home = variable(&scenario, "end", "JAVA_HOME").unwrap();
    assert_eq!(Path::new(&home), scenario.job.path("engine").parent().unwrap());
    assert_eq!(parameters(&scenario, "end")["sonar.login"], TOKEN);
}

#[test]
fn the_dotnet_scanner_uses_the_agents_proxy() {
    let mut scenario = scenario("");
    let url = scenario.sonarqube.url();
    // To the stand-in a request by a proxy is like any other.
    scenario.job.set("Agent.ProxyUrl", &url);
    scenario.job.set("Agent.ProxyUsername", "age nt");
    scenario.job.set_secret("Agent.ProxyPassword", "t0p/s3cret");
    scenario.job.set("NO_PROXY", "elsewhere");
    prepare(&mut scenario, "").succeeded().says("The scanner uses the proxy ");
    scenario.analyze().succeeded();
    let address = url.replace("http://", "http://age%20nt:t0p%2Fs3cret@");
    for run in ["begin", "end"] {
        for name in ["http_proxy", "https_proxy"] {
            assert_eq!(
                variable(&scenario, run, name).map(|own| own.trim_end_matches('/').to_owned()),
                Some(address.clone())
            );
        }
        assert_eq!(variable(&scenario, run, "NO_PROXY"), None);
        assert_eq!(parameters(&scenario, run)["sonar.scanner.proxyPassword"], "t0p/s3cret");
        assert!(!of_dotnet(&scenario, &format!("{run}.arguments")).contains("s3cret"));
    }
    scenario.job.set("NO_PROXY", "127.0.0.0/8");
    prepare(&mut scenario, "").succeeded();
    assert_eq!(variable(&scenario, "begin", "http_proxy"), None);
}

#[test]
fn dotnet_analysis_works_without_a_home_folder() {
    let mut scenario = scenario("");
    // Else the tool would be looked for in the home.
    let tools = scenario.job.path("home/.dotnet/tools");
    program(&tools.join("dotnet-sonarscanner"), "");
    let path = format!("{}:{}:/usr/bin:/bin", scenario.job.path("dotnet tools").display(), tools.display());
    scenario.job.set("PATH", &path);
    let nowhere = scenario.job.path("nowhere").display().to_string();
    scenario.job.set("HOME", &nowhere);
    prepare(&mut scenario, "").succeeded();
    scenario.analyze().succeeded();
    let temporary = scenario.job.temp();
    for run in ["begin", "end"] {
        let home = variable(&scenario, run, "DOTNET_CLI_HOME").unwrap();
        assert!(Path::new(&home).starts_with(&temporary), "{home}");
    }
    let settings = std::fs::read_to_string(scenario.records()[0].join("SonarQube.Analysis.xml")).unwrap();
    let home = temporary.join("sonar-home");
    assert!(settings.contains(&format!("\"sonar.userHome\">{}<", home.display())), "{settings}");
    assert!(!Path::new(&nowhere).exists());
}
