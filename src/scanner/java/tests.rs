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

fn variables<'a>(named: &'a [(&'static str, PathBuf)]) -> Vec<JavaHome<'a>> {
    JavaHome::among(named.iter().map(|(name, folder)| (*name, folder.to_str().unwrap())))
}

#[test]
fn the_order() {
    let folder = tempfile::tempdir().unwrap();
    let home = |name| home(folder.path(), name, name);
    let agent = [
        ("JAVA_HOME", home("22")),
        ("JAVA_HOME_25_X64", home("25")),
        ("JAVA_HOME_21_X64", home("21.0.11")),
        ("JAVA_HOME_11_X64", home("11.0.2")),
        ("JAVA_HOME_17_ARM64", home("17")),
        ("JAVA_HOME_23_ARM64", home("23")),
        ("JAVA_HOME_21_X64_OLD", home("x")),
    ];
    let agent = variables(&agent);
    assert_eq!(agent.len(), 6);
    let path = std::env::join_paths([
        Path::new("relative"),
        &folder.path().join("no"),
        &home("24").join("bin"),
        &home("26").join("bin"),
    ])
    .unwrap();
    let choices = JavaChoices { homes: &agent, arch: "x64", path: Some(&path), ..Default::default() };
    let best = |choices: JavaChoices<'_>, needed| choices.best(None, needed).unwrap().reason;

    let server = home("server").join("bin/java");
    assert_eq!(choices.best(Some(server), 99).unwrap().reason, Reason::Server);
    assert_eq!(best(choices, 11), Reason::Agent("JAVA_HOME_11_X64".into()));
    assert_eq!(best(choices, 17), Reason::Agent("JAVA_HOME_21_X64".into()));
    assert_eq!(best(choices, 22), Reason::Agent("JAVA_HOME_25_X64".into()));
    assert_eq!(
        best(JavaChoices { arch: "aarch64", ..choices }, 11),
        Reason::Agent("JAVA_HOME_17_ARM64".into())
    );
    let only_machine = |homes| JavaChoices { homes, ..choices };
    assert_eq!(best(only_machine(&agent[..1]), 22), Reason::JavaHome);
    assert_eq!(best(only_machine(&agent[..1]), 23), Reason::Path);
    assert_eq!(best(only_machine(&[]), 0), Reason::Path);
    assert_eq!(
        only_machine(&[]).best(None, 24).unwrap().to_string(),
        format!("Using Java 24, the first one in PATH: {}/24/bin/java", folder.path().display())
    );
}

#[test]
fn what_the_user_chose_comes_first_if_it_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let agent = [
        ("JAVA_HOME_17_X64", home(folder.path(), "17", "17.0.15")),
        ("JAVA_HOME_21_ARM64", home(folder.path(), "21", "21.0.1")),
        ("JAVA_HOME_8_X64", folder.path().join("gone")),
    ];
    let agent = variables(&agent);
    let java = folder.path().join("17/bin/java").to_str().unwrap().to_owned();
    let choices = JavaChoices { homes: &agent, arch: "x64", ..Default::default() };
    let named = |name| JavaChoices { named: Some(name), ..choices };

    let by_property = JavaChoices { executable: Some(&java), ..named("JAVA_HOME_21_ARM64") };
    assert_eq!(by_property.made(21).unwrap().unwrap().reason, Reason::Property);
    let blank = JavaChoices { executable: Some(" "), ..choices };
    assert_eq!((blank.is_made(), blank.made(0)), (false, Ok(None)));

    let java = named("JAVA_HOME_21_arm64").made(21).unwrap().unwrap();
    assert_eq!(java.version.as_deref(), Some("21.0.1"));
    assert!(
        java.to_string().starts_with("Using Java 21.0.1, as jdkversion JAVA_HOME_21_ARM64 says: /"),
        "{java}"
    );

    for (name, made, problem) in [
        (
            "JAVA_HOME_17_X64",
            true,
            "jdkversion is JAVA_HOME_17_X64, which is Java 17.0.15, and this analysis needs Java 21 or newer",
        ),
        (
            "JAVA_HOME_25_X64",
            false,
            "jdkversion is JAVA_HOME_25_X64, which is no variable that names a Java here",
        ),
        ("JAVA_HOME_8_X64", false, "has no bin/java"),
    ] {
        assert_eq!((named(name).is_made(), named(name).made(21)), (made, Ok(None)), "{name}");
        let error = JavaChoices { strict: true, ..named(name) }.made(21).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        assert!(
            error.ends_with(
                "Set are JAVA_HOME_17_X64 (17.0.15), JAVA_HOME_21_ARM64 (21.0.1); or use `jdkversion: auto`."
            ),
            "{error}"
        );
    }
}

#[test]
fn versions() {
    for (version, expected) in [
        ("21.0.11", Some(21)),
        ("17", Some(17)),
        ("1.8.0_392", Some(8)),
        ("25-ea", Some(25)),
        ("x", None),
        ("", None),
    ] {
        assert_eq!(feature(version), expected, "{version}");
    }
}

#[test]
fn a_name_is_looked_for_in_path() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let choices = JavaChoices { executable: Some("java"), path: Some(bin.as_os_str()), ..Default::default() };
    assert_eq!(choices.made(0).unwrap().unwrap().executable, bin.join("java"));
}

#[test]
fn a_relative_folder_of_path_does_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect::<PathBuf>();
    let relative = up.join(bin.strip_prefix("/").unwrap());
    assert!(is_executable(&relative.join("java")));
    let choices = JavaChoices { path: Some(relative.as_os_str()), ..Default::default() };
    assert!(choices.best(None, 0).is_err());
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
    let named = [("JAVA_HOME", PathBuf::from("/no/jdk"))];
    let choices = JavaChoices {
        skip_provisioning: true,
        homes: &variables(&named),
        path: Some(folder.path().as_os_str()),
        ..Default::default()
    };
    let error = choices.best(None, 21).unwrap_err().to_string();
    for part in
        ["needs Java 21", "skipJreProvisioning", "JAVA_HOME (/no/jdk)", "PATH holds no java", "javaExePath"]
    {
        assert!(error.contains(part), "{error}");
    }
    let old = [("JAVA_HOME", home(folder.path(), "jdk", "11.0.2"))];
    let error = JavaChoices { homes: &variables(&old), ..choices }.best(None, 17).unwrap_err().to_string();
    assert!(error.contains("/jdk/bin/java is Java 11.0.2, which is too old"), "{error}");
    let choices = JavaChoices { executable: file.to_str(), ..choices };
    let error = choices.made(0).unwrap_err().to_string();
    assert!(error.contains("sonar.scanner.javaExePath names") && error.contains("/java"), "{error}");
}
