//! Writing the markers of directories, also on stores that report markers for directories without one.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::options::UploadArgs;
use crate::s3::S3Fs;
use crate::s3::api::Condition;
use crate::s3::key::Key;
use crate::s3::write::publish::Target;

/// The condition under which the store's response that a marker exists is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Always, unless the store was seen to report a marker for a directory that has none.
    Anything,
    /// If the directory exists. A key below it is sufficient.
    Directory,
    /// If the marker itself exists, because everything else in the directory is about to be removed.
    Marker,
}

/// The result of a check at a marker's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Marker,
    /// Keys below the directory, and no marker.
    Keys,
    /// A file with the directory's name, and neither of the above.
    File,
    Nothing,
}

impl S3Fs {
    /// Returns the condition for [`put_marker`](Self::put_marker). Without strict, if an existing directory is not an
    /// error, the store's response is accepted, because a check would take one more request.
    pub(super) fn wanted(&self, recreate: bool) -> Wanted {
        if recreate && !self.strict {
            Wanted::Anything
        } else {
            Wanted::Directory
        }
    }

    /// Writes a directory's marker unless it exists. Makes one request, and one more if its response was lost. Returns
    /// true if it wrote the marker.
    ///
    /// Some stores, SeaweedFS among them, reject the marker of a directory that has none, because they store directories
    /// separately. Therefore a rejection is checked by a listing, and by a HEAD of the file of that name, before the
    /// marker is written without a condition. On such stores, writing it would destroy the file.
    /// # Errors
    ///
    /// `FileExists` if the store has a file in the marker's place.
    pub(super) fn put_marker(&self, marker: &Key, wanted: Wanted) -> Result<bool> {
        let target = Target {
            objects: Arc::clone(&self.shared.objects),
            key: marker.clone(),
            path: marker.as_str().to_owned(),
            args: self.objects().upload_args(&UploadArgs::new()),
        };
        let look = || match self.look_at_marker(marker)? {
            Place::Nothing | Place::Keys => Ok(()),
            place => Err(in_the_way(marker, place)),
        };
        match target.put_new_after(b"", &look) {
            Ok(()) => return Ok(true),
            Err(error) if error.is(ErrorKind::FileExists) => {}
            Err(error) => return Err(error),
        }
        let doubted = self.shared.answers_for_directories.load(Ordering::Relaxed);
        if wanted == Wanted::Anything && !doubted {
            return Ok(false);
        }
        match self.look_at_marker(marker)? {
            Place::Marker => return Ok(false),
            Place::Keys if wanted != Wanted::Marker => return Ok(false),
            Place::File => return Err(in_the_way(marker, Place::File)),
            Place::Keys | Place::Nothing => {}
        }
        target.put(b"", &[], Condition::Any)?;
        let answers = &self.shared.answers_for_directories;
        if !answers.swap(true, Ordering::Relaxed) {
            log::debug!("the store responds to requests for directories without a marker");
        }
        Ok(true)
    }

    /// Writes the marker of a directory that loses its last key. If the store has a file in the marker's place,
    /// the directory vanishes, with a warning in the log.
    pub(super) fn keep_marker(&self, marker: &Key) -> Result<()> {
        match self.put_marker(marker, Wanted::Marker) {
            Err(error) if error.is(ErrorKind::FileExists) => {
                log::warn!("{error}; the directory is removed with its last key");
                Ok(())
            }
            kept => kept.map(|_| ()),
        }
    }

    /// Checks the key of a marker. Makes one request, and one more if the marker does not exist.
    fn look_at_marker(&self, marker: &Key) -> Result<Place> {
        let page = self.first_keys(marker.as_str(), 1)?;
        let first = page.objects.first().map(|object| object.key.as_str());
        if first == Some(marker.as_str()) {
            return Ok(Place::Marker);
        }
        let delimiter = self.shared.keys.delimiter();
        let file = marker.as_str().strip_suffix(delimiter).map(Key::new);
        if let Some(file) = file
            && self.is_object(&file?)?
        {
            return Ok(Place::File);
        }
        Ok(if first.is_some() {
            Place::Keys
        } else {
            Place::Nothing
        })
    }
}

fn in_the_way(marker: &Key, place: Place) -> Error {
    let error = Error::new(ErrorKind::FileExists);
    if place == Place::Marker {
        return error;
    }
    let name = marker.as_str();
    error
        .with_message(format!(
            "a file has the same name as the directory {name:?}, and this store keeps only one of \
             them"
        ))
        .with_hint("remove the file, or choose another name")
}
