//! Which Java runs the scanner engine, and why.

use crate::error::{Error, Result};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

const JAVA: &str = if cfg!(windows) { "java.exe" } else { "java" };

/// What a user and a machine have to say about Java. The first of these that is there counts:
/// `executable`, the server's JRE, `java_home`, `path`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JavaChoices<'a> {
    /// `sonar.scanner.javaExePath`.
    pub executable: Option<&'a str>,
    /// `sonar.scanner.skipJreProvisioning`.
    pub skip_provisioning: bool,
    /// The variable `JAVA_HOME`.
    pub java_home: Option<&'a Path>,
    /// The variable `PATH`.
    pub path: Option<&'a OsStr>,
}

/// A Java executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// Absolute path.
    pub executable: PathBuf,
    /// Its version, such as `21.0.11`, if the file `release` of its home says it.
    pub version: Option<String>,
    /// Why it was chosen.
    pub reason: Reason,
}

/// Why a [`Java`] was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// `sonar.scanner.javaExePath` names it.
    Property,
    /// The server offers it.
    Server,
    /// `JAVA_HOME` names it.
    JavaHome,
    /// It is the first one in `PATH`.
    Path,
}

impl JavaChoices<'_> {
    /// Whether the server's JRE counts: only then is it worth asking for.
    pub fn want_server_jre(&self) -> bool {
        given(self.executable).is_none() && !self.skip_provisioning
    }

    /// Chooses, and says so in the log. `server_jre` is the java executable of the server's JRE; `None`
    /// if the server has none for this machine, or was not asked.
    ///
    /// # Errors
    /// There is no Java, or `sonar.scanner.javaExePath` names none.
    pub fn choose(&self, server_jre: Option<PathBuf>) -> Result<Java> {
        let (executable, reason) = self.find(server_jre)?;
        let version = version(&executable);
        let java = Java { executable, version, reason };
        tracing::info!("{java}");
        Ok(java)
    }

    fn find(&self, server_jre: Option<PathBuf>) -> Result<(PathBuf, Reason)> {
        if let Some(named) = given(self.executable) {
            return Ok((self.named(named)?, Reason::Property));
        }
        if let Some(java) = server_jre.filter(|_| self.want_server_jre()) {
            return Ok((java, Reason::Server));
        }
        // A later choice among the agent's JDKs (JAVA_HOME_17_X64 ...) belongs here.
        let home = self.java_home.map(|home| home.join("bin").join(JAVA)).filter(|java| is_executable(java));
        if let Some(java) = home {
            return Ok((absolute(java), Reason::JavaHome));
        }
        if let Some(java) = self.in_path(JAVA) {
            return Ok((java, Reason::Path));
        }
        Err(self.none_found())
    }

    /// The value of `sonar.scanner.javaExePath`: a path, or a name to look for.
    fn named(&self, named: &str) -> Result<PathBuf> {
        let is_name = !named.contains(['/', '\\']);
        let found = if is_name { self.in_path(named) } else { Some(absolute(PathBuf::from(named))) };
        found.filter(|java| is_executable(java)).ok_or_else(|| {
            Error::new(format!("sonar.scanner.javaExePath names {named}, which is no executable file"))
                .hint("Correct the property, or leave it out to use the server's own Java.")
        })
    }

    /// Searches the absolute folders of `PATH` alone: a relative one, or on Windows the current folder, would
    /// let the analysed project choose what runs.
    fn in_path(&self, name: &str) -> Option<PathBuf> {
        std::env::split_paths(self.path?)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|java| is_executable(java))
    }

    fn none_found(&self) -> Error {
        let server = if self.skip_provisioning {
            "sonar.scanner.skipJreProvisioning rules out the server's own"
        } else {
            "the server offers none for this machine"
        };
        let home = match self.java_home {
            Some(home) => format!("JAVA_HOME ({}) has no bin/{JAVA}", home.display()),
            None => "JAVA_HOME is not set".to_owned(),
        };
        Error::new(format!(
            "no Java was found to run the scanner: {server}, {home}, and PATH holds no {JAVA}"
        ))
        .hint("Install Java on the agent, or name one with the property sonar.scanner.javaExePath.")
    }
}

impl fmt::Display for Java {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        let reason = match self.reason {
            Reason::Property => "as sonar.scanner.javaExePath says",
            Reason::Server => "the one the server provides",
            Reason::JavaHome => "the one of JAVA_HOME",
            Reason::Path => "the first one in PATH",
        };
        write!(f, "Using Java{version}, {reason}: {}", self.executable.display())
    }
}

/// Whether `path` is a file that may be run.
pub(super) fn is_executable(path: &Path) -> bool {
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    #[cfg(unix)]
    let may_run = std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let may_run = true;
    metadata.is_file() && may_run
}

/// The version in `<home>/release`, which every JDK and JRE has since Java 8. No process is started for it.
fn version(executable: &Path) -> Option<String> {
    // /usr/bin/java is a link into the home.
    let executable = std::fs::canonicalize(executable).ok()?;
    let release = executable.parent()?.parent()?.join("release");
    let text = String::from_utf8_lossy(&std::fs::read(release).ok()?).into_owned();
    let value = text.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    given(Some(value.trim_matches('"'))).map(str::to_owned)
}

fn given(value: Option<&str>) -> Option<&str> {
    value.map(str::trim).filter(|value| !value.is_empty())
}

fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
