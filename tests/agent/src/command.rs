//! Reads logging commands as the agent does, by its `Command.cs`, `CommandStringConvertor.cs` and `TaskResultUtil.cs`. No code
//! is shared with the product.

use std::collections::BTreeMap;

const PREFIX: &str = "##vso[";

/// A logging command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// `area.event`, in lower case.
    pub name: String,
    /// Names in lower case.
    pub properties: BTreeMap<String, String>,
    /// What follows the bracket.
    pub data: String,
}

impl Command {
    /// The command in a line, at any position. `None` if there is none, or none that the agent can read.
    pub fn parse(line: &str) -> Option<Self> {
        let start = line.find(PREFIX)?;
        let (header, data) = line[start + PREFIX.len()..].split_once(']')?;
        let (name, rest) = header.split_once(' ').unwrap_or((header, ""));
        let parts: Vec<&str> = name.split('.').filter(|part| !part.is_empty()).collect();
        let [area, event] = parts.as_slice() else { return None };
        let properties = rest
            .split(';')
            .filter_map(|pair| pair.split_once('='))
            // The agent splits with RemoveEmptyEntries: neither name nor value may be empty.
            .filter(|(name, value)| !name.is_empty() && !value.is_empty())
            .map(|(name, value)| (name.to_lowercase(), unescape(value)))
            .collect();
        Some(Self { name: format!("{area}.{event}").to_lowercase(), properties, data: unescape(data) })
    }

    /// A property by its name in lower case.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// Whether it is this `area.event`.
    pub fn is(&self, name: &str) -> bool {
        self.name == name
    }

    /// Whether a property is `true`, ignoring case.
    pub fn is_true(&self, property: &str) -> bool {
        self.property(property).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

fn unescape(text: &str) -> String {
    [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%AZP25", "%")]
        .iter()
        .fold(text.to_owned(), |text, (escaped, character)| text.replace(escaped, character))
}

/// How the agent records the end of a task, ordered from best to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the agent's names")]
pub enum TaskResult {
    Succeeded,
    SucceededWithIssues,
    Failed,
    Canceled,
    Skipped,
    Abandoned,
}

impl TaskResult {
    /// Case matters: `Cancelled` and `failed` are not results.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "Succeeded" => Self::Succeeded,
            "SucceededWithIssues" => Self::SucceededWithIssues,
            "Failed" => Self::Failed,
            "Canceled" => Self::Canceled,
            "Skipped" => Self::Skipped,
            "Abandoned" => Self::Abandoned,
            _ => return None,
        })
    }

    /// The worse of two, except that results beyond a failure stay.
    pub fn merge(current: Option<Self>, coming: Self) -> Self {
        match current {
            Some(current) if current > Self::Failed || current > coming => current,
            _ => coming,
        }
    }
}

#[test]
fn commands_are_read_as_the_agent_reads_them() {
    let command =
        Command::parse("x ##vso[Task.SetVariable Variable=a%3Bb;empty=;=y;IsSecret=true;]1%0A%5D]%AZP250D");
    let command = command.unwrap();
    assert_eq!(command.name, "task.setvariable");
    let properties: Vec<_> =
        command.properties.iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(properties, ["issecret=true", "variable=a;b"]);
    assert_eq!(command.data, "1\n]]%0D");
    for line in ["##vso[task]x", "##vso[a.b.c]x", "##vso[task.debug", "##VSO[task.debug]x", "##[error]x", ""]
    {
        assert_eq!(Command::parse(line), None, "{line}");
    }
}

#[test]
fn results_merge_as_the_agent_merges_them() {
    use TaskResult::{Canceled, Failed, Succeeded, SucceededWithIssues};
    for (current, coming, merged) in [
        (None, Succeeded, Succeeded),
        (Some(Succeeded), SucceededWithIssues, SucceededWithIssues),
        (Some(Failed), Succeeded, Failed),
        (Some(Failed), Canceled, Canceled),
        (Some(Canceled), Failed, Canceled),
    ] {
        assert_eq!(TaskResult::merge(current, coming), merged, "{current:?} {coming:?}");
    }
}
