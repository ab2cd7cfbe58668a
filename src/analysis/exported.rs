//! The record of an analysis on its way to another job: one file, in an artifact of the pipeline.
//!
//! It holds no token and nothing of the machine it comes from, and names the build it belongs to. Whoever can write to the
//! artifact can change it, so it carries a seal that only the jobs with the service connection can make.

use super::exported_error::{ExportedError, ExportedReportError};
use super::{AnalysisReport, Analyzed, Extent, Outcome, Prepared, Properties, RECORD_VERSION};
use serde::{Deserialize, Serialize};

/// A build of Azure Pipelines, wherever it runs: build numbers alone are those of many organisations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    collection: String,
    project: String,
    id: String,
}

impl Build {
    /// The build `id` (`Build.BuildId`) of a project of the organisation or collection at this URL.
    pub fn new(collection: &str, project: &str, id: &str) -> Self {
        let collection = collection.trim_end_matches('/').to_lowercase();
        Self { collection, project: project.to_lowercase(), id: id.to_owned() }
    }

    /// Why a record of this build does not count in the build `here`; `None` when it does.
    pub fn refusal(&self, here: &Self) -> Option<String> {
        if self == here {
            return None;
        }
        let Self { collection, project, id } = self;
        let whose = if (collection, project) == (&here.collection, &here.project) {
            String::new()
        } else {
            format!(" of the project {project} at {collection}")
        };
        Some(format!("The record is of build {id}{whose}, not of this build, {}", here.id))
    }
}

/// Version of the shape of [`Unconnected`], which task/run.js writes too.
const UNCONNECTED_VERSION: u32 = 1;

/// `sonar-analysis-none.json`: a job had no service connection, so that it analysed nothing. task/run.js writes it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unconnected {
    version: u32,
    /// The build it is of.
    pub build: Build,
    skipped: String,
}

impl Unconnected {
    /// The name of its file.
    pub const FILE_NAME: &str = "sonar-analysis-none.json";

    /// Says so, and why that was to be skipped.
    pub fn new(build: Build, reason: &str) -> Self {
        Self { version: UNCONNECTED_VERSION, build, skipped: reason.to_owned() }
    }

    /// Reads a file's text; `None` when it says anything else.
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|read: &Self| read.version == UNCONNECTED_VERSION)
    }
}

/// `sonar-analysis-<id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exported {
    /// [`RECORD_VERSION`].
    pub version: u32,
    /// The build it is of.
    pub build: Build,
    /// The job that made it, by a name that is its own in the build.
    pub job: String,
    /// Attempt of the job's stage, and attempt of the job in it.
    pub attempt: (u64, u64),
    /// What Prepare decided, without what only the job that ran the scanner needs; with the key of the project where
    /// only the scanner knew it.
    pub prepared: Prepared,
    /// Whether the user had the scanner leave its report elsewhere than in a folder of this analysis alone.
    pub chosen_report_file: bool,
    /// How the scanner ended; none when SonarAnalyze has not run it.
    pub outcome: Option<Outcome>,
    /// What the analysis covered.
    #[serde(default, skip_serializing_if = "Extent::is_unknown")]
    pub extent: Extent,
    /// The text of the scanner's report.
    pub report: Option<String>,
    /// The seal over [`Exported::sealed_text`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seal: Option<String>,
}

/// Properties by which SonarPublish knows what was analysed.
const KEPT: &[&str] = &["sonar.projectName", "sonar.branch.", "sonar.pullrequest."];

fn is_kept(key: &str) -> bool {
    KEPT.iter().any(|kept| key.starts_with(kept))
}

impl Exported {
    /// The record of one analysis, as it may travel.
    pub fn new(
        build: Build,
        (job, attempt): (&str, (u64, u64)),
        prepared: &Prepared,
        analyzed: Option<&Analyzed>,
        report: Option<String>,
    ) -> Self {
        let outcome = analyzed.map(|analyzed| analyzed.outcome.clone());
        let extent = analyzed.map(|analyzed| analyzed.extent.clone()).unwrap_or_default();
        let chosen_report_file = prepared.properties.value("sonar.scanner.metadataFilePath").is_some();
        let of_report = || Some(AnalysisReport::parse(report.as_deref()?).ok()?.project_key);
        let kept = prepared.properties.iter().filter(|(key, _)| is_kept(key));
        let properties: Properties = kept.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let prepared = Prepared {
            scanner: prepared.scanner.without_paths(),
            private_cache: false,
            base_dir: ".".into(),
            project_key: prepared.project_key.clone().or_else(of_report),
            settings_file: None,
            properties,
            ..prepared.clone()
        };
        let job = job.to_owned();
        Self {
            version: RECORD_VERSION,
            build,
            job,
            attempt,
            prepared,
            chosen_report_file,
            outcome,
            extent,
            report,
            seal: None,
        }
    }

    /// What its seal is over: all of it but the seal, in one form whatever the spaces and the order in the file are.
    pub fn sealed_text(&self) -> String {
        // Text keys and values always serialise.
        serde_json::json!(Self { seal: None, ..self.clone() }).to_string()
    }

    /// The name of its file.
    pub fn file_name(&self) -> String {
        format!("sonar-analysis-{}.json", self.prepared.id)
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// Why it is no record that this version understands.
    pub fn parse(text: &str) -> Result<Self, ExportedError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        if value["version"] != RECORD_VERSION || value["prepared"]["version"] != RECORD_VERSION {
            return Err(ExportedError::OtherVersion);
        }
        let exported: Self = serde_json::from_value(value)?;
        if let Some((key, _)) = exported.prepared.properties.iter().find(|(key, _)| !is_kept(key)) {
            return Err(ExportedError::Property(key.to_owned()));
        }
        Ok(exported)
    }

    /// The scanner's report, if it is whole and of the project that was prepared.
    ///
    /// # Errors
    /// Why the report does not count.
    pub fn report(&self) -> Result<AnalysisReport, ExportedReportError> {
        let text = self.report.as_deref().ok_or(ExportedReportError::Missing)?;
        let report = AnalysisReport::parse(text).map_err(ExportedReportError::MissingKey)?;
        match &self.prepared.project_key {
            Some(key) if *key == report.project_key => Ok(report),
            Some(key) => {
                Err(ExportedReportError::OtherProject { reported: report.project_key, prepared: key.clone() })
            }
            None => Err(ExportedReportError::NoProject),
        }
    }

    /// How much of the analysis it tells: of two copies the one that tells more was made later.
    pub fn completeness(&self) -> (bool, bool) {
        (self.outcome.is_some(), self.report.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::{
        AnalysisId, AnalysisServer, Begun, FileLine, Narrowing, PreparedScanner, Rules, ServerFacts,
        ServerKind, ServerVersion, Target,
    };
    use url::Url;

    fn prepared() -> Prepared {
        let properties = [
            ("sonar.branch.name", "release"),
            ("sonar.projectName", "The shop"),
            ("sonar.scanner.metadataFilePath", "/agent/1/report.txt"),
            ("sonar.exclusions", "secret/**"),
        ];
        Prepared {
            version: RECORD_VERSION,
            id: AnalysisId::from_bytes([7; 16]),
            name: Some("web".into()),
            created: 1_000,
            by_server_clock: true,
            server: AnalysisServer {
                url: Url::parse("https://sonar.example").unwrap(),
                api_url: Url::parse("https://sonar.example/api/v2").unwrap(),
                facts: ServerFacts {
                    kind: ServerKind::Server,
                    version: ServerVersion::parse("26.9.0.1").unwrap(),
                    edition: None,
                    branch_support: true,
                },
            },
            scanner: PreparedScanner::Dotnet {
                tool: crate::analysis::DotnetScanner {
                    start: vec!["/agent/tools/dotnet".into()],
                    version: "12.1.0".into(),
                    package: "/agent/tools/x.nupkg".into(),
                    sha256: "ab".repeat(32),
                    folder: "/agent/tools/x".into(),
                },
                begun: Box::new(Begun {
                    java: "/agent/java".into(),
                    java_choice: "Using Java: /agent/java".into(),
                    jre: None,
                    engine: None,
                    engine_offer: None,
                    was_cached: false,
                    user_home: "/agent".into(),
                    settings: Properties::default(),
                    build_uri: None,
                    sources_directory: Some("/agent/1/s".into()),
                    configuration: None,
                }),
            },
            private_cache: false,
            project_key: Some("shop".into()),
            base_dir: "/agent/1/elsewhere".into(),
            settings_file: Some("/agent/1/sonar.properties".into()),
            properties: properties.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            rules: Rules::default(),
            target: Target::branch("release"),
            skip: None,
            member: None,
            build_id: Some("12".into()),
        }
    }

    fn exported() -> Exported {
        let report = "projectKey=shop\nserverUrl=https://sonar.example\nceTaskId=T\n".to_owned();
        let build = Build::new("https://dev.azure.com/Contoso/", "P1", "12");
        let at = FileLine { file: "sonar-project.properties".into(), line: 3 };
        let narrowing =
            Narrowing { key: "sonar.exclusions".into(), value: "**/gen/**".into(), at, files: Some(2) };
        let extent = Extent { indexed_files: Some(3), narrowed: vec![narrowing], ..Extent::default() };
        let (version, id) = (RECORD_VERSION, prepared().id);
        let analyzed = Analyzed { version, id, outcome: Outcome::Succeeded, extent };
        Exported::new(build, ("s.a", (1, 2)), &prepared(), Some(&analyzed), Some(report))
    }

    #[test]
    fn nothing_of_the_machine_travels() {
        let exported = exported();
        let text = serde_json::to_string(&exported).unwrap();
        assert!(!text.contains("/agent") && !text.contains("secret"), "{text}");
        assert_eq!(exported.prepared.properties.value("sonar.branch.name"), Some("release"));
        assert_eq!(exported.prepared.properties.value("sonar.projectName"), Some("The shop"));
        assert!(exported.chosen_report_file);
        assert_eq!(exported.extent.indexed_files, Some(3));
        assert_eq!(exported.file_name(), "sonar-analysis-07070707070707070707070707070707.json");
        assert_eq!(Exported::parse(&text).unwrap(), exported);
    }

    #[test]
    fn only_records_of_this_build_count() {
        for (collection, project, id, words) in [
            ("https://dev.azure.com/Contoso/", "P1", "12", None),
            ("https://dev.azure.com/contoso", "p1", "12", None),
            (
                "https://dev.azure.com/contoso",
                "p1",
                "13",
                Some("The record is of build 12, not of this build, 13"),
            ),
            (
                "https://dev.azure.com/contoso",
                "p2",
                "12",
                Some("of build 12 of the project p1 at https://dev.azure.com/contoso, not"),
            ),
            ("https://dev.azure.com/fabrikam", "p1", "12", Some("at https://dev.azure.com/contoso, not")),
        ] {
            let refusal = exported().build.refusal(&Build::new(collection, project, id));
            assert_eq!(refusal.is_some(), words.is_some(), "{refusal:?}");
            assert!(refusal.unwrap_or_default().contains(words.unwrap_or_default()));
        }
    }

    /// As tests/launcher/test.js expects it of task/run.js.
    #[test]
    fn a_missing_connection() {
        let text = r#"{"version":1,"build":{"collection":"https://dev.azure.com/contoso","project":"p1","id":"12"},"skipped":"why"}"#;
        let unconnected = Unconnected::new(exported().build, "why");
        assert_eq!(serde_json::to_string(&unconnected).unwrap(), text);
        assert_eq!(Unconnected::parse(text), Some(unconnected));
        assert_eq!(Unconnected::parse(&text.replace("version\":1", "version\":2")), None);
        assert_eq!(Unconnected::parse(&serde_json::to_string(&exported()).unwrap()), None);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let text = serde_json::to_string(&exported()).unwrap();
        for (from, to) in [
            ("\"version\":2", "\"version\":1"),
            ("\"outcome\"", "\"more\""),
            ("{", "["),
            ("07070707070707070707070707070707", "../../etc/passwd"),
            ("sonar.branch.name", "sonar.scanner.metadataFilePath"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text);
            assert!(Exported::parse(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn reports() {
        let with =
            |report: Option<&str>| Exported { report: report.map(str::to_owned), ..exported() }.report();
        assert_eq!(exported().report().unwrap().ce_task_id, "T");
        for (report, words) in [
            (None, "No scanner had left a report"),
            (Some("projectKey=shop\nserverUrl=x\n"), "has no ceTaskId"),
            (Some("projectKey=blog\nserverUrl=x\nceTaskId=T\n"), "of the project blog, not of shop"),
        ] {
            assert!(with(report).unwrap_err().to_string().contains(words), "{report:?}");
        }
        // Of a project that only the scanner knew; whoever takes its key out of the record has none.
        let report = exported().report;
        let unnamed = Prepared { project_key: None, ..prepared() };
        let mut exported = Exported::new(exported().build, ("s.a", (1, 1)), &unnamed, None, report);
        assert_eq!(exported.report().unwrap().project_key, "shop");
        exported.prepared.project_key = None;
        assert_eq!(exported.report(), Err(ExportedReportError::NoProject));
    }
}
