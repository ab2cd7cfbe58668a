//! The archive of the engine's classes, as the server's real Java writes and reads it.

use super::Journey;
use super::server::{Server, TokenKind};
use crate::fake_agent::Task;
use std::fs;
use std::path::{Path, PathBuf};

/// Prepares and analyses, and returns how the engine was started.
fn analyse(journey: &mut Journey, key: &str) -> String {
    let extra = format!("sonar.projectKey={key}\nsonar.scm.disabled=true");
    journey.prepare(&[("configMode", "file"), ("extraProperties", &extra)]).succeeded();
    let analyze = journey.job.run(Task::Analyze, &[]);
    analyze.succeeded();
    let transcript = analyze.transcript();
    assert!(!transcript.contains("[warning]["), "Java's own words: {transcript}");
    transcript.lines().find(|line| line.contains("Running ") && line.contains(" -jar ")).unwrap().to_owned()
}

/// Files with this ending in the folders of the cache.
fn with_extension(cache: &Path, extension: &str) -> Vec<PathBuf> {
    let folders =
        fs::read_dir(cache).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|found| found == extension)).collect()
}

fn spoil(archive: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut content = fs::read(archive).unwrap();
    change(&mut content);
    // Java makes it read-only.
    fs::remove_file(archive).unwrap();
    fs::write(archive, content).unwrap();
}

pub(super) fn the_third_run_writes_a_class_archive_and_an_altered_one_is_not_used(server: &Server) {
    let mut project = server.project("archive");
    let token = project.token(TokenKind::Project);
    let mut journey = Journey::new(server, &token);
    journey.check_out("sample-passing");
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join("cache");
    journey.job.set("SONAR_USER_HOME", &home.path().display().to_string());
    journey.job.set("System.Debug", "true");

    for _ in 0..2 {
        let started = analyse(&mut journey, &project.key);
        assert!(!started.contains("Archive"), "{started}");
        assert!(with_extension(&cache, "jsa").is_empty());
    }
    let started = analyse(&mut journey, &project.key);
    assert!(started.contains("-XX:ArchiveClassesAtExit="), "{started}");
    let archives = with_extension(&cache, "jsa");
    let [archive] = archives.as_slice() else { panic!("{archives:?}") };
    assert!(with_extension(&cache, "tried").is_empty() && with_extension(&cache, "wanted").is_empty());

    let is_used = format!("-XX:SharedArchiveFile={}", archive.display());
    let mut is_used_by = |what: &str, expected: bool| {
        let started = analyse(&mut journey, &project.key);
        assert_eq!(started.contains(&is_used), expected, "{what}: {started}");
    };
    is_used_by("intact", true);
    spoil(archive, |content| {
        let step = content.len() / 64;
        content.iter_mut().step_by(step).for_each(|byte| *byte ^= 0x10);
    });
    is_used_by("flipped bits", false);
    assert!(!archive.exists(), "it is made anew some day");
}
