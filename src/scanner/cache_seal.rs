//! Vouches for files of a cache that earlier builds could write to.

use crate::http;
use crate::keyed_hash::KeyedHash;
use crate::secret::Secret;

/// Seals notes about files with HMAC-SHA256, keyed by the token of the service connection, which builds without that
/// connection lack. A build that has it can seal anything, but it could just as well send the server any analysis.
#[derive(Debug, Clone)]
pub struct CacheSeal {
    hash: KeyedHash,
    id: String,
}

impl CacheSeal {
    /// `secret` must be one that nobody can guess, such as a token and unlike a password: others can read the seals, and
    /// could try guesses against them.
    pub fn new(secret: &Secret) -> Self {
        let hash = KeyedHash::with_key(&["cache", secret.expose()]);
        let id = http::hex(&hash.bytes("id", b"")[..4]);
        Self { hash, id }
    }

    /// Part of the names of sealed notes, so that those of several connections lie beside each other.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The note `text` about `what`, with its seal as the last line. `text` is empty or ends with a line break.
    pub(super) fn seal(&self, what: &str, text: &str) -> String {
        format!("{text}{}", self.hash.of(what, text.as_bytes()))
    }

    /// The note about `what`, if its seal is right.
    pub(super) fn unseal<'a>(&self, what: &str, sealed: &'a str) -> Option<&'a str> {
        let (text, seal) = sealed.split_at(sealed.rfind('\n').map_or(0, |end| end + 1));
        self.hash.fits(what, text.as_bytes(), seal).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_only_with_the_seal_that_was_made_for_it() {
        let seal = CacheSeal::new(&Secret::new("squ_1"));
        let sealed = seal.seal("java", "a 1\n");
        assert_eq!(seal.unseal("java", &sealed), Some("a 1\n"));
        assert_eq!(seal.unseal("java", &seal.seal("java", "")), Some(""));
        assert_eq!(seal.unseal("another", &sealed), None);
        assert_eq!(seal.unseal("java", &sealed.replace("a 1", "a 2")), None);
        assert_eq!(CacheSeal::new(&Secret::new("squ_2")).unseal("java", &sealed), None);
        assert_ne!(CacheSeal::new(&Secret::new("squ_2")).id(), seal.id());
        let end = sealed.len();
        for damaged in ["", "a 1\n", &sealed[1..], &sealed[..end - 1], &format!("{}ü", &sealed[..end - 2])] {
            assert_eq!(seal.unseal("java", damaged), None, "{damaged:?}");
        }
        assert!(!format!("{seal:?}").contains("squ_1"));
    }
}
