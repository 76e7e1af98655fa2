//! Credentials, region and endpoint: a chain of sources, one file per source.
//!
//! The caller's own settings come first ([`explicit`]), then the order of botocore ([`chain`]): the environment
//! ([`environment`]) unless the caller named a profile, the profile in the shared credentials and config files
//! ([`profile`]) with the sources that it may name, a container's endpoint, instance metadata. Sources that send
//! requests or run a program require the feature `aws-chain`, and are used at the first request. Without the feature
//! they are rejected by name ([`unsupported`]).
//!
//! [`region`], [`endpoint`], [`ca_bundle`] and [`configured`] are chains of the same kind for settings. The files
//! ([`files`], [`ini`], [`words`]) are read on first use. [`cached`] caches the credentials of a source and
//! refreshes them; [`provider`] holds the credentials of a client.

mod asked;
#[cfg(feature = "aws-chain")]
mod assume_role;
mod ca_bundle;
mod cached;
mod chain;
mod configured;
#[cfg(feature = "aws-chain")]
mod container;
#[cfg(feature = "fuzzing")]
mod describe;
mod endpoint;
mod environment;
mod explicit;
mod files;
#[cfg(feature = "aws-chain")]
mod http;
mod ini;
#[cfg(feature = "aws-chain")]
mod instance;
#[cfg(feature = "aws-chain")]
mod json;
#[cfg(feature = "aws-chain")]
mod login;
#[cfg(feature = "aws-chain")]
mod process;
mod profile;
mod provider;
mod region;
#[cfg(feature = "aws-chain")]
mod sigv4;
#[cfg(feature = "aws-chain")]
mod sso;
#[cfg(feature = "aws-chain")]
mod sts;
#[cfg(test)]
pub(super) mod testing;
#[cfg(not(feature = "aws-chain"))]
mod unsupported;
mod value;
#[cfg(feature = "aws-chain")]
mod web_identity;
mod words;

use std::fmt;
use std::path::PathBuf;

use crate::error::{Error, ErrorKind, Result};
use asked::Asked;
pub use cached::CachedCredentials;
use chain::{Chain, choose};
pub(crate) use configured::Configured;
pub(crate) use environment::Environment;
use profile::LazyProfile;
pub(crate) use provider::{Provider, Region};
pub use value::{Credentials, CredentialsProvider};

/// Returns true if the text can be parsed as one of the shared files.
#[cfg(feature = "fuzzing")]
pub(crate) fn is_shared_file(text: &str) -> bool {
    ini::parse(text).is_ok()
}

/// Reads the credentials and some settings of a profile from the texts of the two shared files, and its name as a
/// section's name.
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
    profile.keys()
}

/// Describes the files that these variables name, and the choices made from them: one line for each item, to be
/// compared with botocore.
#[cfg(feature = "fuzzing")]
pub(crate) fn described(environment: &Environment) -> Vec<String> {
    describe::lines(environment)
}

/// Splits a section's name into words.
#[cfg(feature = "fuzzing")]
pub(crate) fn words_of(text: &str) -> Option<Vec<String>> {
    words::split(text)
}

/// The credentials from one source, which may be incomplete.
#[derive(Clone, Default)]
pub(crate) struct Parts {
    pub(crate) access_key_id: Option<String>,
    pub(crate) secret_access_key: Option<String>,
    pub(crate) session_token: Option<String>,
}

impl Parts {
    /// Returns the credentials, or `None` if the source has neither key nor secret.
    ///
    /// Half of a pair is an error, whose message begins with `source`. botocore ignores a secret without its key. With a
    /// typing error in the key's name, requests would then be signed with another identity.
    fn complete(self, source: &str, [key, secret]: [&str; 2]) -> Result<Option<Credentials>> {
        let (has, lacks) = match (self.access_key_id, self.secret_access_key) {
            (Some(access_key_id), Some(secret_access_key)) => {
                let found = Credentials::new(access_key_id, secret_access_key);
                return Ok(Some(match self.session_token {
                    Some(token) => found.with_session_token(token),
                    None => found,
                }));
            }
            (None, None) => return Ok(None),
            (Some(_), None) => (key, secret),
            (None, Some(_)) => (secret, key),
        };
        Err(failed(format!("{source} {has} but not {lacks}"))
            .with_hint("set both the access key and its secret"))
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// The caller's settings, from the constructor or the FS URL.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) explicit: Parts,
    /// A source of the caller's own, used instead of the chain.
    pub(crate) provider: Option<CachedCredentials>,
    /// The caller's profile. It precedes the environment, and must exist.
    pub(crate) profile: Option<String>,
    pub(crate) anonymous: bool,
    pub(crate) region: Option<String>,
    pub(crate) endpoint_url: Option<String>,
    pub(crate) ca_bundle: Option<PathBuf>,
    /// The URL of a proxy, or `none`.
    pub(crate) proxy: Option<String>,
}

/// Result of the chain.
pub(crate) struct Resolved {
    pub(crate) provider: Provider,
    /// Valid as part of a host name.
    pub(crate) region: Option<String>,
    /// Not empty and without white space. Nothing else has been checked.
    pub(crate) endpoint_url: Option<String>,
    /// The place that the endpoint was read from: a parameter, a variable, a profile.
    pub(crate) endpoint_origin: Option<String>,
    /// The file of trusted root certificates for an https endpoint.
    pub(crate) ca_bundle: Option<PathBuf>,
    /// The settings of requests from the environment and the profile.
    pub(crate) configured: Configured,
    /// Name of the credentials' source, for the log.
    pub(crate) source: &'static str,
}

/// Chooses the source of the credentials, and reads the settings. Sends no request.
pub(crate) fn resolve(settings: &Settings, environment: &Environment) -> Result<Resolved> {
    let profile = LazyProfile::new(settings.profile.as_deref(), environment);
    if settings.profile.is_some() {
        profile.get()?;
    }
    let found = find_credentials(settings, environment, &profile)?;
    if found.is_enough {
        profile.make_optional();
    }
    let region = region::find(settings.region.as_deref(), environment, &profile)?;
    let found_endpoint = endpoint::find_with_origin(
        endpoint::S3,
        settings.endpoint_url.as_deref(),
        environment,
        &profile,
    )?;
    let (endpoint_url, endpoint_origin) = found_endpoint
        .map(|endpoint| (endpoint.url, endpoint.origin))
        .unzip();
    let found_region = Region::default();
    let cached = match found.credentials {
        Found::Anonymous => None,
        Found::Own(cached) => Some(cached),
        Found::Chain(at_hand) => {
            let is_asked = region.is_none() && endpoint_url.is_none();
            let chain = CachedCredentials::new(Chain {
                settings: settings.clone(),
                environment: environment.clone(),
                region: is_asked.then(|| found_region.clone()),
            });
            Some(match at_hand {
                Some(credentials) => chain.holding(credentials),
                None => chain,
            })
        }
    };
    Ok(Resolved {
        provider: Provider::new(cached, found_region),
        configured: Configured::find(environment, &profile, endpoint_url.is_some())?,
        region,
        endpoint_url,
        endpoint_origin,
        ca_bundle: ca_bundle::find(settings.ca_bundle.as_deref(), environment, &profile)?,
        source: found.source,
    })
}

struct FoundCredentials {
    credentials: Found,
    source: &'static str,
    /// Whether no profile is needed. A profile that is missing or unreadable is then not an error.
    is_enough: bool,
}

enum Found {
    Anonymous,
    Own(CachedCredentials),
    /// The chain, and its credentials if they are already read.
    Chain(Option<Credentials>),
}

fn find_credentials(
    settings: &Settings,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<FoundCredentials> {
    let explicit = explicit::credentials(&settings.explicit)?;
    let given = [
        (settings.anonymous, "`anonymous`"),
        (settings.provider.is_some(), "`credentials_provider`"),
        (explicit.is_some(), "an access key"),
    ];
    let given: Vec<&str> = given
        .into_iter()
        .filter_map(|(is, name)| is.then_some(name))
        .collect();
    if let [one, other, ..] = given[..] {
        return Err(
            failed(format!("{one} and {other} were both set")).with_hint("pass only one of them")
        );
    }
    if settings.anonymous {
        return Ok(FoundCredentials {
            credentials: Found::Anonymous,
            source: "anonymous",
            is_enough: true,
        });
    }
    if let Some(provider) = &settings.provider {
        return Ok(FoundCredentials {
            credentials: Found::Own(provider.clone()),
            source: "the program's provider",
            is_enough: true,
        });
    }
    if let Some(found) = explicit {
        return Ok(FoundCredentials {
            credentials: Found::Own(CachedCredentials::new(found)),
            source: "explicit",
            is_enough: true,
        });
    }
    let source = choose(&Asked {
        settings,
        environment,
        lazy: profile,
    })?;
    Ok(FoundCredentials {
        source: source.name(),
        is_enough: source.is_environment(),
        credentials: Found::Chain(source.at_hand().cloned()),
    })
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
        let credentials = resolved.provider.get().unwrap()?;
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
    fn anonymous_access_is_explicit_and_keeps_region_and_endpoint() {
        let home = Home::with(FILE, "[default]\nregion = r-1\nendpoint_url = http://e\n");
        let anonymous = Settings {
            anonymous: true,
            ..Settings::default()
        };
        let resolved = resolve(&anonymous, &home.environment(IN_ENVIRONMENT)).unwrap();
        assert!(resolved.provider.is_anonymous());
        assert_eq!(resolved.source, "anonymous");
        assert_eq!(resolved.region.as_deref(), Some("r-1"));
        assert_eq!(resolved.endpoint_url.as_deref(), Some("http://e"));
        let contradiction = Settings {
            explicit: explicit(),
            ..anonymous
        };
        let error = message(&contradiction, &home.environment([]));
        assert!(error.contains("were both set"), "{error}");
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
    fn a_key_pair_works_despite_a_broken_file_or_a_missing_profile() {
        let broken = [("nonsense hidden", ""), ("", "nonsense hidden"), ("", "")];
        for (credentials, config) in broken {
            let home = Home::with(credentials, config);
            let settings = Settings {
                explicit: explicit(),
                ..Settings::default()
            };
            let missing = home.environment([("AWS_PROFILE", "missing")]);
            let resolved = resolve(&settings, &missing).unwrap();
            assert_eq!(resolved.source, "explicit");
            assert_eq!((resolved.region, resolved.endpoint_url), (None, None));
            let [one, two] = IN_ENVIRONMENT;
            let environment = home.environment([one, two, ("AWS_PROFILE", "missing")]);
            let resolved = resolve(&Settings::default(), &environment).unwrap();
            assert_eq!(resolved.source, "environment");
            let own = Settings {
                provider: Some(CachedCredentials::new(Credentials::new("k", "s"))),
                ..Settings::default()
            };
            assert!(resolve(&own, &missing).is_ok());
            let anonymous = Settings {
                anonymous: true,
                ..Settings::default()
            };
            assert!(resolve(&anonymous, &missing).is_ok());
            // A profile that the caller named must exist.
            let also_a_profile = Settings {
                profile: Some("missing".into()),
                ..settings
            };
            message(&also_a_profile, &home.environment([]));
            message(&Settings::default(), &missing);
        }
    }

    #[test]
    fn a_broken_file_is_an_error_when_it_is_needed() {
        for (credentials, config) in [("nonsense hidden", ""), ("", "nonsense hidden")] {
            let home = Home::with(credentials, config);
            let error = message(&Settings::default(), &home.environment([]));
            assert!(error.contains(".aws/c"), "{error}");
            assert!(error.contains("line 1"), "{error}");
        }
    }

    /// Checks that no file is read if every setting was given.
    #[cfg(target_os = "linux")]
    #[test]
    fn no_file_is_read_if_all_settings_are_given() {
        // Reading one of these would be an error.
        let unreadable = [
            ("AWS_CONFIG_FILE", "/proc/self/mem"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/proc/self/mem"),
        ];
        let settings = Settings {
            explicit: explicit(),
            ..Settings::default()
        };
        let environment = Environment::from_pairs(unreadable);
        let chosen = find_credentials(
            &settings,
            &environment,
            &LazyProfile::new(None, &environment),
        );
        assert_eq!(chosen.ok().unwrap().source, "explicit");
    }

    #[test]
    fn an_incomplete_key_pair_never_falls_through_to_the_next_source() {
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
            assert!(error.contains("the caller passed"), "{error}");
        }
        for half in IN_ENVIRONMENT {
            let error = message(&Settings::default(), &home.environment([half]));
            assert!(error.contains("the environment has"), "{error}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_the_credentials() {
        let credentials = explicit::credentials(&explicit()).unwrap();
        assert!(!format!("{credentials:?}").contains("hidden"));
        assert_eq!(format!("{:?}", explicit()), "Parts { .. }");
    }
}
