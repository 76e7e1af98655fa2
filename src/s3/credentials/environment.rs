//! The environment as a value, so that every source is a function of its arguments; and the source that reads
//! credentials from it.
//!
//! See "Environment variables to configure the AWS CLI" in the AWS CLI User Guide.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Credentials, Parts, failed};
use crate::dates::iso_date;
use crate::error::Result;

const KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// The tokens' names in botocore's order; the first is the older one.
const TOKENS: [&str; 2] = ["AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN"];

/// The variable with the expiry of temporary credentials.
const EXPIRY: &str = "AWS_CREDENTIAL_EXPIRATION";

/// Returns the value of a variable by its name.
type Lookup = dyn Fn(&str) -> Option<OsString> + Send + Sync;

/// Environment variables, and the home directory that replaces `~`.
#[derive(Clone)]
pub(crate) struct Environment {
    variable: Arc<Lookup>,
    /// Returns the home directory if no variable contains it, as in a service that systemd started.
    account_home: fn() -> Option<PathBuf>,
}

impl Environment {
    /// Returns this process's environment. Each lookup reads it again.
    pub(crate) fn process() -> Self {
        Self {
            variable: Arc::new(|name| std::env::var_os(name)),
            account_home: std::env::home_dir,
        }
    }

    /// Returns an environment with only these variables. Without `HOME` among them there is no home directory.
    pub(crate) fn from_pairs<N, V>(pairs: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<String>,
        V: Into<OsString>,
    {
        let variables: std::collections::HashMap<String, OsString> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            variable: Arc::new(move |name| variables.get(name).cloned()),
            account_home: || None,
        }
    }

    /// Returns a variable's value; a blank one counts as unset.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>> {
        match (self.variable)(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(value)) => Ok(Some(value).filter(|value| !value.trim().is_empty())),
            Some(Err(_)) => Err(failed(format!(
                "the environment variable {name} is not UTF-8"
            ))),
        }
    }

    /// Returns the name and the value of the first of these variables that is set.
    pub(super) fn first_text<'n>(&self, names: &[&'n str]) -> Result<Option<(&'n str, String)>> {
        for name in names {
            if let Some(value) = self.text(name)? {
                return Ok(Some((name, value)));
            }
        }
        Ok(None)
    }

    /// Returns the path in a variable, or else that default.
    pub(super) fn path_or(&self, name: &str, default: &str) -> PathBuf {
        PathBuf::from(self.set(name).unwrap_or_else(|| default.into()))
    }

    /// Replaces a leading `~` of the path by the home directory. Returns `None` if there is no home directory.
    pub(super) fn expand(&self, path: &Path) -> Option<PathBuf> {
        match path.strip_prefix("~") {
            Ok(rest) => Some(self.home()?.join(rest)),
            Err(_) => Some(path.to_owned()),
        }
    }

    /// Returns the home directory: `HOME` on every system, then `USERPROFILE`. See "Location of the shared config and
    /// credentials files" in the AWS SDKs and Tools Reference Guide.
    fn home(&self) -> Option<PathBuf> {
        self.set("HOME")
            .or_else(|| self.set("USERPROFILE"))
            .map(PathBuf::from)
            .or_else(self.account_home)
    }

    fn set(&self, name: &str) -> Option<OsString> {
        (self.variable)(name).filter(|value| !value.to_string_lossy().trim().is_empty())
    }
}

/// Returns the credentials in the environment.
pub(super) fn credentials(environment: &Environment) -> Result<Option<Credentials>> {
    let parts = Parts {
        access_key_id: environment.text(KEY)?,
        secret_access_key: environment.text(SECRET)?,
        session_token: environment.first_text(&TOKENS)?.map(|(_, token)| token),
    };
    let Some(found) = parts.complete("the environment has", [KEY, SECRET])? else {
        return Ok(None);
    };
    let Some(expiry) = environment.text(EXPIRY)? else {
        return Ok(Some(found));
    };
    match iso_date(expiry.trim()) {
        Some(expiry) => Ok(Some(found.with_expiry(expiry))),
        None => Err(failed(format!("{EXPIRY} is not a date"))
            .with_hint("write the date as in 2026-11-28T12:00:00Z")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_gives_key_secret_and_token() {
        let environment = Environment::from_pairs([
            ("AWS_ACCESS_KEY_ID", "K"),
            ("AWS_SECRET_ACCESS_KEY", "S"),
            ("AWS_SESSION_TOKEN", "T"),
        ]);
        let found = credentials(&environment).unwrap().unwrap();
        assert_eq!(found.access_key_id(), "K");
        assert_eq!(found.secret_access_key(), "S");
        assert_eq!(found.session_token(), Some("T"));
    }

    #[test]
    fn the_older_token_variable_comes_first_as_in_botocore() {
        for (security, session, token) in [
            ("old", "new", Some("old")),
            ("old", "", Some("old")),
            (" ", "new", Some("new")),
            ("", "", None),
        ] {
            let environment = Environment::from_pairs([
                ("AWS_ACCESS_KEY_ID", "K"),
                ("AWS_SECRET_ACCESS_KEY", "S"),
                ("AWS_SECURITY_TOKEN", security),
                ("AWS_SESSION_TOKEN", session),
            ]);
            let found = credentials(&environment).unwrap().unwrap();
            assert_eq!(found.session_token(), token);
        }
    }

    #[test]
    fn a_blank_variable_is_an_unset_one() {
        let environment = Environment::from_pairs([
            ("AWS_ACCESS_KEY_ID", ""),
            ("AWS_SECRET_ACCESS_KEY", " "),
            ("AWS_SESSION_TOKEN", "T"),
        ]);
        assert!(credentials(&environment).unwrap().is_none());
    }

    #[test]
    fn an_incomplete_key_pair_is_an_error_that_names_the_missing_half() {
        for (set, missing) in [
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
            ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
        ] {
            let environment = Environment::from_pairs([(set, "value"), (missing, "")]);
            let error = credentials(&environment).unwrap_err().to_string();
            assert!(
                error.contains(&format!("the environment has {set} but not {missing}")),
                "{error}"
            );
            assert!(!error.contains("value"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_named() {
        use std::os::unix::ffi::OsStringExt;
        let environment =
            Environment::from_pairs([("AWS_ACCESS_KEY_ID", OsString::from_vec(vec![0xff]))]);
        let error = credentials(&environment).unwrap_err().to_string();
        assert!(error.contains("AWS_ACCESS_KEY_ID is not UTF-8"), "{error}");
    }

    #[test]
    fn only_a_leading_tilde_is_the_home_directory() {
        let both = [("HOME", "/h"), ("USERPROFILE", "/u")];
        let blank = [("HOME", ""), ("USERPROFILE", "/u")];
        let none = [("HOME", ""), ("USERPROFILE", "")];
        for (pairs, path, expanded) in [
            (both, "~/.aws/config", Some("/h/.aws/config")),
            (blank, "~/.aws/config", Some("/u/.aws/config")),
            (none, "~/.aws/config", None),
            (both, "~", Some("/h")),
            (both, "~other/config", Some("~other/config")),
            (both, "a/~/config", Some("a/~/config")),
            (none, "config", Some("config")),
        ] {
            let environment = Environment::from_pairs(pairs);
            assert_eq!(
                environment.expand(Path::new(path)),
                expanded.map(PathBuf::from),
                "{path}"
            );
        }
    }

    #[test]
    fn the_process_environment_is_read_by_name() {
        // Cargo sets this variable for every test that it runs.
        let name = "CARGO_MANIFEST_DIR";
        assert_eq!(
            Environment::process().text(name).unwrap(),
            std::env::var(name).ok()
        );
    }
}
