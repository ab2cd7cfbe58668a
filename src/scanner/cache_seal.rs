//! What vouches for files of a cache that builds before this one could write.

use crate::http;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use std::fmt;

/// Seals notes about files: HMAC-SHA256, keyed by the token of the service connection, which builds that don't have that
/// connection lack. A build that has it can seal what it likes, and could as well send the server any analysis.
#[derive(Clone)]
pub struct CacheSeal {
    mac: Hmac<Sha256>,
    id: String,
}

impl CacheSeal {
    /// `secret` must be one that nobody can guess, such as a token, because the seals lie where others can read them: no
    /// password.
    pub fn new(secret: &Secret) -> Self {
        let mut key = [0; 64];
        key[..32].copy_from_slice(&Sha256::digest(format!("sonar-azdo cache\0{}", secret.expose())));
        let mac = Hmac::<Sha256>::new(&key.into());
        let id = http::hex(&mac.clone().chain_update("id").finalize().into_bytes()[..4]);
        Self { mac, id }
    }

    /// Part of the names of sealed notes, so that those of several connections lie beside each other.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The note `text` about `what`, its seal in the last line. `text` ends with a line's end.
    pub(super) fn seal(&self, what: &str, text: &str) -> String {
        let seal = self.over(what, text).finalize().into_bytes();
        format!("{text}{}", http::hex(&seal))
    }

    /// The note about `what`, if the seal below it is right.
    pub(super) fn unseal<'a>(&self, what: &str, sealed: &'a str) -> Option<&'a str> {
        let (text, seal) = sealed.split_at_checked(sealed.len().checked_sub(64)?)?;
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let seal: Option<Vec<u8>> =
            seal.as_bytes().chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect();
        self.over(what, text).verify_slice(&seal?).ok().map(|()| text)
    }

    fn over(&self, what: &str, text: &str) -> Hmac<Sha256> {
        self.mac.clone().chain_update(what).chain_update([0]).chain_update(text)
    }
}

impl fmt::Debug for CacheSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_what_it_was_made_for_alone() {
        let seal = CacheSeal::new(&Secret::new("squ_1"));
        let sealed = seal.seal("java", "a 1\n");
        assert_eq!(seal.unseal("java", &sealed), Some("a 1\n"));
        assert_eq!(seal.unseal("another", &sealed), None);
        assert_eq!(seal.unseal("java", &sealed.replace("a 1", "a 2")), None);
        assert_eq!(CacheSeal::new(&Secret::new("squ_2")).unseal("java", &sealed), None);
        assert_ne!(CacheSeal::new(&Secret::new("squ_2")).id(), seal.id());
        let end = sealed.len();
        for damaged in ["", "a 1\n", &sealed[1..], &sealed[..end - 1], &format!("{}ü", &sealed[..end - 2])] {
            assert_eq!(seal.unseal("java", damaged), None, "{damaged:?}");
        }
        assert_eq!(format!("{seal:?}"), "***");
    }
}
