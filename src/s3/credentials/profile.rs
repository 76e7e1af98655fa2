//! The profile: its settings in the two shared files, and the source that reads credentials there.
//!
//! A setting in the credentials file overrides the same one in the config file (`Session.full_config` in
//! botocore). An access key and its secret come from the same file.

use std::cell::{Cell, OnceCell};
#[cfg(feature = "aws-chain")]
use std::collections::BTreeMap;
use std::rc::Rc;

use super::files::File;
use super::ini::{Section, Value};
use super::{Credentials, Environment, Parts, failed, words};
use crate::error::{Error, Result};

const KEY: &str = "aws_access_key_id";
const SECRET: &str = "aws_secret_access_key";

/// The tokens' names in botocore's order; the first is the older one.
const TOKENS: [&str; 2] = ["aws_security_token", "aws_session_token"];

/// The variables that name a profile, in botocore's order.
const VARIABLES: [&str; 2] = ["AWS_DEFAULT_PROFILE", "AWS_PROFILE"];

/// The profile, whose files are read on first use.
pub(super) struct LazyProfile<'a> {
    named: Option<&'a str>,
    environment: &'a Environment,
    read: OnceCell<Result<Profile>>,
    is_optional: Cell<bool>,
}

impl<'a> LazyProfile<'a> {
    /// Creates the profile that the caller named, or else the one of the environment, or else `default`.
    pub(super) fn new(named: Option<&'a str>, environment: &'a Environment) -> Self {
        Self {
            named,
            environment,
            read: OnceCell::new(),
            is_optional: Cell::new(false),
        }
    }

    /// Makes the profile optional, because the credentials are complete without it: if it is missing or unreadable, it has
    /// no settings, which is not an error.
    pub(super) fn make_optional(&self) {
        self.is_optional.set(true);
    }

    pub(super) fn get(&self) -> Result<&Profile> {
        self.read
            .get_or_init(|| Profile::read(self.named, self.environment))
            .as_ref()
            .map_err(Error::clone)
    }

    /// Returns the profile for its settings, or `None` if it is unavailable and optional.
    pub(super) fn settings(&self) -> Result<Option<&Profile>> {
        let was_read = self.read.get().is_some();
        match self.get() {
            Ok(profile) => Ok(Some(profile)),
            Err(error) if self.is_optional.get() => {
                if !was_read {
                    log::warn!("the settings of the profile are ignored: {error}");
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns a setting's value, if the profile has it.
    pub(super) fn text(&self, setting: &str) -> Result<Option<String>> {
        match self.settings()? {
            Some(profile) => profile.text(setting),
            None => Ok(None),
        }
    }
}

/// A profile's settings.
pub(super) struct Profile {
    name: String,
    origin: Origin,
    credentials: Rc<File>,
    config: Rc<File>,
}

/// Origin of the profile's name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Caller,
    Variable(&'static str),
    Nobody,
}

impl Profile {
    fn read(named: Option<&str>, environment: &Environment) -> Result<Self> {
        let (name, origin) = match named {
            Some(name) => (name.to_owned(), Origin::Caller),
            None => match environment.first_text(&VARIABLES)? {
                Some((variable, name)) => (name, Origin::Variable(variable)),
                None => ("default".to_owned(), Origin::Nobody),
            },
        };
        let profile = Self {
            name,
            origin,
            credentials: Rc::new(File::credentials(environment)?),
            config: Rc::new(File::config(environment)?),
        };
        if profile.origin != Origin::Nobody && !profile.exists() {
            return Err(failed(format!(
                "{} is neither in {} nor in {}",
                profile.title(),
                profile.credentials,
                profile.config
            ))
            .with_hint(
                "a profile is a section [name] in the first file, or [profile name] in the second",
            ));
        }
        Ok(profile)
    }

    /// Creates the profile of that name from the texts of the two files.
    #[cfg(feature = "fuzzing")]
    pub(super) fn of_texts(name: &str, credentials: &str, config: &str) -> Result<Self> {
        Ok(Self {
            name: name.to_owned(),
            origin: Origin::Caller,
            credentials: Rc::new(File::of_text("credentials", credentials)?),
            config: Rc::new(File::of_text("config", config)?),
        })
    }

    /// Returns the profile's name for an error, with the variable that named it.
    pub(super) fn title(&self) -> String {
        match self.origin {
            Origin::Variable(variable) => format!("profile {:?} (from {variable})", self.name),
            Origin::Caller | Origin::Nobody => format!("profile {:?}", self.name),
        }
    }

    pub(super) fn credentials_file(&self) -> &File {
        &self.credentials
    }

    pub(super) fn config_file(&self) -> &File {
        &self.config
    }

    /// Returns a setting's value; a blank one counts as absent.
    pub(super) fn text(&self, setting: &str) -> Result<Option<String>> {
        match self.text_in(&self.credentials, self.credentials_section(), setting)? {
            None => self.text_in(&self.config, self.config_section(), setting),
            found => Ok(found),
        }
    }

    /// Returns another profile of the same files, if it exists.
    #[cfg(feature = "aws-chain")]
    pub(super) fn sibling(&self, name: &str) -> Option<Self> {
        let sibling = Self {
            name: name.to_owned(),
            origin: Origin::Caller,
            credentials: Rc::clone(&self.credentials),
            config: Rc::clone(&self.config),
        };
        sibling.exists().then_some(sibling)
    }

    /// Returns true if the setting is present with any value.
    #[cfg(feature = "aws-chain")]
    pub(super) fn has(&self, setting: &str) -> bool {
        let sections = [self.credentials_section(), self.config_section()];
        let mut sections = sections.into_iter().flatten();
        sections.any(|section| section.get(setting).is_some())
    }

    /// Returns a setting in the indented block of that name, such as `addressing_style` in `s3 =`.
    pub(super) fn nested(&self, block: &str, setting: &str) -> Option<String> {
        let sections = [self.credentials_section(), self.config_section()];
        let value = sections
            .into_iter()
            .flatten()
            .find_map(|section| section.get(block));
        match value {
            Some(Value::Block(settings)) => settings
                .get(setting)
                .filter(|text| !text.is_empty())
                .cloned(),
            _ => None,
        }
    }

    /// Returns the settings of `[services name]`.
    pub(super) fn services(&self, name: &str) -> Option<&Section> {
        section_of_kind(&self.config, "services", name)
    }

    /// Returns the settings of `[sso-session name]` that have a value of one line.
    #[cfg(feature = "aws-chain")]
    pub(super) fn sso_session(&self, name: &str) -> Option<BTreeMap<String, String>> {
        let section = section_of_kind(&self.config, "sso-session", name)?;
        let texts = section
            .settings()
            .filter_map(|(setting, value)| match value {
                Value::Text(text) if !text.is_empty() && !text.contains('\n') => {
                    Some((setting.to_owned(), text.clone()))
                }
                _ => None,
            });
        Some(texts.collect())
    }

    /// Returns the access key and its secret in the credentials file.
    pub(super) fn keys_in_credentials_file(&self) -> Result<Option<Credentials>> {
        self.keys_in(&self.credentials, self.credentials_section())
    }

    /// Returns the access key and its secret in the config file.
    pub(super) fn keys_in_config_file(&self) -> Result<Option<Credentials>> {
        self.keys_in(&self.config, self.config_section())
    }

    /// Returns the access key and its secret in either file.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn keys(&self) -> Result<Option<Credentials>> {
        match self.keys_in_credentials_file()? {
            None => self.keys_in_config_file(),
            found => Ok(found),
        }
    }

    /// Returns true if one of the files has an access key or a secret for it.
    #[cfg(feature = "aws-chain")]
    pub(super) fn has_keys(&self) -> bool {
        self.has(KEY) || self.has(SECRET)
    }

    #[cfg(feature = "aws-chain")]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn exists(&self) -> bool {
        self.credentials_section().is_some() || self.config_section().is_some()
    }

    /// Returns the section `[name]`.
    fn credentials_section(&self) -> Option<&Section> {
        let mut sections = self.credentials.ini().sections();
        sections.find_map(|(name, section)| (name == self.name).then_some(section))
    }

    /// Returns the section `[profile name]`, or `[default]`, which needs no `profile`.
    fn config_section(&self) -> Option<&Section> {
        section_of_kind(&self.config, "profile", &self.name)
    }

    fn keys_in(&self, file: &File, section: Option<&Section>) -> Result<Option<Credentials>> {
        let text = |setting| self.text_in(file, section, setting);
        let mut parts = Parts {
            access_key_id: text(KEY)?,
            secret_access_key: text(SECRET)?,
            session_token: None,
        };
        for token in TOKENS {
            parts.session_token = match parts.session_token {
                None => text(token)?,
                found => found,
            };
        }
        parts.complete(&format!("{} in {file} has", self.title()), [KEY, SECRET])
    }

    fn text_in(
        &self,
        file: &File,
        section: Option<&Section>,
        setting: &str,
    ) -> Result<Option<String>> {
        match section.and_then(|section| section.get(setting)) {
            None => Ok(None),
            Some(Value::Text(text)) if text.is_empty() => Ok(None),
            Some(Value::Text(text)) if !text.contains('\n') => Ok(Some(text.clone())),
            // The lines below may be settings that were indented by mistake. One of them may be a secret,
            // which must not be sent as part of this value.
            Some(_) => Err(failed(format!(
                "{setting} of {} in {file} has more than one line",
                self.title()
            ))
            .with_hint("a line that is indented deeper continues the setting above it")),
        }
    }
}

/// Returns the section `[kind name]` of the config file, the last one if quotation marks make several equal.
fn section_of_kind<'f>(file: &'f File, kind: &str, name: &str) -> Option<&'f Section> {
    let is_it = |header: &str| {
        kind == "profile" && header == "default" && name == "default"
            || header.starts_with(kind)
                && words::split(header).is_some_and(|words| words == [kind, name])
    };
    let sections = file.ini().sections().filter(|(header, _)| is_it(header));
    sections.last().map(|(_, section)| section)
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    fn profile(named: Option<&str>, credentials: &str, config: &str) -> Result<Profile> {
        let home = Home::with(credentials, config);
        Profile::read(named, &home.environment([]))
    }

    fn region(named: &str, credentials: &str, config: &str) -> Option<String> {
        let profile = profile(Some(named), credentials, config).ok()?;
        profile.text("region").unwrap()
    }

    #[test]
    fn sections_are_named_differently_in_the_two_files() {
        for (name, credentials, config, found) in [
            ("x", "[x]\nregion = r", "", true),
            ("x", "[profile x]\nregion = r", "", false),
            ("x", "", "[profile x]\nregion = r", true),
            ("x", "", "[x]\nregion = r", false),
            ("default", "", "[default]\nregion = r", true),
            ("default", "", "[profile default]\nregion = r", true),
            ("my team", "", "[profile \"my team\"]\nregion = r", true),
            ("my team", "", "[profile my team]\nregion = r", false),
            ("my team", "[my team]\nregion = r", "", true),
            ("x", "", "[profiles x]\nregion = r", false),
            ("x", "", "[services x]\nregion = r", false),
            ("X", "", "[profile x]\nregion = r", false),
        ] {
            assert_eq!(
                region(name, credentials, config).is_some(),
                found,
                "{name} in {credentials:?} {config:?}"
            );
        }
    }

    #[test]
    fn the_last_section_of_a_profile_counts() {
        for (config, expected) in [
            ("[default]\nregion = a\n[profile default]\nregion = b", "b"),
            ("[profile default]\nregion = b\n[default]\nregion = a", "a"),
        ] {
            assert_eq!(region("default", "", config).unwrap(), expected);
        }
    }

    #[test]
    fn the_credentials_file_wins_over_the_config_file() {
        let config = "[profile x]\nregion = config";
        for (credentials, expected) in [
            ("[x]\nregion = credentials", "credentials"),
            ("[x]\nregion =", "config"),
            ("[y]\nregion = other", "config"),
        ] {
            assert_eq!(region("x", credentials, config).unwrap(), expected);
        }
    }

    #[test]
    fn a_key_pair_comes_from_one_of_the_two_files() {
        const KEYS: &str = "aws_access_key_id = K\naws_secret_access_key = S\n";
        for (credentials, config) in [
            (format!("[x]\n{KEYS}"), String::new()),
            (String::new(), format!("[profile x]\n{KEYS}")),
            ("[x]\nregion = r".to_owned(), format!("[profile x]\n{KEYS}")),
        ] {
            let profile = profile(Some("x"), &credentials, &config).unwrap();
            let found = profile.keys().unwrap().unwrap();
            assert_eq!(found.access_key_id(), "K");
            assert_eq!(found.secret_access_key(), "S");
        }
        let halves = profile(
            Some("x"),
            "[x]\naws_secret_access_key = hidden",
            "[profile x]\naws_access_key_id = K",
        );
        let error = halves.unwrap().keys().unwrap_err().to_string();
        assert!(error.contains("has aws_secret_access_key but not aws_access_key_id"));
        assert!(error.contains(".aws/credentials"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn the_older_token_setting_comes_first_as_in_botocore() {
        for (tokens, expected) in [
            ("aws_session_token = new", Some("new")),
            (
                "aws_session_token = new\naws_security_token = old",
                Some("old"),
            ),
            ("aws_session_token = new\naws_security_token =", Some("new")),
            ("", None),
        ] {
            let credentials =
                format!("[x]\naws_access_key_id = K\naws_secret_access_key = S\n{tokens}");
            let profile = profile(Some("x"), &credentials, "").unwrap();
            let found = profile.keys().unwrap().unwrap();
            assert_eq!(found.session_token(), expected, "{tokens}");
        }
    }

    #[test]
    fn a_setting_indented_by_mistake_never_becomes_part_of_the_one_above() {
        let credentials = "[x]\naws_secret_access_key = S\naws_access_key_id = K\n \
                           aws_session_token = hidden\n";
        let profile = profile(Some("x"), credentials, "").unwrap();
        let error = profile.keys().unwrap_err().to_string();
        assert!(
            error.contains("aws_access_key_id of profile \"x\""),
            "{error}"
        );
        assert!(error.contains("has more than one line"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }

    #[test]
    fn a_requested_profile_must_exist() {
        let home = Home::with("[other]\n", "");
        for (named, variable, title) in [
            (Some("x"), None, "profile \"x\" is neither"),
            (Some("default"), None, "profile \"default\" is neither"),
            (Some(""), None, "profile \"\" is neither"),
            (
                None,
                Some("AWS_PROFILE"),
                "profile \"v\" (from AWS_PROFILE) is neither",
            ),
            (
                None,
                Some("AWS_DEFAULT_PROFILE"),
                "profile \"v\" (from AWS_DEFAULT_PROFILE) is neither",
            ),
        ] {
            let environment = home.environment([(variable.unwrap_or("UNUSED"), "v")]);
            let error = Profile::read(named, &environment)
                .err()
                .unwrap()
                .to_string();
            assert!(error.contains(title), "{error}");
            assert!(error.contains(".aws/credentials\" nor in"), "{error}");
            assert!(error.contains(".aws/config\""), "{error}");
        }
        let nobody_asked = Profile::read(None, &home.environment([])).unwrap();
        assert!(nobody_asked.keys().unwrap().is_none());
    }

    #[test]
    fn the_profile_of_the_caller_overrides_the_environment() {
        let home = Home::with("[a]\n[b]\n[c]\n", "");
        for (named, default_profile, profile, expected) in [
            (Some("a"), "b", "c", "a"),
            (None, "b", "c", "b"),
            (None, "", "c", "c"),
            (None, "", "", "default"),
        ] {
            let environment = home.environment([
                ("AWS_DEFAULT_PROFILE", default_profile),
                ("AWS_PROFILE", profile),
            ]);
            assert_eq!(Profile::read(named, &environment).unwrap().name, expected);
        }
    }
}
