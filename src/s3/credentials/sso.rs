//! The source for single sign-on (IAM Identity Center): a role, accessed with the login of `aws sso login`.
//!
//! The token of the login is read from the cache of the AWS CLI and never refreshed: that would replace the CLI's
//! own token.
//!
//! Source: [IAM Identity Center credential provider](https://docs.aws.amazon.com/sdkref/latest/guide/feature-sso-credentials.html)
//! and [GetRoleCredentials](https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha1::{Digest as _, Sha1};
use time::OffsetDateTime;
use url::Url;

use super::asked::Asked;
use super::http::{Call, Http, Limits, Way};
use super::json::{Object, date};
use super::profile::Profile;
use super::sigv4::hex;
use super::sts::parse_url;
use super::{Credentials, endpoint, failed, files, region};
use crate::error::{Error, ErrorKind, Result};
use crate::s3::partition;

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(20),
    deadline: None,
    attempts: 3,
};

/// Settings that a profile or its session must contain.
const REQUIRED: [&str; 4] = [
    "sso_start_url",
    "sso_region",
    "sso_role_name",
    "sso_account_id",
];

/// A role of a login.
pub(super) struct Sso {
    title: String,
    token_file: PathBuf,
    url: Url,
    way: Way,
    /// The command that logs the user in.
    login: String,
}

impl Sso {
    pub(super) fn configured(asked: &Asked<'_>, profile: &Profile) -> Result<Option<Self>> {
        if !profile.has("sso_role_name") && !profile.has("sso_account_id") {
            return Ok(None);
        }
        let title = profile.title();
        let session = profile.text("sso_session")?;
        let of_session = match &session {
            None => BTreeMap::new(),
            Some(name) => profile.sso_session(name).ok_or_else(|| {
                failed(format!(
                    "{title} uses [sso-session {name}], which is not in {}",
                    profile.config_file()
                ))
            })?,
        };
        let mut values = Vec::new();
        for setting in REQUIRED {
            let own = profile.text(setting)?;
            let of_session = of_session.get(setting).cloned();
            if let (Some(own), Some(of_session)) = (&own, &of_session)
                && own != of_session
            {
                return Err(failed(format!(
                    "{setting} of {title} differs from that of its sso-session"
                )));
            }
            let value = own.or(of_session);
            values.push(value.ok_or_else(|| {
                failed(format!("{title} uses single sign-on, but has no {setting}"))
            })?);
        }
        let [start_url, sso_region, role, account] = &values[..] else {
            return Ok(None);
        };
        let region = region::checked(sso_region.clone(), &format!("sso_region of {title}"))?;
        let configured = endpoint::find(endpoint::SSO, None, asked.environment, asked.lazy)?;
        let base = configured.unwrap_or_else(|| {
            format!("https://portal.sso.{region}.{}", partition::domain(&region))
        });
        let query = format!(
            "{}/federation/credentials?role_name={}&account_id={}",
            base.trim_end_matches('/'),
            utf8_percent_encode(role, NON_ALPHANUMERIC),
            utf8_percent_encode(account, NON_ALPHANUMERIC)
        );
        parse_url(&base, "single sign-on")?;
        let url = Url::parse(&query)
            .map_err(|_| failed("the endpoint of single sign-on is not a URL"))?;
        // The file's name is that of botocore: from the session, or from the URL of a login without one.
        let key = hex(&Sha1::digest(session.as_deref().unwrap_or(start_url)));
        let token_file = format!("~/.aws/sso/cache/{key}.json");
        let token_file = asked
            .environment
            .expand(token_file.as_ref())
            .ok_or_else(|| failed("single sign-on needs a home directory, but it is unknown"))?;
        let login = match &session {
            Some(session) => format!("aws sso login --sso-session {session}"),
            None => format!("aws sso login --profile {}", profile.name()),
        };
        Ok(Some(Self {
            title,
            token_file,
            url,
            way: Way::configured(asked.settings, asked.environment, asked.lazy)?,
            login,
        }))
    }

    pub(super) fn credentials(&self) -> Result<Credentials> {
        let token = self.token()?;
        let answer = Http::to_service(&self.way)?.ask(&Call {
            server: "single sign-on",
            method: "GET",
            url: self.url.as_str(),
            headers: &[
                ("accept", "application/json"),
                ("x-amz-sso_bearer_token", &token),
            ],
            body: None,
            limits: LIMITS,
        })?;
        match answer.status {
            200 => {}
            401 => return Err(self.logged_out("has ended")),
            status => {
                let kind = match status {
                    403 => ErrorKind::PermissionDenied,
                    _ => ErrorKind::CreateFailed,
                };
                return Err(Error::new(kind)
                    .with_message(format!(
                        "cannot get credentials: single sign-on returned {status} for {}",
                        self.title
                    ))
                    .with_hint("check sso_account_id and sso_role_name"));
            }
        }
        let unreadable = || {
            failed(format!(
                "the response of single sign-on for {} has no readable credentials",
                self.title
            ))
        };
        let role = Object::parse(&answer.body)
            .and_then(|answer| answer.object("roleCredentials"))
            .ok_or_else(unreadable)?;
        let found = role
            .credentials(["accessKeyId", "secretAccessKey", "sessionToken", ""])
            .map_err(|_| unreadable())?;
        // The expiration is in milliseconds since 1970.
        let expiry = role
            .number("expiration")
            .and_then(|milliseconds| OffsetDateTime::from_unix_timestamp(milliseconds / 1000).ok());
        Ok(found.with_expiry(expiry.ok_or_else(unreadable)?))
    }

    fn token(&self) -> Result<String> {
        let Ok(text) = files::read_text(&self.token_file) else {
            return Err(self.logged_out("does not exist"));
        };
        let object = Object::parse(text.as_bytes());
        let fields = object.as_ref().and_then(|object| {
            let expiry = object.text("expiresAt").and_then(date)?;
            Some((object.text("accessToken")?, expiry))
        });
        let Some((token, expiry)) = fields else {
            return Err(self.logged_out("cannot be read"));
        };
        if SystemTime::from(expiry) <= SystemTime::now() {
            return Err(self.logged_out("has expired"));
        }
        Ok(token.to_owned())
    }

    fn logged_out(&self, what: &str) -> Error {
        Error::new(ErrorKind::PermissionDenied)
            .with_message(format!(
                "cannot get credentials: the login of {} {what} ({:?})",
                self.title, self.token_file
            ))
            .with_hint(format!("run {}", self.login))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Reply, Script, given};
    use super::*;

    const SESSION: &str = "[default]\nsso_session = my-sso\nsso_account_id = 123\nsso_role_name = a b\n\
                           [sso-session my-sso]\nsso_start_url = https://x.example/start\n\
                           sso_region = eu-west-1\n";
    const LEGACY: &str = "[default]\nsso_start_url = https://x.example/start\nsso_region = eu-west-1\n\
                          sso_account_id = 123\nsso_role_name = a b\n";
    const GOOD: &str = r#"{"roleCredentials":{"accessKeyId":"key","secretAccessKey":"hidden","sessionToken":"hidden","expiration":4951627200000}}"#;

    /// Returns the name of the token's file: SHA-1 of `my-sso`, or of the start URL.
    fn token_file(config: &str) -> String {
        let key = if config == SESSION {
            "my-sso"
        } else {
            "https://x.example/start"
        };
        format!(".aws/sso/cache/{}.json", hex(&Sha1::digest(key)))
    }

    fn token(expires: &str) -> String {
        format!(r#"{{"accessToken":"hidden-token","expiresAt":"{expires}","region":"eu-west-1"}}"#)
    }

    #[test]
    fn a_login_gives_the_credentials_of_its_role() {
        for config in [SESSION, LEGACY] {
            let server = Script::start(|_| Reply::new(200, GOOD));
            let home = Home::with("", config);
            home.write(&token_file(config), token("2126-11-28T12:00:00UTC"));
            let url = server.url("");
            let found = given(&home.environment([("AWS_ENDPOINT_URL_SSO", &*url)])).unwrap();
            assert_eq!(found.access_key_id(), "key");
            assert_eq!(
                found.expiry().unwrap(),
                SystemTime::UNIX_EPOCH + Duration::from_secs(4_951_627_200)
            );
            let request = &server.requests()[0];
            assert_eq!(
                request.line,
                "GET /federation/credentials?role_name=a%20b&account_id=123 HTTP/1.1"
            );
            assert_eq!(
                request.header("x-amz-sso_bearer_token"),
                Some("hidden-token")
            );
            assert_eq!(request.header("authorization"), None);
        }
    }

    #[test]
    fn the_name_of_the_tokens_file_is_that_of_the_aws_cli() {
        assert_eq!(
            token_file(LEGACY),
            ".aws/sso/cache/80c7f57c51e0449101de09ef74138a588ea0d4a6.json"
        );
    }

    #[test]
    fn an_expired_login_is_an_error_with_the_login_command_and_nothing_is_written() {
        let server = Script::start(|_| Reply::new(401, "hidden"));
        let url = server.url("");
        for (config, login) in [
            (SESSION, "run aws sso login --sso-session my-sso"),
            (LEGACY, "run aws sso login --profile default"),
        ] {
            let home = Home::with("", config);
            let environment = home.environment([("AWS_ENDPOINT_URL_SSO", &*url)]);
            let good = token("2126-11-28T12:00:00Z");
            let expired = token("2020-11-28T12:00:00Z");
            for (text, words) in [
                (None, "does not exist"),
                (Some(&*expired), "has expired"),
                (Some("hidden"), "cannot be read"),
                (Some("{}"), "cannot be read"),
                (Some(&*good), "has ended"),
            ] {
                if let Some(text) = text {
                    home.write(&token_file(config), text);
                }
                let error = given(&environment).unwrap_err();
                let shown = format!("{error} {error:?}");
                assert!(shown.contains(words) && shown.contains(login), "{shown}");
                assert!(!shown.contains("hidden"), "{shown}");
            }
            let kept = std::fs::read_to_string(home.path(&token_file(config))).unwrap();
            assert_eq!(kept, good);
        }
        // Only the valid token was sent to the server.
        assert_eq!(server.requests().len(), 2);
    }

    #[test]
    fn an_unreadable_response_is_an_error_that_quotes_nothing() {
        for (status, body) in [
            (200, "hidden"),
            (200, "{}"),
            (
                200,
                r#"{"roleCredentials":{"accessKeyId":"hidden","secretAccessKey":"hidden"}}"#,
            ),
            (403, "hidden"),
            (404, "hidden"),
        ] {
            let server = Script::start(move |_| Reply::new(status, body));
            let home = Home::with("", SESSION);
            home.write(&token_file(SESSION), token("2126-11-28T12:00:00Z"));
            let url = server.url("");
            let error = given(&home.environment([("AWS_ENDPOINT_URL_SSO", &*url)])).unwrap_err();
            assert!(
                !format!("{error} {error:?}").contains("hidden"),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_profile_and_its_session_must_be_consistent() {
        let config = format!("{SESSION}\n").replacen(
            "sso_account_id",
            "sso_region = us-east-1\nsso_account_id",
            1,
        );
        let home = Home::with("", &config);
        let error = given(&home.environment([])).unwrap_err().to_string();
        assert!(
            error.contains("sso_region of profile \"default\" differs"),
            "{error}"
        );
    }
}
