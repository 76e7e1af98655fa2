//! Eight threads work on one filesystem for a long time while random requests fail, each in its own directory,
//! and all of them read a shared one. Their results and the final content are the same as with a filesystem in memory,
//! call by call and at the end.
//!
//! `S3FS_SOAK_OPERATIONS` sets the total number of calls, and `S3FS_SOAK_SEED` selects the calls and the faults.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use s3fs::{
    ChecksumAlgorithm, ErrorKind, FileSystem as _, FileSystemExt as _, MakedirOptions, MemoryFs,
    S3Fs, SubFs, UploadArgs,
};
use test_server::{Bucket, Builder, Fault, Server};

use crate::model::call::{Call, Outcome, Slots, Step};
use crate::model::generator::{self, Random};
use crate::model::{Tree, number_of, tree_in_memory, tree_of_keys};
use crate::{common, logged};

const OPERATIONS: u64 = 5000;
const THREADS: u64 = 8;
/// Number of failing requests in 1,000.
const FAULTS: u64 = 50;
/// Number of calls that are generated at a time: the first of them create files to work on.
const SEQUENCE: usize = 100;

/// Faults that do not affect the next attempt, and that may leave an effect without a response.
fn faults() -> Vec<Fault> {
    vec![
        Fault::error(500, "InternalError"),
        Fault::error(503, "SlowDown"),
        Fault::retry_after(429, "TooManyRequests", 0),
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::ResetBefore,
        Fault::Reset(0),
        Fault::Reset(100),
        Fault::ResetBody(3),
        Fault::Truncate(10),
        Fault::ResetUpload(2),
        Fault::CorruptUpload(2),
        Fault::error(200, "InternalError"),
        Fault::Stall,
        Fault::StallAnswer(100),
        Fault::Delay(Duration::from_millis(5)),
        Fault::Drip {
            bytes: 100,
            pause: Duration::from_millis(2),
        },
    ]
}

/// True if a call may fail in this way because of the faults.
fn is_unlucky(outcome: &Outcome) -> bool {
    // The result of steps of an open file is formatted as text.
    let told = format!("{outcome:?}");
    [
        ErrorKind::RemoteConnection,
        ErrorKind::Timeout,
        ErrorKind::OperationFailed,
        ErrorKind::OutcomeUnknown,
    ]
    .iter()
    .any(|kind| told.contains(&format!("Failure({kind:?}")))
}

/// The directory of one thread, and its expected content.
struct Worker<'a> {
    number: u64,
    bucket: Bucket,
    s3: SubFs<&'a S3Fs>,
    memory: MemoryFs,
    on_s3: Slots,
    in_memory: Slots,
    /// Modes of the open files, by slot.
    modes: HashMap<usize, &'static str>,
}

impl<'a> Worker<'a> {
    fn new(server: &Server, fs: &'a S3Fs, number: u64) -> Self {
        let bucket = server.bucket("bucket");
        bucket.put(&format!("{number}/"), "");
        Self {
            number,
            bucket,
            s3: fs.opendir(&number.to_string()).expect("a directory"),
            memory: MemoryFs::new(),
            on_s3: Slots::default(),
            in_memory: Slots::default(),
            modes: HashMap::new(),
        }
    }

    /// Removes steps that a file with parts of 16 bytes refuses, and a file in memory does not: seeks and truncations in a
    /// file that is written from start to end.
    fn without_moves(&mut self, call: Call) -> Option<Call> {
        let is_written =
            |mode: &str| !mode.contains('+') && (mode.contains('w') || mode.contains('x'));
        let moves = |step: &Step| matches!(step, Step::Seek(_) | Step::SetLen(_));
        match call {
            Call::Open(slot, _, mode) => {
                self.modes.insert(slot, mode);
            }
            Call::Take(slot, ref step)
                if moves(step) && self.modes.get(&slot).is_some_and(|mode| is_written(mode)) =>
            {
                return None;
            }
            Call::Edit(path, mode, mut steps) if is_written(mode) => {
                steps.retain(|step| !moves(step));
                return Some(Call::Edit(path, mode, steps));
            }
            _ => {}
        }
        Some(call)
    }

    fn tree(&self) -> Tree {
        tree_of_keys(&self.bucket, &format!("{}/", self.number))
    }

    /// Makes the call on both, and returns whether its outcome was certain.
    fn make(&mut self, call: &Call) -> bool {
        let before = tree_in_memory(&self.memory);
        let wanted = call.make(&self.memory, &mut self.in_memory);
        let found = match (call, &wanted) {
            (Call::Foreign(path, text), Outcome::Value(_)) => {
                let key = format!("{}/{path}", self.number);
                self.bucket.put(&key, text.clone());
                wanted.clone()
            }
            // Calls that would be impossible on a strict filesystem are left out.
            (Call::Foreign(..), _) => wanted.clone(),
            _ => call.make(&self.s3, &mut self.on_s3),
        };
        let (after, now) = (tree_in_memory(&self.memory), self.tree());
        if found == wanted {
            assert_eq!(now, after, "thread {} after {call}", self.number);
            return true;
        }
        let number = self.number;
        assert!(
            is_unlucky(&found),
            "thread {number}, {call}: {found} and not {wanted}"
        );
        assert!(
            is_between(&before, &after, &now),
            "thread {number}, {call}: {found}; between {before:?} and {after:?} is not {now:?}"
        );
        self.begin_again(&now);
        false
    }

    /// Resets the expected content to the actual content.
    fn begin_again(&mut self, tree: &Tree) {
        (self.on_s3, self.in_memory) = (Slots::default(), Slots::default());
        self.memory = MemoryFs::new();
        let write = |path: &str| {
            if let Some(content) = tree.files.get(path) {
                let written = self.memory.writebytes(path, content);
                written.expect("a place for a file");
            }
        };
        // Directories before their contents, and before a file of the same name.
        for directory in &tree.directories {
            write(directory);
            let options = MakedirOptions::new().beside_file(true);
            let made = self.memory.makedir_with(directory, &options);
            made.expect("a place for a directory");
        }
        let are_alone = |path: &&String| !tree.directories.contains(*path);
        tree.files
            .keys()
            .filter(are_alone)
            .for_each(|path| write(path));
        assert_eq!(tree_in_memory(&self.memory), *tree);
    }
}

/// True if each file and directory is in the old or the new state, and no content is lost that both states have.
fn is_between(before: &Tree, after: &Tree, now: &Tree) -> bool {
    let files = before.files.keys().chain(after.files.keys());
    let files_are = files.chain(now.files.keys()).all(|path| {
        let found = now.files.get(path);
        found == before.files.get(path) || found == after.files.get(path)
    });
    let directories_are = now
        .directories
        .iter()
        .all(|path| before.directories.contains(path) || after.directories.contains(path));
    let has = |tree: &Tree, content: &Vec<u8>| tree.files.values().any(|other| other == content);
    let kept = before.files.values().filter(|&content| has(after, content));
    files_are && directories_are && kept.into_iter().all(|content| has(now, content))
}

/// Reads the shared directory and checks its content.
fn read_shared(fs: &S3Fs, random: &mut Random) -> bool {
    let number = random.below(5);
    match fs.readtext(&format!("shared/{number}")) {
        Ok(text) => {
            assert_eq!(text, number.to_string().repeat(1000));
            true
        }
        Err(error) => {
            let outcome = Outcome::Failure(error.kind(), None);
            assert!(is_unlucky(&outcome), "{error}");
            false
        }
    }
}

/// Checks that no upload is left, except those whose ids were lost with a response, and those whose abort failed and was
/// logged; they can be found and removed.
fn no_upload_stays(fs: &S3Fs, bucket: &Bucket, warnings: &[String]) {
    let left = bucket.uploads();
    for upload in &left {
        let is_told = warnings.iter().any(|told| told.contains(&upload.id));
        assert!(upload.parts.is_empty() || is_told, "{}", upload.id);
    }
    let stale = fs.stale_uploads("/", Duration::ZERO).expect("a listing");
    assert_eq!(stale.len(), left.len());
    for upload in &stale {
        fs.abort_upload(upload).expect("it is there");
    }
    assert!(bucket.uploads().is_empty());
}

#[test]
fn eight_threads_and_many_faults_give_the_result_of_a_model() {
    let operations = number_of("S3FS_SOAK_OPERATIONS", OPERATIONS);
    soak(Server::builder(), operations);
}

/// As in Ceph 16.2. The names have a `%`.
#[test]
fn eight_threads_give_the_result_of_a_model_where_copy_sources_are_decoded_twice() {
    let operations = number_of("S3FS_SOAK_OPERATIONS", OPERATIONS);
    soak(
        Server::builder().decode_copy_source_twice(true),
        operations / 4,
    );
}

fn soak(server: Builder, operations: u64) {
    let seed = number_of("S3FS_SOAK_SEED", 1);
    let server = server.min_part_size(16).start();
    let bucket = server.bucket("bucket");
    for number in 0..5 {
        bucket.put(&format!("shared/{number}"), number.to_string().repeat(1000));
    }
    // Few attempts, so that some calls fail. Damaged uploads are detected by the checksum.
    let timeout = Duration::from_secs(2);
    let checksum = UploadArgs::new().checksum_algorithm(ChecksumAlgorithm::Crc32c);
    let builder = common::builder(&server).part_size(16).min_part_size(16);
    let builder = builder
        .upload_args(checksum)
        .response_timeout(timeout)
        .stall_timeout(timeout)
        .max_attempts(2)
        .retry_base_delay(Duration::from_millis(1));
    let fs = builder.build().expect("parameters that can be");
    let mut workers: Vec<_> = (0..THREADS)
        .map(|number| Worker::new(&server, &fs, number))
        .collect();
    server.faults().by_chance(seed, FAULTS, faults());
    let (made, unlucky) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let warnings = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for worker in &mut workers {
            let (fs, server, made, unlucky) = (&fs, &server, &made, &unlucky);
            let mut work = move || {
                let mut random = Random::new(seed * THREADS + worker.number);
                while made.load(Ordering::Relaxed) < operations as usize {
                    for call in generator::calls(&mut random, SEQUENCE) {
                        let Some(call) = worker.without_moves(call) else {
                            continue;
                        };
                        let sure = worker.make(&call)
                            && (!random.one_in(8) || read_shared(fs, &mut random));
                        made.fetch_add(1, Ordering::Relaxed);
                        unlucky.fetch_add(usize::from(!sure), Ordering::Relaxed);
                    }
                    // Otherwise the log of a long run would grow.
                    server.take_requests();
                }
            };
            let warnings = &warnings;
            scope.spawn(move || {
                let told = logged::warnings(&mut work);
                warnings.lock().unwrap().extend(told);
            });
        }
    });
    let (made, unlucky, came) = (
        made.into_inner(),
        unlucky.into_inner(),
        server.faults().came_by_chance(),
    );
    println!("S3FS_SOAK_SEED={seed}: {made} calls, {came} faults, {unlucky} calls failed by them");
    assert!(made >= operations as usize && came > made / 20 && unlucky < came / 5);
    server.faults().clear();
    for mut worker in workers {
        (worker.on_s3, worker.in_memory) = (Slots::default(), Slots::default());
        assert_eq!(worker.tree(), tree_in_memory(&worker.memory));
    }
    no_upload_stays(&fs, &bucket, &warnings.into_inner().unwrap());
}
