//! The task input `extraProperties`.

use super::property::Properties;
use std::fmt;

/// One `key=value` a line, or properties as they are written on a scanner's command line: `/d:key=value`, `-Dkey=value`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraProperties {
    /// The properties that were read. Of a key given twice the last value counts.
    pub properties: Properties,
    /// Lines that could not be read.
    pub unreadable: Vec<UnreadableLine>,
    /// Lines that were read, but may be meant otherwise.
    pub doubtful: Vec<DoubtfulLine>,
}

/// A line that could not be read. Its text is not kept, because it may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableLine {
    /// Its number, from 1.
    pub number: usize,
    /// The property it seems to be about.
    pub key: Option<String>,
}

/// A line that seems to hold several properties. `Display` is the warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubtfulLine {
    /// Its number, from 1.
    pub number: usize,
    /// The property that was read.
    pub key: String,
    /// The properties that its value seems to set as well.
    pub others: Vec<String>,
}

impl fmt::Display for DoubtfulLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, key, others } = self;
        write!(
            f,
            "Line {number} of extraProperties sets {key} to a value that seems to set {} as well. Write one property per line.",
            others.join(", ")
        )
    }
}

/// What comes before a property on a command line: of the SonarScanner for .NET, and of SonarScanner CLI.
const OPTIONS: [&str; 3] = ["/d:", "-d:", "-D"];

impl ExtraProperties {
    /// Reads the input. A line that starts with `#` is a comment. The first `=` separates key and value, and white space
    /// around both is dropped. `key=` sets an empty value. Quotes around a value without a comma are dropped.
    pub fn parse(text: &str) -> Self {
        let mut extra = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (number, line) = (index + 1, line.trim());
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            for assignment in assignments(line) {
                extra.read(number, &assignment);
            }
        }
        extra
    }

    fn read(&mut self, number: usize, assignment: &str) {
        let assignment = unquoted(assignment.trim());
        let Some((key, value)) = assignment.split_once('=').filter(|(key, _)| is_key(key.trim())) else {
            let start = assignment.split(|c: char| c.is_whitespace() || matches!(c, '=' | ':')).next();
            let key = start.filter(|start| start.starts_with("sonar.") && is_key(start)).map(str::to_owned);
            self.unreadable.push(UnreadableLine { number, key });
            return;
        };
        let value = value.trim();
        let others: Vec<_> = value.split([' ', '\t', ';']).filter_map(second_key).collect();
        if !others.is_empty() {
            let others = others.into_iter().map(str::to_owned).collect();
            self.doubtful.push(DoubtfulLine { number, key: key.trim().to_owned(), others });
        }
        // SonarQube itself takes quotes around what holds a comma.
        let value = if value.contains(',') { value } else { unquoted(value) };
        self.properties.set(key.trim(), value);
    }
}

/// The properties of a line: one, unless it is written as on a command line.
fn assignments(line: &str) -> Vec<String> {
    let option = |text: &str| OPTIONS.into_iter().find(|option| text.starts_with(option));
    // `-Dsonar.x=1`, and `"-Dsonar.x=1"`.
    let begins = |text: &str| option(text.trim_start_matches(['"', '\'']));
    if begins(line).is_none() {
        return vec![line.to_owned()];
    }
    let mut found: Vec<String> = Vec::new();
    let mut quote = None;
    let mut is_start = true;
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if is_start && quote.is_none() && begins(rest).is_some() {
            found.push(String::new());
        }
        match quote {
            None if matches!(c, '"' | '\'') => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ => {}
        }
        is_start = c.is_whitespace();
        if let Some(last) = found.last_mut() {
            last.push(c);
        }
        rest = &rest[c.len_utf8()..];
    }
    let plain = found.iter().map(|text| {
        let text = unquoted(text.trim());
        let bare = option(text).and_then(|option| text.strip_prefix(option)).unwrap_or(text);
        unquoted(bare.trim()).to_owned()
    });
    plain.collect()
}

/// Without the pair of quotes around it.
fn unquoted(text: &str) -> &str {
    let within =
        |quote: char| text.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    within('"').or_else(|| within('\'')).unwrap_or(text)
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':'))
}

/// The key of a property that seems to begin in the middle of a value.
fn second_key(word: &str) -> Option<&str> {
    let word = OPTIONS.iter().find_map(|option| word.strip_prefix(option)).unwrap_or(word);
    word.split_once('=').map(|(key, _)| key).filter(|key| key.starts_with("sonar.") && is_key(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(extra: &ExtraProperties) -> Vec<(&str, &str)> {
        extra.properties.iter().collect()
    }

    #[test]
    fn each_line_sets_one_property() {
        let extra = ExtraProperties::parse(
            "# a comment\r\n   # an indented one\r\n\r\n  sonar.exclusions = **/gen/**, **/x \r\n\
             sonar.projectVersion=\nsonar.q=a=b=c\nmy.module:sonar.x=1\n",
        );
        assert_eq!(
            pairs(&extra),
            [
                ("my.module:sonar.x", "1"),
                ("sonar.exclusions", "**/gen/**, **/x"),
                ("sonar.projectVersion", ""),
                ("sonar.q", "a=b=c"),
            ]
        );
        assert!(extra.unreadable.is_empty() && extra.doubtful.is_empty());
    }

    #[test]
    fn unreadable_lines_are_named_by_number_and_key_only() {
        let extra = ExtraProperties::parse(
            "sonar.verbose\n=squ_secret\nsonar.token squ_secret\nsonar.token: squ_secret=\nsqu_secret\nmy key=squ_secret",
        );
        let told: Vec<_> = extra.unreadable.iter().map(|line| (line.number, line.key.as_deref())).collect();
        assert_eq!(
            told,
            [
                (1, Some("sonar.verbose")),
                (2, None),
                (3, Some("sonar.token")),
                (4, Some("sonar.token")),
                (5, None),
                (6, None),
            ]
        );
        assert!(!format!("{extra:?}").contains("squ_secret"));
        assert!(extra.properties.is_empty());
    }

    #[test]
    fn properties_may_be_written_as_on_a_command_line() {
        for (line, expected) in [
            ("/d:sonar.exclusions=**/gen/**", vec![("sonar.exclusions", "**/gen/**")]),
            ("-Dsonar.exclusions=a", vec![("sonar.exclusions", "a")]),
            ("-D sonar.exclusions=a", vec![("sonar.exclusions", "a")]),
            ("/d:a=1 /d:b=2", vec![("a", "1"), ("b", "2")]),
            ("-Da=1 -Db=\"x y\"  -Dc=z w", vec![("a", "1"), ("b", "x y"), ("c", "z w")]),
            ("\"-Da=x -Dy\" /d:\"b=2 3\"", vec![("a", "x -Dy"), ("b", "2 3")]),
            ("a=\"x y\"", vec![("a", "x y")]),
            ("a='x'", vec![("a", "x")]),
            ("\"a=x y\"", vec![("a", "x y")]),
            ("a=\"x,y\",z", vec![("a", "\"x,y\",z")]),
            ("a=\"x,y\"", vec![("a", "\"x,y\"")]),
            ("a=it's", vec![("a", "it's")]),
            ("a=\"x\" and \"y\"", vec![("a", "\"x\" and \"y\"")]),
            ("a=/d:b", vec![("a", "/d:b")]),
        ] {
            let extra = ExtraProperties::parse(line);
            assert_eq!(pairs(&extra), expected, "{line}");
            assert!(extra.unreadable.is_empty() && extra.doubtful.is_empty(), "{line}: {extra:?}");
        }
    }

    #[test]
    fn several_properties_on_a_line_are_doubtful() {
        for line in [
            "a=x sonar.sources=src",
            "a=x;sonar.sources=src",
            "a=x, sonar.sources=src",
            "a=x -Dsonar.sources=src",
        ] {
            let extra = ExtraProperties::parse(line);
            let others = vec!["sonar.sources".to_owned()];
            assert_eq!(extra.doubtful, [DoubtfulLine { number: 1, key: "a".into(), others }], "{line}");
        }
    }
}
