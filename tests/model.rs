//! Random sequences of calls on [`MemoryFs`] and a strict [`S3Fs`] side by side: every result, every
//! error and all content after each call are equal.
//!
//! `S3FS_MODEL_SEED` and `S3FS_MODEL_SEQUENCES` set the first seed and the number of sequences.
//! For a difference, the test prints the seed of the sequence, and a script of the few calls that show it.

pub mod call;
pub mod generator;
mod shrink;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fmt::Write;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::thread;

use s3fs::{ErrorKind, FileSystem, FileSystemExt, MemoryFs, Namespaces, S3Fs};
use test_server::{Bucket, Server};

use crate::common;
use call::{Call, Outcome, Slots};
use generator::Random;

const SEED: u64 = 20_260_101;
const SEQUENCES: u64 = 200;
const CALLS: usize = 60;

/// The directory of the filesystem in its bucket: in turns the whole bucket and a directory in it.
const DIR_PATHS: [&str; 3] = ["", "some/where", "é a"];

/// The same directory twice: in memory, and on S3.
struct Pair {
    memory: MemoryFs,
    s3: S3Fs,
    bucket: Bucket,
    prefix: String,
    in_memory: Slots,
    on_s3: Slots,
}

/// All content, by path.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree {
    pub files: BTreeMap<String, Vec<u8>>,
    pub directories: BTreeSet<String>,
}

/// A call with different results.
struct Difference {
    index: usize,
    memory: String,
    s3: String,
}

/// Number of successes of each method, and the kinds of all failures.
#[derive(Default)]
struct Tally {
    succeeded: BTreeMap<&'static str, usize>,
    failures: BTreeSet<String>,
}

impl Pair {
    /// An empty pair; `number` must be unused.
    fn new(server: &Server, number: u64) -> Self {
        let name = format!("model-{number}");
        let dir_path = DIR_PATHS[number as usize % DIR_PATHS.len()];
        let bucket = server.bucket(&name);
        let s3 = common::builder_of(server, &name).dir_path(dir_path);
        Self {
            memory: MemoryFs::new(),
            s3: s3.build().expect("parameters that can be"),
            bucket,
            prefix: match dir_path {
                "" => String::new(),
                path => format!("{path}/"),
            },
            in_memory: Slots::default(),
            on_s3: Slots::default(),
        }
    }

    /// Makes the call on both, and returns both results if they differ.
    fn make(&mut self, call: &Call, tally: &mut Tally) -> Result<(), (String, String)> {
        let memory = call.make(&self.memory, &mut self.in_memory);
        let s3 = match (call, &memory) {
            (Call::Foreign(path, text), Outcome::Value(_)) => {
                self.bucket
                    .put(&format!("{}{path}", self.prefix), text.clone());
                memory.clone()
            }
            // Calls that would be impossible on a strict filesystem are left out.
            (Call::Foreign(..), _) => memory.clone(),
            _ => call.make(&self.s3, &mut self.on_s3),
        };
        tally.count(call, &memory);
        if memory != s3 {
            return Err((memory.to_string(), s3.to_string()));
        }
        let (memory, s3) = (tree_in_memory(&self.memory), self.tree_on_s3());
        if memory != s3 {
            return Err((format!("leaves {memory:?}"), format!("leaves {s3:?}")));
        }
        Ok(())
    }

    /// Returns the keys of the bucket as a tree, without using the filesystem.
    fn tree_on_s3(&self) -> Tree {
        for key in self.bucket.keys() {
            let is_inside = key.starts_with(&self.prefix);
            assert!(is_inside, "{key:?} is outside of {:?}", self.prefix);
        }
        tree_of_keys(&self.bucket, &self.prefix)
    }
}

/// Returns the keys that begin with `prefix` as a tree, without using a filesystem.
pub fn tree_of_keys(bucket: &Bucket, prefix: &str) -> Tree {
    let mut tree = Tree::default();
    for key in bucket.keys() {
        // The marker of the root is no entry of the root.
        let Some(path) = key.strip_prefix(prefix).filter(|path| !path.is_empty()) else {
            continue;
        };
        for (end, _) in path.match_indices('/') {
            tree.directories.insert(format!("/{}", &path[..end]));
        }
        let content = bucket.get(&key).expect("a key of the bucket").bytes();
        match path.ends_with('/') {
            true => assert!(content.is_empty(), "the marker {key:?} has content"),
            false => drop(tree.files.insert(format!("/{path}"), content)),
        }
    }
    tree
}

pub fn tree_in_memory(fs: &MemoryFs) -> Tree {
    let mut tree = Tree::default();
    for entry in fs.scantree("/", Namespaces::BASIC).unwrap() {
        let (directory, info) = entry.unwrap();
        let path = info.make_path(&directory).unwrap();
        if info.is_dir() {
            tree.directories.insert(path);
        } else {
            let content = fs.readbytes(&path).unwrap();
            tree.files.insert(path, content);
        }
    }
    tree
}

impl Tally {
    fn count(&mut self, call: &Call, outcome: &Outcome) {
        match outcome {
            Outcome::Value(_) => *self.succeeded.entry(call.method()).or_default() += 1,
            Outcome::Failure(kind, _) => drop(self.failures.insert(format!("{kind:?}"))),
            Outcome::Skipped => {}
        }
    }
}

/// Makes the calls on a new pair up to the first difference.
fn difference(
    server: &Server,
    number: u64,
    calls: &[Call],
    tally: &mut Tally,
) -> Option<Difference> {
    let mut pair = Pair::new(server, number);
    for (index, call) in calls.iter().enumerate() {
        if let Err((memory, s3)) = pair.make(call, tally) {
            return Some(Difference { index, memory, s3 });
        }
    }
    None
}

/// Formats the shortest script that shows a difference.
fn report(server: &Server, seed: u64, mut calls: Vec<Call>, first: &Difference) -> String {
    calls.truncate(first.index + 1);
    // Each attempt uses a new pair, in an unused bucket with the same dir_path.
    let mut number = seed % DIR_PATHS.len() as u64 + (1 << 32) * DIR_PATHS.len() as u64;
    let mut again = |calls: &[Call]| {
        number += DIR_PATHS.len() as u64;
        difference(server, number, calls, &mut Tally::default())
    };
    let calls = shrink::shrink(calls, |calls| again(calls).is_some());
    let mut text = format!(
        "S3FS_MODEL_SEED={seed} S3FS_MODEL_SEQUENCES=1: MemoryFs and S3Fs differ in the last of\n"
    );
    for call in &calls {
        let _ = writeln!(text, "    {call}");
    }
    let last = again(&calls);
    let last = last.as_ref().unwrap_or(first);
    let _ = write!(text, "MemoryFs: {}\nS3Fs:     {}", last.memory, last.s3);
    text
}

pub fn number_of(variable: &str, default: u64) -> u64 {
    match env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable}={text:?} is no number")),
        Err(_) => default,
    }
}

/// Runs the sequences that no other worker has started, on a separate server, up to the first
/// difference.
fn work(seeds: &Mutex<Range<u64>>) -> Result<Tally, String> {
    let server = Server::start();
    let mut tally = Tally::default();
    loop {
        let Some(seed) = seeds.lock().unwrap().next() else {
            return Ok(tally);
        };
        let _named = SeedOnPanic(seed);
        let calls = generator::calls(&mut Random::new(seed), CALLS);
        if let Some(first) = difference(&server, seed, &calls, &mut tally) {
            *seeds.lock().unwrap() = 0..0;
            return Err(report(&server, seed, calls, &first));
        }
        // Otherwise the log of a long run would grow.
        server.take_requests();
    }
}

/// Prints the seed of the sequence if the thread panics in it.
struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("S3FS_MODEL_SEED={} S3FS_MODEL_SEQUENCES=1 panics", self.0);
        }
    }
}

#[test]
fn memory_and_s3_behave_the_same_in_any_sequence_of_calls() {
    let first = number_of("S3FS_MODEL_SEED", SEED);
    let count = number_of("S3FS_MODEL_SEQUENCES", SEQUENCES);
    println!("S3FS_MODEL_SEED={first} S3FS_MODEL_SEQUENCES={count}");
    let seeds = Mutex::new(first..first.saturating_add(count));
    let workers = thread::available_parallelism().map_or(1, |count| count.get().min(4));
    let tally = thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(|| work(&seeds))).collect();
        let mut tally = Tally::default();
        for worker in workers {
            match worker.join() {
                Ok(Ok(counted)) => tally.add(counted),
                Ok(Err(report)) => panic!("{report}"),
                Err(panic) => resume_unwind(panic),
            }
        }
        tally
    });
    if count >= SEQUENCES {
        tally.check();
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        for (method, count) in other.succeeded {
            *self.succeeded.entry(method).or_default() += count;
        }
        self.failures.extend(other.failures);
    }

    /// Checks that some calls succeed and some fail; otherwise the sequences would be useless.
    fn check(&self) {
        let asks = call::ASKS.iter().chain(&call::REMOVALS);
        let methods = asks.chain(&call::PUTS).chain(&call::TRANSFERS);
        for method in methods.chain(&[
            "makedir", "makedirs", "create", "setinfo", "openbin", "close",
        ]) {
            let count = self.succeeded.get(method).copied().unwrap_or_default();
            assert!(count >= 5, "{method} succeeded {count} times");
        }
        for kind in [
            ErrorKind::ResourceNotFound,
            ErrorKind::FileExpected,
            ErrorKind::DirectoryExpected,
            ErrorKind::DirectoryExists,
            ErrorKind::FileExists,
            ErrorKind::DestinationExists,
            ErrorKind::DirectoryNotEmpty,
            ErrorKind::RemoveRoot,
            ErrorKind::IllegalDestination,
            ErrorKind::IllegalBackReference,
            ErrorKind::InvalidCharsInPath,
            ErrorKind::InvalidMode,
            ErrorKind::ResourceChanged,
            ErrorKind::Unsupported,
        ] {
            assert!(
                self.failures.contains(&format!("{kind:?}")),
                "{kind:?} never came"
            );
        }
    }
}
