use super::*;
use std::time::Duration;

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

    fn import(&self, own: &[(&str, &str)], since: SystemTime) -> Vec<(String, String)> {
        self.import_as(own, since, false)
    }

    fn import_as(&self, own: &[(&str, &str)], since: SystemTime, several: bool) -> Vec<(String, String)> {
        let pairs = own.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let mut properties: Properties = pairs.collect();
        import(&mut properties, &self.0.path().join("s"), &self.0.path().join("t"), since, several);
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
        ("s/b/junit.xml", PYTEST),
        ("s/target/surefire-reports/TEST-a.xml", "<testsuite><testcase name=\"x\"/>"),
        ("s/target/surefire-reports/TEST-b.xml", "<testsuite><testcase name=\"x\"/>"),
        ("s/coverage, old/lcov.info", LCOV),
        ("t/lcov.info", LCOV),
        ("t/sonar-azdo/x/lcov.info", LCOV),
        ("t/go/coverage.out", "mode: set\n"),
    ]);
    let temporary = job.0.path().join("t");
    let own = [("sonar.go.coverage.reportPaths", "")];
    assert_eq!(
        job.import(&own, SystemTime::UNIX_EPOCH),
        [
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
fn what_lies_deep_is_searched_last() {
    let job = Job::new(&[("s/a/b/c/d.xml", ""), ("s/e/f.xml", ""), ("s/z.xml", "")]);
    let mut names = Vec::new();
    let is_whole = walk(&job.0.path().join("s"), &mut |_, name| {
        names.push(name.to_owned());
        true
    });
    assert_eq!((names, is_whole), (["z.xml", "f.xml", "d.xml"].map(str::to_owned).to_vec(), true));
    assert!(!walk(job.0.path(), &mut |_, _| false));
}

#[test]
fn what_programs_print_does_not_crowd_reports_out() {
    let job = Job::new(&[("s/a/cover.out", "mode: set\n")]);
    for number in 0..MOST_OPENED {
        std::fs::write(job.0.path().join(format!("s/test{number}.out")), "").unwrap();
    }
    assert_eq!(job.import(&[], SystemTime::UNIX_EPOCH).len(), 1);
}

#[test]
fn of_several_projects_each_takes_what_speaks_of_its_files() {
    let (now, later) = (SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(3600));
    for (file, several, found) in
        [("src/a.js", true, true), ("src/b.js", true, false), ("src/b.js", false, true)]
    {
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
    assert!(job.import(&[], SystemTime::UNIX_EPOCH).is_empty());
    write("s/lcov.info", 1001);
    assert_eq!(
        job.import(&[], later),
        [("sonar.javascript.lcov.reportPaths".to_owned(), "lcov.info".to_owned())]
    );
}

#[test]
fn paths_that_match() {
    let job = Job::new(&[("s/src/a.py", "")]);
    let base = job.0.path().join("s");
    let matches = |file: &str, root: &str| {
        let report = recognise("coverage.xml", "<coverage line-rate=\"1\">").unwrap();
        matches_sources(&Report { files: vec![file.into()], roots: vec![root.into()], ..report }, &base)
    };
    assert!(matches("src/a.py", "/elsewhere"));
    assert!(matches("src\\a.py", "/elsewhere"));
    assert!(matches("a.py", &format!("{}/src", base.display())));
    assert!(matches("a.py", "src"));
    assert!(matches(&format!("{}/src/a.py", base.display()), "/elsewhere"));
    assert!(!matches("a.py", "/elsewhere"));
    assert!(!matches("/elsewhere/src/a.py", ""));
}
