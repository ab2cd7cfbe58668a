//! Coverage and test reports that builds leave behind: what a file is, by its name and its first bytes, and
//! which property imports it.
//!
//! Sources: the formats' own documentation, and SonarQube's pages "Test coverage" and "Test execution
//! parameters".

use std::path::Path;

/// So many bytes of a file's beginning tell what it is, and enough of the files it speaks of.
pub const HEAD: u64 = 64 * 1024;

/// So many of those files are looked at.
const SAMPLE: usize = 40;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is, for people.
    pub format: &'static str,
    /// The property that imports it; `None` when SonarQube can't.
    pub property: Option<&'static str>,
    /// How the property names it.
    pub named: Named,
    /// Some of the source files it speaks of, as it writes them; none when it is not known to.
    pub files: Vec<String>,
    /// Folders that those may be relative to.
    pub roots: Vec<String>,
    /// Whether the beginning of their paths may be missing: the analyzer searches for what ends like this.
    pub lenient: bool,
}

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// All reports, separated by commas.
    All,
    /// One report.
    One,
    /// The folders the reports lie in.
    Folders,
}

/// Whether a file of this name may be a report: only then is it opened.
pub fn may_be_report(name: &str) -> bool {
    const WORDS: &[&str] =
        &["cover", "jacoco", "cobertura", "clover", "junit", "test", "xunit", "nunit", "result"];
    let name = name.to_ascii_lowercase();
    let Some((_, extension)) = name.rsplit_once('.') else { return false };
    match extension {
        "trx" | "lcov" | "coverprofile" => true,
        "info" => name.contains("lcov"),
        "xml" => WORDS.iter().any(|word| name.contains(word)),
        "out" | "txt" => name.contains("cover"),
        "json" => name == ".resultset.json" || name.contains("test"),
        _ => false,
    }
}

/// What the file `name` is that begins with `head`; `None` when it is no report.
pub fn recognise(name: &str, head: &str) -> Option<Report> {
    let head = head.trim_start_matches('\u{feff}').trim_start();
    if name == ".resultset.json" {
        return Some(report("SimpleCov coverage", "sonar.ruby.coverage.reportPaths"));
    }
    if head.starts_with('<') {
        return xml(name, head);
    }
    if head.starts_with("TN:") || head.starts_with("SF:") {
        let files = sample(head.lines().filter_map(|line| line.strip_prefix("SF:")));
        let property = match extension_of(&files) {
            "dart" => "sonar.dart.lcov.reportPaths",
            "rs" => "sonar.rust.lcov.reportPaths",
            _ => "sonar.javascript.lcov.reportPaths",
        };
        return Some(Report { files, lenient: true, ..report("LCOV coverage", property) });
    }
    if ["mode: set", "mode: count", "mode: atomic"].iter().any(|mode| head.starts_with(mode)) {
        return Some(report("Go coverage", "sonar.go.coverage.reportPaths"));
    }
    let first = head.lines().next().unwrap_or_default();
    let is_go_test =
        first.starts_with('{') && [r#""Action":""#, r#""Package":""#].iter().all(|key| first.contains(key));
    is_go_test.then(|| report("Go test report", "sonar.go.tests.reportPaths"))
}

fn report(format: &'static str, property: &'static str) -> Report {
    let named = Named::All;
    Report { format, property: Some(property), named, files: Vec::new(), roots: Vec::new(), lenient: false }
}

fn xml(name: &str, text: &str) -> Option<Report> {
    let (root, tag) = root_element(text)?;
    Some(match root {
        "report" if text.contains("JACOCO") || text.contains("<sessioninfo ") => {
            // A class has its package in its own name.
            let files = text.split("<class ").skip(1).filter_map(|class| {
                let (package, _) = attribute(class, "name")?.rsplit_once('/')?;
                Some(format!("{package}/{}", attribute(class, "sourcefilename")?))
            });
            let files = files.take(SAMPLE).collect();
            Report {
                files,
                lenient: true,
                ..report("JaCoCo coverage", "sonar.coverage.jacoco.xmlReportPaths")
            }
        }
        "coverage" if tag.contains(" line-rate=") => cobertura(text),
        "coverage" if attribute(tag, "version") == Some("1") => {
            Report { files: values(text, "path"), ..report("generic coverage", "sonar.coverageReportPaths") }
        }
        "coverage" if tag.contains(" generated=") => {
            let files =
                values(text, "name").into_iter().filter(|file| file.ends_with(".php")).collect::<Vec<_>>();
            if files.is_empty() {
                return None;
            }
            Report { files, ..report("Clover coverage", "sonar.php.coverage.reportPaths") }
        }
        "CoverageSession" => {
            let files = values(text, "fullPath");
            let property = match extension_of(&files) {
                "vb" => "sonar.vbnet.opencover.reportsPaths",
                _ => "sonar.cs.opencover.reportsPaths",
            };
            Report { files, lenient: true, ..report("OpenCover coverage", property) }
        }
        "results" if text.contains("<modules>") => {
            report("Visual Studio coverage", "sonar.cs.vscoveragexml.reportsPaths")
        }
        "TestRun" if tag.contains("/TeamTest/") => {
            report("Visual Studio test report", "sonar.cs.vstest.reportsPaths")
        }
        "assemblies" => report("xUnit.net test report", "sonar.cs.xunit.reportsPaths"),
        "test-run" | "test-results" => report("NUnit test report", "sonar.cs.nunit.reportsPaths"),
        "scoverage" => report("scoverage", "sonar.scala.coverage.reportPaths"),
        "testExecutions" => Report {
            files: values(text, "path"),
            ..report("generic test report", "sonar.testExecutionReportPaths")
        },
        "testsuites" | "testsuite" => return junit(name, text),
        _ => return None,
    })
}

fn cobertura(text: &str) -> Report {
    let files = values(text, "filename");
    let roots =
        text.split("<source>").skip(1).filter_map(|rest| Some(unescape(rest.split_once('<')?.0.trim())));
    let roots = roots.collect();
    let property = match extension_of(&files) {
        "py" => Some("sonar.python.coverage.reportPaths"),
        "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" => Some("sonar.cfamily.cobertura.reportPaths"),
        "rs" => Some("sonar.rust.cobertura.reportPaths"),
        _ => None,
    };
    Report { property, files, roots, ..report("Cobertura coverage", "") }
}

/// Test reports in the format of JUnit: which analyzer reads one depends on who wrote it.
fn junit(name: &str, text: &str) -> Option<Report> {
    let one = |property| Report { named: Named::One, ..report("JUnit test report", property) };
    match extension_of(&values(text, "file")) {
        "py" => return Some(one("sonar.python.xunit.reportPath")),
        "php" => return Some(one("sonar.php.tests.reportPath")),
        _ => {}
    }
    if text.contains("name=\"pytest\"") {
        return Some(one("sonar.python.xunit.reportPath"));
    }
    // The names that Maven and Gradle give, and the only ones that the Java analyzer looks at.
    let of_java = name.starts_with("TEST-") && text.contains("<testcase ");
    of_java
        .then(|| Report { named: Named::Folders, ..report("JUnit test report", "sonar.junit.reportPaths") })
}

/// The name of the root element, and its start tag.
fn root_element(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')?..];
        rest = match rest.as_bytes().get(1)? {
            b'?' => &rest[rest.find("?>")?..],
            b'!' if rest.starts_with("<!--") => &rest[rest.find("-->")?..],
            b'!' => &rest[rest.find('>')?..],
            _ => break,
        };
    }
    let tag = &rest[..rest.find('>')?];
    let name = tag[1..].split(|c: char| c.is_whitespace() || c == '/').next()?;
    Some((name, tag))
}

/// The value of an attribute in the text that begins with its tag.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let tag = text.split('>').next()?;
    let begins = format!("{name}=\"");
    let mut places = tag.match_indices(&begins).map(|(at, _)| at);
    let at = places.find(|at| *at == 0 || tag[..*at].ends_with(char::is_whitespace))?;
    tag[at + begins.len()..].split('"').next()
}

/// Values of an attribute, wherever it is.
fn values(text: &str, name: &str) -> Vec<String> {
    let begins = format!(" {name}=\"");
    sample(text.split(&begins).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0)))
}

/// The first ones that differ from the one before.
fn sample<'a>(files: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut sample: Vec<String> = Vec::new();
    for file in files.map(str::trim).filter(|file| !file.is_empty()) {
        if sample.len() == SAMPLE {
            break;
        }
        let file = unescape(file);
        if sample.last() != Some(&file) {
            sample.push(file);
        }
    }
    sample
}

fn unescape(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

fn extension_of(files: &[String]) -> &str {
    files
        .first()
        .and_then(|file| Path::new(file).extension())
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// What would make a report's paths match, when none does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Their beginning must be replaced. Both parts end with `/`, or are empty.
    Prefix {
        /// What stands there.
        instead_of: String,
        /// What should.
        prefix: String,
    },
    /// No source file has such a name.
    None,
}

/// How the paths of a report would match: by the longest common end that one of them has with one of
/// `sources`, paths with `/`.
pub fn remedy(files: &[String], sources: &[String]) -> Remedy {
    let mut best = (0, Remedy::None);
    for file in files {
        let file = file.replace('\\', "/");
        let file_name = file.rsplit('/').next().unwrap_or_default();
        for source in sources.iter().filter(|source| source.ends_with(file_name)) {
            let common = common_end(&file, source);
            if common > best.0 {
                let prefix = |text: &str| text[..text.len() - common].to_owned();
                best = (common, Remedy::Prefix { instead_of: prefix(&file), prefix: prefix(source) });
            }
        }
    }
    best.1
}

/// Bytes of the longest end that both paths have in common, in whole names.
fn common_end(a: &str, b: &str) -> usize {
    let names = a.rsplit('/').zip(b.rsplit('/')).take_while(|(a, b)| a == b && !a.is_empty());
    let (count, bytes) = names.fold((0, 0), |(count, bytes), (name, _)| (count + 1, bytes + name.len()));
    if count == 0 { 0 } else { bytes + count - 1 }
}

#[cfg(test)]
mod tests;
