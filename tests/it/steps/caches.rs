//! The cache that the agents of a machine share: many agents at once, killed ones, damaged files, full disks. The server's
//! programs are scripts that check what they run with.

use super::scanners::{DOTNET, dotnet_scanner};
use crate::depot::{Depot, PIECES};
use crate::fake_agent::{Step, Task, TaskResult};
use crate::fake_sonarqube::json_answer;
use crate::scenario::{Scenario, copy};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

const MODULES: &str = "jdk/lib/modules";
const ENGINE: usize = 100_000;

/// A server that offers an engine, a Java runtime and plugins, and a job with an analysis prepared.
struct Machine {
    scenario: Scenario,
    depot: Depot,
    engine: Vec<u8>,
    archive: Vec<u8>,
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let block = |number: usize| Sha256::digest(number.to_le_bytes());
    (0..length.div_ceil(32)).flat_map(block).take(length).collect()
}

/// `java` is a script that runs `body` once it knows that runtime, engine and plugins are whole; in it, `$jar` is
/// the engine, and `$home` the folder of the job.
fn jre(job: &Path, body: &str) -> Vec<u8> {
    let script = format!(
        r#"#!/bin/sh
home='{}'
for jar; do :; done
echo run >>"$home/runs"
[ "$(cat "${{0%/bin/java}}/lib/modules" | cksum)" = "$(cksum <"$home/expected/modules")" ] ||
  {{ echo 'Error: could not load the modules' >&2; exit 1; }}
cmp -s "$jar" "$home/expected/engine" || {{ echo "Error: Invalid or corrupt jarfile $jar" >&2; exit 1; }}
for plugin in "$(dirname "$jar")"/../*/sonar-*-plugin.jar; do
  [ ! -e "$plugin" ] || cmp -s "$plugin" "$home/expected/plugin" || [ ! -e "$plugin" ] || {{ echo corrupt >>"$home/corrupt"; exit 1; }}
done
while [ -e "$home/hold" ] && kill -0 $PPID 2>/dev/null; do sleep 0.02; done
{body}
"#,
        job.display()
    );
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut builder = tar::Builder::new(encoder);
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        builder.append_data(&mut header, path, content).unwrap();
    };
    add("jdk/bin/java", script.as_bytes());
    for number in 0..40 {
        add(&format!("jdk/legal/{number}"), &noise(1000));
    }
    add(MODULES, &noise(50_000));
    builder.into_inner().unwrap().finish().unwrap()
}

impl Machine {
    fn new() -> Self {
        Self::with_java("")
    }

    fn with_java(body: &str) -> Self {
        Self::with(body, noise(ENGINE))
    }

    fn with(body: &str, engine: Vec<u8>) -> Self {
        let mut scenario = Scenario::new();
        let depot = Depot::start();
        let archive = jre(&scenario.job.path(""), body);
        let home = scenario.job.path("höme mit leerzeichen");
        scenario.job.set("SONAR_USER_HOME", home.to_str().unwrap());
        let expected = scenario.job.path("expected");
        std::fs::create_dir(&expected).unwrap();
        std::fs::write(expected.join("engine"), &engine).unwrap();
        std::fs::write(expected.join("modules"), noise(50_000)).unwrap();
        scenario.sonarqube.change(|model| {
            model.engine = json!({
                "filename": "engine.jar", "sha256": hex(Sha256::digest(&engine)),
                "downloadUrl": depot.put("engine", &engine),
            });
            model.jres = json!([{
                "id": "1", "filename": "jre.tar.gz", "sha256": hex(Sha256::digest(&archive)),
                "javaPath": "jdk/bin/java", "downloadUrl": depot.put("jre", &archive),
            }]);
            model.plugin_location = depot.url().to_owned();
        });
        scenario.job.write("src/main.py", "print(1)\n");
        scenario.prepare(&[]).succeeded();
        Self { scenario, depot, engine, archive }
    }

    /// Offers plugins of this content: one that each analysis needs, one for each of these languages.
    fn offer_plugins(&self, content: &str, md5: &str, languages: &[&str]) {
        std::fs::write(self.scenario.job.path("expected/plugin"), content).unwrap();
        let plugin = |key: &str, languages: Value| {
            self.depot.put(key, content.as_bytes());
            json!({ "key": key, "hash": md5, "filename": "x.jar", "requiredForLanguages": languages })
        };
        let mut plugins = vec![plugin("text", json!([]))];
        plugins.extend(languages.iter().map(|language| plugin(&format!("for{language}"), json!([language]))));
        self.scenario.sonarqube.change(|model| model.plugins = plugins.into());
    }

    fn cache(&self) -> PathBuf {
        self.scenario.job.path("höme mit leerzeichen/cache")
    }

    fn engine_file(&self) -> PathBuf {
        self.cache().join(hex(Sha256::digest(&self.engine))).join("engine.jar")
    }

    fn archive_file(&self) -> PathBuf {
        self.cache().join(hex(Sha256::digest(&self.archive))).join("jre.tar.gz")
    }

    fn unpacked(&self, path: &str) -> PathBuf {
        self.archive_file().with_file_name("jre.tar.gz_extracted").join(path)
    }

    /// Without runtimes that were replaced, because others may still run from them.
    fn temporary_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.cache().join("_tmp")).into_iter().flatten();
        let files = entries.map(|entry| entry.unwrap().path());
        files.filter(|path| !path.to_str().unwrap().ends_with("-unusable")).collect()
    }

    /// The analysis that was run is open again.
    fn reopen(&self) {
        let _ = std::fs::remove_file(self.scenario.records()[0].join("analyzed.json"));
    }

    fn analyze(&mut self) -> Step {
        self.reopen();
        self.scenario.analyze()
    }

    /// SonarAnalyze as a plain process.
    fn process(&self) -> Command {
        let mut command = self.scenario.job.command(Task::Analyze, &[]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// How often Java was started since the last call.
    fn runs(&self) -> usize {
        let file = self.scenario.job.path("runs");
        let runs = std::fs::read_to_string(&file).unwrap_or_default().lines().count();
        let _ = std::fs::remove_file(file);
        runs
    }

    /// How often engine and runtime were downloaded.
    fn downloads(&self) -> (usize, usize) {
        (self.depot.times_asked("engine"), self.depot.times_asked("jre"))
    }
}

/// Flips a bit in the middle, and keeps the size.
fn flip(file: &Path) {
    let mut content = std::fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(file, content).unwrap();
}

fn truncate(file: &Path) {
    let length = file.metadata().unwrap().len();
    File::options().write(true).open(file).unwrap().set_len(length / 2).unwrap();
}

#[test]
fn sixteen_processes_download_each_file_once() {
    let machine = Machine::new();
    machine.offer_plugins("a plugin", PLUGIN_MD5, &["py"]);
    let temp = machine.scenario.job.temp();
    let processes = (0..16).map(|number| {
        let own = machine.scenario.job.path(&format!("temp{number}"));
        copy(&temp, &own);
        machine.process().env("AGENT_TEMPDIRECTORY", own).spawn().unwrap()
    });
    for process in processes.collect::<Vec<_>>() {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("##vso[task.complete result=Succeeded;]"), "{text}");
    }
    assert_eq!(machine.runs(), 16);
    assert_eq!(machine.downloads(), (1, 1));
    assert!(machine.depot.times_asked("text") <= 1 && machine.depot.times_asked("forpy") <= 1);
    assert!(machine.temporary_files().is_empty(), "{:?}", machine.temporary_files());
}

/// MD5 of `a plugin`.
const PLUGIN_MD5: &str = "fedf673d9350fddffc14cd014fcd8f29";

/// Where a process is killed.
#[derive(Debug)]
enum Point {
    /// When so many pieces of engine, runtime and plugins were sent.
    Pieces(usize),
    /// When the file is there.
    File(PathBuf),
}

#[test]
fn a_run_killed_at_any_of_fifty_points_leaves_nothing_damaged() {
    let machine = Machine::new();
    machine.offer_plugins("a plugin", PLUGIN_MD5, &["py"]);
    // The plugins' are eight pieces each: of one byte.
    let mut points: Vec<_> = (0..=2 * PIECES + 8).map(Point::Pieces).collect();
    points.extend(
        [
            machine.engine_file(),
            machine.archive_file(),
            machine.unpacked(""),
            machine.scenario.job.path("runs"),
        ]
        .map(Point::File),
    );
    assert!(points.len() >= 50);
    let hold = machine.scenario.job.path("hold");
    for (number, point) in points.iter().enumerate() {
        std::fs::write(&hold, "").unwrap();
        machine.depot.forget();
        machine.depot.allow(match point {
            Point::Pieces(pieces) => Some(*pieces),
            Point::File(_) => None,
        });
        let mut process = machine.process().spawn().unwrap();
        match point {
            Point::Pieces(pieces) => machine.depot.await_sent(*pieces),
            Point::File(file) => {
                while !file.exists() {
                    assert_eq!(process.try_wait().unwrap(), None, "{point:?}");
                    std::thread::yield_now();
                }
            }
        }
        process.kill().unwrap();
        process.wait().unwrap();
        std::fs::remove_file(&hold).unwrap();
        machine.depot.allow(None);
        let is_late = number % 2 == 0;
        if is_late {
            let yesterday = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
            for file in machine.temporary_files() {
                File::open(file).unwrap().set_modified(yesterday).unwrap();
            }
        }
        let output = machine.process().output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("##vso[task.complete result=Succeeded;]"), "{point:?}: {text}");
        assert!(
            !text.contains("checked, and run once more"),
            "{point:?}: something corrupt was used: {text}"
        );
        assert!(!machine.scenario.job.path("corrupt").exists(), "{point:?}: a corrupt plugin");
        assert_eq!(std::fs::read(machine.engine_file()).unwrap(), machine.engine, "{point:?}");
        assert!(
            !is_late || machine.temporary_files().is_empty(),
            "{point:?}: {:?}",
            machine.temporary_files()
        );
        machine.reopen();
        machine.runs();
        std::fs::remove_dir_all(machine.cache()).unwrap();
    }
}

#[test]
fn leftovers_of_a_killed_run_are_removed_after_a_day() {
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    let left = machine.cache().join("_tmp/0123-unpacked");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("x"), "").unwrap();
    machine.analyze().succeeded();
    assert!(left.exists());
    let yesterday = SystemTime::now() - Duration::from_secs(25 * 60 * 60);
    File::open(&left).unwrap().set_modified(yesterday).unwrap();
    machine.analyze().succeeded();
    assert!(!left.exists());
    assert_eq!(machine.downloads(), (1, 1));
}

/// What is damaged, how, and what is downloaded then in all: engine, runtime.
#[test]
fn a_damaged_file_in_the_cache_is_never_used() {
    let mut machine = Machine::new();
    machine.analyze().succeeded().says("Scanner engine: engine.jar (downloaded)");
    let (engine, archive) = (machine.engine_file(), machine.archive_file());
    let (modules, java) = (machine.unpacked(MODULES), machine.unpacked("jdk/bin/java"));
    let all = machine.unpacked("");
    type Damage<'a> = (&'a str, &'a dyn Fn(), (usize, usize), &'a str);
    let damages: [Damage<'_>; 9] = [
        ("a flipped engine", &|| flip(&engine), (2, 1), "engine.jar was damaged"),
        ("a truncated engine", &|| truncate(&engine), (3, 1), "engine.jar was damaged"),
        ("a flipped archive, not needed", &|| flip(&archive), (3, 1), ""),
        ("a flipped archive", &|| std::fs::remove_dir_all(&all).unwrap(), (3, 2), "jre.tar.gz was damaged"),
        (
            "a truncated archive",
            &|| {
                truncate(&archive);
                std::fs::remove_dir_all(&all).unwrap();
            },
            (3, 3),
            "jre.tar.gz was damaged",
        ),
        ("a truncated file of the runtime", &|| truncate(&modules), (3, 3), "_extracted was damaged"),
        ("a missing one", &|| std::fs::remove_file(&modules).unwrap(), (3, 3), "_extracted was damaged"),
        ("an empty one", &|| std::fs::write(&java, "").unwrap(), (3, 3), "_extracted was damaged"),
        ("nothing", &|| (), (3, 3), "Scanner engine: engine.jar (from the cache)"),
    ];
    for (what, damage, downloads, line) in damages {
        damage();
        machine.runs();
        let step = machine.analyze();
        step.succeeded().says(line);
        assert_eq!((machine.downloads(), machine.runs()), (downloads, 1), "{what}");
        assert!(machine.temporary_files().is_empty(), "{what}");
    }
}

#[test]
fn an_altered_file_of_an_unpacked_java_is_not_run() {
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    let (modules, java) = (machine.unpacked(MODULES), machine.unpacked("jdk/bin/java"));
    let evil = || {
        let modified = java.metadata().unwrap().modified().unwrap();
        let length = java.metadata().unwrap().len().try_into().unwrap();
        std::fs::write(&java, noise(length)).unwrap();
        File::options().write(true).open(&java).unwrap().set_modified(modified).unwrap();
    };
    // Of the same size and time.
    let changes: [&dyn Fn(); 2] = [&|| flip(&modules), &evil];
    for change in changes {
        change();
        machine.runs();
        machine.analyze().succeeded().says("_extracted was damaged or changed, and is provisioned again");
        assert_eq!(machine.runs(), 1);
        assert_eq!(std::fs::read(&modules).unwrap(), noise(50_000));
    }
    assert_eq!(machine.downloads(), (1, 1), "the archive itself was in good order");
}

#[test]
fn a_large_engine_that_was_altered_is_downloaded_again() {
    // Larger than any file that is hashed on each run.
    let mut machine = Machine::with("", vec![0; 65 << 20]);
    machine.analyze().succeeded();
    machine.analyze().succeeded().says("Scanner engine: engine.jar (from the cache)");
    let engine = machine.engine_file();
    let modified = engine.metadata().unwrap().modified().unwrap();
    flip(&engine);
    File::options().write(true).open(&engine).unwrap().set_modified(modified).unwrap();
    machine.analyze().succeeded().says("engine.jar was damaged or changed, and is provisioned again");
    assert_eq!((machine.runs(), machine.downloads()), (3, (2, 1)));
}

#[test]
fn a_plugin_that_an_earlier_build_altered_is_not_loaded() {
    let mut machine = Machine::new();
    machine.offer_plugins("a plugin", PLUGIN_MD5, &[]);
    let place = machine.cache().join(PLUGIN_MD5).join("sonar-text-plugin.jar");
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, "a plugin").unwrap();
    machine.analyze().succeeded();
    assert_eq!(std::fs::read(&place).unwrap(), b"a plugin", "what is right is kept");
    let modified = place.metadata().unwrap().modified().unwrap();
    std::fs::write(&place, "A PLUGIN").unwrap();
    File::options().write(true).open(&place).unwrap().set_modified(modified).unwrap();
    machine.analyze().succeeded().says("sonar-text-plugin.jar was damaged or changed, and is removed");
    assert!(!place.exists() && !machine.scenario.job.path("corrupt").exists());
}

#[cfg(unix)]
#[test]
fn a_cache_that_another_user_may_write_is_not_used() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    let private = machine.scenario.job.temp().join("sonar-azdo/user-home/cache");
    let cache = machine.cache();
    let open = || std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o777)).unwrap();
    open();
    let step = machine.analyze();
    step.succeeded().says("is not used, because every user may change the content of");
    let said = step.log.iter().filter(|line| line.contains("A private cache")).count();
    assert_eq!((said, machine.runs(), machine.downloads()), (1, 2, (1, 1)), "{}", step.transcript());
    assert!(private.join(hex(Sha256::digest(&machine.engine))).join("engine.jar").exists());

    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o755)).unwrap();
    let step = machine.analyze();
    step.succeeded();
    assert!(!step.transcript().contains("is not used"), "{}", step.transcript());
    // Only root can change the owner of a file.
    if chown(&cache, Some(12345), None).is_ok() {
        machine.analyze().succeeded().says("is not used, because the user 12345 is the owner of");
        chown(&cache, Some(0), None).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_rejected_cache_is_reported_once_for_all_projects() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    std::fs::set_permissions(machine.cache(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let list = "- {key: a, baseDir: src}\n- {key: b, baseDir: src}\n- {key: c, baseDir: src}";
    machine.scenario.prepare_as(&[("scannerMode", "cli"), ("monorepo", list), ("parallel", "3")]).succeeded();
    let step = machine.scenario.analyze();
    step.ended(TaskResult::Succeeded);
    let said = step.log.iter().filter(|line| line.contains("is not used, because")).count();
    assert_eq!((said, machine.runs(), machine.downloads()), (1, 4, (1, 1)), "{}", step.transcript());
}

#[test]
fn cache_private_keeps_every_cache_inside_the_job() {
    let mut machine = Machine::new();
    std::fs::remove_dir_all(&machine.scenario.records()[0]).unwrap();
    machine.scenario.prepare(&[("cache", "private")]).succeeded();
    machine.analyze().succeeded();
    assert!(!machine.cache().exists());
    let private = machine.scenario.job.temp().join("sonar-azdo/user-home/cache");
    assert!(private.join(hex(Sha256::digest(&machine.archive))).join("jre.tar.gz_extracted").exists());
    assert_eq!((machine.runs(), machine.downloads()), (1, (1, 1)));

    let error = machine.scenario.prepare(&[("cache", "mine")]).sole_error().to_owned();
    assert!(error.contains("the input cache is \"mine\". Write one of: shared, private."), "{error}");
}

#[test]
fn a_plugin_download_cut_off_by_the_end_of_the_run_leaves_nothing() {
    let mut machine = Machine::new();
    machine.offer_plugins(&"x".repeat(2000), "00000000000000000000000000000000", &[]);
    let hold = machine.scenario.job.path("hold");
    std::fs::write(&hold, "").unwrap();
    machine.reopen();
    machine.depot.allow(Some(2 * PIECES + 5));
    let running = machine.scenario.begin_analyze();
    machine.depot.await_sent(2 * PIECES + 5);
    assert!(!machine.temporary_files().is_empty(), "the plugin is on its way");
    std::fs::remove_file(&hold).unwrap();
    running.finish().succeeded();
    assert!(machine.temporary_files().is_empty(), "{:?}", machine.temporary_files());
    machine.depot.allow(None);
}

#[test]
fn java_that_does_not_start_twice_is_an_error() {
    let mut machine = Machine::with_java("echo 'Error: could not find libjava.so' >&2\nexit 1");
    let step = machine.analyze();
    insta::assert_snapshot!(step.sole_error(), @r"
    the analysis failed: the scanner engine ended with exit code 1 and gave no reason. The last lines:
    Error: could not find libjava.so
    ");
    assert_eq!((machine.runs(), machine.downloads()), (2, (1, 1)));
    assert!(machine.temporary_files().is_empty());

    // What it said itself, or of its options, is no damage.
    for body in [
        r#"echo '{"level":"INFO","message":"Starting"}'; exit 1"#,
        "echo \"Unrecognized VM option 'UseX'\" >&2; exit 1",
    ] {
        let mut machine = Machine::with_java(body);
        machine.analyze().ended(TaskResult::Failed);
        assert_eq!(machine.runs(), 1, "{body}");
    }
}

#[test]
fn the_projects_of_a_monorepo_count_as_one_run_for_the_class_archive() {
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    let list = "- {key: a, baseDir: src}\n- {key: b, baseDir: src}\n- {key: c, baseDir: src}";
    for (step, is_made) in [("second", false), ("third", true)] {
        machine.scenario.prepare_as(&[("scannerMode", "cli"), ("monorepo", list)]).succeeded();
        let analyze = machine.scenario.analyze();
        analyze.ended(TaskResult::Succeeded);
        let says = analyze.log.iter().any(|line| line.contains("Java writes an archive"));
        assert_eq!(says, is_made, "{step}: {}", analyze.transcript());
    }
}

#[test]
fn a_complete_read_only_cache_is_used() {
    let mut machine = Machine::new();
    machine.analyze().succeeded();
    // If this is a file, even root cannot write there.
    std::fs::remove_dir(machine.cache().join("_tmp")).unwrap();
    std::fs::write(machine.cache().join("_tmp"), "").unwrap();
    machine.analyze().succeeded();

    // What it lacks is put elsewhere for this job.
    flip(&machine.engine_file());
    let step = machine.analyze();
    step.succeeded().says("_tmp could not be written: ").says("sonar-azdo/user-home is used");
    assert_eq!((machine.runs(), machine.downloads()), (3, (2, 1)));
}

#[test]
fn a_full_disk_is_named_in_the_error() {
    // A limit on the size of files, in kB, is a disk that is full for each file: that of engine, archive, and a
    // file of the runtime.
    for (limit, file) in [(90, "engine.jar"), (40, "jre.tar.gz")] {
        let mut machine = Machine::new();
        if file == "jre.tar.gz" {
            // The engine is there already.
            machine.analyze().succeeded();
            std::fs::remove_dir_all(machine.archive_file().parent().unwrap()).unwrap();
            machine.reopen();
        }
        machine.runs();
        let plain = machine.process();
        let mut limited = Command::new("bash");
        limited
            .args(["-c", &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"")])
            .arg(plain.get_program())
            .args(plain.get_args())
            .current_dir(plain.get_current_dir().unwrap())
            .env_clear()
            .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = limited.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let error = text.lines().find(|line| line.contains("task.logissue type=error")).unwrap_or(&text);
        assert!(error.contains(file) && error.contains("File too large"), "{file}: {error}");
        assert!(error.contains("Free disk space there, or set SONAR_USER_HOME"), "{file}: {error}");
        assert!(machine.temporary_files().is_empty(), "{file}");
        assert_eq!(machine.runs(), 0);
        // With more space it goes on.
        machine.analyze().succeeded();
    }
}

#[test]
fn an_engine_released_between_two_requests_is_requested_again() {
    let mut machine = Machine::new();
    let (engine, jre) = ("/api/v2/analysis/engine", "/api/v2/analysis/jres");
    let older = |offer: &Value| {
        let mut older = offer.clone();
        older["sha256"] = "0".repeat(64).into();
        older
    };
    let mut offers = (Value::Null, Value::Null);
    machine.scenario.sonarqube.change(|model| offers = (older(&model.engine), older(&model.jres[0])));
    let (old_engine, old_jre) = (json_answer(&offers.0), json_answer(&json!([offers.1])));
    let asked = |machine: &Machine, path: &str| machine.scenario.sonarqube.times_asked(path);
    machine.scenario.sonarqube.script(engine, [old_engine.clone()]);
    machine.scenario.sonarqube.script(jre, [old_jre.clone()]);
    machine.analyze().succeeded().says("000 was announced. Asking the server again");
    assert_eq!((asked(&machine, engine), asked(&machine, jre), machine.downloads()), (2, 2, (2, 2)));

    for path in [engine, jre] {
        let mut machine = Machine::new();
        let old = if path == engine { &old_engine } else { &old_jre };
        machine.scenario.sonarqube.script(path, [old.clone(), old.clone()]);
        let error = machine.analyze().sole_error().to_owned();
        assert!(
            error.contains("is damaged: its SHA-256 is ") && error.ends_with("000 was announced"),
            "{error}"
        );
        assert_eq!(asked(&machine, path), 2);
        assert!(machine.temporary_files().is_empty() && machine.runs() == 0);
    }
}

#[test]
fn an_unreachable_download_says_what_to_do() {
    let mut machine = Machine::new();
    machine.scenario.sonarqube.change(|model| model.jres[0]["downloadUrl"] = "http://127.0.0.1:9/jre".into());
    let error = machine.analyze().sole_error().to_owned();
    assert!(
        error.contains("jre.tar.gz could not be downloaded: http://127.0.0.1:9/jre could not be"),
        "{error}"
    );
    assert!(error.contains("(DNS, firewall, proxy). Set sonar.scanner.skipJreProvisioning=true"), "{error}");
    assert!(machine.temporary_files().is_empty() && machine.runs() == 0);

    // Without the engine no Java helps.
    let mut machine = Machine::new();
    machine
        .scenario
        .sonarqube
        .change(|model| model.engine["downloadUrl"] = "http://127.0.0.1:9/engine".into());
    let error = machine.analyze().sole_error().to_owned();
    assert!(error.ends_with("(DNS, firewall, proxy)."), "{error}");
}

#[test]
fn a_cold_start_prefetches_the_plugins_the_engine_needs() {
    let mut machine = Machine::new();
    machine.offer_plugins("a plugin", PLUGIN_MD5, &["py", "js"]);
    // Until it is there, or nothing more comes.
    std::fs::write(machine.scenario.job.path("hold"), "").unwrap();
    machine.reopen();
    let running = machine.scenario.begin_analyze();
    let place = |key: &str| machine.cache().join(PLUGIN_MD5).join(format!("sonar-{key}-plugin.jar"));
    let began = Instant::now();
    while !(place("text").exists() && place("forpy").exists()) {
        assert!(began.elapsed() < Duration::from_secs(600), "they never came");
        std::thread::yield_now();
    }
    std::fs::remove_file(machine.scenario.job.path("hold")).unwrap();
    running.finish().succeeded();
    assert_eq!(std::fs::read(place("forpy")).unwrap(), b"a plugin");
    assert_eq!(machine.depot.times_asked("forjs"), 0, "no file is in that language");

    // If the engine is cached, the plugins are too, or the engine fetches them.
    std::fs::remove_dir_all(machine.cache().join(PLUGIN_MD5)).unwrap();
    machine.analyze().succeeded();
    assert_eq!((machine.depot.times_asked("text"), machine.depot.times_asked("forpy")), (1, 1));
    assert_eq!(machine.scenario.sonarqube.times_asked("/api/plugins/installed"), 1);
}

#[test]
fn plugins_that_cannot_be_prefetched_are_left_to_the_engine() {
    for (what, md5) in [("no list", PLUGIN_MD5), ("other bytes", "00000000000000000000000000000000")] {
        let mut machine = Machine::new();
        machine.offer_plugins("a plugin", md5, &[]);
        if what == "no list" {
            let refusal = wiremock::ResponseTemplate::new(403);
            machine.scenario.sonarqube.script("/api/plugins/installed", [refusal]);
        }
        let step = machine.analyze();
        step.succeeded();
        assert!(step.warnings.is_empty(), "{what}: {:?}", step.warnings);
        assert!(!machine.cache().join(md5).join("sonar-text-plugin.jar").exists(), "{what}");
    }
}

#[test]
fn dotnet_engine_and_java_are_verified_again_before_end() {
    let mut machine = Machine::new();
    let sha256 = dotnet_scanner(&mut machine.scenario, "");
    let mut inputs = DOTNET.to_vec();
    inputs.extend([("dotnetScannerSha256", sha256.as_str()), ("analysisName", "net")]);
    let step = machine.scenario.prepare_as(&inputs);
    step.succeeded().says("Scanner engine: engine.jar (downloaded)").says("provided by the server");
    assert_eq!(machine.downloads(), (1, 1));
    let records = machine.scenario.records();
    let settings =
        records.iter().find_map(|record| std::fs::read_to_string(record.join("SonarQube.Analysis.xml")).ok());
    let settings = settings.unwrap();
    let java = machine.unpacked("jdk/bin/java");
    for (property, file) in [("engineJarPath", machine.engine_file()), ("javaExePath", java.clone())] {
        let line = format!("<Property Name=\"sonar.scanner.{property}\">{}<", file.display());
        assert!(settings.contains(&line), "{line}: {settings}");
    }
    flip(&machine.engine_file());
    truncate(&machine.unpacked(MODULES));
    let step = machine.scenario.analyze_with(&[("analysisName", "net")]);
    step.succeeded().says(&format!("provided by the server: {}", java.display()));
    assert_eq!(std::fs::read(machine.engine_file()).unwrap(), machine.engine);
    assert_eq!(std::fs::read(machine.unpacked(MODULES)).unwrap(), noise(50_000));
    assert_eq!(machine.downloads(), (2, 1), "the archive of the runtime was whole");
}
