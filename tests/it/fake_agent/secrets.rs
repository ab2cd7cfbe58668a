//! Finds secrets in places where nobody may see them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::path::Path;

/// Tokens that a test has given to a job, in every encoding that a thief could use.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watch(Vec<String>);

impl Watch {
    pub(crate) fn add(&mut self, token: &str) {
        self.0.push(token.to_owned());
        for clear in [token.to_owned(), format!("{token}:")] {
            // The last letters of Base64 depend on what follows.
            let encoded = BASE64.encode(clear);
            self.0.push(encoded[..encoded.len() - 4].to_owned());
        }
    }

    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.0.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// Files below `folder` that hold a secret.
    pub(crate) fn files_below(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                found.extend(self.files_below(&path));
            } else if path.is_file() // a pipe would never end
                && self.is_in(&String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()))
            {
                found.push(path.display().to_string());
            }
        }
        found
    }
}

#[test]
fn a_leaked_token_is_found_in_every_encoding() {
    let mut watch = Watch::default();
    watch.add("squ_0123456789");
    for text in [
        "x squ_0123456789 y".to_owned(),
        format!("Basic {}", BASE64.encode("squ_0123456789:")),
        BASE64.encode("squ_0123456789:password"),
    ] {
        assert!(watch.is_in(&text), "{text}");
    }
    assert!(!watch.is_in("squ_987654321"));
}
