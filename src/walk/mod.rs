//! [`Walker`]: walks every directory below a directory.
//!
//! ```no_run
//! use s3fs::{FileSystemExt, Namespaces, S3Fs};
//!
//! let fs = S3Fs::new("mybucket")?;
//! for path in fs.walk().filter(["*.csv"]).files("/reports") {
//!     println!("{}", path?);
//! }
//! let mut bytes = 0;
//! for step in fs.walk().walk("/", Namespaces::DETAILS) {
//!     bytes += step?.files.iter().filter_map(|info| info.size()).sum::<u64>();
//! }
//! # Ok::<(), s3fs::Error>(())
//! ```

pub(crate) mod drawing;
pub mod glob;
mod rules;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::iter;
use std::sync::Arc;

use crate::cancel;
use crate::error::{Error, Result};
use crate::filesystem::filter::strings;
use crate::filesystem::info::{Info, Namespaces};
use crate::filesystem::{Entries, FileSystem, TreeEntries};
use crate::path;
pub(crate) use rules::Rules;

/// Iterator over a walk. It ends after an error.
pub type Walked<'a, T> = Box<dyn Iterator<Item = Result<T>> + Send + 'a>;

/// A walker that is bound to a filesystem: PyFilesystem's `BoundWalker`.
pub type BoundWalker<'a, F> = Walker<&'a F>;

/// Order in which directories are walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// Top-down: first all entries of a directory, then the entries of its subdirectories.
    #[default]
    Breadth,
    /// Bottom-up: each directory after its content.
    Depth,
}

/// A directory of a walk, with its content.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Step {
    /// Absolute path of the directory.
    pub path: String,
    /// Subdirectories.
    pub dirs: Vec<Info>,
    /// Files.
    pub files: Vec<Info>,
}

/// Walks through the directories of a filesystem:
/// [`fs.walk.Walker`](https://docs.pyfilesystem.org/en/latest/reference/walk.html).
///
/// [`FileSystemExt::walk`](crate::FileSystemExt::walk) returns one that is bound to its filesystem. To reuse options, set
/// them on a `Walker` and [bind](Self::bind) it later.
///
/// ```
/// use s3fs::{Walker, S3Fs};
///
/// let fs = S3Fs::builder("mybucket").anonymous(true).endpoint_url("http://127.0.0.1:9000").build()?;
/// let sources = Walker::new().filter(["*.rs"]).exclude_dirs(["target", ".*"]);
/// let paths = sources.bind(&fs).files("/project");
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// Patterns are matched as in [`crate::FileSystemExt::matches`]. An empty list excludes nothing.
///
/// # Order and requests
///
/// [`walk`](Self::walk), [`dirs`](Self::dirs) and [`info`](Self::info) are breadth-first unless [`search`](Self::search)
/// selects another order. They list each directory once, in PyFilesystem's order. Excluded directories are not listed. The
/// walk holds the names of the directories that it has not listed yet in memory.
///
/// A depth-first walk uses [`FileSystem::scantree`], which on S3 lists 1,000 keys with one request, whatever directories
/// they are in. The walk holds only the directories between the start and its current position in memory.
/// [`files`](Self::files) also uses it, and returns the files in the order of the tree instead of breadth-first, unless
/// [`search`](Self::search) selects an order.
///
/// These options exclude directories: `filter_dirs`, `exclude_dirs`, `max_depth`, `exclude_glob`, and `filter_glob` without
/// a pattern that begins with `**`. Such a walk uses [`FileSystem::scantree_pruned`], which on S3 skips excluded keys, and
/// lists a directory separately if that takes fewer requests.
///
/// A walk that continues after errors lists one directory at a time, in both orders.
#[derive(Clone, Default)]
pub struct Walker<F = ()> {
    fs: F,
    options: Options,
}

/// Decides whether a walk continues after an error.
type OnError = Arc<dyn Fn(&str, &Error) -> bool + Send + Sync>;

#[derive(Clone, Default)]
struct Options {
    search: Option<Search>,
    filter: Vec<String>,
    exclude: Vec<String>,
    filter_dirs: Vec<String>,
    exclude_dirs: Vec<String>,
    filter_glob: Vec<String>,
    exclude_glob: Vec<String>,
    max_depth: Option<usize>,
    on_error: Option<OnError>,
}

impl<F> fmt::Debug for Walker<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        f.debug_struct("Walker")
            .field("search", &options.search)
            .field("filter", &options.filter)
            .field("exclude", &options.exclude)
            .field("filter_dirs", &options.filter_dirs)
            .field("exclude_dirs", &options.exclude_dirs)
            .field("filter_glob", &options.filter_glob)
            .field("exclude_glob", &options.exclude_glob)
            .field("max_depth", &options.max_depth)
            .finish_non_exhaustive()
    }
}

impl Walker {
    /// PyFilesystem's defaults: all entries, breadth-first, up to the first error.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds the walker to a filesystem.
    pub fn bind<F: FileSystem + ?Sized>(self, fs: &F) -> BoundWalker<'_, F> {
        Walker {
            fs,
            options: self.options,
        }
    }
}

impl Walker {
    /// Returns the rules of its options.
    pub(crate) fn rules(&self, case_insensitive: bool) -> Result<Rules> {
        Rules::new(&self.options, case_insensitive)
    }
}

impl<F> Walker<F> {
    /// Order in which directories are walked.
    #[must_use]
    pub fn search(mut self, search: Search) -> Self {
        self.options.search = Some(search);
        self
    }

    /// Includes only files whose names match one of these [wildcards](crate::wildcard).
    #[must_use]
    pub fn filter<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.filter = strings(patterns);
        self
    }

    /// Excludes files whose names match one of these wildcards.
    #[must_use]
    pub fn exclude<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.exclude = strings(patterns);
        self
    }

    /// Includes only directories whose names match one of these wildcards, and their content. The start directory is always
    /// walked.
    #[must_use]
    pub fn filter_dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.filter_dirs = strings(patterns);
        self
    }

    /// Excludes directories whose names match one of these wildcards, and everything below them.
    #[must_use]
    pub fn exclude_dirs<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.exclude_dirs = strings(patterns);
        self
    }

    /// Includes only files whose whole paths match one of these [glob patterns](crate::glob), and the directories that can
    /// contain such files.
    #[must_use]
    pub fn filter_glob<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.filter_glob = strings(patterns);
        self
    }

    /// Excludes files and directories whose whole paths match one of these glob patterns, and everything below these
    /// directories. A pattern that ends with `/` matches directories only.
    #[must_use]
    pub fn exclude_glob<I>(mut self, patterns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.options.exclude_glob = strings(patterns);
        self
    }

    /// Maximum number of directory levels to walk. With 1, only the content of the start directory. The directories of the
    /// last level are returned but not listed.
    #[must_use]
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.options.max_depth = Some(levels);
        self
    }

    /// Whether a directory that cannot be listed is skipped. By default the walk ends with the error. Replaces
    /// [`on_error`](Self::on_error).
    #[must_use]
    pub fn ignore_errors(mut self, ignore: bool) -> Self {
        self.options.on_error = ignore.then(|| -> OnError { Arc::new(|_, _| true) });
        self
    }

    /// Calls `decide` with the path and the error of a directory that cannot be listed. `true` skips the directory, and
    /// `false` ends the walk with the error. Replaces [`ignore_errors`](Self::ignore_errors).
    ///
    /// ```
    /// use s3fs::{ErrorKind, Walker};
    ///
    /// let walker = Walker::new().on_error(|path, error| {
    ///     eprintln!("{path}: {error}");
    ///     error.is(ErrorKind::PermissionDenied)
    /// });
    /// ```
    #[must_use]
    pub fn on_error(
        mut self,
        decide: impl Fn(&str, &Error) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.on_error = Some(Arc::new(decide));
        self
    }
}

impl<'a, F: FileSystem + ?Sized> Walker<&'a F> {
    /// Returns the directories from `path` on, each with its content.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, Namespaces, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for step in fs.walk().walk("reports", Namespaces::BASIC) {
    ///     let step = step?;
    ///     println!("{}: {} files", step.path, step.files.len());
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The iterator returns the errors of [`scandir`](FileSystem::scandir), unless they are ignored, and
    /// [`IllegalBackReference`](crate::ErrorKind::IllegalBackReference) for a glob pattern that leads above the root.
    #[doc(alias = "read_dir")]
    pub fn walk(&self, path: &str, namespaces: Namespaces) -> Walked<'a, Step> {
        let mut events = self.events(path, namespaces, self.is_depth_first());
        let mut open: HashMap<String, (Vec<Info>, Vec<Info>)> = HashMap::new();
        Box::new(until_error(move || {
            for event in events.by_ref() {
                let (directory, entry) = event?;
                let Some(info) = entry else {
                    let (dirs, files) = open.remove(&directory).unwrap_or_default();
                    let path = directory;
                    return Ok(Some(Step { path, dirs, files }));
                };
                let (dirs, files) = open.entry(directory).or_default();
                if info.is_dir() { dirs } else { files }.push(info);
            }
            Ok(None)
        }))
    }

    /// Returns the absolute paths of the files below a directory.
    ///
    /// # Errors
    ///
    /// As [`walk`](Self::walk).
    pub fn files(&self, path: &str) -> Walked<'a, String> {
        let in_any_order = self.options.search != Some(Search::Breadth);
        let events = self.events(path, Namespaces::BASIC, in_any_order);
        Box::new(paths(events).filter_map(|entry| match entry {
            Ok((_, info)) if info.is_dir() => None,
            entry => Some(entry.map(|(path, _)| path)),
        }))
    }

    /// Returns the absolute paths of the directories below a directory.
    ///
    /// # Errors
    ///
    /// As [`walk`](Self::walk).
    pub fn dirs(&self, path: &str) -> Walked<'a, String> {
        let events = self.events(path, Namespaces::BASIC, self.is_depth_first());
        Box::new(paths(events).filter_map(|entry| match entry {
            Ok((_, info)) if info.is_file() => None,
            entry => Some(entry.map(|(path, _)| path)),
        }))
    }

    /// Returns all entries below a directory: absolute paths and information.
    ///
    /// # Errors
    ///
    /// As [`walk`](Self::walk).
    pub fn info(&self, path: &str, namespaces: Namespaces) -> Walked<'a, (String, Info)> {
        Box::new(paths(self.events(path, namespaces, self.is_depth_first())))
    }

    fn is_depth_first(&self) -> bool {
        self.options.search == Some(Search::Depth)
    }

    /// Returns the events of a walk. `flat` is true if the order of the tree is acceptable or requested.
    fn events(&self, path: &str, namespaces: Namespaces, flat: bool) -> Walked<'a, Event> {
        let begin = || {
            let start = self.fs.validatepath(path)?;
            let rules = Rules::new(&self.options, self.fs.getmeta().case_insensitive)?;
            Ok((start, rules))
        };
        let (start, rules) = match begin() {
            Ok(begun) => begun,
            Err(error) => return Box::new(iter::once(Err(error))),
        };
        if flat && !rules.is_shallow() && self.options.on_error.is_none() {
            let mut flat = Flat::new(self.fs, path, start, rules, namespaces);
            return Box::new(until_error(move || flat.step()));
        }
        let scanner = Scanner {
            fs: self.fs,
            rules,
            namespaces,
            given: path.to_owned(),
            start: start.clone(),
            on_error: self.options.on_error.clone(),
        };
        if self.is_depth_first() {
            let mut depth = Depth {
                scanner,
                start: Some(start),
                open: Vec::new(),
            };
            return Box::new(until_error(move || depth.step()));
        }
        let mut breadth = Breadth {
            scanner,
            open: None,
            queue: VecDeque::from([start]),
        };
        Box::new(until_error(move || breadth.step()))
    }
}

/// Returns the steps of a [`walk`](Walker::walk) from the root, with the `basic` namespace.
impl<'a, F: FileSystem + ?Sized> IntoIterator for Walker<&'a F> {
    type Item = Result<Step>;
    type IntoIter = Walked<'a, Step>;

    fn into_iter(self) -> Self::IntoIter {
        self.walk("/", Namespaces::BASIC)
    }
}

/// An entry of a directory, or `None` for the end of the directory, after its last entry.
type Event = (String, Option<Info>);

/// Returns the entries with their paths, without the ends of directories.
fn paths<'a>(
    events: Walked<'a, Event>,
) -> impl Iterator<Item = Result<(String, Info)>> + Send + 'a {
    events.filter_map(|event| match event {
        Ok((directory, Some(info))) => Some(Ok((path::combine(&directory, info.name()), info))),
        Ok((_, None)) => None,
        Err(error) => Some(Err(error)),
    })
}

/// Iterates over the results of `step` up to `None` or the first error. Cancellation of the call is an error.
pub(crate) fn until_error<T>(
    mut step: impl FnMut() -> Result<Option<T>>,
) -> impl Iterator<Item = Result<T>> {
    let mut ended = false;
    iter::from_fn(move || {
        if ended {
            return None;
        }
        let item = cancel::check().and_then(|()| step()).transpose();
        ended = !matches!(item, Some(Ok(_)));
        item
    })
}

/// A walk with [`FileSystem::scantree`] or [`FileSystem::scantree_pruned`].
struct Flat<'a, F: ?Sized> {
    fs: &'a F,
    given: String,
    start: String,
    rules: Arc<Rules>,
    namespaces: Namespaces,
    entries: Option<TreeEntries<'a>>,
    /// Directory whose own entry was the last one. All its content came before.
    ended: Option<String>,
    is_done: bool,
}

impl<'a, F: FileSystem + ?Sized> Flat<'a, F> {
    fn new(fs: &'a F, given: &str, start: String, rules: Rules, namespaces: Namespaces) -> Self {
        Self {
            fs,
            given: given.to_owned(),
            start,
            rules: Arc::new(rules),
            namespaces,
            entries: None,
            ended: None,
            is_done: false,
        }
    }

    fn scan(&self) -> Result<TreeEntries<'a>> {
        if !self.rules.prune() {
            return self.fs.scantree(&self.given, self.namespaces);
        }
        let (rules, start) = (Arc::clone(&self.rules), self.start.clone());
        let descend = Box::new(move |path: &str| rules.descent(&start, path));
        self.fs
            .scantree_pruned(&self.given, self.namespaces, descend)
    }

    fn step(&mut self) -> Result<Option<Event>> {
        if let Some(directory) = self.ended.take() {
            return Ok(Some((directory, None)));
        }
        let entries = match self.entries.take() {
            Some(entries) => entries,
            None => self.scan()?,
        };
        for entry in self.entries.insert(entries) {
            let (directory, info) = entry?;
            if info.is_dir() {
                let path = path::combine(&directory, info.name());
                let is_walked = self.rules.is_within_depth(&self.start, &path);
                self.ended = is_walked.then_some(path);
                return Ok(Some((directory, Some(info))));
            }
            if self.rules.take_file(&directory, info.name()) {
                return Ok(Some((directory, Some(info))));
            }
        }
        if self.is_done {
            return Ok(None);
        }
        self.is_done = true;
        self.entries = Some(Box::new(iter::empty()));
        Ok(Some((self.start.clone(), None)))
    }
}

/// Lists one directory at a time, and handles errors.
struct Scanner<'a, F: ?Sized> {
    fs: &'a F,
    rules: Rules,
    namespaces: Namespaces,
    /// Start path as the caller passed it, for errors.
    given: String,
    start: String,
    on_error: Option<OnError>,
}

impl<'a, F: FileSystem + ?Sized> Scanner<'a, F> {
    fn scan(&self, directory: String) -> Result<Open<'a>> {
        let path = match directory == self.start {
            true => &self.given,
            false => &directory,
        };
        let entries = match self.fs.scandir(path, self.namespaces) {
            Ok(entries) => entries,
            Err(error) => self.pass_over(&directory, error)?,
        };
        Ok(Open {
            directory,
            entries,
            own: None,
        })
    }

    /// Returns the next entry of the walk, with its path if it is a directory to be listed.
    fn next(&self, open: &mut Open<'a>) -> Result<Option<(Info, Option<String>)>> {
        loop {
            let info = match open.entries.next() {
                Some(Ok(info)) => info,
                Some(Err(error)) => {
                    open.entries = self.pass_over(&open.directory, error)?;
                    continue;
                }
                None => {
                    open.entries = Box::new(iter::empty());
                    return Ok(None);
                }
            };
            if info.is_file() {
                if self.rules.take_file(&open.directory, info.name()) {
                    return Ok(Some((info, None)));
                }
                continue;
            }
            let path = path::combine(&open.directory, info.name());
            if self.rules.take_dir(&path, info.name()) {
                let is_listed = self.rules.is_within_depth(&self.start, &path);
                return Ok(Some((info, is_listed.then_some(path))));
            }
        }
    }

    /// Returns no entries if the caller decides to continue, or else the error.
    fn pass_over(&self, directory: &str, error: Error) -> Result<Entries<'a>> {
        match &self.on_error {
            Some(decide) if decide(directory, &error) => Ok(Box::new(iter::empty())),
            _ => Err(error),
        }
    }
}

/// A directory that is being listed.
struct Open<'a> {
    directory: String,
    entries: Entries<'a>,
    /// In a depth-first walk, its own entry in the parent directory, which comes after its content.
    own: Option<(String, Info)>,
}

struct Breadth<'a, F: ?Sized> {
    scanner: Scanner<'a, F>,
    open: Option<Open<'a>>,
    queue: VecDeque<String>,
}

impl<F: FileSystem + ?Sized> Breadth<'_, F> {
    fn step(&mut self) -> Result<Option<Event>> {
        let open = match &mut self.open {
            Some(open) => open,
            none => match self.queue.pop_front() {
                Some(directory) => none.insert(self.scanner.scan(directory)?),
                None => return Ok(None),
            },
        };
        if let Some((info, listed)) = self.scanner.next(open)? {
            self.queue.extend(listed);
            return Ok(Some((open.directory.clone(), Some(info))));
        }
        Ok(self.open.take().map(|ended| (ended.directory, None)))
    }
}

struct Depth<'a, F: ?Sized> {
    scanner: Scanner<'a, F>,
    start: Option<String>,
    open: Vec<Open<'a>>,
}

impl<F: FileSystem + ?Sized> Depth<'_, F> {
    fn step(&mut self) -> Result<Option<Event>> {
        if let Some(start) = self.start.take() {
            self.open.push(self.scanner.scan(start)?);
        }
        while let Some(open) = self.open.last_mut() {
            match self.scanner.next(open)? {
                Some((info, Some(path))) => {
                    let own = (open.directory.clone(), info);
                    let mut below = self.scanner.scan(path)?;
                    below.own = Some(own);
                    self.open.push(below);
                }
                Some((info, None)) => return Ok(Some((open.directory.clone(), Some(info)))),
                None => {
                    if let Some((parent, info)) = open.own.take() {
                        return Ok(Some((parent, Some(info))));
                    }
                    return Ok(self.open.pop().map(|ended| (ended.directory, None)));
                }
            }
        }
        Ok(None)
    }
}
