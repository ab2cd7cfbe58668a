use super::*;
use std::cell::Cell;
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

/// What is chosen for a program that needs Java `needed`, where the server offers this runtime, and how often it is asked.
fn choose(choices: &JavaChoices<'_>, needed: u32, jre: Option<&Path>) -> (Result<Java>, u32) {
    let asked = Cell::new(0);
    let server_jre = async || {
        asked.set(asked.get() + 1);
        Ok(jre.map(Path::to_owned))
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let chosen = runtime.block_on(choices.choose(async { Ok(needed) }, |needed| *needed, server_jre));
    if let Ok(ChosenJava { java, server_jre, .. }) = &chosen {
        assert_eq!(server_jre.is_some(), java.reason == Reason::Server);
    }
    (chosen.map(|chosen| chosen.java), asked.get())
}

fn reason(choices: &JavaChoices<'_>, needed: u32) -> Reason {
    choose(choices, needed, None).0.unwrap().reason
}

#[test]
fn the_servers_java_comes_before_those_of_the_machine() {
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
    let choices = JavaChoices { homes: agent.clone(), arch: "x64", path: Some(&path), ..Default::default() };

    let server = home("server").join("bin/java");
    let (java, asked) = choose(&choices, 99, Some(&server));
    assert_eq!((java.unwrap().reason, asked), (Reason::Server, 1));
    let skipped = JavaChoices { skip_provisioning: true, ..choices.clone() };
    let (java, asked) = choose(&skipped, 22, Some(&server));
    assert_eq!((java.unwrap().reason, asked), (Reason::Agent("JAVA_HOME_25_X64".into()), 0));
    assert_eq!(reason(&choices, 11), Reason::Agent("JAVA_HOME_11_X64".into()));
    assert_eq!(reason(&choices, 17), Reason::Agent("JAVA_HOME_21_X64".into()));
    assert_eq!(reason(&choices, 22), Reason::Agent("JAVA_HOME_25_X64".into()));
    let arm = JavaChoices { arch: "aarch64", ..choices.clone() };
    assert_eq!(reason(&arm, 11), Reason::Agent("JAVA_HOME_17_ARM64".into()));
    let only = |homes: &[JavaHome<'_>]| -> JavaChoices<'_> {
        JavaChoices {
            homes: agent.iter().filter(|home| homes.contains(home)).copied().collect(),
            ..choices.clone()
        }
    };
    assert_eq!(reason(&only(&agent[..1]), 22), Reason::JavaHome);
    assert_eq!(reason(&only(&agent[..1]), 23), Reason::Path);
    assert_eq!(reason(&only(&[]), 0), Reason::Path);
    assert_eq!(
        choose(&only(&[]), 24, None).0.unwrap().to_string(),
        format!("Using Java 24, the first one in PATH: {}/24/bin/java", folder.path().display())
    );
}

#[test]
fn the_users_choice_comes_first_if_it_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let agent = [
        ("JAVA_HOME_17_X64", home(folder.path(), "17", "17.0.15")),
        ("JAVA_HOME_21_ARM64", home(folder.path(), "21", "21.0.1")),
        ("JAVA_HOME_8_X64", folder.path().join("gone")),
    ];
    let java_17 = folder.path().join("17/bin/java").to_str().unwrap().to_owned();
    let server = home(folder.path(), "server", "25").join("bin/java");
    let choices = JavaChoices { homes: variables(&agent), arch: "x64", ..Default::default() };
    let named = |name| JavaChoices { named: Some(name), ..choices.clone() };

    let by_property = JavaChoices { executable: Some(&java_17), ..named("JAVA_HOME_21_ARM64") };
    let (java, asked) = choose(&by_property, 21, Some(&server));
    assert_eq!((java.unwrap().reason, asked), (Reason::Property, 0), "whatever its version");
    let blank = JavaChoices { executable: Some(" "), ..choices.clone() };
    assert_eq!(choose(&blank, 0, Some(&server)).0.unwrap().reason, Reason::Server);

    let (java, asked) = choose(&named("JAVA_HOME_21_arm64"), 21, Some(&server));
    let java = java.unwrap();
    assert_eq!((java.version.as_deref(), asked), (Some("21.0.1"), 0));
    let said = java.to_string();
    assert!(said.starts_with("Using Java 21.0.1, set by jdkversion (JAVA_HOME_21_ARM64): /"), "{said}");

    for (name, problem) in [
        (
            "JAVA_HOME_17_X64",
            "jdkversion is JAVA_HOME_17_X64, which is Java 17.0.15, but this analysis needs Java 21 or newer",
        ),
        ("JAVA_HOME_25_X64", "jdkversion is JAVA_HOME_25_X64, which does not name a Java home on this agent"),
        ("JAVA_HOME_8_X64", "has no bin/java"),
    ] {
        let (java, asked) = choose(&named(name), 21, Some(&server));
        assert_eq!((java.unwrap().reason, asked), (Reason::Server, 1), "{name}");
        let (java, asked) = choose(&JavaChoices { strict: true, ..named(name) }, 21, Some(&server));
        let error = java.unwrap_err().to_string();
        assert_eq!(asked, 0, "{name}");
        assert!(error.contains(problem), "{error}");
        assert!(
            error.ends_with(
                "This agent has JAVA_HOME_17_X64 (17.0.15), JAVA_HOME_21_ARM64 (21.0.1). Name one of these, or use \
                 `jdkversion: auto`."
            ),
            "{error}"
        );
    }
}

#[test]
fn a_choice_that_is_not_there_fails_before_anything_is_downloaded() {
    let choices = JavaChoices { executable: Some("/nowhere/java"), ..Default::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let program = async { Err::<u32, _>(Error::new("it was downloaded")) };
    let chosen = runtime.block_on(choices.choose(program, |needed| *needed, async || Ok(None::<PathBuf>)));
    assert!(
        chosen
            .unwrap_err()
            .to_string()
            .starts_with("sonar.scanner.javaExePath is /nowhere/java, which is not")
    );
}

/// Each waits for the other: one after the other would never end.
#[tokio::test]
async fn program_and_runtime_are_provisioned_at_the_same_time() {
    let both = tokio::sync::Barrier::new(2);
    let program = async {
        both.wait().await;
        Ok(21)
    };
    let server_jre = async || {
        both.wait().await;
        Ok(Some(PathBuf::from("/server/bin/java")))
    };
    let choices = JavaChoices::default();
    let chosen = choices.choose(program, |needed| *needed, server_jre);
    let chosen = tokio::time::timeout(std::time::Duration::from_secs(60), chosen).await.unwrap();
    assert_eq!(chosen.unwrap().java.reason, Reason::Server);
}

#[test]
fn a_name_in_java_exe_path_is_looked_for_in_path() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let choices = JavaChoices { executable: Some("java"), path: Some(bin.as_os_str()), ..Default::default() };
    assert_eq!(choose(&choices, 0, None).0.unwrap().executable, bin.join("java"));
}

#[test]
fn a_relative_folder_in_path_is_not_searched() {
    let folder = tempfile::tempdir().unwrap();
    let bin = home(folder.path(), "jdk", "21").join("bin");
    let up = std::env::current_dir().unwrap().components().skip(1).map(|_| "..").collect::<PathBuf>();
    let relative = up.join(bin.strip_prefix("/").unwrap());
    assert!(is_executable(&relative.join("java")));
    let choices = JavaChoices { path: Some(relative.as_os_str()), ..Default::default() };
    assert!(choose(&choices, 0, None).0.is_err());
}

#[test]
fn without_java_the_message_names_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("java");
    std::fs::write(&file, "not executable").unwrap();
    let named = [("JAVA_HOME", PathBuf::from("/no/jdk"))];
    let choices = JavaChoices {
        skip_provisioning: true,
        homes: variables(&named),
        path: Some(folder.path().as_os_str()),
        ..Default::default()
    };
    let error = choose(&choices, 21, None).0.unwrap_err().to_string();
    for part in
        ["needs Java 21", "skipJreProvisioning", "JAVA_HOME (/no/jdk)", "PATH has no java", "javaExePath"]
    {
        assert!(error.contains(part), "{error}");
    }
    let old = [("JAVA_HOME", home(folder.path(), "jdk", "11.0.2"))];
    let error = choose(&JavaChoices { homes: variables(&old), ..choices.clone() }, 17, None).0.unwrap_err();
    assert!(error.to_string().contains("/jdk/bin/java is Java 11.0.2, which is too old"), "{error}");
    let choices = JavaChoices { executable: file.to_str(), ..choices };
    let error = choose(&choices, 0, None).0.unwrap_err().to_string();
    assert!(error.contains("sonar.scanner.javaExePath is") && error.contains("/java"), "{error}");
}
