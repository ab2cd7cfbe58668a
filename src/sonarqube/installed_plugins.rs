//! The plugins that a server's scanner engine fetches from it.

use super::client::{SonarQube, text};
use super::error::Error;
use crate::analysis::Plugin;
use serde_json::Value;

impl SonarQube {
    /// The plugins that analyses may need.
    ///
    /// Contract: observed on SonarQube 10.7 and 26.9, where the engine asks the same.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn plugins(&self) -> Result<Vec<Plugin>, Error> {
        let answer = self.value(self.url("api/plugins/installed", &[])).await?;
        let plugin = |plugin: &Value| {
            let key = text(plugin, "key")?;
            let languages = plugin.get("requiredForLanguages").and_then(Value::as_array);
            let languages = languages.into_iter().flatten().filter_map(Value::as_str);
            Some(Plugin {
                key: key.to_owned(),
                md5: text(plugin, "hash")?.to_owned(),
                url: self.url("api/plugins/download", &[("plugin", key)]),
                languages: languages.map(str::to_owned).collect(),
            })
        };
        Ok(answer.list("plugins")?.iter().filter_map(plugin).collect())
    }

    /// Keys of the languages that the server knows.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn languages(&self) -> Result<Vec<String>, Error> {
        let answer = self.value(self.url("api/languages/list", &[])).await?;
        let keys = answer.list("languages")?.iter().filter_map(|language| text(language, "key"));
        Ok(keys.map(str::to_owned).collect())
    }
}
