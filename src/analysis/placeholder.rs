//! `${name}` and `${env.NAME}` in settings files.
//!
//! Observed of SonarScanner CLI 5.0 and 8.1: a name consists of letters, digits, `_` and `.`. It stands for the value of the
//! property of that name, or after `env.` for the environment variable, in exactly this case. An unknown name is empty. The
//! value of a property is resolved before it is put in, and not searched again. A loop is an error. Other text that looks
//! alike (`${ a }`, `${a:-b}`, `${a`) stays as it is.

/// Characters read and names looked up at most, over all values that share a [`Budget`].
const MOST: usize = 1024 * 1024;
/// How many names may stand for each other at most.
const DEEPEST: usize = 64;

/// Why names cannot be replaced. `Display` is a predicate: its subject is the property.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unexpandable {
    /// A property refers to itself, by way of these names.
    #[error("refers to itself: {}", .0.join(" -> "))]
    Loop(Vec<String>),
    /// A file of a few lines can make 2^40 names of one.
    #[error(
        "contains names that stand for more than {MOST} characters, or that refer to each other more than {DEEPEST} times"
    )]
    TooMuch,
}

/// How much may still be read, of one value or of all values that share it.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Budget {
    fn take(&mut self, count: usize) -> Result<(), Unexpandable> {
        self.0 = self.0.checked_sub(count).ok_or(Unexpandable::TooMuch)?;
        Ok(())
    }
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning<'a> {
    /// Text as it is.
    Text(&'a str),
    /// Text of a settings file, whose names are replaced in turn.
    Template(&'a str),
    /// Nothing is known of it.
    Unknown,
}

/// Replaces each `${name}` in `text` by what `look_up` says of the name.
///
/// # Errors
/// A name refers to itself, or `budget` is used up.
pub fn expand<'a>(
    text: &str,
    look_up: &dyn Fn(&str) -> Meaning<'a>,
    budget: &mut Budget,
) -> Result<String, Unexpandable> {
    expand_within(text, look_up, &mut Vec::new(), budget)
}

fn expand_within<'a>(
    text: &str,
    look_up: &dyn Fn(&str) -> Meaning<'a>,
    way: &mut Vec<String>,
    budget: &mut Budget,
) -> Result<String, Unexpandable> {
    budget.take(text.len())?;
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        match name_at(from) {
            Some(name) => {
                expanded.push_str(&value_of(name, look_up, way, budget)?);
                rest = &from[name.len() + "${}".len()..];
            }
            None => {
                // One character on: `$${a}` holds a name.
                expanded.push('$');
                rest = &from[1..];
            }
        }
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The name in a text that begins with `${name}`.
fn name_at(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("${")?;
    let end = inner.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))?;
    let (name, rest) = inner.split_at(end);
    (!name.is_empty() && rest.starts_with('}')).then_some(name)
}

/// What to put in for a name. `way` holds the names whose values are being resolved.
fn value_of<'a>(
    name: &str,
    look_up: &dyn Fn(&str) -> Meaning<'a>,
    way: &mut Vec<String>,
    budget: &mut Budget,
) -> Result<String, Unexpandable> {
    budget.take(1)?;
    let value = match look_up(name) {
        Meaning::Unknown => return Ok(String::new()),
        Meaning::Text(value) => value.to_owned(),
        Meaning::Template(value) => {
            let is_loop = way.iter().any(|seen| seen == name);
            way.push(name.to_owned());
            if is_loop {
                return Err(Unexpandable::Loop(way.clone()));
            }
            if way.len() > DEEPEST {
                return Err(Unexpandable::TooMuch);
            }
            let value = expand_within(value, look_up, way, budget)?;
            way.pop();
            value
        }
    };
    // It is copied once more on each level.
    budget.take(value.len())?;
    Ok(value)
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

    fn expand(text: &str, look_up: &dyn Fn(&str) -> Meaning<'static>) -> Result<String, Unexpandable> {
        super::expand(text, look_up, &mut Budget::default())
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
        assert_eq!(expand("${a}", &look_up).unwrap_err().to_string(), "refers to itself: a -> b -> a");
    }

    #[test]
    fn names_that_stand_for_ever_more_names_take_neither_time_nor_memory() {
        // n1 is n2 twice, n2 is n3 twice, ...; the last is text, or nothing.
        let chain = |length: usize, times: usize, last: &'static str| {
            let of = |number: usize| match number == length {
                true => last.to_owned(),
                false => format!("${{n{}}}", number + 1).repeat(times),
            };
            let values: Vec<String> = (0..=length).map(of).collect();
            let look_up = |name: &str| match name.strip_prefix('n').and_then(|number| number.parse().ok()) {
                Some(number) => {
                    values.get::<usize>(number).map_or(Meaning::Unknown, |value| Meaning::Template(value))
                }
                None => Meaning::Unknown,
            };
            super::expand("${n0}", &look_up, &mut Budget::default())
        };
        assert_eq!(chain(3, 2, "x").as_deref(), Ok("xxxxxxxx"));
        assert_eq!(chain(40, 2, "x"), Err(Unexpandable::TooMuch));
        assert_eq!(chain(40, 2, ""), Err(Unexpandable::TooMuch));
        assert_eq!(chain(50, 1, "x").as_deref(), Ok("x"));
        assert_eq!(chain(50_000, 1, "x"), Err(Unexpandable::TooMuch));
    }

    #[test]
    fn what_is_literal_stays_as_it_is() {
        for text in ["${sonar.token}", "x${env.A}$${b}", "$${{a}}", "${${key}}", "a$b {c}"] {
            assert_eq!(expand(&literal(text), &look_up).as_deref(), Ok(text));
        }
    }
}
