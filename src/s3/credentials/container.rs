//! The source for containers: an endpoint of ECS, EKS Pod Identity, or a helper on this machine.
//!
//! Source: [Container credential provider](https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::{Host, Url};

use super::http::{Call, Http, Limits};
use super::json::Object;
use super::{Credentials, Environment, failed, files};
use crate::error::{Error, ErrorKind, Result};

pub(super) const RELATIVE_URI: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
pub(super) const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

/// The endpoint of ECS.
const ECS: &str = "http://169.254.170.2";

/// Hosts that are allowed without TLS, besides loopback: ECS, and EKS Pod Identity.
const PLAIN_HTTP: [&str; 3] = ["169.254.170.2", "169.254.170.23", "fd00:ec2::23"];

const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(2),
    deadline: None,
    attempts: 3,
};

/// An endpoint, and the token for it.
pub(super) struct Container {
    url: Url,
    token: Token,
}

enum Token {
    None,
    Text(String),
    /// The file is read each time, because the token is replaced before it expires.
    File(PathBuf),
}

impl Container {
    pub(super) fn configured(environment: &Environment) -> Result<Option<Self>> {
        let url = match environment.text(RELATIVE_URI)? {
            Some(path) => relative(&path)?,
            None => match environment.text(FULL_URI)? {
                Some(url) => full(&url)?,
                None => return Ok(None),
            },
        };
        let token = match (environment.text(TOKEN_FILE)?, environment.text(TOKEN)?) {
            (Some(file), _) => Token::File(file.into()),
            (None, Some(token)) => Token::Text(token),
            (None, None) => Token::None,
        };
        Ok(Some(Self { url, token }))
    }

    pub(super) fn credentials(&self) -> Result<Credentials> {
        let token = match &self.token {
            Token::None => None,
            Token::Text(token) => Some(token.clone()),
            Token::File(file) => Some(files::read_text(file).map_err(|error| {
                failed(format!(
                    "cannot read the token of the container endpoint: {error}"
                ))
            })?),
        };
        if token
            .as_deref()
            .is_some_and(|token| token.contains(['\r', '\n']))
        {
            return Err(failed(
                "the token of the container endpoint contains a line break, which a header cannot \
                 contain",
            ));
        }
        let mut headers = vec![("accept", "application/json")];
        headers.extend(token.as_deref().map(|token| ("authorization", token)));
        let answer = Http::direct().ask(&Call {
            server: "the container endpoint",
            method: "GET",
            url: self.url.as_str(),
            headers: &headers,
            body: None,
            limits: LIMITS,
        })?;
        let origin = self.url.origin().ascii_serialization();
        if answer.status != 200 {
            let kind = match answer.status {
                401 | 403 => ErrorKind::PermissionDenied,
                _ => ErrorKind::CreateFailed,
            };
            return Err(Error::new(kind)
                .with_message(format!(
                    "cannot get credentials: the container endpoint at {origin} returned {}",
                    answer.status
                ))
                .with_hint("check the role of the task or of the service account"));
        }
        let names = ["AccessKeyId", "SecretAccessKey", "Token", "Expiration"];
        let found = Object::parse(&answer.body).ok_or("JSON object");
        found
            .and_then(|object| object.credentials(names))
            .map_err(|what| {
                failed(format!(
                    "the response of the container endpoint at {origin} has no usable {what}"
                ))
            })
    }
}

/// Returns the URL of a path at ECS. Rejects a text that is not a path, which could lead to another host.
fn relative(path: &str) -> Result<Url> {
    let url = Url::parse(&format!("{ECS}{path}")).ok();
    url.filter(|url| path.starts_with('/') && url.origin().ascii_serialization() == ECS)
        .ok_or_else(|| failed(format!("{RELATIVE_URI} is not a path that begins with /")))
}

/// Parses a URL and checks that it is allowed: https, or a host on this machine or one of [`PLAIN_HTTP`].
fn full(text: &str) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| failed(format!("{FULL_URI} is not a URL")))?;
    let is_allowed = match (url.scheme(), url.host()) {
        ("https", Some(_)) => true,
        ("http", Some(Host::Domain(name))) => name == "localhost",
        ("http", Some(Host::Ipv4(address))) => is_near(address.into()),
        ("http", Some(Host::Ipv6(address))) => is_near(address.into()),
        _ => false,
    };
    match is_allowed {
        true => Ok(url),
        false => Err(failed(format!(
            "{FULL_URI} names a host that must not be used for credentials over plain http"
        ))
        .with_hint(format!(
            "use https, a loopback address, or one of {}",
            PLAIN_HTTP.join(", ")
        ))),
    }
}

fn is_near(address: IpAddr) -> bool {
    address.is_loopback() || PLAIN_HTTP.contains(&address.to_string().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Reply, Script};
    use super::*;

    const GOOD: &str = r#"{"AccessKeyId":"key","SecretAccessKey":"hidden","Token":"hidden","Expiration":"2126-11-28T12:00:00Z","RoleArn":"arn:aws:iam::1:role/r"}"#;

    #[test]
    fn a_relative_path_leads_only_to_ecs() {
        assert_eq!(
            relative("/v2/credentials/id?x=1").unwrap().as_str(),
            "http://169.254.170.2/v2/credentials/id?x=1"
        );
        for path in [
            "@evil.example/",
            ".evil.example/",
            ":80@evil.example/",
            "v2",
            "",
        ] {
            assert!(relative(path).is_err(), "{path}");
        }
    }

    #[test]
    fn plain_http_is_allowed_for_this_machine_only() {
        for (url, allowed) in [
            ("https://example.com/x", true),
            ("http://localhost:99/x", true),
            ("http://127.0.0.1/x", true),
            ("http://127.9.9.9:80/x", true),
            ("http://[::1]/x", true),
            ("http://169.254.170.2/x", true),
            ("http://169.254.170.23/v1/credentials", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://169.254.169.254/x", false),
            ("http://example.com/x", false),
            ("http://localhost.example.com/x", false),
            ("http://10.0.0.1/x", false),
            ("http://127.0.0.1@example.com/x", false),
            ("ftp://127.0.0.1/x", false),
            ("127.0.0.1", false),
        ] {
            assert_eq!(full(url).is_ok(), allowed, "{url}");
        }
    }

    fn container(server: &Script, more: [(&str, &str); 1]) -> Container {
        let home = Home::new();
        let [more] = more;
        let url = server.url("/secret-path");
        let environment = home.environment([(FULL_URI, &*url), more]);
        Container::configured(&environment).unwrap().unwrap()
    }

    #[test]
    fn the_endpoint_gets_its_token_as_documented() {
        let server = Script::start(|_| Reply::new(200, GOOD));
        let found = container(&server, [(TOKEN, "Basic hidden")])
            .credentials()
            .unwrap();
        assert_eq!(found.access_key_id(), "key");
        assert!(found.expiry().is_some());
        let [request] = &server.requests()[..] else {
            panic!("one request");
        };
        assert_eq!(request.line, "GET /secret-path HTTP/1.1");
        assert_eq!(request.header("authorization"), Some("Basic hidden"));
        assert_eq!(request.header("accept"), Some("application/json"));
    }

    #[test]
    fn the_token_file_is_read_each_time_and_overrides_the_token() {
        let server = Script::start(|_| Reply::new(200, GOOD));
        let home = Home::new();
        home.write("token", "one");
        let file = home.path("token").to_str().unwrap().to_owned();
        let url = server.url("/");
        let environment =
            home.environment([(FULL_URI, &*url), (TOKEN, "other"), (TOKEN_FILE, &file)]);
        let container = Container::configured(&environment).unwrap().unwrap();
        container.credentials().unwrap();
        home.write("token", "two");
        container.credentials().unwrap();
        let sent: Vec<_> = server
            .requests()
            .iter()
            .map(|request| request.header("authorization").unwrap().to_owned())
            .collect();
        assert_eq!(sent, ["one", "two"]);
        home.write("token", "three\r\nx-evil: 1");
        assert!(container.credentials().is_err());
    }

    #[test]
    fn unusable_credentials_are_an_error_that_quotes_nothing() {
        for (status, body, words) in [
            (401, "hidden", "returned 401"),
            (404, "hidden", "returned 404"),
            (200, "hidden", "no usable JSON object"),
            (
                200,
                r#"{"AccessKeyId":"hidden"}"#,
                "no usable SecretAccessKey",
            ),
        ] {
            let server = Script::start(move |_| Reply::new(status, body));
            let container = container(&server, [(TOKEN, "hidden")]);
            let error = container.credentials().unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(words), "{text}");
            assert!(
                !text.contains("hidden") && !text.contains("secret-path"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_request_that_fails_once_is_retried() {
        let server = Script::start(|number| match number {
            1 => Reply::new(500, ""),
            _ => Reply::new(200, GOOD),
        });
        assert!(container(&server, [(TOKEN, "x")]).credentials().is_ok());
        assert_eq!(server.requests().len(), 2);
    }
}
