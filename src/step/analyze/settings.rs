//! The settings files of an analysis: the project's own, and those of its modules.

use crate::analysis::{Properties, java_properties};
use crate::error::{Error, Result};
use crate::step::records::Record;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

const BASE_DIR: &str = "sonar.projectBaseDir";
const MODULES: &str = "sonar.modules";
const FILE: &str = "sonar-project.properties";

/// Deeper than any project: modules that lie in each other end here.
const DEEPEST: usize = 10;

/// The settings file: required in file mode, read where it lies in the base directory otherwise.
pub(super) fn read(record: &Record, working_directory: &Path, base_dir: &Path) -> Result<Properties> {
    let (file, required) = match &record.prepared.settings_file {
        Some(file) => (working_directory.join(file), true),
        None => (base_dir.join(FILE), false),
    };
    match load(&file)? {
        Some(properties) => {
            tracing::info!("Settings: {}", file.display());
            Ok(properties)
        }
        None if !required => Ok(Properties::default()),
        None => Err(Error::new(format!("the settings file {} does not exist", file.display()))
            .hint("Set configFile to a file that exists when SonarAnalyze runs.")),
    }
}

/// Adds what the modules that `properties` name (`sonar.modules`) bring: the base directory of each, and what the
/// settings file in it sets; keys begin with the module's name. As SonarScanner CLI does it, that file wins over the
/// project's own, and `chosen`, which no file says, over both.
///
/// # Errors
/// A module's base directory or settings file does not exist.
pub(super) fn add_modules(properties: &mut Properties, chosen: &Properties, base_dir: &Path) -> Result<()> {
    for (key, value) in of_modules(properties, base_dir)?.iter() {
        // It is absolute now.
        if key.ends_with(BASE_DIR) || chosen.value(key).is_none() {
            properties.set(key, value);
        }
    }
    Ok(())
}

fn of_modules(properties: &Properties, base_dir: &Path) -> Result<Properties> {
    let mut found = Properties::default();
    collect(properties, base_dir, "", DEEPEST, &mut found)?;
    Ok(found)
}

fn collect(
    parent: &Properties,
    directory: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Properties,
) -> Result<()> {
    let names = parent.value(MODULES).unwrap_or_default();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if depth == 0 {
            return Err(Error::new(format!("the modules {prefix}{name} lie more than {DEEPEST} deep"))
                .hint("Check sonar.modules in the settings files of the modules."));
        }
        let mut module = parent.below(&format!("{name}."));
        let directory = load_module(name, directory, &mut module)?;
        let prefix = format!("{prefix}{name}.");
        for (key, value) in module.iter() {
            found.set(format!("{prefix}{key}"), value);
        }
        collect(&module, &directory, &prefix, depth - 1, found)?;
    }
    Ok(())
}

/// Adds to `module` what its settings file sets. Returns its base directory.
fn load_module(name: &str, parent: &Path, module: &mut Properties) -> Result<PathBuf> {
    let (mut directory, file) = match (module.value(BASE_DIR), module.value("sonar.projectConfigFile")) {
        (Some(chosen), _) => {
            let directory = parent.join(chosen);
            // What lies beside the parent's file is the parent's.
            let file = (without_dots(&directory) != without_dots(parent)).then(|| directory.join(FILE));
            (directory, file)
        }
        (None, Some(chosen)) => {
            let file = parent.join(chosen);
            if !file.is_file() {
                let message =
                    format!("the settings file of the module {name} does not exist: {}", file.display());
                return Err(Error::new(message).hint(format!("Correct {name}.sonar.projectConfigFile.")));
            }
            (file.parent().unwrap_or(parent).to_owned(), Some(file))
        }
        (None, None) => {
            let directory = parent.join(name);
            let file = directory.join(FILE);
            (directory, Some(file))
        }
    };
    if let Some(properties) = file.as_deref().map(load).transpose()?.flatten() {
        if let Some(chosen) = properties.value(BASE_DIR) {
            directory = directory.join(chosen);
        }
        module.extend(&properties);
    }
    if !directory.is_dir() {
        let message =
            format!("the base directory of the module {name} does not exist: {}", directory.display());
        return Err(Error::new(message)
            .hint(format!("Correct {MODULES}, or set {name}.{BASE_DIR} to the module's directory.")));
    }
    let directory = without_dots(&directory);
    module.set(BASE_DIR, directory.display().to_string());
    Ok(directory)
}

/// `a/../b` is `b`, as the scanner shows it.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

fn load(file: &Path) -> Result<Option<Properties>> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(java_properties::parse(&text).into_iter().collect())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::new(format!("the settings file {} can't be read: {error}", file.display()))
            .hint("It must be UTF-8.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(text: &str) -> Properties {
        java_properties::parse(text).into_iter().collect()
    }

    /// Files below a folder: `(name, text)`.
    fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = folder.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let path = std::fs::canonicalize(folder.path()).unwrap();
        (folder, path)
    }

    fn of(base: &Path, root: &str) -> String {
        let found = of_modules(&properties(root), base).map_err(|error| error.to_string());
        let text = match found {
            Ok(found) => found.iter().map(|(key, value)| format!("{key}={value}\n")).collect(),
            Err(error) => error,
        };
        text.replace(&base.display().to_string(), "<base>")
    }

    /// What SonarScanner CLI 8.1 hands to the engine for the same files.
    #[test]
    fn as_the_cli_does() {
        let (_folder, base) = project(&[
            ("a/sonar-project.properties", "sonar.projectName=Module A\nsonar.modules=sub\nfoo.bar=1\n"),
            ("a/sub/x.py", ""),
            ("b/sonar-project.properties", "sonar.projectName=Module B\nsonar.inclusions=**/*.py\n"),
            ("c/my.properties", "cf=1\nsonar.sources=zz \n"),
            ("up/sonar-project.properties", "sonar.projectBaseDir=..\nsonar.x=1\n"),
            ("other/x/sonar-project.properties", "q=1\n"),
        ]);
        let root =
            "sonar.modules=a, b\nsonar.sources=src\nb.sonar.sources=srcb\nb.sonar.projectName=B\na.x.y=z\n";
        insta::assert_snapshot!(of(&base, root), @r"
        a.foo.bar=1
        a.sonar.modules=sub
        a.sonar.projectBaseDir=<base>/a
        a.sonar.projectName=Module A
        a.sub.sonar.projectBaseDir=<base>/a/sub
        a.x.y=z
        b.sonar.inclusions=**/*.py
        b.sonar.projectBaseDir=<base>/b
        b.sonar.projectName=Module B
        b.sonar.sources=srcb
        ");
        let root =
            "sonar.modules=p,q\np.sonar.projectBaseDir=other/x\nq.sonar.projectConfigFile=c/my.properties\n";
        insta::assert_snapshot!(of(&base, root), @r"
        p.q=1
        p.sonar.projectBaseDir=<base>/other/x
        q.cf=1
        q.sonar.projectBaseDir=<base>/c
        q.sonar.projectConfigFile=c/my.properties
        q.sonar.sources=zz 
        ");
        insta::assert_snapshot!(of(&base, "sonar.modules=up"), @r"
        up.sonar.projectBaseDir=<base>
        up.sonar.x=1
        ");
        let root = "sonar.modules=q\nq.sonar.projectBaseDir=.\nq.sonar.modules=b\nq.sonar.projectKey=k\n";
        insta::assert_snapshot!(of(&base, root), @r"
        q.b.sonar.inclusions=**/*.py
        q.b.sonar.projectBaseDir=<base>/b
        q.b.sonar.projectName=Module B
        q.sonar.modules=b
        q.sonar.projectBaseDir=<base>
        q.sonar.projectKey=k
        ");
        assert_eq!(of(&base, "sonar.sources=src\nsonar.modules= ,\n"), "");
    }

    #[test]
    fn what_is_not_there() {
        let to = |name: &str| format!("sonar.modules={name}\n{name}.sonar.projectBaseDir=../{name}");
        let (_folder, base) =
            project(&[("a/sonar-project.properties", &to("b")), ("b/sonar-project.properties", &to("a"))]);
        insta::assert_snapshot!(of(&base, "sonar.modules=a"), @"the modules a.b.a.b.a.b.a.b.a.b.a lie more than 10 deep. Check sonar.modules in the settings files of the modules.");
        insta::assert_snapshot!(of(&base, "sonar.modules=no"), @"the base directory of the module no does not exist: <base>/no. Correct sonar.modules, or set no.sonar.projectBaseDir to the module's directory.");
        let root = "sonar.modules=m\nm.sonar.projectConfigFile=m.properties";
        insta::assert_snapshot!(of(&base, root), @"the settings file of the module m does not exist: <base>/m.properties. Correct m.sonar.projectConfigFile.");
    }
}
