use super::*;

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
        Self { cache: Cache::in_user_home(folder.path()), folder, jar, java }
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
        place(&self.jar, &self.java, OPTIONS).unwrap()
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
fn one_run_makes_it_and_later_ones_use_it() {
    let machine = Machine::new();
    let archive = machine.making();
    assert!(matches!(machine.find(), ClassArchive::Unused), "another run at the same time makes none");
    archive.settle(true, true);
    drop(archive);
    assert_eq!(machine.files(), ["jar", "jsa"]);

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
    archive.settle(false, false);
    assert!(path.exists());
}

#[test]
fn analyses_of_one_step_are_one_run() {
    let machine = Machine::new();
    let step = Marks::default();
    for _ in 0..3 {
        assert!(matches!(machine.find_by(&step), ClassArchive::Unused));
        assert_eq!(machine.files(), ["jar", "wanted"]);
    }
    assert!(machine.find().is_made());
}

#[test]
fn what_java_may_have_died_of_is_not_used_again() {
    let machine = Machine::new();
    let archive = machine.making();
    archive.discard();
    archive.settle(true, true);
    drop(archive);
    assert_eq!(machine.files(), ["jar", "jsa"], "what was made is kept");
    machine.find().discard();
    assert_eq!(machine.files(), ["jar"]);
    assert!(matches!(machine.find(), ClassArchive::Unused));
}

#[test]
fn what_other_options_left_is_swept_a_week_later() {
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
    archive.settle(true, true);
    assert!(!old.exists() && machine.place().exists());
}

#[test]
fn what_java_could_not_write_is_not_tried_again() {
    let machine = Machine::new();
    machine.making().settle(true, false);
    assert_eq!(machine.files(), ["jar", "tried"]);
    for _ in 0..3 {
        assert!(matches!(machine.find(), ClassArchive::Unused));
    }
}

#[test]
fn a_failed_analysis_loaded_too_few_classes() {
    let machine = Machine::new();
    machine.making().settle(false, true);
    assert_eq!(machine.files(), ["jar", "wanted"]);
    assert!(machine.find().is_made());
}

#[test]
fn whatever_it_depends_on_names_it() {
    let machine = Machine::new();
    let first = place(&machine.jar, &machine.java, OPTIONS).unwrap();
    assert_eq!(place(&machine.jar, &machine.java, OPTIONS).as_ref(), Some(&first));
    assert_eq!(first.parent(), machine.jar.parent());
    let mut names = vec![first];
    names.push(place(&machine.jar, &machine.java, "").unwrap());
    fs::write(&machine.jar, "another engine").unwrap();
    names.push(place(&machine.jar, &machine.java, OPTIONS).unwrap());
    fs::write(machine.folder.path().join("cache/cd/jre/lib/modules"), "another Java").unwrap();
    names.push(place(&machine.jar, &machine.java, OPTIONS).unwrap());
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 4);

    for options in [
        "-javaagent:x.jar",
        "-Xshare:off",
        "-XX:SharedArchiveFile=x",
        "-Djdk.module.upgrade.path=x",
        "-Xlog:gc",
    ] {
        assert_eq!(place(&machine.jar, &machine.java, options), None, "{options}");
    }
    assert_eq!(place(&machine.jar, Path::new("/nowhere/bin/java"), OPTIONS), None);
}

#[test]
fn a_cache_that_cannot_be_written_is_no_trouble() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.jar.parent().unwrap()).unwrap();
    assert!(matches!(machine.find(), ClassArchive::Unused));
}
