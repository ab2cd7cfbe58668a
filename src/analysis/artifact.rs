//! What a server offers for download so that it can be analysed with its own scanner engine.

use serde::{Deserialize, Serialize};
use url::Url;

/// A file to provision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// Its name, as the caches of all scanners store it. Never with a path separator.
    pub file_name: String,
    /// Lower-case hex SHA-256.
    pub sha256: String,
    /// Where it is: on the server (credentials needed) or elsewhere (none sent).
    pub url: Url,
}

/// A Java runtime to provision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Jre {
    /// The archive: `.tar.gz` or `.zip`.
    pub artifact: Artifact,
    /// Path of the java executable inside it, with `/`.
    pub java_path: String,
}

/// A plugin of the server, which its scanner engine fetches when it needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plugin {
    /// Its key, such as `python`.
    pub key: String,
    /// Hex MD5 of its jar.
    pub md5: String,
    /// Where the jar is: on the server.
    pub url: Url,
    /// Keys of the languages it is for. None: each analysis needs it.
    pub languages: Vec<String>,
}

impl Plugin {
    /// Whether an analysis of sources in these languages needs it.
    pub fn is_needed_for(&self, languages: &[&str]) -> bool {
        self.languages.is_empty()
            || self.languages.iter().any(|language| languages.contains(&language.as_str()))
    }
}
