//! Which project keys SonarQube accepts.

/// The longest key that SonarQube accepts, in characters.
const LONGEST: usize = 400;

/// Why SonarQube refuses a key. `Display` completes "because".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyRefusal {
    /// A character that is neither an ASCII letter nor a digit, `-`, `_`, `.` or `:`.
    #[error("it contains {0:?}")]
    Character(char),
    /// At least one other character is needed.
    #[error("it consists of digits only")]
    DigitsOnly,
    /// It has this many characters, and [`LONGEST`] are allowed.
    #[error("it has {0} characters")]
    TooLong(usize),
}

/// Why SonarQube refuses a key; `None` for one that it accepts.
///
/// Contract: the message of the scanner engine ("Allowed characters are alphanumeric, '-', '_', '.' and ':', with at
/// least one non-digit").
pub(crate) fn refusal(key: &str) -> Option<KeyRefusal> {
    let other = key.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')));
    if let Some(other) = other {
        return Some(KeyRefusal::Character(other));
    }
    if key.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(KeyRefusal::DigitsOnly);
    }
    (key.len() > LONGEST).then_some(KeyRefusal::TooLong(key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_sonarqube_refuses() {
        for key in ["shop", "a:b", "1_", "x.y-z", "9a", "-", &"a".repeat(400)] {
            assert_eq!(refusal(key), None, "{key}");
        }
        for (key, expected) in [
            ("my shop", "it contains ' '"),
            ("a/b", "it contains '/'"),
            ("caf\u{e9}", "it contains '\u{e9}'"),
            ("a\nb", "it contains '\\n'"),
            ("123", "it consists of digits only"),
            (&"a".repeat(401), "it has 401 characters"),
        ] {
            assert_eq!(refusal(key).unwrap().to_string(), expected);
        }
    }
}
