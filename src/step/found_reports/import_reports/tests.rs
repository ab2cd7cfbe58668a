use super::super::report_search::MOST_OPENED;
use super::*;
use crate::analysis::report_formats::{HEAD, Report, recognise};
use std::time::{Duration, SystemTime};

/// A project below a folder with a temporary one beside it.
struct Job(tempfile::TempDir);

impl Job {
    fn new(files: &[(&str, &str)]) -> Self {
        let job = Self(tempfile::tempdir().unwrap());
        for (path, content) in files {
            let file = job.0.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
        job
    }

    fn places(&self, prepared: SystemTime) -> ReportPlaces {
        let base_dir = self.0.path().join("s");
        ReportPlaces {
            clone: Some(base_dir.clone()).filter(|folder| folder.join(".git").exists()),
            base_dir,
            temporary: self.0.path().join("t"),
            test_results: Some(self.0.path().join("TestResults")),
            started: None,
            prepared,
        }
    }

    fn import(&self, own: &[(&str, &str)], since: SystemTime) -> Vec<(String, String)> {
        self.import_as(own, since, false)
    }

    fn import_as(&self, own: &[(&str, &str)], since: SystemTime, several: bool) -> Vec<(String, String)> {
        let pairs = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut properties: Properties = pairs.collect();
        import(&mut properties, &self.places(since), several);
        properties.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }
}

const LCOV: &str = "SF:src/a.js\n";
const PYTEST: &str = "<testsuites><testsuite name=\"pytest\">";

#[test]
fn reports_of_sources_and_temporary_folder_are_imported() {
    let job = Job::new(&[
        ("s/src/a.js", ""),
        ("s/web/coverage/lcov.info", LCOV),
        ("s/node_modules/x/coverage/lcov.info", LCOV),
        ("s/a/junit.xml", PYTEST),
        ("s/b/junit.xml", &format!("{PYTEST}<testcase name='x'/>")),
        ("s/target/surefire-reports/TEST-a.xml", "<testsuite><testcase name=\"x\"/>"),
        ("s/target/surefire-reports/TEST-b.xml", "<testsuite><testcase name=\"x\"/>"),
        ("s/coverage, old/lcov.info", "SF:src/a.js\nDA:1,1\n"),
        ("t/lcov.info", "TN:\nSF:src/a.js\n"),
        ("t/copy/lcov.info", LCOV),
        ("TestResults/cov.xml", "<coverage version='1'><file path='src/a.js'/></coverage>"),
        ("t/sonar-azdo/x/lcov.info", LCOV),
        ("t/go/coverage.out", "mode: set\n"),
    ]);
    let temporary = job.0.path().join("t");
    let own = [("sonar.go.coverage.reportPaths", "")];
    let results = job.0.path().join("TestResults");
    assert_eq!(
        job.import(&own, SystemTime::UNIX_EPOCH),
        [
            ("sonar.coverageReportPaths", &*results.join("cov.xml").display().to_string()),
            ("sonar.go.coverage.reportPaths", ""),
            (
                "sonar.javascript.lcov.reportPaths",
                &format!("web/coverage/lcov.info,{}/lcov.info", temporary.display())
            ),
            ("sonar.junit.reportPaths", "target/surefire-reports"),
            ("sonar.python.xunit.reportPath", "a/junit.xml"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

/// The engine fails over such a report, unless each file in it is known to be a test.
#[test]
fn a_generic_test_report_counts_where_its_files_are_tests() {
    let report = "<testExecutions version=\"1\"><file path=\"spec/a_test.py\"/><file path=\"gone.py\"/>";
    let job = Job::new(&[("s/spec/a_test.py", ""), ("s/out/test-report.xml", report)]);
    for (tests, found) in [("", false), ("src, spec", true), ("./spec/", true), (".", true), ("spe", false)] {
        let imported = job.import(&[("sonar.tests", tests)], SystemTime::UNIX_EPOCH);
        let expected = ("sonar.testExecutionReportPaths".to_owned(), "out/test-report.xml".to_owned());
        assert_eq!(imported.contains(&expected), found, "{tests}");
    }

    // The last of many files, beyond what tells the kind; and one that is written in a way not understood.
    let source = "<testCase name=\"x\" duration=\"1\"/></file><file path=\"src/a.py\"/>";
    let many = "<file path=\"spec/a_test.py\"/>".repeat(40);
    let long = format!("<file path=\"spec/a_test.py\"/>{}", " ".repeat(HEAD as usize));
    for (files, found) in [
        (format!("{many}{source}"), false),
        (format!("{long}{source}"), false),
        ("<file path='src/a.py'/>".to_owned(), false),
        ("<file name='spec/a_test.py'/>".to_owned(), false),
        (many, true),
        (long, true),
    ] {
        let report = format!("<testExecutions version=\"1\">{files}</testExecutions>");
        let job = Job::new(&[("s/spec/a_test.py", ""), ("s/src/a.py", ""), ("s/test-report.xml", &report)]);
        let imported = job.import(&[("sonar.tests", "spec")], SystemTime::UNIX_EPOCH);
        assert_eq!(imported.len() == 2, found, "{} {imported:?}", &report[..80]);
    }
}

#[test]
fn what_programs_print_does_not_crowd_reports_out() {
    let job = Job::new(&[("s/a/cover.out", "mode: set\n")]);
    for number in 0..MOST_OPENED {
        std::fs::write(job.0.path().join(format!("s/test{number}.out")), "").unwrap();
        std::fs::write(job.0.path().join(format!("s/a/{number}.xml")), "<doc/>").unwrap();
    }
    assert_eq!(job.import(&[], SystemTime::UNIX_EPOCH).len(), 1);
}

#[test]
fn of_several_projects_each_takes_what_speaks_of_its_files() {
    let (now, later) = (SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(3600));
    for (file, several, found) in [
        ("src/a.js", true, true),
        ("src/a.js", false, true),
        ("src/b.js", true, false),
        ("src/b.js", false, false),
    ] {
        let job = Job::new(&[(&format!("s/{file}"), ""), ("t/lcov.info", LCOV), ("t/junit.xml", PYTEST)]);
        let lcov = |since| {
            let imported = job.import_as(&[], since, several);
            assert_eq!(imported.iter().any(|(key, _)| key.contains("xunit")), !several);
            imported.iter().any(|(key, _)| key.contains("lcov"))
        };
        assert_eq!((lcov(now), lcov(later)), (found, found), "{file} {several}");
    }
}

#[test]
fn what_came_with_the_repository_is_no_report_of_the_build() {
    let job = Job::new(&[("s/fixtures/lcov.info", LCOV), ("s/src/a.js", "")]);
    let later = SystemTime::now() + Duration::from_secs(3600);
    assert!(job.import(&[], later).is_empty());
    // The time of the checkout counts, where it is known.
    let write = |path: &str, seconds| {
        let path = job.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, LCOV).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        std::fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    };
    write("s/fixtures/lcov.info", 1000);
    write("s/.git/HEAD", 1000);
    assert!(job.import(&[], later).is_empty());
    write("s/lcov.info", 1001);
    let found = [("sonar.javascript.lcov.reportPaths".to_owned(), "lcov.info".to_owned())];
    assert_eq!(job.import(&[], later), found);
    // A later commit or checkout writes HEAD anew, a later fetch FETCH_HEAD: the report is older than each of them then.
    write("s/.git/FETCH_HEAD", 1000);
    write("s/.git/HEAD", 2000);
    assert_eq!(job.import(&[], later), found);
    write("s/.git/FETCH_HEAD", 2000);
    assert!(job.import(&[], later).is_empty());
    let log = "0 1 Ann B <ann@example.com> 900 +0100\tcheckout: moving from main to 1\n\
               1 2 Ann B <ann@example.com> 2000 +0100\tcommit: version\n";
    std::fs::create_dir_all(job.0.path().join("s/.git/logs")).unwrap();
    std::fs::write(job.0.path().join("s/.git/logs/HEAD"), log).unwrap();
    std::fs::remove_file(job.0.path().join("s/fixtures/lcov.info")).unwrap();
    assert_eq!(job.import(&[], later), found);
    // What an earlier build left where the agent uses its clone again.
    let mut places = job.places(later);
    places.started = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1500));
    let mut properties = Properties::default();
    import(&mut properties, &places, false);
    assert!(properties.is_empty());
}

#[expect(clippy::disallowed_methods, reason = "what a test starts")]
fn git(folder: &Path, arguments: &[&str]) {
    let mut git = std::process::Command::new("git");
    git.args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]).args(arguments);
    let output = git.current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

/// The checkout may write a sample after all that tells its time; and a build may commit.
#[test]
fn what_the_checkout_wrote_is_no_report_whenever_it_did() {
    let job =
        Job::new(&[("s/src/a.js", ""), ("s/samples/lcov.info", LCOV), ("s/changed.info", ""), ("t/x", "")]);
    let sources = job.0.path().join("s");
    git(&sources, &["init", "--quiet"]);
    std::fs::write(sources.join("lcov.info"), "TN:\nSF:src/a.js\n").unwrap();
    git(&sources, &["add", "."]);
    git(&sources, &["commit", "--quiet", "-m", "first"]);
    std::fs::write(sources.join("lcov.info"), "TN:\nSF:src/a.js\nDA:1,1\n").unwrap();
    std::fs::write(sources.join("src/lcov.info"), "TN:\nSF:src/a.js\nDA:2,1\n").unwrap();
    std::fs::write(sources.join("src/b.js"), "").unwrap();
    git(&sources, &["add", "src/b.js"]);
    git(&sources, &["commit", "--quiet", "-m", "second"]);
    git(&sources, &["checkout", "--quiet", "--detach"]);
    assert_eq!(
        job.import(&[], SystemTime::UNIX_EPOCH),
        [("sonar.javascript.lcov.reportPaths".to_owned(), "lcov.info,src/lcov.info".to_owned())]
    );
}

/// A report of the build of one module has paths relative to it.
#[test]
fn each_module_gets_what_it_can_find() {
    let job = Job::new(&[
        ("s/web/src/a.js", ""),
        ("s/web/coverage/lcov.info", LCOV),
        ("s/api/src/main/java/org/A.java", ""),
        (
            "s/api/target/jacoco.xml",
            "<report><package name='org'><class name='org/A' sourcefilename='A.java'/>",
        ),
        ("s/api/report/lcov.info", "SF:web/src/a.js\n"),
        ("s/lost/lcov.info", "SF:src/lost.js\n"),
    ]);
    let base = job.0.path().join("s");
    let folder = |name: &str| base.join(name).display().to_string();
    let own = [
        ("api.sonar.projectBaseDir", &*folder("api")),
        ("sonar.modules", "web,api"),
        ("web.sonar.projectBaseDir", &*folder("web")),
    ];
    let imported = job.import(&own, SystemTime::UNIX_EPOCH);
    let expected = [
        ("api.sonar.coverage.jacoco.xmlReportPaths", folder("api/target/jacoco.xml")),
        ("sonar.javascript.lcov.reportPaths", folder("api/report/lcov.info")),
        (
            "web.sonar.javascript.lcov.reportPaths",
            format!("{},{}", folder("web/coverage/lcov.info"), folder("api/report/lcov.info")),
        ),
    ];
    let imported: Vec<_> = imported.iter().filter(|(key, _)| key.contains("eportPaths")).cloned().collect();
    assert_eq!(imported, expected.map(|(key, value)| (key.to_owned(), value)));
}

#[test]
fn a_report_of_no_source_file_is_not_imported() {
    let generated: String =
        (0..2000).map(|number| format!("SF:gen/{number}.js\nDA:1,1,1,1,1,1,1,1,1\n")).collect();
    let job = Job::new(&[
        ("s/src/a.js", ""),
        ("s/lcov.info", "SF:/elsewhere/b.js\n"),
        ("s/long/lcov.info", &format!("{generated}SF:src/a.js\n")),
    ]);
    assert!(std::fs::metadata(job.0.path().join("s/long/lcov.info")).unwrap().len() > HEAD);
    assert_eq!(
        job.import(&[], SystemTime::UNIX_EPOCH),
        [("sonar.javascript.lcov.reportPaths".to_owned(), "long/lcov.info".to_owned())]
    );
}

/// Neither a pipe that nobody writes to nor a link to what never ends is read.
#[cfg(unix)]
#[test]
fn only_regular_files_are_reports() {
    let job = Job::new(&[("s/src/a.js", ""), ("other/lcov.info", LCOV)]);
    let in_sources = |name: &str| job.0.path().join("s").join(name);
    rustix::fs::mkfifoat(rustix::fs::CWD, in_sources("coverage.xml"), rustix::fs::Mode::RWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", in_sources("test.trx")).unwrap();
    std::os::unix::fs::symlink(job.0.path().join("other"), in_sources("folder")).unwrap();
    std::os::unix::fs::symlink(job.0.path().join("other/lcov.info"), in_sources("lcov.info")).unwrap();
    assert!(job.import(&[], SystemTime::UNIX_EPOCH).is_empty());
    // Also where they take the place of a report that was found.
    for name in ["coverage.xml", "test.trx"] {
        assert_eq!(read(&in_sources(name), LARGEST), None, "{name}");
    }
    let large = in_sources("large.xml");
    std::fs::write(&large, "<coverage version='1'><file path='src/a.js'/>").unwrap();
    std::fs::File::options().write(true).open(&large).unwrap().set_len(LARGEST + 1).unwrap();
    assert!(job.import(&[], SystemTime::UNIX_EPOCH).is_empty());
}

#[test]
fn paths_that_match() {
    let job = Job::new(&[("s/src/a.py", ""), ("s/src/b/c.py", ""), ("s/d/b/c.py", "")]);
    let base = job.0.path().join("s");
    let matches = |file: &str, root: &str| {
        let report = recognise("coverage.xml", "<coverage line-rate=\"1\">").unwrap();
        let report = Report { files: vec![file.into()], roots: vec![root.into()], ..report };
        SourceFiles::new(&base, []).are_in(&FoundReport { path: base.join("coverage.xml"), size: 1, report })
    };
    std::fs::write(base.join("coverage.xml"), "<coverage line-rate='1'><class filename='x'/>").unwrap();
    assert!(matches("src/a.py", "/elsewhere"));
    assert!(matches("src\\a.py", "/elsewhere"));
    assert!(matches("a.py", &format!("{}/src", base.display())));
    assert!(matches("a.py", "src"));
    assert!(matches(&format!("{}/src/a.py", base.display()), "/elsewhere"));
    assert!(!matches("a.py", "/elsewhere"));
    assert!(!matches("/elsewhere/src/a.py", ""));
    assert!(!matches("../s/src/../../x", ""));
    let find = |file: &str| SourceFiles::new(&base, []).find(file, &[]).unwrap_or_default();
    assert_eq!(find("/_/src/a.py"), "src/a.py");
    assert_eq!(find("/_1/a.py"), "src/a.py", "a submodule's");
    assert_eq!(find("/_12/b/c.py"), "", "of which of both?");
    assert_eq!(find("/x/a.py"), "");
    assert_eq!(find(&base.join("src/a.py").display().to_string()), "src/a.py");
}
