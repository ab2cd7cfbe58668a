//! What a server offers for download so that it can be analysed with its own scanner engine.

use url::Url;

/// A file to provision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// Its name, as the caches of all scanners store it. Never with a path separator.
    pub file_name: String,
    /// Lower-case hex SHA-256.
    pub sha256: String,
    /// Where it is: on the server (credentials needed) or elsewhere (none sent).
    pub url: Url,
}

/// A Java runtime to provision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jre {
    /// The archive: `.tar.gz` or `.zip`.
    pub artifact: Artifact,
    /// Path of the java executable inside it, with `/`.
    pub java_path: String,
}
