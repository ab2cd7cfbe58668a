//! Keys of projects.

/// The longest key that SonarQube takes.
const LONGEST: usize = 400;

/// Why SonarQube refuses a key, as the end of a sentence; `None` for one that it takes.
///
/// Contract: the message of the scanner engine ("Allowed characters are alphanumeric, '-', '_', '.' and ':', with at
/// least one non-digit").
pub fn refusal(key: &str) -> Option<String> {
    let other = key.chars().find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')));
    if let Some(other) = other {
        return Some(format!("it holds {other:?}"));
    }
    if key.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("it is made of digits alone".into());
    }
    (key.len() > LONGEST).then(|| format!("it has {} characters", key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        for key in ["shop", "a:b", "1_", "x.y-z", "9a", "-", &"a".repeat(400)] {
            assert_eq!(refusal(key), None, "{key}");
        }
        for (key, expected) in [
            ("my shop", "it holds ' '"),
            ("a/b", "it holds '/'"),
            ("caf\u{e9}", "it holds '\u{e9}'"),
            ("a\nb", "it holds '\\n'"),
            ("123", "it is made of digits alone"),
            (&"a".repeat(401), "it has 401 characters"),
        ] {
            assert_eq!(refusal(key).as_deref(), Some(expected));
        }
    }
}
