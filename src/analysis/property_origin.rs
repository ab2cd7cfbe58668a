//! Who may set a property.
//!
//! A settings file lies in the repository: whoever opens a pull request writes it. Whatever the scanner starts can read the
//! server's token. So a settings file must not choose what is started, where the token goes or which branch is judged, and
//! it must not skip the analysis. This table says who may, and every reader of properties asks it.
//!
//! A property that is missing here may be set by the repository: a missing row gives the token away, or turns a red gate
//! green. When SonarSource adds an analyzer, look for its properties that name a program, a library or a server.

use SetElsewhere::{BranchInput, Condition, ExtraProperties};
use std::fmt;

/// Who sets a property. The order counts: each may set what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setter {
    /// A file of the repository: a settings file, the settings file of a module.
    Repository,
    /// A variable of the job, such as `SONAR_SCANNER_JAVA_OPTS`. Any step of the job can set one.
    Job,
    /// The inputs of SonarPrepare, `extraProperties` among them.
    Pipeline,
    /// The service connection, and what follows from it.
    Connection,
}

/// The repository may set it if the input `trustSettingsFile` is true.
const IF_TRUSTED: bool = true;
/// The repository may not set it, whatever the inputs say.
const NEVER: bool = false;

/// Where to set a property that its source may not set. `Display` is a sentence for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetElsewhere {
    /// Nobody sets it but the service connection.
    Connection,
    /// A condition of the three tasks does what `sonar.scanner.skip` is meant to do.
    Condition,
    /// The input `branch`, or `extraProperties`.
    BranchInput,
    /// `extraProperties`.
    ExtraProperties,
}

impl fmt::Display for SetElsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection => "The service connection sets it.",
            Self::Condition => {
                "Give the three tasks a condition, or set it in extraProperties of SonarPrepare."
            }
            Self::BranchInput => "Use the input branch of SonarPrepare, or set it in extraProperties.",
            Self::ExtraProperties => "Set it in extraProperties of SonarPrepare.",
        })
    }
}

struct Row {
    /// `*` stands for any letters.
    pattern: &'static str,
    setter: Setter,
    trusted: bool,
    remedy: SetElsewhere,
}

const fn row(pattern: &'static str, setter: Setter, trusted: bool, remedy: SetElsewhere) -> Row {
    Row { pattern, setter, trusted, remedy }
}

/// The first row that matches counts, so that exceptions stand above the pattern they are excepted from.
const TABLE: &[Row] = &[
    // They decide where the token goes.
    row("sonar.host.url", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.token", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.login", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.password", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.region", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.scanner.apiBaseUrl", Setter::Connection, NEVER, SetElsewhere::Connection),
    row("sonar.scanner.sonarcloudUrl", Setter::Connection, NEVER, SetElsewhere::Connection),
    // A skipped analysis passes. A variable may set this, because any step can set one; the verdict is then `no-report`.
    row("sonar.scanner.skip", Setter::Job, NEVER, Condition),
    row("sonar.scanner.connectTimeout", Setter::Repository, NEVER, SetElsewhere::Connection),
    row("sonar.scanner.responseTimeout", Setter::Repository, NEVER, SetElsewhere::Connection),
    row("sonar.scanner.socketTimeout", Setter::Repository, NEVER, SetElsewhere::Connection),
    // What runs with the token, and the way to the server: javaExePath, engineJarPath, javaOpts, proxy and trust store.
    row("sonar.scanner.*", Setter::Job, NEVER, ExtraProperties),
    // Engine, plugins and a trust store come from there.
    row("sonar.userHome", Setter::Job, NEVER, ExtraProperties),
    // What is judged.
    row("sonar.branch.*", Setter::Pipeline, IF_TRUSTED, BranchInput),
    row("sonar.pullrequest.*", Setter::Pipeline, IF_TRUSTED, BranchInput),
    row("sonar.projectDate", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.scm.revision", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.analysis.mode", Setter::Job, IF_TRUSTED, ExtraProperties),
    // How long the analysis waits for the quality gate: a number of any size would hold the agent. Without it the engine
    // waits for 300 seconds at most.
    row("sonar.qualitygate.timeout", Setter::Job, IF_TRUSTED, ExtraProperties),
    // Programs that analyzers start. A compilation database names compilers, which the analyzer runs.
    row("sonar.nodejs.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    // Former names of sonar.nodejs.executable.
    row("sonar.typescript.node", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.css.node", Setter::Job, IF_TRUSTED, ExtraProperties),
    // The analyzer for PL/SQL loads a JDBC driver from this path or URL, and runs it in the engine.
    row("sonar.plsql.jdbc.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    // The analysis of dependencies runs package managers, and hands them all of these but for the first three.
    row("sonar.sca.enabled", Setter::Repository, NEVER, ExtraProperties),
    row("sonar.sca.exclusions", Setter::Repository, NEVER, ExtraProperties),
    row("sonar.sca.sbomImportPaths", Setter::Repository, NEVER, ExtraProperties),
    row("sonar.sca.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    // To read a Java runtime the analyzer loads classes of it.
    row("sonar.java.jdkHome", Setter::Job, IF_TRUSTED, ExtraProperties),
    // Folders of compilation databases.
    row("sonar.cfamily.variants.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.cfamily.build-wrapper-output", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.cfamily.compile-commands", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.*.executable", Setter::Job, IF_TRUSTED, ExtraProperties),
    // Channels between the server's own engine and analyzers.
    row("sonar.plugin.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.plugins.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.featureflag.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.internal.*", Setter::Job, IF_TRUSTED, ExtraProperties),
    row("sonar.*.internal.*", Setter::Job, IF_TRUSTED, ExtraProperties),
];

fn row_of(key: &str) -> Option<&'static Row> {
    parts(key)
        .filter_map(|part| TABLE.iter().find(|row| matches(row.pattern, part)))
        .max_by_key(|row| row.setter)
}

/// `key`, and what follows each possible name of a module in it: `web.sonar.scanner.skip` sets `sonar.scanner.skip` for the
/// module `web`. A module may be called anything, so every `.sonar.` may be where the property begins, and the strictest
/// row of all parts counts.
fn parts(key: &str) -> impl Iterator<Item = &str> {
    // Each dot by itself: in `a.sonar.sonar.x`, the two places overlap.
    let behind_dots = key.match_indices('.').filter_map(|(at, _)| key.get(at + 1..));
    std::iter::once(key).chain(behind_dots.filter(|part| part.starts_with("sonar.")))
}

/// Whether it cannot be told where the name of a module ends in a key, because the module itself is called like a property:
/// `a.sonar.b.sonar.sources` is `sonar.sources` of the module `a.sonar.b`, and `sonar.b.sonar.sources` of the module `a`.
/// [`without_module`] cannot be trusted with such a key, so the repository may not set one.
pub(crate) fn is_ambiguous(key: &str) -> bool {
    parts(key).filter(|part| part.starts_with("sonar.")).count() > 1
}

/// The key of a property without the names of modules before it, unless it [`is_ambiguous`].
pub(crate) fn without_module(key: &str) -> &str {
    if key.starts_with("sonar.") {
        return key;
    }
    key.find(".sonar.").and_then(|at| key.get(at + 1..)).unwrap_or(key)
}

/// Whether `setter` may set `key`; `trusted` is whether the pipeline trusts the settings files of its repository.
pub(crate) fn may_set(setter: Setter, key: &str, trusted: bool) -> bool {
    let Some(row) = row_of(key) else { return true };
    setter >= row.setter || (setter == Setter::Repository && trusted && row.trusted)
}

/// Where to set `key` instead.
pub(crate) fn remedy(key: &str) -> SetElsewhere {
    row_of(key).map_or(ExtraProperties, |row| row.remedy)
}

/// Where the paths that a repository names in a property may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Confinement {
    /// Below the base directory: the scanner deletes and writes there.
    WorkFiles,
    /// In the sources: the scanner writes there, or uploads what it finds there.
    Sources,
    /// In the sources, or where the job's steps leave results: the scanner imports what it finds there.
    Reports,
}

/// How far the paths in a property may lead; `None` for values that are not paths, and for libraries, which are only read.
pub(crate) fn confinement(key: &str) -> Option<Confinement> {
    let key = without_module(key);
    let lower = key.to_ascii_lowercase();
    let is_report = ["reportpath", "reportpaths", "reportspath", "reportspaths"];
    match key {
        "sonar.working.directory" => Some(Confinement::WorkFiles),
        "sonar.projectBaseDir"
        | "sonar.projectConfigFile"
        | "sonar.sources"
        | "sonar.tests"
        | "sonar.cfamily.cache.path"
        | "sonar.cfamily.analysisCache.path" => Some(Confinement::Sources),
        "sonar.cfamily.build-wrapper-output" | "sonar.cfamily.compile-commands" => Some(Confinement::Reports),
        // Files that analyzers write about themselves.
        _ if ["performance.measure.path", "monitoring.path"].iter().any(|end| lower.ends_with(end)) => {
            Some(Confinement::Sources)
        }
        "sonar.sca.sbomImportPaths" => Some(Confinement::Reports),
        _ if is_report.iter().any(|end| lower.ends_with(end)) => Some(Confinement::Reports),
        _ => None,
    }
}

/// Properties that name libraries and classes for the analyzer, the former names of them among these.
const JAVA_LIBRARIES: &[&str] = &[
    "sonar.java.libraries",
    "sonar.java.binaries",
    "sonar.java.test.libraries",
    "sonar.java.test.binaries",
    "sonar.libraries",
    "sonar.binaries",
];

/// Whether a property names libraries or classes for the analyzer for Java.
pub(crate) fn is_java_library(key: &str) -> bool {
    JAVA_LIBRARIES.contains(&without_module(key))
}

/// Properties that take files, lines or issues out of what the quality gate judges.
const NARROWING: &[&str] = &[
    "sonar.sources",
    "sonar.tests",
    "sonar.modules",
    "sonar.projectBaseDir",
    "sonar.inclusions",
    "sonar.exclusions",
    "sonar.*.inclusions",
    "sonar.*.exclusions",
    "sonar.*.file.suffixes",
    "sonar.*.file.patterns",
    "sonar.*.file.identifier",
    "sonar.lang.patterns.*",
    "sonar.*.activate",
    "sonar.*.maxFileSize",
    "sonar.filesize.limit",
    "sonar.javascript.detectBundles",
    "sonar.*.roslyn.ignoreIssues",
    "sonar.sca.enabled",
    // What the analyzers of data flow take for a sanitizer.
    "sonar.security.*",
    "sonar.cpd.*",
    "sonar.issue.ignore.*",
    "sonar.issue.enforce.*",
    "sonar.scm.*",
    "sonar.newCode.*",
];

/// Whether a property can take something out of what the quality gate judges. The log and the summary name the ones that a
/// repository sets. If `scopeFrom` is `pipeline`, the repository may not set them.
pub(crate) fn narrows(key: &str) -> bool {
    let key = without_module(key);
    NARROWING.iter().any(|pattern| matches(pattern, key))
}

/// Whether `text` matches `pattern`; `*` stands for any characters, or none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    if after.is_empty() {
        return true;
    }
    let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    ends.filter_map(|at| rest.get(at..)).any(|rest| matches(after, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Setter::{Connection, Job, Pipeline, Repository};

    #[test]
    fn each_property_has_its_weakest_setter() {
        for (key, weakest, if_trusted) in [
            ("sonar.exclusions", Repository, true),
            ("sonar.projectKey", Repository, true),
            ("sonar.organization", Repository, true),
            ("sonar.java.libraries", Repository, true),
            ("sonar.scanner.socketTimeout", Repository, true),
            ("sonar.scanner.javaExePath", Job, false),
            ("sonar.scanner.proxyHost", Job, false),
            ("sonar.scanner.truststorePath", Job, false),
            ("sonar.scanner.metadataFilePath", Job, false),
            ("sonar.scanner.somethingNew", Job, false),
            ("sonar.userHome", Job, false),
            ("sonar.projectDate", Job, true),
            ("sonar.qualitygate.wait", Repository, true),
            ("sonar.qualitygate.timeout", Job, true),
            ("sonar.nodejs.executable", Job, true),
            ("sonar.rust.cargo.executable", Job, true),
            ("sonar.java.internal.batchMode", Job, true),
            ("sonar.cfamily.compile-commands", Job, true),
            ("sonar.css.node", Job, true),
            ("sonar.plsql.jdbc.driver.path", Job, true),
            ("sonar.plsql.defaultSchema", Repository, true),
            ("sonar.sca.pythonBinary", Job, true),
            ("sonar.sca.mavenOptions", Job, true),
            ("sonar.sca.exclusions", Repository, true),
            ("sonar.sca.sbomImportPaths", Repository, true),
            ("sonar.featureflag.x", Job, true),
            ("sonar.scanner.skip", Job, false),
            ("sonar.branch.name", Pipeline, true),
            ("sonar.branch.anything", Pipeline, true),
            ("sonar.pullrequest.base", Pipeline, true),
            ("sonar.token", Connection, false),
            ("sonar.scanner.apiBaseUrl", Connection, false),
            // Of a module, and of a module of a module.
            ("web.sonar.exclusions", Repository, true),
            ("web.sonar.projectDate", Job, true),
            ("shop.web.sonar.scanner.skip", Job, false),
            // A module may be called as a property is.
            ("sonar.sonar.scanner.skip", Job, false),
            ("a.sonar.sonar.scanner.skip", Job, false),
            ("a.sonar.sonar.sonar.token", Connection, false),
            ("a.sonar.x.sonar.token", Connection, false),
        ] {
            for setter in [Repository, Job, Pipeline, Connection] {
                assert_eq!(may_set(setter, key, false), setter >= weakest, "{key} by {setter:?}");
            }
            assert_eq!(may_set(Repository, key, true), if_trusted, "{key}, trusted");
            assert!(weakest != Job || may_set(Job, key, true));
        }
    }

    #[test]
    fn keys_with_two_beginnings_are_ambiguous() {
        for key in ["a.sonar.b.sonar.sources", "sonar.b.sonar.sources", "a.sonar.sonar.sources"] {
            assert!(is_ambiguous(key), "{key}");
        }
        for key in ["sonar.sources", "a.b.sonar.sources", "sonar.security.config.roslyn.sonaranalyzer.x", "a"]
        {
            assert!(!is_ambiguous(key), "{key}");
        }
    }

    #[test]
    fn each_refusal_has_a_remedy() {
        for row in TABLE.iter().filter(|row| row.setter != Repository) {
            assert_eq!(row.remedy == SetElsewhere::Connection, row.setter == Connection, "{}", row.pattern);
        }
        assert_eq!(remedy("web.sonar.token"), SetElsewhere::Connection);
        assert_eq!(remedy("web.sonar.branch.name"), BranchInput);
        assert_eq!(remedy("sonar.exclusions"), ExtraProperties);
    }

    #[test]
    fn paths_are_confined_by_property() {
        for (key, expected) in [
            ("sonar.working.directory", Some(Confinement::WorkFiles)),
            ("a.b.sonar.working.directory", Some(Confinement::WorkFiles)),
            ("sonar.sources", Some(Confinement::Sources)),
            ("web.sonar.tests", Some(Confinement::Sources)),
            ("sonar.java.performance.measure.path", Some(Confinement::Sources)),
            ("sonar.javascript.monitoring.path", Some(Confinement::Sources)),
            ("sonar.sarifReportPaths", Some(Confinement::Reports)),
            ("sonar.cs.opencover.reportsPaths", Some(Confinement::Reports)),
            ("sonar.php.tests.reportPath", Some(Confinement::Reports)),
            ("sonar.externalIssuesReportPaths", Some(Confinement::Reports)),
            ("sonar.sca.sbomImportPaths", Some(Confinement::Reports)),
            ("sonar.java.libraries", None),
            ("sonar.java.binaries", None),
            ("sonar.exclusions", None),
        ] {
            assert_eq!(confinement(key), expected, "{key}");
        }
    }

    #[test]
    fn properties_that_narrow_the_judgement_are_known() {
        for key in [
            "sonar.sources",
            "sonar.exclusions",
            "web.sonar.exclusions",
            "sonar.coverage.exclusions",
            "sonar.cpd.exclusions",
            "sonar.test.inclusions",
            "sonar.python.file.suffixes",
            "sonar.issue.ignore.multicriteria",
            "sonar.issue.ignore.multicriteria.e1.ruleKey",
            "sonar.issue.enforce.multicriteria.e1.resourceKey",
            "sonar.scm.disabled",
            "sonar.scm.exclusions.disabled",
            "sonar.newCode.referenceBranch",
            "sonar.sca.enabled",
            "sonar.sca.exclusions",
            "sonar.security.config.javasecurity",
            "sonar.cloudformation.file.identifier",
            "sonar.javascript.detectBundles",
            "sonar.cs.roslyn.ignoreIssues",
        ] {
            assert!(narrows(key), "{key}");
        }
        for key in
            ["sonar.projectKey", "sonar.projectName", "sonar.sourceEncoding", "sonar.coverageReportPaths"]
        {
            assert!(!narrows(key), "{key}");
        }
    }
}
