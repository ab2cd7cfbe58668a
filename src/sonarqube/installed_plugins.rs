//! The plugins that a server's scanner engine fetches from it.

use super::client::SonarQube;
use super::error::Error;
use crate::analysis::Plugin;
use serde::Deserialize;

#[derive(Deserialize)]
struct PluginsJson {
    plugins: Vec<PluginJson>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PluginJson {
    key: Option<String>,
    /// MD5.
    hash: Option<String>,
    required_for_languages: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct LanguagesJson {
    languages: Vec<LanguageJson>,
}

#[derive(Deserialize)]
struct LanguageJson {
    key: Option<String>,
}

impl SonarQube {
    /// The plugins that analyses may need.
    ///
    /// Contract: observed on SonarQube 10.7 and 26.9, where the engine asks the same.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn plugins(&self) -> Result<Vec<Plugin>, Error> {
        let answer = self.json::<PluginsJson>(self.url("api/plugins/installed", &[])).await?;
        let plugin = |plugin: PluginJson| {
            let (key, md5) = plugin.key.zip(plugin.hash)?;
            let url = self.url("api/plugins/download", &[("plugin", &key)]);
            Some(Plugin { key, md5, url, languages: plugin.required_for_languages.unwrap_or_default() })
        };
        Ok(answer.value.plugins.into_iter().filter_map(plugin).collect())
    }

    /// Keys of the languages that the server knows.
    ///
    /// # Errors
    /// As [`Error`].
    pub async fn languages(&self) -> Result<Vec<String>, Error> {
        let answer = self.json::<LanguagesJson>(self.url("api/languages/list", &[])).await?;
        Ok(answer.value.languages.into_iter().filter_map(|language| language.key).collect())
    }
}
