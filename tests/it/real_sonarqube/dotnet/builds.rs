//! Builds as companies configure them.

use super::Solution;
use crate::real_sonarqube::Server;
use crate::scenario::copy;
use std::path::Path;

/// Directory.Build.props with warnings as errors, deterministic paths; a folder with blanks and letters beyond ASCII; built
/// once before SonarPrepare, and then only by `dotnet test`. The report names its files by the paths of the deterministic
/// build.
pub(in crate::real_sonarqube) fn a_deterministic_build_by_dotnet_test_has_coverage(server: &Server) {
    let Some(mut solution) = Solution::empty(server, "deterministic") else { return };
    let folder = "Läden und Preise";
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/dotnet-shop");
    copy(&sample, &solution.journey.job.sources().join(folder));
    let properties = "<Project>\n  <PropertyGroup>\n    <TreatWarningsAsErrors>true</TreatWarningsAsErrors>\n    \
                      <Deterministic>true</Deterministic>\n    \
                      <ContinuousIntegrationBuild>true</ContinuousIntegrationBuild>\n    \
                      <PathMap>$(MSBuildThisFileDirectory)=/_/</PathMap>\n  </PropertyGroup>\n</Project>\n";
    solution.journey.job.write(&format!("{folder}/Directory.Build.props"), properties);
    solution.dotnet(&["build", folder]);

    solution.prepare(&[("projectBaseDir", folder)]).succeeded();
    let results = solution.journey.job.temp().display().to_string();
    let collect =
        ["--logger", "trx", "--collect", "Code Coverage;Format=Cobertura", "--results-directory", &results];
    solution.dotnet(&[&["test", folder], &collect[..]].concat());
    solution.analyze().succeeded().says("2 C# projects: 1 main, 1 test");
    solution.publish().succeeded();
    let coverage = solution.by_file(server, "line_coverage");
    assert!(coverage.contains_key("src/Shop/Price.cs"), "{coverage:?}");
    assert_eq!(solution.project.measure("tests"), "4");
    // Of Price.cs all lines but the one that throws and its braces.
    let percent: f64 = coverage["src/Shop/Price.cs"].parse().unwrap();
    assert!((60.0..100.0).contains(&percent), "{coverage:?}");
}
