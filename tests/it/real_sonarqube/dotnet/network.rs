//! A closed network: a proxy that needs a password, and a private certificate authority for server and feed.

use super::{Solution, class_library};
use crate::depot::Depot;
use crate::dotnet_sdk::nuget_config;
use crate::real_sonarqube::Server;
use crate::real_sonarqube::server::TokenKind;
use crate::squid::Squid;
use crate::tls::Tls;
use serde_json::json;
use std::path::Path;

/// Installing, beginning and ending go through squid, and trust the authority that the agent alone was told of.
pub(in crate::real_sonarqube) fn dotnet_works_behind_squid_with_a_private_authority(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "squid") else { return };
    let version = super::tool_for(server);
    let package = solution.sdk.feed.join(format!("dotnet-sonarscanner.{version}.nupkg"));
    if !package.is_file() {
        crate::test_data::left_out("the journey through squid, because the feed is not a folder");
        return;
    }
    let token = solution.project.token(TokenKind::Project);
    let before_server = Tls::before(server.url.trim_start_matches("http://").parse().unwrap());
    let (before_feed, feed) = feed(&package, version);
    let password = "b4ck-d00r-p@ss:word";
    let squid = Squid::start("agent", password);
    let job = &mut solution.journey.job;
    let authority = job.path("ca.pem");
    std::fs::write(&authority, format!("{}{}", before_server.authority, before_feed.authority)).unwrap();
    job.set("Agent.CAInfo", authority.to_str().unwrap());
    job.set("Agent.ProxyUrl", &squid.url);
    job.set("Agent.ProxyUsername", "agent");
    job.set_secret("Agent.ProxyPassword", password);
    job.watch_for(password);
    job.set("System.Debug", "true");
    job.set("Agent.ToolsDirectory", job.path("tools").to_str().unwrap());
    std::fs::write(job.path("home/.nuget/NuGet/NuGet.Config"), nuget_config(Path::new(&feed))).unwrap();
    let connection = job.connect_server(&before_server.url, &token);
    class_library(&job.sources(), "Hidden");
    solution.journey.connection = connection;

    let prepare = solution.prepare(&[]);
    assert!(prepare.errors.is_empty(), "{}{}", prepare.transcript(), squid.logs());
    prepare.succeeded().says(&format!("SonarScanner for .NET {version}"));
    let passed = |to: &Tls| squid.connections_to(to.url.trim_start_matches("https://"));
    let (of_feed, of_begin) = (passed(&before_feed), passed(&before_server));
    assert!(of_feed > 0 && of_begin > 0, "{of_feed} {of_begin}");
    // The class library needs no package.
    solution.build();
    solution.analyze().succeeded().says("1 C# project: 1 main");
    assert!(passed(&before_server) > of_begin);
    solution.publish().succeeded();
    assert_eq!(solution.journey.gate_property().as_deref(), Some("ok"));
}

/// A feed of one package by NuGet's protocol of version 3, behind TLS. Returns what is before it, and its address.
fn feed(package: &Path, version: &str) -> (Tls, String) {
    let depot = Depot::start();
    let tls = Tls::before(depot.url().trim_start_matches("http://").parse().unwrap());
    let url = &tls.url;
    let name = "dotnet-sonarscanner";
    let content = format!("{url}/flat/{name}/{version}/{name}.{version}.nupkg");
    let entry = json!({
        "@id": format!("{url}/entry.json"), "id": name, "version": version, "listed": true, "packageContent": content,
        "packageTypes": [{ "name": "DotnetTool" }],
    });
    let leaf = json!({ "@id": format!("{url}/leaf.json"), "catalogEntry": entry, "packageContent": content });
    let page = json!({
        "@id": format!("{url}/registration/{name}/index.json#page"), "count": 1, "lower": version, "upper": version,
        "items": [leaf],
    });
    let resources = json!([
        { "@id": format!("{url}/flat/"), "@type": "PackageBaseAddress/3.0.0" },
        { "@id": format!("{url}/registration/"), "@type": "RegistrationsBaseUrl/3.6.0" },
        { "@id": format!("{url}/registration/"), "@type": "RegistrationsBaseUrl" },
    ]);
    for (path, answer) in [
        ("index.json".to_owned(), json!({ "version": "3.0.0", "resources": resources })),
        (format!("flat/{name}/index.json"), json!({ "versions": [version] })),
        (format!("registration/{name}/index.json"), json!({ "count": 1, "items": [page] })),
    ] {
        depot.put(&path, answer.to_string().as_bytes());
    }
    let package = std::fs::read(package).unwrap();
    depot.put(&format!("flat/{name}/{version}/{name}.{version}.nupkg"), &package);
    (Tls { url: tls.url.clone(), authority: tls.authority.clone() }, format!("{url}/index.json"))
}
