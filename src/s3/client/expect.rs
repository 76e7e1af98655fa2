//! [`Expectation`]: whether to wait for `100 Continue` (`Expect: 100-continue`) before a large body is
//! sent.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time for which `Expect` is not sent after a server seemed to ignore it, or rejected it. The delay may have been
/// the time to connect, which not every request needs.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// State of the expectation for one server.
#[derive(Default)]
pub(super) struct Expectation {
    useless: Mutex<Option<Instant>>,
}

impl Expectation {
    /// Returns true if `Expect` is sent at that time.
    pub(super) fn is_asked(&self, now: Instant) -> bool {
        let useless = *self.useless.lock().unwrap_or_else(PoisonError::into_inner);
        useless.is_none_or(|then| now.saturating_duration_since(then) >= FORGOTTEN_AFTER)
    }

    /// Records that a body was sent after waiting for `100 Continue` in vain, or that `Expect` was rejected (417).
    pub(super) fn was_useless(&self, now: Instant) {
        *self.useless.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// Makes the next large body wait again.
    pub(super) fn may_be_useful(&self) {
        *self.useless.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expect_is_used_again_some_time_after_a_slow_response() {
        let expectation = Expectation::default();
        let now = Instant::now();
        assert!(expectation.is_asked(now));
        expectation.was_useless(now);
        assert!(!expectation.is_asked(now));
        assert!(!expectation.is_asked(now + FORGOTTEN_AFTER / 2));
        assert!(expectation.is_asked(now + FORGOTTEN_AFTER));
        expectation.may_be_useful();
        assert!(expectation.is_asked(now));
    }
}
