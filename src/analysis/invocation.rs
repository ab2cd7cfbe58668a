//! A child process as a printable value.

use crate::secret::Secret;
use std::fmt;
use std::path::PathBuf;

/// A program to run: what an error message or a debug line shows is what is run.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments. Never a secret.
    pub arguments: Vec<String>,
    /// Working directory.
    pub directory: PathBuf,
    /// Variables set for the child beside those it inherits.
    pub environment: Vec<(String, String)>,
    /// Secret variables set for the child.
    pub secret_environment: Vec<(String, Secret)>,
    /// What is written to its standard input; nothing: it reads end of file at once.
    pub stdin: Option<Secret>,
}

impl fmt::Display for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program.display())?;
        for argument in &self.arguments {
            if argument.is_empty() || argument.contains([' ', '"', '\'']) {
                write!(f, " {argument:?}")?;
            } else {
                write!(f, " {argument}")?;
            }
        }
        Ok(())
    }
}
