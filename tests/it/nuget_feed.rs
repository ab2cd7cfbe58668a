//! A NuGet feed on a TLS server whose certificate authority is not trusted by default.
//!
//! Contract: Microsoft's "NuGet Server API", as far as `dotnet tool install` asks.

use crate::dotnet_sdk::Sdk;
use crate::fake_azure_devops::block_on;
use crate::tls::Tls;
use serde_json::json;
use wiremock::matchers::{method, path_regex};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) struct NugetFeed {
    pub(crate) tls: Tls,
    _server: MockServer,
}

impl NugetFeed {
    /// The feed has only this version of the SonarScanner for .NET.
    pub(crate) fn of_scanner(sdk: &Sdk, version: &str) -> Self {
        let server = block_on(MockServer::builder().start());
        let tls = Tls::before(*server.address());
        let file = format!("dotnet-sonarscanner.{version}.nupkg");
        let package = std::fs::read(sdk.feed.join(&file)).unwrap();
        let url = |path: &str| format!("{}/{path}", tls.url);
        let index = json!({
            "version": "3.0.0",
            "resources": [
                { "@id": url("flat/"), "@type": "PackageBaseAddress/3.0.0" },
                { "@id": url("registration/"), "@type": "RegistrationsBaseUrl/3.6.0" },
            ],
        });
        let leaf = json!({
            "@id": url("leaf.json"),
            "catalogEntry": { "@id": url("details.json"), "id": "dotnet-sonarscanner", "version": version },
            "packageContent": url(&format!("flat/dotnet-sonarscanner/{version}/{file}")),
            "registration": url("registration/index.json"),
        });
        let page = json!({ "@id": url("page.json"), "count": 1, "lower": version, "upper": version, "items": [leaf] });
        let json = |body| ResponseTemplate::new(200).set_body_json(body);
        for (path, answer) in [
            ("^/index.json$", json(index)),
            ("^/flat/dotnet-sonarscanner/index.json$", json(json!({ "versions": [version] }))),
            ("^/registration/dotnet-sonarscanner/index.json$", json(json!({ "count": 1, "items": [page] }))),
            (r"\.nupkg$", ResponseTemplate::new(200).set_body_bytes(package)),
        ] {
            block_on(server.register(Mock::given(method("GET")).and(path_regex(path)).respond_with(answer)));
        }
        Self { tls, _server: server }
    }

    /// The URL for a NuGet configuration.
    pub(crate) fn source(&self) -> String {
        format!("{}/index.json", self.tls.url)
    }

    /// Whether one of these requests to a proxy was for the feed.
    pub(crate) fn was_asked_through(&self, heads: &[String]) -> bool {
        let connect = format!("connect {}", self.tls.url.trim_start_matches("https://"));
        heads.iter().any(|head| head.starts_with(&connect))
    }
}
