//! STS: AssumeRole, which is signed, and AssumeRoleWithWebIdentity, which is authenticated by its token.
//!
//! Source: [AWS STS API Reference](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html).

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use time::OffsetDateTime;
use url::Url;

use super::http::{Answer, Call, Http, Limits, Way};
use super::profile::LazyProfile;
use super::sigv4::{Unsigned, sign};
use super::{Credentials, Environment, Settings, endpoint, failed, region};
use crate::error::{Error, ErrorKind, Result};
use crate::s3::client::redact::Secrets;
use crate::s3::client::xml;
use crate::s3::partition;

/// The limits of botocore: a hanging connection must not delay requests for long.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(20),
    deadline: None,
    attempts: 3,
};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The characters to encode in a form's value: all but RFC 3986's unreserved ones.
const VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The endpoint of STS.
#[derive(Clone)]
pub(super) struct Sts {
    url: Url,
    region: String,
    way: Way,
}

/// A role, with the parameters to assume it.
#[derive(Clone)]
pub(super) struct Role {
    pub(super) arn: String,
    /// Session name. Defaults to `s3fs-` and the time.
    pub(super) session_name: Option<String>,
    pub(super) external_id: Option<String>,
    pub(super) duration_seconds: Option<u32>,
}

impl Sts {
    /// Uses the configured endpoint (`AWS_ENDPOINT_URL_STS`, a `[services]` section ...), or else the region's.
    pub(super) fn configured(
        settings: &Settings,
        environment: &Environment,
        profile: &LazyProfile<'_>,
    ) -> Result<Self> {
        let region = region::find(settings.region.as_deref(), environment, profile)?;
        let region = region.unwrap_or_else(|| crate::s3::builder::DEFAULT_REGION.to_owned());
        let url = match endpoint::find(endpoint::STS, None, environment, profile)? {
            Some(url) => url,
            None => format!("https://sts.{region}.{}", partition::domain(&region)),
        };
        Ok(Self {
            url: parse_url(&url, "STS")?,
            region,
            way: Way::configured(settings, environment, profile)?,
        })
    }

    /// Assumes the role with these credentials.
    pub(super) fn assume_role(&self, role: &Role, with: &Credentials) -> Result<Credentials> {
        let secrets = Secrets::of(Some(with), &[]);
        self.ask("AssumeRole", role, &[], Some(with), &secrets)
    }

    /// Assumes the role with that web identity token.
    pub(super) fn assume_role_with_web_identity(
        &self,
        role: &Role,
        token: &str,
    ) -> Result<Credentials> {
        let field = [("WebIdentityToken", token)];
        let secrets = Secrets::new(vec![token]);
        self.ask("AssumeRoleWithWebIdentity", role, &field, None, &secrets)
    }

    fn ask(
        &self,
        action: &str,
        role: &Role,
        more: &[(&str, &str)],
        with: Option<&Credentials>,
        secrets: &Secrets<'_>,
    ) -> Result<Credentials> {
        let now = OffsetDateTime::now_utc();
        let body = form(action, role, more, now);
        let path = self.url.path();
        let authority = self.url.authority();
        let mut headers = vec![("content-type", FORM), ("host", authority)];
        let signed = with.map(|credentials| {
            let request = Unsigned {
                method: "POST",
                path,
                headers: &headers,
                body: body.as_bytes(),
            };
            sign(&request, credentials, &self.region, "sts", now)
        });
        let signed = signed.unwrap_or_default();
        headers.extend(signed.iter().map(|(name, value)| (*name, value.as_str())));
        headers.retain(|(name, _)| *name != "host");
        let answer = Http::to_service(&self.way)?.ask(&Call {
            server: "STS",
            method: "POST",
            url: self.url.as_str(),
            headers: &headers,
            body: Some(body.as_bytes()),
            limits: LIMITS,
        })?;
        if answer.status != 200 {
            return Err(refusal(action, role, &answer, secrets));
        }
        let found = xml::assumed_role(&answer.body).map_err(|_| {
            failed(format!(
                "the response of STS to {action} of {} has no readable credentials",
                role.arn
            ))
        })?;
        Ok(
            Credentials::new(found.access_key_id, found.secret_access_key)
                .with_session_token(found.session_token)
                .with_expiry(found.expiration),
        )
    }
}

fn form(action: &str, role: &Role, more: &[(&str, &str)], now: OffsetDateTime) -> String {
    let session = match &role.session_name {
        Some(name) => name.clone(),
        None => format!("s3fs-{}", now.unix_timestamp()),
    };
    let duration = role.duration_seconds.map(|seconds| seconds.to_string());
    let mut fields = vec![
        ("Action", action),
        ("Version", "2011-06-15"),
        ("RoleArn", &role.arn),
        ("RoleSessionName", &session),
    ];
    fields.extend(duration.as_deref().map(|value| ("DurationSeconds", value)));
    fields.extend(
        role.external_id
            .as_deref()
            .map(|value| ("ExternalId", value)),
    );
    fields.extend_from_slice(more);
    let pairs: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, VALUE)))
        .collect();
    pairs.join("&")
}

fn refusal(action: &str, role: &Role, answer: &Answer, secrets: &Secrets<'_>) -> Error {
    let said = xml::error_answer(&answer.body).unwrap_or_default();
    let kind = match answer.status {
        401 | 403 => ErrorKind::PermissionDenied,
        _ => ErrorKind::CreateFailed,
    };
    let hint = match said.code.as_str() {
        "AccessDenied" => {
            "the identity must be allowed to assume the role, and the role's trust policy must \
             name the identity"
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "the token or credentials used to assume the role have expired"
        }
        "InvalidIdentityToken" => "the role must trust the provider of the token",
        "SignatureDoesNotMatch" | "InvalidClientTokenId" => {
            "check the credentials used to assume the role"
        }
        _ => "check the role and the region",
    };
    let words = format!("{} {}", said.code, said.message);
    Error::new(kind)
        .with_message(format!(
            "cannot get credentials: STS returned an error for {action} of {}: {} {}",
            role.arn,
            answer.status,
            secrets.hide(words.trim())
        ))
        .with_hint(hint)
}

/// Parses the URL of a service, which must be http or https.
pub(super) fn parse_url(text: &str, service: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
    });
    url.ok_or_else(|| {
        failed(format!(
            "the endpoint of {service} is not an http or https URL"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Reply, Script, assumed};
    use super::*;

    fn sts(home: &Home, pairs: [(&str, &str); 2]) -> Result<Sts> {
        let environment = home.environment(pairs);
        let lazy = LazyProfile::new(None, &environment);
        Sts::configured(&Settings::default(), &environment, &lazy)
    }

    fn role() -> Role {
        Role {
            arn: "arn:aws:iam::1:role/a b".to_owned(),
            session_name: Some("me+you".to_owned()),
            external_id: Some("x&y".to_owned()),
            duration_seconds: Some(900),
        }
    }

    fn at(server: &Script) -> Sts {
        let url = server.url("");
        sts(
            &Home::new(),
            [("AWS_ENDPOINT_URL_STS", &url), ("AWS_REGION", "eu-west-1")],
        )
        .unwrap()
    }

    fn with() -> Credentials {
        Credentials::new("source-key", "source-hidden").with_session_token("token-hidden")
    }

    #[test]
    fn the_endpoint_is_configured_or_that_of_the_region() {
        let config = "[default]\nregion = eu-west-2\nservices = own\n\
                      [services own]\nsts =\n  endpoint_url = http://127.0.0.1:1\n";
        let (bare, configured) = (Home::new(), Home::with("", config));
        let none = ("X", "");
        for (home, pairs, url, region) in [
            (
                &bare,
                [none, none],
                "https://sts.us-east-1.amazonaws.com/",
                "us-east-1",
            ),
            (
                &bare,
                [("AWS_REGION", "cn-north-1"), none],
                "https://sts.cn-north-1.amazonaws.com.cn/",
                "cn-north-1",
            ),
            (
                &configured,
                [none, none],
                "http://127.0.0.1:1/",
                "eu-west-2",
            ),
            (
                &configured,
                [("AWS_ENDPOINT_URL", "http://127.0.0.1:2"), none],
                "http://127.0.0.1:2/",
                "eu-west-2",
            ),
            (
                &configured,
                [
                    ("AWS_ENDPOINT_URL", "http://127.0.0.1:2"),
                    ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:3"),
                ],
                "http://127.0.0.1:3/",
                "eu-west-2",
            ),
            (
                &configured,
                [("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), none],
                "https://sts.eu-west-2.amazonaws.com/",
                "eu-west-2",
            ),
        ] {
            let sts = sts(home, pairs).unwrap();
            assert_eq!((sts.url.as_str(), &*sts.region), (url, region));
        }
        assert!(sts(&bare, [("AWS_ENDPOINT_URL_STS", "127.0.0.1"), none]).is_err());
    }

    #[test]
    fn a_role_is_assumed_with_a_signed_form() {
        let server = Script::start(|_| assumed("AssumeRole", "role-key"));
        let found = at(&server).assume_role(&role(), &with()).unwrap();
        assert_eq!(found.access_key_id(), "role-key");
        assert!(found.session_token().is_some() && found.expiry().is_some());
        let request = &server.requests()[0];
        assert_eq!(request.line, "POST / HTTP/1.1");
        assert_eq!(
            request.body,
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b\
             &RoleSessionName=me%2Byou&DurationSeconds=900&ExternalId=x%26y"
        );
        let header = |name| request.header(name).unwrap().to_owned();
        assert_eq!(header("x-amz-security-token"), "token-hidden");
        let authorization = header("authorization");
        assert!(
            authorization.starts_with("AWS4-HMAC-SHA256 Credential=source-key/"),
            "{authorization}"
        );
        assert!(
            authorization.contains("/eu-west-1/sts/aws4_request"),
            "{authorization}"
        );
        // The signature computed from the received request is the one that it contains.
        let date = header("x-amz-date");
        let moment = time::Date::from_calendar_date(
            date[..4].parse().unwrap(),
            date[4..6].parse::<u8>().unwrap().try_into().unwrap(),
            date[6..8].parse().unwrap(),
        );
        let number = |range: std::ops::Range<usize>| date[range].parse().unwrap();
        let now = moment
            .unwrap()
            .with_hms(number(9..11), number(11..13), number(13..15))
            .unwrap()
            .assume_utc();
        let (content_type, host) = (header("content-type"), header("host"));
        let unsigned = Unsigned {
            method: "POST",
            path: "/",
            headers: &[("content-type", &content_type), ("host", &host)],
            body: request.body.as_bytes(),
        };
        let again = sign(&unsigned, &with(), "eu-west-1", "sts", now);
        assert_eq!(again[0].1, authorization);
    }

    #[test]
    fn a_rejection_by_sts_is_quoted_without_secrets() {
        let server = Script::start(|_| {
            Reply::new(
                403,
                "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>source-key \
                 with token-hidden is not authorized</Message></Error></ErrorResponse>",
            )
        });
        let error = at(&server).assume_role(&role(), &with()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        let text = format!("{error} {error:?}");
        for words in [
            "AccessDenied",
            "is not authorized",
            "arn:aws:iam::1:role/a b",
            "trust policy",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(
            !text.contains("source-key") && !text.contains("hidden "),
            "{text}"
        );
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn an_unreadable_response_is_an_error_that_quotes_nothing() {
        for body in [
            "",
            "hidden",
            "<html>hidden</html>",
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>hidden</AccessKeyId>\
             </Credentials></AssumeRoleResult></AssumeRoleResponse>",
        ] {
            let server = Script::start(move |_| Reply::new(200, body));
            let error = at(&server).assume_role(&role(), &with()).unwrap_err();
            assert!(
                error.to_string().contains("no readable credentials"),
                "{error}"
            );
            assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
        }
    }

    #[test]
    fn requests_to_sts_are_retried_after_a_failure() {
        let server = Script::start(|number| match number {
            1 => Reply::new(503, ""),
            _ => assumed("AssumeRole", "role-key"),
        });
        assert!(at(&server).assume_role(&role(), &with()).is_ok());
        assert_eq!(server.requests().len(), 2);
    }
}
