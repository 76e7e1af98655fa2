//! A test suite for any [`FileSystem`]: PyFilesystem's contract, case by case.
//!
//! A few lines test a filesystem of your own:
//!
//! ```no_run
//! use s3fs::{FileSystem, FileSystemExt, S3Fs};
//!
//! // Each case gets a filesystem of its own, which is empty.
//! let open = |case: &str| -> Box<dyn FileSystem> {
//!     Box::new(S3Fs::builder("mybucket").dir_path(case).build().unwrap())
//! };
//! s3fs::conformance::run(&open, &[]);
//! ```
//!
//! [`conformance_tests!`](crate::conformance_tests) defines a `#[test]` for each case.
//!
//! A case that fails panics, as a test does. Nothing here is for use outside of tests, so that the whole module uses
//! `unwrap` and `assert`.

mod between;
mod copying;
mod directories;
mod files;
mod globbing;
mod hashing;
mod info;
mod macros;
mod paths;
mod places;
mod reading;
mod removing;
mod times;
mod transfers;
mod trees;
mod walking;
mod writing;

use crate::error::{ErrorKind, Result};
use crate::filesystem::FileSystem;

/// A promise, and the function that panics if a filesystem does not keep it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The promise in words, as the name of a function.
    pub name: &'static str,
    /// The check, called with an empty filesystem.
    pub check: fn(&dyn FileSystem),
}

/// A case that a filesystem leaves out, and the reason.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The name of the [`Case`].
    pub case: &'static str,
    /// The reason why the filesystem cannot keep the promise.
    pub reason: &'static str,
}

/// Returns all cases.
pub fn cases() -> impl Iterator<Item = Case> {
    [
        paths::CASES,
        info::CASES,
        directories::CASES,
        reading::CASES,
        writing::CASES,
        files::CASES,
        removing::CASES,
        globbing::CASES,
        walking::CASES,
        transfers::CASES,
        trees::CASES,
        places::CASES,
        copying::CASES,
        between::CASES,
        times::CASES,
        hashing::CASES,
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Runs all cases except the exceptions, each on the filesystem that `open` returns for its name.
///
/// # Panics
///
/// Panics if a case fails, with its name in the output, or if an exception names no case.
pub fn run(open: &dyn Fn(&str) -> Box<dyn FileSystem>, exceptions: &[Exception]) {
    check_exceptions(exceptions);
    let excepted = |case: &Case| exceptions.iter().any(|e| e.case == case.name);
    for case in cases().filter(|case| !excepted(case)) {
        let _named = NameOnPanic(case.name);
        let fs = open(case.name);
        (case.check)(&*fs);
    }
}

/// Runs the case with this name. If it is one of the exceptions, prints its reason instead.
///
/// # Panics
///
/// Panics if the case fails, or if there is no case with this name.
pub fn run_case<F: FileSystem + 'static>(
    name: &str,
    open: &dyn Fn(&str) -> Box<F>,
    exceptions: &[Exception],
) {
    let case = cases().find(|case| case.name == name);
    let case = case.unwrap_or_else(|| panic!("there is no case {name:?}"));
    match exceptions.iter().find(|exception| exception.case == name) {
        Some(exception) => println!("{name} is left out: {}", exception.reason),
        None => (case.check)(&*open(name)),
    }
}

/// Checks that every exception names a case.
///
/// # Panics
///
/// Panics if an exception does not.
pub fn check_exceptions(exceptions: &[Exception]) {
    for exception in exceptions {
        assert!(
            cases().any(|case| case.name == exception.case),
            "there is no case {:?} to leave out",
            exception.case
        );
    }
}

/// Prints the name of the case if the thread panics in it.
struct NameOnPanic(&'static str);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case that does not hold: {}", self.0);
        }
    }
}

/// Panics unless the operation failed with this kind, on this path.
#[track_caller]
fn fails<T>(result: Result<T>, kind: ErrorKind, path: &str) {
    match result {
        Ok(_) => panic!("{kind:?} on {path:?} was expected, and it succeeded"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error}");
            assert_eq!(error.path(), Some(path), "{error}");
        }
    }
}

/// Returns the names in a directory, sorted.
#[track_caller]
fn names(fs: &dyn FileSystem, path: &str) -> Vec<String> {
    let mut names = fs.listdir(path).unwrap();
    names.sort();
    names
}
