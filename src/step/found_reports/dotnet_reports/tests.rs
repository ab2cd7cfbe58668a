use super::*;
use std::time::{Duration, SystemTime};

/// By coverlet 6.0.4 and Microsoft's own collector 18.0.1, shortened: the folder of the sources is `{sources}` in them.
const COVERLET: &str = include_str!("../../../../tests/data/dotnet-reports/coverlet.cobertura.xml");
const DETERMINISTIC: &str = include_str!("../../../../tests/data/dotnet-reports/deterministic.cobertura.xml");
const MICROSOFT: &str = include_str!("../../../../tests/data/dotnet-reports/microsoft.cobertura.xml");
const VISUAL_STUDIO: &str = include_str!("../../../../tests/data/dotnet-reports/microsoft.xml");
const OPENCOVER: &str = include_str!("../../../../tests/data/dotnet-reports/coverlet.opencover.xml");
const TRX: &str = include_str!("../../../../tests/data/dotnet-reports/tests.trx");

const SOURCES: [&str; 4] = ["Lib/Cart.cs", "Lib/Sub/Prices.cs", "Basic/Tax.vb", "Tests/CartTests.cs"];

/// The folders of a job in which a .NET build ran.
struct Folders(tempfile::TempDir);

impl Folders {
    fn new(reports: &[(&str, &str)]) -> Self {
        let folders = Self(tempfile::tempdir().unwrap());
        for source in SOURCES {
            folders.write(&format!("s/{source}"), &"line\n".repeat(40));
        }
        folders.write("s/Lib/Lib.csproj", "");
        folders.write("record/x", "");
        for (name, text) in reports {
            let sources = folders.0.path().join("s").display().to_string();
            folders.write(name, &text.replace("{sources}", &sources));
        }
        folders
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// What is imported where the user set `own`, a line each, and how many binary reports want to be converted.
    fn imported_beside(
        &self,
        own: &[(&str, &str)],
        projects: &DotnetProjects,
        prepared: SystemTime,
    ) -> (String, usize) {
        let path = |name: &str| self.0.path().join(name);
        let places = ReportPlaces {
            base_dir: path("s"),
            temporary: path("t"),
            test_results: Some(path("TestResults")),
            clone: None,
            started: None,
            prepared,
        };
        let chosen = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let build = DotnetBuild { places: &places, chosen: &chosen, projects, folder: &path("record") };
        let (search, binary) = look(&build);
        let properties = import(&build, search).unwrap();
        let text: String = properties.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        (text.replace(&self.0.path().display().to_string(), "<job>"), binary.len())
    }

    fn imported(&self) -> String {
        let projects = DotnetProjects { languages: (true, true), tests: vec![self.0.path().join("s/Tests")] };
        self.imported_beside(&[], &projects, SystemTime::UNIX_EPOCH).0
    }

    fn rewritten(&self) -> String {
        let text = std::fs::read_to_string(self.0.path().join("record/cobertura.xml")).unwrap();
        text.replace(&self.0.path().display().to_string(), "<job>")
    }
}

#[test]
fn each_kind_in_each_place() {
    let folders = Folders::new(&[
        ("s/TestResults/1a/coverage.opencover.xml", OPENCOVER),
        ("t/2b/me_agent_2026-11-30.23_50_46.xml", VISUAL_STUDIO),
        ("TestResults/me.trx", TRX),
        ("s/Tests/nunit.xml", "<test-run id='0'>"),
        ("s/Tests/x.xml", "<assemblies timestamp='1'><assembly name='a'>"),
        ("s/n.xml", "<coverage profilerVersion='1' exportversion='3'>"),
        ("s/dotCover.html", "<!DOCTYPE html>\n<title>Coverage</title>"),
        (
            "s/dotCover/src/1.html",
            "<html><title>Lib/Cart.cs</title><script>\nhighlightRanges([[7,9,7,16,1]]);\n",
        ),
        ("s/page.html", "<!DOCTYPE html>\n<title>dotCover</title>"),
        ("s/other.html", "<!DOCTYPE html>\n<title>dotCover</title>"),
        ("s/other/src/1.html", "<html>"),
        ("s/web/lcov.info", "SF:Lib/Cart.cs\n"),
        ("s/SonarQube.xml", "<coverage version='1'><file path='Lib/Cart.cs'/>"),
        ("s/.sonarqube/out/cov.xml", "<coverage version='1'><file path='Lib/Cart.cs'/>"),
    ]);
    insta::assert_snapshot!(folders.imported(), @r"
    sonar.coverageReportPaths=<job>/s/SonarQube.xml
    sonar.cs.dotcover.reportsPaths=<job>/s/dotCover.html
    sonar.cs.ncover3.reportsPaths=<job>/s/n.xml
    sonar.cs.nunit.reportsPaths=<job>/s/Tests/nunit.xml
    sonar.cs.opencover.reportsPaths=<job>/s/TestResults/1a/coverage.opencover.xml
    sonar.cs.vscoveragexml.reportsPaths=<job>/t/2b/me_agent_2026-11-30.23_50_46.xml
    sonar.cs.vstest.reportsPaths=<job>/TestResults/me.trx
    sonar.cs.xunit.reportsPaths=<job>/s/Tests/x.xml
    sonar.javascript.lcov.reportPaths=<job>/s/web/lcov.info
    sonar.vbnet.dotcover.reportsPaths=<job>/s/dotCover.html
    sonar.vbnet.ncover3.reportsPaths=<job>/s/n.xml
    sonar.vbnet.opencover.reportsPaths=<job>/s/TestResults/1a/coverage.opencover.xml
    sonar.vbnet.vscoveragexml.reportsPaths=<job>/t/2b/me_agent_2026-11-30.23_50_46.xml
    ");
    // In one language alone, of which the project files tell.
    for (languages, keys) in
        [((false, true), "sonar.vbnet."), (languages(&folders.0.path().join("s")), "sonar.cs.")]
    {
        let projects = DotnetProjects { languages, tests: Vec::new() };
        let (text, _) = folders.imported_beside(&[], &projects, SystemTime::UNIX_EPOCH);
        let own =
            text.lines().filter(|line| line.starts_with("sonar.cs.") || line.starts_with("sonar.vbnet."));
        assert!(own.clone().count() == 7 && own.clone().all(|line| line.starts_with(keys)), "{text}");
    }
}

#[test]
fn cobertura_is_rewritten_for_the_engine() {
    let mut texts = Vec::new();
    for report in [COVERLET, DETERMINISTIC, MICROSOFT] {
        let folders = Folders::new(&[("t/1a/coverage.cobertura.xml", report)]);
        assert_eq!(folders.imported(), "sonar.coverageReportPaths=<job>/record/cobertura.xml\n");
        texts.push(folders.rewritten());
    }
    assert_eq!(texts[0], texts[1]);
    let lines = |text: &str| text.matches("<lineToCover").count();
    assert_eq!((lines(&texts[0]), lines(&texts[2])), (34, 34));
    let (head, _) = texts[0].split_once("<file path=\"<job>/s/Lib/Cart.cs\">").unwrap();
    insta::assert_snapshot!(head, @r#"
    <coverage version="1">
    <file path="<job>/s/Basic/Tax.vb">
    <lineToCover lineNumber="2" covered="true"/>
    <lineToCover lineNumber="3" covered="true" branchesToCover="2" coveredBranches="1"/>
    <lineToCover lineNumber="4" covered="true"/>
    <lineToCover lineNumber="5" covered="false"/>
    <lineToCover lineNumber="6" covered="false"/>
    <lineToCover lineNumber="7" covered="true"/>
    <lineToCover lineNumber="9" covered="false"/>
    <lineToCover lineNumber="10" covered="false"/>
    <lineToCover lineNumber="11" covered="false"/>
    </file>
    "#);
    // The engine fails over a line that is not there.
    let folders = Folders::new(&[("t/1a/coverage.cobertura.xml", COVERLET)]);
    folders.write("s/Lib/Cart.cs", &"line\r\n".repeat(9));
    folders.imported();
    assert_eq!(lines(&folders.rewritten()), 34 - 19 + 2);
}

#[test]
fn each_report_counts_once_and_in_one_format() {
    let folders = Folders::new(&[
        // A TRX report has copies of what belongs to it.
        ("t/1a/coverage.cobertura.xml", COVERLET),
        ("t/me_agent_2026/In/agent/coverage.cobertura.xml", COVERLET),
        ("t/1a/coverage.opencover.xml", OPENCOVER),
        ("t/me_agent_2026/In/agent/coverage.opencover.xml", OPENCOVER),
        ("t/1a/me.coverage", "PCH"),
        ("t/2b/coverage.coverage", "PCH"),
        ("t/2b/coverage.cobertura.xml", MICROSOFT),
        ("t/3c/me.coverage", "PCHabc"),
        ("t/3c/copy.coverage", "PCHabc"),
    ]);
    let projects = DotnetProjects { languages: (true, false), tests: Vec::new() };
    let imported = |own: &[(&str, &str)]| folders.imported_beside(own, &projects, SystemTime::UNIX_EPOCH);
    let (text, binary) = imported(&[]);
    insta::assert_snapshot!(text, @r"
    sonar.coverageReportPaths=<job>/record/cobertura.xml
    sonar.cs.opencover.reportsPaths=<job>/t/1a/coverage.opencover.xml
    ");
    assert_eq!(binary, 1, "the one that is nowhere in a better format");
    assert!(folders.rewritten().contains("CartTests.cs"), "nothing is known of tests");
    for (key, left) in [
        ("sonar.vbnet.opencover.reportsPaths", "sonar.coverageReportPaths=<job>/record/cobertura.xml\n"),
        ("sonar.coverageReportPaths", "sonar.cs.opencover.reportsPaths=<job>/t/1a/coverage.opencover.xml\n"),
    ] {
        assert_eq!(imported(&[(key, "")]), (left.to_owned(), 1));
    }
    assert_eq!(imported(&[("sonar.cs.vscoveragexml.reportsPaths", "x")]).1, 0);
}

#[test]
fn what_is_older_or_of_something_else_is_not_imported() {
    let folders = Folders::new(&[("t/tests.trx", TRX), ("s/coverage.opencover.xml", OPENCOVER)]);
    let projects = DotnetProjects::default();
    let later = SystemTime::now() + Duration::from_secs(3600);
    assert_eq!(folders.imported_beside(&[], &projects, later).0, "");
    folders.write("s/coverage.opencover.xml", &OPENCOVER.replace("{sources}", "/elsewhere"));
    folders.write("s/coverage.cobertura.xml", &MICROSOFT.replace("{sources}", "/elsewhere"));
    folders.write("s/a,b/tests.trx", TRX);
    assert_eq!(folders.imported(), "sonar.cs.vstest.reportsPaths=<job>/t/tests.trx\n");
}

/// All properties together are one environment variable, whose length is limited.
#[test]
fn many_reports_are_named_by_a_pattern() {
    let folders = Folders::new(&[]);
    for number in 0..300 {
        folders.write(
            &format!("t/results of test project {number}/tests.trx"),
            &format!("{TRX}<!-- {number} -->"),
        );
    }
    assert_eq!(
        folders.imported(),
        "sonar.cs.vstest.reportsPaths=<job>/record/sonar.cs.vstest.reportsPaths/*.report\n"
    );
    let copies = std::fs::read_dir(folders.0.path().join("record/sonar.cs.vstest.reportsPaths")).unwrap();
    assert_eq!(copies.count(), 300);
    for number in 0..300 {
        let report = format!("<coverage version='1'><file path='Lib/Cart.cs'/>{number}");
        folders.write(&format!("s/project {number}/SonarQube.xml"), &report);
    }
    let places = ReportPlaces {
        base_dir: folders.0.path().join("s"),
        temporary: folders.0.path().join("nowhere"),
        test_results: None,
        clone: None,
        started: None,
        prepared: SystemTime::UNIX_EPOCH,
    };
    let (chosen, projects) = (Properties::default(), DotnetProjects::default());
    let folder = folders.0.path().join("record");
    let build = DotnetBuild { places: &places, chosen: &chosen, projects: &projects, folder: &folder };
    let error = import(&build, look(&build).0).unwrap_err().to_string();
    assert!(
        error.starts_with("the paths of the 300 reports found in the format generic coverage are too long"),
        "{error}"
    );
}
