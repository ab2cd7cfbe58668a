use super::*;
use crate::http::{Authentication, Settings};
use crate::secret::Secret;
use std::io::Write as _;
use std::time::Duration;
use tempfile::TempDir;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const CONTENT: &[u8] = b"the engine";

struct Fixture {
    server: MockServer,
    home: TempDir,
    cache: Cache,
    artifact: Artifact,
}

impl Fixture {
    /// A server with `content`, which is to be asked for it `downloads` times.
    async fn new(file_name: &str, content: &[u8], downloads: u64) -> Self {
        let response = ResponseTemplate::new(200).set_body_raw(content, "application/octet-stream");
        Self::answering(file_name, content, response, downloads).await
    }

    async fn answering(file_name: &str, content: &[u8], response: ResponseTemplate, downloads: u64) -> Self {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/api/v2/analysis/engine"))
            .and(header("Accept", "application/octet-stream"))
            .and(header("Authorization", "Bearer t"))
            .respond_with(response)
            .expect(downloads)
            .mount(&server)
            .await;
        let home = tempfile::Builder::new().prefix("héim mit leerzeichen ").tempdir().unwrap();
        let artifact = Artifact {
            file_name: file_name.to_owned(),
            sha256: http::hex(&Sha256::digest(content)),
            url: format!("{}/api/v2/analysis/engine", server.uri()).parse().unwrap(),
        };
        let cache = Cache::in_user_home(home.path());
        Self { server, home, cache, artifact }
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(&self.artifact.url, Authentication::Bearer(Secret::new("t")))
    }

    async fn provision(&self) -> Result<Provisioned, ProvisionError> {
        let client = Client::new(Settings::default());
        provision(&client, Some(&self.credentials()), &self.artifact, &self.cache).await
    }

    async fn provision_jre(&self) -> Result<Provisioned, ProvisionError> {
        let client = Client::new(Settings::default());
        let jre = Jre { artifact: self.artifact.clone(), java_path: "jdk/bin/java".to_owned() };
        provision_jre(&client, Some(&self.credentials()), &jre, &self.cache).await
    }

    fn place(&self) -> PathBuf {
        self.home.path().join("cache").join(&self.artifact.sha256).join(&self.artifact.file_name)
    }

    /// What is below `_tmp`, locks excepted.
    fn temporary_files(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.home.path().join("cache/_tmp")) else { return Vec::new() };
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_none_or(|extension| extension != "lock")).collect()
    }

    /// Puts a file where the temporary files belong: even root can't write there then.
    fn make_read_only(&self) {
        let _ = std::fs::remove_dir_all(self.home.path().join("cache/_tmp"));
        std::fs::create_dir_all(self.home.path().join("cache")).unwrap();
        std::fs::write(self.home.path().join("cache/_tmp"), "").unwrap();
    }
}

#[tokio::test]
async fn the_first_one_downloads_and_the_next_one_reuses() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let first = fixture.provision().await.unwrap();
    assert_eq!(first, Provisioned { path: fixture.place(), was_cached: false });
    assert_eq!(std::fs::read(&first.path).unwrap(), CONTENT);
    let second = fixture.provision().await.unwrap();
    assert_eq!(second, Provisioned { path: fixture.place(), was_cached: true });
    assert!(fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn a_damaged_file_is_downloaded_anew() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    std::fs::create_dir_all(fixture.place().parent().unwrap()).unwrap();
    std::fs::write(fixture.place(), "the engin").unwrap();
    assert!(!fixture.provision().await.unwrap().was_cached);
    assert_eq!(std::fs::read(fixture.place()).unwrap(), CONTENT);
}

#[tokio::test]
async fn other_bytes_than_announced_are_never_used() {
    let mut fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    fixture.artifact.sha256 = http::hex(&Sha256::digest(b"older"));
    let error = fixture.provision().await.unwrap_err();
    assert!(error.is_checksum(), "{error}");
    assert!(Error::from(error).to_string().contains("engine.jar could not be downloaded"));
    assert!(!fixture.place().exists() && fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn two_at_once_download_once() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let (one, two) = tokio::join!(fixture.provision(), fixture.provision());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.path, two.path);
    assert!(one.was_cached != two.was_cached);
}

#[tokio::test]
async fn a_read_only_cache_serves_what_it_has() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    fixture.provision().await.unwrap();
    fixture.make_read_only();
    assert!(fixture.provision().await.unwrap().was_cached);
}

#[tokio::test]
async fn a_read_only_cache_that_lacks_the_file_is_named() {
    let fixture = Fixture::new("engine.jar", CONTENT, 0).await;
    fixture.make_read_only();
    let error = Error::from(fixture.provision().await.unwrap_err()).to_string();
    let folder = fixture.home.path().join("cache/_tmp");
    assert!(error.contains(folder.to_str().unwrap()) && error.contains("SONAR_USER_HOME"), "{error}");
}

#[tokio::test]
async fn a_download_that_is_dropped_leaves_nothing() {
    let response = ResponseTemplate::new(200).set_body_bytes(CONTENT).set_delay(Duration::from_secs(600));
    let fixture = Fixture::answering("engine.jar", CONTENT, response, 1).await;
    let asked = async {
        while fixture.server.received_requests().await.unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = fixture.provision() => panic!("{result:?}"),
        () = asked => {}
    }
    assert!(!fixture.place().exists() && fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn what_a_killed_download_left_is_not_used() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let left = fixture.home.path().join("cache/_tmp/0123-download");
    std::fs::create_dir_all(left.parent().unwrap()).unwrap();
    std::fs::write(&left, "the en").unwrap();
    assert!(!fixture.provision().await.unwrap().was_cached);
    assert_eq!(std::fs::read(fixture.place()).unwrap(), CONTENT);
}

#[tokio::test]
async fn hostile_names_are_refused() {
    let mut fixture = Fixture::new("engine.jar", CONTENT, 0).await;
    fixture.artifact.file_name = "../../.bashrc".to_owned();
    let error = Error::from(fixture.provision().await.unwrap_err()).to_string();
    assert!(error.contains("../../.bashrc"), "{error}");
}

fn jre_archive(java_path: &str) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(4);
    header.set_mode(0o755);
    builder.append_data(&mut header, java_path, &b"java"[..]).unwrap();
    let mut encoder = builder.into_inner().unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap()
}

#[cfg(unix)]
#[tokio::test]
async fn a_jre_is_unpacked_beside_its_archive() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.place().with_file_name("jre.tar.gz_extracted").join("jdk/bin/java");
    assert_eq!(fixture.provision_jre().await.unwrap(), Provisioned { path: java.clone(), was_cached: false });
    assert!(is_executable(&java) && fixture.place().is_file());
    assert!(fixture.temporary_files().is_empty());
    fixture.make_read_only();
    assert_eq!(fixture.provision_jre().await.unwrap(), Provisioned { path: java, was_cached: true });
}

#[cfg(unix)]
#[tokio::test]
async fn a_jre_that_lost_its_java_is_unpacked_again() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.provision_jre().await.unwrap().path;
    std::fs::remove_file(&java).unwrap();
    assert_eq!(fixture.provision_jre().await.unwrap(), Provisioned { path: java.clone(), was_cached: true });
    assert!(is_executable(&java));
    assert!(fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn a_jre_without_java_is_refused() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/python"), 1).await;
    let error = fixture.provision_jre().await.unwrap_err().to_string();
    assert!(error.contains("jdk/bin/java"), "{error}");
}
