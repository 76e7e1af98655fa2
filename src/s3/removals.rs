//! Removing many files: checks of files and of directories that would vanish, and 1,000 deletions per request.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::valid_path::ValidPath;
use crate::path;
use crate::s3::S3Fs;
use crate::s3::api::MAX_DELETED_KEYS;
use crate::s3::client::xml::ListedObject;
use crate::s3::client::xml::body::Deletion;
use crate::s3::key::Key;
use crate::s3::list::pages::{PAGE, Pages};

/// Minimum number of files for a listing. Fewer files are checked one by one, which takes no more requests than listings.
const WORTH_A_LISTING: usize = 3;

impl S3Fs {
    /// Implements [`FileSystem::remove_many`](crate::FileSystem::remove_many).
    pub(super) fn remove_files(&self, paths: &[&str]) -> Vec<Result<()>> {
        let mut removals = Removals::new(self, paths);
        if self.strict {
            removals.look();
        }
        removals.delete()
    }

    /// Implements [`Capabilities::remove_listed`](crate::Capabilities::remove_listed). Makes one request for each 1,000
    /// files, and in strict mode one for each directory that becomes empty.
    pub(super) fn remove_listed_files(&self, paths: &[&str], emptied: &[&str]) -> Vec<Result<()>> {
        let mut removals = Removals::new(self, paths);
        if self.strict {
            let emptied = emptied.iter().filter_map(|path| self.normalize(path).ok());
            let emptied = emptied.filter(|path| !path.is_root());
            removals.keep(emptied.map(ValidPath::into_string).collect());
        }
        removals.delete()
    }
}

/// The files that a call removes, without duplicates.
struct Removals<'f> {
    fs: &'f S3Fs,
    files: Vec<File>,
    /// For each path of the call, the index of its file, and whether an earlier path is the same file.
    paths: Vec<(String, Result<(usize, bool)>)>,
}

struct File {
    path: String,
    key: Key,
    /// The reason why it is not removed.
    failed: Option<Error>,
}

impl File {
    fn parent(&self) -> &str {
        path::dirname(&self.path)
    }
}

impl<'f> Removals<'f> {
    fn new(fs: &'f S3Fs, paths: &[&str]) -> Self {
        let mut files = Vec::new();
        let mut known: HashMap<Key, usize> = HashMap::new();
        let mut file = |given: &str| -> Result<(usize, bool)> {
            fs.check_writeable(given)?;
            let (path, key) = fs.file_key(given, ErrorKind::FileExpected)?;
            if let Some(number) = known.get(&key) {
                return Ok((*number, true));
            }
            known.insert(key.clone(), files.len());
            files.push(File {
                path: path.into_string(),
                key,
                failed: None,
            });
            Ok((files.len() - 1, false))
        };
        let paths = paths.iter();
        let paths = paths
            .map(|given| ((*given).to_owned(), file(given)))
            .collect();
        Self { fs, files, paths }
    }

    /// Does the checks of strict mode: the files exist, and their directories do not vanish. Makes at most two
    /// requests for each file and one more, and one more for each missing file.
    fn look(&mut self) {
        let shown = Mutex::new(Shown::new(self.fs, &self.files));
        let mut errors = self.list(&shown);
        let unseen = lock(&shown).unseen(0..self.files.len());
        let unseen = unseen.into_iter().filter(|n| !errors.contains_key(n));
        let unseen: Vec<usize> = unseen.collect();
        let looked = self.fs.threads().map(&unseen, |number| {
            let file = self.files.get(*number);
            file.map_or(Ok(false), |file| self.fs.is_object(&file.key))
        });
        for (number, looked) in unseen.into_iter().zip(looked) {
            match looked {
                Ok(true) => lock(&shown).note(number, State::There),
                Ok(false) => {}
                Err(error) => drop(errors.insert(number, error)),
            }
        }
        let states = shown.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (directories, states) = (states.directories, states.states);
        let missing: Vec<usize> = (0..self.files.len())
            .filter(|n| !errors.contains_key(n) && states.get(*n) != Some(&State::There))
            .collect();
        let why = self.fs.threads().map(&missing, |number| {
            let path = self.files.get(*number).map_or("", |file| &file.path);
            let path = ValidPath::of_normal(path);
            match states.get(*number) {
                Some(State::Gone) => path.error(ErrorKind::ResourceNotFound),
                Some(State::Directory) => path.error(ErrorKind::FileExpected),
                _ => self.fs.no_object(&path),
            }
        });
        errors.extend(missing.into_iter().zip(why));
        for (number, error) in errors {
            if let Some(file) = self.files.get_mut(number) {
                file.failed = Some(error);
            }
        }
        let emptied = self.emptied(directories);
        self.keep(emptied);
    }

    /// Lists keys if that is faster than checking single files. Returns the errors of files that cannot be checked.
    fn list(&self, shown: &Mutex<Shown<'_>>) -> HashMap<usize, Error> {
        let mut groups: HashMap<&str, Vec<usize>> = HashMap::new();
        for (number, file) in self.files.iter().enumerate() {
            groups.entry(file.parent()).or_default().push(number);
        }
        let all: Vec<usize> = (0..self.files.len()).collect();
        let keys = self.files.iter().map(|file| file.key.as_str());
        let prefix = common_prefix(keys);
        let delimiter = self.fs.shared.keys.delimiter();
        let above = prefix
            .rfind(delimiter)
            .and_then(|at| prefix.get(..at + delimiter.len()));
        if groups.len() > 1
            && let Err(error) = self.show(above.unwrap_or_default(), &all, shown)
        {
            return all
                .into_iter()
                .map(|number| (number, error.clone()))
                .collect();
        }
        let groups: Vec<(&str, Vec<usize>)> = groups.into_iter().collect();
        let listed = self.fs.threads().map(&groups, |(directory, numbers)| {
            let prefix = self.fs.prefix(&ValidPath::of_normal(*directory))?;
            if above.unwrap_or_default() != prefix || groups.len() == 1 {
                self.show(&prefix, numbers, shown)?;
            }
            // In a large directory, lists only keys with the common prefix of the files.
            let unseen = lock(shown).unseen(numbers.iter().copied());
            let keys = unseen.iter().filter_map(|number| self.files.get(*number));
            let narrower = common_prefix(keys.map(|file| file.key.as_str()));
            match narrower.len() > prefix.len() {
                true => self.show(narrower, &unseen, shown),
                false => Ok(()),
            }
        });
        let failed = groups.into_iter().zip(listed);
        let failed = failed.filter_map(|((_, numbers), listed)| Some((numbers, listed.err()?)));
        failed
            .flat_map(|(numbers, error)| numbers.into_iter().map(move |n| (n, error.clone())))
            .collect()
    }

    /// Lists the keys with this prefix, which include these files, as long as each page shows at least as many of them
    /// as single checks would in the same time.
    fn show(&self, prefix: &str, numbers: &[usize], shown: &Mutex<Shown<'_>>) -> Result<()> {
        if lock(shown).unseen(numbers.iter().copied()).len() < WORTH_A_LISTING {
            return Ok(());
        }
        let mut pages = Pages::new(self.fs.objects(), prefix, None);
        while let Some(page) = pages.next() {
            let page = match page {
                // Single checks may be allowed.
                Err(error) if error.is(ErrorKind::PermissionDenied) => return Ok(()),
                page => page?,
            };
            let mut shown = lock(shown);
            let found = shown.take(&page.objects);
            if pages.is_ended() {
                shown.end(prefix, numbers);
                return Ok(());
            }
            if found < self.workers() || shown.unseen(numbers.iter().copied()).is_empty() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns the directories that would vanish. Makes one request for each directory that no listing has shown.
    fn emptied(&mut self, directories: HashMap<String, Directory>) -> Vec<String> {
        let there = self.files.iter().filter(|file| file.failed.is_none());
        let mut losing: HashMap<&str, usize> = HashMap::new();
        for file in there {
            *losing.entry(file.parent()).or_default() += 1;
        }
        let losing: Vec<(&str, usize)> = losing.into_iter().collect();
        let keys: HashMap<&str, &File> = self
            .files
            .iter()
            .map(|file| (file.key.as_str(), file))
            .collect();
        let looked = self.fs.threads().map(&losing, |(directory, count)| {
            let prefix = self.fs.prefix(&ValidPath::of_normal(*directory))?;
            match directories.get(&prefix) {
                _ if *directory == "/" => return Ok(false),
                Some(shown) if shown.holds_more => return Ok(false),
                Some(shown) if shown.is_whole => return Ok(true),
                _ => {}
            }
            let stays = |object: &ListedObject| {
                let leaving = keys.get(object.key.as_str());
                object.unreadable.is_some()
                    || leaving
                        .is_none_or(|file| file.failed.is_some() || file.parent() != *directory)
            };
            let most = u32::try_from((count + 1).min(PAGE)).unwrap_or(u32::MAX);
            for page in Pages::new(self.fs.objects(), &prefix, None).at_most(most) {
                if page?.objects.iter().any(stays) {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        let mut emptied = Vec::new();
        let mut failed = HashMap::new();
        for ((directory, _), looked) in losing.into_iter().zip(looked) {
            match looked {
                Ok(true) => emptied.push(directory.to_owned()),
                Ok(false) => {}
                Err(error) => drop(failed.insert(directory.to_owned(), error)),
            }
        }
        self.fail_in(&failed);
        emptied
    }

    /// Writes the markers of directories that lose all their content. If that fails, their files are not removed.
    fn keep(&mut self, emptied: Vec<String>) {
        let kept = self.fs.threads().map(&emptied, |directory| {
            let marker = self.fs.shared.keys.marker(directory)?;
            self.fs.keep_marker(&marker)
        });
        let failed = emptied.into_iter().zip(kept);
        let failed = failed.filter_map(|(directory, kept)| Some((directory, kept.err()?)));
        self.fail_in(&failed.collect());
    }

    /// Marks the files in these directories as failed, so that they are not removed.
    fn fail_in(&mut self, directories: &HashMap<String, Error>) {
        for file in &mut self.files {
            if let Some(error) = directories.get(file.parent()) {
                file.failed.get_or_insert_with(|| error.clone());
            }
        }
    }

    /// Deletes the files that have not failed, 1,000 keys per request, and returns the results of all paths. In strict
    /// mode, makes one more request for each duplicate path.
    fn delete(mut self) -> Vec<Result<()>> {
        let live = self.files.iter_mut().filter(|file| file.failed.is_none());
        let mut live: Vec<&mut File> = live.collect();
        let mut broken: Option<Error> = None;
        for batch in live.chunks_mut(MAX_DELETED_KEYS) {
            let fail_all = |batch: &mut [&mut File], error: &Error| {
                for file in batch {
                    file.failed.get_or_insert_with(|| error.clone());
                }
            };
            if let Some(error) = &broken {
                fail_all(batch, error);
                continue;
            }
            let keys = batch.iter().map(|file| Deletion::of(file.key.as_str()));
            let keys: Vec<Deletion<'_>> = keys.collect();
            let deleted = match batch {
                [file] => self
                    .fs
                    .objects()
                    .delete(&file.key, None)
                    .map(|()| Vec::new()),
                _ => self.fs.objects().delete_many(&keys),
            };
            match deleted {
                Ok(failures) => {
                    let mut failures: HashMap<String, Error> = failures.into_iter().collect();
                    for file in &mut *batch {
                        file.failed = failures.remove(file.key.as_str());
                    }
                    // A failure for a key that was not requested may concern any of them.
                    if let Some(error) = failures.into_values().next() {
                        fail_all(batch, &error);
                    }
                }
                Err(error) => {
                    fail_all(batch, &error);
                    broken = Some(error);
                }
            }
        }
        let (fs, files) = (self.fs, &self.files);
        let result = |given: &str, file: Result<(usize, bool)>| {
            let (number, is_again) = file?;
            let Some(file) = files.get(number) else {
                return Ok(());
            };
            let error = match &file.failed {
                Some(error) => error.clone(),
                // The file has been removed, and a directory may have the path, too.
                None if is_again && fs.strict => {
                    fs.no_object(&ValidPath::of_normal(file.path.as_str()))
                }
                None => return Ok(()),
            };
            Err(error.with_path_replaced(given))
        };
        let paths = self.paths.into_iter();
        paths.map(|(given, file)| result(&given, file)).collect()
    }

    fn workers(&self) -> usize {
        self.fs.shared.max_workers
    }
}

/// The known state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unseen,
    There,
    /// Neither a file nor a directory exists.
    Gone,
    /// A directory exists, and no file.
    Directory,
}

/// The known state of a directory that loses files.
#[derive(Clone, Copy, Debug, Default)]
struct Directory {
    /// Whether a key in it remains.
    holds_more: bool,
    /// Whether all keys in it were listed.
    is_whole: bool,
}

/// The results of listings about the files to remove, and about their directories.
struct Shown<'f> {
    delimiter: String,
    files: HashMap<&'f str, usize>,
    keys: Vec<&'f str>,
    states: Vec<State>,
    /// Directories by the prefix of their keys.
    directories: HashMap<String, Directory>,
    /// For each file, whether there are keys below its path.
    are_directories: Vec<bool>,
}

impl<'f> Shown<'f> {
    fn new(fs: &S3Fs, files: &'f [File]) -> Self {
        let keys: Vec<&str> = files.iter().map(|file| file.key.as_str()).collect();
        let directories = files.iter().map(File::parent).filter(|path| *path != "/");
        let directories =
            directories.filter_map(|path| fs.prefix(&ValidPath::of_normal(path)).ok());
        Self {
            delimiter: fs.shared.keys.delimiter().to_owned(),
            files: keys.iter().copied().zip(0..).collect(),
            states: vec![State::Unseen; keys.len()],
            are_directories: vec![false; keys.len()],
            keys,
            directories: directories
                .map(|prefix| (prefix, Directory::default()))
                .collect(),
        }
    }

    fn note(&mut self, number: usize, state: State) {
        if let Some(known) = self.states.get_mut(number) {
            *known = state;
        }
    }

    fn unseen(&self, numbers: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let numbers = numbers.into_iter();
        numbers
            .filter(|number| self.states.get(*number) == Some(&State::Unseen))
            .collect()
    }

    /// Processes the keys of a page, and returns the number of files among them that had not been seen before.
    fn take(&mut self, objects: &[ListedObject]) -> usize {
        let mut found = 0;
        for object in objects {
            let key = object.key.as_str();
            let file = self.files.get(key).filter(|_| object.unreadable.is_none());
            let leaving = file.copied();
            if let Some(number) = leaving {
                found += usize::from(self.states.get(number) == Some(&State::Unseen));
                self.note(number, State::There);
            }
            let ends = key.match_indices(&*self.delimiter);
            let ends: Vec<usize> = ends.map(|(at, _)| at).collect();
            for (index, at) in ends.iter().enumerate() {
                let (name, prefix) = (&key[..*at], &key[..at + self.delimiter.len()]);
                if let Some(number) = self.files.get(name)
                    && let Some(is_directory) = self.are_directories.get_mut(*number)
                {
                    *is_directory = true;
                }
                // A subdirectory keeps the directories above it. In strict mode it is itself kept.
                let is_own = leaving.is_some() && index + 1 == ends.len();
                if let Some(directory) = self.directories.get_mut(prefix) {
                    directory.holds_more |= !is_own;
                }
            }
        }
        found
    }

    /// Ends the listing of a prefix. All keys with the prefix have been processed, and `numbers` are its files.
    fn end(&mut self, prefix: &str, numbers: &[usize]) {
        for number in numbers {
            let key = self.keys.get(*number).copied();
            let Some(key) = key.filter(|key| key.starts_with(prefix)) else {
                continue;
            };
            let is_directory = self.are_directories.get(*number) == Some(&true);
            if self.states.get(*number) == Some(&State::Unseen) {
                let state = if is_directory {
                    State::Directory
                } else {
                    State::Gone
                };
                self.note(*number, state);
            }
            let end = key.match_indices(&*self.delimiter).last();
            let end = end.map_or(0, |(at, delimiter)| at + delimiter.len());
            let directory = key
                .get(..end)
                .filter(|directory| directory.starts_with(prefix));
            if let Some(known) = directory.and_then(|prefix| self.directories.get_mut(prefix)) {
                known.is_whole = true;
            }
        }
    }
}

fn lock<'l, 's>(shown: &'l Mutex<Shown<'s>>) -> MutexGuard<'l, Shown<'s>> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the common prefix of all keys.
fn common_prefix<'k>(keys: impl Iterator<Item = &'k str>) -> &'k str {
    let common = |one: &'k str, other: &'k str| {
        let same = one.char_indices().zip(other.chars());
        let differs = same.map(|((at, a), b)| (at, a != b));
        let end = differs.into_iter().find(|(_, differs)| *differs);
        let end = end.map_or(one.len().min(other.len()), |(at, _)| at);
        one.get(..end).unwrap_or_default()
    };
    keys.reduce(common).unwrap_or_default()
}
