//! Archived files: restoring a readable copy for some days.

use crate::error::{Error, ErrorKind, Result};
use crate::s3::S3Fs;
use crate::s3::api::RestoreAnswer;
use crate::s3::checks::is_missing_key;

/// Speed and price of restoring an archived file. See [`S3Fs::restore`].
///
/// Source: [Archive retrieval options](https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects-retrieval-options.html).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RestoreTier {
    /// 3 to 5 hours from Glacier Flexible Retrieval, 12 hours from Deep Archive.
    #[default]
    Standard,
    /// 5 to 12 hours from Glacier Flexible Retrieval, 48 hours from Deep Archive. The cheapest.
    Bulk,
    /// 1 to 5 minutes, for files up to 250 MB. Not from Deep Archive.
    Expedited,
}

impl RestoreTier {
    fn name(self) -> &'static str {
        match self {
            Self::Standard => "Standard",
            Self::Bulk => "Bulk",
            Self::Expedited => "Expedited",
        }
    }
}

/// Result of a request to restore a file. Returned by [`S3Fs::restore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Restoration {
    /// The server has started. The file can be read when it has finished.
    Started,
    /// An earlier request is still running. Its number of days is unchanged.
    Running,
    /// The file was restored before and can be read. The number of days counts from now.
    Extended,
}

impl S3Fs {
    /// Requests a readable copy of a file in an archive class (`GLACIER`, `DEEP_ARCHIVE`), for `days` days. `None` is for
    /// the archive tiers of `INTELLIGENT_TIERING`, which accept no number of days. The file keeps its class. The
    /// restoration takes minutes to days; [`S3Info::restore_status`](crate::S3Info::restore_status) shows when it has
    /// finished.
    ///
    /// Requests: 1.
    ///
    /// Source: [Restoring an archived object](https://docs.aws.amazon.com/AmazonS3/latest/userguide/restoring-objects.html).
    ///
    /// ```no_run
    /// use s3fs::prelude::*;
    /// use s3fs::{RestoreTier, S3Fs};
    ///
    /// let fs = S3Fs::new("mybucket")?;
    /// println!("{:?}", fs.restore("tides-1998.csv", 7, RestoreTier::Bulk)?);
    /// let info = fs.getinfo("tides-1998.csv", Namespaces::S3)?;
    /// if let Some(status) = info.s3().and_then(|s3| s3.restore_status()) {
    ///     println!("running: {}, readable until {:?}", status.in_progress, status.expires);
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ResourceNotFound`](ErrorKind::ResourceNotFound). [`FileExpected`](ErrorKind::FileExpected) for a directory.
    /// [`Unsupported`](ErrorKind::Unsupported) if the file is not in an archive class.
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for 0 days.
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem is read-only.
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without `s3:RestoreObject`.
    pub fn restore(
        &self,
        path: &str,
        days: impl Into<Option<u32>>,
        tier: RestoreTier,
    ) -> Result<Restoration> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        let days = days.into();
        if days == Some(0) {
            return Err(Error::new(ErrorKind::InvalidArgument)
                .with_path(path)
                .with_message("a file must be restored for at least one day"));
        }
        match self.objects().restore(&key, days, tier.name()) {
            Ok(RestoreAnswer::Started) => Ok(Restoration::Started),
            Ok(RestoreAnswer::Running) => Ok(Restoration::Running),
            Ok(RestoreAnswer::Extended) => Ok(Restoration::Extended),
            Err(error) if is_missing_key(&error) => Err(self.no_object(&validated)),
            Err(error) => Err(error.with_path(path)),
        }
    }
}
