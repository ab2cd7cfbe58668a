//! What the end of the SonarScanner for .NET needs to know of its beginning.

use super::{Artifact, Jre, Properties};
use serde::{Deserialize, Serialize};

/// What the scanner began with, as a part of the record: its end runs with the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Begun {
    /// The executable of the Java that runs the engine.
    pub java: String,
    /// That Java and why it was chosen, in words for the log.
    pub java_choice: String,
    /// The server's Java runtime, where it is that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jre: Option<Jre>,
    /// The jar of the scanner engine; none on a server that provides none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The same as the server offers it; none for a jar that the user brought.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_offer: Option<Artifact>,
    /// Whether engine and Java were in the cache before.
    pub was_cached: bool,
    /// The folder with that cache.
    pub user_home: String,
    /// The properties in the scanner's settings file. No secrets.
    pub settings: Properties,
    /// `Build.BuildUri`: the scanner refuses to end under another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_uri: Option<String>,
    /// `Build.SourcesDirectory`: to the scanner it is the base directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sources_directory: Option<String>,
    /// SHA-256 of the configuration that the scanner left for its end, in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<String>,
}
