//! `sonar.*` properties: ordered and redacted.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Analysis properties, sorted by key. `Debug` hides the values of those whose names say that they hold a secret.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// The value of `key`, as it was set.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Whether `key` is set to `true`, in any case.
    pub fn is_true(&self, key: &str) -> bool {
        self.value(key).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
    }

    /// Sets `key`.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.insert(key.into(), value.into());
    }

    /// Sets `key` unless it is set.
    pub fn set_default(&mut self, key: &str, value: impl Into<String>) {
        self.0.entry(key.to_owned()).or_insert_with(|| value.into());
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// Adds `other`, which wins.
    pub fn extend(&mut self, other: &Self) {
        self.0.extend(other.iter().map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    /// Keys and values in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Those whose keys begin with `prefix`, without it.
    #[must_use]
    pub fn below(&self, prefix: &str) -> Self {
        let own = self.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?, value)));
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// Takes out all whose name says that they hold a secret.
    pub fn take_secrets(&mut self) -> Self {
        let (secret, plain) = std::mem::take(&mut self.0).into_iter().partition(|(key, _)| is_secret(key));
        self.0 = plain;
        Self(secret)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, String)> for Properties {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// Whether the name of a property says that its value is a secret.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key == "sonar.login"
        || key.ends_with(".secured")
        || ["password", "passphrase", "secret", "token"].iter().any(|word| key.ends_with(word))
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |(key, value)| (key, if is_secret(key) { "***" } else { value });
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_property_tells_a_secret() {
        for key in
            ["sonar.token", "sonar.login", "sonar.password", "sonar.scanner.proxyPassword", "x.secured"]
        {
            assert!(is_secret(key), "{key}");
        }
        for key in ["sonar.projectKey", "sonar.tokenizer", "sonar.sources"] {
            assert!(!is_secret(key), "{key}");
        }
        let pairs = [("sonar.token", "squ_1"), ("sonar.login", "squ_2"), ("sonar.sources", "src")];
        let properties: Properties =
            pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).into_iter().collect();
        let shown = format!("{properties:?}");
        assert!(!shown.contains("squ_") && shown.contains("src"), "{shown}");
    }
}
