//! The input `monorepo`: several projects in one repository, as a list in YAML.

use super::property::Properties;
use super::yaml::{self, Content, Node, YamlError};

/// One project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonorepoEntry {
    /// Key of the SonarQube project.
    pub key: String,
    /// Its directory, as the user wrote it.
    pub base_dir: String,
    /// What only this project sets.
    pub properties: Properties,
    /// What messages call it: `entry 2 of monorepo (shop-web)`.
    pub name: String,
}

/// Properties that an entry sets by a key of its own, and that key.
const KEYS_OF_ENTRY: [(&str, &str); 2] = [("sonar.projectKey", "key"), ("sonar.projectBaseDir", "baseDir")];

/// Properties that cannot be the same for several projects.
pub const OF_ONE_PROJECT: &[&str] =
    &["sonar.projectKey", "sonar.projectName", "sonar.projectBaseDir", "sonar.scanner.metadataFilePath"];

/// Why the input is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MonorepoError {
    /// It is not YAML.
    #[error("the input monorepo {0}")]
    Yaml(YamlError),
    /// It is a map or a text.
    #[error("the input monorepo is not a list; write `- key: <project>` for each project")]
    NotAList,
    /// It is `[]`.
    #[error("the input monorepo lists no project")]
    NoProject,
    /// Two entries are for one SonarQube project.
    #[error("entry {first} and {second} of monorepo have the same key {key}")]
    SameKey {
        /// Its number, from 1.
        first: usize,
        /// Its number, from 1.
        second: usize,
        /// The key of both.
        key: String,
    },
    /// An entry is wrong.
    #[error("entry {number} of monorepo (line {line}{}): {fault}", key.as_ref().map(|key| format!(", {key}")).unwrap_or_default())]
    Entry {
        /// Its number, from 1.
        number: usize,
        /// The line of the input on which it begins, from 1.
        line: usize,
        /// The project's key, once it is known.
        key: Option<String>,
        /// What is wrong.
        fault: EntryFault,
    },
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// It is a list or a text.
    #[error("it is not a map; write key, baseDir and properties")]
    NotAMap,
    /// A key of the map is itself a list or a map.
    #[error("one of its keys is not text")]
    KeyNotText,
    /// The map has a key that means nothing.
    #[error("{0} is not a key of an entry; the keys are key, baseDir and properties")]
    UnknownKey(String),
    /// The value of `key` or `baseDir` is a list or a map.
    #[error("{0} is not text")]
    NotText(&'static str),
    /// `key` or `baseDir` is not there, or blank.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A key or a property is there twice.
    #[error("{0} is set twice")]
    Twice(String),
    /// `properties` is a list or a text.
    #[error("properties is not a map; write `sonar.sources: src`")]
    PropertiesNotAMap,
    /// The name of a property is a list or a map.
    #[error("the name of a property is not text")]
    PropertyNameNotText,
    /// The value of a property is a list or a map.
    #[error("the property {0} is not text; separate the parts of a list by commas")]
    PropertyNotText(String),
    /// The entry says this by a key of its own.
    #[error("{property} is set by {key} of the entry; remove it from properties")]
    SetByEntry {
        /// The property.
        property: String,
        /// That key.
        key: &'static str,
    },
}

/// Reads the input.
///
/// # Errors
/// It is not a list of projects, or an entry is wrong.
pub fn entries(text: &str) -> Result<Vec<MonorepoEntry>, MonorepoError> {
    let tree = yaml::read(text).map_err(MonorepoError::Yaml)?;
    let Content::List(items) = tree.content else { return Err(MonorepoError::NotAList) };
    if items.is_empty() {
        return Err(MonorepoError::NoProject);
    }
    let mut entries: Vec<MonorepoEntry> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let (line, number) = (item.line, index + 1);
        let mut key = None;
        let entry = entry(item, number, &mut key).map_err(|fault| MonorepoError::Entry {
            number,
            line,
            key,
            fault,
        })?;
        if let Some(first) = entries.iter().position(|earlier| earlier.key == entry.key) {
            return Err(MonorepoError::SameKey { first: first + 1, second: number, key: entry.key });
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Reads one entry. `known` gets the project's key as soon as that is read, for the error.
fn entry(item: Node, number: usize, known: &mut Option<String>) -> Result<MonorepoEntry, EntryFault> {
    let Content::Map(pairs) = item.content else { return Err(EntryFault::NotAMap) };
    let (mut key, mut base_dir, mut properties) = (None, None, None);
    for (name, value) in pairs {
        match text(name).as_deref() {
            Some("key") => set_once(&mut key, "key", text(value).ok_or(EntryFault::NotText("key"))?)?,
            Some("baseDir") => {
                set_once(&mut base_dir, "baseDir", text(value).ok_or(EntryFault::NotText("baseDir"))?)?;
            }
            Some("properties") => set_once(&mut properties, "properties", value)?,
            Some(other) => return Err(EntryFault::UnknownKey(other.to_owned())),
            None => return Err(EntryFault::KeyNotText),
        }
    }
    let required = |value: Option<String>, name| {
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or(EntryFault::Missing(name))
    };
    let key = required(key, "key")?;
    *known = Some(key.clone());
    let base_dir = required(base_dir, "baseDir")?;
    let properties = properties.map_or(Ok(Properties::default()), properties_of)?;
    Ok(MonorepoEntry { name: format!("entry {number} of monorepo ({key})"), key, base_dir, properties })
}

fn properties_of(node: Node) -> Result<Properties, EntryFault> {
    let pairs = match node.content {
        Content::Map(pairs) => pairs,
        Content::Text(text) if text.is_empty() => Vec::new(),
        _ => return Err(EntryFault::PropertiesNotAMap),
    };
    let mut properties = Properties::default();
    for (name, value) in pairs {
        let name = text(name).ok_or(EntryFault::PropertyNameNotText)?;
        if let Some((_, key)) = KEYS_OF_ENTRY.iter().find(|(property, _)| *property == name) {
            return Err(EntryFault::SetByEntry { property: name, key });
        }
        if properties.value(&name).is_some() {
            return Err(EntryFault::Twice(name));
        }
        let value = text(value).ok_or_else(|| EntryFault::PropertyNotText(name.clone()))?;
        properties.set(name, value.trim_end_matches('\n'));
    }
    Ok(properties)
}

fn text(node: Node) -> Option<String> {
    match node.content {
        Content::Text(text) => Some(text),
        Content::List(_) | Content::Map(_) => None,
    }
}

fn set_once<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), EntryFault> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(EntryFault::Twice(name.to_owned())),
    }
}

/// Whether a changed file lies in a directory, or is the submodule that the directory lies in. Both paths use `/` and start
/// at the same place; `.` is that place. `fold_case`: whether the disk ignores case.
pub fn touches(path: &str, directory: &str, fold_case: bool) -> bool {
    let parts = |path: &str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        parts.map(|part| if fold_case { part.to_lowercase() } else { part.to_owned() }).collect()
    };
    let (path, directory) = (parts(path), parts(directory));
    path.starts_with(&directory) || directory.starts_with(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_project_may_have_properties_of_its_own() {
        let found = entries(
            "- key: shop-api\n  baseDir: services/api\n  properties:\n    sonar.sources: src\n    \
             sonar.projectVersion: 1.10\n    sonar.exclusions:\n- {key: shop-web, baseDir: ./web/}\n",
        )
        .unwrap();
        let properties = |entry: &MonorepoEntry| {
            entry.properties.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>()
        };
        assert_eq!((found[0].key.as_str(), found[0].base_dir.as_str()), ("shop-api", "services/api"));
        assert_eq!(
            properties(&found[0]),
            ["sonar.exclusions=", "sonar.projectVersion=1.10", "sonar.sources=src"]
        );
        assert_eq!((found[1].key.as_str(), found[1].base_dir.as_str()), ("shop-web", "./web/"));
        assert_eq!(found[1].name, "entry 2 of monorepo (shop-web)");
        assert_eq!(entries(r#"[{"key": "a", "baseDir": ".", "properties": {"b": true}}]"#).unwrap().len(), 1);
    }

    #[test]
    fn mistakes_name_entry_and_key() {
        let mistakes = [
            "",
            "shop",
            "[]",
            "key: a",
            "- shop",
            "- key: a\n- key: b",
            "- baseDir: a",
            "- {key: [a], baseDir: b}",
            "- {key: a, baseDir: b, basedir: c}",
            "- {key: a, baseDir: b, key: c}",
            "- {key: a, baseDir: b}\n- {key: c, baseDir: d}\n- {key: a, baseDir: e}",
            "- {key: a, baseDir: b, properties: [x]}",
            "- {key: a, baseDir: b, properties: {x: [y]}}",
            "- {key: a, baseDir: b, properties: {x: y, x: z}}",
            "- {key: a, baseDir: b, properties: {sonar.projectKey: c}}",
            "- {? [a] : b}",
        ];
        let said: Vec<_> = mistakes.iter().map(|text| entries(text).unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        the input monorepo is empty
        the input monorepo is not a list; write `- key: <project>` for each project
        the input monorepo lists no project
        the input monorepo is not a list; write `- key: <project>` for each project
        entry 1 of monorepo (line 1): it is not a map; write key, baseDir and properties
        entry 1 of monorepo (line 1, a): baseDir is missing
        entry 1 of monorepo (line 1): key is missing
        entry 1 of monorepo (line 1): key is not text
        entry 1 of monorepo (line 1): basedir is not a key of an entry; the keys are key, baseDir and properties
        entry 1 of monorepo (line 1): key is set twice
        entry 1 and 3 of monorepo have the same key a
        entry 1 of monorepo (line 1, a): properties is not a map; write `sonar.sources: src`
        entry 1 of monorepo (line 1, a): the property x is not text; separate the parts of a list by commas
        entry 1 of monorepo (line 1, a): x is set twice
        entry 1 of monorepo (line 1, a): sonar.projectKey is set by key of the entry; remove it from properties
        entry 1 of monorepo (line 1): one of its keys is not text
        ");
    }

    #[test]
    fn a_changed_file_touches_its_directories() {
        for (path, directory, expected) in [
            ("services/api/src/a.py", "services/api", true),
            ("/services/api/a.py", "./services/api/", true),
            ("services/api", "services/api", true),
            ("services/api-gateway/a.py", "services/api", false),
            ("services", "services/api", true),
            ("README.md", ".", true),
            ("README.md", "", true),
            ("Services/Api/a.py", "services/api", false),
            ("api/services/a.py", "services", false),
        ] {
            assert_eq!(touches(path, directory, false), expected, "{path} in {directory}");
        }
        assert!(touches("Services/\u{c4}pi/a.py", "services/\u{e4}pi", true));
    }
}
