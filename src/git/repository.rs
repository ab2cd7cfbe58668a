//! A clone, and how commands run for it.

use super::access::{Access, Configuration};
use super::error::Error;
use super::folders::Folders;
use super::origin::Origin;
use super::view::{Format, View};
use crate::analysis::Invocation;
use crate::cancel::Cancellation;
use crate::process::{self, Ended, Stream, first_in_path, is_executable};
use crate::secret::Secret;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For questions that the clone itself answers.
pub(super) const LOCAL: Duration = Duration::from_secs(60);

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

/// The clone that is checked out in a folder.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    clone: Folders,
    origin: Option<Origin>,
    filter: Option<String>,
    access: Access,
}

/// The executable and what it runs with.
#[derive(Debug)]
struct Git {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    view: View,
    objects: PathBuf,
    cancellation: Cancellation,
}

/// Which transports a command may use, and with what.
enum Reach<'a> {
    /// None.
    Nowhere,
    /// `origin`, with this configuration.
    Origin(&'a [(String, Secret)]),
}

impl Repository {
    /// Opens the clone that is checked out in `folder`, with the git in the `PATH` of `environment`, which is all it gets.
    /// What git needs of its own goes below `temporary`.
    ///
    /// # Errors
    /// There is no git; no clone is checked out there, or it can't be read; cancelled.
    pub async fn open(
        folder: &Path,
        temporary: &Path,
        environment: Vec<(OsString, OsString)>,
        access: &Access,
        cancellation: &Cancellation,
    ) -> Result<Self, Error> {
        let program = program(&environment).ok_or(Error::NotInstalled)?;
        let clone = Folders::of(folder)?;
        let unreadable = |error: std::io::Error| Error::Unreadable(folder.to_owned(), error.to_string());
        let view = View::create(temporary).map_err(unreadable)?;
        let objects = clone.common_dir.join("objects");
        let git = Git { program, environment, view, objects, cancellation: cancellation.clone() };
        let settings = Settings::read(&git, &clone).await?;
        git.view.fill(&clone, &settings.format).map_err(unreadable)?;
        let (origin, filter) = (settings.origin, settings.filter);
        Ok(Self { git, clone, origin, filter, access: access.clone() })
    }

    /// The directory that paths in git's answers start from.
    pub fn top_level(&self) -> &Path {
        &self.clone.top_level
    }

    /// The URL of `origin`, as it is configured.
    pub fn origin(&self) -> Option<&str> {
        self.origin.as_ref().map(|origin| origin.configured.expose())
    }

    /// The filter of a partial clone, such as `blob:none`: file contents may be missing.
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// There is none yet; cancelled.
    pub async fn head(&self) -> Result<String, Error> {
        self.commit("HEAD").await
    }

    async fn commit(&self, revision: &str) -> Result<String, Error> {
        let lines = self.run("rev-parse", &["--verify", revision], LOCAL).await?;
        lines.into_iter().next().ok_or_else(|| Error::Failed("rev-parse", format!("{revision} is no commit")))
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

    /// Runs a command that stays in the clone, and returns the lines of its output.
    pub(super) async fn run(
        &self,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, Error> {
        self.git.run(&Reach::Nowhere, command, arguments, limit).await
    }

    /// Likewise, of one that goes to `origin`: `options`, its URL, `wanted`.
    pub(super) async fn run_at_origin(
        &self,
        command: &'static str,
        options: &[&str],
        wanted: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, Error> {
        let origin = self.origin.as_ref().ok_or(Error::NoOrigin)?;
        let url = origin.url.as_ref().ok_or(Error::Transport)?;
        let Configuration { configuration, has_credential } = self.access.configuration(origin);
        if has_credential {
            self.git.check_version().await?;
        }
        let arguments = [options, &[url.as_str()], wanted].concat();
        self.git.run(&Reach::Origin(&configuration), command, &arguments, limit).await
    }

    /// Gives the clone what was fetched: these references, and where its history ends now.
    pub(super) async fn keep(&self, references: &[&str]) -> Result<(), Error> {
        let mut fetched = Vec::new();
        for name in references {
            fetched.push(((*name).to_owned(), self.commit(name).await?));
        }
        let kept = self.git.view.give_back(&self.clone, &fetched);
        kept.map_err(|error| Error::Failed("fetch", format!("the clone can't be written: {error}")))
    }

    /// Has the clone be partial no more.
    pub(super) async fn forget_filter(&mut self) -> Result<(), Error> {
        let file = self.clone.common_dir.join("config").display().to_string();
        let arguments = ["--file", &file, "--unset-all", "remote.origin.partialclonefilter"];
        optional(self.run("config", &arguments, LOCAL).await)?;
        self.filter = None;
        Ok(())
    }
}

/// What is read of the clone's configuration: that file alone, not what it includes, and these keys alone.
#[derive(Debug, Default)]
struct Settings {
    format: Format,
    origin: Option<Origin>,
    filter: Option<String>,
}

const READ_KEYS: &str = r"^(remote\.origin\.(url|partialclonefilter)|extensions\.(objectformat|refstorage)|http\.(.*\.)?extraheader)$";

impl Settings {
    async fn read(git: &Git, clone: &Folders) -> Result<Self, Error> {
        let file = clone.common_dir.join("config").display().to_string();
        let arguments = ["--file", &file, "--no-includes", "--get-regexp", READ_KEYS];
        let lines = match git.run(&Reach::Nowhere, "config", &arguments, LOCAL).await {
            Err(Error::Failed(..)) => Vec::new(),
            answer => answer?,
        };
        let mut settings = Self::default();
        let (mut url, mut headers) = (None, Vec::new());
        for (key, value) in lines.iter().filter_map(|line| line.split_once(' ')) {
            match key {
                // git fetches from the first.
                "remote.origin.url" => url = url.or(Some(value)),
                "remote.origin.partialclonefilter" => settings.filter = Some(value.to_owned()),
                "extensions.objectformat" => settings.format.objects = Some(value.to_owned()),
                "extensions.refstorage" => settings.format.references = Some(value.to_owned()),
                _ => headers.push((key, value)),
            }
        }
        settings.origin = url.map(|url| Origin::new(url, &headers));
        Ok(settings)
    }
}

impl Git {
    async fn check_version(&self) -> Result<(), Error> {
        let lines = self.run(&Reach::Nowhere, "version", &[], LOCAL).await?;
        let told = lines.first().map(String::as_str).unwrap_or_default();
        match version(told).is_some_and(|version| version >= READS_ENVIRONMENT) {
            true => Ok(()),
            false => Err(Error::TooOld(told.trim_start_matches("git version ").to_owned())),
        }
    }

    async fn run(
        &self,
        reach: &Reach<'_>,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, Error> {
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
            Ok(Ok(Ended::Exit(_))) => Err(Error::Failed(command, reason(&complaints))),
            Ok(Ok(Ended::Cancelled)) => Err(Error::Cancelled),
            Ok(Err(error)) => Err(Error::Failed(command, error.to_string())),
            Err(_) => Err(Error::TimedOut(command, limit.as_secs())),
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
