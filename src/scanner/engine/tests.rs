use super::*;
use std::path::PathBuf;

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn engine<'a>(properties: &'a Properties, options: &'a str) -> Engine<'a> {
    Engine {
        java: Path::new("/jre/bin/java"),
        jar: Path::new("/cache/engine.jar"),
        java_options: options,
        archive: &ClassArchive::Unused,
        properties,
        directory: Path::new("/src"),
    }
}

#[test]
fn the_command_has_no_secret_and_the_input_has_all_properties() {
    let properties = properties(&[("sonar.token", "squ_1"), ("sonar.projectKey", "a \"b\"\n"), ("b", "")]);
    let invocation = engine(&properties, " -Xmx1g \n -Djavax.net.ssl.trustStorePassword=hush ").invocation();
    assert_eq!(invocation.program, PathBuf::from("/jre/bin/java"));
    assert_eq!(invocation.directory, PathBuf::from("/src"));
    assert_eq!(
        invocation.arguments,
        [
            "-Xmx1g",
            "-Djavax.net.ssl.trustStorePassword=hush",
            "-Dorg.bouncycastle.pkcs12.ignore_useless_passwd=true",
            "-jar",
            std::path::absolute("/cache/engine.jar").unwrap().to_str().unwrap()
        ]
    );
    assert_eq!(
        invocation.stdin.as_ref().map(Secret::expose),
        Some(concat!(
            r#"{"scannerProperties":[{"key":"b","value":""},"#,
            r#"{"key":"sonar.projectKey","value":"a \"b\"\n"},{"key":"sonar.token","value":"squ_1"}]}"#
        ))
    );
    let shown = format!("{} {:?}", shown(&invocation), shown(&invocation));
    assert!(shown.contains("trustStorePassword=***"), "{shown}");
    assert!(!shown.contains("hush") && !shown.contains("squ_1"), "{shown}");
}

#[cfg(unix)]
mod with_a_fake_java {
    use super::*;
    use crate::cancel::CancelSource;
    use crate::scanner::{Cache, Marks};
    use std::sync::{Arc, Mutex};
    use tracing::field::{Field, Visit};
    use tracing_subscriber::layer::SubscriberExt as _;

    type Told = Arc<Mutex<Vec<String>>>;

    struct Capture(Told);

    struct Message(String);

    impl Visit for Message {
        fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
            if field.name() == "message" {
                self.0 = format!("{value:?}");
            }
        }
    }

    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Capture {
        fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
            let mut message = Message(String::new());
            event.record(&mut message);
            self.0.lock().unwrap().push(format!("{} {}", event.metadata().level(), message.0));
        }
    }

    /// Runs a shell script in the place of java, and returns the result and all that was told.
    async fn run(properties: &Properties, script: &str) -> (Outcome, Vec<String>) {
        run_with(&ClassArchive::Unused, properties, script).await
    }

    async fn run_with(
        archive: &ClassArchive,
        properties: &Properties,
        script: &str,
    ) -> (Outcome, Vec<String>) {
        let told = Told::default();
        let subscriber = tracing_subscriber::registry().with(Capture(Arc::clone(&told)));
        let _guard = tracing::subscriber::set_default(subscriber);
        let folder = tempfile::tempdir().unwrap();
        // An argument of the shell: a file that was just written may be too busy to be a program.
        let file = folder.path().join("java");
        std::fs::write(&file, script).unwrap();
        let options = file.to_str().unwrap();
        let engine = Engine {
            java: Path::new("/bin/sh"),
            archive,
            directory: folder.path(),
            ..engine(properties, options)
        };
        let (_source, cancellation) = CancelSource::new();
        let environment = [("PATH".into(), "/usr/bin:/bin".into())];
        let result = engine.run(&environment, &cancellation).await.unwrap().outcome;
        let told = std::mem::take(&mut *told.lock().unwrap());
        (result, told)
    }

    #[tokio::test]
    async fn an_analysis() {
        let properties = properties(&[("sonar.token", "squ_1")]);
        let (result, told) = run(
            &properties,
            r###"echo "Picked up JAVA_TOOL_OPTIONS: -Xint" >&2
            read -r input
            printf '{"level":"INFO","message":"read %s bytes, last argument %s"}\n' "${#input}" "$3"
            echo '{"level":"WARN","message":"##vso[task.complete]"}'"###,
        )
        .await;
        assert_eq!(result, Outcome::Succeeded);
        let length = r#"{"scannerProperties":[{"key":"sonar.token","value":"squ_1"}]}"#.len();
        let read = format!("INFO read {length} bytes, last argument /cache/engine.jar");
        assert!(told.contains(&read), "{told:?}");
        assert!(told.contains(&"WARN ##vso[task.complete]".to_owned()), "{told:?}");
        assert!(told.contains(&"DEBUG Picked up JAVA_TOOL_OPTIONS: -Xint".to_owned()), "{told:?}");
        assert!(told.iter().all(|line| !line.contains("squ_1")), "{told:?}");
    }

    #[tokio::test]
    async fn an_archive_that_java_cannot_write_fails_no_analysis() {
        let folder = tempfile::tempdir().unwrap();
        let (jar, java) = (folder.path().join("cache/engine.jar"), folder.path().join("bin/java"));
        for file in [&jar, &folder.path().join("lib/modules")] {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let seal = crate::scanner::CacheSeal::new(&Secret::new("squ_1"));
        let cache = Cache::in_user_home(folder.path()).sealed(Some(seal));
        let find = || ClassArchive::find(&cache, &jar, &java, "", &Marks::default());
        let done = r#"echo '{"level":"INFO","message":"SonarScanner Engine completed successfully"}'"#;
        let writing =
            r#"case "$*" in *-XX:ArchiveClassesAtExit=*) echo classes > "${1#*=}" ;; *) exit 9 ;; esac"#;
        let properties = Properties::default();
        let failed = |result: &Outcome| matches!(result, Outcome::Failed { .. });

        assert!(matches!(find(), ClassArchive::Unused));
        let early = run_with(&find(), &properties, &format!("{writing}; exit 1")).await;
        assert!(failed(&early.0), "the engine has not said that it is done: {early:?}");
        let (result, _) = run_with(&find(), &properties, &format!("{done}; {writing}; kill -9 $$")).await;
        assert_eq!(result, Outcome::Succeeded);
        assert!(matches!(find(), ClassArchive::Unused), "nobody tries again, and nothing is used");
        let (result, _) = run_with(&ClassArchive::Unused, &properties, &format!("{done}; exit 1")).await;
        assert!(failed(&result), "{result:?}");

        std::fs::write(&jar, "another engine").unwrap();
        assert!(matches!(find(), ClassArchive::Unused));
        let (result, _) = run_with(&find(), &properties, &format!("{writing}; {done}")).await;
        assert_eq!(result, Outcome::Succeeded);
        assert!(matches!(find(), ClassArchive::Used(_)));

        let said = r#"echo '{"level":"INFO","message":"Starting"}'; exit 1"#;
        assert!(failed(&run_with(&find(), &properties, said).await.0));
        assert!(matches!(find(), ClassArchive::Used(_)), "the failure is the engine's own");
        assert!(failed(&run_with(&find(), &properties, "exit 1").await.0));
        assert!(matches!(find(), ClassArchive::Unused), "Java may have died of it");

        let (_source, cancellation) = CancelSource::new();
        let archive = find();
        assert!(archive.is_made());
        let nowhere = Engine { java: &java, archive: &archive, ..engine(&properties, "") };
        nowhere.run(&[], &cancellation).await.unwrap_err();
        assert!(find().is_made(), "what did not start is tried again");
    }

    #[tokio::test]
    async fn a_failed_gate() {
        let properties = properties(&[("sonar.qualitygate.wait", "true")]);
        let line = r#"echo '{"level":"ERROR","message":"QUALITY GATE STATUS: FAILED - View"}'; exit 3"#;
        let (result, told) = run(&properties, line).await;
        assert_eq!(result, Outcome::GateFailed { message: "QUALITY GATE STATUS: FAILED - View".into() });
        assert!(told.iter().all(|line| !line.starts_with("ERROR")), "{told:?}");
    }

    #[tokio::test]
    async fn an_entry_as_long_as_a_file() {
        let (result, told) = run(
            &Properties::default(),
            r#"printf '{"level":"INFO","message":"'; head -c 900000 /dev/zero | tr '\0' x; echo '"}'
            head -c 3000000 /dev/zero | tr '\0' y; exit 1"#,
        )
        .await;
        assert!(matches!(result, Outcome::Failed { .. }));
        assert!(told.contains(&format!("INFO {}", "x".repeat(900_000))));
        let rest: usize =
            told.iter().filter_map(|line| line.strip_prefix("INFO y")).map(|y| y.len() + 1).sum();
        assert_eq!(rest, 3_000_000);
    }

    #[tokio::test]
    async fn an_engine_ended_by_a_signal() {
        let (result, _) = run(&Properties::default(), "kill -KILL $$").await;
        let Outcome::Failed { message } = result else { panic!("{result:?}") };
        assert!(message.contains("SIGKILL"), "{message}");
    }
}
