//! [`FileSystemExt`]: convenience methods of the interface, for every [`FileSystem`].

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::SystemTime;

use time::OffsetDateTime;

use crate::dates;
use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::File;
use crate::filesystem::filter::{self, FilterDir};
use crate::filesystem::hash;
use crate::filesystem::info::{Info, Namespaces, ResourceType};
use crate::filesystem::mode::Mode;
use crate::filesystem::open_file::OpenFile;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::subfs::SubFs;
use crate::filesystem::{CopyOptions, Entries, FileSystem, MakedirOptions, require_open};
use crate::walk::drawing::{self, TreeCounts, TreeOptions};
use crate::walk::glob::{Glob, GlobPattern};
use crate::walk::{BoundWalker, Walker};
use crate::wildcard;

/// Convenience methods of the interface, for every [`FileSystem`].
pub trait FileSystemExt: FileSystem {
    /// Writes a file through a closure. The file is published only if the closure returns `Ok`. After an error or a panic
    /// the previous content is kept.
    ///
    /// ```
    /// use std::io::Write;
    /// use s3fs::{FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
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
    /// [`CallerFailed`](crate::ErrorKind::CallerFailed) with the closure's error as its source. An [`Error`] that the
    /// closure passes on stays unchanged. Otherwise as [`writebytes`](crate::FileSystemExt::writebytes).
    fn write_with<T, W>(&self, path: &str, write: W) -> Result<T>
    where
        W: FnOnce(&mut dyn Write) -> io::Result<T>,
    {
        self.write_with_options(path, &OpenOptions::default(), write)
    }

    /// Writes a file through a closure, like [`write_with`](Self::write_with), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::UploadArgs;
    /// use std::io::Write;
    ///
    /// let options = OpenOptions::new().upload_args(UploadArgs::new().content_type("text/csv; charset=utf-8"));
    /// fs.write_with_options("squares", &options, |file| writeln!(file, "2,4"))?;
    /// assert_eq!(fs.readtext("squares")?, "2,4\n");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
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

    /// Opens a file like PyFilesystem's `open`: as text, unless the mode contains `b`.
    ///
    /// Text is UTF-8. Reads check the bytes but do not change them, including line ends and the byte order mark. Writes are
    /// not changed. A character may be split between two reads. After a seek, checking starts anew. With `b` this is
    /// [`openbin`](crate::FileSystemExt::openbin). In both cases the file can be read by lines.
    ///
    /// ```
    /// use std::io::BufRead;
    /// use s3fs::{FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.writetext("tides.csv", "00:05,1.2\n06:20,4.8\n")?;
    /// for line in fs.open("tides.csv", "r")?.lines() {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystemExt::openbin). Reading bytes that are not UTF-8 returns
    /// [`OperationFailed`](crate::ErrorKind::OperationFailed), with the position of the byte.
    fn open(&self, path: &str, mode: &str) -> Result<OpenFile> {
        self.open_with(path, mode, &OpenOptions::default())
    }

    /// Opens a file, like [`open`](Self::open), with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use std::io::Read;
    ///
    /// fs.writetext("large.txt", "high tide")?;
    /// let options = OpenOptions::new().first_window(64 << 10); // asks for 64 KiB first
    /// let mut text = String::new();
    /// fs.open_with("large.txt", "r", &options)?.read_to_string(&mut text)?;
    /// assert_eq!(text, "high tide");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
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

    /// Opens a directory as a filesystem of its own, which borrows this one.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.makedir("reports")?;
    /// let reports = fs.opendir("reports")?;
    /// for name in reports.listdir("/")? {
    ///     println!("{name}: {} bytes", reports.getsize(&name)?);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](crate::ErrorKind::ResourceNotFound), [`DirectoryExpected`](crate::ErrorKind::DirectoryExpected).
    /// On S3 without strict mode this sends no request and does not check the directory.
    fn opendir(&self, path: &str) -> Result<SubFs<&Self>> {
        self.check_directory(path)?;
        SubFs::new(self, path)
    }

    /// Opens a directory as a filesystem of its own, which owns this one. For a filesystem that is cheap to clone, or shared
    /// in an [`Arc`](std::sync::Arc).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use s3fs::{FileSystem, FileSystemExt};
    ///
    /// let fs: Arc<dyn FileSystem> = s3fs::open_fs("mem://")?.into(); // or "s3://mybucket"
    /// fs.makedir("reports")?;
    /// let reports = Arc::clone(&fs).into_dir("reports")?;
    /// let thread = std::thread::spawn(move || reports.writetext("hello.txt", "hello"));
    /// thread.join().expect("no panic")?;
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

    /// Makes a directory and opens it: PyFilesystem's `makedir`.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// let reports = fs.makedir_open("reports")?;
    /// reports.writetext("a.txt", "a")?;
    /// assert!(fs.isfile("reports/a.txt")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`makedir`](crate::FileSystemExt::makedir).
    fn makedir_open(&self, path: &str) -> Result<SubFs<&Self>> {
        self.makedir_open_with(path, &MakedirOptions::default())
    }

    /// Makes a directory and opens it, with options.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::MakedirOptions;
    ///
    /// fs.makedir("reports")?;
    /// let reports = fs.makedir_open_with("reports", &MakedirOptions::new().recreate(true))?;
    /// assert!(reports.isempty("/")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`makedir_with`](FileSystem::makedir_with).
    fn makedir_open_with(&self, path: &str, options: &MakedirOptions) -> Result<SubFs<&Self>> {
        self.makedir_with(path, options)?;
        SubFs::new(self, path)
    }

    /// Makes a directory and its parent directories, and opens it: PyFilesystem's `makedirs`.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// let july = fs.makedirs_open("2026/07")?;
    /// july.writetext("01.txt", "sunny")?;
    /// assert_eq!(fs.readtext("2026/07/01.txt")?, "sunny");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`makedirs`](crate::FileSystemExt::makedirs).
    fn makedirs_open(&self, path: &str) -> Result<SubFs<&Self>> {
        self.makedirs_open_with(path, &MakedirOptions::default())
    }

    /// Makes a directory and its parent directories, and opens it, with options.
    ///
    /// # Errors
    ///
    /// As [`makedirs_with`](FileSystem::makedirs_with).
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MakedirOptions, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// let july = fs.makedirs_open_with("2026/07", &MakedirOptions::new().recreate(true))?;
    /// july.writetext("01.txt", "sunny")?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn makedirs_open_with(&self, path: &str, options: &MakedirOptions) -> Result<SubFs<&Self>> {
        self.makedirs_with(path, options)?;
        SubFs::new(self, path)
    }

    /// Walks through directories: PyFilesystem's `walk`. Set options on the [`Walker`], which then returns steps, files,
    /// directories or infos.
    ///
    /// ```
    /// use s3fs::{FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
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

    /// Finds resources that match a [glob pattern](crate::glob): PyFilesystem's `glob`. The [`Glob`] returns the matches,
    /// counts them, or removes them.
    ///
    /// ```
    /// use s3fs::{FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// for found in fs.glob("reports/**/*.csv") {
    ///     println!("{}", found?.path);
    /// }
    /// let removed = fs.glob("**/*.tmp").exclude_dirs([".git"]).remove()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn glob(&self, pattern: &str) -> Glob<'_, Self> {
        Glob::new(self, pattern)
    }

    /// Draws directories as a tree: PyFilesystem's `tree`. Returns the number of drawn directories and files.
    ///
    /// ```
    /// use s3fs::{FileSystemExt, MemoryFs, TreeOptions};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.makedirs("docs/img")?;
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
    /// Control characters in names are escaped. If a directory cannot be listed, its error is drawn below it.
    ///
    /// # Errors
    ///
    /// As [`scandir`](FileSystem::scandir) of the first directory, and errors from `out`.
    fn tree(&self, out: &mut dyn Write, options: &TreeOptions) -> Result<TreeCounts> {
        drawing::render(self, out, options)
    }

    /// Makes a directory. Its parent directory must exist.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// assert!(fs.isdir("reports")?);
    /// assert_eq!(fs.makedir("reports").unwrap_err().kind(), ErrorKind::DirectoryExists);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DirectoryExists`](ErrorKind::DirectoryExists) if the path already exists,
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory does not exist.
    #[doc(alias = "create_dir")]
    fn makedir(&self, path: &str) -> Result<()> {
        self.makedir_with(path, &MakedirOptions::default())
    }

    /// Opens a file for bytes. `mode` is a [`Mode`](crate::Mode) string such as `"r"` or `"w"`.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use std::io::{Read, Write};
    ///
    /// let mut file = fs.openbin("data.bin", "w")?;
    /// file.write_all(b"1234")?;
    /// file.close()?; // the file appears now, whole
    ///
    /// let mut bytes = Vec::new();
    /// fs.openbin("data.bin", "r")?.read_to_end(&mut bytes)?;
    /// assert_eq!(bytes, b"1234");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidMode`](ErrorKind::InvalidMode), [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the file (`r`) or its
    /// parent directory does not exist, [`FileExpected`](ErrorKind::FileExpected) for a directory,
    /// [`FileExists`](ErrorKind::FileExists) (`x`).
    #[doc(alias = "open")]
    fn openbin(&self, path: &str, mode: &str) -> Result<Box<dyn File>> {
        self.openbin_with(path, mode, &OpenOptions::default())
    }

    /// Returns all bytes of a file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writebytes("data.bin", &[1, 2, 3])?;
    /// assert_eq!(fs.readbytes("data.bin")?, [1, 2, 3]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound),
    /// [`FileExpected`](ErrorKind::FileExpected).
    #[doc(alias = "read")]
    #[doc(alias = "getbytes")]
    fn readbytes(&self, path: &str) -> Result<Vec<u8>> {
        self.readbytes_with(path, &OpenOptions::default())
    }

    /// Returns the content of a file as UTF-8 text. A byte order mark is kept.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// assert_eq!(fs.readtext("hello.txt")?, "hello");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`readbytes`](Self::readbytes), and [`OperationFailed`](ErrorKind::OperationFailed), with the position of the
    /// byte, if the content is not UTF-8.
    #[doc(alias = "read_to_string")]
    #[doc(alias = "gettext")]
    fn readtext(&self, path: &str) -> Result<String> {
        String::from_utf8(self.readbytes(path)?).map_err(|error| {
            let position = error.utf8_error().valid_up_to();
            Error::new(ErrorKind::OperationFailed)
                .with_path(path)
                .with_message(format!("the file is not UTF-8 at byte {position}"))
                .with_hint("read it with readbytes")
        })
    }

    /// Writes a whole file. Replaces an existing file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writebytes("data.bin", &[1, 2, 3])?;
    /// fs.writebytes("data.bin", &[4])?;
    /// assert_eq!(fs.readbytes("data.bin")?, [4]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the parent directory does not exist,
    /// [`FileExpected`](ErrorKind::FileExpected) for a directory.
    #[doc(alias = "write")]
    #[doc(alias = "setbytes")]
    fn writebytes(&self, path: &str, contents: &[u8]) -> Result<()> {
        self.writebytes_with(path, contents, &OpenOptions::default())
    }

    /// Writes a whole file of UTF-8 text. Replaces an existing file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// assert_eq!(fs.readtext("hello.txt")?, "hello");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`writebytes`](Self::writebytes).
    #[doc(alias = "settext")]
    fn writetext(&self, path: &str, contents: &str) -> Result<()> {
        self.writebytes(path, contents.as_bytes())
    }

    /// Returns the size in bytes. 0 for a directory.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// assert_eq!(fs.getsize("hello.txt")?, 5);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "len")]
    fn getsize(&self, path: &str) -> Result<u64> {
        Ok(self.getdetails(path)?.size().unwrap_or_default())
    }

    /// Returns the type of a resource, such as file or directory.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use s3fs::ResourceType;
    ///
    /// fs.makedir("reports")?;
    /// assert_eq!(fs.gettype("reports")?, ResourceType::Directory);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    #[doc(alias = "file_type")]
    fn gettype(&self, path: &str) -> Result<ResourceType> {
        let info = self.getdetails(path)?;
        Ok(info.kind().unwrap_or(ResourceType::Unknown))
    }

    /// Returns the `basic` namespace of a resource.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("reports")?;
    /// let info = fs.getbasic("reports")?;
    /// assert!(info.is_dir());
    /// assert_eq!(info.name(), "reports");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn getbasic(&self, path: &str) -> Result<Info> {
        self.getinfo(path, Namespaces::BASIC)
    }

    /// Returns the `details` namespace of a resource.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// let info = fs.getdetails("hello.txt")?;
    /// assert_eq!(info.size(), Some(5));
    /// assert!(info.modified().is_some());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn getdetails(&self, path: &str) -> Result<Info> {
        self.getinfo(path, Namespaces::DETAILS)
    }

    /// Returns a URL to download the file.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// use s3fs::S3Fs;
    ///
    /// let fs = S3Fs::builder("mybucket")
    ///     .aws_access_key_id("KEY")
    ///     .aws_secret_access_key("SECRET")
    ///     .endpoint_url("http://127.0.0.1:9000")
    ///     .build()?;
    /// let url = fs.geturl("hello.txt")?; // presigned, without a request
    /// assert!(url.starts_with("http://127.0.0.1:9000/mybucket/hello.txt?"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoUrl`](ErrorKind::NoUrl).
    fn geturl(&self, path: &str) -> Result<String> {
        self.geturl_for(path, "download")
    }

    /// Returns true if [`geturl`](Self::geturl) returns a URL. Does not check whether the file exists.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// assert!(!fs.hasurl("hello.txt"), "memory has no URLs, as S3 has");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn hasurl(&self, path: &str) -> bool {
        self.hasurl_for(path, "download")
    }

    /// Returns true if [`geturl_for`](FileSystem::geturl_for) returns a URL for this purpose.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// assert!(!fs.hasurl_for("hello.txt", "fs"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn hasurl_for(&self, path: &str, purpose: &str) -> bool {
        self.geturl_for(path, purpose).is_ok()
    }

    /// Appends bytes to a file. Makes the file if it does not exist.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writebytes("log", b"one\n")?;
    /// fs.appendbytes("log", b"two\n")?;
    /// assert_eq!(fs.readtext("log")?, "one\ntwo\n");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`openbin`](Self::openbin) with `"a"`.
    #[doc(alias = "append")]
    fn appendbytes(&self, path: &str, data: &[u8]) -> Result<()> {
        let mut file = self.openbin(path, "a")?;
        file.write_all(data)?;
        file.close()
    }

    /// Appends UTF-8 text to a file. Makes the file if it does not exist.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.appendtext("log", "one\n")?;
    /// fs.appendtext("log", "two\n")?;
    /// assert_eq!(fs.readtext("log")?, "one\ntwo\n");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`appendbytes`](Self::appendbytes).
    fn appendtext(&self, path: &str, text: &str) -> Result<()> {
        self.appendbytes(path, text.as_bytes())
    }

    /// Calls [`upload`](FileSystem::upload). This is PyFilesystem's other name for it.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// let mut source = std::io::Cursor::new("hello");
    /// assert_eq!(fs.writefile("hello.txt", &mut source)?, 5);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`upload`](FileSystem::upload).
    fn writefile(&self, path: &str, source: &mut dyn Read) -> Result<u64> {
        self.upload(path, source)
    }

    /// Makes a directory and its parent directories.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedirs("2026/07/01")?;
    /// assert!(fs.isdir("2026/07")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DirectoryExists`](ErrorKind::DirectoryExists) if the directory already exists,
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected) if the path, or one of its parents, is a file.
    #[doc(alias = "create_dir_all")]
    fn makedirs(&self, path: &str) -> Result<()> {
        self.makedirs_with(path, &MakedirOptions::default())
    }

    /// Copies a file. Metadata is kept if source and target are on the same server.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// fs.copy("a.txt", "b.txt")?;
    /// assert_eq!(fs.listdir("/")?, ["a.txt", "b.txt"]);
    /// assert_eq!(fs.copy("a.txt", "b.txt").unwrap_err().kind(), ErrorKind::DestinationExists);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DestinationExists`](ErrorKind::DestinationExists), [`ResourceNotFound`](ErrorKind::ResourceNotFound) if the source
    /// or the parent directory of the target does not exist, [`FileExpected`](ErrorKind::FileExpected) if one is a
    /// directory, [`IllegalDestination`](ErrorKind::IllegalDestination) if both are the same.
    fn copy(&self, src_path: &str, dst_path: &str) -> Result<()> {
        self.copy_with(src_path, dst_path, &CopyOptions::default())
    }

    /// Moves a file. This is PyFilesystem's `move`, which is a keyword in Rust. With `overwrite`, a move onto itself does
    /// nothing.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("a.txt", "a")?;
    /// fs.movefile("a.txt", "b.txt")?;
    /// assert_eq!(fs.listdir("/")?, ["b.txt"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copy`](Self::copy), but [`DestinationExists`](ErrorKind::DestinationExists) for a move onto itself without
    /// `overwrite`, and [`ResourceChanged`](ErrorKind::ResourceChanged) if the source changed while it was copied. Then both
    /// files are kept.
    #[doc(alias = "move")]
    #[doc(alias = "rename")]
    fn movefile(&self, src_path: &str, dst_path: &str) -> Result<()> {
        self.movefile_with(src_path, dst_path, &CopyOptions::default())
    }

    /// Copies the content of a directory into another directory. After an error, the target can have a part of it.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("old")?;
    /// fs.makedir("new")?;
    /// fs.writetext("old/a.txt", "a")?;
    /// fs.copydir("old", "new")?;
    /// assert_eq!(fs.readtext("new/a.txt")?, "a");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound) if one of them does not exist,
    /// [`DirectoryExpected`](ErrorKind::DirectoryExpected) if one is a file,
    /// [`IllegalDestination`](ErrorKind::IllegalDestination) if one lies in the other.
    fn copydir(&self, src_path: &str, dst_path: &str) -> Result<()> {
        self.copydir_with(src_path, dst_path, &CopyOptions::default())
    }

    /// Moves the content of a directory into another directory and removes the source directory. A move onto itself does
    /// nothing. Nothing is removed before everything is copied.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.makedir("old")?;
    /// fs.makedir("new")?;
    /// fs.writetext("old/a.txt", "a")?;
    /// fs.movedir("old", "new")?;
    /// assert_eq!(fs.listdir("/")?, ["new"]);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`copydir`](Self::copydir), and [`DirectoryNotEmpty`](ErrorKind::DirectoryNotEmpty) if an entry was added to the
    /// source, or changed, after the source was listed. Such entries are kept. S3 reports only changed entries.
    #[doc(alias = "rename")]
    fn movedir(&self, src_path: &str, dst_path: &str) -> Result<()> {
        self.movedir_with(src_path, dst_path, &CopyOptions::default())
    }

    /// Returns the time of the last change of the content, if it is known.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// let modified = fs.getmodified("hello.txt")?.expect("a time");
    /// assert!(modified <= s3fs::time::OffsetDateTime::now_utc());
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn getmodified(&self, path: &str) -> Result<Option<OffsetDateTime>> {
        Ok(self.getdetails(path)?.modified())
    }

    /// Sets the times of a resource, like [`settimes`](FileSystem::settimes), from times of the standard library.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// use std::time::{Duration, SystemTime};
    ///
    /// fs.writetext("hello.txt", "hello")?;
    /// let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    /// fs.settimes_system("hello.txt", None, Some(time))?;
    /// assert_eq!(fs.getdetails("hello.txt")?.modified_system(), Some(time));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`settimes`](FileSystem::settimes), and [`InvalidArgument`](ErrorKind::InvalidArgument) for a year after 9999.
    fn settimes_system(
        &self,
        path: &str,
        accessed: Option<SystemTime>,
        modified: Option<SystemTime>,
    ) -> Result<()> {
        let time = |time: Option<SystemTime>| {
            let time = time.map(|time| dates::from_system(time).ok_or(ErrorKind::InvalidArgument));
            time.transpose().map_err(|kind| {
                Error::new(kind)
                    .with_path(path)
                    .with_message("times after the year 9999 cannot be set")
            })
        };
        self.settimes(path, time(accessed)?, time(modified)?)
    }

    /// Returns true if [`getsyspath`](FileSystem::getsyspath) returns a path.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// assert!(!fs.hassyspath("hello.txt"));
    /// assert!(s3fs::OsFs::new(".")?.hassyspath("hello.txt"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    fn hassyspath(&self, path: &str) -> bool {
        self.getsyspath(path).is_ok()
    }

    /// Returns the path of a resource on the local disk, in the format of the operating system.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// let fs = s3fs::OsFs::new(".")?;
    /// println!("{:?}", fs.getospath("hello.txt")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NoSysPath`](ErrorKind::NoSysPath).
    fn getospath(&self, path: &str) -> Result<OsString> {
        self.getsyspath(path).map(PathBuf::into_os_string)
    }

    /// Returns a short, readable description of a resource.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.writetext("hello.txt", "hello")?;
    /// println!("{}", fs.desc("hello.txt")?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound).
    fn desc(&self, path: &str) -> Result<String> {
        self.getinfo(path, Namespaces::BASIC)?;
        match self.getsyspath(path) {
            Ok(path) => Ok(path.display().to_string()),
            Err(_) => Ok(format!(
                "{:?} on {}",
                self.validatepath(path)?,
                self.label()
            )),
        }
    }

    /// Returns true if a name matches one of the [wildcards](crate::wildcard), or if there are none: PyFilesystem's `match`.
    /// Case-sensitive, unless the filesystem is [case-insensitive](crate::Meta::case_insensitive).
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new();
    /// assert!(fs.matches(&["*.py"], "__init__.py"));
    /// assert!(!fs.matches(&["*.jpg", "*.png"], "photo.gif"));
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    #[doc(alias = "match")]
    fn matches(&self, patterns: &[&str], name: &str) -> bool {
        wildcard::get_matcher(patterns, !self.getmeta().case_insensitive)(name)
    }

    /// Returns true if a path matches one of the [glob patterns](crate::glob), or if there are none. With `accept_prefix`,
    /// also if a path below it can match. Case is handled as in [`matches`](Self::matches).
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new();
    /// assert!(fs.match_glob(&["src/**/*.py"], "/src/fs/glob.py", false)?);
    /// assert!(fs.match_glob(&["src/**/*.py"], "/src/fs", true)?);
    /// assert!(!fs.match_glob(&["src/**/*.py"], "/docs", true)?);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`IllegalBackReference`](ErrorKind::IllegalBackReference) if a pattern leads above the root.
    fn match_glob(&self, patterns: &[&str], path: &str, accept_prefix: bool) -> Result<bool> {
        let patterns = GlobPattern::all(patterns, !self.getmeta().case_insensitive)?;
        let matches = |pattern: &GlobPattern| match accept_prefix {
            true => pattern.leads_below(path),
            false => pattern.matches(path),
        };
        Ok(patterns.is_empty() || patterns.iter().any(matches))
    }

    /// Returns the entries of a directory whose names match. Use the iterator's `skip` and `take` for PyFilesystem's `page`.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, FilterDir, MemoryFs, Namespaces};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.makedir("reports")?;
    /// let filter = FilterDir::new().files(["*.csv"]).exclude_dirs([".*"]);
    /// for info in fs.filterdir("reports", &filter, Namespaces::BASIC)? {
    ///     println!("{}", info?.name());
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`scandir`](FileSystem::scandir).
    fn filterdir(
        &self,
        path: &str,
        filter: &FilterDir,
        namespaces: Namespaces,
    ) -> Result<Entries<'_>> {
        filter::entries(self, path, filter, namespaces)
    }

    /// Returns the hash of a file's content, in hexadecimal digits. `name` is `md5`, `sha224`, `sha256`, `sha384`, `sha512`,
    /// or, with the crate's feature `sha1`, `sha1`. The file is streamed and never held in memory.
    ///
    /// ```
    /// use s3fs::{FileSystem, FileSystemExt, MemoryFs};
    ///
    /// let fs = MemoryFs::new(); // or S3Fs::new("mybucket")?
    /// fs.writetext("hello.txt", "hello")?;
    /// assert_eq!(fs.hash("hello.txt", "md5")?, "5d41402abc4b2a76b9719d911017c592");
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`UnsupportedHash`](ErrorKind::UnsupportedHash) for any other name, and as [`download`](FileSystem::download).
    #[doc(alias = "checksum")]
    fn hash(&self, path: &str, name: &str) -> Result<String> {
        hash::of_file(self, path, name)
    }

    /// Returns an error if this handle was closed.
    ///
    /// ```
    /// # use s3fs::prelude::*;
    /// # let fs = s3fs::MemoryFs::new();
    /// fs.check()?;
    /// fs.close()?;
    /// assert_eq!(fs.check().unwrap_err().kind(), ErrorKind::FilesystemClosed);
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`FilesystemClosed`](ErrorKind::FilesystemClosed).
    fn check(&self) -> Result<()> {
        require_open(self)
    }
}

impl<F: FileSystem + ?Sized> FileSystemExt for F {}
