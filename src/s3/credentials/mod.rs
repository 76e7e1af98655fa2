//! Whose access key, which region and which endpoint: one chain of sources, one file a source.
//!
//! The order is botocore's, which other SDKs share ("Standardized credential providers" in the AWS
//! SDKs and Tools Reference Guide):
//!
//! 1. what the caller gave ([`explicit`]),
//! 2. the environment ([`environment`]), unless the caller named a profile,
//! 3. the profile in the shared credentials and config files ([`profile`]).
//!
//! What the SDKs have beyond these is refused by name ([`unsupported`]), because going on to the
//! next source would be going on as someone else. [`region`], [`endpoint`] and [`ca_bundle`] are chains
//! of the same kind. The files ([`files`], [`ini`], [`words`]) are read when something first needs them, so that a
//! broken one does not stop a caller who gave everything. [`provider`] keeps what the chain found, and
//! asks it again when that has expired.

mod ca_bundle;
mod endpoint;
mod environment;
mod explicit;
mod files;
mod ini;
mod profile;
mod provider;
mod region;
#[cfg(test)]
pub(super) mod testing;
mod unsupported;
mod words;

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
pub(crate) use environment::Environment;
use profile::LazyProfile;
pub(crate) use provider::Provider;

/// Whether the text can be read as one of the shared files.
#[cfg(feature = "fuzzing")]
pub(crate) fn is_shared_file(text: &str) -> bool {
    ini::parse(text).is_ok()
}

/// What a profile of two shared files, from their texts, has of credentials and settings; and the words of
/// its name.
#[cfg(feature = "fuzzing")]
pub(crate) fn read_profile(
    name: &str,
    credentials: &str,
    config: &str,
) -> Result<Option<Credentials>> {
    let profile = profile::Profile::of_texts(name, credentials, config)?;
    for setting in ["region", "endpoint_url", "ca_bundle", "services"] {
        let found = profile.text(setting)?;
        assert!(
            found.is_none_or(|text| !text.is_empty() && !text.contains('\n')),
            "{setting}"
        );
    }
    let _ = profile.services(name);
    Ok(profile.credentials()?.map(|(found, _)| found))
}

/// The words of a section's name.
#[cfg(feature = "fuzzing")]
pub(crate) fn words_of(text: &str) -> Option<Vec<String>> {
    words::split(text)
}

/// An access key, its secret, and the session token of temporary ones.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Credentials {
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn new(key: &str, secret: &str, token: Option<&str>) -> Self {
        Self {
            access_key_id: key.to_owned(),
            secret_access_key: secret.to_owned(),
            session_token: token.map(str::to_owned),
        }
    }

    pub(crate) fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(crate) fn secret_access_key(&self) -> &str {
        &self.secret_access_key
    }

    pub(crate) fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

/// What one source says of the credentials, which may be less than all of them.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) access_key_id: Option<String>,
    pub(crate) secret_access_key: Option<String>,
    pub(crate) session_token: Option<String>,
}

impl Parts {
    /// The credentials, or `None` if the source has neither key nor secret.
    ///
    /// Half of a pair is an error that begins with `source`. botocore overlooks a secret without
    /// its key; a typing error in the key's name would then sign as someone else.
    fn complete(self, source: &str, [key, secret]: [&str; 2]) -> Result<Option<Credentials>> {
        let (has, lacks) = match (self.access_key_id, self.secret_access_key) {
            (Some(access_key_id), Some(secret_access_key)) => {
                return Ok(Some(Credentials {
                    access_key_id,
                    secret_access_key,
                    session_token: self.session_token,
                }));
            }
            (None, None) => return Ok(None),
            (Some(_), None) => (key, secret),
            (None, Some(_)) => (secret, key),
        };
        Err(failed(format!("{source} {has} but not {lacks}"))
            .with_hint("an access key and its secret go together"))
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// What the caller asked for, in the constructor or the FS URL.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) explicit: Parts,
    /// A profile named here is asked before the environment, and must exist.
    pub(crate) profile: Option<String>,
    pub(crate) anonymous: bool,
    pub(crate) region: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
}

/// What the chain found.
pub(crate) struct Resolved {
    /// `None` is anonymous, which is never a fallback: the caller asked for it.
    pub(crate) credentials: Option<Credentials>,
    /// Fit to be part of a host name.
    pub(crate) region: Option<String>,
    /// Without white space and not empty; nothing else of it has been looked at.
    pub(crate) endpoint_url: Option<String>,
    /// Whom an https endpoint has to be certified by.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// Where the credentials came from, for the log.
    pub(crate) source: &'static str,
}

/// Asks the sources in their order.
pub(crate) fn resolve(settings: &Settings, environment: &Environment) -> Result<Resolved> {
    let profile = LazyProfile::new(settings.profile.as_deref(), environment);
    if settings.profile.is_some() {
        profile.get()?;
    }
    let (credentials, source) = find_credentials(settings, environment, &profile)?;
    Ok(Resolved {
        credentials,
        region: region::find(settings.region.as_deref(), environment, &profile)?,
        endpoint_url: endpoint::find(settings.endpoint_url.as_deref(), environment, &profile)?,
        ca_bundle: ca_bundle::find(settings.ca_bundle.as_deref(), environment, &profile)?,
        source,
    })
}

fn find_credentials(
    settings: &Settings,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<(Option<Credentials>, &'static str)> {
    let explicit = explicit::credentials(&settings.explicit)?;
    if settings.anonymous {
        return match explicit {
            None => Ok((None, "anonymous")),
            Some(_) => Err(failed("`anonymous` and an access key were both given")
                .with_hint("give one of them")),
        };
    }
    if let Some(found) = explicit {
        return Ok((Some(found), "explicit"));
    }
    if settings.profile.is_none() {
        if let Some(found) = environment::credentials(environment)? {
            return Ok((Some(found), "environment"));
        }
        unsupported::refuse_web_identity(environment)?;
    }
    if let Some((found, source)) = profile.get()?.credentials()? {
        return Ok((Some(found), source));
    }
    if settings.profile.is_none() {
        unsupported::refuse_container(environment)?;
    }
    Err(no_credentials(settings, profile.get()?))
}

fn no_credentials(settings: &Settings, profile: &profile::Profile) -> Error {
    let environment = match settings.profile {
        None => "AWS_ACCESS_KEY_ID is not set",
        Some(_) => "the environment was not asked, since a profile was named",
    };
    failed(format!(
        "no credentials: none were given; {environment}; {} has none in {} or {}; this version asks \
         neither a container endpoint nor instance metadata",
        profile.title(),
        profile.credentials_file(),
        profile.config_file(),
    ))
    .with_hint(
        "give an access key and its secret, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a \
         profile that has them, or ask for `anonymous`",
    )
}

fn failed(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::CreateFailed).with_message(message)
}

#[cfg(test)]
mod tests {
    use super::testing::Home;
    use super::*;

    const FILE: &str = "[default]\naws_access_key_id = default\naws_secret_access_key = hidden\n\
                        [x]\naws_access_key_id = x\naws_secret_access_key = hidden\n";
    const IN_ENVIRONMENT: [(&str, &str); 2] = [
        ("AWS_ACCESS_KEY_ID", "environment"),
        ("AWS_SECRET_ACCESS_KEY", "hidden"),
    ];

    fn explicit() -> Parts {
        Parts {
            access_key_id: Some("explicit".into()),
            secret_access_key: Some("hidden".into()),
            session_token: Some("hidden".into()),
        }
    }

    fn named(profile: &str) -> Settings {
        Settings {
            profile: Some(profile.into()),
            ..Settings::default()
        }
    }

    fn key(settings: &Settings, environment: &Environment) -> Option<(String, &'static str)> {
        let resolved = resolve(settings, environment).unwrap();
        let credentials = resolved.credentials?;
        Some((credentials.access_key_id().to_owned(), resolved.source))
    }

    fn message(settings: &Settings, environment: &Environment) -> String {
        let error = resolve(settings, environment).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::CreateFailed);
        assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
        error.to_string()
    }

    #[test]
    fn the_chain_is_explicit_then_named_profile_then_environment_then_default_profile() {
        let home = Home::with(FILE, "");
        let keys = home.environment(IN_ENVIRONMENT);
        let empty = home.environment([]);
        let pointed = home.environment([("AWS_PROFILE", "x")]);
        let [one, two] = IN_ENVIRONMENT;
        let both = home.environment([one, two, ("AWS_PROFILE", "x")]);
        let all = Settings {
            explicit: explicit(),
            ..named("x")
        };
        for (settings, environment, expected, source) in [
            (&all, &keys, "explicit", "explicit"),
            (&named("x"), &keys, "x", "shared credentials file"),
            (&Settings::default(), &keys, "environment", "environment"),
            (&Settings::default(), &both, "environment", "environment"),
            (
                &Settings::default(),
                &pointed,
                "x",
                "shared credentials file",
            ),
            (
                &Settings::default(),
                &empty,
                "default",
                "shared credentials file",
            ),
        ] {
            let found = key(settings, environment);
            assert_eq!(found, Some((expected.to_owned(), source)));
        }
    }

    #[test]
    fn anonymous_is_asked_for_and_keeps_region_and_endpoint() {
        let home = Home::with(FILE, "[default]\nregion = r-1\nendpoint_url = http://e\n");
        let anonymous = Settings {
            anonymous: true,
            ..Settings::default()
        };
        let resolved = resolve(&anonymous, &home.environment(IN_ENVIRONMENT)).unwrap();
        assert!(resolved.credentials.is_none());
        assert_eq!(resolved.source, "anonymous");
        assert_eq!(resolved.region.as_deref(), Some("r-1"));
        assert_eq!(resolved.endpoint_url.as_deref(), Some("http://e"));
        let contradiction = Settings {
            explicit: explicit(),
            ..anonymous
        };
        let error = message(&contradiction, &home.environment([]));
        assert!(error.contains("were both given"), "{error}");
    }

    #[test]
    fn a_named_profile_gives_region_and_endpoint_to_explicit_credentials() {
        let home = Home::with("", "[profile x]\nregion = r-1\nendpoint_url = http://e\n");
        let settings = Settings {
            explicit: explicit(),
            ..named("x")
        };
        let resolved = resolve(&settings, &home.environment([])).unwrap();
        assert_eq!(resolved.region.as_deref(), Some("r-1"));
        assert_eq!(resolved.endpoint_url.as_deref(), Some("http://e"));
    }

    #[test]
    fn a_broken_file_stops_only_who_needs_it() {
        let home = Home::with("nonsense hidden", "nonsense hidden");
        let settings = Settings {
            explicit: explicit(),
            region: Some("r-1".into()),
            endpoint_url: Some("http://e".into()),
            ..Settings::default()
        };
        assert!(resolve(&settings, &home.environment([])).is_ok());
        let also_a_profile = Settings {
            profile: Some("x".into()),
            ..settings.clone()
        };
        message(&also_a_profile, &home.environment([]));
        let [one, two] = IN_ENVIRONMENT;
        let environment = home.environment([
            one,
            two,
            ("AWS_REGION", "r-1"),
            ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"),
        ]);
        assert!(resolve(&Settings::default(), &environment).is_ok());
        for settings in [
            Settings {
                region: None,
                ..settings.clone()
            },
            Settings {
                endpoint_url: None,
                ..settings.clone()
            },
            Settings::default(),
        ] {
            let error = message(&settings, &home.environment([]));
            assert!(error.contains(".aws/credentials"), "{error}");
            assert!(error.contains("line 1"), "{error}");
        }
    }

    #[test]
    fn half_a_pair_never_goes_on_to_the_next_source() {
        let home = Home::with(FILE, "");
        let (key, secret) = (explicit().access_key_id, explicit().secret_access_key);
        for (access_key_id, secret_access_key) in [(key, None), (None, secret)] {
            let half = Settings {
                explicit: Parts {
                    access_key_id,
                    secret_access_key,
                    session_token: None,
                },
                ..Settings::default()
            };
            let error = message(&half, &home.environment(IN_ENVIRONMENT));
            assert!(error.contains("the caller gave"), "{error}");
        }
        for half in IN_ENVIRONMENT {
            let error = message(&Settings::default(), &home.environment([half]));
            assert!(error.contains("the environment has"), "{error}");
        }
    }

    #[test]
    fn no_credentials_lists_what_was_tried_and_what_to_do() {
        let home = Home::new();
        home.write(".aws/config", "[profile x]\nregion = r-1\n");
        let error = message(&Settings::default(), &home.environment([]));
        for words in [
            "AWS_ACCESS_KEY_ID is not set",
            "profile \"default\" has none in",
            ".aws/credentials\" (not there)",
            ".aws/config\"",
            "instance metadata",
            "`anonymous`",
        ] {
            assert!(error.contains(words), "{words}: {error}");
        }
        let error = message(&named("x"), &home.environment(IN_ENVIRONMENT));
        assert!(error.contains("the environment was not asked"), "{error}");
        assert!(error.contains("profile \"x\" has none in"), "{error}");
    }

    #[test]
    fn a_source_of_the_sdks_that_is_not_here_is_refused_where_it_would_be_used() {
        let with_keys = Home::with(FILE, "");
        let without = Home::new();
        let web_identity = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")];
        let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://localhost")];
        let error = message(&Settings::default(), &with_keys.environment(web_identity));
        assert!(
            error.contains("AWS_WEB_IDENTITY_TOKEN_FILE asks for"),
            "{error}"
        );
        let error = message(&Settings::default(), &without.environment(container));
        assert!(
            error.contains("AWS_CONTAINER_CREDENTIALS_FULL_URI asks for"),
            "{error}"
        );
        // Neither would be asked here.
        assert!(resolve(&named("x"), &with_keys.environment(web_identity)).is_ok());
        assert!(resolve(&Settings::default(), &with_keys.environment(container)).is_ok());
    }

    #[test]
    fn debug_shows_nothing_of_the_credentials() {
        let credentials = explicit::credentials(&explicit()).unwrap();
        assert_eq!(format!("{credentials:?}"), "Some(Credentials { .. })");
        assert_eq!(format!("{:?}", explicit()), "Parts { .. }");
    }
}
