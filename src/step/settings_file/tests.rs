use super::*;
use crate::analysis::java_properties;
use crate::analysis::{PropertySource, Rules};
use std::path::{Path, PathBuf};

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

fn sources(base: &Path) -> SourceTree {
    SourceTree { working_directory: base.to_owned(), roots: vec![base.to_owned()], results: Vec::new() }
}

/// What the modules bring that a settings file names with this text.
fn of(base: &Path, root: &str) -> String {
    let mut precedence = Precedence::new(Rules::default());
    let sources = sources(base);
    let entries: Vec<_> = java_properties::assignments(root);
    sources.add(&mut precedence, PropertySource::SettingsFile, "", &base.join(FILE), &entries);
    let text = match sources.add_modules(&|_| None, &mut precedence, base) {
        Ok(()) => {
            let properties = precedence.properties();
            let of_modules = properties.iter().filter(|(key, _)| !key.starts_with("sonar."));
            of_modules.map(|(key, value)| format!("{key}={value}\n")).collect()
        }
        Err(error) => error.to_string(),
    };
    text.replace(&base.display().to_string(), "<base>")
}

/// The engine splits `sonar.modules` as CSV and drops other blanks than this program: a folder of another name would be the
/// module's.
#[test]
fn module_names_that_scanners_read_differently_are_refused() {
    for name in ["\"a,b\"", "a\\nb", "a\u{a0}", "\u{2003}a"] {
        let (_folder, base) = project(&[("a/x", ""), ("b/x", ""), ("\"a/x", ""), ("b\"/x", "")]);
        std::fs::create_dir_all(base.join("a\nb")).unwrap();
        let told = of(&base, &format!("sonar.modules={name}"));
        assert!(told.contains("is not a name for a module"), "{name}: {told}");
    }
}

/// Observed of SonarScanner CLI 8.1: it reads the settings file in the base directory that it is given for a module. That is
/// another one than was read here if the first one names another base directory.
#[test]
fn a_module_has_one_settings_file() {
    let moved = ("web/sonar-project.properties", "sonar.projectBaseDir=src");
    let named = ("web/src/other.properties", "");
    let second = ("web/src/sonar-project.properties", "sonar.projectDate=2001-01-01");
    for (root, first) in [
        ("sonar.modules=web", moved),
        ("sonar.modules=web\nweb.sonar.projectConfigFile=web/src/other.properties", named),
    ] {
        let (_folder, base) = project(&[first, second]);
        let told = of(&base, root);
        assert!(told.contains("the module web has two settings files"), "{told}");
        let (_folder, base) = project(&[first, ("web/src/a.py", "")]);
        assert!(of(&base, root).contains("web.sonar.projectBaseDir=<base>/web/src"));
    }
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
    insta::assert_snapshot!(of(&base, "sonar.modules=a"), @"the modules a.b.a.b.a.b.a.b.a.b.a are nested more than 10 deep. Check sonar.modules in the settings files of the modules.");
    insta::assert_snapshot!(of(&base, "sonar.modules=no"), @"the base directory of the module no does not exist: <base>/no. Correct sonar.modules, or set no.sonar.projectBaseDir to the module's directory.");
    let root = "sonar.modules=m\nm.sonar.projectConfigFile=m.properties";
    insta::assert_snapshot!(of(&base, root), @"the settings file of the module m does not exist: <base>/m.properties. Correct m.sonar.projectConfigFile.");
}

#[test]
#[cfg(unix)]
fn modules_stay_in_the_sources() {
    let (folder, base) =
        project(&[("s/a/sonar-project.properties", "sonar.projectBaseDir=../../other\n"), ("other/x", "")]);
    let _keep = folder;
    let base = base.join("s");
    std::os::unix::fs::symlink("/", base.join("away")).unwrap();
    for root in [
        "sonar.modules=a",
        "sonar.modules=../other",
        "sonar.modules=away",
        "sonar.modules=m\nm.sonar.projectBaseDir=away/tmp",
    ] {
        let told = of(&base, root);
        assert!(told.contains("leaves the sources: "), "{root}: {told}");
    }
}

#[test]
#[cfg(unix)]
fn only_regular_files_of_some_size_are_read() {
    let (_folder, base) = project(&[("big", &" ".repeat(1 << 20)), ("bigger", &" ".repeat((1 << 20) + 1))]);
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, base.join(name)).unwrap();
    link("/dev/zero", "zero");
    link("/etc/passwd", "away");
    link("big", "near");
    std::fs::create_dir(base.join("folder")).unwrap();
    let load = |name: &str| sources(&base).load(&base.join(name)).map_err(|error| error.to_string());
    assert_eq!(load("big"), Ok(Some(Vec::new())));
    assert_eq!(load("near"), Ok(Some(Vec::new())));
    assert_eq!(load("none"), Ok(None));
    for (name, expected) in [
        ("bigger", "is larger than 1 MiB"),
        ("zero", "is not a regular file"),
        ("folder", "is not a regular file"),
        ("away", "is a link that leads out of the sources"),
    ] {
        let told = load(name).unwrap_err();
        assert!(told.contains(expected), "{name}: {told}");
    }
}
