//! The secrets of an analysis beside its token: the content of the job variable [`AnalysisId::secrets_variable`].
//!
//! [`AnalysisId::secrets_variable`]: super::AnalysisId::secrets_variable

use super::Properties;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What the record of an analysis must not hold.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnalysisSecrets {
    /// Secret properties, `sonar.password` among them where a password is used.
    pub properties: Properties,
    /// Where the archive of SonarScanner CLI is, if its address may hold a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scanner_archive: Option<String>,
}

impl AnalysisSecrets {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.scanner_archive.is_none()
    }

    /// Each secret value, to be hidden in logs.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.properties.iter().map(|(_, value)| value).chain(self.scanner_archive.as_deref())
    }
}

impl fmt::Debug for AnalysisSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
