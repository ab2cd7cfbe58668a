//! How git is run: with what we give it and nothing else.

use super::error::GitError;
use super::view::View;
use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::process::{self, Ended, Stream, first_in_path, is_executable};
use crate::secret::Secret;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::error::Elapsed;

/// With these git asks no questions, speaks English, fetches nothing that it was not told to, and takes the history as it
/// is.
const UNATTENDED: [(&str, &str); 10] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_PAGER", ""),
    ("GIT_EDITOR", ":"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("LC_ALL", "C"),
];

/// The transports that git may use. The unit tests have no server, but folders.
const TRANSPORTS: &str = if cfg!(test) { "http:https:file" } else { "http:https" };

/// Older versions of git read no configuration from their environment, the only place where git is given a credential.
const READS_ENVIRONMENT: (u32, u32) = (2, 31);

/// How long a command that only reads the clone may take.
pub(super) const LOCAL: Duration = Duration::from_secs(60);

/// The executable, and what it runs with.
#[derive(Debug)]
pub(super) struct Git {
    pub(super) program: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) view: View,
    pub(super) objects: PathBuf,
    pub(super) cancellation: Cancellation,
}

/// Which transports a command may use.
pub(super) enum Reach<'a> {
    /// None.
    Nowhere,
    /// Those to `origin`, with this configuration.
    Origin(&'a [(String, Secret)]),
}

impl Git {
    /// Checks that this git can be given a credential.
    ///
    /// # Errors
    /// It is too old; cancelled.
    pub(super) async fn check_version(&self) -> Result<(), GitError> {
        let lines = self.run(&Reach::Nowhere, "version", &[], LOCAL).await?;
        let told = lines.first().map(String::as_str).unwrap_or_default();
        match version(told).is_some_and(|version| version >= READS_ENVIRONMENT) {
            true => Ok(()),
            false => Err(GitError::TooOld(told.trim_start_matches("git version ").to_owned())),
        }
    }

    /// Runs a command and returns the lines of its output.
    pub(super) async fn run(
        &self,
        reach: &Reach<'_>,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, GitError> {
        let invocation = self.invocation(reach, command, arguments);
        let mut output = Output::default();
        let on_line = |stream, line: &str| output.add(stream, line);
        let running = process::run(&invocation, &self.environment, &self.cancellation, on_line);
        let ended = tokio::time::timeout(limit, running).await;
        output.result(command, limit, ended)
    }

    /// Runs a command that has `-z` among its arguments, and returns the records of its output. It stays in the clone.
    pub(super) async fn run_nul_terminated(
        &self,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, GitError> {
        let invocation = self.invocation(&Reach::Nowhere, command, arguments);
        let mut output = Output::default();
        let on_record = |stream, record: &str| output.add(stream, record);
        let running =
            process::run_nul_terminated(&invocation, &self.environment, &self.cancellation, on_record);
        let ended = tokio::time::timeout(limit, running).await;
        output.result(command, limit, ended)
    }

    fn invocation(&self, reach: &Reach<'_>, command: &'static str, arguments: &[&str]) -> Invocation {
        let mut environment = UNATTENDED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let home = self.view.folder().display().to_string();
        let objects = self.objects.display().to_string();
        let transports = match reach {
            Reach::Nowhere => "none",
            Reach::Origin(_) => TRANSPORTS,
        };
        // An earlier build may have written the configuration and the passwords of the user.
        let folders = [("GIT_DIR", &home), ("HOME", &home), ("XDG_CONFIG_HOME", &home)];
        environment.extend(folders.map(|(name, value)| (name.to_owned(), value.clone())));
        environment.push(("GIT_OBJECT_DIRECTORY".into(), objects));
        environment.push(("GIT_ALLOW_PROTOCOL".into(), transports.into()));
        let configuration: &[_] = match reach {
            Reach::Nowhere => &[],
            Reach::Origin(configuration) => configuration,
        };
        let invocation = Invocation {
            program: self.program.clone(),
            arguments: [&[command], arguments].concat().into_iter().map(str::to_owned).collect(),
            directory: self.view.folder().to_owned(),
            environment,
            secret_environment: variables(configuration),
            stdin: None,
        };
        tracing::debug!("{invocation}");
        invocation
    }
}

/// What a command has written.
#[derive(Default)]
struct Output {
    stdout: Vec<String>,
    stderr: Vec<String>,
}

impl Output {
    fn add(&mut self, stream: Stream, text: &str) {
        match stream {
            Stream::Stdout => self.stdout.push(text.to_owned()),
            Stream::Stderr => {
                let line = without_user_info(text);
                tracing::debug!("{line}");
                self.stderr.push(line);
            }
        }
    }

    fn result(
        self,
        command: &'static str,
        limit: Duration,
        ended: Result<crate::error::Result<Ended>, Elapsed>,
    ) -> Result<Vec<String>, GitError> {
        match ended {
            Ok(Ok(Ended::Exit(exit))) if exit.is_success() => Ok(self.stdout),
            Ok(Ok(Ended::Exit(_))) => Err(GitError::Failed(command, reason(&self.stderr))),
            Ok(Ok(Ended::Cancelled)) => Err(GitError::Cancelled),
            Ok(Err(error)) => Err(GitError::Failed(command, error.to_string())),
            Err(_) => Err(GitError::TimedOut(command, limit.as_secs())),
        }
    }
}

/// `configuration` as variables, and the one setting that git takes from no file of a repository.
fn variables(configuration: &[(String, Secret)]) -> Vec<(String, Secret)> {
    let of_all = [("safe.bareRepository".to_owned(), Secret::new("explicit"))];
    let all: Vec<_> = of_all.iter().chain(configuration).collect();
    let mut variables = vec![("GIT_CONFIG_COUNT".to_owned(), Secret::new(all.len().to_string()))];
    for (number, (key, value)) in all.into_iter().enumerate() {
        variables.push((format!("GIT_CONFIG_KEY_{number}"), Secret::new(key)));
        variables.push((format!("GIT_CONFIG_VALUE_{number}"), value.clone()));
    }
    variables
}

/// The first two numbers of `git version 2.39.5`.
fn version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.strip_prefix("git version ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The git in `PATH`.
pub(super) fn program(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let name = if cfg!(windows) { "git.exe" } else { "git" };
    let of_agent = || {
        // On Windows the agent brings a git for machines that have none.
        let git = Path::new(value(environment, "AGENT_HOMEDIRECTORY")?).join("externals/git/cmd").join(name);
        is_executable(&git).then_some(git)
    };
    first_in_path(value(environment, "PATH"), name).or_else(of_agent)
}

fn value<'a>(environment: &'a [(OsString, OsString)], name: &str) -> Option<&'a OsStr> {
    let is_named =
        |variable: &OsStr| if cfg!(windows) { variable.eq_ignore_ascii_case(name) } else { variable == name };
    environment.iter().find(|(variable, _)| is_named(variable)).map(|(_, value)| value.as_os_str())
}

/// git's last messages that are not about progress, the server's before git's own.
fn reason(complaints: &[String]) -> String {
    let told: Vec<_> = complaints
        .iter()
        .filter_map(|line| {
            ["fatal: ", "error: ", "remote: "].iter().find_map(|start| line.strip_prefix(start))
        })
        .map(str::trim)
        .collect();
    match (told.as_slice(), complaints.last()) {
        ([], None) => "it gave no reason".into(),
        ([], Some(last)) => last.clone(),
        (told, _) => told[told.len().saturating_sub(3)..].join("; "),
    }
}

/// A line whose URLs have neither user nor password.
fn without_user_info(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        safe.push_str(before);
        let end = after.find(|c: char| c == '/' || c == '\'' || c.is_whitespace()).unwrap_or(after.len());
        rest = after[..end].rfind('@').map_or(after, |user| &after[user + 1..]);
    }
    safe.push_str(rest);
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_passwords_of_urls_are_not_shown() {
        for (line, expected) in [
            (
                "fatal: unable to access 'https://u:p@ss@git.corp/x/': 401",
                "fatal: unable to access 'https://git.corp/x/': 401",
            ),
            ("from https://pat@a to ssh://git@b:22/c", "from https://a to ssh://b:22/c"),
            ("me@example.com", "me@example.com"),
            ("://", "://"),
        ] {
            assert_eq!(without_user_info(line), expected);
        }
    }

    #[test]
    fn the_reason_is_what_server_and_git_said_last() {
        let reason = |lines: &str| reason(&lines.lines().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            reason("hint: x\nremote: TF401019: no such repository\nfatal: repository 'x' not found"),
            "TF401019: no such repository; repository 'x' not found"
        );
        assert_eq!(reason("usage: git fetch"), "usage: git fetch");
        assert_eq!(reason(""), "it gave no reason");
    }

    #[test]
    fn the_version_is_read_from_gits_answer() {
        for (told, expected) in [
            ("git version 2.39.5", Some((2, 39))),
            ("git version 2.50.1 (Apple Git-155)", Some((2, 50))),
            ("git version 3.0.0.windows.1", Some((3, 0))),
            ("git version 2.30.9", Some((2, 30))),
            ("hub version 2", None),
        ] {
            assert_eq!(version(told), expected, "{told}");
        }
    }
}
