//! The region, from the caller, the environment or the profile.

use super::profile::LazyProfile;
use super::{Environment, failed};
use crate::error::Result;

/// The other SDKs read the first, botocore reads the second.
const VARIABLES: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Returns the configured region, if there is one.
pub(super) fn find(
    given: Option<&str>,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<Option<String>> {
    if let Some(region) = given {
        return checked(region.to_owned(), "the given region").map(Some);
    }
    if let Some((variable, region)) = environment.first_text(&VARIABLES)? {
        return checked(region, variable).map(Some);
    }
    let Some(profile) = profile.settings()? else {
        return Ok(None);
    };
    match profile.text("region")? {
        Some(region) => checked(region, &format!("region of {}", profile.title())).map(Some),
        None => Ok(None),
    }
}

pub(super) fn checked(region: String, origin: &str) -> Result<String> {
    if region == "aws-global" {
        return Err(
            failed(format!("{origin} is aws-global, which is not a region"))
                .with_hint("use us-east-1"),
        );
    }
    if is_host_label(&region) {
        return Ok(region);
    }
    Err(failed(format!("{origin} is not a valid region name"))
        .with_hint("a region name consists of letters, digits and hyphens, such as us-east-1"))
}

/// Returns true if the region can be part of a host name. The rule is botocore's `validate_region_name`.
fn is_host_label(region: &str) -> bool {
    (1..=63).contains(&region.len())
        && region
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !region.starts_with('-')
        && !region.ends_with('-')
        && !region.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    fn region(
        given: Option<&str>,
        pairs: [(&str, &str); 2],
        config: &str,
    ) -> Result<Option<String>> {
        let home = Home::with("", config);
        let environment = home.environment(pairs);
        find(given, &environment, &LazyProfile::new(None, &environment))
    }

    #[test]
    fn the_caller_comes_before_the_environment_and_then_the_profile() {
        let config = "[default]\nregion = in-file";
        for (given, aws_region, default_region, config, expected) in [
            (Some("given"), "one", "two", config, Some("given")),
            (None, "one", "two", config, Some("one")),
            (None, "", "two", config, Some("two")),
            (None, "", " ", config, Some("in-file")),
            (None, "", "", "", None),
        ] {
            let pairs = [
                ("AWS_REGION", aws_region),
                ("AWS_DEFAULT_REGION", default_region),
            ];
            let found = region(given, pairs, config).unwrap();
            assert_eq!(found.as_deref(), expected);
        }
    }

    #[test]
    fn a_region_must_be_a_valid_part_of_a_host_name() {
        let longest = "r".repeat(63);
        for good in ["us-east-1", "auto", "RegionOne", "0-a", longest.as_str()] {
            assert!(is_host_label(good), "{good}");
        }
        let too_long = "r".repeat(64);
        for bad in [
            "",
            "us_east_1",
            "us-east-1.evil.example",
            "evil.example/",
            "a@b",
            "us-east-1\n",
            " us-east-1",
            "-a",
            "a-",
            "12345",
            "\u{fc}s-east-1",
            too_long.as_str(),
        ] {
            assert!(!is_host_label(bad), "{bad}");
        }
    }

    #[test]
    fn an_invalid_region_is_an_error_that_names_its_source() {
        for (given, variable, config, words) in [
            (
                Some("a/b"),
                "",
                "",
                "the given region is not a valid region name",
            ),
            (None, "a/b", "", "AWS_REGION is not a valid region name"),
            (
                None,
                "",
                "[default]\nregion = a/b",
                "region of profile \"default\" is not a valid region name",
            ),
        ] {
            let pairs = [("AWS_REGION", variable), ("AWS_DEFAULT_REGION", "")];
            let error = region(given, pairs, config).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
