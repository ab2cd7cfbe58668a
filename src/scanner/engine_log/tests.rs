use super::*;

/// What is told of `lines` of standard output, and the result.
fn told(waits_for_gate: bool, exit: Exit, lines: &[&str]) -> (Vec<String>, Outcome) {
    let mut told = Vec::new();
    let mut emit = |level: Level, text: &str| told.push(format!("{level} {text}"));
    let mut log = EngineLog::new(waits_for_gate);
    lines.iter().for_each(|line| log.line(Stream::Stdout, line, &mut emit));
    let result = log.result(exit, &mut emit);
    (told, result)
}

const fn code(code: i32) -> Exit {
    Exit { code: Some(code), signal: None }
}

fn failed(message: &str) -> Outcome {
    Outcome::Failed { message: message.to_owned() }
}

#[test]
fn log_entries_keep_their_levels() {
    let lines = [
        r#"{"level":"INFO","message":"Load project settings"}"#,
        r#"{"level":"WARN","message":"No sources"}"#,
        r#"{"level":"DEBUG","message":"Sensor"}"#,
        r#"{"level":"TRACE","message":"Detail"}"#,
        r#"{"level":"FUTURE","message":"What is this"}"#,
        r#"{"message":"no level"}"#,
        "no JSON",
        r#"{"level":"ERROR","message":"Broken file"}"#,
        r#"{"level":"INFO","message":"EXECUTION SUCCESS","more":[1]}"#,
    ];
    let (told, result) = told(false, code(0), &lines);
    assert_eq!(result, Outcome::Succeeded);
    assert_eq!(
        told,
        [
            "INFO Load project settings",
            "WARN No sources",
            "DEBUG Sensor",
            "TRACE Detail",
            "INFO What is this",
            r#"INFO {"message":"no level"}"#,
            "INFO no JSON",
            "INFO EXECUTION SUCCESS",
            "ERROR Broken file",
        ]
    );
}

#[test]
fn each_error_is_reported_once_and_the_last_one_is_the_result() {
    let lines = [
        r#"{"level":"ERROR","message":"first"}"#,
        r#"{"level":"ERROR","message":"second"}"#,
        r#"{"level":"INFO","message":"EXECUTION FAILURE"}"#,
    ];
    let (told, result) = told(false, code(1), &lines);
    assert_eq!(told, ["ERROR first", "INFO EXECUTION FAILURE"]);
    assert_eq!(result, failed("second"));
}

#[test]
fn a_stack_trace_is_logged_in_debug_mode_and_its_cause_is_in_the_message() {
    let lines = [concat!(
        r#"{"level":"ERROR","message":"Error during SonarScanner Engine execution","stacktrace":"#,
        r#""java.lang.IllegalStateException: outer\n\tat A.b(C.java:1)\nCaused by: java.io.IOException: disk full\n\t... 3 more\n"}"#
    )];
    let (told, result) = told(false, code(1), &lines);
    assert_eq!(result, failed("Error during SonarScanner Engine execution: java.io.IOException: disk full"));
    assert_eq!(told[0], "DEBUG java.lang.IllegalStateException: outer");
    assert_eq!(told.len(), 4);
}

#[test]
fn a_cause_that_the_message_contains_is_not_repeated() {
    let lines =
        [r#"{"level":"ERROR","message":"disk full","stacktrace":"java.io.IOException: disk full\n"}"#];
    assert_eq!(told(false, code(1), &lines).1, failed("disk full"));
    let lines = [r#"{"level":"ERROR","stacktrace":"java.io.IOException: disk full\n"}"#];
    assert_eq!(told(false, code(1), &lines).1, failed("java.io.IOException: disk full"));
}

#[test]
fn a_failed_gate_is_not_a_failed_analysis() {
    let gate =
        r#"{"level":"ERROR","message":"QUALITY GATE STATUS: FAILED - View details on http://sonar/x"}"#;
    let other = r#"{"level":"ERROR","message":"later"}"#;
    let message = "QUALITY GATE STATUS: FAILED - View details on http://sonar/x".to_owned();
    let (lines, result) = told(true, code(3), &[gate, other]);
    assert_eq!(result, Outcome::GateFailed { message: message.clone() });
    assert_eq!(lines, ["ERROR later"]);
    assert_eq!(told(false, code(3), &[gate]).1, Outcome::Failed { message: message.clone() });
    assert_eq!(told(true, code(0), &[gate]), (vec![format!("ERROR {message}")], Outcome::Succeeded));
}

#[test]
fn an_error_after_the_analysis_has_succeeded_is_a_warning() {
    let completed = r#"{"level":"INFO","message":"SonarScanner Engine completed successfully"}"#;
    let [early, late, later] =
        ["early", "late", "later"].map(|text| format!(r#"{{"level":"ERROR","message":"{text}"}}"#));
    let lines = [early.as_str(), completed, late.as_str(), later.as_str()];
    let (lines, result) = told(false, code(0), &lines);
    assert_eq!(result, Outcome::Succeeded);
    assert_eq!(
        lines,
        ["INFO SonarScanner Engine completed successfully", "ERROR early", "WARN late", "WARN later"]
    );
    assert_eq!(told(false, code(1), &[completed, &late]).1, failed("late"));
}

#[test]
fn the_extent_of_an_analysis_is_read_from_the_log() {
    let extent = |lines: &[&str]| {
        let mut log = EngineLog::new(false);
        for text in lines {
            let line = format!(r#"{{"level":"INFO","message":"{text}"}}"#);
            log.line(Stream::Stdout, &line, &mut |_, _: &str| ());
        }
        log.extent().clone()
    };
    let known = extent(&[
        "Indexing files...",
        "2 files indexed (done) | time=35ms",
        "Quality profile for py: Sonar way",
        "Quality profile for xml: Sonar way",
        "Quality profile for py: Sonar way",
        // Text of the sources, by an analyzer.
        "900 files indexed",
        "Could not find ref 'gone' in refs/heads, refs/remotes, refs/remotes/upstream or refs/remotes/origin",
    ]);
    assert_eq!(known.indexed_files, Some(2));
    assert_eq!(known.languages, ["py", "xml"]);
    assert!(known.missing_target.unwrap().starts_with("Could not find ref 'gone'"));
    for (text, files) in [
        ("0 files indexed", Some(0)),
        ("1 file indexed", Some(1)),
        ("x files indexed", None),
        ("12 files", None),
    ] {
        assert_eq!(extent(&[text]).indexed_files, files, "{text}");
    }
}

#[test]
fn a_line_that_is_not_a_log_entry_is_logged_as_it_is() {
    let lines =
        [r###"{"level":"WARN","message":"##vso[task.complete result=Succeeded]\n##[error]"}"###, "##vso[x]"];
    let (told, _) = told(false, code(0), &lines);
    assert_eq!(told, ["WARN ##vso[task.complete result=Succeeded]\n##[error]", "INFO ##vso[x]"]);
}

#[test]
fn signals_are_named() {
    let error = r#"{"level":"ERROR","message":"before"}"#;
    let (told, result) = told(false, Exit { code: None, signal: Some(9) }, &[error]);
    assert_eq!(told, ["ERROR before"]);
    let Outcome::Failed { message } = result else { panic!("{result:?}") };
    assert!(message.contains("signal 9 (SIGKILL)") && message.contains("out of memory"), "{message}");
    let log = EngineLog::new(false);
    let result = log.result(Exit { code: None, signal: Some(11) }, &mut |_, _: &str| ());
    let Outcome::Failed { message } = result else { panic!("{result:?}") };
    assert!(message.contains("SIGSEGV") && !message.contains("memory"), "{message}");
}

#[test]
fn the_message_shows_the_last_lines_of_a_java_that_does_not_start() {
    let mut log = EngineLog::new(false);
    let mut levels = Vec::new();
    let mut emit = |level: Level, _: &str| levels.push(level);
    for number in 0..30 {
        log.line(Stream::Stderr, &format!("line {number}"), &mut emit);
    }
    log.line(Stream::Stdout, "Error occurred during initialization of VM", &mut emit);
    let result = log.result(code(1), &mut emit);
    assert!(levels[..30].iter().all(|level| *level == Level::DEBUG));
    let Outcome::Failed { message } = result else { panic!("{result:?}") };
    assert!(message.contains("exit code 1") && message.contains("\nline 11\n"), "{message}");
    assert!(message.ends_with("\nError occurred during initialization of VM"), "{message}");
    assert!(!message.contains("line 10"), "{message}");
}

#[test]
fn a_java_that_is_too_old_is_named_as_the_reason() {
    let mut log = EngineLog::new(false);
    let line = "Exception in thread \"main\" java.lang.UnsupportedClassVersionError: org/sonar/X has been \
                compiled by a more recent version of the Java Runtime (class file version 65.0)";
    log.line(Stream::Stderr, line, &mut |_, _: &str| ());
    let Outcome::Failed { message } = log.result(code(1), &mut |_, _: &str| ()) else { panic!() };
    assert!(message.starts_with("the Java that is used is too old") && message.contains("65.0"), "{message}");
}

#[test]
fn a_program_that_ends_without_a_log_entry_may_be_damaged() {
    let signal = |signal| Exit { code: None, signal: Some(signal) };
    let entry = r#"{"level":"INFO","message":"Starting"}"#;
    for (exit, line, expected) in [
        (code(1), "Error: Invalid or corrupt jarfile engine.jar", true),
        (code(1), "Error: could not find libjava.so", true),
        (code(127), "java: error while loading shared libraries: libjli.so: file too short", true),
        (signal(7), "", true),
        (signal(9), "", false),
        (signal(15), "", false),
        (code(0), "", false),
        (code(1), entry, false),
        (signal(11), entry, false),
        (code(1), "Unrecognized VM option 'UseX'", false),
        (code(1), "Invalid maximum heap size: -Xmx1x", false),
        (code(1), "Error: java.lang.UnsupportedClassVersionError: org/X", false),
        (code(1), "# There is insufficient memory for the Java Runtime Environment to continue.", false),
        (code(1), "Conflicting collector combinations in option list; please refer to", false),
        (code(1), "Multiple garbage collectors selected", false),
    ] {
        let mut log = EngineLog::new(false);
        let stream = if line == entry { Stream::Stdout } else { Stream::Stderr };
        log.line(stream, line, &mut |_, _: &str| ());
        assert_eq!(log.may_be_damage(exit), expected, "{exit:?} {line}");
    }
}
