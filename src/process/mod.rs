//! The only place that starts child processes. It ends all that a child has started, too.

mod lines;
mod path;

pub use path::{first_in_path, is_executable};

use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::error::{Error, Result};
use lines::{Lines, Separator};
use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop};
use std::ffi::OsString;
use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;
use tokio::time::Instant;

/// The output that a line came from.
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
    /// By itself, or by a signal that is not ours.
    Exit(Exit),
    /// It was ended because the run was cancelled.
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

/// How long a child gets to end.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// From the request to end (SIGTERM) to the kill.
    cancel: Duration,
    /// From the child's exit to the end of its outputs, which a grandchild may hold open.
    drain: Duration,
}

const PATIENCE: Patience = Patience { cancel: Duration::from_secs(2), drain: Duration::from_secs(5) };

/// The longest variable of the environment, name included: in UTF-16 units on Windows (its documentation, "Environment
/// Variables"), in bytes on Linux (MAX_ARG_STRLEN of the kernel). The limit of Linux is used for all other systems.
const LONGEST_VARIABLE: usize = if cfg!(windows) { 32_766 } else { 131_071 };

/// Runs `invocation` to its end and calls `on_line` with each line of its outputs as it comes: without its line break,
/// in pieces of at most 1 MiB, bytes that are not UTF-8 replaced.
///
/// The child sees `environment` and the invocation's variables, nothing else. When it has ended, what it left running in
/// its process group (Unix) or job (Windows) is ended, too. On cancellation the group is asked to end, and killed after two
/// seconds. When the future is dropped, it is killed at once.
///
/// # Errors
/// The program cannot be started, or its end cannot be observed.
pub async fn run(
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    on_line: impl FnMut(Stream, &str),
) -> Result<Ended> {
    run_with(PATIENCE, Separator::LineBreak, invocation, environment, cancellation, on_line).await
}

/// The same for a program that ends each record of its standard output with a NUL.
///
/// # Errors
/// As [`run`].
pub async fn run_nul_terminated(
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    on_record: impl FnMut(Stream, &str),
) -> Result<Ended> {
    run_with(PATIENCE, Separator::Nul, invocation, environment, cancellation, on_record).await
}

async fn run_with(
    patience: Patience,
    separator: Separator,
    invocation: &Invocation,
    environment: &[(OsString, OsString)],
    cancellation: &Cancellation,
    mut on_line: impl FnMut(Stream, &str),
) -> Result<Ended> {
    if cancellation.is_requested() {
        return Ok(Ended::Cancelled);
    }
    let mut tree = ProcessTree::start(invocation, environment)?;
    let mut stdout = Lines::new(tree.0.stdout().take(), separator);
    let mut stderr = Lines::new(tree.0.stderr().take(), Separator::LineBreak);
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

/// A child and all that it has started.
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

    /// Waits for the child only: the group or job ends when the last process that it left behind ends.
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
        // It fails if no process is left, which is the goal.
        let _ = self.0.start_kill();
    }
}

/// Checks that the system can hand over the invocation's variables, in which some scanners get all properties. The
/// system's own message would not say what is too long.
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
                "{} could not be started: the properties of the analysis are {length} characters long in the variable {name}, \
                 and this system allows {LONGEST_VARIABLE}",
                invocation.program.display()
            );
            return Err(Error::new(message).hint(
                "If many reports were found, set the property that names them in extraProperties: to a pattern such as \
                 **/lcov.info, or to one merged report.",
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

/// Writes the standard input and closes it. A child that does not read all of it is not an error: its exit code tells how
/// it ended.
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
    let failure = Error::new(format!("{program} could not be started: {error}"));
    match error.kind() {
        ErrorKind::NotFound if !invocation.directory.is_dir() => {
            Error::new(format!("the working directory {} does not exist", invocation.directory.display()))
        }
        ErrorKind::PermissionDenied => failure
            .hint("Make it executable for the agent's user, on a file system that is not mounted noexec."),
        // Linux reports NotFound also for a program that was built for another libc, whose loader is missing.
        ErrorKind::NotFound if invocation.program.exists() => {
            failure.hint("The file exists, but it was built for another platform.")
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
