//! Reports of every kind in every place where .NET leaves them, read by the real analyzers.

use super::Solution;
use crate::real_sonarqube::Server;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The lines of [`source`] that can be covered.
const LINES: std::ops::RangeInclusive<u32> = 7..=11;

/// A class whose file has five lines to cover.
fn source(name: &str) -> String {
    format!(
        "namespace Rates;\n\npublic static class {name}\n{{\n    public static int Of(int a)\n    {{\n        a += 1;\n        \
         a += 2;\n        a += 3;\n        a += 4;\n        return a;\n    }}\n}}\n"
    )
}

/// One line of a report for each line of the source: its number, and whether it is among the first `covered`.
fn lines(covered: u32, line: impl Fn(u32, bool) -> String) -> String {
    LINES.fold(String::new(), |mut text, number| {
        let _ = writeln!(text, "{}", line(number, number - LINES.start() < covered));
        text
    })
}

fn opencover(file: &Path, covered: u32) -> String {
    let points = lines(covered, |number, hit| {
        format!(
            "<SequencePoint vc=\"{}\" uspid=\"{number}\" ordinal=\"0\" sl=\"{number}\" sc=\"9\" el=\"{number}\" ec=\"16\" fileid=\"1\" />",
            u8::from(hit)
        )
    });
    format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<CoverageSession>\n<Modules><Module hash=\"A\"><ModuleName>Rates</ModuleName>\n\
         <Files><File uid=\"1\" fullPath='{}' /></Files>\n<Classes><Class><Methods><Method visited=\"true\">\
         <FileRef uid=\"1\" /><SequencePoints>\n{points}</SequencePoints><BranchPoints /></Method></Methods></Class></Classes>\n\
         </Module></Modules>\n</CoverageSession>\n",
        file.display()
    )
}

/// Of several files, because one such report is of a whole run of tests.
fn visual_studio(files: &[(&Path, u32)]) -> String {
    let (mut functions, mut sources) = (String::new(), String::new());
    for (id, (file, covered)) in files.iter().enumerate() {
        let ranges = lines(*covered, |number, hit| {
            let hit = if hit { "yes" } else { "no" };
            format!(
                "<range source_id=\"{id}\" covered=\"{hit}\" start_line=\"{number}\" start_column=\"9\" end_line=\"{number}\" end_column=\"16\" />"
            )
        });
        let _ =
            writeln!(functions, "<function id=\"{id}\" name=\"Of\"><ranges>\n{ranges}</ranges></function>");
        let _ = writeln!(
            sources,
            "<source_file id=\"{id}\" path=\"{}\" checksum_type=\"SHA256\" checksum=\"00\" />",
            file.display()
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<results><modules><module name=\"rates.dll\"><functions>{functions}</functions>\
         <source_files>{sources}</source_files></module></modules></results>\n"
    )
}

fn ncover(file: &Path, covered: u32) -> String {
    let points = lines(covered, |number, hit| {
        format!(
            "<seqpnt vc=\"{}\" l=\"{number}\" c=\"9\" el=\"{number}\" ec=\"16\" doc=\"1\" />",
            u8::from(hit)
        )
    });
    format!(
        "<?xml version=\"1.0\"?>\n<coverage profilerVersion=\"3.4\" exportversion=\"3\"><documents>\
         <doc id=\"1\" url=\"{}\" excluded=\"false\" /></documents><module name=\"Rates.dll\"><class name=\"NCover\">\
         <method name=\"Of\">\n{points}</method></class></module></coverage>\n",
        file.display()
    )
}

/// A page of dotCover's HTML report, which is what the analyzer reads of it.
fn dotcover(file: &Path, covered: u32) -> String {
    let ranges = lines(covered, |number, hit| format!("[{number},9,{number},16,{}],", u8::from(hit)));
    let ranges = ranges.replace('\n', "");
    format!(
        "<html><head><title>{}</title></head><body>\n<script type=\"text/javascript\">\nhighlightRanges([{}]);\n</script>\n\
         </body></html>\n",
        file.display(),
        ranges.trim_end_matches(',')
    )
}

fn cobertura(folder: &Path, file: &str, covered: u32) -> String {
    let lines = lines(covered, |number, hit| {
        format!("<line number='{number}' hits='{}' branch='False' />", u8::from(hit))
    });
    format!(
        "<?xml version='1.0' encoding='utf-8'?>\n<coverage line-rate='1' version='1.9' timestamp='1796083012'>\n\
         <sources><source>{}/</source></sources><packages><package name='Rates'><classes>\
         <class name='Rates.Cobertura' filename='{file}'><methods /><lines>\n{lines}</lines></class></classes></package></packages>\n\
         </coverage>\n",
        folder.display()
    )
}

fn trx(passed: u32) -> String {
    let results = (0..passed).fold(String::new(), |mut text, id| {
        let _ = writeln!(
            text,
            "<UnitTestResult executionId=\"{id}\" testId=\"{id}\" testName=\"T{id}\" duration=\"00:00:00.1\" outcome=\"Passed\" />"
        );
        text
    });
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<TestRun id=\"1\" xmlns=\"http://microsoft.com/schemas/VisualStudio/TeamTest/2010\">\n\
         <Times creation=\"2026-11-30T10:00:00.0+00:00\" start=\"2026-11-30T10:00:00.0+00:00\" finish=\"2026-11-30T10:00:01.0+00:00\" />\n\
         <Results>\n{results}</Results>\n<ResultSummary outcome=\"Completed\"><Counters total=\"{passed}\" executed=\"{passed}\" \
         passed=\"{passed}\" failed=\"0\" error=\"0\" timeout=\"0\" aborted=\"0\" inconclusive=\"0\" passedButRunAborted=\"0\" \
         notRunnable=\"0\" notExecuted=\"0\" disconnected=\"0\" warning=\"0\" completed=\"0\" inProgress=\"0\" pending=\"0\" />\
         </ResultSummary>\n</TestRun>\n"
    )
}

fn nunit(passed: u32) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<test-run id=\"2\" testcasecount=\"{passed}\" result=\"Passed\" total=\"{passed}\" \
         passed=\"{passed}\" failed=\"0\" inconclusive=\"0\" skipped=\"0\" asserts=\"0\" duration=\"0.5\"></test-run>\n"
    )
}

fn xunit(passed: u32) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<assemblies timestamp=\"11/30/2026 10:00:00\"><assembly name=\"Rates.dll\" \
         total=\"{passed}\" passed=\"{passed}\" failed=\"0\" skipped=\"0\" time=\"0.5\" errors=\"0\" /></assemblies>\n"
    )
}

fn write(file: PathBuf, content: &str) -> PathBuf {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, content).unwrap();
    file
}

/// Each kind is of a file of its own and covers another share of it, so that one analysis shows them all.
pub(in crate::real_sonarqube) fn reports_of_every_kind_are_found_and_imported(server: &Server) {
    let Some(mut solution) = Solution::of(server, "reports", "dotnet-mixed") else { return };
    let job = &solution.journey.job;
    std::fs::remove_dir_all(job.sources().join("web")).unwrap();
    let rates = job.sources().join("src/Rates");
    let kinds = ["OpenCover", "VisualStudio", "DotCover", "NCover", "Cobertura"];
    let file = kinds.map(|name| write(rates.join(format!("{name}.cs")), &source(name)));
    let invoice = job.sources().join("src/Legacy/Invoice.vb");

    solution.prepare(&[]).succeeded();
    solution.build();
    let job = &solution.journey.job;
    let (sources, temp, results) = (job.sources(), job.temp(), job.path("TestResults"));
    write(sources.join("TestResults/a/coverage.opencover.xml"), &opencover(&file[0], 4));
    // Of a run of last week: it says that all is covered, and does not count.
    let old = write(sources.join("TestResults/old/coverage.opencover.xml"), &opencover(&file[0], 5));
    let week_ago = SystemTime::now() - Duration::from_secs(7 * 24 * 3600);
    std::fs::File::options().write(true).open(old).unwrap().set_modified(week_ago).unwrap();
    // Line 5 to 9 of Invoice.vb are code; lines 7 to 11 of the report's pattern overlap with three of them.
    let visual_studio = visual_studio(&[(&file[1], 3), (&invoice, 2)]);
    write(temp.join("b/agent_machine_2026-11-30.xml"), &visual_studio);
    write(temp.join("agent_machine/In/machine/agent_machine_2026-11-30.xml"), &visual_studio);
    // The analyzer is given the first page, and reads those in the folder of its name.
    write(
        results.join("dotCover/report.html"),
        "<!DOCTYPE html>\n<html><head><title>Coverage</title></head></html>\n",
    );
    write(results.join("dotCover/report/src/1.html"), &dotcover(&file[2], 2));
    write(rates.join("TestResults/ncover.xml"), &ncover(&file[3], 1));
    write(temp.join("c/coverage.cobertura.xml"), &cobertura(&rates, "Cobertura.cs", 5));
    write(temp.join("agent.trx"), &trx(3));
    write(sources.join("TestResults/TestResult.xml"), &nunit(2));
    write(results.join("xunit.xml"), &xunit(4));

    solution.analyze().succeeded().says("1 VB.NET project: 1 main");
    solution.publish().succeeded();
    let coverage = solution.by_file(server, "coverage");
    let of = |name: &str| coverage.get(&format!("src/Rates/{name}.cs")).map(String::as_str);
    let found = kinds.map(|name| (name, of(name)));
    let expected = [
        ("OpenCover", Some("80.0")),
        ("VisualStudio", Some("60.0")),
        ("DotCover", Some("40.0")),
        ("NCover", Some("20.0")),
        ("Cobertura", Some("100.0")),
    ];
    assert_eq!(found, expected, "{coverage:?}");
    assert_eq!(coverage.get("src/Legacy/Invoice.vb").map(String::as_str), Some("40.0"), "{coverage:?}");
    assert_eq!(solution.project.measure("tests"), "9");
}
