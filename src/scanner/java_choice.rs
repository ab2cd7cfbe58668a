//! Which Java runs an analysis.

use super::java::{Java, Reason};
use super::java_home::{JAVA, JAVA_HOME, JavaHome, absolute};
use crate::error::{Error, Result};
use crate::process::{first_in_path, is_executable};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// What the user asks for and what the machine has. [`JavaChoices::choose`] says which of it counts.
#[derive(Debug, Clone, Default)]
pub struct JavaChoices<'a> {
    /// `sonar.scanner.javaExePath`.
    pub executable: Option<&'a str>,
    /// The task input `jdkversion`: the name of a variable; `None` for `auto`.
    pub named: Option<&'a str>,
    /// The task input `jdkVersionStrict`: the step fails if `named` cannot be used.
    pub strict: bool,
    /// `sonar.scanner.skipJreProvisioning`.
    pub skip_provisioning: bool,
    /// The variables that name Java homes.
    pub homes: Vec<JavaHome<'a>>,
    /// The processor, as [`super::Platform`] names it.
    pub arch: &'a str,
    /// The variable `PATH`.
    pub path: Option<&'a OsStr>,
}

/// A program, and the Java that runs it.
#[derive(Debug, PartialEq, Eq)]
pub struct ChosenJava<P, J> {
    /// The program.
    pub program: P,
    /// The Java.
    pub java: Java,
    /// The server's Java runtime, if that is the Java chosen.
    pub server_jre: Option<J>,
}

impl JavaChoices<'_> {
    /// The Java that runs what `program` provisions. The first of these counts:
    ///
    /// 1. `sonar.scanner.javaExePath`, whatever its version;
    /// 2. the home that `jdkversion` names, if it is new enough;
    /// 3. the server's Java runtime, which `server_jre` provisions;
    /// 4. the oldest Java of the agent in `homes` that is new enough, those of this processor first;
    /// 5. `JAVA_HOME`, then the first `java` in `PATH`, each if it is new enough.
    ///
    /// `needed` tells from the program which Java it needs; nobody asks where the server's runtime is used, which the
    /// server vouches for. Program and runtime are provisioned at once. `server_jre` is not called where it is ruled out,
    /// or while the user's own choice may do.
    ///
    /// # Errors
    /// `javaExePath` names no executable file; `jdkversion` cannot be used and `strict` is set; there is no Java that is
    /// new enough; those of `program` and `server_jre`.
    pub async fn choose<P, J: AsRef<Path>>(
        &self,
        program: impl Future<Output = Result<P>>,
        needed: impl Fn(&P) -> u32,
        server_jre: impl AsyncFn() -> Result<Option<J>>,
    ) -> Result<ChosenJava<P, J>> {
        let server_jre = async || if self.skip_provisioning { Ok(None) } else { server_jre().await };
        let chosen = self.chosen_by_user()?;
        let offered = async || if chosen.is_some() { Ok(None) } else { server_jre().await };
        let (program, mut offered) = tokio::try_join!(program, offered())?;
        if let Some(java) = chosen {
            let needed = needed(&program);
            if java.reason == Reason::Property || java.is_new_enough(needed) {
                return Ok(ChosenJava { program, java, server_jre: None });
            }
            self.reject(format!(
                "jdkversion is {}, which is Java {}, but this analysis needs Java {needed} or newer",
                self.named.unwrap_or_default(),
                java.version.as_deref().unwrap_or_default()
            ))?;
            offered = server_jre().await?;
        }
        let java = match &offered {
            Some(jre) => Java::new(jre.as_ref().to_owned(), Reason::Server),
            None => self.of_machine(needed(&program))?,
        };
        Ok(ChosenJava { program, java, server_jre: offered })
    }

    /// The Java that the user names, of whatever version. A `jdkversion` without a Java is a warning, unless `strict`.
    fn chosen_by_user(&self) -> Result<Option<Java>> {
        if let Some(named) = self.executable.map(str::trim).filter(|named| !named.is_empty()) {
            return Ok(Some(Java::new(self.executable(named)?, Reason::Property)));
        }
        let Some(name) = self.named else { return Ok(None) };
        let Some(home) = self.home(name) else {
            self.reject(format!("jdkversion is {name}, which does not name a Java home on this agent"))?;
            return Ok(None);
        };
        let java = home.java(Reason::Input(home.variable.to_owned()));
        if java.is_none() {
            self.reject(format!("jdkversion is {name}, but {} has no bin/{JAVA}", home.folder.display()))?;
        }
        Ok(java)
    }

    /// What becomes of a `jdkversion` that cannot be used.
    fn reject(&self, problem: String) -> Result<()> {
        if self.strict {
            return Err(Error::new(problem).hint(self.what_is_set()));
        }
        tracing::warn!("{problem}. Another Java is used, as with `jdkversion: auto`");
        Ok(())
    }

    /// The best Java of this machine.
    fn of_machine(&self, needed: u32) -> Result<Java> {
        // A Java for this very processor is better than one that the machine emulates. Of these the oldest one counts.
        let mut best: Option<((bool, u32), Java)> = None;
        for home in &self.homes {
            let Some((version, arch)) = home.version_and_arch() else { continue };
            let rank = (arch != self.arch, version);
            if version >= needed && best.as_ref().is_none_or(|(best, _)| rank < *best) {
                best = home.java(Reason::Agent(home.variable.to_owned())).map(|java| (rank, java)).or(best);
            }
        }
        let mut too_old = None;
        let candidates = best
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

    /// The value of `sonar.scanner.javaExePath`: a path, or a name to look for in `PATH`.
    fn executable(&self, named: &str) -> Result<PathBuf> {
        let is_name = !named.contains(['/', '\\']);
        let found = if is_name { self.in_path(named) } else { Some(absolute(PathBuf::from(named))) };
        found.filter(|java| is_executable(java)).ok_or_else(|| {
            Error::new(format!("sonar.scanner.javaExePath is {named}, which is not an executable file"))
                .hint("Correct the property, or remove it to use the server's Java.")
        })
    }

    fn in_path(&self, name: &str) -> Option<PathBuf> {
        first_in_path(self.path, name)
    }

    fn what_is_set(&self) -> String {
        let usable = self.homes.iter().filter_map(|home| {
            let version = home.java(Reason::JavaHome)?.version;
            let version = version.unwrap_or_else(|| "of unknown version".to_owned());
            Some(format!("{} ({version})", home.variable))
        });
        let usable: Vec<_> = usable.collect();
        match usable.as_slice() {
            [] => "No variable on this agent names a Java home. Use `jdkversion: auto`.".to_owned(),
            usable => {
                format!("This agent has {}. Name one of these, or use `jdkversion: auto`.", usable.join(", "))
            }
        }
    }

    fn none_found(&self, needed: u32, too_old: Option<Java>) -> Error {
        let server = if self.skip_provisioning {
            "sonar.scanner.skipJreProvisioning rules out the server's Java"
        } else {
            "the server offers none for this machine"
        };
        let others = match (too_old, self.home(JAVA_HOME)) {
            (Some(java), _) => {
                let version = java.version.unwrap_or_default();
                format!("and {} is Java {version}, which is too old", java.executable.display())
            }
            (None, Some(home)) => {
                format!("JAVA_HOME ({}) has no bin/{JAVA}, and PATH has no {JAVA}", home.folder.display())
            }
            (None, None) => format!("JAVA_HOME is not set, and PATH has no {JAVA}"),
        };
        Error::new(format!(
            "this analysis needs Java {needed} or newer, but none was found: {server}, {others}"
        ))
        .hint(format!(
            "Install Java {needed} on the agent, or set the property sonar.scanner.javaExePath to the path of one."
        ))
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
