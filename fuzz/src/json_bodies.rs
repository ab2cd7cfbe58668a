//! Answers of servers.

use sonar_azdo::analysis::{ServerKind, ServerVersion, Target};
use sonar_azdo::azure_devops::AzureDevOps;
use sonar_azdo::http::{Authentication, Client, NetworkSettings};
use sonar_azdo::secret::Secret;
use sonar_azdo::sonarqube::SonarQube;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use url::Url;

/// Long enough for a busy machine, too.
const MOST: Duration = Duration::from_secs(30);

/// JSON bodies of SonarQube and of Azure DevOps: each request ends, with a value or an error. The first byte says which
/// request is answered with the rest.
pub fn json_bodies(bytes: &[u8]) {
    static WORLD: LazyLock<Mutex<World>> = LazyLock::new(|| Mutex::new(World::new()));
    let Some((which, body)) = bytes.split_first() else { return };
    let world = WORLD.lock().unwrap();
    *world.body.lock().unwrap() = body.to_vec();
    let asked = ask(*which, &world.sonarqube, &world.azure_devops);
    let answered = world.runtime.block_on(async { timeout(MOST, asked).await });
    assert!(answered.is_ok(), "request {which} does not end");
}

async fn ask(which: u8, sonarqube: &SonarQube, azure_devops: &AzureDevOps) {
    let (key, branch, pull_request) = ("shop", &Target::branch("main"), &Target::pull_request("7"));
    match which % 24 {
        0 => drop(sonarqube.availability().await),
        1 => drop(sonarqube.authenticate().await),
        2 => drop(sonarqube.facts(ServerVersion::parse("26.9.0.1").unwrap()).await),
        3 => drop(sonarqube.public_url().await),
        4 => drop(sonarqube.may_create_projects().await),
        5 => drop(sonarqube.engine().await),
        6 => drop(sonarqube.jre("linux", "x64").await),
        7 => drop(sonarqube.plugins().await),
        8 => drop(sonarqube.languages().await),
        9 => drop(sonarqube.project_access(key).await),
        10 => drop(sonarqube.main_branch(key).await),
        11 => drop(sonarqube.last_analysis(key, branch).await),
        12 => drop(sonarqube.last_analysis(key, pull_request).await),
        13 => drop(sonarqube.ce_task("AZ-1").await),
        14 => drop(sonarqube.pending_reports(key, branch).await),
        15 => drop(sonarqube.quality_gate("AZ-1").await.map(|gate| gate.verdict())),
        16 => drop(sonarqube.metrics().await),
        17 => drop(sonarqube.measures(key, branch, &["ncloc", "coverage"]).await),
        18 => drop(sonarqube.source_files(key, pull_request).await),
        19 => drop(azure_devops.build_properties("p", "1").await),
        20 => drop(azure_devops.build_start("p", "1").await),
        21 => drop(azure_devops.build_attachments("p", "1", "k").await),
        22 => drop(azure_devops.pull_request("p", "r", "7").await),
        _ => drop(azure_devops.changed_paths("p", "r", "7").await),
    }
}

struct World {
    runtime: Runtime,
    sonarqube: SonarQube,
    azure_devops: AzureDevOps,
    /// What every request is answered with.
    body: Arc<Mutex<Vec<u8>>>,
}

impl World {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let body = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::clone(&body);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(&stream, &answer));
            }
        });
        let http = Client::new(NetworkSettings::default());
        let token = || Secret::new("token");
        let api = SonarQube::api_url_of(&base, ServerKind::Server);
        let authentication = Authentication::BasicToken(token());
        Self {
            runtime: Builder::new_current_thread().enable_all().build().unwrap(),
            sonarqube: SonarQube::new(http.clone(), base.clone(), api, ServerKind::Server, authentication),
            azure_devops: AzureDevOps::new(http, base, token()),
            body,
        }
    }
}

/// Answers the requests of a connection, which have no bodies, until it is closed.
fn serve(mut stream: &TcpStream, answer: &Mutex<Vec<u8>>) {
    let mut lines = BufReader::new(stream).lines();
    loop {
        match lines.by_ref().map_while(Result::ok).find(|line| line.is_empty()) {
            None => return,
            Some(_) => {
                let body = answer.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
                let response =
                    [head.as_bytes(), format!("{}\r\n\r\n", body.len()).as_bytes(), &body].concat();
                if stream.write_all(&response).is_err() {
                    return;
                }
            }
        }
    }
}
