//! Which Java runs the analysis, and why.

use crate::error::{Error, Result};
use crate::process::{first_in_path, is_executable};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

const JAVA: &str = if cfg!(windows) { "java.exe" } else { "java" };

/// The variable that names the machine's own choice.
const JAVA_HOME: &str = "JAVA_HOME";

/// What a user and a machine have to say about Java. The first of these that is there counts:
/// `executable`, `named`, the server's JRE, the oldest of the agent's own in `homes` that is new enough,
/// `JAVA_HOME`, `path`.
#[derive(Debug, Clone, Copy, Default)]
pub struct JavaChoices<'a> {
    /// `sonar.scanner.javaExePath`.
    pub executable: Option<&'a str>,
    /// The task input `jdkversion`: the name of a variable. None: whatever is best.
    pub named: Option<&'a str>,
    /// The task input `jdkVersionStrict`: `named` or nothing.
    pub strict: bool,
    /// `sonar.scanner.skipJreProvisioning`.
    pub skip_provisioning: bool,
    /// The variables that name Java homes.
    pub homes: &'a [JavaHome<'a>],
    /// The processor, as [`super::Platform`] names it.
    pub arch: &'a str,
    /// The variable `PATH`.
    pub path: Option<&'a OsStr>,
}

/// A variable that names the home of a Java: `JAVA_HOME`, or `JAVA_HOME_21_X64` and its like, which
/// agents set for each JDK they find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JavaHome<'a> {
    /// Its name, in upper case.
    pub variable: &'a str,
    /// Its value.
    pub folder: &'a Path,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// `sonar.scanner.javaExePath` names it.
    Property,
    /// `jdkversion` names this variable.
    Input(String),
    /// The server offers it.
    Server,
    /// This variable names it, and none that is new enough is older.
    Agent(String),
    /// `JAVA_HOME` names it.
    JavaHome,
    /// It is the first one in `PATH`.
    Path,
}

impl<'a> JavaHome<'a> {
    /// Finds them among variables with upper-case names.
    pub fn among(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Self> {
        variables
            .filter(|(name, _)| *name == JAVA_HOME || agents_own(name).is_some())
            .map(|(variable, folder)| Self { variable, folder: Path::new(folder) })
            .collect()
    }

    fn java(&self, reason: Reason) -> Option<Java> {
        let executable = self.folder.join("bin").join(JAVA);
        is_executable(&executable).then(|| Java::new(absolute(executable), reason))
    }
}

/// Version and processor in a name such as `JAVA_HOME_21_X64`.
fn agents_own(name: &str) -> Option<(u32, &str)> {
    let (version, arch) = name.strip_prefix("JAVA_HOME_")?.split_once('_')?;
    let arch = match arch {
        "X64" => "x64",
        "ARM64" | "AARCH64" => "aarch64",
        "X86" => "x86",
        _ => return None,
    };
    Some((version.parse().ok()?, arch))
}

impl JavaChoices<'_> {
    /// Whether the user chose a Java that is there. Until it is known to be too old, the server's JRE is
    /// not worth asking for.
    pub fn is_made(&self) -> bool {
        given(self.executable).is_some()
            || self
                .named
                .is_some_and(|name| self.home(name).is_some_and(|home| home.java(Reason::Path).is_some()))
    }

    /// The Java that the user chose. `needed` is the version of Java that what is to run needs. A choice by
    /// `jdkversion` that can't be used is a warning, and as good as none.
    ///
    /// # Errors
    /// `sonar.scanner.javaExePath` names no executable; `strict`, and the choice can't be used.
    pub fn made(&self, needed: u32) -> Result<Option<Java>> {
        if let Some(executable) = given(self.executable) {
            return Ok(Some(Java::new(self.executable(executable)?, Reason::Property)));
        }
        let Some(name) = self.named else { return Ok(None) };
        let problem = match self.home(name) {
            None => format!("jdkversion is {name}, which is no variable that names a Java here"),
            Some(home) => match home.java(Reason::Input(home.variable.to_owned())) {
                None => format!("jdkversion is {name}, and {} has no bin/{JAVA}", home.folder.display()),
                Some(java) if java.is_new_enough(needed) => return Ok(Some(java)),
                Some(java) => format!(
                    "jdkversion is {name}, which is Java {}, and this analysis needs Java {needed} or newer",
                    java.version.as_deref().unwrap_or_default()
                ),
            },
        };
        if self.strict {
            return Err(Error::new(problem).hint(self.what_is_set()));
        }
        tracing::warn!("{problem}: another Java is chosen, as with jdkversion auto");
        Ok(None)
    }

    /// The best Java, when the user did not choose. `server_jre` is the java executable of the server's JRE;
    /// `None` if the server has none for this machine, or was not asked.
    ///
    /// # Errors
    /// There is no Java that is new enough.
    pub fn best(&self, server_jre: Option<PathBuf>, needed: u32) -> Result<Java> {
        if let Some(executable) = server_jre {
            return Ok(Java::new(executable, Reason::Server));
        }
        // Of this machine's processor rather than one that it only emulates, and of these the oldest.
        let mut own: Option<((bool, u32), Java)> = None;
        for home in self.homes {
            let Some((version, arch)) = agents_own(home.variable) else { continue };
            let rank = (arch != self.arch, version);
            if version >= needed && own.as_ref().is_none_or(|(best, _)| rank < *best) {
                own = home.java(Reason::Agent(home.variable.to_owned())).map(|java| (rank, java)).or(own);
            }
        }
        let mut too_old = None;
        let candidates = own
            .map(|(_, java)| java)
            .into_iter()
            .chain(self.home(JAVA_HOME).and_then(|home| home.java(Reason::JavaHome)))
            .chain(self.in_path(JAVA).map(|java| Java::new(java, Reason::Path)));
        for java in candidates {
            if java.is_new_enough(needed) {
                return Ok(java);
            }
            too_old = too_old.or(Some(java));
        }
        Err(self.none_found(needed, too_old))
    }

    fn home(&self, variable: &str) -> Option<&JavaHome<'_>> {
        self.homes.iter().find(|home| home.variable.eq_ignore_ascii_case(variable))
    }

    /// The value of `sonar.scanner.javaExePath`: a path, or a name to look for.
    fn executable(&self, named: &str) -> Result<PathBuf> {
        let is_name = !named.contains(['/', '\\']);
        let found = if is_name { self.in_path(named) } else { Some(absolute(PathBuf::from(named))) };
        found.filter(|java| is_executable(java)).ok_or_else(|| {
            Error::new(format!("sonar.scanner.javaExePath names {named}, which is no executable file"))
                .hint("Correct the property, or leave it out to use the server's own Java.")
        })
    }

    fn in_path(&self, name: &str) -> Option<PathBuf> {
        first_in_path(self.path, name)
    }

    fn what_is_set(&self) -> String {
        let usable = self.homes.iter().filter_map(|home| {
            let version = home.java(Reason::Path)?.version.unwrap_or_else(|| "of unknown version".to_owned());
            Some(format!("{} ({version})", home.variable))
        });
        let usable: Vec<_> = usable.collect();
        match usable.as_slice() {
            [] => "No variable of this agent names a Java; use `jdkversion: auto`.".to_owned(),
            usable => format!("Set are {}; or use `jdkversion: auto`.", usable.join(", ")),
        }
    }

    fn none_found(&self, needed: u32, too_old: Option<Java>) -> Error {
        let server = if self.skip_provisioning {
            "sonar.scanner.skipJreProvisioning rules out the server's own"
        } else {
            "the server offers none for this machine"
        };
        let others = match (too_old, self.home(JAVA_HOME)) {
            (Some(java), _) => {
                let version = java.version.unwrap_or_default();
                format!("and {} is Java {version}, which is too old", java.executable.display())
            }
            (None, Some(home)) => {
                format!("JAVA_HOME ({}) has no bin/{JAVA}, and PATH holds no {JAVA}", home.folder.display())
            }
            (None, None) => format!("JAVA_HOME is not set, and PATH holds no {JAVA}"),
        };
        Error::new(format!(
            "this analysis needs Java {needed} or newer, and there is none: {server}, {others}"
        ))
        .hint(format!(
            "Install Java {needed} on the agent, or name one with the property sonar.scanner.javaExePath."
        ))
    }
}

impl Java {
    fn new(executable: PathBuf, reason: Reason) -> Self {
        Self { version: version(&executable), executable, reason }
    }

    /// A Java of unknown version gets the benefit of the doubt.
    fn is_new_enough(&self, needed: u32) -> bool {
        self.version.as_deref().and_then(feature).is_none_or(|version| version >= needed)
    }
}

impl Java {
    /// The folder that `JAVA_HOME` names.
    pub fn home(&self) -> Option<&Path> {
        self.executable.parent()?.parent()
    }
}

impl fmt::Display for Java {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        write!(f, "Using Java{version}, ")?;
        match &self.reason {
            Reason::Property => f.write_str("as sonar.scanner.javaExePath says"),
            Reason::Input(variable) => write!(f, "as jdkversion {variable} says"),
            Reason::Server => f.write_str("the one the server provides"),
            Reason::Agent(variable) => write!(f, "the oldest of the agent's that is new enough ({variable})"),
            Reason::JavaHome => f.write_str("the one of JAVA_HOME"),
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
