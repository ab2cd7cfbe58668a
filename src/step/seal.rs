//! Seals records, so that a step which lacks the analysis' token changes none unnoticed.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// What one analysis' records are sealed with: HMAC-SHA256, keyed by the credentials of its service connection.
#[derive(Clone)]
pub(super) struct Seal(Hmac<Sha256>);

impl Seal {
    /// With user name and password both are the key: anybody may know the name.
    pub(super) fn new(token: &Secret, password: Option<&Secret>) -> Self {
        let password = password.map_or("", Secret::expose);
        let mut key = [0; 64];
        key[..32].copy_from_slice(&Sha256::digest(format!("{}\0{password}", token.expose())));
        Self(Hmac::new(&key.into()))
    }

    /// The seal of the file `name` with this content.
    pub(super) fn of(&self, name: &str, content: &[u8]) -> String {
        BASE64.encode(self.over(name, content).finalize().into_bytes())
    }

    /// Whether `seal` is that of the file. How long it takes does not depend on how much of it is right.
    pub(super) fn fits(&self, name: &str, content: &[u8], seal: &str) -> bool {
        BASE64.decode(seal.trim()).is_ok_and(|seal| self.over(name, content).verify_slice(&seal).is_ok())
    }

    fn over(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(name).chain_update([0]).chain_update(content)
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_what_it_was_made_for_alone() {
        let (token, password) = (Secret::new("squ_1"), Secret::new("p"));
        let seal = Seal::new(&token, Some(&password));
        let text = seal.of("prepared.json", b"{}");
        assert!(seal.fits("prepared.json", b"{}", &format!("{text}\n")));
        for (seal, name, content, text) in [
            (&seal, "prepared.json", "{ }", text.as_str()),
            (&seal, "analyzed.json", "{}", &text),
            (&seal, "prepared.json", "{}", ""),
            (&seal, "prepared.json", "{}", &text[..40]),
            (&seal, "prepared.json", "{}", "no Base64"),
            (&Seal::new(&token, None), "prepared.json", "{}", &text),
            (&Seal::new(&Secret::new("squ_2"), Some(&password)), "prepared.json", "{}", &text),
        ] {
            assert!(!seal.fits(name, content.as_bytes(), text), "{name} {content} {text}");
        }
        assert_eq!(format!("{seal:?}"), "***");
    }
}
