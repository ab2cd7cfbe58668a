//! The input `monorepo`: several projects in one repository, as a list in YAML.

use super::property::Properties;
use super::yaml::{self, Content, Node};

/// One project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonorepoEntry {
    /// Key of the SonarQube project.
    pub key: String,
    /// Its directory, as the user wrote it.
    pub base_dir: String,
    /// Properties of its own.
    pub properties: Properties,
    /// What it is called in messages: `entry 2 of monorepo (shop-web)`.
    pub name: String,
}

/// Properties that an entry has keys for.
const KEYS_OF_ENTRY: [(&str, &str); 2] = [("sonar.projectKey", "key"), ("sonar.projectBaseDir", "baseDir")];

/// Properties that can't be the same for several projects.
pub const OF_ONE_PROJECT: &[&str] =
    &["sonar.projectKey", "sonar.projectName", "sonar.projectBaseDir", "sonar.scanner.metadataFilePath"];

/// Reads the input.
///
/// # Errors
/// What is wrong with which entry, as a sentence without its full stop.
pub fn entries(text: &str) -> Result<Vec<MonorepoEntry>, String> {
    let tree = yaml::read(text).map_err(|why| format!("the input monorepo {why}"))?;
    let Content::List(items) = tree.content else {
        return Err("the input monorepo is no list; write `- key: <project>` for each project".into());
    };
    if items.is_empty() {
        return Err("the input monorepo lists no project".into());
    }
    let mut entries: Vec<MonorepoEntry> = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let line = item.line;
        let number = index + 1;
        let entry =
            entry(item, number).map_err(|why| format!("entry {number} of monorepo (line {line}): {why}"))?;
        if let Some(earlier) = entries.iter().position(|earlier| earlier.key == entry.key) {
            return Err(format!(
                "entry {} and {number} of monorepo have the same key {}",
                earlier + 1,
                entry.key
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn entry(item: Node, number: usize) -> Result<MonorepoEntry, String> {
    let Content::Map(pairs) = item.content else {
        return Err("it is no map; write key, baseDir and properties".into());
    };
    let (mut key, mut base_dir, mut properties) = (None, None, None);
    for (name, value) in pairs {
        match text(name).as_deref() {
            Some("key") => once(&mut key, "key", text(value).ok_or("key is no text"))?,
            Some("baseDir") => once(&mut base_dir, "baseDir", text(value).ok_or("baseDir is no text"))?,
            Some("properties") => once(&mut properties, "properties", Ok(value))?,
            Some(other) => {
                return Err(format!("{other} is no key of an entry; they are key, baseDir and properties"));
            }
            None => return Err("a key of it is no text".into()),
        }
    }
    let required = |value: Option<String>, name: &str| {
        let value = value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        value.ok_or_else(|| format!("it has no {name}"))
    };
    let key = required(key, "key")?;
    let base_dir = required(base_dir, "baseDir").map_err(|why| format!("{why} ({key})"))?;
    let properties = properties.map_or(Ok(Properties::default()), of_entry);
    let properties = properties.map_err(|why| format!("{why} ({key})"))?;
    Ok(MonorepoEntry { name: format!("entry {number} of monorepo ({key})"), key, base_dir, properties })
}

fn of_entry(node: Node) -> Result<Properties, String> {
    let pairs = match node.content {
        Content::Map(pairs) => pairs,
        Content::Text(text) if text.is_empty() => Vec::new(),
        _ => return Err("its properties are no map; write `sonar.sources: src`".into()),
    };
    let mut properties = Properties::default();
    for (name, value) in pairs {
        let name = text(name).ok_or("the name of a property is no text")?;
        if let Some((_, key)) = KEYS_OF_ENTRY.iter().find(|(property, _)| *property == name) {
            return Err(format!("{name} is what {key} of the entry says; leave it out of properties"));
        }
        if properties.value(&name).is_some() {
            return Err(format!("it has the property {name} twice"));
        }
        let value = text(value).ok_or_else(|| {
            format!(
                "the property {name} is no text; where SonarQube wants a list, write its parts with commas"
            )
        })?;
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

fn once<T>(place: &mut Option<T>, name: &str, value: Result<T, &str>) -> Result<(), String> {
    match place.replace(value?) {
        None => Ok(()),
        Some(_) => Err(format!("it has {name} twice")),
    }
}

/// Whether a changed file lies in a directory, or is the submodule that the directory lies in. Both are paths with `/`
/// from the same place on; `.` is that place itself, in which all lies. `fold_case`: on a disk that does not tell `A`
/// from `a`.
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
    fn projects_with_properties_of_their_own() {
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
        let said: Vec<_> = mistakes.iter().map(|text| entries(text).unwrap_err()).collect();
        insta::assert_snapshot!(said.join("\n"), @"
        the input monorepo is empty
        the input monorepo is no list; write `- key: <project>` for each project
        the input monorepo lists no project
        the input monorepo is no list; write `- key: <project>` for each project
        entry 1 of monorepo (line 1): it is no map; write key, baseDir and properties
        entry 1 of monorepo (line 1): it has no baseDir (a)
        entry 1 of monorepo (line 1): it has no key
        entry 1 of monorepo (line 1): key is no text
        entry 1 of monorepo (line 1): basedir is no key of an entry; they are key, baseDir and properties
        entry 1 of monorepo (line 1): it has key twice
        entry 1 and 3 of monorepo have the same key a
        entry 1 of monorepo (line 1): its properties are no map; write `sonar.sources: src` (a)
        entry 1 of monorepo (line 1): the property x is no text; where SonarQube wants a list, write its parts with commas (a)
        entry 1 of monorepo (line 1): it has the property x twice (a)
        entry 1 of monorepo (line 1): sonar.projectKey is what key of the entry says; leave it out of properties (a)
        entry 1 of monorepo (line 1): a key of it is no text
        ");
    }

    #[test]
    fn files_in_directories() {
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
