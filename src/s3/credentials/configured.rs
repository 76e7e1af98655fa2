//! Settings of requests from the environment and the profile: addressing style, checksums, attempts.
//!
//! See `DEFAULT_S3_CONFIG_VARS` and `BOTOCORE_DEFAUT_SESSION_VARIABLES` in botocore's `configprovider.py`.

use super::profile::LazyProfile;
use super::{Environment, failed};
use crate::error::Result;
use crate::s3::builder::AddressingStyle;

/// AWS endpoints that must be configured by URL here: variable, setting, and URL.
const OTHER_ENDPOINTS: [(Option<&str>, &str, &str); 3] = [
    (
        Some("AWS_USE_DUALSTACK_ENDPOINT"),
        "use_dualstack_endpoint",
        "https://s3.dualstack.REGION.amazonaws.com",
    ),
    (
        Some("AWS_USE_FIPS_ENDPOINT"),
        "use_fips_endpoint",
        "https://s3-fips.REGION.amazonaws.com",
    ),
    (
        // The AWS tools have no variable for this one.
        None,
        "use_accelerate_endpoint",
        "https://s3-accelerate.amazonaws.com with the addressing style `virtual`",
    ),
];

const RETRY_MODES: [&str; 3] = ["legacy", "standard", "adaptive"];

/// Settings that apply where the program set none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) addressing_style: Option<AddressingStyle>,
    /// Whether uploads send a checksum.
    pub(crate) checksums_of_requests: Option<bool>,
    /// Whether downloads are verified against a checksum.
    pub(crate) checksums_of_responses: Option<bool>,
    pub(crate) max_attempts: Option<u32>,
}

impl Configured {
    /// Reads the settings.
    ///
    /// # Errors
    ///
    /// Returns `CreateFailed` for an invalid value, and for a setting that selects an AWS endpoint not supported here,
    /// unless an endpoint is configured.
    pub(super) fn find(
        environment: &Environment,
        profile: &LazyProfile<'_>,
        has_endpoint: bool,
    ) -> Result<Self> {
        let places = Places {
            environment,
            profile,
        };
        if !has_endpoint {
            places.refuse_other_endpoints()?;
        }
        places.check_retry_mode()?;
        Ok(Self {
            addressing_style: places.addressing_style()?,
            checksums_of_requests: places.checksums(
                "AWS_REQUEST_CHECKSUM_CALCULATION",
                "request_checksum_calculation",
            )?,
            checksums_of_responses: places.checksums(
                "AWS_RESPONSE_CHECKSUM_VALIDATION",
                "response_checksum_validation",
            )?,
            max_attempts: places.max_attempts()?,
        })
    }
}

/// The places that contain settings.
struct Places<'a> {
    environment: &'a Environment,
    profile: &'a LazyProfile<'a>,
}

impl Places<'_> {
    /// Returns the value of a variable, or else of a profile setting, with the name of the one that has it.
    fn find<'n>(&self, variable: &'n str, setting: &'n str) -> Result<Option<(&'n str, String)>> {
        match self.environment.text(variable)? {
            Some(text) => Ok(Some((variable, text))),
            None => Ok(self.profile.text(setting)?.map(|text| (setting, text))),
        }
    }

    /// Returns a setting in the block `s3 =`.
    fn nested(&self, setting: &str) -> Result<Option<String>> {
        let profile = self.profile.settings()?;
        Ok(profile.and_then(|profile| profile.nested("s3", setting)))
    }

    fn refuse_other_endpoints(&self) -> Result<()> {
        for (variable, setting, url) in OTHER_ENDPOINTS {
            let found = match (self.nested(setting)?, variable) {
                (Some(text), _) => Some((setting, text)),
                (None, Some(variable)) => self.find(variable, setting)?,
                (None, None) => None,
            };
            if let Some((name, text)) = found
                && text.trim().eq_ignore_ascii_case("true")
            {
                let message =
                    format!("{name} selects an endpoint that s3fs does not choose by itself");
                return Err(failed(message).with_hint(format!("set endpoint_url to {url}")));
            }
        }
        Ok(())
    }

    fn addressing_style(&self) -> Result<Option<AddressingStyle>> {
        let Some(text) = self.nested("addressing_style")? else {
            return Ok(None);
        };
        match AddressingStyle::from_name(&text) {
            None => Err(failed(
                "addressing_style of the profile is not auto, path or virtual",
            )),
            style => Ok(style),
        }
    }

    fn checksums(&self, variable: &str, setting: &str) -> Result<Option<bool>> {
        match self.find(variable, setting)? {
            None => Ok(None),
            Some((_, text)) if text.eq_ignore_ascii_case("when_supported") => Ok(Some(true)),
            Some((_, text)) if text.eq_ignore_ascii_case("when_required") => Ok(Some(false)),
            Some((name, _)) => Err(failed(format!(
                "{name} is neither when_supported nor when_required"
            ))),
        }
    }

    /// Checks that the retry mode is valid. The retries are the same in all modes here.
    fn check_retry_mode(&self) -> Result<()> {
        match self.find("AWS_RETRY_MODE", "retry_mode")? {
            Some((name, text)) if !RETRY_MODES.contains(&text.as_str()) => Err(failed(format!(
                "{name} is not legacy, standard or adaptive"
            ))),
            _ => Ok(()),
        }
    }

    fn max_attempts(&self) -> Result<Option<u32>> {
        let Some((name, text)) = self.find("AWS_MAX_ATTEMPTS", "max_attempts")? else {
            return Ok(None);
        };
        match text.trim().parse() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(failed(format!(
                "{name} is not a whole number of at least 1"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    fn find(config: &str, pairs: [(&str, &str); 1], has_endpoint: bool) -> Result<Configured> {
        let home = Home::with("", config);
        let environment = home.environment(pairs);
        let profile = LazyProfile::new(None, &environment);
        Configured::find(&environment, &profile, has_endpoint)
    }

    #[test]
    fn variables_override_the_settings_of_the_profile() {
        let config = "[default]\nrequest_checksum_calculation = when_required\n\
                      response_checksum_validation = WHEN_SUPPORTED\nmax_attempts = 3\n\
                      retry_mode = adaptive\ns3 =\n  addressing_style = virtual\n";
        let found = find(config, [("AWS_MAX_ATTEMPTS", "7")], false).unwrap();
        let expected = Configured {
            addressing_style: Some(AddressingStyle::VirtualHost),
            checksums_of_requests: Some(false),
            checksums_of_responses: Some(true),
            max_attempts: Some(7),
        };
        assert_eq!(found, expected);
        assert_eq!(find("", [("X", "")], false).unwrap(), Configured::default());
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_the_setting() {
        for (config, variable, words) in [
            ("s3 =\n  addressing_style = host", "X", "addressing_style"),
            (
                "request_checksum_calculation = no",
                "X",
                "request_checksum_calculation",
            ),
            ("retry_mode = no", "X", "retry_mode"),
            ("max_attempts = 0", "X", "max_attempts"),
            ("", "AWS_MAX_ATTEMPTS", "AWS_MAX_ATTEMPTS"),
            ("", "AWS_RETRY_MODE", "AWS_RETRY_MODE"),
        ] {
            let config = format!("[default]\n{config}\n");
            let error = find(&config, [(variable, "none")], false).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn unsupported_aws_endpoints_are_refused_by_name_unless_an_endpoint_is_set() {
        for (config, variable) in [
            ("use_dualstack_endpoint = true", "X"),
            ("use_fips_endpoint = True", "X"),
            ("s3 =\n  use_accelerate_endpoint = true", "X"),
            ("s3 =\n  use_dualstack_endpoint = true", "X"),
            ("", "AWS_USE_FIPS_ENDPOINT"),
            ("", "AWS_USE_DUALSTACK_ENDPOINT"),
        ] {
            let config = format!("[default]\n{config}\n");
            let error = find(&config, [(variable, "true")], false)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("use_") || error.contains("AWS_USE_"),
                "{error}"
            );
            assert!(error.contains("endpoint_url"), "{error}");
            assert!(find(&config, [(variable, "true")], true).is_ok());
            let off = config.replace("true", "false").replace("True", "false");
            assert!(find(&off, [(variable, "false")], false).is_ok());
        }
    }
}
