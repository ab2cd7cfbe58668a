//! Java runtimes of a repository. The analyzer for Java takes every library that is called `jrt-fs.jar` for a part of a Java
//! runtime, and loads its classes to read that runtime: they run in the engine, which has the token (observed of SonarQube
//! 10.7; `JrtFileSystemProvider` of the JDK loads it). So no such file of the sources may be among the libraries, whoever
//! names them: a pattern of the pipeline takes in what a pull request adds. What a settings file names may be no such file
//! anywhere, because an earlier build of the agent may have left one.

use super::confine::{before_wildcards, leads_upwards, paths};
use super::source_tree::{BASE_DIR, SourceTree};
use crate::analysis::PropertySource;
use crate::analysis::precedence::Precedence;
use crate::analysis::property_origin::is_java_library;
use crate::error::{Error, Result};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// How the name of such a file ends: the analyzer looks at the end alone.
const RUNTIME: &str = "jrt-fs.jar";

impl SourceTree {
    /// Refuses libraries among which the analyzer would find a Java runtime of the repository.
    ///
    /// # Errors
    /// There is one.
    pub(crate) fn check_java_libraries(&self, precedence: &Precedence, base_dir: &Path) -> Result<()> {
        let properties = precedence.properties();
        // A module that sets none of its own has those of the project, and takes them to be in its own directory.
        let modules = properties.iter().filter(|(key, _)| key.ends_with(BASE_DIR)).map(|(_, value)| value);
        let starts: Vec<_> = modules.map(Path::new).chain([base_dir]).collect();
        for (key, value) in properties.iter().filter(|(key, _)| is_java_library(key)) {
            let is_of_repository = precedence.source(key).is_some_and(PropertySource::is_of_repository);
            for path in paths(value) {
                let (plain, rest) = before_wildcards(&path);
                // What leads upwards behind a wildcard may end anywhere.
                let mut begins: Vec<_> = starts.iter().map(|start| start.join(plain)).collect();
                if leads_upwards(rest) {
                    begins.push(self.working_directory.clone());
                }
                if let Some(found) = begins.iter().find_map(|begin| self.runtime_in(begin, is_of_repository))
                {
                    return Err(Error::new(format!(
                        "{key} includes {}, whose code the analyzer for Java would run with access to the token",
                        self.shown(&found)
                    ))
                    .hint("Remove that file from the sources, or exclude it from the libraries."));
                }
            }
        }
        Ok(())
    }

    /// Such a file at this path or below it, if that lies in the sources or is to be found `anywhere`.
    fn runtime_in(&self, path: &Path, anywhere: bool) -> Option<PathBuf> {
        let counts = |path: &Path| anywhere || self.hold(path);
        if is_runtime(path) && path.exists() && counts(path) {
            return Some(path.to_owned());
        }
        // A walk of its own: the analyzer follows links, and a file that the search passed over would run.
        let mut folders = vec![path.to_owned()];
        let mut seen = HashSet::new();
        while let Some(folder) = folders.pop() {
            let Some(real) = folder.canonicalize().ok().filter(|real| counts(real)) else { continue };
            if is_runtime(&real) {
                return Some(folder);
            }
            // A link may lead to where the search has been.
            if !seen.insert(real.clone()) {
                continue;
            }
            for entry in std::fs::read_dir(&real).into_iter().flatten().flatten() {
                let path = entry.path();
                if is_runtime(&path) {
                    return Some(path);
                }
                if entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_symlink()) {
                    folders.push(path);
                }
            }
        }
        None
    }
}

fn is_runtime(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().to_ascii_lowercase().ends_with(RUNTIME))
}
