//! [`StaleUpload`]: what a killed program left behind of an upload, found and removed.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use time::OffsetDateTime;

use crate::error::{Error, ErrorKind, Result};
use crate::s3::S3Fs;
use crate::s3::client::xml::ListedUpload;
use crate::s3::key::Key;
use crate::s3::list::pages::TokenWatch;

/// An upload in parts that was begun and neither completed nor aborted:
/// [`S3Fs::stale_uploads`]. Its parts are in no listing, and are paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StaleUpload {
    /// The key of the object that it was to become, in the bucket.
    pub key: String,
    /// The id that the store gave it.
    pub upload_id: String,
    /// When it was begun, if the store says it.
    pub initiated: Option<OffsetDateTime>,
}

impl S3Fs {
    /// The uploads to files below `path`, and to itself, that were begun before so long a time by the
    /// server's clock and have not ended: what programs left behind that were killed while they
    /// wrote. In the order of the store, by key.
    ///
    /// An upload that another program is still sending is among them, if it takes longer than that: a
    /// day is a safe time for most. One request for each 1,000 uploads, old or not.
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

    /// Aborts an upload, so that its parts are kept no longer. One request. Whether it was still
    /// there: it may have been completed, or aborted, meanwhile.
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for one that is not of this filesystem,
    /// [`ResourceReadOnly`](ErrorKind::ResourceReadOnly) if this is read-only.
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
        validated: &str,
        is_wanted: impl Fn(&ListedUpload) -> bool,
    ) -> Result<Vec<StaleUpload>> {
        let directory = self.prefix(validated, validated)?;
        // Without the delimiter at its end, the file itself is found, too.
        let (prefix, file) = match validated {
            "/" => (directory.clone(), None),
            path => {
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
