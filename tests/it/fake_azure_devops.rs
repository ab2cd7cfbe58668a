//! A model of Azure DevOps over HTTP: one collection with a project, a Git repository and a build. It asks for the
//! job's token, keeps properties and attachments, and holds every request against Microsoft's own descriptions.

use crate::contract;
use crate::git_host;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// Id and name.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Named {
    fn is(&self, text: &str) -> bool {
        self.id.eq_ignore_ascii_case(text) || self.name.eq_ignore_ascii_case(text)
    }
}

/// What the product does with a request it does not know the sender of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// 401.
    Refuse,
    /// A redirect to the sign-in host.
    Redirect,
    /// The sign-in page itself, with status 203.
    Page,
}

#[derive(Debug)]
struct Model {
    /// Path of the collection, decoded and without slashes at its ends.
    collection: String,
    token: String,
    project: Named,
    repository: Named,
    default_branch: Option<String>,
    /// Number, source and target branch, and whether it comes from a fork.
    pull_request: Option<(u32, String, String, bool)>,
    /// What the last iteration of the pull request changes: kind, path and earlier path.
    changes: Vec<(String, String, Option<String>)>,
    build: u32,
    /// When the build started, as the server writes it.
    build_start: Option<String>,
    properties: BTreeMap<String, String>,
    /// Names of properties, spelt as the collection met them first: it ignores case in them, in all builds.
    property_names: Vec<String>,
    /// Every state the properties were in.
    history: Vec<BTreeMap<String, String>>,
    /// Decides how late each answer goes out.
    lateness: Option<u64>,
    /// Type, name, content.
    attachments: Vec<(String, String, Vec<u8>)>,
    sign_in: SignIn,
    sign_in_url: String,
    /// Where the repositories are, each under its name.
    git: Option<PathBuf>,
    /// The right to change the build is missing.
    read_only: bool,
    /// The product loses what the agent uploads.
    loses_attachments: bool,
    /// Statuses to answer the next requests with.
    hiccups: Vec<u16>,
    requests: Vec<String>,
    violations: Vec<String>,
}

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct AzureDevOps {
    server: Arc<MockServer>,
    stranger: Arc<MockServer>,
    model: Arc<Mutex<Model>>,
}

impl AzureDevOps {
    /// A collection at the root, as on Azure DevOps Services with one name of its own.
    pub(crate) fn start() -> Self {
        Self::at("contoso")
    }

    /// A collection below this path.
    pub(crate) fn at(collection: &str) -> Self {
        let (server, stranger) =
            block_on(async { (MockServer::builder().start().await, MockServer::builder().start().await) });
        let model = Arc::new(Mutex::new(Model {
            collection: collection.to_owned(),
            token: "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.am9i.c2lnbmF0dXJl".into(),
            project: Named { id: "9d3c6f5e-7a41-4f0e-8a35-2f1f0f8b6c11".into(), name: "My Shop".into() },
            repository: Named { id: "1e8b4f7a-2d53-46c8-b6ac-0d3e5a7f9b22".into(), name: "shop api".into() },
            default_branch: Some("refs/heads/main".into()),
            pull_request: None,
            changes: Vec::new(),
            build: 4711,
            build_start: None,
            properties: BTreeMap::new(),
            property_names: Vec::new(),
            history: Vec::new(),
            lateness: None,
            attachments: Vec::new(),
            sign_in: SignIn::Refuse,
            sign_in_url: format!("{}/_signin", stranger.uri()),
            git: None,
            read_only: false,
            loses_attachments: false,
            hiccups: Vec::new(),
            requests: Vec::new(),
            violations: Vec::new(),
        }));
        let mock = Mock::given(wiremock::matchers::any()).respond_with(Answers(model.clone()));
        block_on(server.register(mock));
        Self { server: Arc::new(server), stranger: Arc::new(stranger), model }
    }

    /// `http://host:port`.
    pub(crate) fn origin(&self) -> String {
        self.server.uri()
    }

    /// The variable `System.CollectionUri`.
    pub(crate) fn collection_uri(&self) -> String {
        let collection = self.model().collection.clone();
        format!("{}/{}", self.origin(), if collection.is_empty() { collection } else { collection + "/" })
    }

    pub(crate) fn token(&self) -> String {
        self.model().token.clone()
    }

    pub(crate) fn project(&self) -> Named {
        self.model().project.clone()
    }

    pub(crate) fn repository(&self) -> Named {
        self.model().repository.clone()
    }

    pub(crate) fn build_id(&self) -> String {
        self.model().build.to_string()
    }

    pub(crate) fn set_default_branch(&self, name: Option<&str>) {
        self.model().default_branch = name.map(str::to_owned);
    }

    /// Opens a pull request, by full names of its branches.
    pub(crate) fn open_pull_request(&self, number: u32, source: &str, target: &str, from_fork: bool) {
        self.model().pull_request = Some((number, source.to_owned(), target.to_owned(), from_fork));
    }

    /// Puts files into the pull request: the kind of change, the path, and the earlier one of what was renamed.
    pub(crate) fn change_files(&self, changes: &[(&str, &str, Option<&str>)]) {
        let owned = |(kind, path, before): &(&str, &str, Option<&str>)| {
            ((*kind).to_owned(), (*path).to_owned(), before.map(str::to_owned))
        };
        self.model().changes.extend(changes.iter().map(owned));
    }

    /// Serves the repositories in this folder to git.
    pub(crate) fn host(&self, repositories: PathBuf) {
        self.model().git = Some(repositories);
    }

    /// The URL of the build's repository for git.
    pub(crate) fn clone_url(&self) -> String {
        let model = self.model();
        let (collection, project, name) = (&model.collection, &model.project.name, &model.repository.name);
        format!("{}/{collection}/{project}/_git/{name}", self.origin()).replace(' ', "%20")
    }

    /// From now on the job's token is not accepted.
    pub(crate) fn forget_token(&self, sign_in: SignIn) {
        let mut model = self.model();
        model.token = "another".into();
        model.sign_in = sign_in;
    }

    pub(crate) fn take_away_the_right_to_change_builds(&self) {
        self.model().read_only = true;
    }

    /// The build started then.
    pub(crate) fn started_builds_at(&self, time: SystemTime) {
        let text = crate::fake_sonarqube::server_time(time).replace("+0000", ".1234567Z");
        self.model().build_start = Some(text);
    }

    pub(crate) fn lose_attachments(&self) {
        self.model().loses_attachments = true;
    }

    /// Answers the next requests with these statuses.
    pub(crate) fn stumble(&self, statuses: &[u16]) {
        self.model().hiccups = statuses.to_vec();
    }

    /// What the agent does with an attachment.
    pub(crate) fn attach(&self, kind: &str, name: &str, content: Vec<u8>) {
        let mut model = self.model();
        if !model.loses_attachments {
            model.attachments.push((kind.to_owned(), name.to_owned(), content));
        }
    }

    pub(crate) fn property(&self, name: &str) -> Option<String> {
        let model = self.model();
        let mut properties = model.properties.iter();
        properties.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, text)| text.clone())
    }

    /// Other builds of the collection had a property of this name.
    pub(crate) fn know_property(&self, name: &str) {
        self.model().property_names.push(name.to_owned());
    }

    /// A build without properties again, whose answers go out up to 50 ms late, as `seed` decides.
    pub(crate) fn begin_anew(&self, seed: u64) {
        let mut model = self.model();
        model.properties.clear();
        model.history.clear();
        model.lateness = Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    }

    /// Every state in which the properties could be read.
    pub(crate) fn history(&self) -> Vec<BTreeMap<String, String>> {
        self.model().history.clone()
    }

    /// Name and text of the Build Summaries.
    pub(crate) fn summaries(&self) -> Vec<(String, String)> {
        let model = self.model();
        let summaries = model.attachments.iter().filter(|(kind, ..)| kind == "Distributedtask.Core.Summary");
        summaries
            .map(|(_, name, content)| (name.clone(), String::from_utf8(content.clone()).unwrap()))
            .collect()
    }

    /// Method and path of each request.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.model().requests.clone()
    }

    /// Whether the host of the sign-in page has been asked for anything.
    pub(crate) fn is_stranger_asked(&self) -> bool {
        !block_on(self.stranger.received_requests()).unwrap().is_empty()
    }

    #[track_caller]
    pub(crate) fn assert_contract_kept(&self) {
        let violations = std::mem::take(&mut self.model().violations);
        assert!(violations.is_empty(), "requests that Azure DevOps does not take: {violations:#?}");
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap()
    }
}

/// Runs a future that needs no runtime but this one.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

struct Answers(Arc<Mutex<Model>>);

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut model = self.0.lock().unwrap();
        let answer = model.answer(request);
        let Some(state) = &mut model.lateness else { return answer };
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        answer.set_delay(std::time::Duration::from_millis(*state % 51))
    }
}

impl Model {
    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let path = segments(request.url.path());
        self.requests.push(format!("{} /{}", request.method, path.join("/")));
        let Some(below) = below(&path, &self.collection) else {
            self.violations.push(format!("{} {path:?} is not below the collection", request.method));
            return error(404, "TF50309: there is no such collection");
        };
        if let [project, "_git", rest @ ..] = below.iter().map(String::as_str).collect::<Vec<_>>().as_slice()
            && self.project.is(project)
        {
            return self.git(&rest.join("/"), request);
        }
        let asked = contract::Request {
            method: request.method.to_string(),
            path: below,
            query: request.url.query_pairs().into_owned().collect(),
            content_type: header(request, "content-type"),
            body: request.body.clone(),
        };
        self.violations.extend(contract::violations(&asked));
        if header(request, "authorization") != Some(format!("Bearer {}", self.token)) {
            return self.unknown_sender();
        }
        if !self.hiccups.is_empty() {
            return error(self.hiccups.remove(0), "VS403463: The request could not be served");
        }
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        match self.resource(request.method.as_str(), &path, &asked.query, &asked.body) {
            Ok(answer) => {
                let wrong = contract::answer_violations(&asked, &answer);
                self.violations.extend(wrong.into_iter().map(|what| format!("the model's own: {what}")));
                let mut version =
                    asked.query.iter().filter(|(name, _)| name == "api-version").map(|(_, value)| value);
                let version = version.next().cloned().unwrap_or_default();
                let media_type = format!("application/json; charset=utf-8; api-version={version}");
                ResponseTemplate::new(200).set_body_raw(answer.to_string(), &media_type)
            }
            Err(Refusal(status, message)) => error(status, &message),
        }
    }

    fn git(&self, path: &str, request: &Request) -> ResponseTemplate {
        let senders = git_host::authorizations(request);
        match (&self.git, senders.as_slice()) {
            (_, [_, _, ..]) => ResponseTemplate::new(400).set_body_string("Duplicate header: Authorization"),
            (Some(root), [sender]) if *sender == format!("bearer {}", self.token) => {
                git_host::serve(root, &format!("/{path}"), request)
            }
            _ => self.unknown_sender(),
        }
    }

    fn unknown_sender(&self) -> ResponseTemplate {
        let page = "<!DOCTYPE html><html><head><title>Sign In</title></head></html>";
        match self.sign_in {
            SignIn::Refuse => ResponseTemplate::new(401).insert_header("WWW-Authenticate", "Bearer"),
            SignIn::Redirect => {
                ResponseTemplate::new(302).insert_header("Location", self.sign_in_url.as_str())
            }
            SignIn::Page => ResponseTemplate::new(203).set_body_raw(page, "text/html; charset=utf-8"),
        }
    }

    fn resource(
        &mut self,
        method: &str,
        path: &[&str],
        query: &[(String, String)],
        body: &[u8],
    ) -> Result<Value, Refusal> {
        let [project, "_apis", rest @ ..] = path else { return Err(refusal(404, "The page is not found")) };
        if !self.project.is(project) {
            return Err(refusal(404, "TF200016: The following project does not exist"));
        }
        match (method, rest) {
            ("GET", ["git", "repositories", name]) => {
                if !self.repository.is(name) {
                    let message =
                        format!("TF401019: The Git repository with name or identifier {name} does not exist");
                    return Err(refusal(404, &message));
                }
                let Named { id, name } = &self.repository;
                let project =
                    json!({ "id": self.project.id, "name": self.project.name, "state": "wellFormed" });
                let mut answer = json!({ "id": id, "name": name, "project": project, "size": 1024 });
                if let Some(branch) = &self.default_branch {
                    answer["defaultBranch"] = branch.as_str().into();
                }
                Ok(answer)
            }
            ("GET", ["git", "repositories", name, "pullRequests", number]) if self.repository.is(name) => {
                let found = self.pull_request.iter().find(|(known, ..)| known.to_string() == *number);
                let Some((number, source, target, from_fork)) = found else {
                    let message = format!("TF401180: The requested pull request was not found: {number}");
                    return Err(refusal(404, &message));
                };
                let mut answer = json!({ "pullRequestId": number, "status": "active", "title": "Rework the cart",
                    "sourceRefName": source, "targetRefName": target,
                    "repository": { "id": self.repository.id, "name": self.repository.name } });
                if *from_fork {
                    answer["forkSource"] = json!({ "name": source, "repository": { "name": "shop-fork" } });
                }
                Ok(answer)
            }
            ("GET", ["git", "repositories", name, "pullRequests", number, "iterations", rest @ ..])
                if self.repository.is(name) =>
            {
                if self.pull_request.as_ref().is_none_or(|(known, ..)| known.to_string() != *number) {
                    let message = format!("TF401180: The requested pull request was not found: {number}");
                    return Err(refusal(404, &message));
                }
                match rest {
                    [] => Ok(json!({ "count": 3, "value": [{ "id": 1 }, { "id": 2 }, { "id": 3 }] })),
                    ["3", "changes"] => Ok(self.changes(query)),
                    _ => Err(refusal(404, "The iteration is not the last one")),
                }
            }
            (_, ["build", "builds", build, rest @ ..]) => {
                if *build != self.build.to_string() {
                    return Err(refusal(404, &format!("The requested build {build} could not be found.")));
                }
                match (method, rest) {
                    ("GET", []) => Ok(json!({ "id": self.build, "startTime": self.build_start })),
                    ("PATCH", ["properties"]) => self.patch_properties(body),
                    ("GET", ["properties"]) => Ok(self.properties()),
                    ("GET", ["attachments", kind]) => {
                        let found = self.attachments.iter().filter(|(of_kind, ..)| of_kind == kind);
                        let found: Vec<_> =
                            found.map(|(_, name, _)| json!({ "name": name, "_links": {} })).collect();
                        Ok(json!({ "count": found.len(), "value": found }))
                    }
                    _ => Err(refusal(405, "The resource does not support it")),
                }
            }
            _ => Err(refusal(404, "The resource is not known")),
        }
    }

    /// A page of the pull request's changes; there are three on one, however many are asked for.
    fn changes(&self, query: &[(String, String)]) -> Value {
        let number = |name: &str| {
            query.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse::<usize>().ok())
        };
        let (skip, top) = (number("$skip").unwrap_or(0), number("$top").unwrap_or(100).min(3));
        let entry = |(kind, path, before): &(String, String, Option<String>)| {
            let mut entry = json!({ "changeTrackingId": 1, "changeId": 1, "changeType": kind,
                "item": { "objectId": "5f8c2e1a", "path": path } });
            if let Some(before) = before {
                entry["originalPath"] = before.as_str().into();
            }
            entry
        };
        let entries: Vec<_> = self.changes.iter().skip(skip).take(top).map(entry).collect();
        match self.changes.len() > skip + top {
            true => json!({ "changeEntries": entries, "nextSkip": skip + top, "nextTop": top }),
            false => json!({ "changeEntries": entries }),
        }
    }

    fn patch_properties(&mut self, body: &[u8]) -> Result<Value, Refusal> {
        if self.read_only {
            return Err(refusal(
                403,
                "TF215106: Access denied. My Shop Build Service (contoso) needs Update build information permissions",
            ));
        }
        let operations: Vec<Value> =
            serde_json::from_slice(body).map_err(|error| refusal(400, &error.to_string()))?;
        for operation in operations {
            let name = operation["path"].as_str().unwrap_or_default().trim_start_matches('/');
            let mut known = self.property_names.iter();
            let name = match known.find(|known| known.eq_ignore_ascii_case(name)) {
                Some(known) => known.clone(),
                None => {
                    self.property_names.push(name.to_owned());
                    name.to_owned()
                }
            };
            match (operation["op"].as_str(), operation["value"].as_str()) {
                (Some("add" | "replace"), Some(value)) => self.properties.insert(name, value.to_owned()),
                (Some("remove"), _) => self.properties.remove(&name),
                _ => return Err(refusal(400, "VS403483: the patch document is not legal")),
            };
        }
        self.history.push(self.properties.clone());
        Ok(self.properties())
    }

    fn properties(&self) -> Value {
        let properties = self.properties.iter();
        let properties: serde_json::Map<_, _> = properties
            .map(|(name, value)| (name.clone(), json!({ "$type": "System.String", "$value": value })))
            .collect();
        json!({ "count": properties.len(), "value": properties })
    }
}

/// A status and why.
struct Refusal(u16, String);

fn refusal(status: u16, message: &str) -> Refusal {
    Refusal(status, message.to_owned())
}

/// An error as Azure DevOps writes it.
fn error(status: u16, message: &str) -> ResponseTemplate {
    let body =
        json!({ "$id": "1", "message": message, "typeKey": "Exception", "errorCode": 0, "eventId": 3000 });
    ResponseTemplate::new(status).set_body_raw(body.to_string(), "application/json; charset=utf-8")
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// The decoded segments of a path.
fn segments(path: &str) -> Vec<String> {
    let decoded = |segment: &str| {
        // In a query a plus sign would mean a space, and an ampersand end the value.
        let query = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
        url::form_urlencoded::parse(query.as_bytes()).next().unwrap().1.into_owned()
    };
    path.split('/').skip(1).map(decoded).collect()
}

/// What of the path is below the collection.
fn below(path: &[String], collection: &str) -> Option<Vec<String>> {
    let collection: Vec<_> = collection.split('/').filter(|segment| !segment.is_empty()).collect();
    let (start, rest) = path.split_at_checked(collection.len())?;
    (start == collection).then(|| rest.to_vec())
}
