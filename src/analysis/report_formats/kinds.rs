//! The kinds of reports, and the properties that import them.

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

    /// Whether it tells coverage.
    pub fn is_coverage(&self) -> bool {
        self.format.contains("coverage")
    }

    /// Whether it is Cobertura's, of whichever language.
    pub fn is_cobertura(&self) -> bool {
        self.format == COBERTURA.format
    }

    /// Whether it is the binary one that only Microsoft's programs read.
    pub fn is_binary(&self) -> bool {
        std::ptr::eq(self, &BINARY)
    }

    /// The name that its property has after `sonar.cs.` and `sonar.vbnet.`, where those analyzers read it.
    pub fn of_dotnet(&self) -> Option<&'static str> {
        self.property.strip_prefix("sonar.cs.").or_else(|| self.property.strip_prefix("sonar.vbnet."))
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

pub(super) static JACOCO: Kind = lenient("JaCoCo coverage", "sonar.coverage.jacoco.xmlReportPaths");
pub(super) static COBERTURA: Kind = exact("Cobertura coverage", "");
pub(super) static COBERTURA_PYTHON: Kind = exact("Cobertura coverage", "sonar.python.coverage.reportPaths");
pub(super) static COBERTURA_C: Kind = exact("Cobertura coverage", "sonar.cfamily.cobertura.reportPaths");
pub(super) static COBERTURA_RUST: Kind = exact("Cobertura coverage", "sonar.rust.cobertura.reportPaths");
pub(super) static GENERIC_COVERAGE: Kind = exact("generic coverage", "sonar.coverageReportPaths");
pub(super) static CLOVER: Kind = exact("Clover coverage", "sonar.php.coverage.reportPaths");
pub(super) static OPENCOVER: Kind = lenient("OpenCover coverage", "sonar.cs.opencover.reportsPaths");
pub(super) static OPENCOVER_BASIC: Kind = lenient("OpenCover coverage", "sonar.vbnet.opencover.reportsPaths");
pub(super) static VISUAL_STUDIO: Kind =
    exact("Visual Studio coverage", "sonar.cs.vscoveragexml.reportsPaths");
pub(super) static NCOVER: Kind = exact("NCover coverage", "sonar.cs.ncover3.reportsPaths");
pub(super) static DOTCOVER: Kind = exact("dotCover coverage", "sonar.cs.dotcover.reportsPaths");
pub(super) static BINARY: Kind = exact("binary Visual Studio coverage", "");
pub(super) static TRX: Kind = exact("Visual Studio test report", "sonar.cs.vstest.reportsPaths");
pub(super) static XUNIT: Kind = exact("xUnit.net test report", "sonar.cs.xunit.reportsPaths");
pub(super) static NUNIT: Kind = exact("NUnit test report", "sonar.cs.nunit.reportsPaths");
pub(super) static SCOVERAGE: Kind = exact("scoverage", "sonar.scala.coverage.reportPaths");
pub(super) static GENERIC_TESTS: Kind = exact("generic test report", "sonar.testExecutionReportPaths");
pub(super) static LCOV: Kind = lenient("LCOV coverage", "sonar.javascript.lcov.reportPaths");
pub(super) static LCOV_OTHER: Kind = exact("LCOV coverage", "");
pub(super) static LCOV_DART: Kind = lenient("LCOV coverage", "sonar.dart.lcov.reportPaths");
pub(super) static LCOV_RUST: Kind = lenient("LCOV coverage", "sonar.rust.lcov.reportPaths");
pub(super) static GO: Kind = exact("Go coverage", "sonar.go.coverage.reportPaths");
pub(super) static GO_TESTS: Kind = exact("Go test report", "sonar.go.tests.reportPaths");
pub(super) static SIMPLECOV: Kind = exact("SimpleCov coverage", "sonar.ruby.coverage.reportPaths");
pub(super) static JUNIT_PYTHON: Kind = junit("sonar.python.xunit.reportPath", Named::One);
pub(super) static JUNIT_PHP: Kind = junit("sonar.php.tests.reportPath", Named::One);
pub(super) static JUNIT_JAVA: Kind = junit("sonar.junit.reportPaths", Named::Folders);
