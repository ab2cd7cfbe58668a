//! What an agent brings to an analysis: its own Java, its proxy, its certificate authorities.

use super::Journey;
use super::server::{Server, TokenKind};
use crate::fake_agent::Task;
use crate::tls::{ForwardProxy, Tls};
use std::path::PathBuf;

const PROCESSOR: &str = if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" };

/// The JDKs of this machine from 17 on, as agents name them: `JAVA_HOME_17_X64`.
pub(super) fn java_homes() -> Vec<(String, PathBuf)> {
    let installed =
        std::fs::read_dir("/usr/lib/jvm").into_iter().flatten().map(|entry| entry.unwrap().path());
    let named = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("JAVA_HOME"));
    let mut homes: Vec<_> = installed
        .chain(named.map(|(_, home)| PathBuf::from(home)))
        .filter_map(|home| {
            let release = std::fs::read_to_string(home.join("release")).ok()?;
            let version = release.lines().find_map(|line| line.strip_prefix("JAVA_VERSION=\""))?;
            let feature: u32 = version.split(['.', '"', '-']).next()?.parse().ok()?;
            let usable = feature >= 17 && home.join("bin/java").is_file();
            usable.then(|| (format!("JAVA_HOME_{feature}_{PROCESSOR}"), home))
        })
        .collect();
    homes.sort();
    homes.dedup_by(|(a, _), (b, _)| a == b);
    homes
}

/// Modules with settings files of their own, analysed by the Java of most tutorials: it is too old for the engine of
/// today, and another one is found.
pub(super) fn modules_are_analysed_with_the_agents_java(server: &Server) {
    let mut project = server.project("modules");
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    let mut homes = java_homes();
    let named = if server.version == "10_7" {
        homes.first().expect("the Java that the server runs on").0.clone()
    } else {
        let seventeen = format!("JAVA_HOME_17_{PROCESSOR}");
        if homes.iter().all(|(name, _)| *name != seventeen) {
            // It is not going to run.
            let home = journey.job.path("jdk-17");
            std::fs::create_dir_all(home.join("bin")).unwrap();
            std::fs::write(home.join("release"), "JAVA_VERSION=\"17.0.15\"\n").unwrap();
            std::fs::copy("/bin/true", home.join("bin/java")).unwrap();
            homes.push((seventeen.clone(), home));
        }
        seventeen
    };
    for (name, home) in &homes {
        journey.job.set(name, &home.display().to_string());
    }
    journey.job.write("sonar-project.properties", "sonar.modules=api, web\nsonar.scm.disabled=true\n");
    journey.job.write("api/sonar-project.properties", "sonar.sources=src\nsonar.projectName=The API\n");
    journey.job.write("api/src/api.py", "def price():\n    return 1\n");
    journey.job.write("api/tools/not_a_source.py", "x = 1\n");
    journey.job.write("web/sonar-project.properties", "sonar.sources=.\nsonar.exclusions=**/gen/**\n");
    journey.job.write("web/web.py", "def page():\n    return 2\n");
    journey.job.write("web/gen/made.py", "y = 1\n");
    let extra = format!("sonar.projectKey={}\nsonar.scanner.skipJreProvisioning=true", project.key);
    journey.prepare(&[("configMode", "file"), ("extraProperties", &extra)]).succeeded();
    let analyze = journey.job.run(Task::Analyze, &[("jdkversion", &named)]);
    analyze.succeeded();
    assert!(analyze.set_variables().is_empty(), "the child alone sees which Java it is");
    if server.version == "10_7" {
        analyze.says(&format!(", set by jdkversion ({named}): "));
    } else {
        analyze
            .warns(&format!("jdkversion is {named}, which is Java 17"))
            .warns("but this analysis needs Java 21 or newer")
            .says(", the oldest on the agent that is new enough (JAVA_HOME_2");
    }
    journey.publish(&[]).succeeded();
    let tree = server.get(
        "api/components/tree",
        &[("component", project.key.as_str()), ("qualifiers", "FIL"), ("s", "path")],
    );
    let files = tree["components"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap());
    assert_eq!(files.collect::<Vec<_>>(), ["api/src/api.py", "web/web.py"]);
}

/// Everything that leaves the agent goes through its proxy, which wants a password, and the server's certificate is of
/// an authority that the agent alone was told of.
pub(super) fn the_engine_works_behind_a_proxy_with_a_private_authority(server: &Server) {
    let mut project = server.project("hidden");
    let token = project.token(TokenKind::Project);
    let tls = Tls::before(server.url.trim_start_matches("http://").parse().unwrap());
    let password = "b4ck-d00r p@ss:word";
    let proxy = ForwardProxy::start("agent", password);
    let mut journey = Journey::new(server, &token);
    journey.connection = journey.job.connect_server(&tls.url, &token);
    let authority = journey.job.path("ca.pem");
    std::fs::write(&authority, &tls.authority).unwrap();
    journey.job.set("Agent.CAInfo", &authority.display().to_string());
    journey.job.set("Agent.ProxyUrl", &proxy.url);
    journey.job.set("Agent.ProxyUsername", "agent");
    journey.job.set_secret("Agent.ProxyPassword", password);
    journey.job.watch_for(password);
    journey.job.write("main.py", "def greet(name):\n    return \"Hello, \" + name\n");
    let inputs = [
        ("configMode", "manual"),
        ("cliProjectKey", project.key.as_str()),
        ("extraProperties", "sonar.scm.disabled=true"),
    ];
    journey.prepare(&inputs).succeeded();
    let ours = proxy.passed().len();
    assert!(ours > 0);
    let address = proxy.url.trim_start_matches("http://");
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.succeeded().says(&format!("The scanner uses the proxy {address}"));
    let of_engine = proxy.passed().into_iter().filter(|head| head.contains("user-agent: okhttp")).count();
    assert!(of_engine > 0, "{:#?}", proxy.passed());
    journey.publish(&[]).succeeded();
    assert_eq!(journey.gate_property().as_deref(), Some("ok"));
}
