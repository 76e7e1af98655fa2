//! The source for roles assumed with a web identity, such as a service account of EKS (IRSA) or a job of a CI.

use std::path::PathBuf;

use super::asked::Asked;
use super::profile::Profile;
use super::sts::{Role, Sts};
use super::{Credentials, failed, files};
use crate::error::Result;

const TOKEN_FILE: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"];
const ROLE_ARN: [&str; 2] = ["AWS_ROLE_ARN", "role_arn"];
const SESSION_NAME: [&str; 2] = ["AWS_ROLE_SESSION_NAME", "role_session_name"];

/// A role, and the file with the token that authenticates it.
pub(super) struct WebIdentity {
    token_file: PathBuf,
    role: Role,
    sts: Sts,
}

impl WebIdentity {
    /// Reads each setting by itself, as botocore does, from the environment, if `with_environment`, or else the profile.
    pub(super) fn configured(
        asked: &Asked<'_>,
        profile: &Profile,
        with_environment: bool,
    ) -> Result<Option<Self>> {
        let find = |[variable, setting]: [&str; 2]| {
            let found = match with_environment {
                true => asked.environment.text(variable)?,
                false => None,
            };
            match found {
                None => profile.text(setting),
                found => Ok(found),
            }
        };
        let Some(token_file) = find(TOKEN_FILE)? else {
            return Ok(None);
        };
        let arn = find(ROLE_ARN)?.ok_or_else(|| {
            failed("a web identity token is configured without a role")
                .with_hint("set AWS_ROLE_ARN, or role_arn in the profile")
        })?;
        Ok(Some(Self {
            token_file: token_file.into(),
            role: Role {
                arn,
                session_name: find(SESSION_NAME)?,
                external_id: None,
                duration_seconds: None,
            },
            sts: Sts::configured(asked.settings, asked.environment, asked.lazy)?,
        }))
    }

    /// Assumes the role. The file is read each time, because its token is replaced before it expires.
    pub(super) fn credentials(&self) -> Result<Credentials> {
        let token = files::read_text(&self.token_file)
            .map_err(|error| failed(format!("cannot read the web identity token: {error}")))?;
        self.sts
            .assume_role_with_web_identity(&self.role, token.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Reply, Script, assumed, given};
    use super::super::{Settings, resolve};

    const ROLE: (&str, &str) = ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r");

    #[test]
    fn the_token_file_is_read_at_every_refresh_and_the_request_is_unsigned() {
        let server = Script::start(|_| assumed("AssumeRoleWithWebIdentity", "role-key"));
        let home = Home::new();
        home.write("token", "one.token\n");
        let (url, file) = (server.url(""), home.path("token"));
        let environment = home.environment([
            ROLE,
            ("AWS_ENDPOINT_URL_STS", &url),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
            ("AWS_ROLE_SESSION_NAME", "me"),
        ]);
        let resolved = resolve(&Settings::default(), &environment).unwrap();
        assert_eq!(server.requests().len(), 0, "building asks nobody");
        let used = resolved.provider.get().unwrap().unwrap();
        assert_eq!(used.access_key_id(), "role-key");
        home.write("token", "two.token");
        resolved.provider.renew(&used, std::time::Instant::now());
        let requests = server.requests();
        for (request, token) in requests.iter().zip(["one.token", "two.token"]) {
            assert_eq!(
                request.body,
                format!(
                    "Action=AssumeRoleWithWebIdentity&Version=2011-06-15\
                     &RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr&RoleSessionName=me\
                     &WebIdentityToken={token}"
                )
            );
            assert_eq!(request.header("authorization"), None);
        }
        assert_eq!(requests.len(), 2);
    }

    #[test]
    fn a_missing_or_rejected_token_is_an_error_that_does_not_quote_it() {
        let server = Script::start(|_| {
            Reply::new(
                400,
                "<ErrorResponse><Error><Code>ExpiredTokenException</Code>\
                 <Message>Token hidden.token expired</Message></Error></ErrorResponse>",
            )
        });
        let home = Home::new();
        let (url, file) = (server.url(""), home.path("token"));
        let environment = home.environment([
            ROLE,
            ("AWS_ENDPOINT_URL_STS", &url),
            ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ]);
        let error = given(&environment).unwrap_err().to_string();
        assert!(
            error.contains("cannot read the web identity token"),
            "{error}"
        );
        home.write("token", "hidden.token");
        let error = given(&environment).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains("have expired"), "{text}");
        assert!(!text.contains("hidden.token"), "{text}");
    }
}
