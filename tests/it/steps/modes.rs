//! Whole jobs with servers and scanners that cannot run here, by their documented contracts.

use super::scanners::{archive, java, report};
use crate::fake_agent::{Task, TaskResult};
use crate::fake_sonarqube::{SonarQube, TOKEN, gate, refusal, task};
use crate::scenario::{Scenario, report_on};
use crate::tls::Tls;

/// From the oldest server to the last one that hands out no scanner engine.
#[test]
fn a_server_without_engine_is_analysed_by_the_matching_cli() {
    for (version, cli, token) in [
        ("8.9.10.61524", "4.7.0.2747", "sonar.login"),
        ("9.9.8.100196", "4.7.0.2747", "sonar.login"),
        ("10.0.0.68432", "4.7.0.2747", "sonar.token"),
        ("10.3.0.82913", "4.7.0.2747", "sonar.token"),
        ("10.4.1.88267", "5.0.1.3006", "sonar.token"),
        ("10.5.1.90531", "5.0.1.3006", "sonar.token"),
    ] {
        let sonarqube = SonarQube::start();
        sonarqube.change(|model| {
            model.version = version.into();
            model.edition = "developer".into();
            model.features = vec!["branch-support"];
        });
        if version.starts_with("8.") {
            // It has no list of features: its edition says whether it knows branches.
            sonarqube.script("/api/features/list", [refusal(404, "Unknown url : /api/features/list")]);
        }
        let mut of_branch = task("1", "shop", "SUCCESS");
        of_branch["task"]["branch"] = "feature/x".into();
        of_branch["task"]["branchType"] = "BRANCH".into();
        sonarqube.processing("1", [of_branch]);
        sonarqube.change(|model| {
            model.gates.insert("AY-1".into(), gate("OK"));
        });
        let mut scenario = Scenario::with(sonarqube);
        scenario.job.set("Build.SourceBranch", "refs/heads/feature/x");
        let zip = scenario.job.path("cli.zip");
        let sha256 = archive(&zip, &format!("cli/lib/sonar-scanner-cli-{cli}.jar"), b"");
        let extra = java(&scenario, &report(&scenario));
        let inputs = [
            ("extraProperties", extra.as_str()),
            ("scannerDownloadUrl", zip.to_str().unwrap()),
            ("cliScannerSha256", &sha256),
        ];
        scenario.prepare(&inputs).succeeded().says(&format!("SonarScanner CLI {cli}"));
        scenario.analyze().succeeded();
        let environment = scenario.noted("environment");
        assert!(environment.contains(&format!("\"{token}\":\"{TOKEN}\"")), "{version}: {environment}");
        assert_eq!(environment.matches(TOKEN).count(), 1, "{version}: {environment}");
        assert!(environment.contains("\"sonar.branch.name\":\"feature/x\""), "{version}: {environment}");
        scenario.publish(&[]).succeeded();
        assert_eq!(scenario.gate_property().as_deref(), Some("ok"), "{version}");
    }
}

#[test]
fn sonarqube_cloud_is_analysed_with_its_organization() {
    let mut scenario = Scenario::new();
    let bearer = format!("Bearer {TOKEN}");
    scenario.sonarqube.change(|model| {
        // What Cloud answers, and what tells nothing.
        model.version = "8.0.0.84735".into();
        model.accepted = vec![bearer.clone()];
    });
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let cloud = scenario.job.connect_by_token(&scenario.sonarqube.url(), TOKEN);
    let engine = scenario.engine(&scenario.report("1", "shop"));
    let inputs = [
        ("SonarQube", ""),
        ("SonarCloud", cloud.as_str()),
        ("organization", "contoso"),
        ("extraProperties", &engine),
    ];
    scenario.prepare(&inputs).succeeded().says("SonarQube Cloud");
    scenario.analyze().succeeded();
    let properties = scenario.engine_properties();
    let value = |key: &str| properties.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str());
    assert_eq!(value("sonar.organization"), Some("contoso"));
    assert_eq!(value("sonar.token"), Some(TOKEN));
    assert_eq!(value("sonar.host.url"), Some(scenario.sonarqube.url().as_str()));
    assert_eq!(value("sonar.branch.name"), None, "the main branch is the project's own");
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
    let asked = scenario.sonarqube.asked();
    assert!(asked.iter().all(|asked| asked.authorization.as_ref().is_none_or(|sent| *sent == bearer)));
    assert!(asked.iter().all(|asked| asked.path != "/api/navigation/global"), "Cloud has no editions");
}

/// Runs the scanner of a build in mode `other`: it leaves its report at `place`.
fn scan(scenario: &Scenario, place: &std::path::Path) {
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    let script =
        format!("report='{}'\n{}", place.display(), report_on(&scenario.sonarqube.url(), "1", "shop"));
    assert!(std::process::Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

#[test]
fn a_report_is_found_under_host_and_container_paths() {
    // Where the user wants it, by the name that the folder has on the host, and the step runs in a container.
    for root in ["temp", "s"] {
        let mut scenario = Scenario::new();
        scenario.job.allow_leaks();
        scenario.sonarqube.processed("1", "shop", gate("OK"));
        let extra = "sonar.projectKey=shop\nsonar.scanner.metadataFilePath=/agent/_work/1/out/report.txt";
        scenario.prepare(&[("scannerMode", "other"), ("extraProperties", extra)]).succeeded();
        scan(&scenario, &scenario.job.path(root).join("out/report.txt"));
        scenario.publish(&[]).succeeded();
        assert_eq!(scenario.gate_property().as_deref(), Some("ok"), "{root}");
    }

    // Beside the record, and the folder of records has another name now.
    let mut scenario = Scenario::new();
    scenario.job.allow_leaks();
    scenario.sonarqube.processed("1", "shop", gate("OK"));
    let extra = ("extraProperties", "sonar.projectKey=shop");
    let prepare = scenario.prepare(&[("scannerMode", "other"), extra]);
    prepare.succeeded();
    scan(&scenario, prepare.variable("SONAR_SCANNER_REPORTTASKFILE").as_ref());
    let moved = scenario.job.path("_temp in the container");
    std::fs::rename(scenario.job.temp(), &moved).unwrap();
    scenario.job.set("Agent.TempDirectory", moved.to_str().unwrap());
    scenario.publish(&[]).succeeded();
    assert_eq!(scenario.gate_property().as_deref(), Some("ok"));
}

#[test]
fn sonar_host_url_that_redirects_the_builds_scanner_warns() {
    let mut scenario = Scenario::new();
    scenario.job.allow_leaks();
    let url = scenario.sonarqube.url();
    let inputs = [("scannerMode", "other"), ("extraProperties", "sonar.projectKey=shop")];
    let api = format!("{url}/api/v2");
    for (name, same) in [
        ("SONAR_HOST_URL", format!("{url}/")),
        ("SONAR_HOST_URL", url.replace("http://", "HTTP://joe:hush@")),
        ("SONAR_SCANNER_API_BASE_URL", format!("{api}/")),
    ] {
        scenario.job.set(name, &same);
        assert_eq!(scenario.prepare(&inputs).succeeded().warnings, [""; 0], "{same}");
    }
    for (name, other, shown) in [
        ("SONAR_HOST_URL", "https://joe:hush@sonarqube.example/x/?y", "https://sonarqube.example/x"),
        ("SONAR_HOST_URL", &format!("{url}00000"), "another address"),
        ("SONAR_HOST_URL", &format!("{url}/sonar"), &format!("{url}/sonar")),
        ("SONAR_SCANNER_API_BASE_URL", &format!("{api}0"), &format!("{api}0")),
    ] {
        scenario.job.set("SONAR_HOST_URL", "");
        scenario.job.set(name, other);
        scenario.prepare(&inputs).succeeded().warns(&format!(
            "The variable {name} leads to {shown}: the build's scanner will go there, with the token for {url}"
        ));
    }

    // SonarQube Cloud's API has a host of its own.
    scenario.sonarqube.change(|model| model.accepted = vec![format!("Bearer {TOKEN}")]);
    let url = url.replace("127.0.0.1", "localhost");
    let cloud = scenario.job.connect_by_token(&url, TOKEN);
    scenario.job.set("SONAR_HOST_URL", &url);
    scenario.job.set("SONAR_SCANNER_API_BASE_URL", &url.replace("//", "//api."));
    let of_cloud =
        [("SonarQube", ""), ("SonarCloud", &cloud), ("organization", "contoso"), inputs[0], inputs[1]];
    assert_eq!(scenario.prepare(&of_cloud).succeeded().warnings, [""; 0]);
}

#[test]
fn a_missing_report_in_mode_other_mentions_containers() {
    let mut scenario = Scenario::new();
    scenario.job.allow_leaks();
    scenario.prepare(&[("scannerMode", "other"), ("extraProperties", "sonar.projectKey=shop")]).succeeded();
    scenario.job.run(Task::Analyze, &[]).succeeded();
    let step = scenario.publish(&[]);
    let error = step.ended(TaskResult::Failed).sole_error();
    assert!(
        error.contains("If it does so in a container, run SonarPrepare in that container, too"),
        "{error}"
    );
}

/// What the engine of a job behind a proxy gets to know of it, when `set` and these properties come over that.
fn proxy_of_engine(set: &[(&str, &str)], extra: &str) -> Vec<String> {
    let mut scenario = Scenario::new();
    // Our own requests need none; the engine is asked about a server elsewhere.
    let engine = scenario.engine("");
    scenario.prepare(&[("extraProperties", &format!("{engine}\n{extra}"))]).succeeded();
    for (name, value) in [("Agent.ProxyUrl", "http://proxy.corp:3128"), ("Agent.ProxyUsername", "ci")] {
        scenario.job.set(name, value);
    }
    scenario.job.set_secret("Agent.ProxyPassword", "s3cret-of-proxy");
    scenario.job.watch_for("s3cret-of-proxy");
    for (name, value) in set {
        scenario.job.set(name, value);
    }
    scenario.analyze().succeeded();
    assert!(!scenario.noted("arguments").contains("s3cret"));
    let properties = scenario.engine_properties().into_iter();
    let of_proxy = properties.filter(|(key, _)| key.starts_with("sonar.scanner.proxy"));
    of_proxy.map(|(key, value)| format!("{}={value}", &key["sonar.scanner.".len()..])).collect()
}

#[test]
fn the_engine_uses_the_agents_proxy_unless_the_user_sets_another() {
    let agents = ["proxyHost=proxy.corp", "proxyPassword=s3cret-of-proxy", "proxyPort=3128", "proxyUser=ci"];
    assert_eq!(proxy_of_engine(&[], ""), agents);
    assert_eq!(proxy_of_engine(&[("NO_PROXY", "10.0.0.0/8,127.0.0.0/8")], ""), [""; 0]);
    assert_eq!(proxy_of_engine(&[], "sonar.scanner.proxyHost=mine"), ["proxyHost=mine"]);
    let java = "sonar.scanner.javaOpts=-Dhttp.proxyHost=mine";
    assert_eq!(proxy_of_engine(&[], java), [""; 0]);
    assert_eq!(proxy_of_engine(&[("JAVA_TOOL_OPTIONS", "-Dhttps.proxyHost=mine")], ""), [""; 0]);
    let of_cli = ("SONAR_SCANNER_OPTS", "-Dhttp.proxyHost=mine");
    assert_eq!(proxy_of_engine(&[of_cli], ""), agents, "no engine without the CLI reads it");
}

#[test]
fn an_engine_inside_the_cli_gets_the_proxy_as_java_options() {
    let sonarqube = SonarQube::start();
    sonarqube.change(|model| model.version = "9.9.8.100196".into());
    let mut scenario = Scenario::with(sonarqube);
    let zip = scenario.job.path("cli.zip");
    let sha256 = archive(&zip, "cli/lib/sonar-scanner-cli-4.7.0.2747.jar", b"");
    let extra = java(&scenario, "");
    let inputs = [
        ("extraProperties", extra.as_str()),
        ("scannerDownloadUrl", zip.to_str().unwrap()),
        ("cliScannerSha256", &sha256),
    ];
    scenario.prepare(&inputs).succeeded();
    scenario.job.set("Agent.ProxyUrl", "http://ci:s3cret@proxy.corp:3128");
    let step = scenario.analyze();
    step.succeeded().warns("The password of the proxy proxy.corp is left out");
    let arguments = scenario.noted("arguments");
    for option in ["-Dhttp.proxyHost=proxy.corp", "-Dhttp.proxyPort=3128", "-Dhttp.nonProxyHosts="] {
        assert!(arguments.lines().any(|line| line == option), "{option}: {arguments}");
    }
    assert!(!arguments.contains("s3cret"));

    scenario.job.set("Agent.ProxyUrl", "");
    scenario.prepare(&inputs).succeeded();
    scenario.job.set("Agent.ProxyUrl", "http://proxy.corp:3128");
    scenario.job.set("SONAR_SCANNER_OPTS", "-Dhttp.proxyHost=mine");
    scenario.analyze().succeeded();
    let arguments = scenario.noted("arguments");
    let hosts: Vec<_> = arguments.lines().filter(|line| line.contains("proxyHost")).collect();
    assert_eq!(hosts, ["-Dhttp.proxyHost=mine"]);
}

#[test]
fn the_engine_trusts_the_agents_authorities_unless_the_user_sets_others() {
    let sonarqube = SonarQube::start();
    let tls = Tls::before(sonarqube.url().trim_start_matches("http://").parse().unwrap());
    let mut scenario = Scenario::with(sonarqube);
    scenario.connection = scenario.job.connect_server(&tls.url, TOKEN);
    let authority = scenario.job.path("ca.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    scenario.job.set("Agent.CAInfo", authority.to_str().unwrap());
    let engine = scenario.engine("");
    let chosen = format!("{engine}\nsonar.scanner.truststorePath=/my/own.p12");
    for (extra, own) in [(&engine, None), (&chosen, Some("/my/own.p12"))] {
        scenario.prepare(&[("extraProperties", extra)]).succeeded();
        scenario.analyze().succeeded();
        let properties = scenario.engine_properties().into_iter();
        let store =
            properties.filter(|(key, _)| key == "sonar.scanner.truststorePath").map(|(_, value)| value);
        let [store] = &store.collect::<Vec<_>>()[..] else { panic!("one trust store") };
        match own {
            Some(own) => assert_eq!(store, own),
            None => assert!(std::fs::metadata(store).unwrap().len() > 300, "{store}"),
        }
    }

    // Who trusts anybody has no authority to name, and Java wants one.
    scenario.job.unset("Agent.CAInfo");
    scenario.prepare(&[("extraProperties", &engine), ("allowInvalidCertificate", "true")]);
    scenario
        .analyze_with(&[("allowInvalidCertificate", "true")])
        .succeeded()
        .warns("configure the agent with --sslcacert <PEM file>, or set");
}
