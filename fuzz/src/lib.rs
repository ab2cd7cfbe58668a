//! Properties that hold for any bytes, with one function per kind of input: no panic, no unlimited time or memory, and the property that
//! the function names. The fuzz targets call these functions, and so does tests/it/fuzzed.rs, which has
//! inputs made by proptest and those in `seeds`.
//!
//! They use what the library offers everyone, so that no door is open for tests alone.

mod archives;
mod commands;
mod json_bodies;

pub use archives::archives;
pub use commands::commands;
pub use json_bodies::json_bodies;

use sonar_azdo::agent::{Environment, http_settings};
use sonar_azdo::analysis::PropertySource;
use sonar_azdo::analysis::coverage::{Cobertura, Coverage};
use sonar_azdo::analysis::dotnet_projects::{ProjectInfo, not_loaded};
use sonar_azdo::analysis::precedence::Precedence;
use sonar_azdo::analysis::{
    AnalysisReport, Analyzed, Exported, ExtraProperties, Prepared, Rules, Unconnected, is_secret,
    java_properties, monorepo, report_formats as kinds, seconds_since_1970, suggestion, xml,
};
use sonar_azdo::context::{GitRef, branch_name};
use sonar_azdo::git::{files_in_index, tracking};
use sonar_azdo::quality_gate::{BuildJob, BuildProperties, aggregate};
use std::borrow::Cow;
use std::collections::BTreeSet;
use url::Url;

/// Panics where something does not hold.
pub type Property = fn(&[u8]);

/// The targets: the name of each is that of its file in `fuzz_targets`, of its folder in `seeds`, and of its function.
pub const TARGETS: [(&str, Property); 10] = [
    ("archives", archives),
    ("commands", commands),
    ("json_bodies", json_bodies),
    ("properties", properties),
    ("proxies", proxies),
    ("records", records),
    ("refs", refs),
    ("report_task", report_task),
    ("reports", reports),
    ("yaml", yaml),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A key or value as `java.util.Properties` writes it: each character that could mean something has a backslash.
fn escaped(text: &str) -> String {
    let of = |c: char| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        ' ' | '\t' | '\u{c}' | '\\' | '=' | ':' | '#' | '!' => format!("\\{c}"),
        other => other.to_string(),
    };
    text.chars().map(of).collect()
}

/// Settings files and `extraProperties`: what was read reads the same when it is written again.
pub fn properties(bytes: &[u8]) {
    let text = java_properties::decode(bytes).map_or_else(|_| text(bytes), Cow::into_owned);
    let read = java_properties::parse(&text);
    let pairs = read.iter().map(|(key, value)| format!("{}={}\n", escaped(key), escaped(value)));
    // A byte order mark counts in the first line alone.
    let written: String = std::iter::once("# written\n".to_owned()).chain(pairs).collect();
    assert_eq!(java_properties::parse(&written), read, "{written:?}");
    let trust_settings_file = text.len() % 2 == 1;
    repository(&text, Rules { trust_settings_file, scope_from_pipeline: !trust_settings_file });
    for key in read.keys() {
        assert!(!key.is_empty());
        let meant = suggestion(key);
        assert_ne!(meant, Some(key.as_str()));
        let _ = is_secret(key);
    }
    let mut all = ExtraProperties::parse(&text).properties;
    let count = all.iter().count();
    let secret = all.take_secrets();
    assert_eq!(secret.iter().count() + all.iter().count(), count);
    assert!(all.iter().all(|(key, _)| !is_secret(key)));
}

/// Where a settings file of the repository says all this: it leads the token nowhere, skips nothing, and names in it take
/// neither time nor memory.
fn repository(text: &str, rules: Rules) {
    let mut precedence = Precedence::new(rules);
    for entry in java_properties::assignments(text) {
        precedence.set(
            PropertySource::SettingsFile,
            &entry.key,
            java_properties::trimmed(&entry.value),
            None,
        );
    }
    for key in ["sonar.host.url", "sonar.token", "sonar.login", "sonar.scanner.skip", "sonar.userHome"] {
        assert_eq!(precedence.value(key), None);
    }
    if let Ok(expanded) = precedence.expand(&|name| (name == "NAME").then_some("${sonar.projectKey}")) {
        let all: usize = expanded.properties().iter().map(|(_, value)| value.len()).sum();
        assert!(all <= text.len() + 1024 * 1024, "{all} bytes");
    }
}

/// `report-task.txt`: what is read was written there, and nothing that is needed is empty.
pub fn report_task(bytes: &[u8]) {
    let text = text(bytes);
    let Ok(report) = AnalysisReport::parse(&text) else { return };
    let AnalysisReport { ce_task_id, project_key, server_url, dashboard_url } = &report;
    let required = [("ceTaskId", ce_task_id), ("projectKey", project_key), ("serverUrl", server_url)];
    assert!(required.iter().all(|(_, value)| !value.is_empty()));
    let pairs = required.into_iter().chain(dashboard_url.as_ref().map(|url| ("dashboardUrl", url)));
    let written: String = pairs.map(|(key, value)| format!("{key}={}\n", escaped(value))).collect();
    assert_eq!(AnalysisReport::parse(&written), Ok(report), "{written:?}");
}

/// Records of a job, records on their way to another job, and the build's properties: what is read is what is
/// written, and its file stays in its folder.
pub fn records(bytes: &[u8]) {
    let text = text(bytes);
    if let Ok(record) = serde_json::from_str::<Prepared>(&text) {
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Prepared>(&written).unwrap(), record);
        assert!(is_plain(record.id.as_str()));
        let _ = record.server.address();
    }
    if let Ok(record) = serde_json::from_str::<Analyzed>(&text) {
        let written = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Analyzed>(&written).unwrap(), record);
    }
    if let Ok(record) = Exported::parse(&text) {
        let again = Exported::parse(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(again, record);
        assert_eq!(again.sealed_text(), record.sealed_text());
        let name = record.file_name();
        let id = name.strip_prefix("sonar-analysis-").and_then(|rest| rest.strip_suffix(".json")).unwrap();
        assert!(is_plain(id), "{name}");
        let _ = (record.report(), record.completeness());
    }
    if let Some(note) = Unconnected::parse(&text) {
        assert_eq!(Unconnected::parse(&serde_json::to_string(&note).unwrap()), Some(note));
    }
    if let Ok(properties) = serde_json::from_str::<BuildProperties>(&text) {
        let together = aggregate(&properties);
        // One more bad word in the build never makes it better.
        let mut worse = properties.clone();
        let other = BuildJob::new(&["another", "job"], (1, 1));
        worse.insert(
            other.announcement_property(),
            other.announcement(sonar_azdo::quality_gate::Verdict::Failed),
        );
        assert!(aggregate(&worse) >= together);
        let _ = other.others_may_write_ok(&properties);
    }
    let _ = seconds_since_1970(&text);
}

fn is_plain(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Names of references and the index of a clone: a number is a number, and an index gives no more than it holds.
pub fn refs(bytes: &[u8]) {
    let text = text(bytes);
    match GitRef::parse(&text) {
        GitRef::PullRequest(number) => {
            assert!(!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()));
        }
        GitRef::Branch(name) => assert_eq!(name, branch_name(&text)),
        GitRef::Tag(name) => assert!(text.ends_with(&name)),
        GitRef::Other(whole) => assert_eq!(whole, text),
    }
    let refspec = tracking(branch_name(&text));
    assert!(refspec.starts_with("+refs/heads/") && refspec.contains(":refs/remotes/origin/"));
    for hash in [20, 32] {
        let files = files_in_index(bytes, hash);
        // An entry has a fixed part of more than 60 bytes.
        assert!(files.len() <= bytes.len() / 60);
    }
}

/// Proxies of the agent and the machine, a line each, and the URLs that go past them: no password stays in a proxy's
/// URL, and `*` goes past every proxy.
pub fn proxies(bytes: &[u8]) {
    const NAMES: [&str; 6] =
        ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "AGENT_PROXYURL", "AGENT_PROXYBYPASSLIST"];
    let text = text(bytes).replace('\0', "");
    let mut lines = text.split('\n');
    let variables: Vec<(&str, &str)> = NAMES.iter().copied().zip(lines.by_ref()).collect();
    let own = lines.next().and_then(|line| Url::parse(line).ok());
    let fixed = ["http://sonar.corp:9000/", "https://10.1.2.3/", "https://[fd12::1]:9000/"];
    let urls: Vec<Url> = own.into_iter().chain(fixed.iter().filter_map(|url| Url::parse(url).ok())).collect();
    let settings = |variables: &[(&str, &str)]| {
        http_settings(&Environment::new(variables.iter().map(|(name, value)| (name.into(), value.into()))))
    };
    let found = settings(&variables);
    for proxy in &found.proxies {
        assert!(proxy.url.username().is_empty() && proxy.url.password().is_none(), "{}", proxy.url);
    }
    for url in &urls {
        let _ = found.proxy_for(url);
    }
    let everything: Vec<_> = variables.into_iter().filter(|(name, _)| *name != "NO_PROXY").collect();
    let past = settings(&[everything, vec![("NO_PROXY", "*")]].concat());
    assert!(urls.iter().all(|url| past.proxy_for(url).is_none()));
}

/// The input `monorepo`: each project has a key of its own.
pub fn yaml(bytes: &[u8]) {
    let text = text(bytes);
    let Ok(entries) = monorepo::entries(&text) else { return };
    let keys: BTreeSet<_> = entries.iter().map(|entry| entry.key.as_str()).collect();
    assert_eq!(keys.len(), entries.len());
    assert!(!keys.contains(""));
    for entry in &entries {
        assert!(monorepo::touches(&entry.base_dir, &entry.base_dir, false));
        // An entry has keys of its own for these.
        for key in ["sonar.projectKey", "sonar.projectBaseDir"] {
            assert_eq!(entry.properties.value(key), None);
        }
    }
}

/// Reports that a build left, in XML and other formats: what is written for SonarQube is XML again.
pub fn reports(bytes: &[u8]) {
    let text = xml::decode(bytes);
    for name in
        ["coverage.cobertura.xml", "lcov.info", "cover.out", "report.html", "TEST-a.xml", "a.coverage"]
    {
        let _ = (kinds::may_be_report(name), kinds::recognise(name, &text));
    }
    let _ = (kinds::tested_files(&text), kinds::covered_files(&text), kinds::is_dotcover_page(&text));
    if let Some(project) = ProjectInfo::parse(&text) {
        let _ = project.compiles(&text);
    }
    let _ = not_loaded(&text);
    let mut coverage = Coverage::default();
    for class in &Cobertura::read(&text).classes {
        coverage.add(&class.file, class);
    }
    let written = coverage.to_generic();
    let files = kinds::tested_files(&written).unwrap();
    assert_eq!(files.len(), coverage.files(), "{written}");
}
