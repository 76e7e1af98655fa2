//! The endpoint, from the caller, the environment or the profile. Without one, AWS is used.
//!
//! See "Service-specific endpoints" in the AWS SDKs and Tools Reference Guide, and
//! `ConfiguredEndpointProvider` in botocore.

use super::ini::Value;
use super::profile::{LazyProfile, Profile};
use super::{Environment, failed};
use crate::error::Result;

/// A service whose endpoint can be configured.
#[derive(Clone, Copy)]
pub(super) struct Service {
    /// Its name in a `[services]` section.
    name: &'static str,
    variables: [&'static str; 2],
}

pub(super) const S3: Service = Service {
    name: "s3",
    variables: ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
};

#[cfg(feature = "aws-chain")]
pub(super) const STS: Service = Service {
    name: "sts",
    variables: ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"],
};

#[cfg(feature = "aws-chain")]
pub(super) const SSO: Service = Service {
    name: "sso",
    variables: ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL"],
};

/// The URL of an endpoint, and the place that it was read from.
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) origin: String,
}

/// Returns the endpoint's URL, if it is configured.
#[cfg(any(feature = "aws-chain", feature = "fuzzing"))]
pub(super) fn find(
    service: Service,
    given: Option<&str>,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<Option<String>> {
    let found = find_with_origin(service, given, environment, profile)?;
    Ok(found.map(|found| found.url))
}

/// Like `find`, but also returns the place that the URL was read from.
pub(super) fn find_with_origin(
    service: Service,
    given: Option<&str>,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<Option<Endpoint>> {
    if let Some(url) = given {
        return checked(url.to_owned(), "endpoint_url").map(Some);
    }
    if configured_are_ignored(environment, profile)? {
        return Ok(None);
    }
    if let Some((variable, url)) = environment.first_text(&service.variables)? {
        return checked(url, variable).map(Some);
    }
    let Some(profile) = profile.settings()? else {
        return Ok(None);
    };
    let url = match of_services(profile, service.name)? {
        None => profile.text("endpoint_url")?,
        found => found,
    };
    url.map(|url| checked(url, &format!("endpoint_url of {}", profile.title())))
        .transpose()
}

/// Returns true if endpoints of the environment and the profile are ignored.
fn configured_are_ignored(environment: &Environment, profile: &LazyProfile<'_>) -> Result<bool> {
    let flag = match environment.text("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")? {
        None => profile.text("ignore_configured_endpoint_urls")?,
        found => found,
    };
    Ok(flag.is_some_and(|flag| flag.eq_ignore_ascii_case("true")))
}

/// Returns the `endpoint_url` in the service's block (such as `s3 =`) of the section that the profile's `services`
/// setting names.
fn of_services(profile: &Profile, service: &str) -> Result<Option<String>> {
    let Some(name) = profile.text("services")? else {
        return Ok(None);
    };
    let trouble = |what: &str| {
        failed(format!(
            "{} uses [services {name}], {what} {}",
            profile.title(),
            profile.config_file()
        ))
    };
    let services = profile
        .services(&name)
        .ok_or_else(|| trouble("which is not in"))?;
    match services.get(service) {
        None => Ok(None),
        Some(Value::Block(block)) => Ok(block
            .get("endpoint_url")
            .filter(|url| !url.is_empty())
            .cloned()),
        Some(Value::Text(_)) => Err(trouble(&format!(
            "whose {service} has no indented lines below it in"
        ))),
    }
}

/// Rejects a blank URL and one with white space or control characters: parsing would drop line ends and outer spaces,
/// and the rest could be another host.
fn checked(url: String, origin: &str) -> Result<Endpoint> {
    if url.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(failed(format!("{origin} is blank or contains white space")));
    }
    let origin = origin.to_owned();
    Ok(Endpoint { url, origin })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    const CONFIG: &str = "[default]\nservices = own\nendpoint_url = http://profile\n\
                          [services own]\ns3 =\n  endpoint_url = http://services\n";

    fn endpoint<const N: usize>(
        given: Option<&str>,
        pairs: [(&str, &str); N],
        config: &str,
    ) -> Result<Option<String>> {
        let home = Home::with("", config);
        let environment = home.environment(pairs);
        find(
            S3,
            given,
            &environment,
            &LazyProfile::new(None, &environment),
        )
    }

    #[test]
    fn the_order_is_caller_environment_services_profile() {
        let own_without = "[default]\nservices = own\nendpoint_url = http://profile\n\
                           [services own]\nsts =\n  endpoint_url = http://sts\n";
        for (given, of_s3, of_all, config, expected) in [
            (
                Some("http://given"),
                "http://s3",
                "http://all",
                CONFIG,
                Some("http://given"),
            ),
            (None, "http://s3", "http://all", CONFIG, Some("http://s3")),
            (None, "", "http://all", CONFIG, Some("http://all")),
            (None, "", "", CONFIG, Some("http://services")),
            (None, "", "", own_without, Some("http://profile")),
            (None, "", "", "", None),
        ] {
            let pairs = [("AWS_ENDPOINT_URL_S3", of_s3), ("AWS_ENDPOINT_URL", of_all)];
            let found = endpoint(given, pairs, config).unwrap();
            assert_eq!(found.as_deref(), expected);
        }
    }

    #[test]
    fn configured_endpoints_can_be_ignored_but_not_an_explicit_one() {
        let ignoring = "[default]\nendpoint_url = http://profile\n\
                        ignore_configured_endpoint_urls = TRUE\n";
        for (given, flag, config, expected) in [
            (None, "true", "", None),
            (None, "True", "", None),
            (None, "1", "", Some("http://s3")),
            (None, "", ignoring, None),
            (None, "false", ignoring, Some("http://s3")),
            (Some("http://given"), "true", ignoring, Some("http://given")),
        ] {
            let pairs = [
                ("AWS_ENDPOINT_URL_S3", "http://s3"),
                ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", flag),
            ];
            let found = endpoint(given, pairs, config).unwrap();
            assert_eq!(found.as_deref(), expected, "{flag} {config}");
        }
    }

    #[test]
    fn an_unusable_services_section_is_named() {
        for (services, words) in [
            (
                "",
                "profile \"default\" uses [services own], which is not in",
            ),
            (
                "[services own]\ns3 = http://x",
                "whose s3 has no indented lines",
            ),
        ] {
            let config = format!("[default]\nservices = own\n{services}");
            let error = endpoint(None, [], &config).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_endpoint_with_white_space_is_an_error_that_names_its_source() {
        for (given, variable, config, words) in [
            (Some(""), "", "", "endpoint_url is"),
            (None, "http://x\n", "", "AWS_ENDPOINT_URL_S3"),
            (
                None,
                "",
                "[default]\nendpoint_url = http://x # mine",
                "endpoint_url of profile \"default\"",
            ),
        ] {
            let error = endpoint(given, [("AWS_ENDPOINT_URL_S3", variable)], config)
                .unwrap_err()
                .to_string();
            assert!(error.contains(words), "{error}");
            assert!(error.contains("white space"), "{error}");
        }
    }
}
