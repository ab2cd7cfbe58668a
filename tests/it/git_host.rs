//! Git repositories to check out, and hosts that serve them with git's own server.

use crate::fake_azure_devops::block_on;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// A bare repository: four commits on `main` by two authors, of a file that each of them adds a line to; `feature`,
/// which leaves it at the second and has one of its own; and their merge, as a pull request has it.
pub(crate) struct Origin {
    folder: tempfile::TempDir,
    name: String,
}

impl Origin {
    pub(crate) fn new(name: &str) -> Self {
        let origin = Self { folder: tempfile::tempdir().unwrap(), name: name.to_owned() };
        git(origin.root(), &["init", "--quiet", "--bare", "--initial-branch", "main", name]);
        origin.import(&history());
        git(&origin.path(), &["config", "uploadpack.allowFilter", "true"]);
        origin
    }

    /// The folder with all repositories of a host.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self) -> PathBuf {
        self.root().join(&self.name)
    }

    pub(crate) fn file_url(&self) -> String {
        format!("file://{}", self.path().display())
    }

    fn import(&self, stream: &str) {
        let mut import = Command::new("git")
            .args(["fast-import", "--quiet"])
            .current_dir(self.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        import.stdin.take().unwrap().write_all(stream.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success());
    }

    pub(crate) fn commit_of(&self, revision: &str) -> String {
        git(&self.path(), &["rev-parse", revision])
    }

    /// Checks `reference` out into `directory` as the agent does, by `git fetch` with these options; `url` is what
    /// `origin` is then.
    pub(crate) fn check_out(&self, directory: &Path, reference: &str, options: &[&str], url: &str) {
        git(directory, &["init", "--quiet"]);
        git(directory, &["remote", "add", "origin", &self.file_url()]);
        git(directory, &[&["fetch", "--quiet"], options, &["origin", reference]].concat());
        git(directory, &["checkout", "--quiet", "--detach", "FETCH_HEAD"]);
        git(directory, &["remote", "set-url", "origin", url]);
    }
}

/// In the language of `git fast-import`.
fn history() -> String {
    let ann = "Ann <ann@example.com> 1704067200 +0000";
    let ben = "Ben <ben@example.com> 1706745600 +0000";
    let mut lines = String::new();
    let commit = |mark: u32, reference: &str, who: &str, parents: &str, text: &str| {
        format!(
            "commit {reference}\nmark :{mark}\nauthor {who}\ncommitter {who}\ndata 1\n{mark}{parents}\n\
             M 100644 inline tally.py\ndata {}\n{text}\n",
            text.len()
        )
    };
    let mut stream = String::new();
    for (mark, who) in [(1, ann), (2, ben), (3, ann), (4, ben)] {
        lines += &format!("ROW_{mark} = {mark}\n");
        let parents = if mark == 1 { String::new() } else { format!("\nfrom :{}", mark - 1) };
        stream += &commit(mark, "refs/heads/main", who, &parents, &lines);
    }
    let two = "ROW_1 = 1\nROW_2 = 2\n";
    stream += &commit(5, "refs/heads/feature", ann, "\nfrom :2", &format!("ROW_0 = 0\n{two}"));
    stream += &commit(6, "refs/pull/7/merge", ben, "\nfrom :4\nmerge :5", &format!("ROW_0 = 0\n{lines}"));
    stream
}

/// The output of a git command, which must succeed.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").args(arguments).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The commit that is checked out.
pub(crate) fn head(directory: &Path) -> String {
    git(directory, &["rev-parse", "HEAD"])
}

/// The number of commits of a revision, as far as the clone reaches.
pub(crate) fn commits(directory: &Path, revision: &str) -> usize {
    git(directory, &["rev-list", "--count", revision]).parse().unwrap()
}

/// Lets `git http-backend` answer a request for `path`, which begins with the name of a repository in `root`.
pub(crate) fn serve(root: &Path, path: &str, request: &Request) -> ResponseTemplate {
    let header = |name: &str| request.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let mut backend = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("REQUEST_METHOD", request.method.as_str())
        .env("QUERY_STRING", request.url.query().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    backend.stdin.take().unwrap().write_all(&request.body).unwrap();
    let mut answer = Vec::new();
    backend.stdout.take().unwrap().read_to_end(&mut answer).unwrap();
    backend.wait().unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let fields: Vec<_> = head.lines().filter_map(|line| line.split_once(": ")).collect();
    let field = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value);
    let status = field("Status").map_or(200, |status| status[..3].parse().unwrap());
    let media_type = field("Content-Type").unwrap_or("text/plain");
    ResponseTemplate::new(status).set_body_raw(answer[end + 4..].to_vec(), media_type)
}

/// How another host answers.
pub(crate) enum Door {
    /// Serves every client.
    Open,
    /// Serves clients that send this Authorization header.
    Locked(&'static str),
    /// A proxy: serves clients that send this Proxy-Authorization header.
    Proxy(String),
    /// Refuses every client with this text.
    Refusing(&'static str),
    /// Redirects every client to this host.
    Elsewhere(String),
    /// Takes an hour to answer.
    Slow,
}

/// A host of git repositories that is not Azure DevOps.
pub(crate) struct GitHost(MockServer);

impl GitHost {
    pub(crate) fn start(origin: &Origin, door: Door) -> Self {
        Self::serving(origin.root(), door)
    }

    /// A host of the repositories in this folder.
    pub(crate) fn serving(root: &Path, door: Door) -> Self {
        let answers = Answers { root: root.to_owned(), door };
        Self(block_on(async {
            let server = MockServer::start().await;
            server.register(Mock::given(wiremock::matchers::any()).respond_with(answers)).await;
            server
        }))
    }

    pub(crate) fn url(&self, repository: &str) -> String {
        format!("{}/{repository}", self.0.uri())
    }

    /// The Authorization headers of each request.
    pub(crate) fn authorizations(&self) -> Vec<Vec<String>> {
        let requests = block_on(self.0.received_requests()).unwrap();
        requests.iter().map(authorizations).collect()
    }
}

pub(crate) fn authorizations(request: &Request) -> Vec<String> {
    headers(request, "authorization")
}

fn headers(request: &Request, name: &str) -> Vec<String> {
    let headers = request.headers.get_all(name).iter();
    headers.map(|value| value.to_str().unwrap().to_owned()).collect()
}

struct Answers {
    root: PathBuf,
    door: Door,
}

impl Respond for Answers {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path();
        match &self.door {
            Door::Locked(key) if authorizations(request) != [*key] => {
                ResponseTemplate::new(401).insert_header("WWW-Authenticate", "Basic realm=\"git\"")
            }
            Door::Proxy(key) if headers(request, "proxy-authorization") != [key.as_str()] => {
                ResponseTemplate::new(407).insert_header("Proxy-Authenticate", "Basic realm=\"proxy\"")
            }
            Door::Open | Door::Locked(_) | Door::Proxy(_) => serve(&self.root, path, request),
            Door::Refusing(why) => {
                let lines = ["# service=git-upload-pack\n".to_owned(), format!("ERR {why}\n")];
                let [service, refusal] = lines.map(|line| format!("{:04x}{line}", line.len() + 4));
                ResponseTemplate::new(200).set_body_raw(
                    format!("{service}0000{refusal}"),
                    "application/x-git-upload-pack-advertisement",
                )
            }
            Door::Elsewhere(host) => {
                let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
                ResponseTemplate::new(302).insert_header("Location", format!("{host}{path}{query}"))
            }
            Door::Slow => ResponseTemplate::new(200).set_delay(std::time::Duration::from_secs(3600)),
        }
    }
}
