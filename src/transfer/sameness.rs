//! [`Sameness`]: compares the files of two trees.

use time::{Duration, OffsetDateTime};

use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::filesystem::capabilities::{SourceOptions, Storage};
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::hash;
use crate::transfer::file;
use crate::transfer::job::Job;
use crate::transfer::snapshot::SnapshotFile;

/// Comparison of files.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sameness {
    /// No files are the same.
    None,
    /// By size and time.
    Clocks {
        clocks: Clocks,
        /// Whether a target may have the original time that the source keeps in addition to its own.
        keeps_original: bool,
        sides: Sides,
    },
    Size,
    Content(Sides),
}

/// Result of comparing two files.
pub(crate) enum Verdict {
    Same,
    Differs,
    /// The listings are not sufficient.
    Unknown(Look),
}

/// A further comparison of two files of the same size.
#[derive(Debug)]
pub(crate) enum Look {
    /// Compares their contents.
    Digests(Digests),
    /// Compares the original time that the source keeps in addition to its own with this time of the target.
    OriginalTime(OffsetDateTime),
}

impl Look {
    /// Returns true if the files are the same.
    pub(crate) fn agrees(&self, endpoints: Endpoints<'_>, job: &Job) -> Result<bool> {
        match self {
            Self::Digests(digests) => digests.agree(endpoints, job),
            Self::OriginalTime(there) => {
                let original = original_modified(endpoints.src, &job.src_path)?;
                Ok(original.is_some_and(|original| is_time_of(original, *there)))
            }
        }
    }

    /// Returns true if the comparison uses an ETag as the digest of a content.
    pub(crate) fn has_e_tag(&self) -> bool {
        match self {
            Self::Digests(digests) => digests.src.is_some() || digests.dst.is_some(),
            Self::OriginalTime(_) => false,
        }
    }
}

/// Returns the original time that a filesystem keeps in addition to that of the file. Sends one request on S3.
fn original_modified(fs: &dyn FileSystem, path: &str) -> Result<Option<OffsetDateTime>> {
    let Some(capabilities) = fs.capabilities() else {
        return Ok(None);
    };
    let options = SourceOptions::new().only_look(true).needs_time(true);
    let source = capabilities.open_source(path, &options)?;
    Ok(source.and_then(|source| source.original_modified()))
}

/// Returns true if a file that was given the first time has the second one. Disks may cut off the last digits, but a whole
/// second may be the time of another version.
fn is_time_of(given: OffsetDateTime, there: OffsetDateTime) -> bool {
    (given - there).abs() < Duration::MICROSECOND
}

impl Sameness {
    pub(crate) fn of(self, source: &SnapshotFile, target: &SnapshotFile) -> Verdict {
        let verdict = |differ| match differ {
            true => Verdict::Differs,
            false => Verdict::Same,
        };
        match self {
            Self::None => Verdict::Differs,
            Self::Clocks {
                clocks,
                keeps_original,
                sides,
            } => {
                let differ = clocks.differ(source, target);
                // The object was stored within the second of the change, or the file was downloaded from it.
                let is_tie = clocks == Clocks::Stored
                    && source.size == target.size
                    && source.exactly_modified == target.exactly_modified;
                if differ && is_tie && !sides.src {
                    let digests = Digests::of_stamps(sides, source, target);
                    if digests.dst.is_some() {
                        return Verdict::Unknown(Look::Digests(digests));
                    }
                }
                let is_given = keeps_original && clocks == Clocks::Kept;
                match target.exactly_modified {
                    Some(there) if differ && is_given && source.size == target.size => {
                        Verdict::Unknown(Look::OriginalTime(there))
                    }
                    _ => verdict(differ),
                }
            }
            Self::Size => verdict(source.size != target.size),
            Self::Content(_) if source.size != target.size => Verdict::Differs,
            Self::Content(sides) => {
                if sides.src && sides.dst && source.stamp.is_some() && source.stamp == target.stamp
                {
                    return Verdict::Same;
                }
                let digests = Digests::of_stamps(sides, source, target);
                match digests.src.is_some() && digests.dst.is_some() {
                    true => Verdict::Differs,
                    false => Verdict::Unknown(Look::Digests(digests)),
                }
            }
        }
    }
}

/// Whether the stamps of source and target are ETags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sides {
    src: bool,
    dst: bool,
}

impl Sides {
    pub(crate) fn of(endpoints: Endpoints<'_>) -> Self {
        let has_e_tags = |fs: &dyn FileSystem| {
            let capabilities = fs.capabilities();
            capabilities.is_some_and(|capabilities| capabilities.has_e_tags())
        };
        Self {
            src: has_e_tags(endpoints.src),
            dst: has_e_tags(endpoints.dst),
        }
    }
}

/// Known MD5 digests of the two sides of a copy.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    src: Option<Box<str>>,
    dst: Option<Box<str>>,
}

impl Digests {
    /// Returns the digests that are ETags.
    fn of_stamps(sides: Sides, source: &SnapshotFile, target: &SnapshotFile) -> Self {
        let digest = |file: &SnapshotFile, is_e_tag| {
            let stamp = file.stamp.clone();
            stamp.filter(|stamp| is_e_tag && is_md5(stamp))
        };
        Self {
            src: digest(source, sides.src),
            dst: digest(target, sides.dst),
        }
    }

    /// Returns true if the contents are the same. Reads the files whose digest is unknown.
    pub(crate) fn agree(&self, endpoints: Endpoints<'_>, job: &Job) -> Result<bool> {
        let digest = |known: &Option<Box<str>>, fs: &dyn FileSystem, path: &str| match known {
            Some(known) => Ok(known.to_ascii_lowercase()),
            None => hash::of_file(fs, path, "md5"),
        };
        let src = digest(&self.src, endpoints.src, &job.src_path)?;
        Ok(src == digest(&self.dst, endpoints.dst, &job.dst_path)?)
    }
}

/// Returns true if an ETag looks like the MD5 digest of the content, as for objects that were stored with one request.
///
/// Source: [Object](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), "ETag".
fn is_md5(e_tag: &str) -> bool {
    e_tag.len() == 32 && e_tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Comparison of the times of two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// From S3 to the local disk: the mirror set the time of the target to that of the source. A different time means a
    /// different file.
    Kept,
    /// The time of the target is the time at which S3 stored it. Within the same second, the source may have changed later:
    /// then only files with the same ETag are the same.
    Stored,
    /// PyFilesystem's comparison: a source that is not newer is the same.
    Compared,
}

impl Clocks {
    pub(crate) fn of(endpoints: Endpoints<'_>) -> Self {
        match file::storage(endpoints.dst) {
            _ if file::is_download(endpoints) => Self::Kept,
            Storage::Remote { .. } => Self::Stored,
            _ => Self::Compared,
        }
    }

    /// Returns true if the source must be copied: compares sizes, and times if both are known.
    fn differ(self, source: &SnapshotFile, target: &SnapshotFile) -> bool {
        let exact = |file: &SnapshotFile| file.exactly_modified;
        let times = match self {
            Self::Kept => source.modified.zip(exact(target)),
            Self::Stored | Self::Compared => exact(source).zip(exact(target)),
        };
        let is_same_content = source.stamp.is_some() && source.stamp == target.stamp;
        source.size != target.size
            || times.is_none_or(|(source, target)| match self {
                Self::Kept => source != target,
                Self::Stored => source > target || source == target && !is_same_content,
                Self::Compared => source > target,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_digits_of_a_time_may_be_cut_off() {
        let at = |nanoseconds| OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        assert!(is_time_of(at(7_500_000_000), at(7_500_000_000)));
        assert!(is_time_of(at(7_500_000_123), at(7_500_000_100)));
        assert!(!is_time_of(at(7_500_000_000), at(7_000_000_000)));
        assert!(!is_time_of(at(7_500_000_000), at(7_500_001_000)));
        assert!(!is_time_of(at(7_000_000_000), at(8_000_000_000)));
    }
}
