//! The chain: chooses the source of the credentials and gets them from it.
//!
//! The order is that of botocore's `create_credential_resolver`: environment, a role of the profile, web identity,
//! single sign-on, credentials file, console login, `credential_process`, config file, container endpoint, instance
//! metadata. Choosing reads variables and files, and never sends a request: the first configured source is used. If
//! it fails, the error is returned, because the next source would be another identity. Only instance metadata needs
//! no configuration, which is why it comes last.

use super::asked::Asked;
#[cfg(feature = "aws-chain")]
use super::assume_role::{AssumeRole, Assumer, Origin};
#[cfg(feature = "aws-chain")]
use super::container::{self, Container};
#[cfg(feature = "aws-chain")]
use super::instance::{self, Instance, Nothing};
#[cfg(feature = "aws-chain")]
use super::login::Login;
#[cfg(feature = "aws-chain")]
use super::process::Process;
use super::profile::{LazyProfile, Profile};
use super::provider::Region;
#[cfg(feature = "aws-chain")]
use super::sso::Sso;
#[cfg(not(feature = "aws-chain"))]
use super::unsupported;
#[cfg(feature = "aws-chain")]
use super::web_identity::WebIdentity;
use super::{Credentials, CredentialsProvider, Environment, Settings, environment, failed};
use crate::error::{Error, Result};

/// The chosen source of the credentials.
pub(super) enum Source {
    Environment(Credentials),
    CredentialsFile(Credentials),
    ConfigFile(Credentials),
    #[cfg(feature = "aws-chain")]
    AssumeRole(Box<AssumeRole>),
    #[cfg(feature = "aws-chain")]
    WebIdentity(Box<WebIdentity>),
    #[cfg(feature = "aws-chain")]
    Sso(Box<Sso>),
    #[cfg(feature = "aws-chain")]
    Login(Login),
    #[cfg(feature = "aws-chain")]
    Process(Process),
    #[cfg(feature = "aws-chain")]
    Container(Container),
    #[cfg(feature = "aws-chain")]
    Instance(Instance),
}

impl Source {
    /// Returns its name for the log.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Environment(_) => "environment",
            Self::CredentialsFile(_) => "shared credentials file",
            Self::ConfigFile(_) => "config file",
            #[cfg(feature = "aws-chain")]
            Self::AssumeRole(_) => "assumed role",
            #[cfg(feature = "aws-chain")]
            Self::WebIdentity(_) => "web identity",
            #[cfg(feature = "aws-chain")]
            Self::Sso(_) => "single sign-on",
            #[cfg(feature = "aws-chain")]
            Self::Login(_) => "console login",
            #[cfg(feature = "aws-chain")]
            Self::Process(_) => "credential process",
            #[cfg(feature = "aws-chain")]
            Self::Container(_) => "container endpoint",
            #[cfg(feature = "aws-chain")]
            Self::Instance(_) => "instance metadata",
        }
    }

    /// Returns true if it was found without a profile.
    pub(super) fn is_environment(&self) -> bool {
        matches!(self, Self::Environment(_))
    }

    /// Returns the credentials, if they were read while choosing the source.
    pub(super) fn at_hand(&self) -> Option<&Credentials> {
        match self {
            Self::Environment(found) | Self::CredentialsFile(found) | Self::ConfigFile(found) => {
                Some(found)
            }
            #[cfg(feature = "aws-chain")]
            _ => None,
        }
    }

    /// Returns the credentials, running a program or sending requests if the source requires it.
    #[cfg(feature = "aws-chain")]
    pub(super) fn credentials(&self) -> Result<Credentials> {
        match self {
            Self::Environment(found) | Self::CredentialsFile(found) | Self::ConfigFile(found) => {
                Ok(found.clone())
            }
            Self::AssumeRole(source) => source.credentials(),
            Self::WebIdentity(source) => source.credentials(),
            Self::Sso(source) => source.credentials(),
            Self::Login(source) => source.credentials(),
            Self::Process(source) => source.credentials(),
            Self::Container(source) => source.credentials(),
            Self::Instance(source) => match source.credentials(false) {
                Ok((found, _)) => Ok(found),
                Err(Nothing(why)) => Err(failed(format!(
                    "cannot get credentials from instance metadata: {why}"
                ))),
            },
        }
    }
}

/// Returns the configured source.
pub(super) fn choose(asked: &Asked<'_>) -> Result<Source> {
    let is_named = asked.settings.profile.is_some();
    if !is_named && let Some(found) = environment::credentials(asked.environment)? {
        return Ok(Source::Environment(found));
    }
    // botocore checks the profile's role before the web identity of the environment.
    #[cfg(not(feature = "aws-chain"))]
    if !is_named {
        unsupported::refuse_web_identity(asked.environment)?;
    }
    let profile = asked.lazy.get()?;
    #[cfg(feature = "aws-chain")]
    if let Some(role) = AssumeRole::configured(asked, profile, &|origin| assumer(asked, origin))? {
        return Ok(Source::AssumeRole(Box::new(role)));
    }
    if let Some(found) = from_profile(asked, profile, !is_named)? {
        return Ok(found);
    }
    #[cfg(not(feature = "aws-chain"))]
    unsupported::refuse_container(asked.environment)?;
    #[cfg(feature = "aws-chain")]
    if let Some(found) = Container::configured(asked.environment)? {
        return Ok(Source::Container(found));
    }
    #[cfg(feature = "aws-chain")]
    if let Some(found) = Instance::configured(asked.environment, asked.lazy)? {
        return Ok(Source::Instance(found));
    }
    #[cfg(feature = "aws-chain")]
    let why = format!("instance metadata is disabled by {}", instance::DISABLED);
    #[cfg(not(feature = "aws-chain"))]
    let why =
        "the feature `aws-chain`, which has more sources, is not enabled in this build".to_owned();
    Err(nothing_found(asked, profile, &why))
}

/// Returns the source of the credentials that assume a role.
#[cfg(feature = "aws-chain")]
fn assumer(asked: &Asked<'_>, origin: Origin<'_>) -> Result<Option<Assumer>> {
    let source = match origin {
        Origin::Environment => {
            environment::credentials(asked.environment)?.map(Source::Environment)
        }
        Origin::Container => Container::configured(asked.environment)?.map(Source::Container),
        Origin::Instance => {
            Instance::configured(asked.environment, asked.lazy)?.map(Source::Instance)
        }
        Origin::Profile(profile) => from_profile(asked, profile, false)?,
    };
    Ok(source.map(|source| -> Assumer { Box::new(move || source.credentials()) }))
}

/// Returns the source that a profile configures. The order is that of botocore's `ProfileProviderBuilder`.
fn from_profile(
    asked: &Asked<'_>,
    profile: &Profile,
    with_environment: bool,
) -> Result<Option<Source>> {
    #[cfg(not(feature = "aws-chain"))]
    let _ = (asked, with_environment);
    #[cfg(not(feature = "aws-chain"))]
    unsupported::refuse(profile, &unsupported::BEFORE_CREDENTIALS_FILE)?;
    #[cfg(feature = "aws-chain")]
    if let Some(found) = WebIdentity::configured(asked, profile, with_environment)? {
        return Ok(Some(Source::WebIdentity(Box::new(found))));
    }
    #[cfg(feature = "aws-chain")]
    if let Some(found) = Sso::configured(asked, profile)? {
        return Ok(Some(Source::Sso(Box::new(found))));
    }
    if let Some(found) = profile.keys_in_credentials_file()? {
        return Ok(Some(Source::CredentialsFile(found)));
    }
    #[cfg(not(feature = "aws-chain"))]
    unsupported::refuse(profile, &unsupported::BEFORE_CONFIG_FILE)?;
    #[cfg(feature = "aws-chain")]
    if let Some(found) = Login::configured(asked.environment, profile)? {
        return Ok(Some(Source::Login(found)));
    }
    #[cfg(feature = "aws-chain")]
    if let Some(found) = Process::configured(profile)? {
        return Ok(Some(Source::Process(found)));
    }
    let found = profile.keys_in_config_file()?;
    Ok(found.map(Source::ConfigFile))
}

/// Returns the error that lists every source in order with the reason why it has no credentials. `last` is the reason
/// of the last one.
fn nothing_found(asked: &Asked<'_>, profile: &Profile, last: &str) -> Error {
    let is_named = asked.settings.profile.is_some();
    let mut tried = vec!["the program provided none".to_owned()];
    tried.push(match is_named {
        true => "the environment was not checked, because a profile was named".to_owned(),
        false => "AWS_ACCESS_KEY_ID is not set".to_owned(),
    });
    let title = profile.title();
    #[cfg(feature = "aws-chain")]
    {
        tried.push(format!("{title} has no role_arn"));
        tried.push(match is_named {
            true => "no web_identity_token_file".to_owned(),
            false => {
                "no web_identity_token_file, and AWS_WEB_IDENTITY_TOKEN_FILE is not set".to_owned()
            }
        });
        tried.push("no sso_account_id".to_owned());
    }
    tried.push(format!(
        "{title} has no keys in {}",
        profile.credentials_file()
    ));
    #[cfg(feature = "aws-chain")]
    tried.push("no login_session and no credential_process".to_owned());
    tried.push(format!("no keys in {}", profile.config_file()));
    #[cfg(feature = "aws-chain")]
    tried.push(format!(
        "neither {} nor {} is set",
        container::RELATIVE_URI,
        container::FULL_URI
    ));
    tried.push(last.to_owned());
    failed(format!("no credentials: {}", tried.join("; "))).with_hint(
        "pass an access key and its secret, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name \
         a profile that has them, or use `anonymous`",
    )
}

/// The chain as a source. It is evaluated each time, so that changes of the files take effect.
pub(super) struct Chain {
    pub(super) settings: Settings,
    pub(super) environment: Environment,
    /// Receives the region from instance metadata; `None` if a region or an endpoint is configured.
    pub(super) region: Option<Region>,
}

impl CredentialsProvider for Chain {
    fn credentials(&self) -> Result<Credentials> {
        let lazy = LazyProfile::new(self.settings.profile.as_deref(), &self.environment);
        let asked = Asked {
            settings: &self.settings,
            environment: &self.environment,
            lazy: &lazy,
        };
        let source = choose(&asked)?;
        log::debug!("credentials: {}", source.name());
        self.ask(&asked, source)
    }
}

impl Chain {
    #[cfg(feature = "aws-chain")]
    fn ask(&self, asked: &Asked<'_>, source: Source) -> Result<Credentials> {
        let Source::Instance(instance) = &source else {
            return source.credentials();
        };
        match instance.credentials(self.region.is_some()) {
            Ok((found, region)) => {
                if let (Some(place), Some(region)) = (&self.region, region) {
                    place.set(region);
                }
                Ok(found)
            }
            Err(Nothing(why)) => {
                let why = format!("instance metadata: {why}");
                Err(nothing_found(asked, asked.lazy.get()?, &why))
            }
        }
    }

    #[cfg(not(feature = "aws-chain"))]
    fn ask(&self, _: &Asked<'_>, source: Source) -> Result<Credentials> {
        let _ = &self.region;
        match source {
            Source::Environment(found)
            | Source::CredentialsFile(found)
            | Source::ConfigFile(found) => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    const KEYS: &str = "aws_access_key_id = K\naws_secret_access_key = S\n";

    fn chosen(settings: &Settings, environment: &Environment) -> Result<&'static str> {
        let lazy = LazyProfile::new(settings.profile.as_deref(), environment);
        let asked = Asked {
            settings,
            environment,
            lazy: &lazy,
        };
        choose(&asked).map(|source| source.name())
    }

    fn named(profile: &str) -> Settings {
        Settings {
            profile: Some(profile.into()),
            ..Settings::default()
        }
    }

    fn message(settings: &Settings, environment: &Environment) -> String {
        let error = chosen(settings, environment).unwrap_err();
        assert!(!format!("{error:?}").contains("hidden"), "{error:?}");
        error.to_string()
    }

    #[cfg(feature = "aws-chain")]
    mod complete {
        use super::*;

        const ROLE: &str = "role_arn = arn:aws:iam::1:role/r\n";
        const WEB: &str = "web_identity_token_file = /token\nrole_arn = arn:aws:iam::1:role/r\n";
        const SSO: &str = "sso_start_url = https://x.example\nsso_region = us-east-1\n\
                           sso_account_id = 1\nsso_role_name = r\n";
        const LOGIN: &str = "login_session = arn:aws:iam::1:user/u\n";
        const PROCESS: &str = "credential_process = /bin/false\n";
        const WEB_VARIABLES: [(&str, &str); 2] = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
            ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r"),
        ];
        const CONTAINER: (&str, &str) = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");

        /// Starts with everything configured, then removes one source each time, in the order of botocore 1.44's resolver.
        #[test]
        fn the_order_is_that_of_botocore() {
            let role = format!("{ROLE}source_profile = y\n");
            let of_config = [&*role, SSO, LOGIN, PROCESS, KEYS];
            // The rest of the config file, whether the credentials file has keys, whether the environment has a web
            // identity, and whether it has a container.
            let table = [
                (&of_config[..], true, true, true, "assumed role"),
                (&of_config[1..], true, true, true, "web identity"),
                (&of_config[1..], true, false, true, "single sign-on"),
                (
                    &of_config[2..],
                    true,
                    false,
                    true,
                    "shared credentials file",
                ),
                (&of_config[2..], false, false, true, "console login"),
                (&of_config[3..], false, false, true, "credential process"),
                (&of_config[4..], false, false, true, "config file"),
                (&[], false, false, true, "container endpoint"),
                (&[], false, false, false, "instance metadata"),
            ];
            for (config, credentials, web, container, expected) in table {
                let config = format!("[profile x]\n{}[profile y]\n{KEYS}", config.concat());
                let credentials = if credentials { KEYS } else { "" };
                let home = Home::with(&format!("[x]\n{credentials}"), &config);
                let [one, two] = match web {
                    true => WEB_VARIABLES,
                    false => [("UNUSED", "x"); 2],
                };
                let container = if container {
                    CONTAINER
                } else {
                    ("UNUSED", "x")
                };
                let environment = home.with_metadata([one, two, container, ("AWS_PROFILE", "x")]);
                let found = chosen(&Settings::default(), &environment).unwrap();
                assert_eq!(found, expected);
                // The environment's keys come before all of them, unless the caller named the profile. In that case,
                // its web identity is ignored, too.
                let keys = ("AWS_ACCESS_KEY_ID", "K");
                let secret = ("AWS_SECRET_ACCESS_KEY", "S");
                let environment =
                    home.with_metadata([one, two, container, ("AWS_PROFILE", "x"), keys, secret]);
                let found = chosen(&Settings::default(), &environment).unwrap();
                assert_eq!(found, "environment");
                let found = chosen(&named("x"), &environment).unwrap();
                let without_web = if web && expected == "web identity" {
                    "single sign-on"
                } else {
                    expected
                };
                assert_eq!(found, without_web);
            }
        }

        #[test]
        fn a_web_identity_of_the_profile_comes_before_its_role() {
            let home = Home::with(
                &format!("[y]\n{KEYS}"),
                &format!("[default]\n{WEB}source_profile = y\n"),
            );
            let found = chosen(&Settings::default(), &home.environment([])).unwrap();
            assert_eq!(found, "web identity");
        }

        #[test]
        fn roles_are_chained_through_profiles() {
            for (config, expected) in [
                (
                    format!("source_profile = keys\n[profile keys]\n{KEYS}"),
                    Ok(()),
                ),
                (
                    format!(
                        "source_profile = b\n[profile b]\n{ROLE}source_profile = keys\n\
                         [profile keys]\n{KEYS}"
                    ),
                    Ok(()),
                ),
                // A profile may name itself to use its own keys.
                (format!("source_profile = a\n{KEYS}"), Ok(())),
                (format!("source_profile = b\n[profile b]\n{SSO}"), Ok(())),
                (
                    format!("source_profile = b\n[profile b]\n{PROCESS}"),
                    Ok(()),
                ),
                (format!("source_profile = b\n[profile b]\n{WEB}"), Ok(())),
                (
                    "credential_source = Environment\n".into(),
                    Err("no credentials"),
                ),
                (
                    "credential_source = EcsContainer\n".into(),
                    Err("no credentials"),
                ),
                (
                    "credential_source = Ec2InstanceMetadata\n".into(),
                    Err("no credentials"),
                ),
                (
                    "credential_source = environment\n".into(),
                    Err("is none of"),
                ),
                ("source_profile = a\n".into(), Err("cycle: a -> a")),
                (
                    format!(
                        "source_profile = b\n[profile b]\n{ROLE}source_profile = c\n\
                         [profile c]\n{ROLE}source_profile = b\n"
                    ),
                    Err("cycle: a -> b -> c -> b"),
                ),
                (
                    "source_profile = missing\n".into(),
                    Err("this profile does not exist"),
                ),
                (
                    "source_profile = b\n[profile b]\nregion = r\n".into(),
                    Err("has no credentials"),
                ),
                (
                    format!("source_profile = a\ncredential_source = Environment\n{KEYS}"),
                    Err("both source_profile and credential_source"),
                ),
                (
                    String::new(),
                    Err("neither source_profile nor credential_source"),
                ),
                (
                    format!("source_profile = a\nmfa_serial = m\n{KEYS}"),
                    Err("requires an MFA code"),
                ),
            ] {
                let home = Home::with("", &format!("[profile a]\n{ROLE}{config}"));
                let environment = home.environment([("AWS_PROFILE", "a")]);
                match expected {
                    Ok(()) => {
                        let found = chosen(&Settings::default(), &environment);
                        assert_eq!(found.unwrap(), "assumed role", "{config}");
                    }
                    Err(words) => {
                        let error = message(&Settings::default(), &environment);
                        assert!(error.contains(words), "{error}");
                    }
                }
            }
        }

        #[test]
        fn an_incomplete_source_is_an_error_that_names_the_missing_setting() {
            for (config, pairs, words) in [
                ("web_identity_token_file = /t", [("X", "")], "AWS_ROLE_ARN"),
                ("", [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t")], "AWS_ROLE_ARN"),
                ("sso_account_id = 1", [("X", "")], "no sso_start_url"),
                (
                    "sso_account_id = 1\nsso_session = s",
                    [("X", "")],
                    "[sso-session s]",
                ),
                ("credential_process = \"x", [("X", "")], "unclosed"),
                (
                    "",
                    [(
                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                        "http://example.com/hidden",
                    )],
                    "plain http",
                ),
            ] {
                let home = Home::with("", &format!("[default]\n{config}\n"));
                let error = message(&Settings::default(), &home.environment(pairs));
                assert!(error.contains(words), "{error}");
            }
        }

        /// Checks that the credentials come from the instance, and the region, too, if nothing else is configured.
        #[test]
        fn instance_metadata_comes_last_and_brings_the_region() {
            use super::super::super::resolve;
            use super::super::super::testing::{Reply, Script};

            let server = Script::by_path(|path| match path {
                "/latest/api/token" => Reply::new(200, "token"),
                "/latest/meta-data/iam/security-credentials/" => Reply::new(200, "role"),
                "/latest/meta-data/iam/security-credentials/role" => Reply::new(
                    200,
                    r#"{"AccessKeyId":"key","SecretAccessKey":"hidden","Token":"hidden","Expiration":"2126-11-28T12:00:00Z"}"#,
                ),
                "/latest/meta-data/placement/region" => Reply::new(200, "eu-west-3"),
                _ => Reply::new(404, ""),
            });
            let url = server.url("");
            let home = Home::new();
            for (pair, region, requests) in [
                (("X", ""), Some("eu-west-3"), 4),
                (("AWS_REGION", "eu-west-1"), None, 3),
                (("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"), None, 3),
            ] {
                let before = server.requests().len();
                let environment = home.with_metadata([
                    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
                    ("AWS_METADATA_SERVICE_TIMEOUT", "20"),
                    pair,
                ]);
                let resolved = resolve(&Settings::default(), &environment).unwrap();
                assert_eq!(server.requests().len(), before, "building asks nobody");
                let found = resolved.provider.get().unwrap().unwrap();
                assert_eq!(found.access_key_id(), "key");
                assert_eq!(resolved.provider.region(), region);
                assert_eq!(server.requests().len() - before, requests);
            }
        }

        #[test]
        fn instance_metadata_without_credentials_ends_the_list() {
            use super::super::super::testing::{Reply, Script, given};

            let server = Script::start(|_| Reply::new(404, ""));
            let url = server.url("");
            let environment =
                Home::new().with_metadata([("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url)]);
            let error = given(&environment).unwrap_err().to_string();
            assert!(
                error.contains("no credentials: the program provided none"),
                "{error}"
            );
            assert!(
                error.contains("instance metadata: it returned no token"),
                "{error}"
            );
        }

        #[test]
        fn without_credentials_the_error_lists_every_source_in_order() {
            let home = Home::new();
            home.write(".aws/config", "[profile x]\nregion = r-1\n");
            let error = message(&Settings::default(), &home.environment([]));
            let mut rest = &error[..];
            for words in [
                "the program provided none",
                "AWS_ACCESS_KEY_ID is not set",
                "profile \"default\" has no role_arn",
                "AWS_WEB_IDENTITY_TOKEN_FILE is not set",
                "no sso_account_id",
                "no keys in",
                ".aws/credentials\" (does not exist)",
                "no login_session and no credential_process",
                ".aws/config\"",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "disabled by AWS_EC2_METADATA_DISABLED",
                "`anonymous`",
            ] {
                let at = rest.find(words);
                let at = at.unwrap_or_else(|| panic!("{words} is not in its place: {error}"));
                rest = &rest[at..];
            }
            let keys = [
                ("AWS_ACCESS_KEY_ID", "K"),
                ("AWS_SECRET_ACCESS_KEY", "hidden"),
            ];
            let error = message(&named("x"), &home.environment(keys));
            assert!(error.contains("the environment was not checked"), "{error}");
            assert!(!error.contains("AWS_WEB_IDENTITY_TOKEN_FILE"), "{error}");
        }
    }

    #[cfg(not(feature = "aws-chain"))]
    #[test]
    fn a_source_without_its_feature_is_refused_when_it_would_be_used() {
        let sections = |credentials: &str, config: &str| {
            Home::with(
                &format!("[x]\n{credentials}"),
                &format!("[profile x]\n{config}"),
            )
        };
        for setting in [
            "role_arn",
            "web_identity_token_file",
            "sso_account_id",
            "sso_role_name",
        ] {
            let home = sections(KEYS, &format!("{setting} = v\n"));
            let error = message(&named("x"), &home.environment([]));
            assert!(error.contains(&format!("{setting} of profile \"x\" requires")));
            assert!(error.contains("`aws-chain`"), "{error}");
        }
        for setting in ["credential_process", "login_session"] {
            let config = format!("{KEYS}{setting} = v\n");
            let error = message(&named("x"), &sections("", &config).environment([]));
            assert!(error.contains(&format!("{setting} of profile \"x\" requires")));
            // In botocore, keys in the credentials file come before these.
            assert!(chosen(&named("x"), &sections(KEYS, &config).environment([])).is_ok());
        }
        for variable in [
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ] {
            let error = message(
                &Settings::default(),
                &Home::new().environment([(variable, "/x")]),
            );
            assert!(error.contains(&format!("{variable} requires")), "{error}");
        }
        let error = message(&Settings::default(), &Home::new().environment([]));
        assert!(error.contains("`aws-chain`"), "{error}");
    }
}
