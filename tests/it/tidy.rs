//! The order of the house: layers, circular uses, names, the map, and text that no file may contain.

mod uses;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Files of the repository below a folder, with their paths from its root. Build results are left out.
fn files(below: &str) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(below)];
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            if path.is_file() {
                found.push((name, path));
            } else if !["target", ".git"].contains(&name.as_str()) && !path.ends_with("node_modules") {
                folders.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A source file without its tests and comments.
struct Source {
    /// `src/http/client.rs`.
    name: String,
    /// The module directly below the crate's root: `http`.
    module: String,
    /// Line numbers and lines.
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let of_file = |(name, path): (String, PathBuf)| {
        let module = name.strip_prefix("src/")?.strip_suffix(".rs")?.split('/').next()?.to_owned();
        if name.ends_with("/tests.rs") {
            return None;
        }
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim().to_owned()));
        // Tests stand last in a file.
        let lines = lines
            .take_while(|(_, line)| !line.starts_with("#[cfg(test)]") && !line.starts_with("#[cfg(all(test"));
        Some(Source { name, module, code: lines.filter(|(_, line)| !line.starts_with("//")).collect() })
    };
    files("src").into_iter().filter_map(of_file).collect()
}

/// The pure core, and the crates without I/O that it may use.
const CORE: [&str; 4] = ["analysis", "context", "quality_gate", "summary"];
const CRATES_OF_CORE: [&str; 8] =
    ["std", "quick_xml", "serde", "serde_json", "strsim", "thiserror", "url", "yaml_rust2"];
const EDGES: [&str; 5] = ["agent", "azure_devops", "git", "scanner", "sonarqube"];
/// What the edges are built on.
const FOUNDATION: [&str; 2] = ["http", "process"];
/// What every module may use.
const COMMON: [&str; 4] = ["secret", "keyed_hash", "error", "cancel"];

/// The modules that `module` may use in addition to itself.
fn may_use(module: &str) -> Vec<&'static str> {
    let parts: &[&[&str]] = match module {
        // Text for users and cancellation belong to the shell. The core has values.
        _ if CORE.contains(&module) => &[&CORE, &["secret"]],
        "error" => &[&["cancel"]],
        _ if COMMON.contains(&module) => &[],
        "bug" => &[&COMMON],
        "http" => &[&COMMON],
        "process" => &[&CORE, &COMMON],
        _ if EDGES.contains(&module) => &[&CORE, &COMMON, &FOUNDATION],
        "step" => &[&CORE, &COMMON, &FOUNDATION, &EDGES],
        "command" => &[&CORE, &COMMON, &FOUNDATION, &EDGES, &["bug"]],
        "task" => &[&CORE, &COMMON, &FOUNDATION, &EDGES, &["bug", "step"]],
        // The map, and the executables' few lines.
        "lib" | "bin" => &[&CORE, &COMMON, &FOUNDATION, &EDGES, &["bug", "step", "command", "task"]],
        _ => panic!("{module} is new: say here what it may use"),
    };
    parts.concat()
}

/// Names after `before` in a line.
fn names_after<'a>(line: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(before)
        .filter(move |(at, _)| !line[..*at].ends_with(is_in_name))
        .map(move |(at, _)| &line[at + before.len()..])
        .map(move |rest| &rest[..rest.find(|c| !is_in_name(c)).unwrap_or(rest.len())])
}

#[test]
fn modules_use_only_what_lies_below_them() {
    let mut wrong = Vec::new();
    for Source { name, module, code } in sources() {
        let allowed = may_use(&module);
        for (number, line) in &code {
            assert!(
                !line.contains("use crate::{"),
                "{name}:{number}: one `use` a module, so that this test can read it"
            );
            let used = names_after(line, "crate::").filter(|used| *used != module && !allowed.contains(used));
            wrong.extend(used.map(|used| format!("{name}:{number}: {module} uses {used}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A file that uses another which uses the first again cannot be read, tested or moved alone.
#[test]
fn no_files_use_each_other_in_a_circle() {
    let uses = uses::uses(&sources());
    let circles = uses::circles(&uses);
    let lines: Vec<_> = circles.iter().map(|circle| uses::lines(circle, &uses)).collect();
    assert!(lines.is_empty(), "move what both use into a file of its own: {lines:#?}");
}

/// People find a file, and talk about it, by its base name.
#[test]
fn a_base_name_stands_for_one_file() {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (path, _) in files("src") {
        let name = path.rsplit('/').next().unwrap().to_owned();
        if !["mod.rs", "client.rs", "error.rs", "tests.rs"].contains(&name.as_str()) {
            by_name.entry(name).or_default().push(path);
        }
    }
    by_name.retain(|_, paths| paths.len() > 1);
    assert!(by_name.is_empty(), "these names stand for several files: {by_name:#?}");
}

/// The name of the type that a line declares.
fn declared_type(line: &str) -> Option<&str> {
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let rest =
        ["struct ", "enum ", "union ", "trait ", "type "].iter().find_map(|word| line.strip_prefix(word))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    // Prose in a text of several lines goes on with a word.
    let is_declaration = after.trim_start().starts_with(['{', '<', '(', ';', ':', '=']) || after.is_empty();
    (is_declaration && name.starts_with(char::is_uppercase)).then_some(name)
}

/// A reader who meets a type's name need not ask which of several it is.
#[test]
fn a_type_name_stands_for_one_type() {
    // Each edge has an error of its own, and traits of the standard library name their associated types.
    let shared = ["Error", "ErrorKind", "Item", "Output", "Err"];
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for Source { name, code, .. } in sources() {
        for (number, line) in &code {
            if let Some(declared) = declared_type(line).filter(|declared| !shared.contains(declared)) {
                by_name.entry(declared.to_owned()).or_default().push(format!("{name}:{number}"));
            }
        }
    }
    assert!(by_name.len() > 100, "{by_name:#?}");
    by_name.retain(|_, places| places.len() > 1);
    assert!(by_name.is_empty(), "these names stand for several types: {by_name:#?}");
}

#[test]
fn the_core_is_pure() {
    let impure = ["fs", "env", "process", "net", "thread", "io"].map(|module| format!("std::{module}"));
    let mut wrong = Vec::new();
    for Source { name, code, .. } in
        sources().into_iter().filter(|source| CORE.contains(&source.module.as_str()))
    {
        for (number, line) in &code {
            let strangers =
                ["use ", "pub use "].iter().filter_map(|start| line.strip_prefix(start)).filter(|path| {
                    let first = path.split([':', ';', ' ']).next().unwrap();
                    let is_ours = ["super", "self", "crate"].contains(&first) || line.starts_with("pub use");
                    // A file may also import the variants of its own enum.
                    let is_crate = first.starts_with(char::is_lowercase);
                    is_crate && !is_ours && !CRATES_OF_CORE.contains(&first)
                });
            wrong.extend(strangers.map(|path| format!("{name}:{number}: use {path}")));
            let forbidden =
                ["tracing::", "reqwest::", "tokio::", "Instant::now", "SystemTime::now", "println!"];
            let found = forbidden
                .into_iter()
                .chain(impure.iter().map(String::as_str))
                .find(|word| line.contains(word));
            wrong.extend(found.map(|word| format!("{name}:{number}: {word}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_map_equals_the_tree() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let rows = page.split_once("## The map").unwrap().1.lines().filter_map(|line| line.strip_prefix("| `"));
    let mapped: BTreeSet<_> = rows.filter_map(|row| row.split_once("` | ")).collect();
    let map: BTreeSet<_> = mapped.iter().map(|(path, _)| *path).collect();
    assert_eq!(map.len(), mapped.len(), "a file has two rows");
    let all = ["src", "tests/agent/src", "tests/it"].into_iter().flat_map(files);
    let tree: BTreeSet<_> = all
        .map(|(path, _)| path)
        .filter(|path| path.ends_with(".rs") && !path.ends_with("/tests.rs"))
        .collect();
    // In folders of tests/it lie tests, whose names say what they test.
    let is_on_map = |path: &str| path.matches('/').count() == 2 || !path.starts_with("tests/it/");
    let tree: BTreeSet<_> = tree.iter().map(String::as_str).filter(|path| is_on_map(path)).collect();
    let missing: Vec<_> = tree.difference(&map).collect();
    let gone: Vec<_> = map.difference(&tree).collect();
    assert!(missing.is_empty() && gone.is_empty(), "run scripts/docs: {missing:?} {gone:?}");
    let wordless: Vec<_> =
        mapped.iter().filter(|(_, meaning)| meaning.trim_end_matches(" |").is_empty()).collect();
    assert!(wordless.is_empty(), "say in a `//!` line what these are: {wordless:?}");
}

/// The questions of a newcomer are answered by names of files.
#[test]
fn the_files_that_the_architecture_names_exist() {
    for page in ["docs/architecture.md", "docs/decisions.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let named = text.split('`').skip(1).step_by(2);
        let is_path = |name: &&str| {
            let first = name.split('/').next().unwrap_or_default();
            name.contains('/') && ["docs", "fuzz", "scripts", "src", "task", "tests"].contains(&first)
        };
        let gone: Vec<_> = named
            .filter(is_path)
            .filter(|name| !root().join(name.split(' ').next().unwrap()).exists())
            .collect();
        assert!(gone.is_empty(), "{page} names {gone:?}");
    }
}

#[test]
fn files_are_short() {
    let length = |path: &Path| fs::read_to_string(path).unwrap().lines().count();
    assert!(files("src/bin").iter().all(|(_, path)| length(path) <= 15));
    let long: Vec<_> = files("src")
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rs") && !name.ends_with("/tests.rs"))
        .map(|(name, path)| (name, length(&path)))
        .filter(|(_, lines)| *lines > 400)
        .collect();
    assert!(long.is_empty(), "split these at a seam: {long:?}");
}

/// scripts/test skips the tests of a server that does not run by the name of its list.
#[test]
fn what_runs_on_a_real_server_is_in_its_list() {
    let of_lists = ("tests/it/real_sonarqube.rs".to_owned(), root().join("tests/it/real_sonarqube.rs"));
    let mut count = 0;
    for (name, path) in files("tests/it/real_sonarqube").into_iter().chain([of_lists]) {
        let attributes = fs::read_to_string(path).unwrap().matches("#[test]").count();
        let is_macro = usize::from(name == "tests/it/real_sonarqube.rs");
        assert_eq!(attributes, is_macro, "{name}: name its tests in `on!`");
        count += 1;
    }
    assert!(count > 5);
}

#[test]
fn no_code_panics_on_purpose() {
    // `rustls` with `ring` always has these protocol versions, so there is no error to return.
    let known = [("src/http/", ".expect(\"ring has TLS 1.2 and 1.3\")")];
    let mut wrong = Vec::new();
    for Source { name, code, .. } in sources() {
        for (number, line) in code {
            let is_known = known.iter().any(|(below, text)| name.starts_with(below) && line.contains(text));
            let words = [".unwrap()", ".expect(\"", "panic!(", "todo!(", "unimplemented!(", "unreachable!("];
            let found = words.into_iter().find(|word| line.contains(word) && !is_known);
            wrong.extend(found.map(|word| format!("{name}:{number}: {word}")));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The text files of the repository with their text, without files that a run has left beside them, and without this file, which
/// contains what it searches for.
fn texts() -> Vec<(String, String)> {
    let git =
        Command::new("git").args(["-c", "safe.directory=*", "ls-files", "-z"]).current_dir(root()).output();
    let listed = String::from_utf8(git.unwrap().stdout).unwrap();
    let names: BTreeSet<_> = listed.split_terminator('\0').collect();
    // Outside a clone, all files belong to the repository.
    let is_text = |name: &str| name != "tests/it/tidy.rs" && (names.is_empty() || names.contains(name));
    let text = |(name, path): (String, PathBuf)| Some((name, fs::read_to_string(path).ok()?));
    files("").into_iter().filter(|(name, _)| is_text(name)).filter_map(text).collect()
}

#[test]
fn no_file_knows_a_machine() {
    let mut wrong = Vec::new();
    for (name, text) in texts() {
        let found = ["work", "root", "Users"]
            .map(|folder| format!("/{folder}/"))
            .into_iter()
            .chain([r"C:\Users".to_owned()])
            .find(|path| text.contains(path.as_str()));
        wrong.extend(found.map(|path| format!("{name}: {path}")));
        // Tests use the user name `me` in example paths.
        let homes = text.match_indices("/home/").filter(|(at, _)| !text[*at..].starts_with("/home/me"));
        wrong.extend(homes.map(|(at, _)| format!("{name}: {}", text[at..].lines().next().unwrap())));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_names_a_registry() {
    // In two parts, so that this file does not contain them either.
    let hosts = [
        ("registry.", "npmjs"),
        ("registry.", "yarnpkg"),
        ("pypi.", "org"),
        ("pyth", "onhosted"),
        ("static.", "crates.io"),
        ("index.", "crates.io"),
        ("repo.", "maven"),
        ("repo1.", "maven"),
        ("proxy.", "golang"),
        ("deb.", "debian.org"),
        ("archive.", "ubuntu"),
        ("arti", "factory"),
        ("nex", "us."),
    ]
    .map(|(start, end)| format!("{start}{end}"));
    let mut wrong = Vec::new();
    for (name, text) in texts() {
        let found = hosts.iter().find(|host| text.contains(host.as_str()));
        wrong.extend(found.map(|host| format!("{name}: {host}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn json(file: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(root().join(file)).unwrap()).unwrap()
}

/// Names and aliases of the inputs of these tasks.
fn inputs_of(tasks: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for task in tasks {
        for input in json(&format!("task/{task}/task.json"))["inputs"].as_array().unwrap() {
            let aliases = input["aliases"].as_array().into_iter().flatten();
            names.extend(aliases.chain([&input["name"]]).map(|name| name.as_str().unwrap().to_owned()));
        }
    }
    names
}

/// Names in quotes that directly follow `before` somewhere in the code, several if they are in brackets.
fn quoted_after(code: &str, before: &str) -> Vec<String> {
    let lists = code.match_indices(before).map(|(at, _)| &code[at + before.len()..]);
    let of_list = |rest: &str| {
        let end = match rest.chars().next() {
            Some('"') => rest[1..].find('"').map(|end| end + 2),
            Some('[') => rest.find(']'),
            _ => None,
        };
        let list = &rest[..end.unwrap_or(0)];
        list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
    };
    lists.flat_map(of_list).collect()
}

#[test]
fn every_input_the_code_reads_belongs_to_a_task_and_is_documented() {
    let of_tasks = inputs_of(&["prepare", "analyze", "publish"]);
    let code = |file: &str| {
        let source = sources().into_iter().find(|source| source.name == file).unwrap();
        source.code.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join(" ")
    };
    let inputs: Vec<_> = files("src/agent/inputs").into_iter().map(|(name, _)| name).collect();
    let inputs = inputs.iter().filter(|name| !name.ends_with("/tests.rs")).map(|name| code(name));
    let inputs = inputs.chain([code("src/agent/inputs.rs")]).collect::<Vec<_>>().join(" ");
    // A value that is compared is not a name.
    let inputs = inputs.replace("== Some(", "");
    let mut read: BTreeSet<String> = ["input(", "text(", "boolean(env, ", "Some(", "one_of("]
        .iter()
        .flat_map(|before| quoted_after(&inputs, before))
        .collect();
    let connections = code("src/agent/service_connection.rs");
    let table = connections.split_once("const INPUTS").unwrap().1.split_once(';').unwrap().1;
    let table = table.split_once("];").unwrap().0;
    read.extend(quoted_after(table, "("));
    assert!(read.len() > 15 && read.contains("SonarQube") && read.contains("cliProjectKey"), "{read:?}");
    let unknown: Vec<_> = read.difference(&of_tasks).collect();
    assert!(unknown.is_empty(), "read, and no task has them: {unknown:?}");

    // The names of an input and its aliases stand in the first cell of a row.
    let documentation = fs::read_to_string(root().join("docs/reference/inputs.md")).unwrap();
    let cells = documentation.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('|'));
    let explained: BTreeSet<String> = cells
        .flat_map(|(cell, _)| {
            format!("`{cell}").split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let all = inputs_of(&["prepare", "analyze", "publish", "gate", "build-gate"]);
    assert_eq!(explained, all, "docs/reference/inputs.md and the tasks");
}

#[test]
fn there_is_one_version() {
    let version: Vec<_> =
        env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse::<u64>().unwrap()).collect();
    for task in ["prepare", "analyze", "publish"] {
        let manifest = json(&format!("task/{task}/task.json"));
        let own = &manifest["version"];
        if own.is_object() {
            assert_eq!(
                ["Major", "Minor", "Patch"].map(|part| own[part].as_u64().unwrap()).to_vec(),
                version,
                "{task}"
            );
        }
    }
    if let Some(own) = json("vss-extension.json")["version"].as_str() {
        assert_eq!(own, env!("CARGO_PKG_VERSION"));
    }
    let changes = root().join("CHANGELOG.md");
    if let Ok(changes) = fs::read_to_string(changes) {
        assert!(
            changes.contains(env!("CARGO_PKG_VERSION")) || changes.contains("Unreleased"),
            "CHANGELOG.md"
        );
    }
}

#[test]
fn names_and_sources_are_read_correctly() {
    let names: Vec<_> = names_after("use crate::http::Client; my_crate::x crate::step", "crate::").collect();
    assert_eq!(names, ["http", "step"]);
    assert_eq!(quoted_after(r#"text("a") text(["b", "c"]) context("d")"#, " text("), ["b", "c"]);
    assert_eq!(quoted_after(r#"text("a")"#, "text("), ["a"]);
    let lines = [
        "struct A;",
        "pub enum B {",
        "pub(in crate::x) type C<'a> = D;",
        "pub struct E(u8);",
        "type F Server",
    ];
    assert_eq!(lines.map(declared_type), [Some("A"), Some("B"), Some("C"), Some("E"), None]);
    assert!(sources().iter().any(|source| source.name == "src/http/client.rs" && source.module == "http"));
    assert!(sources().iter().all(|source| source.code.iter().all(|(_, line)| !line.contains("#[test]"))));
}
