//! Coverage and test reports that builds leave behind: what a file is, by what it begins with, and which property
//! imports it.
//!
//! Sources: the formats' own documentation, and SonarQube's pages "Test coverage" and "Test execution
//! parameters".

mod kinds;

use self::kinds::{
    BINARY, CLOVER, COBERTURA, COBERTURA_C, COBERTURA_PYTHON, COBERTURA_RUST, DOTCOVER, GENERIC_COVERAGE,
    GENERIC_TESTS, GO, GO_TESTS, JACOCO, JUNIT_JAVA, JUNIT_PHP, JUNIT_PYTHON, LCOV, LCOV_DART, LCOV_OTHER,
    LCOV_RUST, NCOVER, NUNIT, OPENCOVER, OPENCOVER_BASIC, SCOVERAGE, SIMPLECOV, TRX, VISUAL_STUDIO, XUNIT,
};
use crate::analysis::xml::{Part, Parts, StartTag};
use std::path::Path;

pub use self::kinds::{PropertyValue, ReportKind};

/// So many bytes of a file's beginning tell what it is, and enough of the files it speaks of.
pub const HEAD: u64 = 64 * 1024;

/// So many of those files are looked at.
const SAMPLE: usize = 40;

/// A report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// What it is.
    pub kind: &'static ReportKind,
    /// Some of the source files it speaks of, as it writes them; none when it is not known to.
    pub files: Vec<String>,
    /// Folders that those may be relative to.
    pub roots: Vec<String>,
}

/// Whether a file of this name may be a report: only then is it opened.
pub fn may_be_report(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some((stem, extension)) = name.rsplit_once('.') else { return false };
    match extension {
        // What an XML file is called says little: ReportGenerator writes SonarQube.xml, Visual Studio the user's name.
        "xml" | "trx" | "lcov" | "coverprofile" | "coveragexml" => true,
        // That of coverage.py has no other name.
        "coverage" => !stem.is_empty(),
        // Many programs write such files: only those of Go are meant.
        "out" | "cov" => {
            has(stem, "cov")
                || has(stem, "profile")
                || matches!(&*name, "c.out" | "cp.out" | "count.out" | "go.out")
        }
        "info" => has(&name, "lcov") || has(&name, "cover"),
        "txt" => has(&name, "cover"),
        "json" => name == ".resultset.json" || has(&name, "test") || has(&name, "report"),
        _ => false,
    }
}

/// Whether a file of this name is opened before others, when there are too many to open all.
pub fn is_likely_report(name: &str) -> bool {
    const WORDS: &[&str] =
        &["cov", "jacoco", "cobertura", "clover", "junit", "test", "xunit", "nunit", "result", "report"];
    let name = name.to_ascii_lowercase();
    !name.ends_with(".xml") || WORDS.iter().any(|word| has(&name, word))
}

/// All files that a generic test report speaks of, whose whole text this is; `None` if one of them can't be told.
pub fn tested_files(text: &str) -> Option<Vec<String>> {
    let tags = Parts::of(text).filter_map(|part| match part {
        Part::Start(tag) if tag.name() == "file" => Some(tag),
        _ => None,
    });
    tags.map(|tag| tag.attribute("path")).collect()
}

/// All files that a report of this kind speaks of, whose whole text this is, and the folders that they may be relative
/// to.
pub fn covered_files(text: &str) -> (Vec<String>, Vec<String>) {
    let text = text.trim_start();
    if !text.starts_with('<') {
        return (files_in_lcov(text, usize::MAX), Vec::new());
    }
    let seen = Xml::read(text, usize::MAX);
    (seen.files, seen.roots)
}

/// What the file `name` is that begins with `head`; `None` when it is no report. A page may be dotCover's: the pages in
/// the folder beside it tell, of which each [`is_dotcover_page`].
pub fn recognise(name: &str, head: &str) -> Option<Report> {
    let head = head.trim_start_matches('\u{feff}').trim_start();
    let mut roots = Vec::new();
    let (kind, files) = match head.as_bytes().first()? {
        _ if name == ".resultset.json" => (&SIMPLECOV, Vec::new()),
        b'P' if head.starts_with("PCH") && name.ends_with(".coverage") => (&BINARY, Vec::new()),
        b'<' if name.to_ascii_lowercase().ends_with(".html") => {
            let begins = head.get(..15).is_some_and(|begin| begin.eq_ignore_ascii_case("<!DOCTYPE html>"));
            (begins.then_some(&DOTCOVER)?, Vec::new())
        }
        b'<' => {
            let seen = Xml::read(head, SAMPLE);
            let kind = seen.kind(name)?;
            roots = seen.roots;
            // Tests are found by the names of their classes: the files only tell the language.
            (kind, if kind.format == JUNIT_JAVA.format { Vec::new() } else { seen.files })
        }
        b'T' | b'S' if head.starts_with("TN:") || head.starts_with("SF:") => {
            let files = files_in_lcov(head, SAMPLE);
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

/// Whether this is the text of a page that shows a source file in dotCover's report.
///
/// Contract: the analyzer of C# reads the name of the file and what is covered from its title and this call.
pub fn is_dotcover_page(text: &str) -> bool {
    has(text, "highlightRanges(")
}

fn files_in_lcov(text: &str, most: usize) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.strip_prefix("SF:")?.trim().to_owned())).take(most).collect()
}

/// What was seen of an XML document, which may be cut short.
#[derive(Default)]
struct Xml {
    root: String,
    /// Attributes of the root element that tell one format from another.
    has_line_rate: bool,
    is_version_1: bool,
    is_generated: bool,
    is_ncover: bool,
    is_team_test: bool,
    /// What tells a report of JaCoCo, of Visual Studio, of xUnit.net, of tests at all, of pytest.
    has_jacoco: bool,
    has_modules: bool,
    has_assembly: bool,
    has_cases: bool,
    has_pytest: bool,
    files: Vec<String>,
    roots: Vec<String>,
}

impl Xml {
    /// Reads until so many files were seen.
    fn read(text: &str, most: usize) -> Self {
        let mut seen = Self::default();
        let mut in_source = false;
        for part in Parts::of(text) {
            match part {
                Part::Type(text) => seen.has_jacoco |= has(&text, "JACOCO"),
                Part::Start(tag) if seen.root.is_empty() => seen.root(&tag),
                Part::Start(tag) => {
                    in_source = tag.name() == "source" && seen.root == "coverage";
                    if in_source {
                        seen.roots.push(String::new());
                    }
                    seen.element(&tag);
                    if seen.files.len() >= most {
                        break;
                    }
                }
                Part::End => in_source = false,
                Part::Text(text) if in_source => {
                    seen.roots.iter_mut().last().into_iter().for_each(|root| root.push_str(text.trim()));
                }
                Part::Text(_) => {}
            }
        }
        seen
    }

    fn root(&mut self, tag: &StartTag<'_>) {
        tag.name().clone_into(&mut self.root);
        let has_attribute = |name| tag.attribute(name).is_some();
        self.has_line_rate = has_attribute("line-rate");
        self.is_version_1 = tag.attribute("version").as_deref() == Some("1");
        self.is_generated = has_attribute("generated");
        self.is_ncover = has_attribute("exportversion") || has_attribute("profilerVersion");
        self.is_team_test = tag.attribute("xmlns").is_some_and(|name| has(&name, "/TeamTest/"));
        self.has_assembly = has_attribute("timestamp");
        self.has_pytest = tag.attribute("name").as_deref() == Some("pytest");
        self.files.extend(self.file(tag));
    }

    fn element(&mut self, tag: &StartTag<'_>) {
        match tag.name() {
            "sessioninfo" => self.has_jacoco = true,
            // Kover writes the same without saying so.
            "class" | "sourcefile" => {
                self.has_jacoco |= tag.name() == "sourcefile" || tag.attribute("sourcefilename").is_some();
            }
            "modules" => self.has_modules = true,
            "assembly" => self.has_assembly = true,
            "testcase" => self.has_cases = true,
            _ => {}
        }
        self.has_pytest |= tag.name() == "testsuite" && tag.attribute("name").as_deref() == Some("pytest");
        self.files.extend(self.file(tag));
    }

    /// The file that an element speaks of.
    fn file(&self, tag: &StartTag<'_>) -> Option<String> {
        match (self.root.as_str(), tag.name()) {
            ("coverage", "class") => tag.attribute("filename"),
            // Clover names it by either.
            ("coverage", "file") => tag.attribute("path").or_else(|| tag.attribute("name")),
            ("CoverageSession", "File") => tag.attribute("fullPath"),
            ("results", "source_file") => tag.attribute("path"),
            ("testExecutions", "file") => tag.attribute("path"),
            ("testsuites" | "testsuite", _) => tag.attribute("file"),
            // A class has its package in its own name.
            ("report", "class") => {
                let (name, file) = (tag.attribute("name")?, tag.attribute("sourcefilename")?);
                Some(format!("{}/{file}", name.rsplit_once('/')?.0))
            }
            _ => None,
        }
    }

    fn kind(&self, name: &str) -> Option<&'static ReportKind> {
        let extension = extension_of(&self.files);
        Some(match self.root.as_str() {
            "report" if self.has_jacoco => &JACOCO,
            "coverage" if self.has_line_rate => match extension {
                "py" => &COBERTURA_PYTHON,
                "c" | "cc" | "cpp" | "cxx" | "h" | "hpp" | "m" => &COBERTURA_C,
                "rs" => &COBERTURA_RUST,
                _ => &COBERTURA,
            },
            "coverage" if self.is_ncover => &NCOVER,
            "coverage" if self.is_version_1 => &GENERIC_COVERAGE,
            "coverage" if self.is_generated && extension == "php" => &CLOVER,
            "CoverageSession" if extension == "vb" => &OPENCOVER_BASIC,
            "CoverageSession" => &OPENCOVER,
            "results" if self.has_modules => &VISUAL_STUDIO,
            "TestRun" if self.is_team_test => &TRX,
            "assemblies" if self.has_assembly => &XUNIT,
            "test-run" | "test-results" => &NUNIT,
            "scoverage" => &SCOVERAGE,
            "testExecutions" => &GENERIC_TESTS,
            // Which analyzer reads the format of JUnit depends on who wrote it.
            "testsuites" | "testsuite" if extension == "py" || self.has_pytest => &JUNIT_PYTHON,
            "testsuites" | "testsuite" if extension == "php" => &JUNIT_PHP,
            // The names that Maven and Gradle give, and the only ones that the Java analyzer looks at.
            "testsuite" if name.starts_with("TEST-") && self.has_cases => &JUNIT_JAVA,
            _ => return None,
        })
    }
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
pub enum PathRemedy {
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
pub fn remedy(files: &[String], sources: &[String]) -> PathRemedy {
    let mut best = (0, PathRemedy::None);
    for file in files {
        let file = file.replace('\\', "/");
        let file_name = file.rsplit('/').next().unwrap_or_default();
        for source in sources.iter().filter(|source| source.ends_with(file_name)) {
            let common = common_end(&file, source);
            if common > best.0 {
                let prefix = |text: &str| text[..text.len() - common].to_owned();
                best = (common, PathRemedy::Prefix { instead_of: prefix(&file), prefix: prefix(source) });
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
