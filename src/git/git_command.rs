//! How git is run: alone with what we give it.

use super::error::GitError;
use super::view::View;
use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::process::{self, Ended, Stream, first_in_path, is_executable};
use crate::secret::Secret;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// So that git waits for nobody, speaks English, fetches nothing by itself, and takes the history as it is.
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

/// The transports that git may use. Tests of this module have no server.
const TRANSPORTS: &str = if cfg!(test) { "http:https:file" } else { "http:https" };

/// git before this version reads no configuration from its environment, the only place where a credential is given to it.
const READS_ENVIRONMENT: (u32, u32) = (2, 31);

/// How long a command may take that only reads the clone.
pub(super) const LOCAL: Duration = Duration::from_secs(60);

/// The executable and what it runs with.
#[derive(Debug)]
pub(super) struct Git {
    pub(super) program: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) view: View,
    pub(super) objects: PathBuf,
    pub(super) cancellation: Cancellation,
}

/// Which transports a command may use, and with what.
pub(super) enum Reach<'a> {
    /// None.
    Nowhere,
    /// `origin`, with this configuration.
    Origin(&'a [(String, Secret)]),
}

impl Git {
    /// Makes sure that it can be given a credential.
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
        let mut environment = UNATTENDED.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let home = self.view.folder().display().to_string();
        let objects = self.objects.display().to_string();
        let transports = match reach {
            Reach::Nowhere => "none",
            Reach::Origin(_) => TRANSPORTS,
        };
        // The user's own configuration and passwords are what an earlier build may have written.
        let own = [("GIT_DIR", &home), ("HOME", &home), ("XDG_CONFIG_HOME", &home)];
        environment.extend(own.map(|(name, value)| (name.to_owned(), value.clone())));
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
            Ok(Ok(Ended::Exit(_))) => Err(GitError::Failed(command, reason(&complaints))),
            Ok(Ok(Ended::Cancelled)) => Err(GitError::Cancelled),
            Ok(Err(error)) => Err(GitError::Failed(command, error.to_string())),
            Err(_) => Err(GitError::TimedOut(command, limit.as_secs())),
        }
    }
}

/// `configuration` as variables, with what git reads from no file of a repository.
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

/// The two first numbers of `git version 2.39.5`.
fn version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.strip_prefix("git version ")?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The git in `PATH`.
pub(super) fn program(environment: &[(OsString, OsString)]) -> Option<PathBuf> {
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
    fn versions() {
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
