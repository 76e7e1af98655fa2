//! The source for EC2 instances: instance metadata, version 2, which requires a session token.
//!
//! Source: [Use the Instance Metadata Service](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html)
//! and [IMDS credential provider](https://docs.aws.amazon.com/sdkref/latest/guide/feature-imds-credentials.html).

use std::time::{Duration, Instant};

use super::http::{Answer, Call, Http, Limits};
use super::json::Object;
use super::profile::LazyProfile;
use super::region;
use super::sts::parse_url;
use super::{Credentials, Environment, failed};
use crate::error::{ErrorKind, Result};

pub(super) const DISABLED: &str = "AWS_EC2_METADATA_DISABLED";
const ENDPOINT: [&str; 2] = [
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "ec2_metadata_service_endpoint",
];
const MODE: [&str; 2] = [
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "ec2_metadata_service_endpoint_mode",
];
const TIMEOUT: [&str; 2] = ["AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout"];
const ATTEMPTS: [&str; 2] = [
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
    "metadata_service_num_attempts",
];

const IPV4: &str = "http://169.254.169.254";
const IPV6: &str = "http://[fd00:ec2::254]";

/// Requested lifetime of a token, in seconds. The token is used at once.
const TOKEN_SECONDS: &str = "300";

/// Deduction from the total timeout, so that a machine without metadata waits less than 2 s in all.
const MARGIN: Duration = Duration::from_millis(100);

/// Instance metadata.
pub(super) struct Instance {
    base: String,
    timeout: Duration,
    attempts: u32,
}

/// Reason why instance metadata returned no credentials.
pub(super) struct Nothing(pub(super) String);

impl Instance {
    /// Reads the configuration. Returns `None` if instance metadata is disabled.
    pub(super) fn configured(
        environment: &Environment,
        profile: &LazyProfile<'_>,
    ) -> Result<Option<Self>> {
        if is_disabled(environment)? {
            return Ok(None);
        }
        let find = |[variable, setting]: [&str; 2]| match environment.text(variable)? {
            None => profile.text(setting),
            found => Ok(found),
        };
        let mode = find(MODE)?;
        let base = match (find(ENDPOINT)?, mode.as_deref()) {
            (Some(url), _) => url,
            (None, Some(mode)) if mode.eq_ignore_ascii_case("ipv6") => IPV6.to_owned(),
            (None, None) => IPV4.to_owned(),
            (None, Some(mode)) if mode.eq_ignore_ascii_case("ipv4") => IPV4.to_owned(),
            (None, Some(_)) => {
                return Err(failed(format!("{} is neither IPv4 nor IPv6", MODE[0])));
            }
        };
        parse_url(&base, "instance metadata")?;
        let number = |names: [&str; 2]| {
            let text = find(names)?;
            let number = text.as_deref().map_or(Some(1), |text| {
                text.trim()
                    .parse()
                    .ok()
                    .filter(|number| (1..=60).contains(number))
            });
            number.ok_or_else(|| failed(format!("{} is not a number from 1 to 60", names[0])))
        };
        Ok(Some(Self {
            base: base.trim_end_matches('/').to_owned(),
            timeout: Duration::from_secs(u64::from(number(TIMEOUT)?)),
            attempts: number(ATTEMPTS)?,
        }))
    }

    /// Returns the credentials of the instance's role, and its region if `with_region`.
    pub(super) fn credentials(
        &self,
        with_region: bool,
    ) -> std::result::Result<(Credentials, Option<String>), Nothing> {
        let deadline = Instant::now() + self.timeout * self.attempts * 2 - MARGIN;
        let session = Session::begin(self, deadline)?;
        let directory = "/latest/meta-data/iam/security-credentials/";
        let roles = session.text(directory, "the instance has no role")?;
        let role = roles.lines().next().unwrap_or_default().trim();
        if role.is_empty() || role.contains(['/', '?', '#']) {
            return Err(Nothing("the instance has no role".to_owned()));
        }
        let text = session.text(&format!("{directory}{role}"), "the role has no credentials")?;
        let names = ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"];
        let found = Object::parse(text.as_bytes()).ok_or("JSON object");
        let found = found
            .and_then(|object| object.credentials(names))
            .map_err(|what| Nothing(format!("the response for the role has no {what}")))?;
        let region = with_region.then(|| session.region()).flatten();
        Ok((found, region))
    }
}

/// Returns true if the environment disables instance metadata.
pub(super) fn is_disabled(environment: &Environment) -> Result<bool> {
    let flag = environment.text(DISABLED)?;
    Ok(flag.is_some_and(|flag| flag.trim().eq_ignore_ascii_case("true")))
}

/// A token, with the client to use it.
struct Session<'a> {
    instance: &'a Instance,
    http: Http,
    token: String,
    deadline: Instant,
}

impl<'a> Session<'a> {
    fn begin(instance: &'a Instance, deadline: Instant) -> std::result::Result<Self, Nothing> {
        let mut session = Self {
            instance,
            http: Http::direct(),
            token: String::new(),
            deadline,
        };
        let lifetime = [("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)];
        let answer = session.ask("PUT", "/latest/api/token", &lifetime)?;
        let token = String::from_utf8(answer.body).ok();
        match (answer.status, token) {
            (200, Some(token)) if is_token(&token) => session.token = token,
            (403, _) => return Err(Nothing("it is disabled for this instance".to_owned())),
            (status, _) => {
                return Err(Nothing(format!("it returned no token (status {status})")));
            }
        }
        Ok(session)
    }

    fn ask(
        &self,
        method: &'static str,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> std::result::Result<Answer, Nothing> {
        let url = format!("{}{path}", self.instance.base);
        let call = Call {
            server: "instance metadata",
            method,
            url: &url,
            headers,
            body: None,
            limits: Limits {
                timeout: self.instance.timeout,
                deadline: Some(self.deadline),
                attempts: self.instance.attempts,
            },
        };
        self.http.ask(&call).map_err(|error| {
            let hint = match error.kind() {
                // The answer with the token does not pass a hop limit of 1.
                ErrorKind::Timeout => "; in a container on EC2 the hop limit must be 2",
                _ => "",
            };
            Nothing(format!("{}{hint}", error.message().unwrap_or_default()))
        })
    }

    /// Returns the text at that path. If it is missing (404), `absent` is the reason.
    fn text(&self, path: &str, absent: &str) -> std::result::Result<String, Nothing> {
        let answer = self.ask("GET", path, &[("x-aws-ec2-metadata-token", &self.token)])?;
        match (answer.status, String::from_utf8(answer.body)) {
            (200, Ok(text)) => Ok(text),
            (404, _) => Err(Nothing(absent.to_owned())),
            (status, _) => Err(Nothing(format!("it returned status {status}"))),
        }
    }

    /// Returns the region, or `None` if it is missing or invalid.
    fn region(&self) -> Option<String> {
        let region = self.text("/latest/meta-data/placement/region", "").ok()?;
        region::checked(region.trim().to_owned(), "the region of the instance").ok()
    }
}

/// Returns true if a header can contain the token.
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Reply, Script};
    use super::*;

    const GOOD: &str = r#"{"Code":"Success","LastUpdated":"2026-11-28T12:00:00Z","Type":"AWS-HMAC","AccessKeyId":"key","SecretAccessKey":"hidden","Token":"hidden","Expiration":"2126-11-28T12:00:00Z"}"#;

    fn instance(server: &Script) -> Instance {
        let home = Home::new();
        let url = server.url("/");
        // A long timeout, for busy machines; another test checks the limit.
        let environment = home.with_metadata([(ENDPOINT[0], &*url), (TIMEOUT[0], "20")]);
        let lazy = LazyProfile::new(None, &environment);
        Instance::configured(&environment, &lazy).unwrap().unwrap()
    }

    fn nothing(server: &Script) -> String {
        let Err(Nothing(why)) = instance(server).credentials(true) else {
            panic!("there should be nothing");
        };
        assert!(!why.contains("hidden"), "{why}");
        why
    }

    fn metadata(path: &str) -> Reply {
        match path {
            "/latest/api/token" => Reply::new(200, "the-token"),
            "/latest/meta-data/iam/security-credentials/" => Reply::new(200, "my-role"),
            "/latest/meta-data/iam/security-credentials/my-role" => Reply::new(200, GOOD),
            "/latest/meta-data/placement/region" => Reply::new(200, "eu-west-3"),
            _ => Reply::new(404, ""),
        }
    }

    #[test]
    fn metadata_requests_are_for_token_role_credentials_and_region() {
        let server = Script::by_path(metadata);
        let Ok((found, region)) = instance(&server).credentials(true) else {
            panic!("there should be credentials");
        };
        assert_eq!(found.access_key_id(), "key");
        assert_eq!(found.session_token(), Some("hidden"));
        assert!(found.expiry().is_some());
        assert_eq!(region.as_deref(), Some("eu-west-3"));
        let requests = server.requests();
        let lines: Vec<_> = requests.iter().map(|request| &*request.line).collect();
        assert_eq!(
            lines,
            [
                "PUT /latest/api/token HTTP/1.1",
                "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1",
                "GET /latest/meta-data/iam/security-credentials/my-role HTTP/1.1",
                "GET /latest/meta-data/placement/region HTTP/1.1",
            ]
        );
        assert_eq!(
            requests[0].header("x-aws-ec2-metadata-token-ttl-seconds"),
            Some("300")
        );
        for request in &requests[1..] {
            assert_eq!(
                request.header("x-aws-ec2-metadata-token"),
                Some("the-token")
            );
        }
    }

    #[test]
    fn missing_metadata_is_named() {
        for (path, reply, words) in [
            ("/latest/api/token", Reply::new(403, ""), "disabled"),
            (
                "/latest/api/token",
                Reply::new(404, ""),
                "no token (status 404)",
            ),
            ("/latest/api/token", Reply::new(200, "hid\nden"), "no token"),
            (
                "/latest/meta-data/iam/security-credentials/",
                Reply::new(404, ""),
                "has no role",
            ),
            (
                "/latest/meta-data/iam/security-credentials/",
                Reply::new(200, ""),
                "has no role",
            ),
            (
                "/latest/meta-data/iam/security-credentials/my-role",
                Reply::new(200, "hidden"),
                "no JSON object",
            ),
            (
                "/latest/meta-data/iam/security-credentials/my-role",
                Reply::new(
                    200,
                    r#"{"Code":"AssumeRoleUnauthorizedAccess","Message":"hidden"}"#,
                ),
                "no AccessKeyId",
            ),
            (
                "/latest/meta-data/iam/security-credentials/my-role",
                Reply::new(500, "hidden"),
                "returned status 500",
            ),
        ] {
            let reply = std::sync::Mutex::new(Some(reply));
            let server = Script::by_path(move |asked| match asked == path {
                true => reply.lock().unwrap().take().unwrap(),
                false => metadata(asked),
            });
            let why = nothing(&server);
            assert!(why.contains(words), "{why}");
        }
    }

    #[test]
    fn an_invalid_region_is_left_out() {
        let server = Script::by_path(|path| match path {
            "/latest/meta-data/placement/region" => Reply::new(200, "evil.example/"),
            path => metadata(path),
        });
        let Ok((_, region)) = instance(&server).credentials(true) else {
            panic!("there should be credentials");
        };
        assert_eq!(region, None);
    }

    #[test]
    fn a_token_timeout_is_attributed_to_the_hop_limit_within_two_seconds() {
        let server = Script::start(|_| Reply::never());
        let home = Home::new();
        let url = server.url("");
        let environment = home.with_metadata([(ENDPOINT[0], &*url)]);
        let lazy = LazyProfile::new(None, &environment);
        let instance = Instance::configured(&environment, &lazy).unwrap().unwrap();
        let longest = instance.timeout * instance.attempts * 2 - MARGIN;
        assert!(longest < Duration::from_secs(2));
        let Err(Nothing(why)) = instance.credentials(true) else {
            panic!("there should be nothing");
        };
        assert!(why.contains("hop limit"), "{why}");
        assert_eq!(server.requests().len(), 1);
    }

    #[test]
    fn a_machine_without_metadata_is_detected() {
        let url = Script::start(|_| Reply::new(200, "")).url("");
        let home = Home::new();
        let environment = home.with_metadata([(ENDPOINT[0], &*url)]);
        let lazy = LazyProfile::new(None, &environment);
        let instance = Instance::configured(&environment, &lazy).unwrap().unwrap();
        let Err(Nothing(why)) = instance.credentials(false) else {
            panic!("there should be nothing");
        };
        assert!(why.contains("no response"), "{why}");
    }

    #[test]
    fn the_endpoint_is_chosen_as_in_botocore() {
        let home = Home::with(
            "",
            "[default]\nec2_metadata_service_endpoint = http://127.0.0.1:1\n",
        );
        let bare = Home::new();
        for (home, pairs, expected) in [
            (
                &bare,
                [("X", ""), ("Y", "")],
                Some("http://169.254.169.254"),
            ),
            (
                &bare,
                [(MODE[0], "IPv6"), ("Y", "")],
                Some("http://[fd00:ec2::254]"),
            ),
            (
                &bare,
                [(MODE[0], "ipv4"), ("Y", "")],
                Some("http://169.254.169.254"),
            ),
            (&bare, [(MODE[0], "ipv5"), ("Y", "")], None),
            (
                &bare,
                [(MODE[0], "ipv6"), (ENDPOINT[0], "http://127.0.0.1:2/")],
                Some("http://127.0.0.1:2"),
            ),
            (&bare, [(ENDPOINT[0], "127.0.0.1"), ("Y", "")], None),
            (&home, [("X", ""), ("Y", "")], Some("http://127.0.0.1:1")),
            (
                &home,
                [(ENDPOINT[0], "http://127.0.0.1:2"), ("Y", "")],
                Some("http://127.0.0.1:2"),
            ),
        ] {
            let environment = home.with_metadata(pairs);
            let lazy = LazyProfile::new(None, &environment);
            let base = Instance::configured(&environment, &lazy);
            let base = base.ok().flatten().map(|instance| instance.base);
            assert_eq!(base.as_deref(), expected);
        }
        let off = bare.with_metadata([(DISABLED, "True")]);
        let lazy = LazyProfile::new(None, &off);
        assert!(Instance::configured(&off, &lazy).unwrap().is_none());
    }
}
