//! Opening files, and writing whole files.

use std::io::Read;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::file::File;
use crate::filesystem::mode::Mode;
use crate::filesystem::options::OpenOptions;
use crate::filesystem::valid_path::ValidPath;
use crate::s3::api::{Condition, ReadOptions, check_object_size};
use crate::s3::checks::is_missing_key;
use crate::s3::key::Key;
use crate::s3::write::publish::Target;
use crate::s3::write::update::{Base, Old};
use crate::s3::{S3Fs, S3Reader, S3Updater, S3Writer};

impl S3Fs {
    /// Returns the target of an open file: its key and its upload arguments.
    pub(super) fn target(&self, key: Key, path: &str, options: &OpenOptions) -> Target {
        let mut args = self.objects().upload_args(&options.upload);
        // A file that was read with a customer's key is written with the same key.
        if args.customer_key().is_none()
            && let Some(key) = self.objects().customer_key(&options.download)
        {
            args = args.sse_customer_key(key);
        }
        Target {
            objects: Arc::clone(&self.shared.objects),
            key,
            path: path.to_owned(),
            args,
        }
    }

    /// Opens a file for writing, in a mode with or without reading.
    pub(super) fn open_for_writing(
        &self,
        path: &str,
        mode: Mode,
        options: &OpenOptions,
    ) -> Result<Box<dyn File>> {
        if mode.truncate() && !mode.updating() {
            return Ok(Box::new(self.writer(path, mode, options)?));
        }
        Ok(Box::new(self.updater(path, mode, options)?))
    }

    /// Opens a file with `w` or `x`, and returns the concrete type. Makes P + 1 requests in strict mode (P + 2 for
    /// `x`), otherwise none. [`S3Writer`] lists the requests of closing it.
    ///
    /// ```no_run
    /// use s3fs::{File, OpenOptions, S3Fs};
    /// use std::io::Write;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let mut file = fs.open_write("a.txt", "w", &OpenOptions::new())?;
    /// writeln!(file, "high tide")?;
    /// file.close()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`openbin`](crate::FileSystemExt::openbin), and [`InvalidMode`](ErrorKind::InvalidMode) for another mode.
    pub fn open_write(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<S3Writer> {
        let parsed = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        if !parsed.truncate() || parsed.updating() {
            return Err(other_mode(path, mode, "w or x", "open_update"));
        }
        self.writer(path, parsed, options)
            .map_err(|error| error.with_path(path))
    }

    /// Opens a file with `a`, `r+`, `a+`, `w+` or `x+`, and returns the concrete type. [`S3Updater`] lists the requests.
    ///
    /// ```no_run
    /// use s3fs::{File, OpenOptions, S3Fs};
    /// use std::io::Write;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// let mut file = fs.open_update("log.txt", "a", &OpenOptions::new())?;
    /// writeln!(file, "high tide")?;
    /// file.close()?; // sends what is new, and copies the rest on the server
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`openbin`](crate::FileSystemExt::openbin), and [`InvalidMode`](ErrorKind::InvalidMode) for another mode.
    pub fn open_update(&self, path: &str, mode: &str, options: &OpenOptions) -> Result<S3Updater> {
        let parsed = Mode::binary(mode).map_err(|error| error.with_path(path))?;
        if !parsed.writing() || (parsed.truncate() && !parsed.updating()) {
            return Err(other_mode(path, mode, "a, r+, a+, w+ or x+", "open_write"));
        }
        self.updater(path, parsed, options)
            .map_err(|error| error.with_path(path))
    }

    fn writer(&self, path: &str, mode: Mode, options: &OpenOptions) -> Result<S3Writer> {
        let (_, target) = self.checked_target(path, mode, options)?;
        Ok(S3Writer::new(
            target,
            mode.exclusive(),
            options.if_match.clone(),
        ))
    }

    fn updater(&self, path: &str, mode: Mode, options: &OpenOptions) -> Result<S3Updater> {
        let (validated, target) = self.checked_target(path, mode, options)?;
        let base = self.base(&validated, &target, mode, options)?;
        Ok(S3Updater::new(target, mode, base))
    }

    /// Returns the validated path and the target of a file that is opened for writing, after the checks of strict mode.
    fn checked_target<'p>(
        &self,
        path: &'p str,
        mode: Mode,
        options: &OpenOptions,
    ) -> Result<(ValidPath<'p>, Target)> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        self.check_writeable(path)?;
        check_for_writing(options, path)?;
        if mode.exclusive() && options.if_match.is_some() {
            return Err(Error::new(ErrorKind::InvalidArgument)
                .with_path(path)
                .with_message("if_match cannot be used with a mode that requires a new file"));
        }
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.strict && mode.truncate() {
            self.check_file_target(&validated, &target.key, options)?;
            if mode.exclusive() && self.is_object(&target.key)? {
                return Err(Error::new(ErrorKind::FileExists).with_path(path));
            }
        }
        Ok((validated, target))
    }

    /// Returns the base of an updated file. If the object exists, its parent exists too.
    fn base(
        &self,
        path: &ValidPath<'_>,
        target: &Target,
        mode: Mode,
        options: &OpenOptions,
    ) -> Result<Base> {
        if mode.exclusive() {
            return Ok(Base::Absent);
        }
        let if_match = options.if_match.clone();
        if mode.truncate() {
            return Ok(Base::Replaced { if_match });
        }
        match Old::open(target, &ReadOptions::from_call(options)) {
            Ok(old) => Ok(Base::Object(Box::new(old))),
            Err(error) if is_missing_key(&error) && mode.create() && if_match.is_none() => {
                if self.strict {
                    self.check_file_target(path, &target.key, options)?;
                }
                Ok(Base::Absent)
            }
            Err(error) if is_missing_key(&error) => Err(self.no_object(path)),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write_whole(
        &self,
        path: &str,
        contents: &[u8],
        options: &OpenOptions,
    ) -> Result<()> {
        self.check_writeable(path)?;
        check_for_writing(options, path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.strict {
            self.check_file_target(&validated, &target.key, options)?;
        }
        let condition = match &options.if_match {
            Some(e_tag) => Condition::Match(e_tag),
            None => Condition::Any,
        };
        let size = contents.len() as u64;
        if size <= self.objects().part_sizes().first() {
            return target.put(contents, &[], condition);
        }
        let pool = self.threads();
        target.put_in_parts(&contents, &contents, size, &pool, condition, &|_| Ok(()))
    }

    /// Stores the content of a source, as [`S3Writer`] does, and returns its size in bytes. A source with another size
    /// than a known `size` is an error.
    pub(super) fn write_from(
        &self,
        path: &str,
        source: &mut dyn Read,
        size: Option<u64>,
    ) -> Result<u64> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        check_object_size(size.unwrap_or_default())?;
        let options = OpenOptions::default();
        let target = self.target(key, path, &options);
        if self.strict {
            self.check_file_target(&validated, &target.key, &options)?;
        }
        let mut writer = S3Writer::new(target, false, None);
        let Some(size) = size else {
            let written = writer.write_from(source)?;
            return writer.close().map(|()| written);
        };
        writer = writer.for_size(size);
        // Reads one byte more, to detect a source that is longer than its size.
        let written = writer.write_from(&mut source.take(size.saturating_add(1)))?;
        if written != size {
            let what = if written < size { "less" } else { "more" };
            return Err(Error::new(ErrorKind::OperationFailed)
                .with_message(format!("the source returned {what} data than its size"))
                .with_hint("it may have changed in the meantime; nothing was stored"));
        }
        writer.close().map(|()| written)
    }

    /// Opens a file for reading, and returns the concrete type, which also implements [`BufRead`](std::io::BufRead).
    /// Makes one request. Reading all of the file takes one more if it is larger than
    /// [`first_window`](OpenOptions::first_window), which defaults to 1 MiB.
    ///
    /// ```no_run
    /// use s3fs::{OpenOptions, S3Fs};
    /// use std::io::BufRead;
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// for line in fs.open_read("tides.csv", &OpenOptions::new())?.lines() {
    ///     println!("{}", line?);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`openbin`](crate::FileSystemExt::openbin).
    pub fn open_read(&self, path: &str, options: &OpenOptions) -> Result<S3Reader> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let objects = Arc::clone(&self.shared.objects);
        let reading = self.shared.reading.overridden_by(options);
        match S3Reader::open(objects, key, path, ReadOptions::from_call(options), reading) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated)),
            result => result
                .map(|reader| reader.with_workers(self.shared.max_workers))
                .map_err(|error| error.with_path(path)),
        }
    }
}

/// Returns the error for a mode that another method opens.
fn other_mode(path: &str, mode: &str, wanted: &str, other: &str) -> Error {
    Error::new(ErrorKind::InvalidMode)
        .with_path(path)
        .with_message(format!(
            "this method opens files with {wanted}, not with {mode:?}"
        ))
        .with_hint(format!("use open_read or {other} for other modes"))
}

/// Rejects a version id, because a version can be read but not written.
fn check_for_writing(options: &OpenOptions, path: &str) -> Result<()> {
    if options.version_id.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_path(path)
        .with_message("a version of an object can be read, but not written"))
}
