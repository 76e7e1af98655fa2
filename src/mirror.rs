//! Making one filesystem an exact copy of another; PyFilesystem's
//! [`fs.mirror`](https://docs.pyfilesystem.org/en/latest/reference/mirror.html).

use std::collections::{HashMap, HashSet};

use crate::bulk::{Action, Job, Report, Run, TransferOptions, make_directory};
use crate::copy::{copy_action, jobs};
use crate::error::Result;
use crate::filesystem::{FileSystem, Meta};
use crate::moving::refuse_empty;
use crate::names::folded;
use crate::pair::Pair;
use crate::path;
use crate::snapshot::{Snapshot, SnapshotFile};

/// Makes `dst_fs` hold what `src_fs` holds: copies files, makes directories, and removes what the
/// source does not have.
///
/// A file that has the same size and is not older than its source is left alone, unless
/// [`copy_if_newer`](TransferOptions::copy_if_newer) is set to false. Both are listed once, whole.
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
    let pair = Pair::new(&src_fs, &dst_fs);
    pair.refuse_overlap("/", "/")?;
    let source = Snapshot::read(pair.src, "/")?;
    if source.is_empty() {
        refuse_empty("/", options)?;
    }
    source.check_fits("/", pair.dst, "/")?;
    let target = Snapshot::listed(pair.dst, "/")?;
    let plan = Plan::new(&source, &target, &pair.dst.getmeta(), !options.copy_always);
    carry_out(pair, plan, options)
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
    fn new(source: &Snapshot, target: &Snapshot, meta: &Meta, copy_if_newer: bool) -> Self {
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
            Some(there) => !copy_if_newer || differs(file, there),
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

/// PyFilesystem's comparison: of size, and of times where both are known.
fn differs(source: &SnapshotFile, target: &SnapshotFile) -> bool {
    source.size != target.size
        || source
            .modified
            .zip(target.modified)
            .is_none_or(|(source, target)| source > target)
}

fn rooted(path: &str) -> String {
    path::abspath(path).into_owned()
}

fn carry_out(pair: Pair<'_>, plan: Plan, options: &TransferOptions<'_>) -> Result<Report> {
    let run = Run::new(options);
    let mut report = Report::default();
    remove(pair.dst, &run, &plan.clear, &mut report)?;
    for (directory, beside_file) in plan.directories {
        if !options.dry_run {
            make_directory(pair.dst, &directory, beside_file)?;
        }
        report.actions.push(Action::Makedir(directory));
    }
    let copied = run.copy(pair, &plan.copies)?;
    report.actions.extend(copied.into_iter().map(copy_action));
    if !run.has_failures() {
        remove(pair.dst, &run, &plan.remove, &mut report)?;
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
