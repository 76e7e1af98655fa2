//! [`Sameness`]: how the files of two trees are found to be the same.

use time::OffsetDateTime;

use crate::dates::whole_second;
use crate::error::Result;
use crate::filesystem::FileSystem;
use crate::filesystem::capabilities::{SourceOptions, Storage};
use crate::filesystem::endpoints::Endpoints;
use crate::filesystem::hash;
use crate::transfer::file;
use crate::transfer::job::Job;
use crate::transfer::snapshot::SnapshotFile;

/// How files are found to be the same.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sameness {
    /// None are.
    None,
    /// By size and time.
    Clocks {
        clocks: Clocks,
        /// Whether a target may have the time that the source keeps beside its own.
        keeps_original: bool,
    },
    Size,
    Content(Sides),
}

/// What is known of two files.
pub(crate) enum Verdict {
    Same,
    Differs,
    /// The listings do not tell.
    Unknown(Look),
}

/// What tells whether two files of one size are the same.
#[derive(Debug)]
pub(crate) enum Look {
    /// Their contents.
    Digests(Digests),
    /// The time that the source keeps beside its own: it is that of the target.
    OriginalTime(OffsetDateTime),
}

impl Look {
    /// Whether the files are the same.
    pub(crate) fn agrees(&self, endpoints: Endpoints<'_>, job: &Job) -> Result<bool> {
        match self {
            Self::Digests(digests) => digests.agree(endpoints, job),
            Self::OriginalTime(there) => {
                let original = original_modified(endpoints.src, &job.src_path)?;
                Ok(original.is_some_and(|original| is_time_of(original, *there)))
            }
        }
    }

    /// Whether it takes an ETag for the digest of a content.
    pub(crate) fn has_e_tag(&self) -> bool {
        match self {
            Self::Digests(digests) => digests.src.is_some() || digests.dst.is_some(),
            Self::OriginalTime(_) => false,
        }
    }
}

/// The time that a filesystem keeps beside that of the file. One request on S3.
fn original_modified(fs: &dyn FileSystem, path: &str) -> Result<Option<OffsetDateTime>> {
    let Some(capabilities) = fs.capabilities() else {
        return Ok(None);
    };
    let options = SourceOptions::new().only_look(true).needs_time(true);
    let source = capabilities.open_source(path, &options)?;
    Ok(source.and_then(|source| source.original_modified()))
}

/// Whether a file that was given the first time has the second one: a disk may keep whole seconds alone.
fn is_time_of(given: OffsetDateTime, there: OffsetDateTime) -> bool {
    given == there || whole_second(given).0 == there
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
            } => {
                let differ = clocks.differ(source, target);
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

/// The MD5 digests that are known of the two sides of a copy.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    src: Option<Box<str>>,
    dst: Option<Box<str>>,
}

impl Digests {
    /// Those that are ETags.
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

    /// Whether the contents are the same: what is not known is read.
    pub(crate) fn agree(&self, endpoints: Endpoints<'_>, job: &Job) -> Result<bool> {
        let digest = |known: &Option<Box<str>>, fs: &dyn FileSystem, path: &str| match known {
            Some(known) => Ok(known.to_ascii_lowercase()),
            None => hash::of_file(fs, path, "md5"),
        };
        let src = digest(&self.src, endpoints.src, &job.src_path)?;
        Ok(src == digest(&self.dst, endpoints.dst, &job.dst_path)?)
    }
}

/// Whether an ETag looks like the MD5 digest of the content, as it is for objects that were stored in one request.
///
/// Source: [Object](https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html), "ETag".
fn is_md5(e_tag: &str) -> bool {
    e_tag.len() == 32 && e_tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What the times of two files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocks {
    /// The mirror gave the target the time of the source, and any other time means another file: from S3
    /// to the local disk.
    Kept,
    /// The time of the target is when S3 stored it. Within one second, the source may have changed after
    /// that: then only the same ETag means the same file.
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

    /// Whether the source is to be copied: by size, and by times where both are known.
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
    fn a_disk_that_keeps_whole_seconds_has_the_time_that_it_was_given() {
        let at = |nanoseconds| OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        assert!(is_time_of(at(7_500_000_000), at(7_500_000_000)));
        assert!(is_time_of(at(7_500_000_000), at(7_000_000_000)));
        assert!(!is_time_of(at(7_500_000_000), at(7_600_000_000)));
        assert!(!is_time_of(at(7_000_000_000), at(7_500_000_000)));
        assert!(!is_time_of(at(7_000_000_000), at(8_000_000_000)));
    }
}
