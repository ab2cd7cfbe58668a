//! `sonar.*` properties: ordered and redacted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Analysis properties, sorted by key. `Debug` hides the values of those whose names say that they hold a secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// The value of `key`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether `key` is set to `true`, in any case.
    pub fn is_true(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// Sets `key`.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets `key` unless it is set.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_owned()).or_insert_with(|| value.into());
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Adds `other`, which wins.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Those whose keys begin with `prefix`, without it.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        let own = self.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Takes out all whose name says that they hold a secret.
    pub fn take_secrets(&mut self) -> Self {
        let (secret, plain) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| is_secret(key));
        self.0 = plain;
        Self(secret)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Whether the name of a property says that its value is a secret.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "sonar.login"
        || key.ends_with(".secured")
        || ["password", "passphrase", "secret", "token"].iter().any(|word| key.ends_with(word))
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(key, value)| (key, if is_secret(key) { "***" } else { value });
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

/// The known property that `key` was probably meant to be: one edit (a letter added, lost, changed,
/// or two swapped) away from it. `None` for known keys and for those like none.
pub fn suggestion(key: &str) -> Option<&'static str> {
    if KNOWN.contains(&key) {
        return None;
    }
    KNOWN.iter().find(|known| is_one_edit_apart(key, known)).copied()
}

fn is_one_edit_apart(a: &str, b: &str) -> bool {
    // Case alone is the commonest slip: keys are case sensitive.
    if a.eq_ignore_ascii_case(b) {
        return a != b;
    }
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let (short, long) = if a.len() <= b.len() { (&a, &b) } else { (&b, &a) };
    if long.len() - short.len() > 1 {
        return false;
    }
    let same_start = short.iter().zip(long.iter()).take_while(|(x, y)| x == y).count();
    let rest_matches = |skip_short: usize, skip_long: usize| {
        short.get(same_start + skip_short..).unwrap_or_default()
            == long.get(same_start + skip_long..).unwrap_or_default()
    };
    if long.len() > short.len() {
        return rest_matches(0, 1);
    }
    let swapped = same_start + 1 < short.len()
        && short[same_start] == long[same_start + 1]
        && short[same_start + 1] == long[same_start]
        && rest_matches(2, 2);
    rest_matches(1, 1) || swapped
}

/// Keys of SonarQube's analysis parameters (documentation pages "Analysis parameters" and "Test
/// coverage", and the scanner engine's own).
const KNOWN: &[&str] = &[
    "sonar.analysisCache.enabled",
    "sonar.androidLint.reportPaths",
    "sonar.branch.name",
    "sonar.buildString",
    "sonar.c.file.suffixes",
    "sonar.cfamily.build-wrapper-output",
    "sonar.cfamily.bullseye.reportPath",
    "sonar.cfamily.cobertura.reportPaths",
    "sonar.cfamily.compile-commands",
    "sonar.cfamily.gcov.reportsPath",
    "sonar.cfamily.llvm-cov.reportPath",
    "sonar.cfamily.threads",
    "sonar.cfamily.vscoveragexml.reportsPath",
    "sonar.coverage.exclusions",
    "sonar.coverage.jacoco.xmlReportPaths",
    "sonar.coverageReportPaths",
    "sonar.cpd.exclusions",
    "sonar.cs.dotcover.reportsPaths",
    "sonar.cs.nunit.reportsPaths",
    "sonar.cs.opencover.reportsPaths",
    "sonar.cs.vscoveragexml.reportsPaths",
    "sonar.cs.vstest.reportsPaths",
    "sonar.cs.xunit.reportsPaths",
    "sonar.dart.lcov.reportPaths",
    "sonar.dependencyCheck.htmlReportPath",
    "sonar.dependencyCheck.jsonReportPath",
    "sonar.docker.file.patterns",
    "sonar.eslint.reportPaths",
    "sonar.exclusions",
    "sonar.externalIssuesReportPaths",
    "sonar.flake8.reportPaths",
    "sonar.flex.cobertura.reportPaths",
    "sonar.go.coverage.reportPaths",
    "sonar.go.golangci-lint.reportPaths",
    "sonar.go.tests.reportPaths",
    "sonar.host.url",
    "sonar.inclusions",
    "sonar.issue.enforceSemantic",
    "sonar.issue.ignore.allfile",
    "sonar.issue.ignore.block",
    "sonar.issue.ignore.multicriteria",
    "sonar.java.binaries",
    "sonar.java.checkstyle.reportPaths",
    "sonar.java.enablePreview",
    "sonar.java.exclusions",
    "sonar.java.jdkHome",
    "sonar.java.libraries",
    "sonar.java.pmd.reportPaths",
    "sonar.java.source",
    "sonar.java.spotbugs.reportPaths",
    "sonar.java.target",
    "sonar.java.test.binaries",
    "sonar.java.test.libraries",
    "sonar.javascript.environments",
    "sonar.javascript.exclusions",
    "sonar.javascript.file.suffixes",
    "sonar.javascript.globals",
    "sonar.javascript.lcov.reportPaths",
    "sonar.javascript.maxFileSize",
    "sonar.javascript.node.maxspace",
    "sonar.junit.reportPaths",
    "sonar.kotlin.detekt.reportPaths",
    "sonar.kotlin.ktlint.reportPaths",
    "sonar.lang.patterns.js",
    "sonar.language",
    "sonar.links.ci",
    "sonar.links.homepage",
    "sonar.links.issue",
    "sonar.links.scm",
    "sonar.log.level",
    "sonar.login",
    "sonar.modules",
    "sonar.newCode.referenceBranch",
    "sonar.nodejs.executable",
    "sonar.organization",
    "sonar.password",
    "sonar.php.coverage.reportPaths",
    "sonar.php.file.suffixes",
    "sonar.php.phpstan.reportPaths",
    "sonar.php.psalm.reportPaths",
    "sonar.php.tests.reportPath",
    "sonar.plsql.file.suffixes",
    "sonar.projectBaseDir",
    "sonar.projectDate",
    "sonar.projectDescription",
    "sonar.projectKey",
    "sonar.projectName",
    "sonar.projectVersion",
    "sonar.pullrequest.base",
    "sonar.pullrequest.bitbucket.repository",
    "sonar.pullrequest.branch",
    "sonar.pullrequest.github.repository",
    "sonar.pullrequest.key",
    "sonar.pullrequest.provider",
    "sonar.pullrequest.vsts.instanceUrl",
    "sonar.pullrequest.vsts.project",
    "sonar.pullrequest.vsts.repository",
    "sonar.python.bandit.reportPaths",
    "sonar.python.coverage.reportPaths",
    "sonar.python.flake8.reportPaths",
    "sonar.python.mypy.reportPaths",
    "sonar.python.pylint.reportPaths",
    "sonar.python.ruff.reportPaths",
    "sonar.python.version",
    "sonar.python.xunit.reportPath",
    "sonar.qualitygate.timeout",
    "sonar.qualitygate.wait",
    "sonar.region",
    "sonar.ruby.coverage.reportPaths",
    "sonar.ruby.rubocop.reportPaths",
    "sonar.sarifReportPaths",
    "sonar.scala.coverage.reportPaths",
    "sonar.scala.scapegoat.reportPaths",
    "sonar.scanner.apiBaseUrl",
    "sonar.scanner.arch",
    "sonar.scanner.connectTimeout",
    "sonar.scanner.engineJarPath",
    "sonar.scanner.javaExePath",
    "sonar.scanner.javaOpts",
    "sonar.scanner.keystorePassword",
    "sonar.scanner.keystorePath",
    "sonar.scanner.metadataFilePath",
    "sonar.scanner.os",
    "sonar.scanner.proxyHost",
    "sonar.scanner.proxyPassword",
    "sonar.scanner.proxyPort",
    "sonar.scanner.proxyUser",
    "sonar.scanner.responseTimeout",
    "sonar.scanner.scanAll",
    "sonar.scanner.skip",
    "sonar.scanner.skipJreProvisioning",
    "sonar.scanner.socketTimeout",
    "sonar.scanner.sonarcloudUrl",
    "sonar.scanner.truststorePassword",
    "sonar.scanner.truststorePath",
    "sonar.scm.disabled",
    "sonar.scm.exclusions.disabled",
    "sonar.scm.forceReloadAll",
    "sonar.scm.provider",
    "sonar.scm.revision",
    "sonar.showProfiling",
    "sonar.sourceEncoding",
    "sonar.sources",
    "sonar.swift.coverage.reportPath",
    "sonar.swift.swiftLint.reportPaths",
    "sonar.terraform.file.suffixes",
    "sonar.terraform.provider.aws",
    "sonar.test.exclusions",
    "sonar.test.inclusions",
    "sonar.testExecutionReportPaths",
    "sonar.tests",
    "sonar.text.excluded.file.suffixes",
    "sonar.text.inclusions",
    "sonar.token",
    "sonar.tsql.file.suffixes",
    "sonar.typescript.exclusions",
    "sonar.typescript.file.suffixes",
    "sonar.typescript.tsconfigPath",
    "sonar.typescript.tsconfigPaths",
    "sonar.typescript.tslint.reportPaths",
    "sonar.userHome",
    "sonar.vbnet.coveragexml.reportsPaths",
    "sonar.vbnet.opencover.reportsPaths",
    "sonar.vbnet.vscoveragexml.reportsPaths",
    "sonar.vbnet.vstest.reportsPaths",
    "sonar.verbose",
    "sonar.working.directory",
    "sonar.xml.file.suffixes",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggestions() {
        for (key, expected) in [
            ("sonar.exclusions", None),
            ("sonar.exclusion", Some("sonar.exclusions")),
            ("sonar.exlcusions", Some("sonar.exclusions")),
            ("sonar.exclusionss", Some("sonar.exclusions")),
            ("sonar.exclusiond", Some("sonar.exclusions")),
            ("sonar.projectkey", Some("sonar.projectKey")),
            ("sonar.projetKey", Some("sonar.projectKey")),
            ("sonar.inclusions", None),
            ("sonar.my.own.plugin", None),
            ("my.module.sonar.sources", None),
        ] {
            assert_eq!(suggestion(key), expected, "{key}");
        }
    }

    #[test]
    fn known_keys_are_sorted_and_unique() {
        assert!(KNOWN.windows(2).all(|pair| pair[0] < pair[1]), "keep the list sorted");
    }

    #[test]
    fn secrets_are_told_by_their_names() {
        for key in
            ["sonar.token", "sonar.login", "sonar.password", "sonar.scanner.proxyPassword", "x.secured"]
        {
            assert!(is_secret(key), "{key}");
        }
        for key in ["sonar.projectKey", "sonar.tokenizer", "sonar.sources"] {
            assert!(!is_secret(key), "{key}");
        }
        let pairs = [("sonar.token", "squ_1"), ("sonar.login", "squ_2"), ("sonar.sources", "src")];
        let properties: Properties =
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let shown = format!("{properties:?}");
        assert!(!shown.contains("squ_") && shown.contains("src"), "{shown}");
    }
}
