//! Reads one settings file, and adds what it sets.

use super::source_tree::{SourceTree, without_dots};
use crate::analysis::java_properties::{self, Assignment, trimmed};
use crate::analysis::precedence::Precedence;
use crate::analysis::property_origin::without_module;
use crate::analysis::{FileLine, PropertySource};
use crate::context::is_of_scope;
use crate::error::{Error, Result};
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// The name of a settings file that nobody names.
pub(crate) const FILE: &str = "sonar-project.properties";

/// Far above any settings file.
const LARGEST: u64 = 1 << 20;

impl SourceTree {
    /// Adds what a settings file sets; `prefix` is the module's.
    pub(super) fn add(
        &self,
        precedence: &mut Precedence,
        source: PropertySource,
        prefix: &str,
        file: &Path,
        entries: &[Assignment],
    ) {
        let file = self.shown(file);
        for Assignment { key, value, line } in entries {
            // Of a branch or a pull request nothing says nothing.
            if value.is_empty() && is_of_scope(without_module(key)) {
                continue;
            }
            let at = FileLine { file: file.clone(), line: *line };
            precedence.set(source, &format!("{prefix}{key}"), value, Some(at));
        }
    }

    /// Reads a settings file; `None` where there is none.
    pub(super) fn load(&self, file: &Path) -> Result<Option<Vec<Assignment>>> {
        let wrong = |what: String, hint: &str| {
            Err(Error::new(format!("the settings file {} {what}", file.display())).hint(hint.to_owned()))
        };
        let unreadable = |error: std::io::Error| {
            Error::new(format!("the settings file {} could not be read: {error}", file.display()))
        };
        let metadata = match std::fs::metadata(file) {
            Ok(metadata) => metadata,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            Err(error) => return Err(unreadable(error)),
        };
        // Reading another kind may never end.
        if !metadata.is_file() {
            return wrong(
                "is not a regular file".into(),
                "Replace it by a file, or name another file in configFile.",
            );
        }
        if without_dots(file).starts_with(&self.working_directory) && !self.hold(file) {
            return wrong(
                "is a link that leads out of the sources".into(),
                "Replace it by a file, or set configFile to the target of the link.",
            );
        }
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > LARGEST {
            return wrong("is larger than 1 MiB".into(), "Shorten it.");
        }
        let text = match java_properties::decode(&bytes) {
            Ok(text) => text,
            Err(java_properties::NotText { line, encoding }) => {
                let what =
                    format!("is not UTF-8 (line {line}), and its encoding {encoding} is not supported");
                return wrong(what, "Save it as UTF-8, or write letters outside of ASCII as \\uXXXX.");
            }
        };
        let entries = java_properties::assignments(&text).into_iter();
        Ok(Some(
            entries.map(|entry| Assignment { value: trimmed(&entry.value).to_owned(), ..entry }).collect(),
        ))
    }
}
