//! Replaces secrets with `***` in every line, as the agent does.

use std::collections::BTreeSet;

/// The agent's masker: values, and the forms of them its encoders know.
#[derive(Debug, Default)]
pub struct Masker(BTreeSet<String>);

impl Masker {
    /// Masks this value from now on.
    pub fn add(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        let json = serde_json::Value::from(value).to_string();
        self.0.insert(value.to_owned());
        self.0.insert(json.trim_matches('"').to_owned());
        self.0.insert(form_urlencoded::byte_serialize(value.as_bytes()).collect());
        self.0.insert(value.replace('\\', "\\\\"));
    }

    /// The text as people see it.
    pub fn mask(&self, text: &str) -> String {
        let mut values: Vec<_> = self.0.iter().collect();
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.into_iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
    }
}

#[test]
fn the_masker_knows_encoded_forms() {
    let mut masker = Masker::default();
    masker.add("a/b\"c");
    assert_eq!(masker.mask("a/b\"c a%2Fb%22c a/b\\\"c d"), "*** *** *** d");
}
