//! The sources that require the feature `aws-chain`: a build without it rejects each of them by name.
//!
//! If botocore would use one of them, continuing with the next source in the chain would use another identity.

use super::profile::Profile;
use super::{Environment, failed};
use crate::error::{Error, Result};

/// A setting of a profile, and the source that it selects.
pub(super) type Unsupported = (&'static str, &'static str);

/// Settings that botocore prefers to the keys in the credentials file.
pub(super) const BEFORE_CREDENTIALS_FILE: [Unsupported; 4] = [
    ("web_identity_token_file", "a role for a web identity"),
    ("role_arn", "a role through STS"),
    ("sso_account_id", "single sign-on"),
    ("sso_role_name", "single sign-on"),
];

/// Settings that botocore prefers to the keys in the config file.
pub(super) const BEFORE_CONFIG_FILE: [Unsupported; 2] = [
    ("login_session", "a console login"),
    ("credential_process", "credentials from another program"),
];

/// Rejects the source between the environment's keys and the profile.
pub(super) fn refuse_web_identity(environment: &Environment) -> Result<()> {
    refuse_variables(
        environment,
        &["AWS_WEB_IDENTITY_TOKEN_FILE"],
        "a role for a web identity",
    )
}

/// Rejects the source after the profile.
pub(super) fn refuse_container(environment: &Environment) -> Result<()> {
    refuse_variables(
        environment,
        &[
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ],
        "credentials from a container endpoint",
    )
}

/// Rejects the sources in a profile that precede its keys.
pub(super) fn refuse(profile: &Profile, settings: &[Unsupported]) -> Result<()> {
    for (setting, what) in settings {
        if profile.text(setting)?.is_some() {
            return Err(refusal(&format!("{setting} of {}", profile.title()), what));
        }
    }
    Ok(())
}

fn refuse_variables(environment: &Environment, names: &[&str], what: &str) -> Result<()> {
    match environment.first_text(names)? {
        Some((name, _)) => Err(refusal(name, what)),
        None => Ok(()),
    }
}

/// Returns the error for a setting, or a variable, that selects a source that is not built in.
fn refusal(setting: &str, what: &str) -> Error {
    failed(format!(
        "{setting} requires {what}, which is not enabled in this build"
    ))
    .with_hint("enable the feature `aws-chain` of this crate, or pass an access key and its secret")
}
