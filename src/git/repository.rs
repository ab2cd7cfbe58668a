//! A clone, and how commands run in it.

use super::access::{Access, variables};
use super::error::Error;
use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::process::{self, Ended, Stream, first_in_path, is_executable};
use crate::secret::Secret;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For questions that the clone itself answers.
pub(super) const LOCAL: Duration = Duration::from_secs(60);

/// So that git never waits for anybody, and speaks English.
const UNATTENDED: [(&str, &str); 6] = [
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_ASKPASS", ""),
    ("SSH_ASKPASS_REQUIRE", "never"),
    ("GCM_INTERACTIVE", "never"),
    ("GIT_PAGER", ""),
    ("LC_ALL", "C"),
];

/// The clone that a directory is in.
#[derive(Debug, Clone)]
pub struct Repository {
    git: Git,
    top_level: PathBuf,
}

/// The executable and what it runs with.
#[derive(Debug, Clone)]
struct Git {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    access: Vec<(String, Secret)>,
    cancellation: Cancellation,
}

impl Repository {
    /// Finds git in the `PATH` of `environment`, which it is to run with, and the clone of `directory`.
    ///
    /// # Errors
    /// There is no git; the directory is in no clone; another user owns that; cancelled.
    pub async fn open(
        directory: &Path,
        environment: Vec<(OsString, OsString)>,
        access: &Access,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        let program = program(&environment).ok_or(Error::NotInstalled)?;
        let mut git = Git { program, environment, access: Vec::new(), cancellation: cancellation.clone() };
        let answer = git.run(directory, "rev-parse", &["--show-toplevel"], LOCAL).await;
        let top_level = match answer {
            Ok(lines) => lines.first().map(PathBuf::from),
            Err(Error::Failed(_, reason)) if reason.contains("dubious ownership") => {
                return Err(Error::ForeignOwner(directory.to_owned()));
            }
            Err(Error::Failed(..)) => None,
            Err(error) => return Err(error),
        };
        let top_level = top_level.ok_or_else(|| Error::NoRepository(directory.to_owned()))?;
        // The URL after all of the configuration's rewriting. Without a remote it is the name.
        let origin = git.run(&top_level, "ls-remote", &["--get-url", "origin"], LOCAL).await?;
        if let Some(origin) = origin.first() {
            let already =
                value(&git.environment, "GIT_CONFIG_COUNT").and_then(|count| count.to_str()?.parse().ok());
            git.access = variables(access.configuration(origin), already.unwrap_or(0));
        }
        Ok(Self { git, top_level })
    }

    /// The directory that paths in git's answers start from.
    pub fn top_level(&self) -> &Path {
        &self.top_level
    }

    /// The URL of `origin`, as it is configured.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn origin(&self) -> Result<Option<String>, Error> {
        optional(self.run("config", &["--get", "remote.origin.url"], LOCAL).await)
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// There is none yet; cancelled.
    pub async fn head(&self) -> Result<String, Error> {
        let lines = self.run("rev-parse", &["--verify", "HEAD"], LOCAL).await?;
        lines.into_iter().next().ok_or_else(|| Error::Failed("rev-parse", "HEAD is no commit".into()))
    }

    /// Whether `revision` names a commit that the clone has.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn has_commit(&self, revision: &str) -> Result<bool, Error> {
        let commit = format!("{}^{{commit}}", checked(revision)?);
        Ok(optional(self.run("rev-parse", &["--verify", "--quiet", &commit], LOCAL).await)?.is_some())
    }

    /// The default branch as the clone remembers it (`origin/HEAD`). The agent's checkout makes none.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn origin_head(&self) -> Result<Option<String>, Error> {
        let answer = self.run("symbolic-ref", &["--quiet", "refs/remotes/origin/HEAD"], LOCAL).await;
        Ok(optional(answer)?.and_then(|line| Some(line.strip_prefix("refs/remotes/origin/")?.to_owned())))
    }

    /// Runs a command at the top level and returns the lines of its output.
    pub(super) async fn run(
        &self,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, Error> {
        self.git.run(&self.top_level, command, arguments, limit).await
    }
}

impl Git {
    async fn run(
        &self,
        directory: &Path,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, Error> {
        let invocation = Invocation {
            program: self.program.clone(),
            arguments: [&[command], arguments].concat().into_iter().map(str::to_owned).collect(),
            directory: directory.to_owned(),
            environment: UNATTENDED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            secret_environment: self.access.clone(),
            stdin: None,
        };
        tracing::debug!("{invocation}");
        let (mut output, mut complaints) = (Vec::new(), Vec::new());
        let on_line = |stream, line: &str| match stream {
            Stream::Stdout => output.push(line.to_owned()),
            Stream::Stderr => {
                let line = without_user_info(line);
                tracing::debug!("{line}");
                complaints.push(line);
            }
        };
        let running = process::run(&invocation, &self.environment, &self.cancellation, on_line);
        match tokio::time::timeout(limit, running).await {
            Ok(Ok(Ended::Exit(exit))) if exit.is_success() => Ok(output),
            Ok(Ok(Ended::Exit(_))) => Err(Error::Failed(command, reason(&complaints))),
            Ok(Ok(Ended::Cancelled)) => Err(Error::Cancelled),
            Ok(Err(error)) => Err(Error::Failed(command, error.to_string())),
            Err(_) => Err(Error::TimedOut(command, limit.as_secs())),
        }
    }
}

/// The first line of an answer that git may well refuse.
pub(super) fn optional(answer: Result<Vec<String>, Error>) -> Result<Option<String>, Error> {
    match answer {
        Ok(lines) => Ok(lines.into_iter().next()),
        Err(Error::Failed(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A revision from outside, which must not be an option.
pub(super) fn checked(revision: &str) -> Result<&str, Error> {
    match revision.starts_with('-') {
        true => Err(Error::Failed("rev-parse", format!("{revision:?} is no revision"))),
        false => Ok(revision),
    }
}

fn program(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
    let name = if cfg!(windows) { "git.exe" } else { "git" };
    let of_agent = || {
        // On Windows the agent brings its own, for machines without.
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

/// What git says last of what is no progress: a server's own words come before git's.
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

/// `https://user:password@host` without what stands before the host.
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
    fn user_info_is_not_shown() {
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
    fn reasons() {
        let reason = |lines: &str| reason(&lines.lines().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(
            reason("hint: x\nremote: TF401019: no such repository\nfatal: repository 'x' not found"),
            "TF401019: no such repository; repository 'x' not found"
        );
        assert_eq!(reason("usage: git fetch"), "usage: git fetch");
        assert_eq!(reason(""), "it gave no reason");
    }

    #[test]
    fn an_option_is_no_revision() {
        assert!(checked("--output=x").is_err());
        assert_eq!(checked("origin/main"), Ok("origin/main"));
    }
}
