//! [`StaleUpload`]: finding and removing the unfinished uploads of killed programs.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::valid_path::ValidPath;
use crate::s3::S3Fs;
use crate::s3::client::xml::ListedUpload;
use crate::s3::key::Key;
use crate::s3::list::pages::TokenWatch;

/// A multipart upload that was neither completed nor aborted. Returned by [`S3Fs::stale_uploads`]. Listings do not show
/// its parts, and they cost money.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleUpload {
    /// The key of the object that the upload was to create, in the bucket.
    pub key: String,
    /// The upload id from the store.
    pub upload_id: String,
    /// Start time of the upload, if the store returns it.
    pub initiated: Option<OffsetDateTime>,
}

impl S3Fs {
    /// Returns the unfinished uploads to `path` and to files below it that were started at least `older_than` ago by the
    /// server's clock. Programs that are killed while they write leave such uploads. They are in the order of the store,
    /// by key.
    ///
    /// Uploads that another program is still sending are included, if they take longer than that. A day is a safe age for
    /// most programs. Makes one request for each 1,000 uploads of any age.
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// let fs = s3fs::S3Fs::new("mybucket")?;
    /// for upload in fs.stale_uploads("/", Duration::from_secs(24 * 60 * 60))? {
    ///     println!("{} of {:?}", upload.key, upload.initiated);
    ///     fs.abort_upload(&upload)?;
    /// }
    /// # Ok::<(), s3fs::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) without `s3:ListBucketMultipartUploads`.
    #[doc(alias = "list_multipart_uploads")]
    pub fn stale_uploads(&self, path: &str, older_than: Duration) -> Result<Vec<StaleUpload>> {
        let validated = self.normalize(path)?;
        let begun_before = self.objects().client().now().checked_sub(older_than);
        let found = self.uploads_of(&validated, |upload| {
            let initiated = upload.initiated.map(SystemTime::from);
            match (initiated, begun_before) {
                (Some(initiated), Some(before)) => initiated <= before,
                // An upload of unknown age does not count as old.
                _ => older_than.is_zero(),
            }
        });
        found.map_err(|error| error.with_path(path))
    }

    /// Aborts an upload, so that the store deletes its parts. Makes one request. Returns true if the upload still
    /// existed. It may have been completed or aborted meanwhile.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for an upload of another filesystem.
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if the filesystem is read-only.
    #[doc(alias = "abort_multipart_upload")]
    pub fn abort_upload(&self, upload: &StaleUpload) -> Result<bool> {
        self.check_writeable(&upload.key)?;
        if !upload.key.starts_with(&self.shared.keys.directory("/")?) {
            return Err(Error::new(ErrorKind::InvalidArgument).with_message(format!(
                "the key {:?} is not in this filesystem",
                upload.key
            )));
        }
        let key = Key::new(upload.key.as_str())?;
        let aborted = self.objects().abort_listed(key, &upload.upload_id);
        aborted.map_err(|error| error.with_path(&upload.key))
    }

    fn uploads_of(
        &self,
        path: &ValidPath<'_>,
        is_wanted: impl Fn(&ListedUpload) -> bool,
    ) -> Result<Vec<StaleUpload>> {
        let directory = self.prefix(path)?;
        // Without the trailing delimiter, the prefix also matches the file itself.
        let (prefix, file) = match path.is_root() {
            true => (directory.clone(), None),
            false => {
                let file = self.shared.keys.file(path)?.as_str().to_owned();
                (file.clone(), Some(file))
            }
        };
        let is_below = |upload: &ListedUpload| {
            upload.key.starts_with(&directory) || Some(&upload.key) == file.as_ref()
        };
        let (mut stale, mut known) = (Vec::new(), HashSet::new());
        let mut watch = TokenWatch::default();
        let mut after = None;
        loop {
            let page = self.objects().list_uploads(&prefix, after.as_ref())?;
            let is_empty = page.uploads.is_empty();
            let new = page.uploads.into_iter();
            let new = new.filter(|upload| known.insert((upload.key.clone(), upload.id.clone())));
            let wanted = new.filter(|upload| is_below(upload));
            stale.extend(wanted.filter(&is_wanted).map(|upload| StaleUpload {
                key: upload.key,
                upload_id: upload.id,
                initiated: upload.initiated,
            }));
            let Some(next) = page.next else {
                return Ok(stale);
            };
            watch.check(&format!("{}\0{}", next.0, next.1), is_empty)?;
            after = Some(next);
        }
    }
}
