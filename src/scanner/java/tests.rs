use super::*;
use std::os::unix::fs::PermissionsExt as _;

/// A folder like a JDK's, below `folder`.
fn home(folder: &Path, name: &str, version: &str) -> PathBuf {
    let home = folder.join(name);
    std::fs::create_dir_all(home.join("bin")).unwrap();
    std::fs::write(home.join("release"), format!("IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"{version}\"\n")).unwrap();
    let java = home.join("bin/java");
    std::fs::write(&java, "").unwrap();
    std::fs::set_permissions(&java, std::fs::Permissions::from_mode(0o755)).unwrap();
    home
}

#[test]
fn the_order() {
    let folder = tempfile::tempdir().unwrap();
    let [property, server, java_home, in_path] =
        ["property", "server", "home", "path"].map(|name| home(folder.path(), name, name));
    let property = property.join("bin/java").to_str().unwrap().to_owned();
    let server = server.join("bin/java");
    let path = std::env::join_paths([Path::new("relative"), &folder.path().join("no"), &in_path.join("bin")])
        .unwrap();
    let all = JavaChoices {
        executable: Some(&property),
        skip_provisioning: false,
        java_home: Some(&java_home),
        path: Some(&path),
    };
    let chosen = |choices: JavaChoices<'_>| {
        let java = choices.choose(Some(server.clone())).unwrap();
        (java.reason, java.version.unwrap())
    };
    assert!(!all.want_server_jre());
    assert_eq!(chosen(all), (Reason::Property, "property".to_owned()));
    let choices = JavaChoices { executable: Some(" "), ..all };
    assert!(choices.want_server_jre());
    assert_eq!(chosen(choices), (Reason::Server, "server".to_owned()));
    let choices = JavaChoices { skip_provisioning: true, ..choices };
    assert!(!choices.want_server_jre());
    assert_eq!(chosen(choices), (Reason::JavaHome, "home".to_owned()));
    let choices = JavaChoices { java_home: Some(folder.path()), ..choices };
    assert_eq!(chosen(choices), (Reason::Path, "path".to_owned()));
    let java = choices.choose(None).unwrap();
    assert_eq!(
        java.to_string(),
        format!("Using Java path, the first one in PATH: {}/path/bin/java", folder.path().display())
    );
}

#[test]
fn a_name_is_looked_for_in_path() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let choices = JavaChoices { executable: Some("java"), path: Some(bin.as_os_str()), ..Default::default() };
    assert_eq!(choices.choose(None).unwrap().executable, bin.join("java"));
}

#[test]
fn a_relative_folder_of_path_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect::<PathBuf>();
    let relative = up.join(bin.strip_prefix("/").unwrap());
    assert!(is_executable(&relative.join("java")));
    let choices = JavaChoices { path: Some(relative.as_os_str()), ..Default::default() };
    assert!(choices.choose(None).is_err());
}

#[test]
fn a_link_leads_to_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let java = home(folder.path(), "jdk", "17.0.1").join("bin/java");
    let link = folder.path().join("java");
    std::os::unix::fs::symlink(java, &link).unwrap();
    assert_eq!(version(&link).as_deref(), Some("17.0.1"));
}

#[test]
fn without_java_the_message_says_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("java");
    std::fs::write(&file, "not executable").unwrap();
    let choices = JavaChoices {
        skip_provisioning: true,
        java_home: Some(Path::new("/no/jdk")),
        path: Some(folder.path().as_os_str()),
        ..Default::default()
    };
    let error = choices.choose(None).unwrap_err().to_string();
    for part in ["skipJreProvisioning", "JAVA_HOME (/no/jdk)", "PATH holds no java", "javaExePath"] {
        assert!(error.contains(part), "{error}");
    }
    let named = JavaChoices { executable: file.to_str(), ..choices };
    let error = named.choose(None).unwrap_err().to_string();
    assert!(error.contains("sonar.scanner.javaExePath names") && error.contains("/java"), "{error}");
}
