//! [`Asked`]: the inputs by which the sources are chosen.

use super::profile::LazyProfile;
use super::{Environment, Settings};

/// The settings of the program, the environment, and the profile.
pub(super) struct Asked<'a> {
    pub(super) settings: &'a Settings,
    pub(super) environment: &'a Environment,
    pub(super) lazy: &'a LazyProfile<'a>,
}
