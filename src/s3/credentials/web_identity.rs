//! The source of roles that a web identity may assume, such as a service account of EKS (IRSA) or a job of a CI.

use std::path::PathBuf;

use super::chain::Asked;
use super::profile::Profile;
use super::sts::{Role, Sts};
use super::{Credentials, failed, files};
use crate::error::Result;

const TOKEN_FILE: [&str; 2] = ["AWS_WEB_IDENTITY_TOKEN_FILE", "web_identity_token_file"];
const ROLE_ARN: [&str; 2] = ["AWS_ROLE_ARN", "role_arn"];
const SESSION_NAME: [&str; 2] = ["AWS_ROLE_SESSION_NAME", "role_session_name"];

/// A role, and the file of the token that proves who may assume it.
pub(super) struct WebIdentity {
    token_file: PathBuf,
    role: Role,
    sts: Sts,
}

impl WebIdentity {
    /// What the environment, unless it is left out, and the profile say: each setting by itself, as in botocore.
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
            failed("a web identity token is configured, but no role")
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

    /// The file is read each time: its token is replaced before it expires.
    pub(super) fn credentials(&self) -> Result<Credentials> {
        let token = files::read_text(&self.token_file)
            .map_err(|error| failed(format!("cannot read the web identity token: {error}")))?;
        self.sts
            .assume_role_with_web_identity(&self.role, token.trim())
    }
}
