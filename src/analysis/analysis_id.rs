//! The identity of an analysis, which its records and its secret variables are named by.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Identity of one analysis: 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AnalysisId(String);

impl AnalysisId {
    /// An id made of 16 random bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// Reads an id; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let valid =
            text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        valid.then(|| Self(text.to_owned()))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Name of the secret job variable that holds this analysis' token.
    pub fn token_variable(&self) -> String {
        format!("SONAR_AZDO_TOKEN_{}", self.0.to_ascii_uppercase())
    }

    /// The analysis whose token the job variable `name` holds; `None` for any other variable.
    pub fn of_token_variable(name: &str) -> Option<Self> {
        Self::parse(&name.strip_prefix("SONAR_AZDO_TOKEN_")?.to_ascii_lowercase())
    }

    /// Name of the secret job variable that holds this analysis' other secret properties, as JSON.
    pub fn secrets_variable(&self) -> String {
        format!("SONAR_AZDO_SECRETS_{}", self.0.to_ascii_uppercase())
    }
}

impl fmt::Display for AnalysisId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is not an analysis id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no analysis id")]
pub struct InvalidAnalysisId(String);

impl TryFrom<String> for AnalysisId {
    type Error = InvalidAnalysisId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or(InvalidAnalysisId(text))
    }
}

impl From<AnalysisId> for String {
    fn from(id: AnalysisId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        let id = AnalysisId::from_bytes([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255]);
        assert_eq!(id.as_str(), "000102030405060708090a0b0c0d0eff");
        assert_eq!(AnalysisId::parse(id.as_str()), Some(id.clone()));
        assert_eq!(id.token_variable(), "SONAR_AZDO_TOKEN_000102030405060708090A0B0C0D0EFF");
        assert_eq!(AnalysisId::of_token_variable(&id.token_variable()), Some(id.clone()));
        assert_eq!(AnalysisId::of_token_variable("SONAR_AZDO_TOKEN_1"), None);
        assert_eq!(AnalysisId::of_token_variable(&id.secrets_variable()), None);
        for text in ["", "../../../etc/passwd", "000102030405060708090A0B0C0D0EFF", "bin"] {
            assert_eq!(AnalysisId::parse(text), None, "{text}");
        }
    }
}
