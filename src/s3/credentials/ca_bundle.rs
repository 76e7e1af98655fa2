//! The file of trusted root certificates for https endpoints, from the caller, the environment or the
//! profile. Without one, the default certificates of the build apply.
//!
//! See `verify` and `ca_bundle` in botocore's configuration.

use std::path::{Path, PathBuf};

use super::profile::LazyProfile;
use super::{Environment, failed};
use crate::error::Result;

const VARIABLE: &str = "AWS_CA_BUNDLE";

/// Returns the path of the file, if one is configured.
pub(super) fn find(
    given: Option<&Path>,
    environment: &Environment,
    profile: &LazyProfile<'_>,
) -> Result<Option<PathBuf>> {
    if let Some(given) = given {
        return Ok(Some(given.to_owned()));
    }
    let said = match environment.text(VARIABLE)? {
        Some(path) => Some(path),
        // An unreadable profile is no error for a caller that configured everything else. Without its
        // ca_bundle, fewer servers are trusted, not more.
        None => match profile.get() {
            Ok(profile) => profile.text("ca_bundle")?,
            Err(_) => None,
        },
    };
    let expand = |path: String| {
        let expanded = environment.expand(Path::new(&path));
        expanded
            .ok_or_else(|| failed("the ca_bundle begins with ~, but the home directory is unknown"))
    };
    said.map(expand).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Home;
    use super::*;

    #[test]
    fn the_caller_comes_before_the_environment_and_then_the_profile() {
        let config = "[default]\nca_bundle = /in/file";
        for (given, variable, config, expected) in [
            (Some("/given"), "/variable", config, Some("/given")),
            (None, "/variable", config, Some("/variable")),
            (None, "", config, Some("/in/file")),
            (None, "", "", None),
            (None, "", "nonsense", None),
        ] {
            let home = Home::with("", config);
            let environment = home.environment([(VARIABLE, variable)]);
            let profile = LazyProfile::new(None, &environment);
            let found = find(given.map(Path::new), &environment, &profile).unwrap();
            assert_eq!(found.as_deref(), expected.map(Path::new));
        }
    }

    #[test]
    fn a_tilde_is_the_home_directory() {
        let home = Home::new();
        let environment = home.environment([(VARIABLE, "~/ca.pem")]);
        let profile = LazyProfile::new(None, &environment);
        let found = find(None, &environment, &profile).unwrap();
        assert_eq!(found, Some(home.path("ca.pem")));
    }
}
