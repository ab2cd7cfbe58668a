//! Who may set a property.
//!
//! A settings file lies in the repository: whoever opens a pull request writes it. The server's token is in the hands of
//! whatever the scanner starts, so a settings file must not say what is started, where it leads, what is judged, or
//! that nothing is. This table says who may, and every reader of properties asks it.

/// Who sets a property. Each may set what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Setter {
    /// A file of the repository: a settings file, the settings file of a module.
    Repository,
    /// A variable of the job, such as `SONAR_SCANNER_JAVA_OPTS`. Any step of the job can set one.
    Job,
    /// The inputs of SonarPrepare, `extraProperties` among them.
    Pipeline,
    /// The service connection, and what follows from it.
    Connection,
}

/// What a repository may say only where the input `trustSettingsFile` is true.
const IF_TRUSTED: bool = true;
const NEVER: bool = false;

const IN_EXTRA: &str = "set it in extraProperties of SonarPrepare";
const BRANCH: &str = "use the input branch of SonarPrepare, or set it in extraProperties";

struct Row {
    /// `*` stands for any letters.
    pattern: &'static str,
    setter: Setter,
    trusted: bool,
    instead: &'static str,
}

const fn row(pattern: &'static str, setter: Setter, trusted: bool, instead: &'static str) -> Row {
    Row { pattern, setter, trusted, instead }
}

/// The first row that matches counts. A property in no row may be set by the repository.
const TABLE: &[Row] = &[
    // They lead the token.
    row("sonar.host.url", Setter::Connection, NEVER, ""),
    row("sonar.token", Setter::Connection, NEVER, ""),
    row("sonar.login", Setter::Connection, NEVER, ""),
    row("sonar.password", Setter::Connection, NEVER, ""),
    row("sonar.region", Setter::Connection, NEVER, ""),
    row("sonar.scanner.apiBaseUrl", Setter::Connection, NEVER, ""),
    row("sonar.scanner.sonarcloudUrl", Setter::Connection, NEVER, ""),
    // A skipped analysis does not fail the build. By a variable, which any step can set, it is no report.
    row(
        "sonar.scanner.skip",
        Setter::Job,
        NEVER,
        "give the three tasks a condition, or set it in extraProperties of SonarPrepare",
    ),
    row("sonar.scanner.connectTimeout", Setter::Repository, NEVER, ""),
    row("sonar.scanner.responseTimeout", Setter::Repository, NEVER, ""),
    row("sonar.scanner.socketTimeout", Setter::Repository, NEVER, ""),
    // What runs with the token, and the way to the server: javaExePath, engineJarPath, javaOpts, proxy and trust store.
    row("sonar.scanner.*", Setter::Job, NEVER, IN_EXTRA),
    // Engine, plugins and a trust store come from there.
    row("sonar.userHome", Setter::Job, NEVER, IN_EXTRA),
    // What is judged.
    row("sonar.branch.*", Setter::Pipeline, IF_TRUSTED, BRANCH),
    row("sonar.pullrequest.*", Setter::Pipeline, IF_TRUSTED, BRANCH),
    row("sonar.projectDate", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.scm.revision", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.analysis.mode", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // How long the analysis waits for the quality gate: a number of any size would hold the agent. Without it the engine
    // waits for 300 seconds at most.
    row("sonar.qualitygate.timeout", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // Programs that analyzers start. A compilation database names compilers, which the analyzer runs.
    row("sonar.nodejs.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // The former name of sonar.nodejs.executable.
    row("sonar.typescript.node", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // To read a Java runtime the analyzer loads classes of it.
    row("sonar.java.jdkHome", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // Folders of compilation databases.
    row("sonar.cfamily.variants.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.cfamily.build-wrapper-output", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.cfamily.compile-commands", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.*.executable", Setter::Job, IF_TRUSTED, IN_EXTRA),
    // What the server's own engine and analyzers say to each other.
    row("sonar.plugin.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.plugins.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.internal.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
    row("sonar.*.internal.*", Setter::Job, IF_TRUSTED, IN_EXTRA),
];

fn row_of(key: &str) -> Option<&'static Row> {
    parts(key)
        .filter_map(|part| TABLE.iter().find(|row| matches(row.pattern, part)))
        .max_by_key(|row| row.setter)
}

/// `key`, and what is behind the name of a module in it: `web.sonar.scanner.skip` is `sonar.scanner.skip`, too.
fn parts(key: &str) -> impl Iterator<Item = &str> {
    let behind_dots = key.match_indices(".sonar.").filter_map(|(at, _)| key.get(at + 1..));
    std::iter::once(key).chain(behind_dots)
}

/// The key of a property without the names of modules before it.
pub fn without_module(key: &str) -> &str {
    if key.starts_with("sonar.") {
        return key;
    }
    key.find(".sonar.").and_then(|at| key.get(at + 1..)).unwrap_or(key)
}

/// Whether `setter` may set `key`; `trusted` is whether the pipeline trusts the settings files of its repository.
pub fn may_set(setter: Setter, key: &str, trusted: bool) -> bool {
    let Some(row) = row_of(key) else { return true };
    setter >= row.setter || (setter == Setter::Repository && trusted && row.trusted)
}

/// What to do instead, for who may not set `key`: the end of a sentence.
pub fn instead(key: &str) -> &'static str {
    match row_of(key) {
        Some(row) if row.setter == Setter::Connection => "the service connection sets it",
        Some(row) => row.instead,
        None => IN_EXTRA,
    }
}

/// Where the paths that a repository names in a property may lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confinement {
    /// Below the base directory: the scanner deletes and writes there.
    WorkFiles,
    /// In the sources: the scanner writes there, or uploads what it finds there.
    Sources,
    /// In the sources, or where the job's steps leave results: the scanner imports what it finds there.
    Reports,
}

/// The confinement of the paths in a property; none for values that are no paths, and for libraries, which are only read.
pub fn confinement(key: &str) -> Option<Confinement> {
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
        _ if is_report.iter().any(|end| lower.ends_with(end)) => Some(Confinement::Reports),
        _ => None,
    }
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
    "sonar.lang.patterns.*",
    "sonar.*.activate",
    "sonar.*.maxFileSize",
    "sonar.filesize.limit",
    "sonar.cpd.*",
    "sonar.issue.ignore.*",
    "sonar.issue.enforce.*",
    "sonar.scm.*",
    "sonar.newCode.*",
];

/// Whether a property can take something out of what the quality gate judges. Where `scopeFrom` is `pipeline`, no
/// repository may set one.
pub fn narrows(key: &str) -> bool {
    let key = without_module(key);
    NARROWING.iter().any(|pattern| matches(pattern, key))
}

/// Whether `text` is what `pattern` says; `*` stands for any letters, none included.
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
    fn who_may_set_what() {
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
    fn what_is_refused_says_what_to_do_instead() {
        for row in TABLE.iter().filter(|row| row.setter != Repository) {
            let key = row.pattern.replace('*', "x");
            assert!(!instead(&key).is_empty(), "{key}");
        }
        assert_eq!(instead("web.sonar.token"), "the service connection sets it");
        assert_eq!(instead("sonar.exclusions"), IN_EXTRA);
    }

    #[test]
    fn where_paths_may_lead() {
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
            ("sonar.java.libraries", None),
            ("sonar.java.binaries", None),
            ("sonar.exclusions", None),
        ] {
            assert_eq!(confinement(key), expected, "{key}");
        }
    }

    #[test]
    fn what_takes_something_out() {
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
