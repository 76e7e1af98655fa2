//! The source for console logins: `login_session`, whose credentials `aws login` caches.
//!
//! They are valid for 15 minutes and used until they expire. They are not refreshed here: that requires a proof with a
//! key that belongs to the AWS CLI.
//!
//! Source: [Login for AWS local development](https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-sign-in.html).

use std::path::PathBuf;
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

use super::json::Object;
use super::profile::Profile;
use super::sigv4::hex;
use super::{Credentials, Environment, failed, files};
use crate::error::{Error, ErrorKind, Result};

/// The cache of a login.
pub(super) struct Login {
    title: String,
    file: PathBuf,
    profile: String,
}

impl Login {
    pub(super) fn configured(environment: &Environment, profile: &Profile) -> Result<Option<Self>> {
        let Some(session) = profile.text("login_session")? else {
            return Ok(None);
        };
        let directory = environment.path_or("AWS_LOGIN_CACHE_DIRECTORY", "~/.aws/login/cache");
        let name = format!("{}.json", hex(&Sha256::digest(session)));
        let file = environment
            .expand(&directory.join(name))
            .ok_or_else(|| failed("login_session needs a home directory, but it is unknown"))?;
        Ok(Some(Self {
            title: profile.title(),
            file,
            profile: profile.name().to_owned(),
        }))
    }

    pub(super) fn credentials(&self) -> Result<Credentials> {
        let Ok(text) = files::read_text(&self.file) else {
            return Err(self.logged_out("does not exist"));
        };
        let found = Object::parse(text.as_bytes())
            .and_then(|login| login.object("accessToken"))
            .and_then(|token| {
                let names = [
                    "accessKeyId",
                    "secretAccessKey",
                    "sessionToken",
                    "expiresAt",
                ];
                token.credentials(names).ok()
            });
        let Some(found) = found else {
            return Err(self.logged_out("cannot be read"));
        };
        match found.expiry() {
            Some(expiry) if expiry <= SystemTime::now() => Err(self.logged_out("has expired")),
            _ => Ok(found),
        }
    }

    fn logged_out(&self, what: &str) -> Error {
        Error::new(ErrorKind::PermissionDenied)
            .with_message(format!(
                "cannot get credentials: the login of {} {what} ({:?})",
                self.title, self.file
            ))
            .with_hint(format!(
                "run aws login; for longer sessions use a profile with credential_process = aws \
                 configure export-credentials --profile {} --format process",
                self.profile
            ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, given};
    use super::*;

    const CONFIG: &str = "[default]\nlogin_session = arn:aws:iam::123456789012:user/me\n";

    fn file() -> String {
        let key = hex(&Sha256::digest("arn:aws:iam::123456789012:user/me"));
        format!("{key}.json")
    }

    fn cached(expires: &str) -> String {
        format!(
            r#"{{"accessToken":{{"accessKeyId":"key","secretAccessKey":"hidden","sessionToken":"hidden","accountId":"123456789012","expiresAt":"{expires}"}},"refreshToken":"hidden","dpopKey":"hidden","clientId":"c","tokenType":"t"}}"#
        )
    }

    #[test]
    fn a_login_is_read_from_the_cache_directory_of_the_cli() {
        let home = Home::with("", CONFIG);
        home.write(
            &format!(".aws/login/cache/{}", file()),
            cached("2126-11-28T12:00:00Z"),
        );
        let found = given(&home.environment([])).unwrap();
        assert_eq!(found.access_key_id(), "key");
        assert_eq!(found.session_token(), Some("hidden"));
        assert!(found.expiry().is_some());
        let elsewhere = Home::with("", CONFIG);
        elsewhere.write(&format!("cache/{}", file()), cached("2126-11-28T12:00:00Z"));
        let environment = elsewhere.environment([("AWS_LOGIN_CACHE_DIRECTORY", "~/cache")]);
        assert_eq!(given(&environment).unwrap().access_key_id(), "key");
    }

    #[test]
    fn an_expired_login_is_an_error_with_a_hint() {
        let home = Home::with("", CONFIG);
        let environment = home.environment([]);
        let expired = cached("2020-11-28T12:00:00Z");
        for (text, words) in [
            (None, "does not exist"),
            (Some("hidden"), "cannot be read"),
            (Some(&*expired), "has expired"),
        ] {
            if let Some(text) = text {
                home.write(&format!(".aws/login/cache/{}", file()), text);
            }
            let error = given(&environment).unwrap_err();
            let shown = format!("{error} {error:?}");
            for words in [words, "run aws login", "aws configure export-credentials"] {
                assert!(shown.contains(words), "{shown}");
            }
            assert!(!shown.contains("hidden"), "{shown}");
        }
    }
}
