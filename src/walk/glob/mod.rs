//! Glob patterns: wildcards for whole paths.
//!
//! A pattern is a path in which each name may be a [`wildcard`](crate::wildcard), and `**` is any
//! number of directories, or none:
//!
//! | pattern | matches |
//! | --- | --- |
//! | `*.py` | the `.py` files in the root |
//! | `docs/*.md` | the `.md` files in `docs` |
//! | `*/*.py` | the `.py` files one directory down |
//! | `**/*.py` | all `.py` files |
//! | `**/src/*.py` | the `.py` files in all directories `src` |
//! | `src/**` | `src`, and all that is below it |
//! | `**/` | all directories |
//! | `*/` | the directories in the root |
//!
//! A pattern that ends with `/` matches directories, one that ends with `**` both, and any other
//! one files. Patterns and paths may begin with `/` or not: they start at the root, also where
//! [`Glob::path`] names a directory to search in.
//!
//! ```no_run
//! use s3fs::{FileSystemExt, Namespaces, S3Fs};
//!
//! let fs = S3Fs::new("mybucket")?;
//! for found in fs.glob("reports/2026-*/**/*.csv").iter(Namespaces::DETAILS) {
//!     let found = found?;
//!     println!("{} {:?}", found.path, found.info.size());
//! }
//! println!("{} bytes of logs", fs.glob("**/*.log").count()?.data);
//! # Ok::<(), s3fs::Error>(())
//! ```
//!
//! Source: [`fs.glob`](https://docs.pyfilesystem.org/en/latest/reference/glob.html). PyFilesystem
//! translates to regular expressions, in which `?` and `[!seq]` match a `/`, `src/*` matches `/src/`
//! itself, and `src/**` matches `/srcs`; here nothing but `**` goes from one directory to another,
//! and no name is empty.

mod lines;
mod pattern;
mod search;

use std::collections::HashSet;
use std::fmt;
use std::iter;
use std::sync::{Arc, Mutex, PoisonError};

pub(crate) use pattern::GlobPattern;
use search::{Matcher, Seen};

use crate::error::Result;
use crate::filesystem::filter::strings;
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::options::OpenOptions;
use crate::filesystem::{self, FileSystem, removing};
use crate::walk::{Walked, until_error};

/// Whether a path matches a pattern: PyFilesystem's `match`. The path of a directory ends with `/`.
///
/// ```
/// use s3fs::glob;
///
/// assert!(glob::matches("**/*.py", "/fs/glob.py")?);
/// assert!(glob::matches("fs/**/", "/fs/opener/")?);
/// assert!(!glob::matches("*.py", "/fs/glob.py")?);
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) if the pattern leads above the
/// root.
#[doc(alias = "match")]
pub fn matches(pattern: &str, path: &str) -> Result<bool> {
    Ok(GlobPattern::new(pattern, true)?.matches(path))
}

/// Whether a path matches a pattern, whatever the case of both: PyFilesystem's `imatch`.
///
/// ```
/// assert!(s3fs::glob::imatches("**/*.PY", "/fs/glob.py")?);
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// As [`matches()`].
#[doc(alias = "imatch")]
pub fn imatches(pattern: &str, path: &str) -> Result<bool> {
    Ok(GlobPattern::new(pattern, false)?.matches(path))
}

/// What a pattern matched.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GlobMatch {
    /// The absolute path; that of a directory ends with `/`.
    pub path: String,
    /// What is known of it.
    pub info: Info,
}

/// What [`Glob::count`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Bytes in the files; `u64::MAX` if their listed sizes add up to more.
    pub data: u64,
}

/// What [`Glob::count_lines`] counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCounts {
    /// Lines.
    pub lines: u64,
    /// Lines with something else than white space.
    pub non_blank: u64,
}

/// A pattern in a filesystem, from [`FileSystemExt::glob`](crate::FileSystemExt::glob):
/// PyFilesystem's `Globber`.
///
/// Only what can match is asked for. Names without a wildcard are followed and not listed; a
/// wildcard lists the entries that begin as it does; from the first `**` on, the tree is walked
/// through [`FileSystem::scantree`]. Of `a/b*/c.txt` that is one listing of what begins with `b` in
/// `a`, and one look at `c.txt` in each directory found. Such looks go through
/// [`FileSystem::getinfo_many`], 64 at a time at most, of which S3 is asked several at once.
///
/// Matches come in the order in which directories list them, those of `**` depth-first, each
/// directory after what is in it. A directory on the way that is not there is no error: nothing
/// matches.
#[must_use]
pub struct Glob<'a, F: ?Sized> {
    fs: &'a F,
    pattern: String,
    path: String,
    case_sensitive: bool,
    exclude_dirs: Vec<String>,
}

impl<F: ?Sized> fmt::Debug for Glob<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Glob")
            .field("pattern", &self.pattern)
            .field("path", &self.path)
            .field("case_sensitive", &self.case_sensitive)
            .field("exclude_dirs", &self.exclude_dirs)
            .finish_non_exhaustive()
    }
}

impl<'a, F: FileSystem + ?Sized> Glob<'a, F> {
    pub(crate) fn new(fs: &'a F, pattern: &str) -> Self {
        Self {
            fs,
            pattern: pattern.to_owned(),
            path: "/".to_owned(),
            case_sensitive: true,
            exclude_dirs: Vec::new(),
        }
    }

    /// Only what is below that directory, which must be there: one look more. The pattern is for the
    /// whole path all the same, and not for what is left of it below the directory.
    /// [`opendir`](crate::FileSystemExt::opendir) is for patterns that start there.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new();
    /// for path in ["src/s3", "docs/s3"] {
    ///     fs.makedirs(path)?;
    ///     fs.writetext(&format!("{path}/a.md"), "")?;
    /// }
    /// assert_eq!(fs.glob("**/*.md").path("docs").count()?.files, 1);
    /// assert_eq!(fs.glob("*/s3/*.md").path("docs").count()?.files, 1);
    /// assert_eq!(fs.glob("s3/*.md").path("docs").count()?.files, 0);
    /// assert_eq!(fs.opendir("docs")?.glob("s3/*.md").count()?.files, 1);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Whether case counts; by default it does. If not, every directory on the way is listed.
    pub fn case_sensitive(mut self, case_sensitive: bool) -> Self {
        self.case_sensitive = case_sensitive;
        self
    }

    /// Leaves out directories whose names match one of these [wildcards](crate::wildcard), and all
    /// that is below them, which `**` skips as a [walk](crate::Walker#order-and-requests) does.
    pub fn exclude_dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude_dirs = strings(patterns);
        self
    }

    /// What matches.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, Namespaces, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for found in fs.glob("**/*.py").iter(Namespaces::BASIC) {
    ///     println!("{}", found?.path);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The iterator gives what [`scandir`](FileSystem::scandir) and
    /// [`getinfo`](FileSystem::getinfo) answer,
    /// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) and
    /// [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected) for the [`path`](Self::path), and
    /// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) for a pattern that leads
    /// above the root.
    pub fn iter(&self, namespaces: Namespaces) -> Walked<'a, GlobMatch> {
        self.matches(namespaces, None)
    }

    fn matches(
        &self,
        namespaces: Namespaces,
        seen: Option<&Arc<Mutex<Seen>>>,
    ) -> Walked<'a, GlobMatch> {
        let pattern = match GlobPattern::new(&self.pattern, self.case_sensitive) {
            Ok(pattern) => pattern,
            Err(error) => return Box::new(iter::once(Err(error))),
        };
        let mut matcher = Matcher::new(self.fs, pattern, &self.exclude_dirs, namespaces);
        if let Some(seen) = seen {
            matcher = matcher.noting(seen);
        }
        let mut matches = matcher.matches(self.path.clone());
        Box::new(until_error(move || matches.next().transpose()))
    }

    /// Counts files, directories, and the bytes in the files.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let logs = fs.glob("**/*.log").count()?;
    /// println!("{} bytes in {} files", logs.data, logs.files);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`iter`](Self::iter).
    pub fn count(&self) -> Result<Counts> {
        let mut counts = Counts::default();
        for found in self.iter(Namespaces::DETAILS) {
            let info = found?.info;
            if info.is_dir() {
                counts.directories += 1;
            } else {
                counts.files += 1;
                counts.data = counts.data.saturating_add(info.size().unwrap_or_default());
            }
        }
        Ok(counts)
    }

    /// Counts the lines in the files, which are read one after the other.
    ///
    /// # Errors
    ///
    /// As [`iter`](Self::iter), and what reading answers.
    pub fn count_lines(&self) -> Result<LineCounts> {
        let mut counts = LineCounts::default();
        for found in self.iter(Namespaces::BASIC) {
            let found = found?;
            if found.info.is_file() {
                let file = self
                    .fs
                    .openbin_with(&found.path, "r", &OpenOptions::default())?;
                lines::count(file, &mut counts).map_err(|error| error.with_path(found.path))?;
            }
        }
        Ok(counts)
    }

    /// Removes what matches, directories with all that is in them, and says how many matches there
    /// were. Everything is found before anything is removed; what is gone by then, through a link to
    /// the same directory or because another program removed it, counts as removed.
    ///
    /// Files go first, as [`remove_many`](FileSystem::remove_many) removes them: on S3 1,000 in a request, and in strict
    /// mode without another look at what the glob has listed. Their directories stay there, with a marker if nothing else
    /// is in them.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// println!("{} removed", fs.glob("**/*.pyc").remove()?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`iter`](Self::iter), [`remove`](FileSystem::remove) and
    /// [`removetree`](FileSystem::removetree): the first error. The other files are removed all the same, and no
    /// directory is then.
    pub fn remove(&self) -> Result<u64> {
        let seen = Arc::default();
        let found: Result<Vec<_>> = self.matches(self.namespaces(), Some(&seen)).collect();
        let found = found?;
        let directories = found.iter().filter(|found| found.info.is_dir());
        let directories: HashSet<&str> = directories.map(|found| found.path.as_str()).collect();
        // What is in a directory that matches goes with it.
        let alone = |found: &&GlobMatch| {
            let mut parents = parents(&found.path);
            !parents.any(|parent| directories.contains(parent))
        };
        let (trees, files): (Vec<_>, Vec<_>) = found
            .iter()
            .filter(alone)
            .partition(|found| found.info.is_dir());
        let files: Vec<&str> = files.iter().map(|found| found.path.as_str()).collect();
        let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = removing::remove_listed(self.fs, &files, |directory| seen.rest(directory));
        drop(seen);
        let trees = trees.iter().map(|found| self.fs.removetree(&found.path));
        for removed in removed.into_iter().chain(trees) {
            // What is gone already is what was wanted.
            filesystem::found(removed)?;
        }
        Ok(found.len() as u64)
    }

    /// What is asked for to remove what matches: on S3 the details of a directory say whether it has a marker, and cost
    /// nothing.
    fn namespaces(&self) -> Namespaces {
        match self.fs.getmeta().network {
            true => Namespaces::DETAILS,
            false => Namespaces::BASIC,
        }
    }
}

/// What matches, with the `basic` namespace.
impl<'a, F: FileSystem + ?Sized> IntoIterator for Glob<'a, F> {
    type Item = Result<GlobMatch>;
    type IntoIter = Walked<'a, GlobMatch>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter(Namespaces::BASIC)
    }
}

/// The directories that a path lies in, each with its `/` at the end.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let own = path.trim_end_matches('/');
    let slashes = own.match_indices('/').map(|(at, _)| at);
    slashes.filter_map(|at| path.get(..=at))
}
