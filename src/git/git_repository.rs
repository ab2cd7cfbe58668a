//! The clone of the sources, and the questions that it answers.

use super::access::{Access, Configuration};
use super::error::GitError;
use super::folders::CloneFolders;
use super::git_command::{Git, LOCAL, Reach, program};
use super::remote::Remote;
use super::view::{CloneFormat, View};
use crate::cancel::Cancellation;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// The clone that is checked out in a folder.
#[derive(Debug)]
pub struct Repository {
    git: Git,
    clone: CloneFolders,
    origin: Option<Remote>,
    filter: Option<String>,
    access: Access,
}

impl Repository {
    /// Opens the clone that is checked out in `folder`, with the git in the `PATH` of `environment`, which is all that git
    /// gets. The git directory that commands run in is made below `temporary`.
    ///
    /// # Errors
    /// There is no git; no clone is checked out there, or it cannot be read; cancelled.
    pub async fn open(
        folder: &Path,
        temporary: &Path,
        environment: Vec<(OsString, OsString)>,
        access: &Access,
        cancellation: &Cancellation,
    ) -> Result<Self, GitError> {
        let program = program(&environment).ok_or(GitError::NotInstalled)?;
        let clone = CloneFolders::of(folder)?;
        let unreadable = |error: std::io::Error| GitError::Unreadable(folder.to_owned(), error.to_string());
        let view = View::create(temporary).map_err(unreadable)?;
        let objects = clone.common_dir.join("objects");
        let git = Git { program, environment, view, objects, cancellation: cancellation.clone() };
        let settings = CloneSettings::read(&git, &clone).await?;
        git.view.fill(&clone, &settings.format).map_err(unreadable)?;
        let (origin, filter) = (settings.origin, settings.filter);
        Ok(Self { git, clone, origin, filter, access: access.clone() })
    }

    /// The folder that paths in git's answers are relative to.
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
    pub async fn head(&self) -> Result<String, GitError> {
        self.commit("HEAD").await
    }

    async fn commit(&self, revision: &str) -> Result<String, GitError> {
        let lines = self.run("rev-parse", &["--verify", revision], LOCAL).await?;
        lines
            .into_iter()
            .next()
            .ok_or_else(|| GitError::Failed("rev-parse", format!("{revision} is not a commit")))
    }

    /// Whether `revision` names a commit that the clone has.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn has_commit(&self, revision: &str) -> Result<bool, GitError> {
        let commit = format!("{}^{{commit}}", checked(revision)?);
        Ok(optional(self.run("rev-parse", &["--verify", "--quiet", &commit], LOCAL).await)?.is_some())
    }

    /// Whether a reference, given by its full name, stands for another one.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn is_symbolic(&self, reference: &str) -> Result<bool, GitError> {
        let answer = self.run("symbolic-ref", &["--quiet", checked(reference)?], LOCAL).await;
        Ok(optional(answer)?.is_some())
    }

    /// Whether `revision` is an ancestor of `other`.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn is_ancestor(&self, revision: &str, other: &str) -> Result<bool, GitError> {
        let arguments = ["--is-ancestor", checked(revision)?, checked(other)?];
        match self.run("merge-base", &arguments, LOCAL).await {
            Ok(_) => Ok(true),
            Err(GitError::Failed(..)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The default branch that the clone knows of (`origin/HEAD`). The agent's checkout writes none.
    ///
    /// # Errors
    /// Cancelled, or git hangs.
    pub async fn origin_head(&self) -> Result<Option<String>, GitError> {
        let answer = self.run("symbolic-ref", &["--quiet", "refs/remotes/origin/HEAD"], LOCAL).await;
        Ok(optional(answer)?.and_then(|line| Some(line.strip_prefix("refs/remotes/origin/")?.to_owned())))
    }

    /// Runs a command that stays in the clone, and returns the lines of its output.
    pub(super) async fn run(
        &self,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, GitError> {
        self.git.run(&Reach::Nowhere, command, arguments, limit).await
    }

    /// The same for a command with `-z`: the records of its output, which may hold line breaks.
    pub(super) async fn run_nul_terminated(
        &self,
        command: &'static str,
        arguments: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, GitError> {
        self.git.run_nul_terminated(command, arguments, limit).await
    }

    /// Runs a command that goes to `origin`, with the arguments `options`, its URL and `wanted`.
    pub(super) async fn run_at_origin(
        &self,
        command: &'static str,
        options: &[&str],
        wanted: &[&str],
        limit: Duration,
    ) -> Result<Vec<String>, GitError> {
        let origin = self.origin.as_ref().ok_or(GitError::NoOrigin)?;
        let url = origin.url.as_ref().ok_or(GitError::Transport)?;
        let Configuration { configuration, has_credential } = self.access.configuration(origin);
        if has_credential {
            self.git.check_version().await?;
        }
        let arguments = [options, &[url.as_str()], wanted].concat();
        self.git.run(&Reach::Origin(&configuration), command, &arguments, limit).await
    }

    /// Writes into the clone what was fetched: these references, and where its history ends now.
    pub(super) async fn keep(&self, references: &[&str]) -> Result<(), GitError> {
        let mut fetched = Vec::new();
        for name in references {
            fetched.push(((*name).to_owned(), self.commit(name).await?));
        }
        let kept = self.git.view.give_back(&self.clone, &fetched);
        kept.map_err(|error| GitError::Failed("fetch", format!("the clone could not be written: {error}")))
    }

    /// Notes in the clone that it is not partial any more.
    pub(super) async fn forget_filter(&mut self) -> Result<(), GitError> {
        let file = self.clone.common_dir.join("config").display().to_string();
        let arguments = ["--file", &file, "--unset-all", "remote.origin.partialclonefilter"];
        optional(self.run("config", &arguments, LOCAL).await)?;
        self.filter = None;
        Ok(())
    }
}

/// What is read of the clone's configuration: only that file, without what it includes, and only [`READ_KEYS`].
#[derive(Debug, Default)]
struct CloneSettings {
    format: CloneFormat,
    origin: Option<Remote>,
    filter: Option<String>,
}

const READ_KEYS: &str = r"^(remote\.origin\.(url|partialclonefilter)|extensions\.(objectformat|refstorage)|http\.(.*\.)?extraheader)$";

impl CloneSettings {
    async fn read(git: &Git, clone: &CloneFolders) -> Result<Self, GitError> {
        let file = clone.common_dir.join("config").display().to_string();
        // With -z no line of a value is taken for another key.
        let arguments = ["-z", "--file", &file, "--no-includes", "--get-regexp", READ_KEYS];
        let records = match git.run_nul_terminated("config", &arguments, LOCAL).await {
            Err(GitError::Failed(..)) => Vec::new(),
            answer => answer?,
        };
        let mut settings = Self::default();
        let (mut url, mut headers) = (None, Vec::new());
        for (key, value) in records.iter().filter_map(|record| record.split_once('\n')) {
            match key {
                // git fetches from the first.
                "remote.origin.url" => url = url.or(Some(value)),
                "remote.origin.partialclonefilter" => settings.filter = Some(value.to_owned()),
                "extensions.objectformat" => settings.format.objects = Some(value.to_owned()),
                "extensions.refstorage" => settings.format.references = Some(value.to_owned()),
                _ => headers.push((key, value)),
            }
        }
        settings.origin = url.map(|url| Remote::new(url, &headers));
        Ok(settings)
    }
}

/// The first line of an answer; `None` if git refuses it.
pub(super) fn optional(answer: Result<Vec<String>, GitError>) -> Result<Option<String>, GitError> {
    match answer {
        Ok(lines) => Ok(lines.into_iter().next()),
        Err(GitError::Failed(..)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A revision from outside, if git cannot take it for an option.
pub(super) fn checked(revision: &str) -> Result<&str, GitError> {
    match revision.starts_with('-') {
        true => Err(GitError::Failed("rev-parse", format!("{revision:?} is not a revision"))),
        false => Ok(revision),
    }
}

#[cfg(test)]
mod tests {
    use super::checked;

    #[test]
    fn an_option_is_not_a_revision() {
        assert!(checked("--output=x").is_err());
        assert_eq!(checked("origin/main"), Ok("origin/main"));
    }
}
