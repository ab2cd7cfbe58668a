//! Which file of `src` uses which, read from `use` items and from paths in the code. A name that a file only re-exports
//! leads to the file that defines it.

use super::Source;
use std::collections::{BTreeMap, BTreeSet};

/// For each file the files it uses, each with one of the paths that name it.
pub(super) type Uses = BTreeMap<String, BTreeMap<String, String>>;

/// A path and the name under which a `use` item makes it known.
struct Import {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

struct Module {
    file: String,
    imports: Vec<Import>,
    /// Paths in the code outside of `use` items, single names among them.
    paths: Vec<Vec<String>>,
}

/// Modules of the library by their paths from the crate's root.
struct Crate(BTreeMap<Vec<String>, Module>);

pub(super) fn uses(sources: &[Source]) -> Uses {
    let library = sources.iter().filter_map(|source| {
        let code: String = source.code.iter().flat_map(|(_, line)| [line, "\n"]).collect();
        let (imports, paths) = imports_and_paths(&tokens(&code));
        Some((module_path(&source.name)?, Module { file: source.name.clone(), imports, paths }))
    });
    let library = Crate(library.collect());
    let of_module = |(path, module): (&Vec<String>, &Module)| {
        let is_in_code = |import: &&Import| {
            !import.is_public || module.paths.iter().any(|path| path.first() == Some(&import.name))
        };
        let imported = module.imports.iter().filter(is_in_code).map(|import| &import.path);
        let long = module.paths.iter().filter(|path| path.len() > 1);
        let used = imported
            .chain(long)
            .filter_map(|used| Some((library.defining_file(path, used, 0)?, used.join("::"))));
        (module.file.clone(), used.filter(|(file, _)| *file != module.file).collect())
    };
    library.0.iter().map(of_module).collect()
}

/// Groups of files of which each uses every other, directly or by way of others.
pub(super) fn circles(uses: &Uses) -> Vec<BTreeSet<String>> {
    let reachable = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from]);
        while let Some(file) = open.pop() {
            open.extend(uses[file].keys().filter(|used| seen.insert((*used).clone())));
        }
        seen
    };
    let reached: BTreeMap<_, _> = uses.keys().map(|file| (file, reachable(file))).collect();
    let circle = |file: &String| -> BTreeSet<String> {
        reached[file].iter().filter(|other| reached[other].contains(file)).cloned().collect()
    };
    let all: BTreeSet<_> = uses.keys().map(circle).filter(|circle| circle.len() > 1).collect();
    all.into_iter().collect()
}

/// What holds a circle together, a line for each use: `src/a.rs uses src/b.rs by super::b::B`.
pub(super) fn lines(circle: &BTreeSet<String>, uses: &Uses) -> Vec<String> {
    let of_file = |file: &String| {
        let inside = uses[file].iter().filter(|(used, _)| circle.contains(*used));
        inside.map(|(used, path)| format!("{file} uses {used} by {path}")).collect::<Vec<_>>()
    };
    circle.iter().flat_map(of_file).collect()
}

/// `src/http/client.rs` is `[http, client]`. `None` for the file of a program, which no other file can use.
fn module_path(file: &str) -> Option<Vec<String>> {
    let below = file.strip_prefix("src/")?.strip_suffix(".rs")?;
    if below == "main" || below.starts_with("bin/") {
        return None;
    }
    let below = below.strip_suffix("/mod").unwrap_or(below);
    Some(below.split('/').filter(|name| *name != "lib").map(str::to_owned).collect())
}

impl Crate {
    /// The file that defines what `path` names in the module `from`. `None` for names of other crates, local names and
    /// modules.
    fn defining_file(&self, from: &[String], path: &[String], depth: usize) -> Option<String> {
        let (first, mut rest) = path.split_first()?;
        let mut module = from.to_vec();
        match first.as_str() {
            _ if depth > 20 => return None,
            "crate" => module.clear(),
            "self" => {}
            "super" => _ = module.pop()?,
            _ => {
                let child = [from, std::slice::from_ref(first)].concat();
                if self.0.contains_key(&child) && !rest.is_empty() {
                    module = child;
                } else {
                    let imported = self.imported(from, first)?;
                    // `use a::b::{self, C}`: the name of a module stands for its path.
                    return self.defining_file(from, &[imported, rest].concat(), depth + 1);
                }
            }
        }
        while let Some((name, after)) = rest.split_first() {
            let child = [module.as_slice(), std::slice::from_ref(name)].concat();
            if name == "super" {
                module.pop();
            } else if name == "self" {
                // The module that was named before.
            } else if self.0.contains_key(&child)
                && !(after.is_empty() && self.imported(&module, name).is_some())
            {
                module = child;
            } else if let Some(imported) = self.imported(&module, name) {
                return self.defining_file(&module, &[imported, after].concat(), depth + 1);
            } else {
                return self.0.get(&module).map(|module| module.file.clone());
            }
            rest = after;
        }
        None
    }

    fn imported(&self, module: &[String], name: &str) -> Option<&[String]> {
        let import = self.0.get(module)?.imports.iter().find(|import| import.name == name)?;
        // `use serde;` or a name that stands for itself.
        (import.path.len() > 1).then_some(import.path.as_slice())
    }
}

/// Names and signs of the code, `::` as one; no comments, no text.
fn tokens(code: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), code);
    while let Some(first) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|rest| rest.trim_start_matches('#'));
        let second = rest.chars().nth(1);
        let (length, is_text) = match first {
            '/' if second == Some('/') => (rest.find('\n').unwrap_or(rest.len()), true),
            'r' if raw.is_some_and(|raw| raw.starts_with('"')) => {
                let begin = rest.find('"').unwrap() + 1;
                let end = format!("\"{}", "#".repeat(begin - 2));
                (begin + rest[begin..].find(&end).unwrap() + end.len(), true)
            }
            '"' => {
                let mut is_escaped = false;
                let is_end = |c: char| {
                    let is_end = c == '"' && !is_escaped;
                    is_escaped = c == '\\' && !is_escaped;
                    is_end
                };
                (2 + rest[1..].find(is_end).unwrap(), true)
            }
            '\'' if second == Some('\\') => (4 + rest[3..].find('\'').unwrap(), true),
            '\'' if rest.chars().nth(2) == Some('\'') => (2 + second.unwrap().len_utf8(), true),
            ':' if second == Some(':') => (2, false),
            _ if is_in_name(first) => (rest.find(|c| !is_in_name(c)).unwrap_or(rest.len()), false),
            _ => (first.len_utf8(), first.is_whitespace()),
        };
        if !is_text {
            found.push(rest[..length].to_owned());
        }
        rest = &rest[length..];
    }
    found
}

fn is_in_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn imports_and_paths(tokens: &[String]) -> (Vec<Import>, Vec<Vec<String>>) {
    let text = |at: usize| tokens.get(at).map_or("", String::as_str);
    let end = |from: usize, sign: &str| from + tokens[from..].iter().position(|token| token == sign).unwrap();
    let (mut imports, mut paths) = (Vec::new(), Vec::new());
    // How deep the braces are, and how deep they were where modules began that are written inside this file.
    let (mut depth, mut inline) = (0, Vec::new());
    let (mut at, mut is_public) = (0, false);
    while at < tokens.len() {
        let from_inline = |path: &mut Vec<String>| {
            if !inline.is_empty() && path[0] == "super" {
                path[0] = "self".to_owned();
            }
        };
        match text(at) {
            "pub" => {
                // `pub(crate)`, `pub(in crate::step)`; the bracket of a tuple is not of that kind.
                let is_narrowed =
                    text(at + 1) == "(" && ["crate", "super", "self", "in"].contains(&text(at + 2));
                at = if is_narrowed { end(at, ")") + 1 } else { at + 1 };
                is_public = true;
                continue;
            }
            "use" => {
                let end = end(at, ";");
                for (mut path, name) in leaves(&tokens[at + 1..end]) {
                    from_inline(&mut path);
                    imports.push(Import { path, name, is_public });
                }
                at = end;
            }
            "mod" if text(at + 2) == "{" => inline.push(depth),
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                if inline.last() == Some(&depth) {
                    inline.pop();
                }
            }
            name if name.starts_with(is_in_name) => {
                let mut path = vec![name.to_owned()];
                let is_of_a_value = at > 0 && text(at - 1) == ".";
                while text(at + 1) == "::" && text(at + 2).starts_with(is_in_name) {
                    path.push(text(at + 2).to_owned());
                    at += 2;
                }
                from_inline(&mut path);
                paths.extend((!is_of_a_value).then_some(path));
            }
            _ => {}
        }
        is_public = false;
        at += 1;
    }
    (imports, paths)
}

/// `a::{b, c::{self, D as E}, f::*}` names `a::b` as `b`, `a::c` as `c`, `a::c::D` as `E` and `a::f::*` as `*`.
fn leaves(tree: &[String]) -> Vec<(Vec<String>, String)> {
    let (mut path, mut name, mut at) = (Vec::<String>::new(), None, 0);
    while at < tree.len() {
        match tree[at].as_str() {
            "{" => {
                let (mut depth, mut branches) = (0, vec![Vec::new()]);
                for token in &tree[at + 1..tree.len() - 1] {
                    match token.as_str() {
                        "," if depth == 0 => branches.push(Vec::new()),
                        other => {
                            depth += i32::from(other == "{") - i32::from(other == "}");
                            branches.last_mut().unwrap().push(token.clone());
                        }
                    }
                }
                let of_branch = |branch: &Vec<String>| leaves(branch);
                let all = branches.iter().filter(|branch| !branch.is_empty()).flat_map(of_branch);
                let whole = all.map(|(below, name)| match below.as_slice() {
                    [one] if one == "self" => (path.clone(), path.last().unwrap().clone()),
                    _ => ([path.clone(), below].concat(), name),
                });
                return whole.collect();
            }
            "as" => {
                name = Some(tree[at + 1].clone());
                break;
            }
            "::" => {}
            part => path.push(part.to_owned()),
        }
        at += 1;
    }
    let name = name.or(path.last().cloned()).unwrap_or_default();
    vec![(path, name)]
}

#[test]
fn uses_are_read_from_imports_and_paths() {
    let source = |name: &str, code: &str| Source {
        name: name.to_owned(),
        module: String::new(),
        code: code.lines().enumerate().map(|(index, line)| (index, line.to_owned())).collect(),
    };
    let uses = uses(&[
        source("src/lib.rs", "pub mod a;"),
        source(
            "src/a/mod.rs",
            "pub mod b; mod c; mod d; mod e; pub use c::{C, D as F}; pub use d::run; fn f() { e::g(\"d::g()\") }",
        ),
        source("src/a/b.rs", "use super::{F, c::Other}; fn f() { let c = '\\''; x.run(); crate::a::run() }"),
        source("src/a/c.rs", "use super::d::{self, X}; fn f(d: d::Y) {}"),
        source(
            "src/a/d.rs",
            "mod inner { use super::Z; } use std::fs::{self, File}; fn f() { fs::read(r#\"crate::a::b::X\"#) }",
        ),
        source("src/a/e.rs", "use super::f; fn g() {}"),
        source("src/main.rs", "use sonar_azdo::a::b;"),
    ]);
    let used = |file: &str| uses[file].keys().map(String::as_str).collect::<Vec<_>>();
    assert_eq!(used("src/lib.rs"), [""; 0]);
    assert_eq!(used("src/a/mod.rs"), ["src/a/e.rs"], "what is only handed on is not used");
    assert_eq!(used("src/a/b.rs"), ["src/a/c.rs", "src/a/d.rs"]);
    assert_eq!(used("src/a/c.rs"), ["src/a/d.rs"]);
    assert_eq!(used("src/a/d.rs"), [""; 0]);
    assert_eq!(used("src/a/e.rs"), ["src/a/mod.rs"]);
    let circles = circles(&uses);
    assert_eq!(circles, [["src/a/e.rs", "src/a/mod.rs"].map(str::to_owned).into()]);
    let lines = lines(&circles[0], &uses);
    assert_eq!(lines, ["src/a/e.rs uses src/a/mod.rs by super::f", "src/a/mod.rs uses src/a/e.rs by e::g"]);
}
