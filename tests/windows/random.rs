//! Random trees, in windows of all sizes.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use s3fs::copy::{Condition, copy_fs, copy_structure};
use s3fs::mirror::{Difference, mirror, verify};
use s3fs::moving::move_fs;
use s3fs::{
    Action, Capabilities, Compare, Entries, ErrorKind, File, FileSystem, FileSystemExt, Info,
    Location, MakedirOptions, MemoryFs, Meta, Namespaces, OpenOptions, OsFs, RawInfo, Report,
    Result, TransferOptions, Walker,
};

use crate::local::Directory;
use crate::model::generator::Random;

/// Names whose order differs with and without a slash behind them.
const NAMES: [&str; 7] = ["a", "a-b", "a.b", "a0", "b", "b!", "é"];

/// Fills a filesystem with random files and directories.
///
/// With an odd seed, directories may be beside files.
fn fill(fs: &dyn FileSystem, seed: u64) {
    let mut random = Random::new(seed);
    for _ in 0..random.below(25) {
        let depth = 1 + random.below(3);
        let names: Vec<&str> = (0..depth).map(|_| random.pick(&NAMES)).collect();
        let path = names.join("/");
        let is_dir = random.one_in(4);
        // On the disk, there is no directory beside a file.
        let options = MakedirOptions::new()
            .recreate(true)
            .beside_file(seed % 2 == 1);
        for end in 1..depth + usize::from(is_dir) {
            let _ = fs.makedir_with(&names[..end].join("/"), &options);
        }
        if !is_dir {
            let _ = fs.writetext(&path, &random.pick(&["x", "y"]).repeat(random.below(3)));
        }
    }
}

/// A filesystem whose listings may begin in the middle.
struct Rotated {
    inner: MemoryFs,
    is_rotated: AtomicBool,
    /// Whether it says that they are in the order of keys.
    claims_order: bool,
}

impl Rotated {
    fn new(is_rotated: bool, claims_order: bool) -> Self {
        Self {
            inner: MemoryFs::new(),
            is_rotated: AtomicBool::new(is_rotated),
            claims_order,
        }
    }
}

impl FileSystem for Rotated {
    fn getinfo(&self, path: &str, namespaces: Namespaces) -> Result<Info> {
        self.inner.getinfo(path, namespaces)
    }

    fn listdir(&self, path: &str) -> Result<Vec<String>> {
        let mut names = self.inner.listdir(path)?;
        if self.is_rotated.load(Ordering::Relaxed) {
            let half = names.len() / 2;
            names.rotate_left(half);
        }
        Ok(names)
    }

    fn isdir(&self, path: &str) -> Result<bool> {
        self.inner.isdir(path)
    }

    fn scandir(&self, path: &str, namespaces: Namespaces) -> Result<Entries<'_>> {
        let mut infos: Vec<_> = self.inner.scandir(path, namespaces)?.collect();
        if self.is_rotated.load(Ordering::Relaxed) {
            let half = infos.len() / 2;
            infos.rotate_left(half);
        }
        Ok(Box::new(infos.into_iter()))
    }

    fn makedir_with(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.inner.makedir_with(path, options)
    }

    fn openbin_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<Box<dyn File>> {
        self.inner.openbin_with(path, mode, options)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.inner.remove(path)
    }

    fn removedir(&self, path: &str) -> Result<()> {
        self.inner.removedir(path)
    }

    fn setinfo(&self, path: &str, info: &RawInfo) -> Result<()> {
        self.inner.setinfo(path, info)
    }

    fn getmeta(&self) -> Meta {
        self.inner.getmeta()
    }

    fn close(&self) -> Result<()> {
        self.inner.close()
    }

    fn isclosed(&self) -> bool {
        self.inner.isclosed()
    }

    fn capabilities(&self) -> Option<&dyn Capabilities> {
        Some(self)
    }
}

impl Capabilities for Rotated {
    fn location(&self, path: &str) -> Result<Option<Location>> {
        let path = self.validatepath(path)?;
        let realm = format!("rotated-{:p}", &self.inner);
        let directory = s3fs::path::forcedir(&path).into_owned();
        Ok(Some(Location::new(realm, path, directory)))
    }

    fn lists_in_key_order(&self) -> bool {
        self.claims_order
    }
}

/// The content of each file, and `None` for each directory.
fn state(fs: &dyn FileSystem) -> BTreeMap<(String, bool), Option<String>> {
    let entries = fs.scantree("/", Namespaces::BASIC).unwrap();
    let entry = |(directory, info): (String, Info)| {
        let path = info.make_path(&directory).unwrap();
        let content = info.is_file().then(|| fs.readtext(&path).unwrap());
        ((path, info.is_dir()), content)
    };
    entries.map(|found| entry(found.unwrap())).collect()
}

/// The actions of a report, sorted.
fn actions(report: &Report) -> Vec<String> {
    let mut actions: Vec<String> = report.actions().iter().map(Action::to_string).collect();
    actions.sort_unstable();
    actions
}

/// A copy or a mirror from a source to a target, or a comparison. Returns what it does, or finds.
type Work<'w> =
    dyn Fn(&dyn FileSystem, &dyn FileSystem, &TransferOptions<'_>) -> Result<Vec<String>> + 'w;

/// Runs `work` from a random source to a random target, with the default window between two filesystems of the first kind,
/// and with small windows between two of the other kind, and compares the results.
fn compare(
    [whole, windowed]: [&dyn Fn() -> Box<dyn FileSystem>; 2],
    seed: u64,
    options: &dyn Fn() -> TransferOptions<'static>,
    work: &Work<'_>,
) {
    let run = |window: Option<usize>| {
        let make = window.map_or(whole, |_| windowed);
        let (src, dst) = (make(), make());
        fill(&*src, seed);
        fill(&*dst, seed + 1_000_000);
        let mut options = options();
        options = options.window(window.unwrap_or_default());
        let result = work(&*src, &*dst, &options);
        let result = result.map_err(|error| error.kind());
        (state(&*src), result, state(&*dst))
    };
    let (src, whole, dst) = run(None);
    for window in [1, 2, 3, 7] {
        let (same, windowed, state) = run(Some(window));
        assert_eq!(src, same, "{seed} {window}");
        match &whole {
            Ok(actions) => {
                assert_eq!(windowed.as_ref(), Ok(actions), "{seed} {window}");
                assert_eq!(state, dst, "{seed} {window}");
            }
            Err(kind) => assert!(windowed.is_err(), "{seed} {window}: not {kind}"),
        }
    }
}

fn memory() -> Box<dyn FileSystem> {
    Box::new(MemoryFs::new())
}

fn rotated() -> Box<dyn FileSystem> {
    Box::new(Rotated::new(true, false))
}

#[test]
fn a_mirror_in_windows_makes_the_target_equal() {
    for seed in 1..300 {
        let options = || {
            TransferOptions::new()
                .compare(Compare::Content)
                .allow_empty_source(true)
        };
        compare([&rotated, &memory], seed, &options, &|src, dst, options| {
            let report = mirror(&src, &dst, options)?;
            assert_eq!(state(src), state(dst), "{seed}");
            Ok(actions(&report))
        });
    }
}

#[test]
fn a_mirror_of_listings_in_another_order_makes_the_target_equal_or_fails() {
    for seed in (2..300).step_by(2) {
        for window in [1, 2, 3, 7, 0] {
            let (src, dst) = (Rotated::new(true, true), Rotated::new(true, true));
            fill(&src, seed);
            fill(&dst, seed + 1_000_000);
            let before = state(&src);
            let options = TransferOptions::new()
                .compare(Compare::Content)
                .window(window);
            let options = options.allow_empty_source(true);
            match mirror(&src, &dst, &options) {
                Ok(_) => assert_eq!(state(&src), state(&dst), "{seed} {window}"),
                // A directory in the place of a file, or the reverse, may not be listed yet.
                Err(error) => assert!(
                    error.is(ErrorKind::FileExpected) || error.is(ErrorKind::DirectoryExpected),
                    "{seed} {window}: {error}"
                ),
            }
            assert_eq!(state(&src), before);
        }
    }
}

/// Options that exclude something, one of six kinds.
fn excluding(kind: u64) -> TransferOptions<'static> {
    let options = TransferOptions::new().allow_empty_source(true);
    let walker = Walker::new();
    match kind % 6 {
        0 => options.walker(walker.exclude(["a.b"]).exclude_dirs(["b"])),
        1 => options.walker(walker.exclude(["a"])),
        2 => options.walker(walker.exclude_dirs(["a", "a-b"])),
        3 => options.walker(walker.filter(["b*"]).max_depth(2)),
        4 => options.filter(|path, _| !path.contains("a/")),
        _ => options.filter(|_, info| info.size() == Some(1)),
    }
}

#[test]
fn a_mirror_in_windows_keeps_what_it_excludes() {
    for seed in 1..600 {
        let options = || excluding(seed / 2).compare(Compare::Size);
        compare([&rotated, &memory], seed, &options, &|src, dst, options| {
            mirror(&src, &dst, options).map(|report| actions(&report))
        });
    }
}

#[test]
fn a_comparison_in_windows_finds_the_same_differences() {
    let find: &Work<'_> = &|src, dst, options| {
        let differences = verify(&src, &dst, options)?;
        Ok(differences.iter().map(Difference::to_string).collect())
    };
    for seed in 1..300 {
        let all = || TransferOptions::new().allow_empty_source(true);
        compare([&rotated, &memory], seed, &all, find);
        compare([&rotated, &memory], seed, &|| excluding(seed / 2), find);
    }
}

/// Moves everything. Returns the actions and what is left.
fn move_all(
    src: &dyn FileSystem,
    dst: &dyn FileSystem,
    options: &TransferOptions<'_>,
) -> Result<Vec<String>> {
    let report = move_fs(&src, &dst, options)?;
    let left = report.left_behind().iter();
    let left = left.map(|path| format!("leave {path:?}"));
    Ok(actions(&report).into_iter().chain(left).collect())
}

#[test]
fn a_move_in_windows_removes_the_same_files_and_directories() {
    for seed in 1..300 {
        let all = || TransferOptions::new().allow_empty_source(true);
        compare([&rotated, &memory], seed, &all, &move_all);
        compare(
            [&rotated, &memory],
            seed,
            &|| excluding(seed / 2),
            &move_all,
        );
        // A condition sees the directory beside a file only if both are in one window.
        if seed % 2 == 0 {
            let new = || all().condition(Condition::NotExists);
            compare([&rotated, &memory], seed, &new, &move_all);
        }
    }
}

#[test]
fn a_planned_move_in_windows_is_the_move_that_follows() {
    for seed in 1..300 {
        let planned = || excluding(seed / 2).dry_run(true);
        let plan: &Work<'_> = &|src, dst, options| {
            let before = (state(src), state(dst));
            let mut plan = move_all(src, dst, options)?;
            assert_eq!((state(src), state(dst)), before, "{seed}");
            let window = options.get_window();
            let mut moved = move_all(src, dst, &excluding(seed / 2).window(window))?;
            plan.sort_unstable();
            moved.sort_unstable();
            assert_eq!(plan, moved, "{seed}");
            Ok(plan)
        };
        compare([&rotated, &memory], seed, &planned, plan);
    }
}

#[test]
fn a_move_of_listings_in_another_order_loses_nothing() {
    for seed in (2..300).step_by(2) {
        for window in [1, 2, 3, 7, 0] {
            let (src, dst) = (Rotated::new(true, true), MemoryFs::new());
            fill(&src, seed);
            let before = state(&src);
            // Another program changes the first file.
            let changed = Mutex::new(Vec::new());
            let options = TransferOptions::new()
                .window(window)
                .on_copy(|src_path, _| {
                    let mut changed = changed.lock().unwrap();
                    if changed.is_empty() {
                        src.writetext(src_path, "changed")?;
                        changed.push(src_path.to_owned());
                    }
                    Ok(())
                });
            let options = options.allow_empty_source(true);
            let report = move_fs(&src, &dst, &options).unwrap();
            drop(options);
            let changed = changed.into_inner().unwrap();
            assert_eq!(report.left_behind(), changed, "{seed} {window}");
            assert_eq!(state(&dst), before, "{seed} {window}");
            let left = state(&src).into_keys().filter(|(_, is_dir)| !is_dir);
            let left: Vec<String> = left.map(|(path, _)| path).collect();
            assert_eq!(left, changed, "{seed} {window}");
        }
    }
}

#[test]
fn a_move_whose_listings_differ_in_order_leaves_what_has_changed_and_nothing_else() {
    for is_rotated in [true, false] {
        for window in [1, 3, 8, 0] {
            let (src, dst) = (Rotated::new(is_rotated, true), MemoryFs::new());
            for number in 0..10 {
                src.writetext(&format!("f{number}"), "content").unwrap();
            }
            let number = AtomicUsize::new(0);
            let options = TransferOptions::new().window(window).on_copy(|_, _| {
                if number.fetch_add(1, Ordering::Relaxed) == 9 {
                    src.writetext("f0", "changed")?;
                    src.writetext("f5", "changed")?;
                    src.is_rotated.store(!is_rotated, Ordering::Relaxed);
                }
                Ok(())
            });
            let report = move_fs(&src, &dst, &options).unwrap();
            let case = format!("{is_rotated} {window}");
            assert_eq!(report.left_behind(), ["/f0", "/f5"], "{case}");
            assert_eq!(src.listdir("/").unwrap().len(), 2, "{case}");
            let removed = report.actions().iter();
            let removed = removed.filter(|action| matches!(action, Action::Remove(_)));
            assert_eq!(removed.count(), 8, "{case}");
        }
    }
}

#[test]
fn a_plan_in_windows_changes_nothing() {
    for seed in 1..200 {
        let options = || {
            let options = TransferOptions::new().compare(Compare::Size).dry_run(true);
            options.allow_empty_source(true)
        };
        compare([&rotated, &memory], seed, &options, &|src, dst, options| {
            mirror(&src, &dst, options).map(|report| actions(&report))
        });
    }
}

#[test]
fn a_mirror_of_the_disk_in_windows_makes_the_target_equal() {
    let root = Directory::new();
    let next = std::cell::Cell::new(0);
    let disk = || -> Box<dyn FileSystem> {
        next.set(next.get() + 1);
        let path = root.join(next.get().to_string());
        fs::create_dir_all(&path).unwrap();
        Box::new(OsFs::new(path).unwrap())
    };
    for seed in 1..30 {
        let options = || {
            TransferOptions::new()
                .compare(Compare::Content)
                .allow_empty_source(true)
        };
        compare([&disk, &disk], seed, &options, &|src, dst, options| {
            let report = mirror(&src, &dst, options)?;
            assert_eq!(state(src), state(dst), "{seed}");
            Ok(actions(&report))
        });
    }
}

#[test]
fn a_move_from_the_disk_in_windows_leaves_nothing() {
    let root = Directory::new();
    for seed in 1..60 {
        for window in [1, 2, 3, 7, 0] {
            let path = root.join(format!("{seed} {window}"));
            fs::create_dir_all(&path).unwrap();
            let (disk, memory) = (OsFs::new(&path).unwrap(), MemoryFs::new());
            fill(&disk, seed);
            let before = state(&disk);
            let options = TransferOptions::new().window(window);
            let options = options.allow_empty_source(true);
            let report = move_fs(&disk, &memory, &options).unwrap();
            assert_eq!(report.left_behind(), [""; 0], "{seed} {window}");
            assert_eq!(state(&memory), before, "{seed} {window}");
            assert_eq!(disk.listdir("/").unwrap(), [""; 0], "{seed} {window}");
        }
    }
}

#[test]
fn a_copy_in_windows_has_the_same_result() {
    let conditions = [
        Condition::Always,
        Condition::NotExists,
        Condition::Exists,
        Condition::Older,
    ];
    for seed in 1..300 {
        // A condition sees the directory beside a file only if both are in one window.
        let condition = match seed % 2 {
            0 => conditions[usize::try_from(seed / 2).unwrap() % conditions.len()],
            _ => Condition::Always,
        };
        let options = || TransferOptions::new().condition(condition).workers(2);
        compare([&rotated, &memory], seed, &options, &|src, dst, options| {
            copy_fs(&src, &dst, options).map(|report| actions(&report))
        });
        compare([&rotated, &memory], seed, &options, &|src, dst, options| {
            copy_structure(&src, "/", &dst, "/", options).map(|report| actions(&report))
        });
    }
}
