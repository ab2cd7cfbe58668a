//! `${name}` and `${env.NAME}` in settings files.
//!
//! Observed of SonarScanner CLI 5.0 and 8.1: a name is made of letters, digits, `_` and `.`; it stands for the value of the
//! property of that name, after `env.` for an environment variable, the case of which counts; what is unknown is
//! empty; what is put in is not searched again, but a property's own value is resolved first; a loop is an error; all else
//! that looks alike (`${ a }`, `${a:-b}`, `${a`) stays as it is.

use std::fmt;

/// A property whose value leads back to itself: the names on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop(pub Vec<String>);

impl fmt::Display for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.join(" -> "))
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// Text as it is.
    Text(&'a str),
    /// Text of a settings file, in which names stand for something again.
    Template(&'a str),
    /// Nothing is known of it.
    Unknown,
}

/// Replaces each `${name}` in `text` by what `look_up` says of the name.
///
/// # Errors
/// A name leads back to itself.
pub fn expand<'a>(text: &str, look_up: &dyn Fn(&str) -> Meaning<'a>) -> Result<String, Loop> {
    expand_within(text, look_up, &mut Vec::new())
}

fn expand_within<'a>(
    text: &str,
    look_up: &dyn Fn(&str) -> Meaning<'a>,
    way: &mut Vec<String>,
) -> Result<String, Loop> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        let inner = &from[2..];
        let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')));
        match end {
            Some(end) if end > 0 && inner[end..].starts_with('}') => {
                let name = &inner[..end];
                match look_up(name) {
                    Meaning::Text(value) => expanded.push_str(value),
                    Meaning::Unknown => {}
                    Meaning::Template(value) => {
                        let is_loop = way.iter().any(|seen| seen == name);
                        way.push(name.to_owned());
                        if is_loop {
                            return Err(Loop(way.clone()));
                        }
                        expanded.push_str(&expand_within(value, look_up, way)?);
                        way.pop();
                    }
                }
                rest = &inner[end + 1..];
            }
            _ => {
                // One letter on: `$${a}` holds a name.
                expanded.push('$');
                rest = &from[1..];
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The name of the property by which [`literal`] writes a dollar sign.
pub const DOLLAR: &str = "sonar.azdo.dollar";

/// `text` as SonarScanner CLI must be given it, so that it finds no names in it: [`DOLLAR`] is to be `$` then. A branch may
/// be called `${sonar.token}`.
pub fn literal(text: &str) -> String {
    text.replace("${", &format!("${{{DOLLAR}}}{{"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(name: &str) -> Meaning<'static> {
        match name {
            "key" => Meaning::Template("k1"),
            "pipeline" => Meaning::Text("${key}"),
            "version" => Meaning::Template("${key}-${nothing}-${env.NOPE}"),
            "env.NAME" => Meaning::Text("Na me  "),
            "a" => Meaning::Template("${b}"),
            "b" => Meaning::Template("x${a}"),
            DOLLAR => Meaning::Text("$"),
            _ => Meaning::Unknown,
        }
    }

    /// What SonarScanner CLI makes of the same.
    #[test]
    fn as_the_cli_does() {
        for (text, expected) in [
            ("plain $HOME a$b", "plain $HOME a$b"),
            ("${env.NAME} x", "Na me   x"),
            ("${version}", "k1--"),
            ("${env.name}", ""),
            ("$HOME $${nothing} ${ a }", "$HOME $ ${ a }"),
            ("${x${y}}", "${x}"),
            ("${abc", "${abc"),
            ("${foo:-bar}", "${foo:-bar}"),
            ("${}", "${}"),
            ("${pipeline}", "${key}"),
            ("${key}${key}", "k1k1"),
            ("$", "$"),
        ] {
            assert_eq!(expand(text, &look_up).as_deref(), Ok(expected), "{text}");
        }
        assert_eq!(expand("${a}", &look_up).unwrap_err().to_string(), "a -> b -> a");
    }

    #[test]
    fn what_is_literal_stays_as_it_is() {
        for text in ["${sonar.token}", "x${env.A}$${b}", "$${{a}}", "${${key}}", "a$b {c}"] {
            assert_eq!(expand(&literal(text), &look_up).as_deref(), Ok(text));
        }
    }
}
