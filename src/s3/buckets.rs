//! Listing the buckets of an endpoint, creating and removing a bucket.

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::list::pages::TokenWatch;
use crate::s3::{S3Fs, S3FsBuilder};

/// A bucket of an endpoint. Returned by [`S3FsBuilder::list_buckets`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BucketInfo {
    /// The name of the bucket.
    pub name: String,
    /// Creation time, if the store returns it.
    pub created: Option<OffsetDateTime>,
    /// Region of the bucket, if the store returns it.
    pub region: Option<String>,
}

impl S3FsBuilder {
    /// Lists the buckets that belong to the credentials, at the endpoint of this builder. The builder's bucket name,
    /// `dir_path` and addressing style are not used. The name may be empty.
    ///
    /// Requests: one, or one for each page if the store returns pages. Requires the permission `s3:ListAllMyBuckets`.
    ///
    /// Source: [ListBuckets](https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html).
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    ///
    /// for bucket in S3Fs::builder("").endpoint_url("http://127.0.0.1:9000").list_buckets()? {
    ///     println!("{} {:?}", bucket.name, bucket.created);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`build`](Self::build), and [`PermissionDenied`](ErrorKind::PermissionDenied), which AWS also returns
    /// without credentials.
    pub fn list_buckets(self) -> Result<Vec<BucketInfo>> {
        let fs = self.of_any_bucket().build()?;
        let mut watch = TokenWatch::default();
        let mut token: Option<String> = None;
        let (mut buckets, mut known) = (Vec::new(), HashSet::new());
        loop {
            let page = fs.objects().list_buckets(token.as_deref())?;
            let is_empty = page.buckets.is_empty();
            let new = page.buckets.into_iter();
            let new = new.filter(|bucket| known.insert(bucket.name.clone()));
            buckets.extend(new.map(|bucket| BucketInfo {
                name: bucket.name,
                created: bucket.created,
                region: bucket.region,
            }));
            let Some(next) = page.next_token else {
                return Ok(buckets);
            };
            watch.check(&next, is_empty)?;
            token = Some(next);
        }
    }
}

impl S3Fs {
    /// Creates the bucket, in the filesystem's region. Makes one request. No other method creates a bucket.
    ///
    /// Source: [CreateBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html).
    ///
    /// ```no_run
    /// use s3fs::S3Fs;
    ///
    /// S3Fs::builder("mybucket").region("eu-west-1").build()?.create_bucket()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`OperationFailed`](ErrorKind::OperationFailed) if a bucket of that name exists already (in `us-east-1`, the
    /// caller's own bucket is not an error). [`PermissionDenied`](ErrorKind::PermissionDenied).
    /// [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) if a response was lost and the caller's own bucket exists.
    pub fn create_bucket(&self) -> Result<()> {
        self.check_writeable("/")?;
        let made = self.objects().create_bucket();
        made.map_err(|error| error.with_path("/"))
    }

    /// Removes the bucket, for any `dir_path`. Makes one request. The server rejects the request if the bucket contains
    /// anything, including versions and delete markers.
    ///
    /// Source: [DeleteBucket](https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteBucket.html).
    ///
    /// ```no_run
    /// use s3fs::{FileSystem, FileSystemExt, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// fs.removetree("/")?;
    /// fs.delete_bucket()?;
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DirectoryNotEmpty`](ErrorKind::DirectoryNotEmpty), [`PermissionDenied`](ErrorKind::PermissionDenied),
    /// [`BucketNotFound`](ErrorKind::BucketNotFound) if there is no such bucket,
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if this is read-only.
    pub fn delete_bucket(&self) -> Result<()> {
        self.check_writeable("/")?;
        let code = |error: &Error, code: &str| error.s3().is_some_and(|s3| s3.code == code);
        match self.objects().delete_bucket() {
            // The response to an earlier attempt was lost, and that attempt removed the bucket.
            Err(error) if error.is_unsure() && code(&error, "NoSuchBucket") => Ok(()),
            Err(error) if code(&error, "BucketNotEmpty") => Err(error
                .with_kind(ErrorKind::DirectoryNotEmpty)
                .with_message("the bucket is not empty")
                .with_hint("remove its contents first, including old versions of objects")
                .with_path("/")),
            removed => removed.map_err(|error| error.with_path("/")),
        }
    }
}
