//! A model of Azure DevOps over HTTP: one collection with a project, a Git repository and a build. It asks for the
//! job's token, keeps properties and attachments, and holds every request against Microsoft's own descriptions.

use crate::contract;
use crate::git_host;
use stand_in_agent::Attachment;
use stand_in_agent::azure_devops::{Named, Refusal, Resources, below, segments};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// How the product answers a request without a valid token.
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
    resources: Resources,
    /// Decides how late each answer is sent.
    lateness: Option<u64>,
    sign_in: SignIn,
    sign_in_url: String,
    /// Where the repositories are, each under its name.
    git: Option<PathBuf>,
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
            resources: Resources::default(),
            lateness: None,
            sign_in: SignIn::Refuse,
            sign_in_url: format!("{}/_signin", stranger.uri()),
            git: None,
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
        self.model().resources.project.clone()
    }

    pub(crate) fn repository(&self) -> Named {
        self.model().resources.repository.clone()
    }

    pub(crate) fn build_id(&self) -> String {
        self.model().resources.build.to_string()
    }

    /// Returns what is kept for the job.
    pub(crate) fn predefine(&self, how: impl FnOnce(&Resources)) {
        how(&self.model().resources);
    }

    pub(crate) fn set_default_branch(&self, name: Option<&str>) {
        self.model().resources.default_branch = name.map(str::to_owned);
    }

    /// Opens a pull request, by full names of its branches.
    pub(crate) fn open_pull_request(&self, number: u32, source: &str, target: &str, from_fork: bool) {
        self.model().resources.pull_request = Some((number, source.to_owned(), target.to_owned(), from_fork));
    }

    /// Puts files into the pull request: the kind of change, the path, and the earlier one of what was renamed.
    pub(crate) fn change_files(&self, changes: &[(&str, &str, Option<&str>)]) {
        let owned = |(kind, path, before): &(&str, &str, Option<&str>)| {
            ((*kind).to_owned(), (*path).to_owned(), before.map(str::to_owned))
        };
        self.model().resources.changes.extend(changes.iter().map(owned));
    }

    /// Serves the repositories in this folder to git.
    pub(crate) fn host(&self, repositories: PathBuf) {
        self.model().git = Some(repositories);
    }

    /// The URL of the build's repository for git.
    pub(crate) fn clone_url(&self) -> String {
        let model = self.model();
        let (collection, project, name) =
            (&model.collection, &model.resources.project.name, &model.resources.repository.name);
        format!("{}/{collection}/{project}/_git/{name}", self.origin()).replace(' ', "%20")
    }

    /// From now on the job's token is not accepted.
    pub(crate) fn forget_token(&self, sign_in: SignIn) {
        let mut model = self.model();
        model.token = "another".into();
        model.sign_in = sign_in;
    }

    pub(crate) fn take_away_the_right_to_change_builds(&self) {
        self.model().resources.read_only = true;
    }

    /// The build started then.
    pub(crate) fn started_builds_at(&self, time: SystemTime) {
        let text = crate::fake_sonarqube::server_time(time).replace("+0000", ".1234567Z");
        self.model().resources.build_start = Some(text);
    }

    pub(crate) fn lose_attachments(&self) {
        self.model().loses_attachments = true;
    }

    /// Answers the next requests with these statuses.
    pub(crate) fn stumble(&self, statuses: &[u16]) {
        self.model().hiccups = statuses.to_vec();
    }

    /// Uploads an attachment, as the agent does.
    pub(crate) fn attach(&self, attachment: Attachment) {
        let Attachment { kind, name, content } = attachment;
        let mut model = self.model();
        if !model.loses_attachments {
            model.resources.attachments.push((kind, name, content));
        }
    }

    pub(crate) fn property(&self, name: &str) -> Option<String> {
        let model = self.model();
        let mut properties = model.resources.properties.iter();
        properties.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, text)| text.clone())
    }

    /// Other builds of the collection had a property of this name.
    pub(crate) fn know_property(&self, name: &str) {
        self.model().resources.property_names.push(name.to_owned());
    }

    /// A build without properties again, whose answers go out up to 50 ms late, as `seed` decides.
    pub(crate) fn begin_anew(&self, seed: u64) {
        let mut model = self.model();
        model.resources.properties.clear();
        model.resources.history.clear();
        model.lateness = Some(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    }

    /// Every state of the properties that a reader could see.
    pub(crate) fn history(&self) -> Vec<BTreeMap<String, String>> {
        self.model().resources.history.clone()
    }

    /// Name and text of the Build Summaries.
    pub(crate) fn summaries(&self) -> Vec<(String, String)> {
        let model = self.model();
        let summaries =
            model.resources.attachments.iter().filter(|(kind, ..)| kind == "Distributedtask.Core.Summary");
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
            && self.resources.project.is(project)
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
        match self.resources.answer(request.method.as_str(), &path, &asked.query, &asked.body) {
            Ok(answer) => {
                let wrong = contract::answer_violations(&asked, &answer);
                self.violations.extend(wrong.into_iter().map(|what| format!("the model's own: {what}")));
                let mut version =
                    asked.query.iter().filter(|(name, _)| name == "api-version").map(|(_, value)| value);
                let version = version.next().cloned().unwrap_or_default();
                let media_type = format!("application/json; charset=utf-8; api-version={version}");
                ResponseTemplate::new(200).set_body_raw(answer.to_string(), &media_type)
            }
            Err(refusal) => refused(&refusal),
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
}

/// An error as Azure DevOps writes it.
fn error(status: u16, message: &str) -> ResponseTemplate {
    refused(&Refusal { status, message: message.to_owned() })
}

fn refused(refusal: &Refusal) -> ResponseTemplate {
    ResponseTemplate::new(refusal.status)
        .set_body_raw(refusal.body().to_string(), "application/json; charset=utf-8")
}

fn header(request: &Request, name: &str) -> Option<String> {
    request.headers.get(name).map(|value| value.to_str().unwrap().to_owned())
}
