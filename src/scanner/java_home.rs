//! The variables of an agent that name homes of Java.

use super::java::{Java, Reason};
use crate::process::is_executable;
use std::path::{Path, PathBuf};

/// The file name of the Java executable.
pub(super) const JAVA: &str = if cfg!(windows) { "java.exe" } else { "java" };

/// The variable that names the machine's default Java.
pub(super) const JAVA_HOME: &str = "JAVA_HOME";

/// A variable that names the home of a Java: `JAVA_HOME`, or `JAVA_HOME_21_X64` and its like, which
/// agents set for each JDK they find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JavaHome<'a> {
    /// Its name, in upper case.
    pub variable: &'a str,
    /// Its value.
    pub folder: &'a Path,
}

impl<'a> JavaHome<'a> {
    /// Finds them among variables with upper-case names.
    pub fn among(variables: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Self> {
        variables
            .map(|(variable, folder)| Self { variable, folder: Path::new(folder) })
            .filter(|home| home.variable == JAVA_HOME || home.version_and_arch().is_some())
            .collect()
    }

    /// Version and processor in a name such as `JAVA_HOME_21_X64`; `None` for `JAVA_HOME` itself.
    pub(super) fn version_and_arch(&self) -> Option<(u32, &'static str)> {
        let (version, arch) = self.variable.strip_prefix("JAVA_HOME_")?.split_once('_')?;
        let arch = match arch {
            "X64" => "x64",
            "ARM64" | "AARCH64" => "aarch64",
            "X86" => "x86",
            _ => return None,
        };
        Some((version.parse().ok()?, arch))
    }

    /// The Java in this home, if there is one.
    pub(super) fn java(&self, reason: Reason) -> Option<Java> {
        let executable = self.folder.join("bin").join(JAVA);
        is_executable(&executable).then(|| Java::new(absolute(executable), reason))
    }
}

/// `path` from the root, or as it is where the current folder is unknown.
pub(super) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
