//! Copying and moving single files on the server.

use url::Url;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::location::Location;
use crate::filesystem::valid_path::ValidPath;
use crate::filesystem::{CopyOptions, FileSystem};
use crate::s3::S3Fs;
use crate::s3::api::{Condition, ReadOptions, Source, condition_failed, is_unknown_to_store};
use crate::s3::client::is_aws;
use crate::s3::copy::setinfo::class_and_encryption;
use crate::s3::etag;
use crate::s3::key::Key;
use crate::s3::s3_info::s3_info;

/// The object version that was copied. A move deletes only this version.
struct Copied {
    key: Key,
    e_tag: String,
}

impl S3Fs {
    /// Returns the location of the resource with a validated path. It is equal for every handle on the bucket.
    ///
    /// The realm is the bucket at its endpoint. On AWS it is only the bucket, because its name is unique there, and any
    /// region's endpoint leads to it.
    pub(in crate::s3) fn place(&self, validated: &str) -> Result<Location> {
        let directory = self.shared.keys.directory(validated)?;
        let delimiter = self.shared.keys.delimiter();
        let file = directory.strip_suffix(delimiter).unwrap_or(&directory);
        let realm = realm(self.shared.endpoint.as_ref(), self.bucket_name());
        Ok(
            Location::new(realm, file, directory.as_str()).with_handle(Reached {
                fs: self.clone(),
                path: validated.to_owned(),
            }),
        )
    }

    /// Returns true if the server of this bucket can read the other bucket.
    pub(in crate::s3) fn reaches(&self, other: &S3Fs) -> bool {
        let url = |fs: &S3Fs| fs.objects().client().bucket().base_url().clone();
        let (own, others) = (url(self), url(other));
        own.scheme() == others.scheme()
            && own.port_or_known_default() == others.port_or_known_default()
            && self.shared.endpoint == other.shared.endpoint
            && self.shared.region == other.shared.region
    }

    pub(in crate::s3) fn copy_file(
        &self,
        src_path: &str,
        dst_path: &str,
        options: &CopyOptions,
    ) -> Result<()> {
        self.copy_object(src_path, dst_path, options).map(|_| ())
    }

    pub(in crate::s3) fn move_file(
        &self,
        src_path: &str,
        dst_path: &str,
        options: &CopyOptions,
    ) -> Result<()> {
        self.check_writeable(src_path)?;
        let (source, target) = (self.valid_path(src_path)?, self.valid_path(dst_path)?);
        if *source == *target {
            return match self.stay(&source) {
                // As in PyFilesystem, the target is checked first, and a directory is a target, too.
                Ok(()) if options.overwrite => Ok(()),
                Err(error) if options.overwrite || !error.is(ErrorKind::FileExpected) => Err(error),
                _ => Err(Error::new(ErrorKind::DestinationExists).with_path(dst_path)),
            };
        }
        let copied = self.copy_object(src_path, dst_path, options)?;
        if self.strict {
            self.keep_parent(&source, |other| other == copied.key.as_str())
                .map_err(|error| error.with_path(src_path))?;
        }
        self.delete_copied(&copied)
            .map_err(|error| error.with_path(src_path))
    }

    /// Checks a move of a file onto itself: returns an error unless the file exists.
    fn stay(&self, path: &ValidPath<'_>) -> Result<()> {
        let (_, key) = self.file_key(path.given(), ErrorKind::FileExpected)?;
        match self.is_object(&key)? {
            true => Ok(()),
            false => Err(self.no_object(path)),
        }
    }

    /// Deletes the source of a move, unless it was replaced meanwhile.
    fn delete_copied(&self, copied: &Copied) -> Result<()> {
        if etag::is_weak(&copied.e_tag) {
            return self.delete_unchanged(copied);
        }
        match self.objects().delete(&copied.key, Some(&copied.e_tag)) {
            // The response to the first attempt was lost, and the second one found no object.
            Err(error) if error.is_unsure() && !self.is_object(&copied.key)? => Ok(()),
            Err(error) if condition_failed(&error) => Err(replaced(error)),
            Err(error) if is_unknown_to_store(&error) => self.delete_unchanged(copied),
            result => result,
        }
    }

    /// Like [`delete_copied`](Self::delete_copied), but for a store that ignores the condition. Checks the object right
    /// before.
    fn delete_unchanged(&self, copied: &Copied) -> Result<()> {
        let head = self.objects().look(&copied.key, &ReadOptions::default())?;
        match head.as_ref().map(|head| head.header("etag")) {
            None => Ok(()),
            Some(now) if etag::is_same(now.unwrap_or_default(), &copied.e_tag) => {
                self.objects().delete(&copied.key, None)
            }
            Some(_) => Err(replaced(Error::new(ErrorKind::ResourceChanged))),
        }
    }

    fn copy_object(&self, src_path: &str, dst_path: &str, options: &CopyOptions) -> Result<Copied> {
        self.check_writeable(dst_path)?;
        self.validatepath(src_path)?;
        self.validatepath(dst_path)?;
        let about_target = |error: Error| error.with_path(dst_path);
        if !options.overwrite {
            self.refuse_existing(dst_path).map_err(about_target)?;
        }
        let (source, key) = self.file_key(src_path, ErrorKind::FileExpected)?;
        let head = self.objects().head(&key, &ReadOptions::default(), false);
        let head = match head {
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {
                return Err(self.no_object(&source));
            }
            head => head.map_err(|error| error.with_path(src_path))?,
        };
        let (validated, target) = self.file_key(dst_path, ErrorKind::FileExpected)?;
        if key == target {
            return Err(Error::new(ErrorKind::IllegalDestination)
                .with_path(dst_path)
                .with_message("a file cannot be copied onto itself"));
        }
        if self.strict {
            self.require_parent(&validated, ErrorKind::ResourceNotFound)
                .map_err(about_target)?;
            if options.overwrite {
                self.refuse_directory(&validated, &target)
                    .map_err(about_target)?;
            }
        }
        let e_tag = head.header("etag").unwrap_or_default().to_owned();
        let object = Source {
            objects: self.objects(),
            key: &key,
            e_tag: &e_tag,
            size: head.content_length().unwrap_or_default(),
            version_id: None,
        };
        let kept = class_and_encryption(&s3_info(head.headers()))
            .map_err(|error| error.with_path(src_path))?;
        self.store_copy(&object, &target, &kept, options.overwrite)
            .map_err(about_target)?;
        Ok(Copied { key, e_tag })
    }

    /// Copies an object. Replaces an existing target only if `overwrite` is true. The server decides, if it honours the
    /// condition.
    fn store_copy(
        &self,
        source: &Source<'_>,
        target: &Key,
        kept: &[(String, String)],
        overwrite: bool,
    ) -> Result<()> {
        if overwrite {
            return self
                .objects()
                .copy(source, target, kept.to_vec(), Condition::Any);
        }
        let copy = |condition| {
            self.objects()
                .copy(source, target, kept.to_vec(), condition)
        };
        let copied = match copy(Condition::Absent) {
            // Another check right before the copy detects an object that was stored since the first check.
            Err(error) if is_unknown_to_store(&error) => self
                .objects()
                .check(target, Condition::Absent, &ReadOptions::default())
                .and_then(|()| copy(Condition::Any)),
            copied => copied,
        };
        match copied {
            Err(error) if error.is(ErrorKind::FileExists) => {
                Err(error.with_kind(ErrorKind::DestinationExists))
            }
            // The failed condition may be the one on the source.
            Err(error) if condition_failed(&error) && self.is_object(target)? => {
                Err(error.with_kind(ErrorKind::DestinationExists))
            }
            result => result,
        }
    }

    /// Returns an error if anything exists at the target.
    fn refuse_existing(&self, path: &str) -> Result<()> {
        let (validated, key) = self.file_key(path, ErrorKind::DestinationExists)?;
        let exists = self.is_object(&key)?
            || self.strict && self.is_directory(&self.prefix(&validated)?, &validated)?;
        if exists {
            return Err(Error::new(ErrorKind::DestinationExists).with_path(path));
        }
        Ok(())
    }

    /// Copies a file of another handle, if the server can. Implements `FileSystem::copy_from`.
    pub(in crate::s3) fn copy_reached(&self, source: &Location, dst_path: &str) -> Result<bool> {
        self.check_writeable(dst_path)?;
        let (validated, target) = self.file_key(dst_path, ErrorKind::FileExpected)?;
        let Some(reached) = source.handle::<Reached>() else {
            return Ok(false);
        };
        if !self.reaches(&reached.fs) {
            return Ok(false);
        }
        let path = reached.path.as_str();
        let (source, key) = reached.fs.file_key(path, ErrorKind::FileExpected)?;
        let head = reached
            .fs
            .objects()
            .head(&key, &ReadOptions::default(), false);
        let head = match head {
            Err(error) if error.is(ErrorKind::ResourceNotFound) => {
                return Err(reached.fs.no_object(&source));
            }
            head => head?,
        };
        if self.strict {
            self.require_parent(&validated, ErrorKind::ResourceNotFound)?;
        }
        let object = Source {
            objects: reached.fs.objects(),
            key: &key,
            e_tag: head.header("etag").unwrap_or_default(),
            size: head.content_length().unwrap_or_default(),
            version_id: None,
        };
        let kept = class_and_encryption(&s3_info(head.headers()))?;
        let copied = self.objects().copy(&object, &target, kept, Condition::Any);
        match copied {
            // These credentials may not read the source. The caller can copy with its two handles.
            Err(error) if error.is(ErrorKind::PermissionDenied) => Ok(false),
            result => result.map(|()| true),
        }
    }
}

/// Returns the error for the source of a move that was replaced meanwhile.
fn replaced(error: Error) -> Error {
    error
        .with_message("it was copied, but was replaced before it could be removed")
        .with_hint("both exist; move it again to get the newer content")
}

/// The handle and the path behind a location on S3.
pub(crate) struct Reached {
    pub(crate) fs: S3Fs,
    pub(crate) path: String,
}

impl Reached {
    /// Returns the prefix of the keys in the directory.
    pub(in crate::s3) fn prefix(&self) -> Result<String> {
        self.fs.prefix(&self.fs.valid_path(&self.path)?)
    }
}

/// Returns the realm of [`Location`] for the bucket at an endpoint. Without an endpoint, the bucket is on AWS.
fn realm(endpoint: Option<&Url>, bucket: &str) -> String {
    match endpoint.filter(|_| !is_aws(endpoint)) {
        None => format!("s3://{bucket}"),
        Some(url) => {
            let host = url.host_str().unwrap_or_default();
            let port = url.port_or_known_default().unwrap_or_default();
            let path = url.path().trim_end_matches('/');
            format!("s3://{host}:{port}{path}/{bucket}")
        }
    }
}
