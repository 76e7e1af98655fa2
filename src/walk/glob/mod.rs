//! Glob patterns: wildcards for whole paths.
//!
//! A pattern is a path in which each name may be a [`wildcard`](crate::wildcard). `**` matches any number of directories,
//! including none:
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
//! A pattern that ends with `/` matches directories. One that ends with `**` matches both directories and files. Any other
//! pattern matches files. Patterns and paths may begin with `/` or not: they always start at the root, even if
//! [`Glob::path`] sets a directory to search.
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
//! Source: [`fs.glob`](https://docs.pyfilesystem.org/en/latest/reference/glob.html). PyFilesystem translates patterns to
//! regular expressions, in which `?` and `[!seq]` match a `/`, `src/*` matches `/src/` itself, and `src/**` matches `/srcs`.
//! Here only `**` crosses directories, and no name is empty.

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

/// Returns true if a path matches a pattern: PyFilesystem's `match`. The path of a directory ends with `/`.
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
/// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) if the pattern leads above the root.
#[doc(alias = "match")]
pub fn matches(pattern: &str, path: &str) -> Result<bool> {
    Ok(GlobPattern::new(pattern, true)?.matches(path))
}

/// Returns true if a path matches a pattern, ignoring case: PyFilesystem's `imatch`.
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

/// A match of a pattern.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GlobMatch {
    /// Absolute path. The path of a directory ends with `/`.
    pub path: String,
    /// Information about the resource.
    pub info: Info,
}

/// Result of [`Glob::count`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Number of files.
    pub files: u64,
    /// Number of directories.
    pub directories: u64,
    /// Number of bytes in the files. `u64::MAX` if their listed sizes add up to more.
    pub data: u64,
}

/// Result of [`Glob::count_lines`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineCounts {
    /// Number of lines.
    pub lines: u64,
    /// Number of lines with other characters than white space.
    pub non_blank: u64,
}

/// A pattern in a filesystem, from [`FileSystemExt::glob`](crate::FileSystemExt::glob): PyFilesystem's `Globber`.
///
/// The search requests only resources that can match. Names without a wildcard are followed without a listing. A wildcard
/// lists the entries that begin with its literal prefix. From the first `**` on, the search walks the tree with
/// [`FileSystem::scantree`]. For example, `a/b*/c.txt` takes one listing of the entries of `a` that begin with `b`, and one
/// check of `c.txt` in each directory found. These checks use [`FileSystem::getinfo_many`], at most 64 at a time. On S3
/// several of them are sent in parallel.
///
/// Matches come in the order of the directory listings. Matches of `**` come depth-first, each directory after its content.
/// If a directory on the way does not exist, there is no error and nothing matches.
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

    /// Searches only below this directory, which must exist. Checking it takes one more request. The pattern still applies
    /// to the whole path, not to the part below the directory. Use [`opendir`](crate::FileSystemExt::opendir) for patterns
    /// that start in the directory.
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

    /// Whether matching is case-sensitive. Defaults to true. If false, every directory on the way is listed.
    pub fn case_sensitive(mut self, case_sensitive: bool) -> Self {
        self.case_sensitive = case_sensitive;
        self
    }

    /// Excludes directories whose names match one of these [wildcards](crate::wildcard), and everything below them. `**`
    /// skips them like a [walk](crate::Walker#order-and-requests).
    pub fn exclude_dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.exclude_dirs = strings(patterns);
        self
    }

    /// Returns the matches.
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
    /// The iterator returns the errors of [`scandir`](FileSystem::scandir) and [`getinfo`](FileSystem::getinfo),
    /// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) and
    /// [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected) for the [`path`](Self::path), and
    /// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) for a pattern that leads above the root.
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

    /// Counts the lines in the files. The files are read one after the other.
    ///
    /// # Errors
    ///
    /// As [`iter`](Self::iter), and errors while reading.
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

    /// Removes the matches, directories with all their content. Returns the number of matches. All matches are found before
    /// anything is removed. A match that no longer exists, because of a link to the same directory or because another
    /// program removed it, counts as removed.
    ///
    /// Files are removed first, like with [`remove_many`](FileSystem::remove_many): on S3 up to 1,000 with one request, and
    /// in strict mode without further requests for entries that the glob has listed. Their directories are kept, with a
    /// marker if nothing else is in them.
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
    /// As [`iter`](Self::iter), [`remove`](FileSystem::remove) and [`removetree`](FileSystem::removetree). Returns the first
    /// error. If a file fails, the other files are still removed, but no directories.
    pub fn remove(&self) -> Result<u64> {
        let seen = Arc::default();
        let found: Result<Vec<_>> = self.matches(self.namespaces(), Some(&seen)).collect();
        let found = found?;
        let directories = found.iter().filter(|found| found.info.is_dir());
        let directories: HashSet<&str> = directories.map(|found| found.path.as_str()).collect();
        // The content of a matching directory is removed with the directory.
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
            // Another program may have removed it already.
            filesystem::found(removed)?;
        }
        Ok(found.len() as u64)
    }

    /// Namespaces needed to remove the matches. On S3 the details of a directory show whether it has a marker, and cost
    /// nothing.
    fn namespaces(&self) -> Namespaces {
        match self.fs.getmeta().network {
            true => Namespaces::DETAILS,
            false => Namespaces::BASIC,
        }
    }
}

/// Iterates over the matches, with the `basic` namespace.
impl<'a, F: FileSystem + ?Sized> IntoIterator for Glob<'a, F> {
    type Item = Result<GlobMatch>;
    type IntoIter = Walked<'a, GlobMatch>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter(Namespaces::BASIC)
    }
}

/// Returns the parent directories of a path, each with a `/` at its end.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let own = path.trim_end_matches('/');
    let slashes = own.match_indices('/').map(|(at, _)| at);
    slashes.filter_map(|at| path.get(..=at))
}
