use super::*;
use crate::error::Error;
use crate::http::ErrorKind;
use crate::http::{Authentication, NetworkSettings};
use crate::scanner::CacheSeal;
use crate::secret::Secret;
use sha2::{Digest as _, Sha256};
use std::io::{Read as _, Write as _};
use std::time::Duration;
use tempfile::TempDir;
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const CONTENT: &[u8] = b"the engine";

fn seal(token: &str) -> CacheSeal {
    CacheSeal::new(&Secret::new(token))
}

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
        let cache = Cache::in_user_home(home.path()).sealed(Some(seal("squ_1")));
        Self { server, home, cache, artifact }
    }

    fn credentials(&self) -> Credentials {
        Credentials::new(&self.artifact.url, Authentication::Bearer(Secret::new("t")))
    }

    async fn provision(&self) -> Result<Provisioned, ProvisionError> {
        self.provision_suspect(None).await
    }

    async fn provision_suspect(&self, since: Option<SystemTime>) -> Result<Provisioned, ProvisionError> {
        let (client, credentials) = (Client::new(NetworkSettings::default()), self.credentials());
        self.provisioning(&client, &credentials, since).file(&self.artifact, &|| ()).await
    }

    async fn provision_jre(&self) -> Result<Provisioned, ProvisionError> {
        self.provision_suspect_jre(None).await
    }

    async fn provision_suspect_jre(&self, since: Option<SystemTime>) -> Result<Provisioned, ProvisionError> {
        let (client, credentials) = (Client::new(NetworkSettings::default()), self.credentials());
        let jre = Jre { artifact: self.artifact.clone(), java_path: "jdk/bin/java".to_owned() };
        self.provisioning(&client, &credentials, since).jre(&jre).await
    }

    fn provisioning<'a>(
        &'a self,
        client: &'a Client,
        credentials: &'a Credentials,
        suspect_since: Option<SystemTime>,
    ) -> Provisioning<'a> {
        let check = suspect_since.map_or(Check::Usual, Check::Suspect);
        Provisioning { client, credentials: Some(credentials), cache: &self.cache, check }
    }

    fn place(&self) -> PathBuf {
        self.home.path().join("cache").join(&self.artifact.sha256).join(&self.artifact.file_name)
    }

    fn temporary_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home.path().join("cache/_tmp")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| !is_aside(path)).collect()
    }

    /// What was replaced and may still be in use.
    fn put_aside(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.home.path().join("cache/_tmp")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).filter(|path| is_aside(path)).collect()
    }

    /// Puts a file where the temporary files belong: then even root cannot write there.
    fn make_read_only(&self) {
        let _ = std::fs::remove_dir_all(self.home.path().join("cache/_tmp"));
        std::fs::create_dir_all(self.home.path().join("cache")).unwrap();
        std::fs::write(self.home.path().join("cache/_tmp"), "").unwrap();
    }
}

fn is_aside(path: &Path) -> bool {
    path.to_str().unwrap().ends_with("-unusable")
}

#[tokio::test]
async fn a_file_is_downloaded_once_and_then_used_from_the_cache() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let first = fixture.provision().await.unwrap();
    assert_eq!(first, Provisioned { path: fixture.place(), was_cached: false });
    assert_eq!(std::fs::read(&first.path).unwrap(), CONTENT);
    let second = fixture.provision().await.unwrap();
    assert_eq!(second, Provisioned { path: fixture.place(), was_cached: true });
    assert!(fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn a_damaged_file_is_downloaded_again() {
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
async fn two_jobs_at_once_download_a_file_once() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let (one, two) = tokio::join!(fixture.provision(), fixture.provision());
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.path, two.path);
    assert!(one.was_cached != two.was_cached);
}

#[tokio::test]
async fn a_file_in_a_read_only_cache_is_used() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    fixture.provision().await.unwrap();
    fixture.make_read_only();
    assert!(fixture.provision().await.unwrap().was_cached);
}

#[tokio::test]
async fn the_error_names_a_read_only_cache_that_lacks_the_file() {
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
async fn names_that_lead_out_of_the_cache_are_refused() {
    let mut fixture = Fixture::new("engine.jar", CONTENT, 0).await;
    fixture.artifact.file_name = "../../.bashrc".to_owned();
    let error = Error::from(fixture.provision().await.unwrap_err()).to_string();
    assert!(error.contains("../../.bashrc"), "{error}");
}

/// A `.tar.gz` with a java at this path, and the file `jdk/lib/modules`.
fn jre_archive(java_path: &str) -> Vec<u8> {
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(encoder);
    for (path, content) in [(java_path, &b"java"[..]), ("jdk/lib/modules", b"modules")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, path, content).unwrap();
    }
    // As the licences of real ones are.
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    builder.append_link(&mut header, "jdk/legal/LICENSE", "../lib/modules").unwrap();
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
async fn a_jre_whose_length_is_not_announced_is_unpacked_after_its_download() {
    let archive = jre_archive("jdk/bin/java");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut fixture = Fixture::new("jre.tar.gz", &archive, 0).await;
    fixture.artifact.url = format!("http://{}/jre", server.local_addr().unwrap()).parse().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", archive.len());
        stream.write_all(&[head.as_bytes(), &archive, b"\r\n0\r\n\r\n"].concat()).unwrap();
    });
    assert!(is_executable(&fixture.provision_jre().await.unwrap().path));
}

/// Each step of a provisioning leaves something that the next run can go on from.
#[cfg(unix)]
#[tokio::test]
async fn a_jre_that_lacks_a_file_is_unpacked_again() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.provision_jre().await.unwrap().path;
    let unpacked = fixture.place().with_file_name("jre.tar.gz_extracted");
    let modules = unpacked.join("jdk/lib/modules");
    let damages: [&dyn Fn(); 6] = [
        &|| std::fs::remove_file(&java).unwrap(),
        &|| std::fs::remove_file(&modules).unwrap(),
        &|| std::fs::write(&modules, "module").unwrap(),
        &|| std::fs::write(&modules, "").unwrap(),
        &|| std::fs::remove_dir_all(&unpacked).unwrap(),
        // Between the two renames of a repair.
        &|| std::fs::rename(&unpacked, fixture.home.path().join("cache/_tmp/unusable")).unwrap(),
    ];
    for damage in damages {
        damage();
        let expected = Provisioned { path: java.clone(), was_cached: true };
        assert_eq!(fixture.provision_jre().await.unwrap(), expected);
        assert_eq!(std::fs::read(&modules).unwrap(), b"modules");
        assert!(is_executable(&java));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_replaced_jre_stays_for_a_day_because_others_may_run_from_it() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.provision_jre().await.unwrap().path;
    let unpacked = fixture.place().with_file_name("jre.tar.gz_extracted");
    std::fs::remove_file(unpacked.join("jdk/lib/modules")).unwrap();
    let age = |folder: &Path| {
        let long_ago = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
        std::fs::File::open(folder).unwrap().set_modified(long_ago).unwrap();
    };
    age(&unpacked);
    fixture.provision_jre().await.unwrap();
    fixture.cache.tidy();
    let [aside] = &fixture.put_aside()[..] else { panic!("{:?}", fixture.put_aside()) };
    assert!(is_executable(&aside.join("jre/jdk/bin/java")) && is_executable(&java));
    age(aside);
    fixture.cache.tidy();
    assert!(fixture.put_aside().is_empty());
}

#[test]
fn the_hint_fits_the_reason_of_a_failed_download() {
    for (kind, is_java, expected) in [
        (ErrorKind::Unreachable, true, [true, true]),
        (ErrorKind::Unreachable, false, [true, false]),
        (ErrorKind::Timeout, false, [true, false]),
        (ErrorKind::Tls, false, [true, false]),
        (ErrorKind::Interrupted, true, [true, true]),
        (ErrorKind::Status, true, [false, true]),
        (ErrorKind::Status, false, [false, false]),
        (ErrorKind::Redirect, false, [false, false]),
        (ErrorKind::Setup, false, [false, false]),
        (ErrorKind::Checksum, true, [false, false]),
        (ErrorKind::Disk, true, [false, false]),
    ] {
        let error = http::Error { kind, url: "http://x/y".into(), cause: String::new() };
        let error = ProvisionError::Download { file_name: "y".into(), is_java, error };
        let text = Error::from(error).to_string();
        let said = ["firewall", "skipJreProvisioning=true"].map(|word| text.contains(word));
        assert_eq!(said, expected, "{text}");
    }
}

#[test]
fn a_jre_in_use_has_a_message_of_its_own() {
    let error = ProvisionError::Occupied { path: "/cache/jre".into(), cause: "Access is denied".to_owned() };
    insta::assert_snapshot!(Error::from(error), @"/cache/jre is damaged and could not be replaced: Access is denied. If another analysis on this machine runs from this folder, run this one again after it. Otherwise remove the folder.");
}

/// As a scanner leaves it that does not know our lists.
#[cfg(unix)]
fn unpack_by_another(fixture: &Fixture, java: &str, with_archive: bool) -> PathBuf {
    let place = beside(&fixture.place(), "_extracted");
    for (path, content) in [("jdk/bin/java", java), ("jdk/lib/modules", "modules")] {
        let file = place.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    if with_archive {
        std::fs::write(fixture.place(), jre_archive("jdk/bin/java")).unwrap();
    }
    place.join("jdk/bin/java")
}

#[cfg(unix)]
#[tokio::test]
async fn a_java_that_another_scanner_unpacked_is_used_if_it_is_what_its_archive_holds() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 0).await;
    let java = unpack_by_another(&fixture, "java", true);
    let modified = java.metadata().unwrap().modified().unwrap();
    for _ in 0..2 {
        assert!(fixture.provision_jre().await.unwrap().was_cached);
        assert_eq!(java.metadata().unwrap().modified().unwrap(), modified, "it was not unpacked again");
    }
    // It was sealed: the archive is not needed any more.
    std::fs::remove_file(fixture.place()).unwrap();
    assert!(fixture.provision_jre().await.unwrap().was_cached);
}

#[cfg(unix)]
#[tokio::test]
async fn a_java_that_an_earlier_build_put_there_is_not_run() {
    for (with_archive, link) in [(true, None), (true, Some("/bin/sh")), (false, None)] {
        let downloads = u64::from(!with_archive);
        let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), downloads).await;
        let java = unpack_by_another(&fixture, if link.is_some() { "java" } else { "evil" }, with_archive);
        if let Some(link) = link {
            let licence = beside(&fixture.place(), "_extracted").join("jdk/legal/LICENSE");
            std::fs::create_dir(licence.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(link, licence).unwrap();
        }
        // With a list that it sealed by what it had.
        sealed_folder::write(
            &beside(&fixture.place(), "_extracted"),
            &seal("its own"),
            &fixture.artifact.sha256,
        )
        .unwrap();
        assert_eq!(fixture.provision_jre().await.unwrap().was_cached, with_archive);
        assert_eq!(std::fs::read(&java).unwrap(), b"java");
        let licence = beside(&fixture.place(), "_extracted").join("jdk/legal/LICENSE");
        assert_eq!(std::fs::read_link(licence).unwrap(), Path::new("../lib/modules"), "unpacked again");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn an_unpacked_java_with_a_changed_file_is_not_run() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.provision_jre().await.unwrap().path;
    let unpacked = beside(&fixture.place(), "_extracted");
    let changes: [&dyn Fn(); 4] = [
        &|| {
            let modified = java.metadata().unwrap().modified().unwrap();
            std::fs::write(&java, "JAVA").unwrap();
            let file = std::fs::File::options().write(true).open(&java).unwrap();
            file.set_modified(modified).unwrap();
        },
        &|| std::fs::write(unpacked.join("jdk/lib/evil.so"), "").unwrap(),
        &|| {
            std::fs::write(&java, "JAVA").unwrap();
            sealed_folder::write(&unpacked, &seal("its own"), &fixture.artifact.sha256).unwrap();
        },
        &|| std::fs::set_permissions(&java, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap(),
    ];
    for change in changes {
        change();
        assert!(fixture.provision_jre().await.unwrap().was_cached, "the archive is in good order");
        assert_eq!(std::fs::read(&java).unwrap(), b"java");
        assert!(!unpacked.join("jdk/lib/evil.so").exists());
    }
}

/// A cache in a machine's image, which only root can write: nothing can be sealed there.
#[cfg(unix)]
#[tokio::test]
async fn a_read_only_cache_without_a_seal_is_verified_by_its_archive_each_time() {
    let mut fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 0).await;
    let java = unpack_by_another(&fixture, "java", true);
    fixture.make_read_only();
    fixture.cache = fixture.cache.clone().sealed(None);
    let private = fixture.home.path().join("private");
    for _ in 0..2 {
        assert_eq!(
            fixture.provision_jre().await.unwrap(),
            Provisioned { path: java.clone(), was_cached: true }
        );
    }
    // A folder that cannot be repaired is unpacked from the same archive elsewhere.
    std::fs::write(&java, "evil").unwrap();
    fixture.cache = fixture.cache.clone().or_private(private.clone());
    let provisioned = fixture.provision_jre().await.unwrap();
    assert!(provisioned.was_cached && provisioned.path.starts_with(&private), "{provisioned:?}");
    assert_eq!(std::fs::read(provisioned.path).unwrap(), b"java");
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_copy_replaces_a_file_that_another_user_may_write() {
    use std::os::unix::fs::PermissionsExt as _;
    // Downloaded once into the shared cache, and once more when that holds something else.
    let fixture = Fixture::new("engine.jar", CONTENT, 2).await;
    fixture.provision().await.unwrap();
    let root = fixture.home.path().join("cache");
    let private = fixture.home.path().join("private");
    let trusted = || fixture.cache.clone().or_private(private.clone()).trusted();
    assert_eq!(trusted().root(), root);
    let (client, credentials) = (Client::new(NetworkSettings::default()), fixture.credentials());
    let provision = async |cache: &Cache| {
        let provisioning = Provisioning { cache, ..fixture.provisioning(&client, &credentials, None) };
        provisioning.file(&fixture.artifact, &|| ()).await.unwrap()
    };
    for (folder, mode) in [(&root, 0o777), (&root.join(&fixture.artifact.sha256), 0o757)] {
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(mode)).unwrap();
        let cache = trusted();
        let provisioned = provision(&cache).await;
        assert!(provisioned.was_cached && provisioned.path.starts_with(&private), "{provisioned:?}");
        std::fs::remove_dir_all(&private).unwrap();
        // What was altered there is not copied.
        let altered = fixture.place();
        if mode == 0o757 {
            std::fs::write(&altered, "evil").unwrap();
            assert!(!provision(&cache).await.was_cached);
        }
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_copy_replaces_a_file_that_another_user_owns() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    fixture.provision().await.unwrap();
    let open = || std::fs::set_permissions(fixture.place(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let give_away = || drop(std::os::unix::fs::chown(fixture.place(), Some(12345), None));
    let changes: [&dyn Fn(); 2] = [&open, &give_away];
    for change in changes {
        change();
        assert!(fixture.provision().await.unwrap().was_cached);
        let metadata = fixture.place().metadata().unwrap();
        assert!(metadata.mode() & 0o022 == 0 && metadata.uid() != 12345);
        assert_eq!(std::fs::read(fixture.place()).unwrap(), CONTENT);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_damaged_archive_of_a_jre_is_downloaded_again() {
    let content = jre_archive("jdk/bin/java");
    let fixture = Fixture::new("jre.tar.gz", &content, 2).await;
    let java = fixture.provision_jre().await.unwrap().path;
    let mut flipped = content.clone();
    flipped[content.len() / 2] ^= 1;
    for damaged in [&flipped, &content[..content.len() - 1]] {
        // It does no harm while nothing is unpacked from it.
        std::fs::write(fixture.place(), damaged).unwrap();
        assert!(fixture.provision_jre().await.unwrap().was_cached);
    }
    std::fs::remove_file(&java).unwrap();
    assert!(!fixture.provision_jre().await.unwrap().was_cached);
    assert_eq!(std::fs::read(fixture.place()).unwrap(), content);
    assert!(is_executable(&java) && fixture.temporary_files().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn every_byte_of_a_suspect_jre_is_checked() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    let java = fixture.provision_jre().await.unwrap().path;
    let unpacked = beside(&fixture.place(), "_extracted");
    let modified = || java.metadata().unwrap().modified().unwrap();
    let before = modified();
    // Every byte is as it should be: another reason must be looked for.
    fixture.provision_suspect_jre(Some(SystemTime::now())).await.unwrap();
    assert_eq!(modified(), before);
    // As if the disk had changed a file without the system's knowledge, so that its times stay.
    let mut files = std::fs::read_dir(&unpacked).unwrap().map(|entry| entry.unwrap().path());
    let list = files.find(|path| path.extension().is_some_and(|end| end == "files")).unwrap();
    std::fs::write(&java, "JAVA").unwrap();
    sealed_folder::write(&unpacked, &seal("squ_1"), &fixture.artifact.sha256).unwrap();
    let text = std::fs::read_to_string(&list).unwrap();
    let (right, wrong) = (http::hex(&Sha256::digest(b"java")), http::hex(&Sha256::digest(b"JAVA")));
    let text = text[..=text.rfind('\n').unwrap()].replace(&wrong, &right);
    std::fs::write(&list, seal("squ_1").seal(&fixture.artifact.sha256, &text)).unwrap();
    if cfg!(target_os = "linux") {
        fixture.provision_jre().await.unwrap();
        assert_eq!(std::fs::read(&java).unwrap(), b"JAVA", "the price of not hashing");
    }
    fixture.provision_suspect_jre(Some(SystemTime::now())).await.unwrap();
    assert_eq!(std::fs::read(&java).unwrap(), b"java");
}

#[tokio::test]
async fn a_jre_unpacked_during_its_download_is_used_only_if_the_hash_is_right() {
    let mut fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/java"), 1).await;
    fixture.artifact.sha256 = http::hex(&Sha256::digest(b"older"));
    let error = fixture.provision_jre().await.unwrap_err();
    assert!(error.is_checksum(), "{error}");
    let folder = fixture.place();
    let left: Vec<_> =
        std::fs::read_dir(folder.parent().unwrap()).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left, [beside(&folder, ".lock")]);
    assert!(fixture.temporary_files().is_empty());
}

#[tokio::test]
async fn a_hostile_archive_is_refused_during_its_download() {
    let zeros = vec![0; 4 << 20];
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(encoder);
    let mut header = tar::Header::new_gnu();
    header.set_size(zeros.len() as u64);
    header.set_mode(0o644);
    builder.append_data(&mut header, "jdk/bomb", &zeros[..]).unwrap();
    let bomb = builder.into_inner().unwrap().finish().unwrap();
    let bomb = Fixture::new("jre.tar.gz", &bomb, 1).await;
    let error = bomb.provision_jre().await.unwrap_err();
    assert!(error.to_string().contains("it unpacks to too much"), "{error}");
    assert!(!beside(&bomb.place(), "_extracted").exists() && bomb.temporary_files().is_empty());
}

#[tokio::test]
async fn a_jre_without_java_is_refused() {
    let fixture = Fixture::new("jre.tar.gz", &jre_archive("jdk/bin/python"), 1).await;
    let error = fixture.provision_jre().await.unwrap_err().to_string();
    assert!(error.contains("jdk/bin/java"), "{error}");
}

#[tokio::test]
async fn a_file_that_is_checked_when_used_is_not_hashed_before() {
    let fixture = Fixture::new("engine.jar", CONTENT, 2).await;
    let (client, credentials) = (Client::new(NetworkSettings::default()), fixture.credentials());
    let provision = async |check| {
        let provisioning = Provisioning { check, ..fixture.provisioning(&client, &credentials, None) };
        provisioning.file(&fixture.artifact, &|| ()).await.unwrap().was_cached
    };
    assert!(!provision(Check::WhenUsed).await, "it is not there yet");
    std::fs::write(fixture.place(), "evil").unwrap();
    assert!(provision(Check::WhenUsed).await);
    assert!(!provision(Check::Usual).await, "what was altered is replaced");
}

#[tokio::test]
async fn a_suspect_file_is_hashed() {
    let fixture = Fixture::new("engine.jar", CONTENT, 2).await;
    let path = fixture.provision().await.unwrap().path;
    assert!(fixture.provision_suspect(Some(SystemTime::now())).await.unwrap().was_cached);
    std::fs::write(&path, "the Engine").unwrap();
    assert!(!fixture.provision_suspect(Some(SystemTime::now())).await.unwrap().was_cached);
    assert_eq!(std::fs::read(path).unwrap(), CONTENT);
}

#[tokio::test]
async fn on_miss_is_called_once_before_a_download() {
    let fixture = Fixture::new("engine.jar", CONTENT, 1).await;
    let (client, credentials) = (Client::new(NetworkSettings::default()), fixture.credentials());
    let provisioning = fixture.provisioning(&client, &credentials, None);
    let misses = std::cell::Cell::new(0);
    let on_miss = || misses.set(misses.get() + 1);
    let (one, two) = tokio::join!(
        provisioning.file(&fixture.artifact, &on_miss),
        provisioning.file(&fixture.artifact, &on_miss)
    );
    one.and(two).unwrap();
    provisioning.file(&fixture.artifact, &on_miss).await.unwrap();
    assert_eq!(misses.get(), 1);
}

/// A server with a plugin, asked for it `downloads` times.
async fn provision_plugin(fixture: &Fixture, md5: &str) -> Result<(), ProvisionError> {
    let (client, credentials) = (Client::new(NetworkSettings::default()), fixture.credentials());
    let url = format!("{}/api/plugins/download?plugin=python", fixture.server.uri()).parse().unwrap();
    let plugin = Plugin { key: "python".into(), md5: md5.into(), url, languages: Vec::new() };
    fixture.provisioning(&client, &credentials, None).plugin(&plugin).await
}

#[tokio::test]
async fn a_plugin_lies_where_the_engine_looks_for_it() {
    let fixture = Fixture::new("engine.jar", CONTENT, 0).await;
    Mock::given(path("/api/plugins/download"))
        .and(header("Authorization", "Bearer t"))
        .respond_with(ResponseTemplate::new(200).set_body_raw("a plugin", "application/java-archive"))
        .expect(2)
        .mount(&fixture.server)
        .await;
    // Of `a plugin`.
    let md5 = "fedf673d9350fddffc14cd014fcd8f29";
    let place = fixture.home.path().join("cache").join(md5).join("sonar-python-plugin.jar");
    let wrong = "0".repeat(32);
    let error = provision_plugin(&fixture, &wrong).await.unwrap_err().to_string();
    assert!(error.contains("its MD5 is ") && error.contains("000 was announced"), "{error}");
    assert!(!place.exists() && fixture.temporary_files().is_empty());
    provision_plugin(&fixture, md5).await.unwrap();
    assert_eq!(std::fs::read(&place).unwrap(), b"a plugin");
    provision_plugin(&fixture, md5).await.unwrap();
    assert!(fixture.temporary_files().is_empty());
    assert!(provision_plugin(&fixture, "../../x").await.is_err());
}
