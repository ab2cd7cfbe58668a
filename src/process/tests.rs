use super::*;
use crate::cancel::CancelSource;
use crate::secret::Secret;
use rustix::process::{Pid, test_kill_process};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Short enough for a test that waits for it, and long enough to read what a child wrote before it ended.
const SHORT: Patience = Patience { cancel: Duration::from_millis(100), drain: Duration::from_secs(2) };
/// Longer than any machine takes.
const LONG: Duration = Duration::from_secs(600);

struct Script {
    folder: TempDir,
    invocation: Invocation,
}

/// A shell script as a program.
fn script(text: &str) -> Script {
    let folder = tempfile::tempdir().unwrap();
    let invocation = Invocation {
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), text.into(), "sh".into(), "an argument".into()],
        directory: folder.path().to_owned(),
        environment: Vec::new(),
        secret_environment: Vec::new(),
        stdin: None,
    };
    Script { folder, invocation }
}

fn system_path() -> Vec<(OsString, OsString)> {
    vec![("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into())]
}

async fn run_to_end(patience: Patience, script: &Script) -> (Ended, Vec<(Stream, String)>) {
    let mut lines = Vec::new();
    let (_source, cancellation) = CancelSource::new();
    let environment = system_path();
    let ended = run_with(
        patience,
        Separator::LineBreak,
        &script.invocation,
        &environment,
        &cancellation,
        |stream, line| {
            lines.push((stream, line.to_owned()));
        },
    );
    (ended.await.unwrap(), lines)
}

fn exit_code(code: i32) -> Ended {
    Ended::Exit(Exit { code: Some(code), signal: None })
}

fn texts(lines: &[(Stream, String)], of: Stream) -> Vec<&str> {
    lines.iter().filter(|(stream, _)| *stream == of).map(|(_, line)| line.as_str()).collect()
}

/// Waits until `found` finds something.
async fn wait_for<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = found() {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap_or_else(|_| panic!("{what}"))
}

/// The process id a script wrote down.
async fn pid_in(file: &Path) -> Pid {
    wait_for("the script never wrote its process id", || {
        let text = std::fs::read_to_string(file).ok()?;
        Pid::from_raw(text.strip_suffix('\n')?.parse().ok()?)
    })
    .await
}

/// Returns once the process is gone or a zombie nobody has waited for yet: a test's own init may be
/// slow to do so.
async fn gone(pid: Pid) {
    let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
    wait_for("the process lives on", || {
        let is_zombie = std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") Z "));
        (is_zombie || test_kill_process(pid).is_err()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn outputs_arguments_and_exit_code() {
    let script = script("echo \"out $1\"; printf 'err\\r\\nlast' >&2; exit 3");
    let (ended, lines) = run_to_end(PATIENCE, &script).await;
    assert_eq!(ended, exit_code(3));
    assert_eq!(texts(&lines, Stream::Stdout), ["out an argument"]);
    assert_eq!(texts(&lines, Stream::Stderr), ["err", "last"]);
}

#[tokio::test]
async fn the_environment_is_what_is_given_and_nothing_else() {
    let mut script = script("env | sort; pwd");
    script.invocation.environment = vec![("PLAIN".into(), "1".into())];
    script.invocation.secret_environment = vec![("SECRET".into(), Secret::new("2"))];
    let (_, lines) = run_to_end(PATIENCE, &script).await;
    let names: Vec<_> = texts(&lines, Stream::Stdout)
        .into_iter()
        .filter(|line| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|own| line.starts_with(own)))
        .collect();
    let directory = script.folder.path().canonicalize().unwrap();
    assert_eq!(
        names,
        ["PATH=/usr/local/bin:/usr/bin:/bin", "PLAIN=1", "SECRET=2", directory.to_str().unwrap()]
    );
}

#[tokio::test]
async fn standard_input_larger_than_a_pipe_does_not_block() {
    // Nothing is read until more was written than both pipes hold.
    let mut script = script("head -c 300000 /dev/zero | tr '\\0' 'x' ; echo; cat | wc -c");
    script.invocation.stdin = Some(Secret::new("y".repeat(1_000_000)));
    let (ended, lines) = run_to_end(PATIENCE, &script).await;
    assert_eq!(ended, exit_code(0));
    let lines = texts(&lines, Stream::Stdout);
    assert_eq!((lines[0].len(), lines[1].trim()), (300_000, "1000000"));
}

#[tokio::test]
async fn standard_input_nobody_reads_is_no_error() {
    let mut script = script("exit 0");
    script.invocation.stdin = Some(Secret::new("y".repeat(1_000_000)));
    assert_eq!(run_to_end(PATIENCE, &script).await.0, exit_code(0));
}

#[tokio::test]
async fn without_standard_input_there_is_nothing_to_read() {
    assert_eq!(run_to_end(PATIENCE, &script("cat")).await, (exit_code(0), Vec::new()));
}

#[tokio::test]
async fn a_signal_is_told_from_an_exit_code() {
    let (ended, _) = run_to_end(PATIENCE, &script("kill -KILL $$")).await;
    assert_eq!(ended, Ended::Exit(Exit { code: None, signal: Some(9) }));
}

#[tokio::test]
async fn a_grandchild_that_holds_the_output_open_is_ended() {
    let script = script("sleep 600 & echo $! > pid; echo done");
    let (ended, lines) = run_to_end(SHORT, &script).await;
    assert_eq!(ended, exit_code(0));
    assert_eq!(texts(&lines, Stream::Stdout), ["done"]);
    gone(pid_in(&script.folder.path().join("pid")).await).await;
}

#[tokio::test]
async fn what_runs_on_in_silence_is_ended_too() {
    let script = script("sleep 600 >/dev/null 2>&1 & echo $! > pid");
    assert_eq!(run_to_end(PATIENCE, &script).await.0, exit_code(0));
    gone(pid_in(&script.folder.path().join("pid")).await).await;
}

#[tokio::test]
async fn cancellation_ends_children_that_obey() {
    let script = script("trap 'echo > asked; exit 7' TERM; sleep 600 & echo $! > pid; wait");
    let (source, cancellation) = CancelSource::new();
    let pid = script.folder.path().join("pid");
    let patience = Patience { cancel: LONG, ..SHORT };
    let environment = system_path();
    let running =
        run_with(patience, Separator::LineBreak, &script.invocation, &environment, &cancellation, |_, _| ());
    let cancel = async {
        let pid = pid_in(&pid).await;
        source.cancel();
        pid
    };
    let (ended, pid) = tokio::join!(running, cancel);
    assert_eq!(ended.unwrap(), Ended::Cancelled);
    assert!(script.folder.path().join("asked").exists());
    gone(pid).await;
}

#[tokio::test]
async fn cancellation_kills_children_that_do_not_obey() {
    // Both ignore the request: the grandchild inherits that.
    let script = script("trap '' TERM; sleep 600 & echo $! > pid; while :; do wait; done");
    let (source, cancellation) = CancelSource::new();
    let pid = script.folder.path().join("pid");
    let environment = system_path();
    let running =
        run_with(SHORT, Separator::LineBreak, &script.invocation, &environment, &cancellation, |_, _| ());
    let cancel = async {
        let pid = pid_in(&pid).await;
        source.cancel();
        pid
    };
    let (ended, pid) = tokio::join!(running, cancel);
    assert_eq!(ended.unwrap(), Ended::Cancelled);
    gone(pid).await;
}

#[tokio::test]
async fn nothing_starts_once_cancelled() {
    let script = script("echo > started");
    let (source, cancellation) = CancelSource::new();
    source.cancel();
    assert_eq!(run(&script.invocation, &[], &cancellation, |_, _| ()).await.unwrap(), Ended::Cancelled);
    assert!(!script.folder.path().join("started").exists());
}

#[tokio::test]
async fn the_tree_ends_when_the_future_is_dropped() {
    let script = script("trap '' TERM; sleep 600 & echo $! > pid; wait");
    let (_source, cancellation) = CancelSource::new();
    let environment = system_path();
    let pid = script.folder.path().join("pid");
    let running = run(&script.invocation, &environment, &cancellation, |_, _| ());
    let pid = tokio::select! {
        ended = running => panic!("{ended:?}"),
        pid = pid_in(&pid) => pid,
    };
    gone(pid).await;
}

#[tokio::test]
async fn what_can_not_be_started_is_named() {
    let (_source, cancellation) = CancelSource::new();
    let mut missing = script("").invocation;
    missing.program = PathBuf::from("/no/such/java");
    missing.directory = PathBuf::from("/");
    let error = run(&missing, &[], &cancellation, |_, _| ()).await.unwrap_err().to_string();
    assert!(error.contains("/no/such/java could not be started"), "{error}");
    missing.directory = PathBuf::from("/no/such/directory");
    let error = run(&missing, &[], &cancellation, |_, _| ()).await.unwrap_err().to_string();
    assert!(error.contains("/no/such/directory does not exist"), "{error}");
}

#[tokio::test]
async fn a_variable_that_is_too_long_is_told_before_the_start() {
    let mut script = script("exit 3");
    let (_source, cancellation) = CancelSource::new();
    for (length, expected) in [(131_069, Ok(exit_code(3))), (131_070, Err(true))] {
        script.invocation.secret_environment = vec![("A".into(), Secret::new("x".repeat(length)))];
        let ended = run_with(
            SHORT,
            Separator::LineBreak,
            &script.invocation,
            &system_path(),
            &cancellation,
            |_, _| {},
        )
        .await;
        let told =
            ended.map_err(|error| error.to_string().contains("are 131072 characters long in the variable A"));
        assert_eq!(told, expected, "{length}");
    }
}
