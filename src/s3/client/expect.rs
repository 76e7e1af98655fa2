//! [`Expectation`]: whether a server is asked for its word (`Expect: 100-continue`) before a large body
//! is sent.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// For how long a server that seems to ignore the question, or refuses it, is not asked. What took so
/// long may have been the connection, which is not made for each request.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What is known of the server so far.
#[derive(Default)]
pub(super) struct Expectation {
    useless: Mutex<Option<Instant>>,
}

impl Expectation {
    /// Whether the server is asked, at that time.
    pub(super) fn is_asked(&self, now: Instant) -> bool {
        let useless = *self.useless.lock().unwrap_or_else(PoisonError::into_inner);
        useless.is_none_or(|then| now.saturating_duration_since(then) >= FORGOTTEN_AFTER)
    }

    /// The body of a request that asked waited, and went unasked then; or the question was refused (417).
    pub(super) fn was_useless(&self, now: Instant) {
        *self.useless.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }

    /// The next large body asks again.
    pub(super) fn may_be_useful(&self) {
        *self.useless.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_was_slow_once_is_asked_again_later() {
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
