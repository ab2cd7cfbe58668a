//! The kinds of reports, and the properties that import them.

/// A kind of report that one analyzer reads.
#[derive(Debug, PartialEq, Eq)]
pub struct ReportKind {
    /// What it is, for people.
    pub format: &'static str,
    /// The property that imports it; empty when none does.
    pub property: &'static str,
    /// What the property holds.
    pub value: PropertyValue,
    /// Whether the beginning of paths may be missing: the analyzer searches for what ends like this.
    pub lenient: bool,
}

impl ReportKind {
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
pub enum PropertyValue {
    /// All reports, separated by commas.
    Reports,
    /// One report.
    OneReport,
    /// The folders the reports lie in.
    FoldersOfReports,
}

const fn exact(format: &'static str, property: &'static str) -> ReportKind {
    ReportKind { format, property, value: PropertyValue::Reports, lenient: false }
}

const fn lenient(format: &'static str, property: &'static str) -> ReportKind {
    ReportKind { format, property, value: PropertyValue::Reports, lenient: true }
}

const fn junit(property: &'static str, value: PropertyValue) -> ReportKind {
    ReportKind { format: "JUnit test report", property, value, lenient: false }
}

pub(super) static JACOCO: ReportKind = lenient("JaCoCo coverage", "sonar.coverage.jacoco.xmlReportPaths");
pub(super) static COBERTURA: ReportKind = exact("Cobertura coverage", "");
pub(super) static COBERTURA_PYTHON: ReportKind =
    exact("Cobertura coverage", "sonar.python.coverage.reportPaths");
pub(super) static COBERTURA_C: ReportKind =
    exact("Cobertura coverage", "sonar.cfamily.cobertura.reportPaths");
pub(super) static COBERTURA_RUST: ReportKind =
    exact("Cobertura coverage", "sonar.rust.cobertura.reportPaths");
pub(super) static GENERIC_COVERAGE: ReportKind = exact("generic coverage", "sonar.coverageReportPaths");
pub(super) static CLOVER: ReportKind = exact("Clover coverage", "sonar.php.coverage.reportPaths");
pub(super) static OPENCOVER: ReportKind = lenient("OpenCover coverage", "sonar.cs.opencover.reportsPaths");
pub(super) static OPENCOVER_BASIC: ReportKind =
    lenient("OpenCover coverage", "sonar.vbnet.opencover.reportsPaths");
pub(super) static VISUAL_STUDIO: ReportKind =
    exact("Visual Studio coverage", "sonar.cs.vscoveragexml.reportsPaths");
pub(super) static NCOVER: ReportKind = exact("NCover coverage", "sonar.cs.ncover3.reportsPaths");
pub(super) static DOTCOVER: ReportKind = exact("dotCover coverage", "sonar.cs.dotcover.reportsPaths");
pub(super) static BINARY: ReportKind = exact("binary Visual Studio coverage", "");
pub(super) static TRX: ReportKind = exact("Visual Studio test report", "sonar.cs.vstest.reportsPaths");
pub(super) static XUNIT: ReportKind = exact("xUnit.net test report", "sonar.cs.xunit.reportsPaths");
pub(super) static NUNIT: ReportKind = exact("NUnit test report", "sonar.cs.nunit.reportsPaths");
pub(super) static SCOVERAGE: ReportKind = exact("scoverage", "sonar.scala.coverage.reportPaths");
pub(super) static GENERIC_TESTS: ReportKind = exact("generic test report", "sonar.testExecutionReportPaths");
pub(super) static LCOV: ReportKind = lenient("LCOV coverage", "sonar.javascript.lcov.reportPaths");
pub(super) static LCOV_OTHER: ReportKind = exact("LCOV coverage", "");
pub(super) static LCOV_DART: ReportKind = lenient("LCOV coverage", "sonar.dart.lcov.reportPaths");
pub(super) static LCOV_RUST: ReportKind = lenient("LCOV coverage", "sonar.rust.lcov.reportPaths");
pub(super) static GO: ReportKind = exact("Go coverage", "sonar.go.coverage.reportPaths");
pub(super) static GO_TESTS: ReportKind = exact("Go test report", "sonar.go.tests.reportPaths");
pub(super) static SIMPLECOV: ReportKind = exact("SimpleCov coverage", "sonar.ruby.coverage.reportPaths");
pub(super) static JUNIT_PYTHON: ReportKind = junit("sonar.python.xunit.reportPath", PropertyValue::OneReport);
pub(super) static JUNIT_PHP: ReportKind = junit("sonar.php.tests.reportPath", PropertyValue::OneReport);
pub(super) static JUNIT_JAVA: ReportKind = junit("sonar.junit.reportPaths", PropertyValue::FoldersOfReports);
