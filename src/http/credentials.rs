//! Who sends a request, and to whom that may be shown.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use url::{Origin, Url};

/// How requests prove who sends them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// `Authorization: Basic base64("<token>:")`: SonarQube's oldest form, understood by every version.
    BasicToken(Secret),
    /// User name and password, of connections made before tokens.
    BasicPassword {
        /// The user name.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// `Authorization: Bearer <token>`.
    Bearer(Secret),
}

impl Authentication {
    /// The value of the Authorization header.
    pub(crate) fn header_value(&self) -> Secret {
        match self {
            Self::BasicToken(token) => {
                Secret::new(format!("Basic {}", BASE64.encode(format!("{}:", token.expose()))))
            }
            Self::BasicPassword { user, password } => {
                let pair = format!("{}:{}", user.expose(), password.expose());
                Secret::new(format!("Basic {}", BASE64.encode(pair)))
            }
            Self::Bearer(token) => Secret::new(format!("Bearer {}", token.expose())),
        }
    }
}

/// An [`Authentication`] and the one origin that may see it.
#[derive(Debug, Clone)]
pub struct Credentials {
    origin: Origin,
    authentication: Authentication,
}

impl Credentials {
    /// Credentials for the origin of `base_url` and no other.
    pub(crate) fn new(base_url: &Url, authentication: Authentication) -> Self {
        Self { origin: base_url.origin(), authentication }
    }

    /// The value of the Authorization header.
    pub(super) fn header_value(&self) -> Secret {
        self.authentication.header_value()
    }

    pub(super) fn may_be_sent_to(&self, url: &Url) -> bool {
        self.origin == url.origin() || is_https_upgrade(&self.origin, url)
    }
}

/// The same host, by TLS on the default port instead of without it on the default port.
pub(super) fn is_https_upgrade(origin: &Origin, url: &Url) -> bool {
    matches!((origin, url.origin()),
        (Origin::Tuple(from, host, 80), Origin::Tuple(to, same_host, 443))
            if from == "http" && to == "https" && *host == same_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_go_to_their_origin_and_its_https_twin_only() {
        let url = |text| Url::parse(text).unwrap();
        let token = || Authentication::Bearer(Secret::new("t"));
        for (base, target, allowed) in [
            ("https://sonar.example/x", "https://sonar.example/api", true),
            ("http://sonar.example", "https://sonar.example/api", true),
            ("https://sonar.example", "http://sonar.example/api", false),
            ("https://sonar.example", "https://evil.example/api", false),
            ("https://sonar.example", "https://sonar.example:8443/api", false),
            ("http://sonar.example:9000", "https://sonar.example/api", false),
        ] {
            assert_eq!(
                Credentials::new(&url(base), token()).may_be_sent_to(&url(target)),
                allowed,
                "{base} {target}"
            );
        }
    }

    #[test]
    fn header_values() {
        assert_eq!(
            Authentication::BasicToken(Secret::new("squ_1")).header_value().expose(),
            "Basic c3F1XzE6"
        );
        assert_eq!(Authentication::Bearer(Secret::new("squ_1")).header_value().expose(), "Bearer squ_1");
    }
}
