//! The two shared files, credentials and config: reads them from disk into sections of settings.
//!
//! See "Location of the shared config and credentials files" in the AWS SDKs and Tools Reference
//! Guide.

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::ini::{self, Ini};
use super::{Environment, failed};
use crate::error::Result;

/// Maximum size of a shared file. A larger file is something else.
const MAX_BYTES: u64 = 1 << 20;

/// A shared file, which may be absent.
pub(super) struct File {
    path: PathBuf,
    /// The reason why nothing was read, if so.
    absent: Option<String>,
    ini: Ini,
}

impl File {
    /// Reads `~/.aws/credentials`, or the file that `AWS_SHARED_CREDENTIALS_FILE` names.
    pub(super) fn credentials(environment: &Environment) -> Result<Self> {
        Self::read(
            environment.path_or("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
            environment,
        )
    }

    /// Reads `~/.aws/config`, or the file that `AWS_CONFIG_FILE` names.
    pub(super) fn config(environment: &Environment) -> Result<Self> {
        Self::read(
            environment.path_or("AWS_CONFIG_FILE", "~/.aws/config"),
            environment,
        )
    }

    pub(super) fn ini(&self) -> &Ini {
        &self.ini
    }

    fn read(path: PathBuf, environment: &Environment) -> Result<Self> {
        let Some(path) = environment.expand(&path) else {
            return Ok(Self::absent(path, "the home directory is unknown"));
        };
        // botocore checks `os.path.isfile`, too. A path counts as absent if it is not a regular file, such as
        // /dev/null, or is inaccessible, such as the home directory of the user who called sudo.
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Ok(Self::absent(path, "does not exist"))
            }
            Err(error) => {
                let reason = error.to_string();
                Ok(Self::absent(path, reason))
            }
            Ok(metadata) if !metadata.is_file() => Ok(Self::absent(path, "not a regular file")),
            Ok(_) => {
                let bytes = read_bytes(&path).map_err(|error| {
                    failed(format!("cannot read {path:?}: {error}")).with_source(error)
                })?;
                Self::parse(path, &bytes)
            }
        }
    }

    /// Creates a file with that text.
    #[cfg(feature = "fuzzing")]
    pub(super) fn of_text(name: &str, text: &str) -> Result<Self> {
        Self::parse(name.into(), text.as_bytes())
    }

    fn absent(path: PathBuf, reason: impl Into<String>) -> Self {
        Self {
            path,
            absent: Some(reason.into()),
            ini: Ini::default(),
        }
    }

    fn parse(path: PathBuf, bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()]
                .iter()
                .filter(|&&byte| byte == b'\n')
                .count();
            failed(format!("{path:?} is not UTF-8 in line {line}"))
        })?;
        let ini = ini::parse(text).map_err(|malformed| {
            failed(format!(
                "{path:?} cannot be parsed in line {}: {}",
                malformed.line, malformed.reason
            ))
        })?;
        Ok(Self {
            path,
            absent: None,
            ini,
        })
    }
}

/// Formats the path, and the reason if nothing was read.
impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.path)?;
        match &self.absent {
            Some(reason) => write!(f, " ({reason})"),
            None => Ok(()),
        }
    }
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    // Opening a pipe would block until a writer opens it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it is larger than {MAX_BYTES} bytes"),
        ));
    }
    Ok(bytes)
}

/// Reads a small text file, such as a token. The error contains the reason and nothing of the content.
#[cfg(feature = "aws-chain")]
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let in_file = |error: io::Error| io::Error::new(error.kind(), format!("{path:?}: {error}"));
    let bytes = read_bytes(path).map_err(in_file)?;
    String::from_utf8(bytes).map_err(|_| {
        in_file(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not UTF-8",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    fn sections(file: &File) -> Vec<&str> {
        file.ini().sections().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_files_are_below_the_home_directory() {
        let home = Home::new();
        home.write(".aws/credentials", "[a]\n");
        home.write(".aws/config", "[b]\n");
        let environment = home.environment([]);
        assert_eq!(sections(&File::credentials(&environment).unwrap()), ["a"]);
        assert_eq!(sections(&File::config(&environment).unwrap()), ["b"]);
    }

    #[test]
    fn variables_name_other_files() {
        let home = Home::new();
        home.write("one", "[a]\n");
        home.write("two", "[b]\n");
        let two = home.path("two").to_str().unwrap().to_owned();
        let environment = home.environment([
            ("AWS_SHARED_CREDENTIALS_FILE", "~/one"),
            ("AWS_CONFIG_FILE", &two),
        ]);
        assert_eq!(sections(&File::credentials(&environment).unwrap()), ["a"]);
        assert_eq!(sections(&File::config(&environment).unwrap()), ["b"]);
    }

    #[test]
    fn a_path_without_a_regular_file_is_absent_with_the_reason() {
        let home = Home::new();
        home.write("directory/file", "");
        for (path, reason) in [
            ("~/nothing", "(does not exist)"),
            ("~/directory", "(not a regular file)"),
            ("~/directory/file/below", "("),
        ] {
            let environment = home.environment([("AWS_CONFIG_FILE", path)]);
            let file = File::config(&environment).unwrap();
            assert_eq!(file.ini(), &Ini::default(), "{path}");
            assert!(file.to_string().contains(reason), "{file}");
        }
        let homeless = Environment::from_pairs([("HOME", "")]);
        assert_eq!(
            File::config(&homeless).unwrap().to_string(),
            "\"~/.aws/config\" (the home directory is unknown)"
        );
    }

    #[test]
    fn a_file_is_read_up_to_the_size_limit() {
        let home = Home::new();
        let environment = home.environment([]);
        let bound = usize::try_from(MAX_BYTES).unwrap();
        home.write(".aws/config", "#".repeat(bound));
        assert!(File::config(&environment).is_ok());
        home.write(".aws/config", "#".repeat(bound + 1));
        let error = File::config(&environment).err().unwrap().to_string();
        assert!(error.contains("larger than 1048576 bytes"), "{error}");
        assert!(error.contains("config"), "{error}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_cannot_be_read_is_an_error_that_names_it() {
        // A regular file whose first byte is at an address that no process can read, not even as root.
        let environment = Environment::from_pairs([("AWS_CONFIG_FILE", "/proc/self/mem")]);
        let error = File::config(&environment).err().unwrap().to_string();
        assert!(error.contains("cannot read \"/proc/self/mem\""), "{error}");
    }

    #[test]
    fn a_parse_error_has_path_and_line_and_quotes_nothing() {
        for (bytes, words) in [
            (
                &b"[a]\nhidden\n"[..],
                "\"/f\" cannot be parsed in line 2: neither",
            ),
            (
                b"[a]\nx = 1\nx = hidden",
                "\"/f\" cannot be parsed in line 3: the setting",
            ),
            (b"[a]\n\nhidden\xff\n", "\"/f\" is not UTF-8 in line 3"),
        ] {
            let error = File::parse(PathBuf::from("/f"), bytes).err().unwrap();
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error:?}").contains("hidden"), "{error}");
        }
    }
}
