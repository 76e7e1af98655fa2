//! Making one filesystem an exact copy of another; PyFilesystem's
//! [`fs.mirror`](https://docs.pyfilesystem.org/en/latest/reference/mirror.html).

use std::collections::{HashMap, HashSet};

use crate::bulk::{Action, Job, Report, Run, TransferOptions, make_directory};
use crate::copy::{copy_action, jobs};
use crate::error::Result;
use crate::filesystem::{FileSystem, Meta};
use crate::local;
use crate::moving::refuse_empty;
use crate::names::folded;
use crate::pair::Pair;
use crate::path;
use crate::s3::Times;
use crate::snapshot::{Snapshot, SnapshotFile};

/// Makes `dst_fs` hold what `src_fs` holds: copies files, makes directories, and removes what the
/// source does not have.
///
/// A file that has the same size and is not older than its source is left alone, unless
/// [`copy_if_newer`](TransferOptions::copy_if_newer) is set to false. Both are listed once, whole.
/// Two kinds of targets know it better, since S3 tells times in whole seconds and by its own clock:
///
/// - From S3 to the local disk, each file gets the time of its object, as with aws and rclone, and only
///   the same size and the same time mean the same file. No local clock matters. An object that the
///   server stored less than 2 s before gets a time that is 1 s less, so that the next mirror copies
///   it once more: another object could have come within the same second. A mirror that follows a
///   download with [`preserve_time`](TransferOptions::preserve_time) copies nothing; a file that was
///   downloaded without it is copied once.
/// - On S3, a file that was stored at the time of its source, as far as the listings tell, is copied
///   once more unless both have one ETag. The clocks of source and target must agree there, as with all
///   other filesystems.
///
/// What only the target has is removed last, and not at all if a file could not be copied; what
/// stands where the source has a directory instead of a file, or the reverse, has to go first.
///
/// ```no_run
/// use s3fs::{S3Fs, TransferOptions, mirror::mirror};
///
/// let work = S3Fs::builder("work").dir_path("2026").build()?;
/// let backup = S3Fs::builder("backup").dir_path("work/2026").build()?;
/// let plan = mirror(&work, &backup, &TransferOptions::new().dry_run(true))?;
/// println!("{:#?}", plan.actions());
/// mirror(&work, &backup, &TransferOptions::new().workers(8))?;
/// # Ok::<(), s3fs::Error>(())
/// ```
///
/// # Errors
///
/// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound) for a source that holds nothing, which
/// on S3 looks like one that was mistyped, unless
/// [`allow_empty_source`](TransferOptions::allow_empty_source) is set; otherwise as
/// [`copy_dir`](crate::copy::copy_dir).
pub fn mirror(
    src_fs: &(impl FileSystem + ?Sized),
    dst_fs: &(impl FileSystem + ?Sized),
    options: &TransferOptions<'_>,
) -> Result<Report> {
    options.cancellable(|| {
        let pair = Pair::new(&src_fs, &dst_fs);
        pair.refuse_overlap("/", "/")?;
        let source = Snapshot::read(pair.src, "/")?;
        if source.is_empty() {
            refuse_empty("/", options)?;
        }
        source.check_fits("/", pair.dst, "/")?;
        let target = Snapshot::listed(pair.dst, "/")?;
        let clocks = Clocks::of(pair)?;
        let copied = (!options.copy_always).then_some(clocks);
        let plan = Plan::new(&source, &target, &pair.dst.getmeta(), copied);
        let run = match clocks {
            Clocks::Kept => Run::new(options).with_times(Times::Mirrored),
            Clocks::Compared | Clocks::Stored => Run::new(options),
        };
        carry_out(pair, plan, &run)
    })
}

/// What makes the target like the source, step by step.
#[derive(Debug, Default)]
struct Plan {
    /// What stands in the way.
    clear: Vec<Removal>,
    /// The directories that the target does not have, and whether a file is beside them.
    directories: Vec<(String, bool)>,
    copies: Vec<Job>,
    /// What the source does not have.
    remove: Vec<Removal>,
}

/// Something to remove in the target.
#[derive(Debug, PartialEq)]
enum Removal {
    File(String),
    Tree(String),
}

impl Removal {
    fn path(&self) -> &str {
        match self {
            Self::File(path) | Self::Tree(path) => path,
        }
    }
}

impl Plan {
    /// Leaves out files that are the same by these clocks; none are if there are no clocks.
    fn new(source: &Snapshot, target: &Snapshot, meta: &Meta, clocks: Option<Clocks>) -> Self {
        let fold = |path: &str| folded(path, meta);
        let key = |file: &SnapshotFile| fold(&file.path);
        let source_files: HashSet<String> = source.files.iter().map(key).collect();
        let source_directories: HashSet<String> =
            source.directories.iter().map(|path| fold(path)).collect();
        let target_files: HashMap<String, &SnapshotFile> =
            target.files.iter().map(|file| (key(file), file)).collect();
        let target_directories: HashSet<String> =
            target.directories.iter().map(|path| fold(path)).collect();

        let mut plan = Self::default();
        // Below a tree that goes, nothing is removed by itself.
        let kept = |path: &str| {
            let parent = path::dirname(path);
            parent.is_empty() || source_directories.contains(&fold(parent))
        };
        for directory in target.directories.iter().filter(|path| kept(path)) {
            if !source_directories.contains(&fold(directory)) {
                let in_the_way = source_files.contains(&fold(directory));
                plan.removal(in_the_way)
                    .push(Removal::Tree(rooted(directory)));
            }
        }
        for file in target.files.iter().filter(|file| kept(&file.path)) {
            if !source_files.contains(&key(file)) {
                let in_the_way = source_directories.contains(&key(file));
                plan.removal(in_the_way)
                    .push(Removal::File(rooted(&file.path)));
            }
        }
        for directory in &source.directories {
            if !target_directories.contains(&fold(directory)) {
                let beside = source_files.contains(&fold(directory));
                plan.directories.push((rooted(directory), beside));
            }
        }
        let wanted = source.files.iter().zip(jobs(source, "/", "/"));
        let wanted = wanted.filter(|(file, _)| match target_files.get(&key(file)) {
            Some(there) => clocks.is_none_or(|clocks| clocks.differ(file, there)),
            None => true,
        });
        plan.copies = wanted.map(|(_, job)| job).collect();
        plan
    }

    fn removal(&mut self, in_the_way: bool) -> &mut Vec<Removal> {
        if in_the_way {
            &mut self.clear
        } else {
            &mut self.remove
        }
    }
}

/// What the times of two files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clocks {
    /// The mirror gave the target the time of the source, and any other time means another file: from S3
    /// to the local disk.
    Kept,
    /// The time of the target is when S3 stored it. Within one second, the source may have changed after
    /// that: then only the same ETag means the same file.
    Stored,
    /// PyFilesystem's comparison: a source that is not newer is the same.
    Compared,
}

impl Clocks {
    fn of(pair: Pair<'_>) -> Result<Self> {
        if local::is_download(pair)? {
            return Ok(Self::Kept);
        }
        Ok(match local::is_on_s3(pair.dst)? {
            true => Self::Stored,
            false => Self::Compared,
        })
    }

    /// Whether the source is to be copied: by size, and by times where both are known.
    fn differ(self, source: &SnapshotFile, target: &SnapshotFile) -> bool {
        let exact = |file: &SnapshotFile| file.exactly_modified;
        let times = match self {
            Self::Kept => source.modified.zip(exact(target)),
            Self::Stored | Self::Compared => exact(source).zip(exact(target)),
        };
        let is_same_content = source.stamp.is_some() && source.stamp == target.stamp;
        source.size != target.size
            || times.is_none_or(|(source, target)| match self {
                Self::Kept => source != target,
                Self::Stored => source > target || source == target && !is_same_content,
                Self::Compared => source > target,
            })
    }
}

fn rooted(path: &str) -> String {
    path::abspath(path).into_owned()
}

fn carry_out(pair: Pair<'_>, plan: Plan, run: &Run<'_, '_>) -> Result<Report> {
    let mut report = Report::default();
    remove(pair.dst, run, &plan.clear, &mut report)?;
    for (directory, beside_file) in plan.directories {
        if !run.options.dry_run {
            make_directory(pair.dst, &directory, beside_file)?;
        }
        report.actions.push(Action::Makedir(directory));
    }
    let copied = run.copy(pair, &plan.copies)?;
    report.actions.extend(copied.into_iter().map(copy_action));
    if !run.has_failures() {
        remove(pair.dst, run, &plan.remove, &mut report)?;
    }
    run.finish(report, "/")
}

fn remove(
    dst: &dyn FileSystem,
    run: &Run<'_, '_>,
    removals: &[Removal],
    report: &mut Report,
) -> Result<()> {
    let removed = run.remove(removals, Removal::path, |removal| match removal {
        _ if run.options.dry_run => Ok(()),
        Removal::File(path) => dst.remove(path),
        Removal::Tree(path) => dst.removetree(path),
    })?;
    report
        .actions
        .extend(removed.into_iter().map(|removal| match removal {
            Removal::File(path) => Action::Remove(path.clone()),
            Removal::Tree(path) => Action::Removetree(path.clone()),
        }));
    Ok(())
}
