//! Checks the properties of `fuzz/src` with proptest, which needs no other toolchain. `scripts/fuzz` runs the same functions in a
//! fuzzer.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is a library for the fuzz targets")]
mod targets;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(fuzz().join("seeds").join(target)).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Bytes similar to a seed: pieces of the target's seeds in any order, with other bytes in between.
fn near(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let piece = (proptest::sample::select(seeds), any::<prop::sample::Index>(), any::<prop::sample::Index>())
        .prop_map(|(seed, from, to)| {
            let (from, to) = (from.index(seed.len() + 1), to.index(seed.len() + 1));
            seed[from.min(to)..from.max(to)].to_vec()
        });
    let other =
        prop_oneof![prop::collection::vec(any::<u8>(), 0..4), "\\PC{0,4}".prop_map(String::into_bytes)];
    let parts = prop::collection::vec(prop_oneof![3 => piece, 1 => other], 0..6);
    parts.prop_map(|parts| parts.concat())
}

/// proptest's own count and seed, which PROPTEST_CASES and PROPTEST_RNG_SEED set. Only a failure that is found is written
/// down, and that by hand: as a file in `fuzz/seeds`.
fn check(name: &str) {
    let (_, property) = targets::TARGETS.iter().find(|(target, _)| *target == name).unwrap();
    let seeds = seeds(name);
    assert!(!seeds.is_empty());
    for (index, seed) in seeds.iter().enumerate() {
        let held = std::panic::catch_unwind(|| property(seed));
        assert!(held.is_ok(), "seed {index} of {name}: {:?}", String::from_utf8_lossy(seed));
    }
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::default() });
    let inputs = prop_oneof![8 => near(seeds), 1 => prop::collection::vec(any::<u8>(), 0..200)];
    let held = runner.run(&inputs, |bytes| {
        property(&bytes);
        Ok(())
    });
    held.unwrap_or_else(|error| panic!("{name}: {error}"));
}

macro_rules! targets {
    ($($name:ident),*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_fuzz_target_has_a_file_a_binary_seeds_and_a_test() {
            let tested: BTreeSet<_> = [$(stringify!($name)),*].map(str::to_owned).into();
            let known: BTreeSet<_> = targets::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
            let names = |folder: &str| -> BTreeSet<String> {
                let files = fs::read_dir(fuzz().join(folder)).unwrap();
                files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
            };
            let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
            let bins = manifest.lines().filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""));
            let bins: BTreeSet<_> = bins.map(str::to_owned).collect();
            for found in [tested, names("fuzz_targets"), names("seeds"), bins] {
                assert_eq!(found, known);
            }
        }
    };
}

targets!(archives, commands, json_bodies, proxies, records, refs, report_task, reports, yaml, properties);
