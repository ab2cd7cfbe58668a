//! A Java on this machine: where it is, how old it is, and why it was chosen.

use std::fmt;
use std::path::{Path, PathBuf};

/// A Java executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// Absolute path.
    pub executable: PathBuf,
    /// Its version, such as `21.0.11`, if the file `release` of its home names one.
    pub version: Option<String>,
    /// Why it was chosen.
    pub reason: Reason,
}

/// Why a [`Java`] was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `sonar.scanner.javaExePath` names it.
    Property,
    /// `jdkversion` names this variable.
    Input(String),
    /// The server offers it.
    Server,
    /// This variable of the agent names it, and no older one is new enough.
    Agent(String),
    /// `JAVA_HOME` names it.
    JavaHome,
    /// It is the first one in `PATH`.
    Path,
}

impl Java {
    /// The Java `executable`. Reads its version from a file: no process is started.
    pub(super) fn new(executable: PathBuf, reason: Reason) -> Self {
        Self { version: version(&executable), executable, reason }
    }

    /// Whether it can run what needs Java `needed`. A Java of unknown version is taken to be new enough.
    pub(super) fn is_new_enough(&self, needed: u32) -> bool {
        self.version.as_deref().and_then(feature).is_none_or(|version| version >= needed)
    }

    /// The folder that `JAVA_HOME` would name.
    pub fn home(&self) -> Option<&Path> {
        self.executable.parent()?.parent()
    }
}

impl fmt::Display for Java {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        write!(f, "Using Java{version}, ")?;
        match &self.reason {
            Reason::Property => f.write_str("set by sonar.scanner.javaExePath"),
            Reason::Input(variable) => write!(f, "set by jdkversion ({variable})"),
            Reason::Server => f.write_str("provided by the server"),
            Reason::Agent(variable) => write!(f, "the oldest on the agent that is new enough ({variable})"),
            Reason::JavaHome => f.write_str("set by JAVA_HOME"),
            Reason::Path => f.write_str("the first one in PATH"),
        }?;
        write!(f, ": {}", self.executable.display())
    }
}

/// The feature release of a version: 21 of `21.0.11`, 8 of `1.8.0_392`.
fn feature(version: &str) -> Option<u32> {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    match (numbers.next()?.ok()?, numbers.next()) {
        (1, Some(Ok(old))) => Some(old),
        (feature, _) => Some(feature),
    }
}

/// The version in `<home>/release`, which every JDK and JRE has since Java 8.
fn version(executable: &Path) -> Option<String> {
    // /usr/bin/java is a link into the home.
    let executable = std::fs::canonicalize(executable).ok()?;
    let release = executable.parent()?.parent()?.join("release");
    let text = String::from_utf8_lossy(&std::fs::read(release).ok()?).into_owned();
    let value = text.lines().find_map(|line| line.trim().strip_prefix("JAVA_VERSION="))?;
    Some(value.trim_matches('"').trim()).filter(|version| !version.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_release_of_a_version() {
        for (version, expected) in [
            ("21.0.11", Some(21)),
            ("17", Some(17)),
            ("1.8.0_392", Some(8)),
            ("25-ea", Some(25)),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(feature(version), expected, "{version}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_version_of_a_linked_executable_is_read_from_the_home_it_links_to() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("jdk");
        std::fs::create_dir_all(home.join("bin")).unwrap();
        std::fs::write(home.join("release"), "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"17.0.1\"\n").unwrap();
        std::fs::write(home.join("bin/java"), "").unwrap();
        let link = folder.path().join("java");
        std::os::unix::fs::symlink(home.join("bin/java"), &link).unwrap();
        assert_eq!(version(&link).as_deref(), Some("17.0.1"));
    }
}
