//! Hashes of files, by their names in Python's `hashlib`.

use std::fmt::Write as _;
use std::io;

use md5::{Digest, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};

use super::FileSystem;
use crate::error::{Error, ErrorKind, Result};

/// Computes a hash of the written bytes.
pub(crate) trait Hasher: io::Write {
    /// Returns the hash in hexadecimal digits.
    fn finish(self: Box<Self>) -> String;
}

/// Returns the hash of a file's content in hexadecimal digits.
pub(crate) fn of_file(fs: &(impl FileSystem + ?Sized), path: &str, name: &str) -> Result<String> {
    fs.validatepath(path)?;
    let mut hasher = hasher(name).map_err(|error| error.with_path(path))?;
    fs.download(path, &mut hasher)?;
    Ok(hasher.finish())
}

/// Returns the hasher with this name.
pub(crate) fn hasher(name: &str) -> Result<Box<dyn Hasher>> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "md5" => Box::new(Hashing(Md5::new())),
        #[cfg(feature = "sha1")]
        "sha1" => Box::new(Hashing(sha1::Sha1::new())),
        "sha224" => Box::new(Hashing(Sha224::new())),
        "sha256" => Box::new(Hashing(Sha256::new())),
        "sha384" => Box::new(Hashing(Sha384::new())),
        "sha512" => Box::new(Hashing(Sha512::new())),
        unknown => return Err(unsupported(unknown)),
    })
}

fn unsupported(name: &str) -> Error {
    let error = Error::new(ErrorKind::UnsupportedHash);
    if name == "sha1" {
        return error
            .with_message("\"sha1\" is not enabled in this build")
            .with_hint("enable the feature \"sha1\" of s3fs");
    }
    let sha1 = if cfg!(feature = "sha1") { "sha1, " } else { "" };
    error
        .with_message(format!("{name:?} is not a supported hash"))
        .with_hint(format!(
            "use one of md5, {sha1}sha224, sha256, sha384, sha512"
        ))
}

struct Hashing<D>(D);

impl<D: Digest> io::Write for Hashing<D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<D: Digest> Hasher for Hashing<D> {
    fn finish(self: Box<Self>) -> String {
        self.0
            .finalize()
            .iter()
            .fold(String::new(), |mut hex, byte| {
                // Writing to a string does not fail.
                let _ = write!(hex, "{byte:02x}");
                hex
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str, content: &str) -> String {
        let mut hasher = hasher(name).unwrap();
        for byte in content.bytes() {
            hasher.write_all(&[byte]).unwrap();
        }
        hasher.finish()
    }

    /// RFC 1321 and FIPS 180.
    #[test]
    fn the_hashes_are_the_published_ones() {
        assert_eq!(hash("md5", "abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            hash("sha224", "abc"),
            "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"
        );
        assert_eq!(
            hash("SHA256", ""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    #[test]
    fn an_unknown_hash_is_an_error_that_names_the_known_ones() {
        let error = hasher("crc32").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::UnsupportedHash);
        let error = error.to_string();
        assert!(
            error.contains("\"crc32\"") && error.contains("sha512"),
            "{error}"
        );
        assert_eq!(error.contains("sha1"), cfg!(feature = "sha1"), "{error}");
    }

    #[cfg(not(feature = "sha1"))]
    #[test]
    fn sha1_without_its_feature_is_an_error_that_names_the_feature() {
        let error = hasher("sha1").err().unwrap().to_string();
        assert!(error.contains("feature \"sha1\""), "{error}");
    }

    #[cfg(feature = "sha1")]
    #[test]
    fn sha1_is_available_with_its_feature() {
        assert_eq!(
            hash("sha1", "abc"),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
    }
}
