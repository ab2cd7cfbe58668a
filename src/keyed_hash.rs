//! HMAC-SHA256: proof that whoever wrote a file knew a secret.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// HMAC-SHA256 with one key.
#[derive(Clone)]
pub(crate) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    /// The hash whose key is made of all `parts`. The first one says what the hash is for, so that no two uses of a secret
    /// share a key.
    pub(crate) fn with_key(parts: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // With its length, so that no two lists of parts make one key.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        // HMAC pads a key to the length of a block.
        let mut key = [0; 64];
        key[..32].copy_from_slice(&digest.finalize());
        Self(Hmac::new(&key.into()))
    }

    /// The hash of `content` under the name `name`, which holds no NUL.
    pub(crate) fn bytes(&self, name: &str, content: &[u8]) -> [u8; 32] {
        self.over(name, content).finalize().into_bytes().into()
    }

    /// The same in Base64.
    pub(crate) fn of(&self, name: &str, content: &[u8]) -> String {
        BASE64.encode(self.bytes(name, content))
    }

    /// Whether `hash`, in Base64, is that of `content` under `name`. Compares in constant time: how long it takes does not
    /// tell how much of a forged hash is right.
    pub(crate) fn fits(&self, name: &str, content: &[u8], hash: &str) -> bool {
        BASE64.decode(hash.trim()).is_ok_and(|hash| self.over(name, content).verify_slice(&hash).is_ok())
    }

    fn over(&self, name: &str, content: &[u8]) -> Hmac<Sha256> {
        self.0.clone().chain_update(name).chain_update([0]).chain_update(content)
    }
}

/// The key is a secret.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_fits_only_its_key_name_and_content() {
        let hash = KeyedHash::with_key(&["a", "bc"]);
        let text = hash.of("name", b"content");
        assert!(hash.fits("name", b"content", &format!("{text}\n")));
        assert!(!hash.fits("name", b"another", &text));
        assert!(!hash.fits("another", b"content", &text));
        assert!(!KeyedHash::with_key(&["ab", "c"]).fits("name", b"content", &text));
        for damaged in ["", &text[..40], &text[1..], "no Base64"] {
            assert!(!hash.fits("name", b"content", damaged), "{damaged:?}");
        }
        assert_eq!(format!("{hash:?}"), "***");
    }
}
