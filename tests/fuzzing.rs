//! Runs the targets of the fuzzer on stable Rust, within the time of a test: the seeds in `fuzzing/seeds`, and mutations of
//! them that are the same in every run.
//!
//! `S3FS_FUZZ_INPUTS` sets the number of mutations of each target's seeds, and `S3FS_FUZZ_SEED` selects them.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use s3fs::fuzzing::{TARGETS, Target};

use crate::model::generator::Random;
use crate::model::number_of;

const INPUTS: u64 = 2000;

/// Maximum length of a mutated input.
const LONGEST: usize = 8 * 1024;

/// Words that parsers look for, and that random bytes would rarely contain.
const WORDS: [&str; 28] = [
    "<",
    "</",
    "/>",
    "<![CDATA[",
    "]]>",
    "&#x7;",
    "&amp;",
    "<!--",
    "%2F",
    "%",
    "[",
    "]",
    "=",
    ":",
    "@",
    "!",
    "?",
    "..",
    "/",
    "\0",
    "\n",
    "\r\n",
    "é",
    "\u{feff}",
    "**",
    "-1",
    "18446744073709551616",
    "9999",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzzing/seeds");
    let entries = fs::read_dir(directory.join(target)).expect("seeds for every target");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect()
}

/// Applies a few changes to one of the inputs, or to two.
fn mutate(random: &mut Random, inputs: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = inputs[random.below(inputs.len())].clone();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() + 1);
        let end = at + random.below(bytes.len() + 1 - at).min(random.below(64) + 1);
        match random.below(8) {
            0 => drop(bytes.splice(at..end, [])),
            1 => drop(bytes.splice(at..at, bytes[at..end].to_vec())),
            2 => drop(bytes.splice(at..at, random.pick(&WORDS).bytes())),
            3 => drop(bytes.splice(at..end, random.pick(&WORDS).bytes())),
            4 => drop(bytes.splice(at..at, [random.below(256) as u8])),
            5 => bytes.truncate(at),
            6 => {
                let other = &inputs[random.below(inputs.len())];
                let from = random.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// Runs a target with its seeds and `count` mutations. The input of a panic is printed.
fn feed(name: &str, target: Target, seed: u64, count: u64) {
    let seeds = seeds(name);
    let mut random = Random::new(seed);
    let mutations = (0..count).map(|_| mutate(&mut random, &seeds));
    for input in seeds.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| target(&input))).is_err() {
            panic!(
                "{name} with S3FS_FUZZ_SEED={seed} panics on {:?}",
                input.escape_ascii().to_string()
            );
        }
    }
}

#[test]
fn no_input_makes_a_parser_panic_or_break_its_promises() {
    let (seed, count) = (
        number_of("S3FS_FUZZ_SEED", 1),
        number_of("S3FS_FUZZ_INPUTS", INPUTS),
    );
    for (name, target) in TARGETS {
        feed(name, target, seed, count);
    }
}

#[test]
fn a_broken_promise_is_noticed() {
    let broken: Target = |data| assert!(!data.starts_with(b"Sun, "));
    let noticed = catch_unwind(|| feed("dates", broken, 1, 0));
    let message = noticed.expect_err("a seed begins so");
    let message = message.downcast_ref::<String>().expect("a message");
    assert!(message.contains("Sun, 06 Nov 1994"), "{message}");
}

#[test]
fn every_target_has_seeds_and_a_program_for_the_fuzzer() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stems = |directory: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(manifest.join(directory)).expect("a directory");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let stems = paths.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()));
        stems.collect()
    };
    assert_eq!(stems("tests/fuzzing/seeds"), targets);
    assert_eq!(stems("fuzz/fuzz_targets"), targets);
}
