//! A real server with administrator rights, and projects that exist as long as a test runs.

use crate::fake_azure_devops::block_on;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use url::Url;

/// Far above the time any report takes.
const PATIENCE: Duration = Duration::from_secs(900);

/// A server with the login admin, password admin.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    /// For folders: `10_7`.
    pub(crate) version: &'static str,
}

/// Kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Project,
    Global,
    User,
}

impl Server {
    /// The server that scripts/test has started and named in `SONARQUBE_<version>`.
    pub(crate) fn of(version: &'static str) -> Self {
        let variable = format!("SONARQUBE_{version}");
        let Some(url) = std::env::var(&variable).ok().filter(|url| !url.is_empty()) else {
            let number = version.replace('_', ".");
            panic!(
                "{variable} names no server: run scripts/test, or set it to what `scripts/sonarqube start {number}` prints"
            )
        };
        Self { url: url.trim_end_matches('/').to_owned(), version }
    }

    /// The scanner's cache, kept from run to run.
    pub(crate) fn user_home(&self) -> PathBuf {
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sonar-user-home-{}", self.version))
    }

    fn send(&self, method: &str, path: &str, query: &[(&str, &str)], body: Option<(&str, Vec<u8>)>) -> Value {
        let (status, text) = self.exchange("admin:admin", method, path, query, body);
        assert!((200..300).contains(&status), "{method} {path} {query:?} answered {status}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    fn exchange(
        &self,
        account: &str,
        method: &str,
        path: &str,
        query: &[(&str, &str)],
        body: Option<(&str, Vec<u8>)>,
    ) -> (u16, String) {
        let mut url: Url = format!("{}/{path}", self.url).parse().unwrap();
        url.query_pairs_mut().extend_pairs(query);
        block_on(async {
            // A client lives no longer than the runtime that drives its connections.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let mut request = client
                .request(method.parse().unwrap(), url.clone())
                .header("Authorization", format!("Basic {}", BASE64.encode(account)));
            if let Some((media_type, content)) = body {
                request = request.header("Content-Type", media_type).body(content);
            }
            let response = request.send().await.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
            (response.status().as_u16(), response.text().await.unwrap())
        })
    }

    /// The status of the answer that a token gets.
    pub(crate) fn status_for(&self, token: &str, path: &str, query: &[(&str, &str)]) -> u16 {
        self.exchange(&format!("{token}:"), "GET", path, query, None).0
    }

    pub(crate) fn get(&self, path: &str, query: &[(&str, &str)]) -> Value {
        self.send("GET", path, query, None)
    }

    pub(crate) fn post(&self, path: &str, query: &[(&str, &str)]) -> Value {
        self.send("POST", path, query, None)
    }

    /// All metrics it knows.
    pub(crate) fn metrics(&self) -> Vec<Value> {
        let all = self.get("api/metrics/search", &[("ps", "500")]);
        all["metrics"].as_array().unwrap().clone()
    }

    /// A new project.
    pub(crate) fn project(&self, name: &str) -> Project {
        let project = self.unborn_project(name);
        self.post("api/projects/create", &[("project", &project.key), ("name", name)]);
        project
    }

    /// A project that isn't there yet, and goes with the value all the same.
    pub(crate) fn unborn_project(&self, name: &str) -> Project {
        Project { server: self.clone(), key: format!("{name}-{}", random()), tokens: Vec::new(), gate: None }
    }

    /// A user who may do what every user may, but not analyse. Returns a token of the user.
    pub(crate) fn token_of_a_bystander(&self) -> String {
        // Whoever may analyse everything by being a user may do so still by name: that is the administrator alone.
        for permission in ["scan", "provisioning"] {
            self.post("api/permissions/add_user", &[("login", "admin"), ("permission", permission)]);
            self.post(
                "api/permissions/remove_group",
                &[("groupName", "sonar-users"), ("permission", permission)],
            );
        }
        let login = format!("bystander-{}", random());
        let user = json!({ "login": login, "name": "Bystander", "password": "Correct-Horse-7-Battery" });
        self.send(
            "POST",
            "api/v2/users-management/users",
            &[],
            Some(("application/json", user.to_string().into_bytes())),
        );
        let token = self
            .post("api/user_tokens/generate", &[("login", &login), ("name", "it"), ("type", "USER_TOKEN")]);
        token["token"].as_str().unwrap().to_owned()
    }
}

fn random() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    format!("{:016x}", u64::from_be_bytes(bytes))
}

/// A project of one test, deleted with its tokens and its quality gate when the test is over.
pub(crate) struct Project {
    server: Server,
    pub(crate) key: String,
    tokens: Vec<String>,
    gate: Option<String>,
}

impl Project {
    /// A new token of the administrator's.
    pub(crate) fn token(&mut self, kind: TokenKind) -> String {
        let name = format!("{}-{}", self.key, self.tokens.len());
        let mut query = vec![("name", name.as_str())];
        match kind {
            TokenKind::Project => {
                query.extend([("type", "PROJECT_ANALYSIS_TOKEN"), ("projectKey", &self.key)]);
            }
            TokenKind::Global => query.push(("type", "GLOBAL_ANALYSIS_TOKEN")),
            TokenKind::User => query.push(("type", "USER_TOKEN")),
        }
        let answer = self.server.post("api/user_tokens/generate", &query);
        self.tokens.push(name);
        answer["token"].as_str().unwrap().to_owned()
    }

    /// Takes all tokens back.
    pub(crate) fn revoke_tokens(&mut self) {
        for name in std::mem::take(&mut self.tokens) {
            self.server.post("api/user_tokens/revoke", &[("name", &name)]);
        }
    }

    /// Gives it a quality gate of its own: metric, operator, threshold.
    pub(crate) fn require(&mut self, conditions: &[(&str, &str, &str)]) {
        let name = self.key.clone();
        self.server.post("api/qualitygates/create", &[("name", &name)]);
        self.gate = Some(name.clone());
        // A new gate comes with conditions of the server's own.
        let gate = self.server.get("api/qualitygates/show", &[("name", &name)]);
        for condition in gate["conditions"].as_array().into_iter().flatten() {
            let id = condition["id"].as_str().unwrap();
            self.server.post("api/qualitygates/delete_condition", &[("id", id)]);
        }
        for (metric, operator, threshold) in conditions {
            let query =
                [("gateName", name.as_str()), ("metric", metric), ("op", operator), ("error", threshold)];
            self.server.post("api/qualitygates/create_condition", &query);
        }
        self.server.post("api/qualitygates/select", &[("gateName", &name), ("projectKey", &self.key)]);
    }

    /// What the server warns of, about the report of this task: HTML.
    pub(crate) fn warnings_of(&self, ce_task: &str) -> Vec<String> {
        let query = [("id", ce_task), ("additionalFields", "warnings")];
        let task = self.server.get("api/ce/task", &query);
        let warnings = task["task"]["warnings"].as_array().into_iter().flatten();
        warnings.map(|warning| warning.as_str().unwrap().to_owned()).collect()
    }

    /// The gate of the analysis that became of a report, which has been processed.
    pub(crate) fn gate_of(&self, ce_task: &str) -> Value {
        let task = self.server.get("api/ce/task", &[("id", ce_task)]);
        let analysis = task["task"]["analysisId"].as_str().unwrap_or_else(|| panic!("{task}"));
        let gate = self.server.get("api/qualitygates/project_status", &[("analysisId", analysis)]);
        gate["projectStatus"].clone()
    }

    /// The gate as it is now.
    pub(crate) fn gate_now(&self) -> Value {
        let gate = self.server.get("api/qualitygates/project_status", &[("projectKey", &self.key)]);
        gate["projectStatus"].clone()
    }

    /// Waits until the server is done with a report.
    pub(crate) fn await_end(&self, ce_task: &str) {
        let is_open = |status: &Value| status == "PENDING" || status == "IN_PROGRESS";
        let began = Instant::now();
        while began.elapsed() < PATIENCE
            && is_open(&self.server.get("api/ce/task", &[("id", ce_task)])["task"]["status"])
        {
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    pub(crate) fn measure(&self, metric: &str) -> String {
        let query = [("component", self.key.as_str()), ("metricKeys", metric)];
        let answer = self.server.get("api/measures/component", &query);
        answer["component"]["measures"][0]["value"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Whether a token may read the measures, which those for analyses may on newer servers only.
    pub(crate) fn shows_measures_to(&self, token: &str) -> bool {
        let query = [("component", self.key.as_str()), ("metricKeys", "ncloc")];
        self.server.exchange(&format!("{token}:"), "GET", "api/measures/component", &query, None).0 == 200
    }

    /// Name and type of a metric.
    pub(crate) fn metric(&self, key: &str) -> (String, String) {
        let all = self.server.metrics();
        let metric = all.iter().find(|metric| metric["key"] == key).unwrap();
        (metric["name"].as_str().unwrap().to_owned(), metric["type"].as_str().unwrap().to_owned())
    }

    /// Sends a report that nobody can process. Returns the id of its task.
    pub(crate) fn submit_garbage(&self) -> String {
        let mut report = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        report.start_file("metadata.pb", zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut report, b"no protobuf at all").unwrap();
        self.submit(&report.finish().unwrap().into_inner())
    }

    /// Sends a report as a scanner does. Returns the id of its task.
    pub(crate) fn submit(&self, report: &[u8]) -> String {
        let boundary = "----a-line-that-is-in-no-report";
        let mut body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"report\"; filename=\"report.zip\"\r\n\
             Content-Type: application/zip\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(report);
        body.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        let media_type = format!("multipart/form-data; boundary={boundary}");
        let answer = self.server.send(
            "POST",
            "api/ce/submit",
            &[("projectKey", &self.key)],
            Some((&media_type, body)),
        );
        answer["taskId"].as_str().unwrap().to_owned()
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        // A failed test leaves what it made, to be looked at.
        if std::thread::panicking() {
            return;
        }
        self.revoke_tokens();
        self.server.post("api/projects/bulk_delete", &[("projects", &self.key)]);
        if let Some(gate) = &self.gate {
            self.server.post("api/qualitygates/destroy", &[("name", gate)]);
        }
    }
}
