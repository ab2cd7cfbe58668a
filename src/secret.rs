//! Values that must never be printed.

use std::fmt;

/// A token or password. `Debug` prints `***`; there is no `Display`; [`Secret::expose`] is the one,
/// greppable way to its text.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The text itself: for the Authorization header, a child's standard input, and the agent's
    /// secret variables. Nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_the_text() {
        assert_eq!(format!("{:?}", Secret::new("squ_1")), "***");
        assert_eq!(Secret::new("squ_1").expose(), "squ_1");
    }
}
