//! [`verify`]: finds the differences between two trees.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Mutex;

use crate::error::Result;
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::names::folded;
use crate::filesystem::{FileSystem, Meta};
use crate::path;
use crate::threads::lock;
use crate::transfer::file;
use crate::transfer::job::Job;
use crate::transfer::moving::refuse_empty;
use crate::transfer::options::{Compare, TransferOptions};
use crate::transfer::pairs::Pairs;
use crate::transfer::run::Run;
use crate::transfer::sameness::{Digests, Look, Sameness, Sides, Verdict};
use crate::transfer::snapshot::{Listing, Snapshot};
use crate::transfer::window::jobs;

/// A difference between two trees. Paths are absolute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Difference {
    /// A file or directory that exists only in the source. The path of a directory ends with a slash.
    OnlyInSource(String),
    /// A file or directory that exists only in the target. The path of a directory ends with a slash.
    OnlyInTarget(String),
    /// A file with different sizes.
    Size {
        /// Path of the file.
        path: String,
        /// Size in the source, in bytes.
        source: u64,
        /// Size in the target, in bytes.
        target: u64,
    },
    /// A file with the same size but different content.
    Content(String),
    /// A file of which a side could not be read, if [`on_error`](TransferOptions::on_error) gathers errors.
    Unknown(String),
}

impl Difference {
    /// Path of the file or directory.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::OnlyInSource(path)
            | Self::OnlyInTarget(path)
            | Self::Content(path)
            | Self::Unknown(path)
            | Self::Size { path, .. } => path,
        }
    }
}

/// Formats the path and the difference in one line. Control characters are escaped.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OnlyInSource(path) => write!(f, "{path:?} is only in the source"),
            Self::OnlyInTarget(path) => write!(f, "{path:?} is only in the target"),
            Self::Size {
                path,
                source,
                target,
            } => write!(
                f,
                "{path:?} has {source} bytes in the source and {target} in the target"
            ),
            Self::Content(path) => write!(f, "{path:?} has different content in the target"),
            Self::Unknown(path) => write!(f, "{path:?} could not be compared"),
        }
    }
}

/// Compares two filesystems. Returns the differences in the order of the paths. Changes nothing.
///
/// Files are compared by size and content. Their times are ignored. Two objects with the same ETag are the same. An ETag
/// that is an MD5 digest is compared with the content of the other file. If ETags do not show that two files are the same,
/// both are read. With [`Compare::Size`], only sizes are compared.
///
/// [`walker`](TransferOptions::walker) and [`filter`](TransferOptions::filter) exclude files on both sides: a file that one side
/// excludes is not compared. On S3, keys that no path can name are skipped with a warning.
/// [`workers`](TransferOptions::workers) sets the number of files that are compared in parallel.
/// [`cancel`](TransferOptions::cancel) and progress work as in a copy. If [`on_error`](TransferOptions::on_error) gathers errors,
/// files that cannot be read are [`Difference::Unknown`]. [`window`](TransferOptions::window) sets the number of listed
/// entries that are held in memory. Other options have no effect.
///
/// Requests: those of two listings, and one for each file that is read.
///
/// ```
/// use s3fs::mirror::{Difference, mirror, verify};
/// use s3fs::{FileSystemExt, MemoryFs, TransferOptions};
///
/// let (work, backup) = (MemoryFs::new(), MemoryFs::new()); // or S3Fs::new("mybucket")?
/// work.writetext("a.txt", "one")?;
/// work.writetext("b.txt", "two")?;
/// mirror(&work, &backup, &TransferOptions::new())?;
/// assert!(verify(&work, &backup, &TransferOptions::new())?.is_empty());
/// backup.writetext("b.txt", "too")?;
/// let differences = verify(&work, &backup, &TransferOptions::new())?;
/// assert_eq!(differences, [Difference::Content("/b.txt".into())]);
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) for an empty source, unless
/// [`allow_empty_source`](TransferOptions::allow_empty_source) is set;
/// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) if a [`condition`](TransferOptions::condition) is set;
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a name on the local disk that no path can have; errors of the listings,
/// and of the files that are read.
pub fn verify(
    src_fs: &(impl FileSystem + ?Sized),
    dst_fs: &(impl FileSystem + ?Sized),
    options: &TransferOptions<'_>,
) -> Result<Vec<Difference>> {
    options.cancellable(|| {
        options.refuse_condition("use walker and filter")?;
        let endpoints = Endpoints::new(&src_fs, &dst_fs);
        let meta = endpoints.dst.getmeta();
        let comparison = Comparison {
            endpoints,
            meta: &meta,
            sameness: match options.compare {
                Compare::Size => Sameness::Size,
                Compare::SizeAndTime | Compare::Content => Sameness::Content(Sides::of(endpoints)),
            },
            options,
        };
        let found = match Pairs::can_be_windows(endpoints, &meta) {
            true => comparison.differences(Some(options.get_window()))?,
            false => None,
        };
        let mut differences = match found {
            Some(differences) => differences,
            None => comparison.differences(None)?.unwrap_or_default(),
        };
        differences.sort_unstable_by(|one, other| (one.path(), one).cmp(&(other.path(), other)));
        Ok(differences)
    })
}

/// The facts about a comparison that do not change while it runs.
struct Comparison<'c, 'a> {
    endpoints: Endpoints<'c>,
    meta: &'c Meta,
    sameness: Sameness,
    options: &'c TransferOptions<'a>,
}

impl Comparison<'_, '_> {
    /// Compares the trees window by window, or as a whole. `None` if the trees cannot be compared in windows, because a
    /// listing does not have the order of keys.
    fn differences(&self, window: Option<usize>) -> Result<Option<Vec<Difference>>> {
        let Endpoints { src, dst, .. } = self.endpoints;
        let selection = self.options.selection(src, "/")?;
        let mut source = Listing::of_source(src, "/", &selection)?;
        if source.is_empty()? {
            refuse_empty("/", self.options)?;
        }
        let selection = self.options.selection(dst, "/")?;
        let target = Listing::of_target(dst, "/", &selection)?;
        let mut pairs = Pairs::new(source, target, false);
        let run = Run::new(self.options);
        let fold = |path: &str| folded(path, self.meta);
        let mut differences = Vec::new();
        while pairs.has_more() {
            let Some((source, target)) = &pairs.next(window)? else {
                return Ok(None);
            };
            differences.extend(directories(source, target, fold));
            let to_read = files(source, target, fold, self.sameness, &mut differences);
            differences.extend(contents(self.endpoints, &to_read, &run)?);
        }
        Ok(Some(differences))
    }
}

/// Returns the directories that exist on one side only. A directory is complete in the same window on both sides.
fn directories(
    source: &Snapshot,
    target: &Snapshot,
    fold: impl Fn(&str) -> String,
) -> Vec<Difference> {
    let all = |tree: &Snapshot| -> HashSet<String> {
        let directories = tree.complete().into_iter();
        directories.map(&fold).collect()
    };
    let (in_source, in_target) = (all(source), all(target));
    let shown = |path: &str| path::forcedir(&path::abspath(path)).into_owned();
    let missing = source.complete().into_iter();
    let missing = missing.filter(|path| !in_target.contains(&fold(path)));
    let extra = target.complete().into_iter();
    // A directory that contains only excluded files is not a difference.
    let extra =
        extra.filter(|path| !in_source.contains(&fold(path)) && !target.with_rest.contains(*path));
    let missing = missing.filter(|path| !source.with_rest.contains(*path));
    let missing = missing.map(|path| Difference::OnlyInSource(shown(path)));
    missing
        .chain(extra.map(|path| Difference::OnlyInTarget(shown(path))))
        .collect()
}

/// Compares the files as listed. Returns those that must be read.
fn files(
    source: &Snapshot,
    target: &Snapshot,
    fold: impl Fn(&str) -> String,
    sameness: Sameness,
    differences: &mut Vec<Difference>,
) -> Vec<(Job, Look)> {
    let shown = |path: &str| path::abspath(path).into_owned();
    let refused = |tree: &Snapshot| -> HashSet<String> {
        tree.refused.iter().map(|path| fold(path)).collect()
    };
    let (refused_in_source, refused_in_target) = (refused(source), refused(target));
    let mut there: HashMap<String, _> = target
        .files
        .iter()
        .map(|file| (fold(&file.path), file))
        .collect();
    let mut to_read = Vec::new();
    for (file, job) in source.files.iter().zip(jobs(source, "/", "/")) {
        let key = fold(&file.path);
        let Some(other) = there.remove(&key) else {
            if !refused_in_target.contains(&key) {
                differences.push(Difference::OnlyInSource(shown(&file.path)));
            }
            continue;
        };
        if file.size != other.size {
            differences.push(Difference::Size {
                path: shown(&file.path),
                source: file.size,
                target: other.size,
            });
            continue;
        }
        match sameness.of(file, other) {
            Verdict::Same => {}
            Verdict::Unknown(look) => to_read.push((job, look)),
            // Encrypted objects have ETags that look like digests but are not.
            Verdict::Differs => to_read.push((job, Look::Digests(Digests::default()))),
        }
    }
    let extra = there.into_iter();
    let extra = extra.filter(|(key, _)| !refused_in_source.contains(key));
    differences.extend(extra.map(|(_, file)| Difference::OnlyInTarget(shown(&file.path))));
    to_read
}

/// Reads files. Returns those whose contents differ.
fn contents(
    endpoints: Endpoints<'_>,
    to_read: &[(Job, Look)],
    run: &Run<'_, '_>,
) -> Result<Vec<Difference>> {
    let workers = match run.options.workers {
        0 => file::default_workers(endpoints),
        workers => workers,
    };
    for (job, _) in to_read {
        run.expect_file();
        run.expect(job.size);
    }
    let differing = Mutex::new(Vec::new());
    let compared = run.each(
        to_read,
        workers,
        |(job, look), _| {
            run.begins(&job.src_path)?;
            let is_same = look.agrees(endpoints, job)?
                // Different ETags alone do not prove a difference.
                || look.has_e_tag() && Digests::default().agree(endpoints, job)?;
            if !is_same {
                let path = path::abspath(&job.src_path).into_owned();
                lock(&differing).push(Difference::Content(path));
            }
            run.advance(job.size)?;
            run.ends(&job.src_path).map(|()| true)
        },
        |_| Ok(()),
    )?;
    let compared: HashSet<&str> = compared.iter().map(|(job, _)| &*job.src_path).collect();
    let failed = to_read.iter().map(|(job, _)| job.src_path.as_str());
    let failed = failed.filter(|path| !compared.contains(path));
    let mut differences = std::mem::take(&mut *lock(&differing));
    differences.extend(failed.map(|path| Difference::Unknown(path::abspath(path).into_owned())));
    Ok(differences)
}
