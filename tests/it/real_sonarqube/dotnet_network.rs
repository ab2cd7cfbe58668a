//! The SonarScanner for .NET on an agent whose way to everything is its proxy, and whose servers have certificates of an
//! authority that the agent alone was told of.

use super::Journey;
use super::server::{Server, TokenKind};
use crate::dotnet_sdk::{nuget_config, sdk};
use crate::fake_agent::Task;
use crate::nuget_feed::NugetFeed;
use crate::tls::{ForwardProxy, Tls};

/// Installing, beginning and ending go through the proxy; feed and server are trusted by the agent's authority.
pub(super) fn a_dotnet_build_behind_a_proxy(server: &Server) {
    let Some(sdk) = sdk() else { return };
    let mut project = server.project("dotnet-hidden");
    let token = project.token(TokenKind::Project);
    let tls = Tls::before(server.url.trim_start_matches("http://").parse().unwrap());
    let version = if server.version == "10_7" { "11.3.0" } else { "12.1.0" };
    let feed = NugetFeed::of_scanner(&sdk, version);
    let password = "b4ck-d00r p@ss:word";
    let proxy = ForwardProxy::start("agent", password);
    let mut journey = Journey::new(server, &token);
    journey.connection = journey.job.connect_server(&tls.url, &token);
    let authorities = journey.job.path("ca.pem");
    std::fs::write(&authorities, format!("{}{}", tls.authority, feed.tls.authority)).unwrap();
    journey.job.set("Agent.CAInfo", &authorities.display().to_string());
    journey.job.set("Agent.ProxyUrl", &proxy.url);
    journey.job.set("Agent.ProxyUsername", "agent");
    journey.job.set_secret("Agent.ProxyPassword", password);
    journey.job.watch_for(password);
    let path = std::env::var("PATH").unwrap();
    journey.job.set("PATH", &format!("{}:{path}", sdk.root.display()));
    journey.job.set("DOTNET_ROOT", &sdk.root.display().to_string());
    journey.job.write("nuget.config", &nuget_config(&sdk.feed));
    journey.job.write(
        "Shop.csproj",
        "<Project Sdk=\"Microsoft.NET.Sdk\"><PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup></Project>",
    );
    journey.job.write(
        "Price.cs",
        "namespace Shop;\n\npublic static class Price\n{\n    public static int Of(int n) => n * 2;\n}\n",
    );

    let inputs = [
        ("scannerMode", "dotnet"),
        ("projectKey", project.key.as_str()),
        ("nugetSource", &feed.source()),
        ("extraProperties", "sonar.scm.disabled=true"),
    ];
    let prepare = journey.prepare(&inputs);
    prepare.succeeded().says(&format!("SonarScanner for .NET {version}, the version for"));
    let passed = proxy.passed();
    assert!(feed.was_asked_through(&passed), "{passed:#?}");
    let server_address = format!("connect {}", tls.url.trim_start_matches("https://"));
    let of = |heads: &[String], program: &str| {
        heads.iter().filter(|head| head.starts_with(&server_address) && head.contains(program)).count()
    };
    assert!(of(&passed, "user-agent: sonarscanner-for-.net") > 0, "{passed:#?}");
    let mut build = journey.job.script(sdk.root.join("dotnet").to_str().unwrap());
    let built = build.args(["build", "--nologo"]).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stdout));
    let before = proxy.passed().len();
    journey.job.run(Task::Analyze, &[]).succeeded();
    let passed = proxy.passed();
    assert!(of(&passed[before..], "user-agent: okhttp") > 0, "{:#?}", &passed[before..]);
    journey.publish(&[]).succeeded();
    assert_eq!(journey.gate_property().as_deref(), Some("ok"));
    let languages = project.measure("ncloc_language_distribution");
    assert!(languages.contains("cs="), "{languages}");
}
