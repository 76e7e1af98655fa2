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
//! one files. Patterns and paths may begin with `/` or not: they start at the root.
//!
//! Source: [`fs.glob`](https://docs.pyfilesystem.org/en/latest/reference/glob.html). PyFilesystem
//! translates to regular expressions, in which `?` and `[!seq]` match a `/` and `src/**` matches
//! `/srcs`; here nothing but `**` goes from one directory to another.

mod pattern;

pub(crate) use pattern::GlobPattern;

use crate::error::Result;

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
