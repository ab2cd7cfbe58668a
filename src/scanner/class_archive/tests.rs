use super::*;
use crate::secret::Secret;

fn seal() -> CacheSeal {
    CacheSeal::new(&Secret::new("squ_1"))
}

struct Machine {
    folder: tempfile::TempDir,
    cache: Cache,
    jar: PathBuf,
    java: PathBuf,
}

const OPTIONS: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx1g -Dx=y";

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, path.display().to_string()).unwrap();
            path
        };
        let (jar, java) = (write("cache/ab/engine.jar"), write("cache/cd/jre/bin/java"));
        write("cache/cd/jre/lib/modules");
        Self { cache: Cache::in_user_home(folder.path()).sealed(Some(seal())), folder, jar, java }
    }

    /// What a step of its own finds.
    fn find(&self) -> ClassArchive {
        self.find_by(&Marks::default())
    }

    fn find_by(&self, step: &Marks) -> ClassArchive {
        ClassArchive::find(&self.cache, &self.jar, &self.java, OPTIONS, step)
    }

    /// The second run of all that find the engine in the cache.
    fn making(&self) -> ClassArchive {
        assert!(matches!(self.find(), ClassArchive::Unused));
        let archive = self.find();
        assert!(archive.is_made());
        fs::write(written(&archive), "classes").unwrap();
        archive
    }

    fn place(&self) -> PathBuf {
        place(&self.jar, &self.java, OPTIONS, &seal()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut ends: Vec<_> = ["ab", "_tmp"]
            .iter()
            .flat_map(|name| fs::read_dir(self.folder.path().join("cache").join(name)).into_iter().flatten())
            .map(|entry| entry.unwrap().path().extension().unwrap().to_str().unwrap().to_owned())
            .collect();
        ends.sort();
        ends
    }
}

/// Where Java is told to write.
fn written(archive: &ClassArchive) -> String {
    let options = archive.options();
    assert_eq!(options[1..], ["-Xlog:cds*=off"]);
    options[0].strip_prefix("-XX:ArchiveClassesAtExit=").unwrap().to_owned()
}

#[test]
fn one_run_makes_the_archive_and_later_ones_use_it() {
    let machine = Machine::new();
    let archive = machine.making();
    assert!(matches!(machine.find(), ClassArchive::Unused), "another run at the same time makes none");
    archive.finish(true, true);
    drop(archive);
    assert_eq!(machine.files(), ["checked", "jar", "jsa"]);

    let archive = machine.find();
    assert!(!archive.is_made());
    let ClassArchive::Used(path) = &archive else { panic!("{archive:?}") };
    assert_eq!(fs::read(path).unwrap(), b"classes");
    assert_eq!(
        archive.options(),
        [
            format!("-XX:SharedArchiveFile={}", path.display()).as_str(),
            "-Xlog:cds*=off",
            "-XX:+VerifySharedSpaces"
        ]
    );
    archive.finish(false, false);
    assert!(path.exists());
}

#[test]
fn the_analyses_of_one_step_count_as_one_run() {
    let machine = Machine::new();
    let step = Marks::default();
    for _ in 0..3 {
        assert!(matches!(machine.find_by(&step), ClassArchive::Unused));
        assert_eq!(machine.files(), ["jar", "wanted"]);
    }
    assert!(machine.find().is_made());
}

#[test]
fn an_archive_that_java_may_have_crashed_on_is_not_used_again() {
    let machine = Machine::new();
    let archive = machine.making();
    archive.discard();
    archive.finish(true, true);
    drop(archive);
    assert_eq!(machine.files(), ["checked", "jar", "jsa"], "what was made is kept");
    machine.find().discard();
    assert_eq!(machine.files(), ["checked", "jar"]);
    assert!(matches!(machine.find(), ClassArchive::Unused));
}

#[test]
fn an_archive_for_other_options_is_removed_after_a_week() {
    let machine = Machine::new();
    let kept = machine.place();
    for name in ["classes-0.jsa", "classes-0.wanted", "classes-1.tried", "other.jsa"] {
        fs::write(kept.with_file_name(name), "").unwrap();
    }
    fs::write(&kept, "classes").unwrap();
    let all = machine.files();
    let hours = |hours: u64| SystemTime::now() + Duration::from_secs(hours * 60 * 60);
    sweep(&kept, hours(6 * 24));
    assert_eq!(machine.files(), all);
    sweep(&kept, hours(8 * 24));
    assert_eq!(machine.files(), ["jar", "jsa", "jsa"]);
    assert!(kept.exists() && kept.with_file_name("other.jsa").exists());

    let machine = Machine::new();
    let archive = machine.making();
    let old = machine.place().with_file_name("classes-0.tried");
    File::create(&old).unwrap().set_modified(SystemTime::now() - Duration::from_secs(8 * 86400)).unwrap();
    archive.finish(true, true);
    assert!(!old.exists() && machine.place().exists());
}

#[test]
fn an_archive_that_java_could_not_write_is_not_tried_again() {
    let machine = Machine::new();
    machine.making().finish(true, false);
    assert_eq!(machine.files(), ["jar", "tried"]);
    for _ in 0..3 {
        assert!(matches!(machine.find(), ClassArchive::Unused));
    }
}

#[test]
fn a_failed_analysis_leaves_no_archive() {
    let machine = Machine::new();
    machine.making().finish(false, true);
    assert_eq!(machine.files(), ["jar", "wanted"]);
    assert!(machine.find().is_made());
}

#[test]
fn the_name_of_an_archive_depends_on_engine_java_and_options() {
    let machine = Machine::new();
    let first = place(&machine.jar, &machine.java, OPTIONS, &seal()).unwrap();
    assert_eq!(place(&machine.jar, &machine.java, OPTIONS, &seal()).as_ref(), Some(&first));
    assert_eq!(first.parent(), machine.jar.parent());
    let mut names = vec![first];
    names.push(place(&machine.jar, &machine.java, "", &seal()).unwrap());
    fs::write(&machine.jar, "another engine").unwrap();
    names.push(place(&machine.jar, &machine.java, OPTIONS, &seal()).unwrap());
    fs::write(machine.folder.path().join("cache/cd/jre/lib/modules"), "another Java").unwrap();
    names.push(place(&machine.jar, &machine.java, OPTIONS, &seal()).unwrap());
    let other = CacheSeal::new(&Secret::new("squ_2"));
    names.push(place(&machine.jar, &machine.java, OPTIONS, &other).unwrap());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 5);

    for options in [
        "-javaagent:x.jar",
        "-Xshare:off",
        "-XX:SharedArchiveFile=x",
        "-Djdk.module.upgrade.path=x",
        "-Xlog:gc",
    ] {
        assert_eq!(place(&machine.jar, &machine.java, options, &seal()), None, "{options}");
    }
    assert_eq!(place(&machine.jar, Path::new("/nowhere/bin/java"), OPTIONS, &seal()), None);
}

#[test]
fn without_a_writable_cache_there_is_no_archive() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.jar.parent().unwrap()).unwrap();
    assert!(matches!(machine.find(), ClassArchive::Unused));
}

#[test]
fn an_archive_without_this_connections_seal_or_with_a_change_is_not_mapped() {
    let alter = |machine: &Machine| {
        let place = machine.place();
        let modified = place.metadata().unwrap().modified().unwrap();
        fs::remove_file(&place).unwrap();
        fs::write(&place, "CLASSES").unwrap();
        File::options().write(true).open(&place).unwrap().set_modified(modified).unwrap();
    };
    let forge = |machine: &Machine| {
        alter(machine);
        let other = CacheSeal::new(&Secret::new("of an earlier build"));
        note(&machine.place(), &sha256(&machine.place()).unwrap(), &other).unwrap();
        let folder = machine.jar.parent().unwrap();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.to_str().unwrap().ends_with(&format!(".{}.checked", other.id())) {
                fs::rename(&path, path.to_str().unwrap().replace(other.id(), seal().id())).unwrap();
            }
        }
    };
    let open = |machine: &Machine| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(machine.place(), fs::Permissions::from_mode(0o666)).unwrap();
    };
    let changes: [&dyn Fn(&Machine); 3] = [&alter, &forge, &open];
    for change in changes {
        let machine = Machine::new();
        machine.making().finish(true, true);
        assert!(matches!(machine.find(), ClassArchive::Used(_)));
        change(&machine);
        assert!(!matches!(machine.find(), ClassArchive::Used(_)));
        assert!(!machine.place().exists());
    }
    let unsealed = Machine::new();
    let without = Cache::in_user_home(unsealed.folder.path());
    let found = ClassArchive::find(&without, &unsealed.jar, &unsealed.java, OPTIONS, &Marks::default());
    assert!(matches!(found, ClassArchive::Unused));
}
