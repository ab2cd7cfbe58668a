//! Facts about a SonarQube server.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What SonarPrepare learnt about the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerFacts {
    /// Server or Cloud.
    pub kind: ServerKind,
    /// Its version. Cloud answers a number that says nothing about its functions: ask `kind` first.
    pub version: ServerVersion,
    /// Its edition, if the server tells it.
    pub edition: Option<Edition>,
    /// Whether it analyses branches and pull requests.
    pub branch_support: bool,
}

/// The two kinds of SonarQube.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ServerKind {
    /// SonarQube Server or Community Build.
    Server,
    /// SonarQube Cloud.
    Cloud,
}

/// Editions as `api/navigation/global` spells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Community Build (Community Edition before 24.12).
    Community,
    /// Developer Edition.
    Developer,
    /// Enterprise Edition.
    Enterprise,
    /// Data Center Edition.
    Datacenter,
}

impl Edition {
    /// Reads the server's spelling; `None` for an edition that is not known.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "community" => Self::Community,
            "developer" => Self::Developer,
            "enterprise" => Self::Enterprise,
            "datacenter" => Self::Datacenter,
            _ => return None,
        })
    }
}

impl ServerFacts {
    /// The product's name for people.
    pub fn product(&self) -> &'static str {
        match (self.kind, self.edition) {
            (ServerKind::Cloud, _) => "SonarQube Cloud",
            (ServerKind::Server, Some(Edition::Community)) => "SonarQube Community Build",
            (ServerKind::Server, _) => "SonarQube Server",
        }
    }

    /// Whether the server hands out its own scanner engine and JRE: Cloud, and Server from 10.6 on.
    pub fn has_engine_provisioning(&self) -> bool {
        self.kind == ServerKind::Cloud || self.version.at_least(10, 6)
    }

    /// The oldest Java that can analyse for this server, by its documentation. It counts only if there is no scanner engine
    /// to ask.
    pub fn oldest_java(&self) -> u32 {
        if self.kind == ServerKind::Cloud || self.version.at_least(26, 1) {
            21
        } else if self.version.at_least(10, 4) {
            17
        } else {
            11
        }
    }

    /// The property that carries the token: `sonar.token` from 10.0 on, `sonar.login` before.
    pub fn token_property(&self) -> &'static str {
        if self.kind == ServerKind::Cloud || self.version.at_least(10, 0) {
            "sonar.token"
        } else {
            "sonar.login"
        }
    }
}

/// A version of SonarQube, such as `10.7.0.96327`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerVersion {
    text: String,
    major: u32,
    minor: u32,
    patch: u32,
}

impl ServerVersion {
    /// The oldest version this extension works with.
    pub const OLDEST: (u32, u32) = (8, 9);

    /// Reads a version; `None` for any other text, such as a page of HTML.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 64 || text.contains(char::is_whitespace) {
            return None;
        }
        let numbers = text.split(['-', '+']).next()?;
        let mut parts = numbers.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next().map_or(Some(0), |part| part.parse().ok())?;
        if !parts.all(|part| part.parse::<u64>().is_ok()) {
            return None;
        }
        Some(Self { text: text.to_owned(), major, minor, patch })
    }

    /// Whether it is this version or newer.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }

    /// Three numbers, as the established extension writes them: `26.9.0` for `26.9.0.129388`.
    pub fn three_numbers(&self) -> String {
        format!("{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text in a record that is not the version of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a version of SonarQube")]
pub struct NotAVersion(String);

impl TryFrom<String> for ServerVersion {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(NotAVersion(text))
    }
}

impl From<ServerVersion> for String {
    fn from(version: ServerVersion) -> Self {
        version.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_compared() {
        for (text, expected) in [
            ("26.9.0.129388", Some("26.9.0")),
            ("10.7", Some("10.7.0")),
            ("9.9.8.100196\n", Some("9.9.8")),
            ("10.6-SNAPSHOT", Some("10.6.0")),
            ("8", None),
            ("<html>10.7</html>", None),
            ("4.0.0 or so", None),
            ("10.x", None),
            ("", None),
        ] {
            let version = ServerVersion::parse(text);
            assert_eq!(version.map(|v| v.three_numbers()).as_deref(), expected, "{text}");
        }
        let version = ServerVersion::parse("10.7.0.96327").unwrap();
        assert!(
            version.at_least(10, 6)
                && version.at_least(8, 9)
                && !version.at_least(10, 8)
                && !version.at_least(24, 12)
        );
    }
}
