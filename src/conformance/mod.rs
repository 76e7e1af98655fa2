//! The suite that any [`FileSystem`] can be put through: PyFilesystem's contract, case by case.
//!
//! A filesystem of your own is tested with a few lines:
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
//! [`conformance_tests!`](crate::conformance_tests) makes a `#[test]` of each case.
//!
//! A case that does not hold panics, as a test does; nothing here is for use outside of tests, so
//! that `unwrap` and `assert` are the way of the whole module.

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

/// One promise, and the function that panics if a filesystem does not keep it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The promise in words, as the name of a function.
    pub name: &'static str,
    /// What checks it, on an empty filesystem.
    pub check: fn(&dyn FileSystem),
}

/// A case that a filesystem leaves out, and why.
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The name of the [`Case`].
    pub case: &'static str,
    /// Why the filesystem cannot keep the promise.
    pub reason: &'static str,
}

/// All cases.
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

/// Runs all cases but the exceptions, each on the filesystem that `open` gives for its name.
///
/// # Panics
///
/// If a case does not hold, with its name in the output, or if an exception names no case.
pub fn run(open: &dyn Fn(&str) -> Box<dyn FileSystem>, exceptions: &[Exception]) {
    check_exceptions(exceptions);
    let excepted = |case: &Case| exceptions.iter().any(|e| e.case == case.name);
    for case in cases().filter(|case| !excepted(case)) {
        let _named = NameOnPanic(case.name);
        let fs = open(case.name);
        (case.check)(&*fs);
    }
}

/// Runs the case of that name, unless it is one of the exceptions; then its reason is printed.
///
/// # Panics
///
/// If the case does not hold, or if there is none of that name.
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
/// If one does not.
pub fn check_exceptions(exceptions: &[Exception]) {
    for exception in exceptions {
        assert!(
            cases().any(|case| case.name == exception.case),
            "there is no case {:?} to leave out",
            exception.case
        );
    }
}

/// Says which case it was if the thread panics in it.
struct NameOnPanic(&'static str);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the case that does not hold: {}", self.0);
        }
    }
}

/// Panics unless the operation failed with that kind, on that path.
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

/// The names in a directory, sorted.
#[track_caller]
fn names(fs: &dyn FileSystem, path: &str) -> Vec<String> {
    let mut names = fs.listdir(path).unwrap();
    names.sort();
    names
}
