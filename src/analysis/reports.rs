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
    /// What it is.
    pub kind: &'static Kind,
    /// Some of the source files it speaks of, as it writes them; none when it is not known to.
    pub files: Vec<String>,
    /// Folders that those may be relative to.
    pub roots: Vec<String>,
}

/// A kind of report that one analyzer reads.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// What it is, for people.
    pub format: &'static str,
    /// The property that imports it; empty when none does.
    pub property: &'static str,
    /// What the property holds.
    pub named: Named,
    /// Whether the beginning of paths may be missing: the analyzer searches for what ends like this.
    pub lenient: bool,
}

impl Kind {
    /// Whether the scanner engine fails over a report of this kind that speaks of a file outside of `sonar.tests`.
    ///
    /// Contract: observed of the engines of 10.7 and 26.9.
    pub fn is_of_tests_alone(&self) -> bool {
        std::ptr::eq(self, &GENERIC_TESTS)
    }
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

const fn exact(format: &'static str, property: &'static str) -> Kind {
    Kind { format, property, named: Named::All, lenient: false }
}

const fn lenient(format: &'static str, property: &'static str) -> Kind {
    Kind { format, property, named: Named::All, lenient: true }
}

const fn junit(property: &'static str, named: Named) -> Kind {
    Kind { format: "JUnit test report", property, named, lenient: false }
}

static JACOCO: Kind = lenient("JaCoCo coverage", "sonar.coverage.jacoco.xmlReportPaths");
static COBERTURA: Kind = exact("Cobertura coverage", "");
static COBERTURA_PYTHON: Kind = exact("Cobertura coverage", "sonar.python.coverage.reportPaths");
static COBERTURA_C: Kind = exact("Cobertura coverage", "sonar.cfamily.cobertura.reportPaths");
static COBERTURA_RUST: Kind = exact("Cobertura coverage", "sonar.rust.cobertura.reportPaths");
static GENERIC_COVERAGE: Kind = exact("generic coverage", "sonar.coverageReportPaths");
static CLOVER: Kind = exact("Clover coverage", "sonar.php.coverage.reportPaths");
static OPENCOVER: Kind = lenient("OpenCover coverage", "sonar.cs.opencover.reportsPaths");
static OPENCOVER_BASIC: Kind = lenient("OpenCover coverage", "sonar.vbnet.opencover.reportsPaths");
static VISUAL_STUDIO: Kind = exact("Visual Studio coverage", "sonar.cs.vscoveragexml.reportsPaths");
static TRX: Kind = exact("Visual Studio test report", "sonar.cs.vstest.reportsPaths");
static XUNIT: Kind = exact("xUnit.net test report", "sonar.cs.xunit.reportsPaths");
static NUNIT: Kind = exact("NUnit test report", "sonar.cs.nunit.reportsPaths");
static SCOVERAGE: Kind = exact("scoverage", "sonar.scala.coverage.reportPaths");
static GENERIC_TESTS: Kind = exact("generic test report", "sonar.testExecutionReportPaths");
static LCOV: Kind = lenient("LCOV coverage", "sonar.javascript.lcov.reportPaths");
static LCOV_OTHER: Kind = exact("LCOV coverage", "");
static LCOV_DART: Kind = lenient("LCOV coverage", "sonar.dart.lcov.reportPaths");
static LCOV_RUST: Kind = lenient("LCOV coverage", "sonar.rust.lcov.reportPaths");
static GO: Kind = exact("Go coverage", "sonar.go.coverage.reportPaths");
static GO_TESTS: Kind = exact("Go test report", "sonar.go.tests.reportPaths");
static SIMPLECOV: Kind = exact("SimpleCov coverage", "sonar.ruby.coverage.reportPaths");
static JUNIT_PYTHON: Kind = junit("sonar.python.xunit.reportPath", Named::One);
static JUNIT_PHP: Kind = junit("sonar.php.tests.reportPath", Named::One);
static JUNIT_JAVA: Kind = junit("sonar.junit.reportPaths", Named::Folders);

/// Whether a file of this name may be a report: only then is it opened.
pub fn may_be_report(name: &str) -> bool {
    const WORDS: &[&str] =
        &["cover", "jacoco", "cobertura", "clover", "junit", "test", "xunit", "nunit", "result", "report"];
    let name = name.to_ascii_lowercase();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    match extension {
        "trx" | "lcov" | "coverprofile" | "coveragexml" => true,
        // Many programs write such files: only those of Go are meant.
        "out" | "cov" => {
            has(stem, "cov")
                || has(stem, "profile")
                || matches!(&*name, "c.out" | "cp.out" | "count.out" | "go.out")
        }
        "info" => has(&name, "lcov") || has(&name, "cover"),
        "xml" => WORDS.iter().any(|word| has(&name, word)),
        "txt" => has(&name, "cover"),
        "json" => name == ".resultset.json" || has(&name, "test") || has(&name, "report"),
        _ => false,
    }
}

/// All files that a generic test report speaks of, whose whole text this is; `None` if one of them can't be told.
pub fn tested_files(text: &str) -> Option<Vec<String>> {
    let tags = text.split("<file").skip(1).filter(|tag| tag.starts_with(char::is_whitespace));
    tags.map(|tag| attribute(tag, "path").map(unescaped)).collect()
}

/// What the file `name` is that begins with `head`; `None` when it is no report.
pub fn recognise(name: &str, head: &str) -> Option<Report> {
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let mut roots = Vec::new();
    let (kind, files) = match head.as_bytes().first()? {
        _ if name == ".resultset.json" => (&SIMPLECOV, Vec::new()),
        b'<' => {
            let (root, tag) = root_element(head)?;
            let files = files_in_xml(root, head);
            if root == "coverage" {
                roots = behind_each(head, "<source>").into_iter().map(|rest| up_to(rest, '<')).collect();
            }
            let kind = kind_of_xml(name, root, tag, head, extension_of(&files))?;
            // Tests are found by the names of their classes: the files only tell the language.
            (kind, if kind.format == JUNIT_JAVA.format { Vec::new() } else { files })
        }
        b'T' | b'S' if head.starts_with("TN:") || head.starts_with("SF:") => {
            let files: Vec<_> = behind_each(head, "SF:").into_iter().map(|rest| up_to(rest, '\n')).collect();
            let kind = match extension_of(&files) {
                "dart" => &LCOV_DART,
                "rs" => &LCOV_RUST,
                "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" | "swift" | "py" | "go" | "php" => &LCOV_OTHER,
                _ => &LCOV,
            };
            (kind, files)
        }
        b'm' if ["mode: set", "mode: count", "mode: atomic"].iter().any(|mode| head.starts_with(mode)) => {
            (&GO, Vec::new())
        }
        b'{' => {
            let first = head.lines().next()?;
            let is_go = has(first, r#""Action":""#) && has(first, r#""Package":""#);
            (is_go.then_some(&GO_TESTS)?, Vec::new())
        }
        _ => return None,
    };
    Some(Report { kind, files, roots })
}

fn files_in_xml(root: &str, text: &str) -> Vec<String> {
    let attributes: &[&str] = match root {
        "coverage" => &["filename", "path"],
        "CoverageSession" => &["fullPath"],
        "testExecutions" => &["path"],
        "testsuites" | "testsuite" => &["file"],
        _ => &[],
    };
    let files = attributes.iter().map(|name| values(text, name)).find(|files| !files.is_empty());
    let in_tags =
        |begin, file: fn(&str) -> Option<String>| behind_each(text, begin).into_iter().filter_map(file);
    match (root, files) {
        (_, Some(files)) => files,
        ("coverage", None) => in_tags("<file ", |tag| attribute(tag, "name").map(str::to_owned)).collect(),
        // A class has its package in its own name.
        ("report", None) => in_tags("<class ", |tag| {
            let (package, _) = attribute(tag, "name")?.rsplit_once('/')?;
            Some(format!("{package}/{}", attribute(tag, "sourcefilename")?))
        })
        .collect(),
        _ => Vec::new(),
    }
}

fn kind_of_xml(name: &str, root: &str, tag: &str, text: &str, extension: &str) -> Option<&'static Kind> {
    Some(match root {
        // Kover writes the same without saying so.
        "report" if ["JACOCO", "<sessioninfo ", " sourcefilename="].iter().any(|mark| has(text, mark)) => {
            &JACOCO
        }
        "coverage" if has(tag, " line-rate=") => match extension {
            "py" => &COBERTURA_PYTHON,
            "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" => &COBERTURA_C,
            "rs" => &COBERTURA_RUST,
            _ => &COBERTURA,
        },
        "coverage" if attribute(tag, "version") == Some("1") => &GENERIC_COVERAGE,
        "coverage" if has(tag, " generated=") && extension == "php" => &CLOVER,
        "CoverageSession" if extension == "vb" => &OPENCOVER_BASIC,
        "CoverageSession" => &OPENCOVER,
        "results" if has(text, "<modules>") => &VISUAL_STUDIO,
        "TestRun" if has(tag, "/TeamTest/") => &TRX,
        "assemblies" => &XUNIT,
        "test-run" | "test-results" => &NUNIT,
        "scoverage" => &SCOVERAGE,
        "testExecutions" => &GENERIC_TESTS,
        // Which analyzer reads the format of JUnit depends on who wrote it.
        "testsuites" | "testsuite" if extension == "py" || has(text, "name=\"pytest\"") => &JUNIT_PYTHON,
        "testsuites" | "testsuite" if extension == "php" => &JUNIT_PHP,
        // The names that Maven and Gradle give, and the only ones that the Java analyzer looks at.
        "testsuite" if name.starts_with("TEST-") && has(text, "<testcase ") => &JUNIT_JAVA,
        _ => return None,
    })
}

/// The name of the root element, and its start tag with its end.
fn root_element(text: &str) -> Option<(&str, &str)> {
    let mut rest = text;
    loop {
        rest = &rest[rest.find('<')?..];
        let end = match rest.as_bytes().get(1)? {
            b'?' => "?>",
            b'!' if rest.starts_with("<!--") => "-->",
            b'!' => ">",
            _ => break,
        };
        rest = &rest[place_of(rest, end)?..];
    }
    let tag = &rest[..=rest.find('>')?];
    let name = &tag[1..tag.find([' ', '\t', '\r', '\n', '/', '>'])?];
    Some((name, tag))
}

/// The value of an attribute in the text that begins with its tag.
fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let tag = &text[..text.find('>')?];
    let begins = format!("{name}=\"");
    let mut start = 0;
    loop {
        let at = start + place_of(&tag[start..], &begins)?;
        start = at + begins.len();
        if at == 0 || tag[..at].ends_with([' ', '\n', '\t']) {
            let value = &tag[start..];
            return Some(&value[..value.find('"')?]);
        }
    }
}

/// Values of an attribute, wherever it is.
fn values(text: &str, name: &str) -> Vec<String> {
    behind_each(text, &format!(" {name}=\"")).into_iter().map(|rest| up_to(rest, '"')).collect()
}

/// What stands behind the first so many places of `word`.
fn behind_each<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(place) = place_of(rest, word).filter(|_| found.len() < SAMPLE) {
        rest = &rest[place + word.len()..];
        found.push(rest);
    }
    found
}

/// The text up to `end`, without its escapes.
fn up_to(text: &str, end: char) -> String {
    unescaped(text[..text.find(end).unwrap_or_default()].trim())
}

fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    if text.contains('&') {
        for (entity, letter) in
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        {
            text = text.replace(entity, letter);
        }
    }
    text
}

fn has(text: &str, word: &str) -> bool {
    place_of(text, word).is_some()
}

/// Not inlined: the search itself is large, and there are many.
#[inline(never)]
fn place_of(text: &str, word: &str) -> Option<usize> {
    text.find(word)
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
