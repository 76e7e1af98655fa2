//! Creating and removing directories, which consist of markers and keys below them; removing files.

use crate::error::{Error, ErrorKind, Result};
use crate::filesystem::MakedirOptions;
use crate::filesystem::valid_path::ValidPath;
use crate::path;
use crate::s3::S3Fs;
use crate::s3::key::Key;
use crate::s3::markers::Wanted;

impl S3Fs {
    pub(super) fn remove_file(&self, path: &str) -> Result<()> {
        self.check_writeable(path)?;
        let (validated, key) = self.file_key(path, ErrorKind::FileExpected)?;
        if self.strict {
            if !self.is_object(&key)? {
                return Err(self.no_object(&validated));
            }
            self.keep_parent(&validated, |other| other == key.as_str())?;
        }
        self.objects().delete(&key, None)
    }

    pub(super) fn remove_directory(&self, path: &str) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        if validated.is_root() {
            return Err(Error::new(ErrorKind::RemoveRoot).with_path(path));
        }
        let prefix = self.prefix(&validated)?;
        let page = self.first_keys(&prefix, 2)?;
        let [marker] = page.objects.as_slice() else {
            return Err(if page.objects.is_empty() {
                self.no_directory(&validated)
            } else {
                Error::new(ErrorKind::DirectoryNotEmpty).with_path(path)
            });
        };
        if !marker.is(&prefix) || marker.size > 0 {
            let error = Error::new(ErrorKind::DirectoryNotEmpty).with_path(path);
            return Err(if marker.is(&prefix) {
                error.with_message(format!("the object {prefix:?} has content"))
            } else {
                error
            });
        }
        let marker = self.shared.keys.marker(&validated)?;
        if self.strict {
            self.keep_parent(&validated, |key| key == marker.as_str())?;
        }
        self.objects().delete(&marker, None)
    }

    pub(super) fn make_directory(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let exists = || Error::new(ErrorKind::DirectoryExists).with_path(path);
        if validated.is_root() {
            return if options.recreate {
                Ok(())
            } else {
                Err(exists())
            };
        }
        let marker = self.shared.keys.marker(&validated);
        let marker = marker.map_err(|error| error.with_path_replaced(path))?;
        if self.strict {
            self.require_parent(&validated, ErrorKind::DirectoryExpected)?;
            if self.is_directory(marker.as_str(), &validated)? {
                return if options.recreate {
                    Ok(())
                } else {
                    Err(exists())
                };
            }
            if !options.beside_file && self.is_object(&self.shared.keys.file(&validated)?)? {
                return Err(if options.recreate {
                    Error::new(ErrorKind::DirectoryExpected).with_path(path)
                } else {
                    exists().with_message("it is a file")
                });
            }
        }
        match self.put_marker(&marker, self.wanted(options.recreate)) {
            Ok(made) if made || options.recreate => Ok(()),
            Ok(_) => Err(exists()),
            Err(error) if error.is(ErrorKind::FileExists) => {
                Err(error.with_kind(if options.recreate {
                    ErrorKind::DirectoryExpected
                } else {
                    ErrorKind::DirectoryExists
                }))
            }
            Err(error) => Err(error),
        }
    }

    /// Creates directories from the deepest existing one down. Makes at most 2 k + 1 requests for k new levels in
    /// strict mode, otherwise k.
    pub(super) fn make_directories(&self, path: &str, options: &MakedirOptions) -> Result<()> {
        self.check_writeable(path)?;
        let validated = self.normalize(path)?;
        let exists = || Error::new(ErrorKind::DirectoryExists).with_path(path);
        let mut missing = self.missing_levels(&validated, 0)?;
        if !self.strict {
            let levels = missing.len().saturating_sub(options.given_levels);
            missing.truncate(levels);
        }
        if let Some(file) = self.file_above(&missing)? {
            return Err(no_directory_below(file, path));
        }
        if self.make_levels(&missing, self.wanted(options.recreate))? || options.recreate {
            return Ok(());
        }
        Err(exists())
    }

    /// Returns the missing directories from `validated` up, with their markers. The first `known` of them are known to be
    /// missing. Without strict, returns all of them.
    pub(super) fn missing_levels(
        &self,
        validated: &str,
        known: usize,
    ) -> Result<Vec<(String, Key)>> {
        let mut missing = Vec::new();
        for level in path::recursepath(validated)?.into_iter().skip(1).rev() {
            let marker = self.shared.keys.marker(&level)?;
            let is_known = missing.len() < known || !self.strict;
            if !is_known
                && self.is_directory(marker.as_str(), &ValidPath::of_normal(level.as_str()))?
            {
                break;
            }
            missing.push((level, marker));
        }
        Ok(missing)
    }

    /// Returns the file in the place of a missing directory. Only the highest directory is checked, because a missing
    /// directory contains no files.
    pub(super) fn file_above<'a>(&self, missing: &'a [(String, Key)]) -> Result<Option<&'a str>> {
        let Some((highest, _)) = missing.last().filter(|_| self.strict) else {
            return Ok(None);
        };
        let is_file = self.is_object(&self.shared.keys.file(highest)?)?;
        Ok(is_file.then_some(highest.as_str()))
    }

    /// Creates missing directories, the highest first. Returns true if the deepest one did not exist yet.
    pub(super) fn make_levels(&self, missing: &[(String, Key)], wanted: Wanted) -> Result<bool> {
        let mut made = false;
        for (number, (_, marker)) in missing.iter().enumerate().rev() {
            // Without strict, the directories above the deepest may exist already.
            let is_deepest = number == 0 || self.strict;
            let wanted = if is_deepest { wanted } else { Wanted::Anything };
            made = match self.put_marker(marker, wanted) {
                Err(error) if error.is(ErrorKind::FileExists) => {
                    return Err(error.with_kind(ErrorKind::DirectoryExpected));
                }
                made => made?,
            };
        }
        Ok(made)
    }
}

pub(super) fn no_directory_below(file: &str, path: &str) -> Error {
    Error::new(ErrorKind::DirectoryExpected)
        .with_path(path)
        .with_message(format!("{file:?} is a file"))
}
