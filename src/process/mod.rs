//! The one place where child processes are started, and the promise that their whole tree ends.

mod lines;
mod path;

pub use path::{first_in_path, is_executable};

use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use lines::Lines;
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::time::Instant;

/// Which of its two outputs a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How a child process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, or by somebody else's signal.
    Exit(Exit),
    /// By us, because the run was cancelled.
    Cancelled,
}

/// Exit code or signal: one of them is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The exit code.
    pub code: Option<i32>,
    /// The number of the signal that ended it (Unix).
    pub signal: Option<i32>,
}

impl Exit {
    /// Exit code 0.
    pub fn is_success(self) -> bool {
        self.code == Some(0)
    }
}

/// How long the parts of an end may take.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Between the request to end (SIGTERM) and the kill.
    cancel: Duration,
    /// Between the child's exit and the end of its outputs, which a grandchild may hold open.
    drain: Duration,
}

const PATIENCE: Patience = Patience { cancel: Duration::from_secs(2), drain: Duration::from_secs(5) };

/// How long a variable of the environment may be, with its name, in UTF-16 units on Windows ("Environment Variables" of
/// its documentation) and bytes on Linux (MAX_ARG_STRLEN of its kernel), which is taken for all others, too.
const LONGEST_VARIABLE: usize = if cfg!(windows) { 32_766 } else { 131_071 };

/// Runs `invocation` to its end and hands each line of its outputs to `on_line` as it comes: without
/// its line break, not UTF-8 replaced, in pieces of at most 1 MiB.
///
/// The child sees `environment` and the invocation's own variables, nothing else. When it has ended, what it
/// left running in its process group (Unix) or job (Windows) is ended too. On cancellation the group
/// is asked to end, and killed after two seconds; when the future is dropped, it is killed at once.
///
/// # Errors
/// The program can't be started or its end can't be observed.
pub async fn run(
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    on_line: impl FnMut(Stream, &str),
) -> Result<Ended> {
    run_with(PATIENCE, invocation, environment, cancellation, on_line).await
}

async fn run_with(
    patience: Patience,
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    mut on_line: impl FnMut(Stream, &str),
) -> Result<Ended> {
    observe(patience, invocation, environment, cancellation, &mut on_line).await
}

/// Not generic: it is the larger part, and would be in the binary once for each kind of child.
async fn observe(
    patience: Patience,
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    on_line: &mut dyn FnMut(Stream, &str),
) -> Result<Ended> {
    if cancellation.is_requested() {
        return Ok(Ended::Cancelled);
    }
    let mut tree = ProcessTree::start(invocation, environment)?;
    let mut stdout = Lines::new(tree.0.stdout().take());
    let mut stderr = Lines::new(tree.0.stderr().take());
    let feed = feed(tree.0.stdin().take(), invocation);
    let end = tokio::time::sleep(Duration::ZERO);
    tokio::pin!(feed, end);
    let mut fed = false;
    let mut exit: Option<ExitStatus> = None;
    let mut cancelled = false;

    while exit.is_none() || !(cancelled || stdout.is_ended() && stderr.is_ended()) {
        tokio::select! {
            line = stdout.next(), if !stdout.is_ended() => {
                line.into_iter().for_each(|line| on_line(Stream::Stdout, &line));
            }
            line = stderr.next(), if !stderr.is_ended() => {
                line.into_iter().for_each(|line| on_line(Stream::Stderr, &line));
            }
            () = &mut feed, if !fed => fed = true,
            status = tree.exited(), if exit.is_none() => {
                exit = Some(status.map_err(|error| unobservable(invocation, &error))?);
                end.as_mut().reset(Instant::now() + patience.drain);
            }
            () = cancellation.requested(), if !cancelled => {
                cancelled = true;
                tree.ask_to_end();
                end.as_mut().reset(Instant::now() + patience.cancel);
            }
            () = &mut end, if exit.is_some() || cancelled => break,
        }
    }
    tree.kill();
    let status = match exit {
        Some(status) => status,
        None => tree.exited().await.map_err(|error| unobservable(invocation, &error))?,
    };
    Ok(if cancelled { Ended::Cancelled } else { Ended::Exit(exit_of(status)) })
}

/// A child and all it starts.
#[derive(Debug)]
struct ProcessTree(Box<dyn ChildWrapper>);

impl ProcessTree {
    fn start(invocation: &Invocation, environment: &[(OsString, OsString)]) -> Result<Self> {
        check_length(invocation)?;
        #[expect(clippy::disallowed_methods, reason = "this is the one place")]
        let mut command = tokio::process::Command::new(&invocation.program);
        command
            .args(&invocation.arguments)
            .current_dir(&invocation.directory)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .envs(invocation.environment.iter().map(|(name, value)| (name, value)))
            .envs(invocation.secret_environment.iter().map(|(name, value)| (name, value.expose())))
            .stdin(if invocation.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut command = CommandWrap::from(command);
        command.wrap(KillOnDrop);
        #[cfg(unix)]
        command.wrap(process_wrap::tokio::ProcessGroup::leader());
        #[cfg(windows)]
        command.wrap(process_wrap::tokio::JobObject);
        command.spawn().map(Self).map_err(|error| not_started(invocation, &error))
    }

    /// Waits for the child alone: waiting for the group or job would wait for what it left behind.
    async fn exited(&mut self) -> std::io::Result<ExitStatus> {
        self.0.inner_mut().wait().await
    }

    fn ask_to_end(&mut self) {
        #[cfg(unix)]
        let asked = self.0.signal(rustix::process::Signal::TERM.as_raw());
        #[cfg(not(unix))]
        let asked = self.0.start_kill();
        if let Err(error) = asked {
            tracing::debug!("The child process could not be asked to end: {error}");
        }
    }

    fn kill(&mut self) {
        // Fails when nobody is left, which is what is wanted.
        let _ = self.0.start_kill();
    }
}

/// Whether the system can hand over the invocation's own variables, which hold all properties of some scanners: its own
/// message would not tell what is too long.
fn check_length(invocation: &Invocation) -> Result<()> {
    let secret = invocation.secret_environment.iter().map(|(name, value)| (name, value.expose()));
    let plain = invocation.environment.iter().map(|(name, value)| (name, value.as_str()));
    for (name, value) in plain.chain(secret) {
        let length = match cfg!(windows) {
            true => value.encode_utf16().count(),
            false => value.len(),
        };
        let length = length + name.len() + 1;
        if length > LONGEST_VARIABLE {
            let message = format!(
                "{} can't be started: the properties of the analysis are {length} characters long in the variable {name}, \
                 and this system takes at most {LONGEST_VARIABLE}",
                invocation.program.display()
            );
            return Err(Error::new(message).hint(
                "Where many reports were found, set the property that names them in extraProperties, to a pattern such as \
                 **/lcov.info or to one merged report.",
            ));
        }
    }
    Ok(())
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Writes the standard input and closes it. A child that ends or closes it early is no error: its exit code
/// tells how it fared.
async fn feed(stdin: Option<ChildStdin>, invocation: &Invocation) {
    let (Some(mut stdin), Some(text)) = (stdin, &invocation.stdin) else { return };
    if let Err(error) = stdin.write_all(text.expose().as_bytes()).await {
        tracing::debug!("{} did not read all of its input: {error}", invocation.program.display());
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    Exit { code: status.code(), signal }
}

fn not_started(invocation: &Invocation, error: &std::io::Error) -> Error {
    let program = invocation.program.display();
    let failure = Error::new(format!("{program} can't be started: {error}"));
    match error.kind() {
        ErrorKind::NotFound if !invocation.directory.is_dir() => {
            Error::new(format!("the working directory {} does not exist", invocation.directory.display()))
        }
        ErrorKind::PermissionDenied => {
            failure.hint("Make it executable for the agent's user, on a disk that is not mounted noexec.")
        }
        // Linux says NotFound of a program whose loader is missing: one built for another libc.
        ErrorKind::NotFound if invocation.program.exists() => {
            failure.hint("It exists, but it is built for another platform.")
        }
        _ => failure,
    }
}

fn unobservable(invocation: &Invocation, error: &std::io::Error) -> Error {
    Error::new(format!("the end of {} could not be observed: {error}", invocation.program.display()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
