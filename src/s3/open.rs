//! Opening files, and writing them whole.

use std::io::Read;
use std::sync::Arc;

use super::checks::is_missing_key;
use super::key::Key;
use super::objects::{Condition, ReadOptions};
use super::writer::Target;
use super::{S3Fs, S3Reader, S3Updater, S3Writer};
use crate::error::{Error, ErrorKind, Result};
use crate::file::File;
use crate::mode::Mode;
use crate::options::OpenOptions;
use crate::s3::client::Exactly;

/// The largest object that one PUT stores.
///
/// Source: [Amazon S3 multipart upload limits](https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html).
const MAX_PUT_BYTES: u64 = 5 << 30;

impl S3Fs {
    /// The arguments of an open file, and where it goes.
    pub(super) fn target(&self, key: Key, path: &str, options: &OpenOptions) -> Target {
        let mut args = self.objects().upload_args(&options.upload);
        // What was read with a customer's key is written with it again.
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

    pub(super) fn open_write(
        &self,
        validated: &str,
        key: Key,
        path: &str,
        mode: Mode,
        options: &OpenOptions,
    ) -> Result<Box<dyn File>> {
        self.check_writeable(path)?;
        check_for_writing(options, path)?;
        if mode.exclusive() && options.if_match.is_some() {
            return Err(Error::new(ErrorKind::InvalidArgument)
                .with_path(path)
                .with_message("a file that must be new has no ETag to match"));
        }
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.shared.strict && mode.create() {
            self.check_file_target(validated, &target.key, path, options)?;
            if mode.exclusive() && self.is_object(&target.key)? {
                return Err(Error::new(ErrorKind::FileExists).with_path(path));
            }
        }
        if mode.truncate() && !mode.updating() {
            return Ok(Box::new(S3Writer::new(
                target,
                mode.exclusive(),
                options.if_match.clone(),
            )));
        }
        let read = ReadOptions::from_call(options);
        match S3Updater::open(target, mode, &read) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {
                Err(self.no_object(validated, path))
            }
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
        if contents.len() as u64 > MAX_PUT_BYTES {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_path(path)
                .with_message("one request stores 5 GiB at most"));
        }
        let target = self.target(key, path, options);
        target.args.to_headers()?;
        if self.shared.strict {
            self.check_file_target(&validated, &target.key, path, options)?;
        }
        let condition = match &options.if_match {
            Some(e_tag) => Condition::Match(e_tag),
            None => Condition::Any,
        };
        target.put(contents, &[], condition)
    }

    /// Stores what a source of that size gives, as it comes: P + 2 requests in strict mode,
    /// otherwise one. `false` if one streamed request cannot do it.
    pub(super) fn write_from(&self, path: &str, source: &mut dyn Read, size: u64) -> Result<bool> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let options = OpenOptions::default();
        let target = self.target(key, path, &options);
        if size == 0 || size > MAX_PUT_BYTES || target.args.checksum().is_some() {
            return Ok(false);
        }
        if self.shared.strict {
            self.check_file_target(&validated, &target.key, path, &options)?;
        }
        let source = Exactly::new(source, size);
        self.objects().put_from(&target.key, source, &target.args)?;
        Ok(true)
    }

    /// Opens a file for reading, as the concrete type: one request.
    ///
    /// # Errors
    ///
    /// As [`openbin`](crate::FileSystem::openbin).
    pub fn open_read(&self, path: &str, options: &OpenOptions) -> Result<S3Reader> {
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let objects = Arc::clone(&self.shared.objects);
        match S3Reader::open(objects, key, path, ReadOptions::from_call(options)) {
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated, path)),
            result => result.map_err(|error| error.with_path(path)),
        }
    }
}

/// A version can be read and not written.
fn check_for_writing(options: &OpenOptions, path: &str) -> Result<()> {
    if options.version_id.is_none() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidArgument)
        .with_path(path)
        .with_message("a version of an object can be read and not written"))
}
