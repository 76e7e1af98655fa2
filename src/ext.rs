//! [`FileSystemExt`]: what is generic in the interface, for every [`FileSystem`].

use std::io::{self, Write};

use crate::error::{Error, Result};
use crate::filesystem::file::File;
use crate::filesystem::mode::Mode;
use crate::filesystem::open_file::OpenFile;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::subfs::SubFs;
use crate::filesystem::{FileSystem, MakedirOptions};
use crate::walk::drawing::{self, TreeCounts, TreeOptions};
use crate::walk::glob::Glob;
use crate::walk::{BoundWalker, Walker};

/// The generic part of the interface, for every [`FileSystem`].
pub trait FileSystemExt: FileSystem {
    /// Writes a file through a closure: it is published if the closure returns `Ok`, and only
    /// then. After an error or a panic what was there before stands.
    ///
    /// ```no_run
    /// use std::io::Write;
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.write_with("squares.csv", |file| {
    ///     for n in 1..=100 {
    ///         writeln!(file, "{n},{}", n * n)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CallerFailed`](crate::ErrorKind::CallerFailed) with the closure's error as its source; an
    /// [`Error`] that the closure passes on stays what it is. And as
    /// [`writebytes`](FileSystem::writebytes).
    fn write_with<T, W>(&self, path: &str, write: W) -> Result<T>
    where
        W: FnOnce(&mut dyn Write) -> io::Result<T>,
    {
        self.write_with_options(path, &OpenOptions::default(), write)
    }

    /// Writes a file through a closure, as [`write_with`](Self::write_with), with options.
    ///
    /// # Errors
    ///
    /// As [`write_with`](Self::write_with).
    fn write_with_options<T, W>(&self, path: &str, options: &OpenOptions, write: W) -> Result<T>
    where
        W: FnOnce(&mut dyn Write) -> io::Result<T>,
    {
        let mut file = self.openbin_with(path, "w", options)?;
        let value = write(&mut file).map_err(|error| Error::from_caller(error).with_path(path))?;
        file.close()?;
        Ok(value)
    }

    /// Opens a file, PyFilesystem's way: for text, unless `b` is in the mode.
    ///
    /// Text is UTF-8. What is read comes as it is, line ends and byte order mark too, and is checked
    /// on the way; what is written is not changed. A character may be cut between two reads, and
    /// after a seek checking starts anew. With `b` it is [`openbin`](FileSystem::openbin). Either way
    /// the file can be read by lines.
    ///
    /// ```no_run
    /// use std::io::BufRead;
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for line in fs.open("tides.csv", "r")?.lines() {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`openbin`](FileSystem::openbin). Reading what is not UTF-8 is
    /// [`OperationFailed`](crate::ErrorKind::OperationFailed), with the position of the byte.
    fn open(&self, path: &str, mode: &str) -> Result<OpenFile> {
        self.open_with(path, mode, &OpenOptions::default())
    }

    /// Opens a file, as [`open`](Self::open), with options.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    fn open_with(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<OpenFile> {
        let parsed = Mode::new(mode).map_err(|error| error.with_path(path))?;
        let file = self.openbin_with(path, &mode.replace('t', ""), options)?;
        if mode.contains('b') || !parsed.reading() {
            return Ok(OpenFile::binary(file, path));
        }
        OpenFile::text(file, path)
    }

    /// A directory as a filesystem of its own, which borrows this one.
    ///
    /// ```no_run
    /// use s3fs::{FileSystem, FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let reports = fs.opendir("reports")?;
    /// for name in reports.listdir("/")? {
    ///     println!("{name}: {} bytes", reports.getsize(&name)?);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound),
    /// [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected). On S3 without strict nothing is asked,
    /// and the directory is what will be written in it.
    fn opendir(&self, path: &str) -> Result<SubFs<&Self>> {
        self.check_directory(path)?;
        SubFs::new(self, path)
    }

    /// A directory as a filesystem of its own, which owns this one: for a filesystem that is cheap
    /// to clone, or shared in an [`Arc`](std::sync::Arc).
    ///
    /// ```no_run
    /// use std::sync::Arc;
    /// use s3fs::{FileSystem, FileSystemExt};
    ///
    /// let fs: Arc<dyn FileSystem> = s3fs::open_fs("s3://mybucket")?.into();
    /// let reports = Arc::clone(&fs).into_dir("reports")?;
    /// std::thread::spawn(move || reports.writetext("hello.txt", "hello"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`opendir`](Self::opendir).
    fn into_dir(self, path: &str) -> Result<SubFs<Self>>
    where
        Self: Sized,
    {
        self.check_directory(path)?;
        SubFs::new(self, path)
    }

    /// Makes a directory, and opens it: PyFilesystem's `makedir`.
    ///
    /// # Errors
    ///
    /// As [`makedir`](FileSystem::makedir).
    fn makedir_open(&self, path: &str) -> Result<SubFs<&Self>> {
        self.makedir_open_with(path, MakedirOptions::default())
    }

    /// Makes a directory, and opens it, with options.
    ///
    /// # Errors
    ///
    /// As [`makedir_with`](FileSystem::makedir_with).
    fn makedir_open_with(&self, path: &str, options: MakedirOptions) -> Result<SubFs<&Self>> {
        self.makedir_with(path, options)?;
        SubFs::new(self, path)
    }

    /// Makes a directory and those above it, and opens it: PyFilesystem's `makedirs`.
    ///
    /// # Errors
    ///
    /// As [`makedirs`](FileSystem::makedirs).
    fn makedirs_open(&self, path: &str) -> Result<SubFs<&Self>> {
        self.makedirs_open_with(path, MakedirOptions::default())
    }

    /// Makes a directory and those above it, and opens it, with options.
    ///
    /// # Errors
    ///
    /// As [`makedirs_with`](FileSystem::makedirs_with).
    ///
    /// ```no_run
    /// use s3fs::{FileSystem, FileSystemExt, MakedirOptions, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let july = fs.makedirs_open_with("2026/07", MakedirOptions::new().recreate(true))?;
    /// july.writetext("01.txt", "sunny")?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn makedirs_open_with(&self, path: &str, options: MakedirOptions) -> Result<SubFs<&Self>> {
        self.makedirs_with(path, options)?;
        SubFs::new(self, path)
    }

    /// Walks through directories: PyFilesystem's `walk`. Options are set on the [`Walker`], which
    /// then gives steps, files, directories or infos.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for path in fs.walk().exclude_dirs([".git"]).files("/") {
    ///     println!("{}", path?);
    /// }
    /// for step in fs.walk() {
    ///     let step = step?;
    ///     println!("{} has {} files", step.path, step.files.len());
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[doc(alias = "WalkDir")]
    fn walk(&self) -> BoundWalker<'_, Self> {
        Walker::new().bind(self)
    }

    /// What matches a [glob pattern](crate::glob): PyFilesystem's `glob`. The [`Glob`] gives the
    /// matches, counts them, or removes them.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for found in fs.glob("reports/**/*.csv") {
    ///     println!("{}", found?.path);
    /// }
    /// let removed = fs.glob("**/*.tmp").exclude_dirs([".git"]).remove()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn glob(&self, pattern: &str) -> Glob<'_, Self> {
        Glob::new(self, pattern)
    }

    /// Draws directories as a tree, and says how many directories and files it drew:
    /// PyFilesystem's `tree`.
    ///
    /// ```no_run
    /// use s3fs::{FileSystemExt, S3Fs, TreeOptions};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.tree(&mut std::io::stdout(), &TreeOptions::new().path("docs").max_levels(2))?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// ```text
    /// |-- img
    /// |   `-- logo.png
    /// |-- index.md
    /// `-- intro.md
    /// ```
    ///
    /// Control characters in names are drawn escaped. A directory that cannot be listed is drawn
    /// with its error below it.
    ///
    /// # Errors
    ///
    /// As [`scandir`](FileSystem::scandir) of the first directory, and what `out` answers.
    fn tree(&self, out: &mut dyn Write, options: &TreeOptions) -> Result<TreeCounts> {
        drawing::render(self, out, options)
    }
}

impl<F: FileSystem + ?Sized> FileSystemExt for F {}
