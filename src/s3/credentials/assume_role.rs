//! The source of roles in profiles: `role_arn` with `source_profile` or `credential_source`.
//!
//! The rules are those of botocore's `AssumeRoleProvider`.

use super::asked::Asked;
use super::profile::Profile;
use super::sts::{Role, Sts};
use super::{Credentials, failed};
use crate::error::Result;

/// Maximum number of profiles in a chain of `source_profile`. Each is a request to STS.
const MAX_ROLES: usize = 32;

/// Returns the credentials that assume a role.
pub(super) type Assumer = Box<dyn Fn() -> Result<Credentials> + Send + Sync>;

/// Origin of the credentials that assume a role.
pub(super) enum Origin<'p> {
    Environment,
    Container,
    Instance,
    /// The credentials of a profile other than its role.
    Profile(&'p Profile),
}

/// Chooses the source at an origin. Returns `None` if nothing is configured there.
type Choose<'c> = dyn Fn(Origin<'_>) -> Result<Option<Assumer>> + 'c;

/// A role, and the source of the credentials that assume it.
pub(super) struct AssumeRole {
    role: Role,
    with: Assumer,
    sts: Sts,
}

impl AssumeRole {
    /// Returns the role of a profile that has `role_arn` and no web identity.
    pub(super) fn configured(
        asked: &Asked<'_>,
        profile: &Profile,
        choose: &Choose<'_>,
    ) -> Result<Option<Self>> {
        Self::in_chain(asked, profile, choose, &mut vec![profile.name().to_owned()])
    }

    fn in_chain(
        asked: &Asked<'_>,
        profile: &Profile,
        choose: &Choose<'_>,
        visited: &mut Vec<String>,
    ) -> Result<Option<Self>> {
        if !has_role(profile) {
            return Ok(None);
        }
        let text = |setting| profile.text(setting);
        let Some(arn) = text("role_arn")? else {
            return Ok(None);
        };
        if text("mfa_serial")?.is_some() {
            return Err(failed(format!(
                "{} requires an MFA code (mfa_serial), which s3fs cannot ask for",
                profile.title()
            ))
            .with_hint(
                "use credential_process = aws configure export-credentials --profile NAME \
                 --format process",
            ));
        }
        let with = match (text("source_profile")?, text("credential_source")?) {
            (Some(_), Some(_)) => {
                return Err(failed(format!(
                    "{} has both source_profile and credential_source",
                    profile.title()
                ))
                .with_hint("set only one of them"));
            }
            (None, None) => {
                return Err(failed(format!(
                    "{} has role_arn, but neither source_profile nor credential_source",
                    profile.title()
                ))
                .with_hint("set one of them to choose the credentials that assume the role"));
            }
            (None, Some(name)) => named_source(profile, &name, choose)?,
            (Some(name), None) => source_profile(asked, profile, &name, choose, visited)?,
        };
        Ok(Some(Self {
            role: Role {
                arn,
                session_name: text("role_session_name")?,
                external_id: text("external_id")?,
                // botocore ignores a value that is not a number, too.
                duration_seconds: text("duration_seconds")?.and_then(|text| text.parse().ok()),
            },
            with,
            sts: Sts::configured(asked.settings, asked.environment, asked.lazy)?,
        }))
    }

    pub(super) fn credentials(&self) -> Result<Credentials> {
        let with = (self.with)()?;
        self.sts.assume_role(&self.role, &with)
    }
}

fn has_role(profile: &Profile) -> bool {
    profile.has("role_arn") && !profile.has("web_identity_token_file")
}

fn named_source(profile: &Profile, name: &str, choose: &Choose<'_>) -> Result<Assumer> {
    let origin = match name {
        "Environment" => Origin::Environment,
        "EcsContainer" => Origin::Container,
        "Ec2InstanceMetadata" => Origin::Instance,
        _ => {
            return Err(failed(format!(
                "credential_source of {} is none of Environment, EcsContainer and Ec2InstanceMetadata",
                profile.title()
            )));
        }
    };
    choose(origin)?.ok_or_else(|| {
        failed(format!(
            "{} has credential_source = {name}, which has no credentials",
            profile.title()
        ))
    })
}

fn source_profile(
    asked: &Asked<'_>,
    profile: &Profile,
    name: &str,
    choose: &Choose<'_>,
    visited: &mut Vec<String>,
) -> Result<Assumer> {
    let source = profile.sibling(name).ok_or_else(|| {
        failed(format!(
            "{} has source_profile = {name}, but this profile does not exist",
            profile.title()
        ))
    })?;
    // A profile may name itself to use its own keys.
    let is_itself_with_keys = name == profile.name() && source.has_keys();
    if visited.iter().any(|seen| seen == name) && !is_itself_with_keys {
        return Err(failed(format!(
            "source_profile forms a cycle: {} -> {name}",
            visited.join(" -> ")
        ))
        .with_hint("the last profile of the chain must have credentials of its own"));
    }
    if visited.len() > MAX_ROLES {
        return Err(failed(format!(
            "source_profile forms a chain of more than {MAX_ROLES} profiles, from {}",
            visited[0]
        ))
        .with_hint("give the last profile of the chain credentials of its own"));
    }
    visited.push(name.to_owned());
    if !source.has_keys()
        && let Some(role) = AssumeRole::in_chain(asked, &source, choose, visited)?
    {
        return Ok(Box::new(move || role.credentials()));
    }
    let found = choose(Origin::Profile(&source))?;
    found.ok_or_else(|| {
        failed(format!(
            "{} is the source_profile of {}, but has no credentials",
            source.title(),
            profile.title()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Home, Script, assumed, given};

    #[test]
    fn an_endless_chain_of_roles_is_an_error() {
        let mut config = String::new();
        for number in 0..2000 {
            config += &format!(
                "[profile p{number}]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = p{}\n",
                number + 1
            );
        }
        let home = Home::with("", &config);
        let error = given(&home.environment([("AWS_PROFILE", "p0")])).unwrap_err();
        assert!(
            error.to_string().contains("more than 32 profiles"),
            "{error}"
        );
    }

    #[test]
    fn a_chain_of_roles_is_assumed_from_its_end() {
        let server = Script::answering(|_, request| {
            let key = match request.body.contains("role%2Fouter") {
                true => "outer-key",
                false => "inner-key",
            };
            assumed("AssumeRole", key)
        });
        let home = Home::with(
            "[keys]\naws_access_key_id = long-key\naws_secret_access_key = hidden\n",
            "[profile outer]\nrole_arn = arn:aws:iam::1:role/outer\nsource_profile = inner\n\
             external_id = e\nduration_seconds = 1800\nrole_session_name = s\n\
             [profile inner]\nrole_arn = arn:aws:iam::1:role/inner\nsource_profile = keys\n",
        );
        let url = server.url("");
        let environment =
            home.environment([("AWS_PROFILE", "outer"), ("AWS_ENDPOINT_URL_STS", &url)]);
        assert_eq!(given(&environment).unwrap().access_key_id(), "outer-key");
        let requests = server.requests();
        let signed_with: Vec<_> = requests
            .iter()
            .map(|request| {
                let text = request.header("authorization").unwrap();
                text["AWS4-HMAC-SHA256 Credential=".len()..]
                    .split('/')
                    .next()
                    .unwrap()
            })
            .collect();
        assert_eq!(signed_with, ["long-key", "inner-key"]);
        assert!(
            requests[0].body.contains("RoleSessionName=s3fs-"),
            "{}",
            requests[0].body
        );
        for field in ["RoleSessionName=s&", "DurationSeconds=1800", "ExternalId=e"] {
            assert!(requests[1].body.contains(field), "{}", requests[1].body);
        }
    }

    #[test]
    fn a_role_is_assumed_with_credentials_of_the_environment_or_a_container() {
        let sts = Script::start(|_| assumed("AssumeRole", "role-key"));
        let container = Script::start(|_| {
            super::super::testing::Reply::new(
                200,
                r#"{"AccessKeyId":"container-key","SecretAccessKey":"hidden"}"#,
            )
        });
        for (source, key) in [
            ("Environment", "env-key"),
            ("EcsContainer", "container-key"),
        ] {
            let home = Home::with(
                "",
                &format!(
                    "[profile x]\nrole_arn = arn:aws:iam::1:role/r\ncredential_source = {source}\n"
                ),
            );
            let (url, full) = (sts.url(""), container.url("/c"));
            let settings = super::super::Settings {
                profile: Some("x".to_owned()),
                ..Default::default()
            };
            let environment = home.environment([
                ("AWS_ENDPOINT_URL_STS", &url),
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &full),
                ("AWS_ACCESS_KEY_ID", "env-key"),
                ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ]);
            let resolved = super::super::resolve(&settings, &environment).unwrap();
            let found = resolved.provider.get().unwrap().unwrap();
            assert_eq!(found.access_key_id(), "role-key");
            let requests = sts.requests();
            let authorization = requests.last().unwrap().header("authorization").unwrap();
            assert!(
                authorization.contains(&format!("Credential={key}/")),
                "{authorization}"
            );
        }
    }
}
