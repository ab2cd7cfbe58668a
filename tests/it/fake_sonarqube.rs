//! A model of SonarQube over HTTP, for what is hard to provoke on real servers. Its answers are those of real servers (9.9, 10.7
//! and 26.9).

use crate::fake_azure_devops::block_on;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const TOKEN: &str = "squ_70c1d5b9a2e84f36a1f0c2d4e6b8901234567890";
const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const NO_SCAN_RIGHT: &str = "You're not authorized to push analysis results to the SonarQube server. \
                             Please contact your SonarQube administrator.";

/// What the token may do with the project `shop`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Analyse it.
    Scan,
    /// Not analyse it.
    None,
    /// The project does not exist, and the token may not create it.
    NoProject,
    /// The project does not exist, and the token may create it.
    MayCreate,
}

/// A project with a branch (none: the main branch) or a pull request of it.
pub(crate) type Analysed = (String, Option<String>, Option<String>);

/// Everything that a test may change.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) version: String,
    pub(crate) edition: String,
    pub(crate) features: Vec<&'static str>,
    /// What `api/system/status` says.
    pub(crate) status: String,
    /// Authorization headers that are accepted.
    pub(crate) accepted: Vec<String>,
    pub(crate) access: Access,
    pub(crate) main_branch: String,
    /// The setting `sonar.core.serverBaseURL`: the address people know the server by.
    pub(crate) public_url: Option<String>,
    /// Answers about the compute engine task `AZ-<key>`, in order; the last one stays.
    pub(crate) tasks: BTreeMap<String, VecDeque<Value>>,
    /// `projectStatus` by analysis id.
    pub(crate) gates: BTreeMap<String, Value>,
    /// By project, branch (none: the main branch) and pull request: when it was last analysed, and its gate.
    pub(crate) projects: BTreeMap<Analysed, (SystemTime, Value)>,
    /// Date and revision of the last analysis, where the token may read them.
    pub(crate) revision: Option<(String, String)>,
    /// Reports that wait. `None`: the token may not see them.
    pub(crate) queue: Option<Vec<Value>>,
    /// `None`: the token may not read them.
    pub(crate) measures: Option<Vec<(&'static str, &'static str)>>,
    /// Path and language of source files, which the token may read where it may read measures.
    pub(crate) files: Vec<(&'static str, &'static str)>,
    /// What `api/v2/analysis/engine` offers.
    pub(crate) engine: Value,
    /// What `api/v2/analysis/jres` offers.
    pub(crate) jres: Value,
    /// The list of `api/plugins/installed`.
    pub(crate) plugins: Value,
    /// Where downloads of plugins are redirected to.
    pub(crate) plugin_location: String,
    /// By path: answers given before the model's own, in order.
    scripted: BTreeMap<String, VecDeque<ResponseTemplate>>,
    /// Given to every request.
    everywhere: Option<ResponseTemplate>,
    asked: Vec<Asked>,
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) authorization: Option<String>,
}

pub(crate) struct SonarQube {
    server: MockServer,
    model: Arc<Mutex<Model>>,
}

impl SonarQube {
    /// SonarQube Community Build 26.9 that knows [`TOKEN`] and the project `shop`.
    pub(crate) fn start() -> Self {
        let model = Arc::new(Mutex::new(Model {
            version: "26.9.0.129388".into(),
            edition: "community".into(),
            features: Vec::new(),
            status: "UP".into(),
            accepted: vec![format!("Basic {}", BASE64.encode(format!("{TOKEN}:")))],
            access: Access::Scan,
            main_branch: "main".into(),
            public_url: None,
            tasks: BTreeMap::new(),
            gates: BTreeMap::new(),
            projects: BTreeMap::new(),
            revision: None,
            queue: None,
            measures: Some(vec![
                ("coverage", "85.4"),
                ("violations", "3"),
                ("files", "12"),
                ("ncloc", "340"),
            ]),
            files: Vec::new(),
            engine: json!({ "filename": "engine.jar", "sha256": SHA256 }),
            jres: json!([]),
            plugins: json!([]),
            plugin_location: String::new(),
            scripted: BTreeMap::new(),
            everywhere: None,
            asked: Vec::new(),
        }));
        let server = block_on(MockServer::builder().start());
        block_on(
            server.register(Mock::given(wiremock::matchers::any()).respond_with(Answers(model.clone()))),
        );
        Self { server, model }
    }

    /// Developer Edition: branches and pull requests are analysed.
    pub(crate) fn with_branches() -> Self {
        let server = Self::start();
        server.change(|model| {
            model.edition = "developer".into();
            model.features = vec!["branch-support"];
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        self.server.uri()
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut Model)) {
        change(&mut self.model());
    }

    /// Answers the next requests for `path` with these.
    pub(crate) fn script(&self, path: &str, answers: impl IntoIterator<Item = ResponseTemplate>) {
        self.model().scripted.entry(path.to_owned()).or_default().extend(answers);
    }

    /// Answers every request with this.
    pub(crate) fn answer_everywhere(&self, answer: ResponseTemplate) {
        self.model().everywhere = Some(answer);
    }

    /// Has a report submitted and processed: task `AZ-<key>`, analysis `AY-<key>`, with this gate.
    pub(crate) fn processed(&self, key: &str, project: &str, gate: Value) {
        self.change(|model| {
            model.tasks.insert(format!("AZ-{key}"), [task(key, project, "SUCCESS")].into());
            model.gates.insert(format!("AY-{key}"), gate);
        });
    }

    /// The same, with these answers about the task.
    pub(crate) fn processing(&self, key: &str, answers: impl IntoIterator<Item = Value>) {
        self.change(|model| {
            model.tasks.insert(format!("AZ-{key}"), answers.into_iter().collect());
        });
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.model().asked.clone()
    }

    /// How often `path` was requested.
    pub(crate) fn times_asked(&self, path: &str) -> usize {
        self.model().asked.iter().filter(|asked| asked.path == path).count()
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }
}

struct Answers(Arc<Mutex<Model>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        self.0.lock().unwrap().answer(request)
    }
}

impl Model {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let authorization =
            request.headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let asked = Asked {
            path: request.url.path().to_owned(),
            query: request.url.query_pairs().into_owned().collect(),
            authorization,
        };
        self.asked.push(asked.clone());
        if let Some(answer) = &self.everywhere {
            return answer.clone();
        }
        if let Some(answer) = self.scripted.get_mut(&asked.path).and_then(VecDeque::pop_front) {
            return answer;
        }
        let known = asked.authorization.as_ref().is_some_and(|value| self.accepted.contains(value));
        match asked.path.as_str() {
            "/api/system/status" => {
                json_answer(&json!({ "id": "53D702E2", "version": self.version, "status": self.status }))
            }
            "/api/server/version" => {
                ResponseTemplate::new(200).set_body_raw(self.version.clone(), "text/plain")
            }
            "/api/authentication/validate" => json_answer(&json!({ "valid": known })),
            // No body and no content type, on unknown paths too.
            _ if !known => ResponseTemplate::new(401),
            path => self.resource(path, &asked.query),
        }
    }

    /// What is known of a project's branches, or of its pull requests.
    fn analysed(
        &self,
        project: &str,
        pull_requests: bool,
    ) -> impl Iterator<Item = (&Analysed, &(SystemTime, Value))> {
        self.projects.iter().filter(move |((key, _, pull_request), _)| {
            key == project && pull_request.is_some() == pull_requests
        })
    }

    fn resource(&mut self, path: &str, query: &BTreeMap<String, String>) -> ResponseTemplate {
        let parameter = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
        match path {
            "/api/navigation/global" => {
                json_answer(&json!({ "version": self.version, "edition": self.edition }))
            }
            "/api/features/list" => json_answer(&json!(self.features)),
            "/api/users/current" => {
                let global: &[&str] =
                    if self.access == Access::MayCreate { &["scan", "provisioning"] } else { &[] };
                json_answer(
                    &json!({ "isLoggedIn": true, "login": "ci", "permissions": { "global": global } }),
                )
            }
            "/batch/project.protobuf" => match self.access {
                Access::Scan => ResponseTemplate::new(200),
                Access::None => refusal(403, NO_SCAN_RIGHT),
                Access::NoProject | Access::MayCreate => {
                    refusal(404, &format!("Component key '{}' not found", parameter("key")))
                }
            },
            "/api/settings/values" => {
                let value = |url: &String| json!({ "key": "sonar.core.serverBaseURL", "value": url, "inherited": false });
                let of_server = parameter("keys") == "sonar.core.serverBaseURL";
                let settings: Vec<_> = self.public_url.iter().filter(|_| of_server).map(value).collect();
                json_answer(&json!({ "settings": settings, "setSecuredSettings": [] }))
            }
            "/api/project_branches/list" => match self.access {
                Access::Scan => {
                    let mut branches = vec![json!({
                        "name": self.main_branch, "isMain": true, "type": "BRANCH", "status": {}
                    })];
                    for ((_, branch, _), (time, _)) in self.analysed(parameter("project"), false) {
                        let date = server_time(*time);
                        match branch {
                            None => branches[0]["analysisDate"] = date.into(),
                            Some(name) => branches.push(json!({
                                "name": name, "isMain": false, "type": "BRANCH", "analysisDate": date
                            })),
                        }
                    }
                    json_answer(&json!({ "branches": branches }))
                }
                Access::None => refusal(403, "Insufficient privileges"),
                _ => refusal(404, &format!("Project '{}' not found", parameter("project"))),
            },
            "/api/project_pull_requests/list" => {
                let entry = |((_, _, key), (time, _)): (&Analysed, &(SystemTime, Value))| json!({ "key": key, "branch": "fix", "base": "main", "analysisDate": server_time(*time) });
                let entries: Vec<_> = self.analysed(parameter("project"), true).map(entry).collect();
                json_answer(&json!({ "pullRequests": entries }))
            }
            "/api/project_analyses/search" => match &self.revision {
                Some((date, revision)) => {
                    json_answer(&json!({ "analyses": [{ "date": date, "revision": revision }] }))
                }
                None => refusal(403, "Insufficient privileges"),
            },
            "/api/ce/component" => match &self.queue {
                Some(queue) => json_answer(&json!({ "queue": queue })),
                None => refusal(403, "Insufficient privileges"),
            },
            "/api/qualitygates/project_status" if query.contains_key("projectKey") => {
                let given = |name: &str| query.get(name).cloned();
                let branch = given("branch").filter(|name| *name != self.main_branch);
                match self.projects.get(&(parameter("projectKey").to_owned(), branch, given("pullRequest"))) {
                    Some((_, gate)) => json_answer(&json!({ "projectStatus": gate })),
                    None => refusal(404, "Component not found"),
                }
            }
            "/api/ce/task" => {
                let id = parameter("id");
                match self.tasks.get_mut(id) {
                    Some(answers) if answers.len() > 1 => task_answer(answers.pop_front().unwrap()),
                    Some(answers) => task_answer(answers[0].clone()),
                    None => refusal(404, &format!("No activity found for task '{id}'")),
                }
            }
            "/api/qualitygates/project_status" => match self.gates.get(parameter("analysisId")) {
                Some(gate) => json_answer(&json!({ "projectStatus": gate })),
                None => refusal(404, &format!("Analysis with id '{}' is not found", parameter("analysisId"))),
            },
            "/api/measures/component" => match &self.measures {
                Some(measures) => {
                    let measures: Vec<_> = measures.iter().map(|(key, value)| measure(key, value)).collect();
                    json_answer(
                        &json!({ "component": { "key": parameter("component"), "measures": measures } }),
                    )
                }
                None => refusal(403, "Insufficient privileges"),
            },
            "/api/measures/component_tree" if self.measures.is_some() => {
                let file = |(path, language): &(&str, &str)| json!({ "path": path, "qualifier": "FIL", "language": language });
                let files: Vec<_> = self.files.iter().map(file).collect();
                json_answer(&json!({ "paging": { "total": files.len() }, "components": files }))
            }
            "/api/measures/component_tree" => refusal(403, "Insufficient privileges"),
            "/api/metrics/search" => {
                let metric = |(key, name, kind): &(&str, &str, &str)| json!({ "key": key, "name": name, "type": kind });
                let metrics: Vec<_> = METRICS.iter().map(metric).collect();
                json_answer(&json!({ "metrics": metrics, "total": metrics.len(), "p": 1, "ps": 500 }))
            }
            "/api/v2/analysis/version" => {
                ResponseTemplate::new(200).set_body_raw(self.version.clone(), "text/plain")
            }
            "/api/v2/analysis/engine" => json_answer(&self.engine),
            "/api/v2/analysis/jres" => json_answer(&self.jres),
            "/api/plugins/installed" => json_answer(&json!({ "plugins": self.plugins })),
            "/api/plugins/download" => {
                let location = format!("{}/{}", self.plugin_location, parameter("plugin"));
                ResponseTemplate::new(302).insert_header("Location", location.as_str())
            }
            "/api/languages/list" => json_answer(
                &json!({ "languages": [{ "key": "py", "name": "Python" }, { "key": "js", "name": "JavaScript" }] }),
            ),
            _ => refusal(404, &format!("Unknown url : {path}")),
        }
    }
}

const METRICS: [(&str, &str, &str); 6] = [
    ("coverage", "Coverage", "PERCENT"),
    ("new_coverage", "Coverage on New Code", "PERCENT"),
    ("violations", "Issues", "INT"),
    ("new_violations", "New Issues", "INT"),
    ("sqale_index", "Technical Debt", "WORK_DUR"),
    ("security_rating", "Security Rating", "RATING"),
];

fn measure(key: &str, value: &str) -> Value {
    if key.starts_with("new_") {
        json!({ "metric": key, "period": { "index": 1, "value": value } })
    } else {
        json!({ "metric": key, "value": value })
    }
}

/// What the server says of a compute engine task.
pub(crate) fn task(key: &str, project: &str, status: &str) -> Value {
    let mut task = json!({
        "id": format!("AZ-{key}"), "type": "REPORT", "componentKey": project, "componentName": format!("The {project}"),
        "status": status, "warnings": [], "infoMessages": []
    });
    match status {
        "SUCCESS" => task["analysisId"] = format!("AY-{key}").into(),
        "FAILED" => {
            task["errorMessage"] = "Unable to read message from file /opt/sonarqube/metadata.pb".into();
        }
        _ => {}
    }
    json!({ "task": task })
}

/// The answer about a task, which came in just now unless it says something else.
pub(crate) fn task_answer(mut answer: Value) -> ResponseTemplate {
    if let Some(task) = answer["task"].as_object_mut() {
        task.entry("submittedAt").or_insert_with(|| server_time(SystemTime::now()).into());
    }
    json_answer(&answer)
}

/// A time as the server writes it: `2026-11-24T06:00:00+0000`.
pub(crate) fn server_time(time: SystemTime) -> String {
    // `Tue, 24 Nov 2026 06:00:00 GMT`
    let date = httpdate::fmt_http_date(time);
    let parts: Vec<_> = date.split(' ').collect();
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = months.iter().position(|month| *month == parts[2]).unwrap() + 1;
    format!("{}-{month:02}-{}T{}+0000", parts[3], parts[1], parts[4])
}

#[test]
fn the_fake_server_writes_times_as_sonarqube_does() {
    assert_eq!(
        server_time(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(951_782_400)),
        "2000-02-29T00:00:00+0000"
    );
}

/// A gate without conditions.
pub(crate) fn gate(status: &str) -> Value {
    json!({ "status": status, "conditions": [], "ignoredConditions": false, "caycStatus": "compliant" })
}

/// A gate that failed by one condition and passed another.
pub(crate) fn failed_gate() -> Value {
    json!({ "status": "ERROR", "ignoredConditions": false, "conditions": [
        { "status": "ERROR", "metricKey": "coverage", "comparator": "LT", "errorThreshold": "80", "actualValue": "61.5" },
        { "status": "OK", "metricKey": "violations", "comparator": "GT", "errorThreshold": "10", "actualValue": "3" },
    ] })
}

pub(crate) fn json_answer(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_raw(body.to_string(), "application/json")
}

pub(crate) fn html_page() -> ResponseTemplate {
    let page = "<!DOCTYPE html><html><head><title>Sign in to Contoso</title></head><body></body></html>";
    ResponseTemplate::new(200).set_body_raw(page, "text/html;charset=utf-8")
}

/// An error as SonarQube writes it.
pub(crate) fn refusal(status: u16, message: &str) -> ResponseTemplate {
    let body = json!({ "errors": [{ "msg": message }] });
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json")
}
