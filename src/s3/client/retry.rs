//! When a request is made again, and how long to wait before: a policy that takes values and gives
//! one. Whoever follows it sleeps.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::s3::client::agent::LONGEST;

/// How much is tried. The defaults are boto3's attempts, and a time that outlasts the restart of a
/// server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// How many attempts a request gets, the first one included.
    pub(crate) max_attempts: u32,
    /// From the first failure on; no attempt begins later.
    pub(crate) timeout: Duration,
    /// The longest wait before the second attempt; each later one may be twice as long.
    pub(crate) base_delay: Duration,
    /// The longest wait of all that are not the server's own wish.
    pub(crate) max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            timeout: Duration::from_secs(180),
            base_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(20),
        }
    }
}

/// What became of an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It would fail again.
    Final,
    /// The network or the server failed for once.
    Transient,
    /// The host's name could not be looked up now.
    Unresolved,
    /// No answer in time.
    TimedOut,
    /// The server asks for fewer requests.
    Throttled,
}

/// An attempt that failed, as the policy looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// The first one is 1.
    pub(super) number: u32,
    pub(super) outcome: Outcome,
    /// Since the first attempt failed.
    pub(super) elapsed: Duration,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// At least 0 and less than 1.
    pub(super) random: f64,
}

/// What to do after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Try again after that time.
    Again(Duration),
    GiveUp(Why),
}

/// Why no more is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// It would fail again.
    Final,
    /// There were as many attempts as there may be.
    Attempts,
    /// The time that there is would be over.
    Time,
}

/// How many attempts there are at most to a host whose name cannot be looked up.
const LOOKUPS: u32 = 2;

/// The factor on the wait after a server that asks for fewer requests, over that after a single failure.
const THROTTLED_FACTOR: u32 = 5;

impl RetryPolicy {
    /// No time in it longer than [`LONGEST`].
    pub(crate) fn bounded(self) -> Self {
        Self {
            max_attempts: self.max_attempts,
            timeout: self.timeout.min(LONGEST),
            base_delay: self.base_delay.min(LONGEST),
            max_delay: self.max_delay.min(LONGEST),
        }
    }

    /// Whether to try again: exponential backoff with full jitter, the server's wish before that.
    ///
    /// Source: [Exponential Backoff And Jitter](https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    pub(super) fn decide(&self, attempt: &Attempt) -> Decision {
        if attempt.outcome == Outcome::Final {
            return Decision::GiveUp(Why::Final);
        }
        let most = match attempt.outcome {
            Outcome::Unresolved => self.max_attempts.min(LOOKUPS),
            _ => self.max_attempts,
        };
        if attempt.number >= most {
            return Decision::GiveUp(Why::Attempts);
        }
        let doublings = attempt.number.saturating_sub(1).min(31);
        let factor = match attempt.outcome {
            Outcome::Throttled => THROTTLED_FACTOR,
            _ => 1,
        };
        let longest = self
            .base_delay
            .saturating_mul(factor)
            .saturating_mul(1 << doublings)
            .min(self.max_delay);
        let wait = longest.mul_f64(attempt.random.clamp(0.0, 1.0));
        let wait = wait.max(attempt.retry_after.unwrap_or_default());
        if attempt.elapsed.saturating_add(wait) >= self.timeout {
            return Decision::GiveUp(Why::Time);
        }
        Decision::Again(wait)
    }
}

/// What all clones of a client may spend on trying again: while most requests fail, fewer and fewer
/// are made again, so that a server that is dying is not hammered.
///
/// Source: the retry quota of the standard mode, [Retry behavior](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
pub(super) struct Budget(Mutex<u32>);

impl Budget {
    const CAPACITY: u32 = 500;
    const RETRY: u32 = 5;
    const TIMEOUT: u32 = 10;
    const FIRST_SUCCESS: u32 = 1;

    /// A full one.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Self::CAPACITY))
    }

    /// Takes what another attempt costs, and says how much that is; `None` if there is not enough.
    pub(super) fn spend(&self, outcome: Outcome) -> Option<u32> {
        let cost = match outcome {
            Outcome::TimedOut => Self::TIMEOUT,
            _ => Self::RETRY,
        };
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(cost)?;
        Some(cost)
    }

    /// A request succeeded: what its last attempt cost comes back, and a little if it was the first.
    pub(super) fn succeeded(&self, last_cost: Option<u32>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = last_cost.unwrap_or(Self::FIRST_SUCCESS);
        *left = left.saturating_add(more).min(Self::CAPACITY);
    }
}

/// A number from 0 to 1 that others do not draw at the same time.
pub(super) fn random() -> f64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    // The keys of a `RandomState` come from the system; hashing spreads the counter.
    let bits = RandomState::new().hash_one(DRAWN.fetch_add(1, Ordering::Relaxed));
    let bits = u32::try_from(bits >> 32).unwrap_or_default();
    f64::from(bits) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn policy() -> RetryPolicy {
        RetryPolicy {
            max_attempts: 4,
            timeout: Duration::from_secs(30),
            base_delay: SECOND,
            max_delay: Duration::from_secs(8),
        }
    }

    /// A first attempt that failed for once, and waits as long as it may.
    fn failed() -> Attempt {
        Attempt {
            number: 1,
            outcome: Outcome::Transient,
            elapsed: Duration::ZERO,
            retry_after: None,
            random: 1.0,
        }
    }

    #[test]
    fn a_name_that_cannot_be_looked_up_now_is_asked_for_twice_at_most() {
        let attempt = |number| Attempt {
            number,
            outcome: Outcome::Unresolved,
            ..failed()
        };
        let decide = |number| policy().decide(&attempt(number));
        assert_eq!(decide(1), Decision::Again(SECOND));
        assert_eq!(decide(2), Decision::GiveUp(Why::Attempts));
        let once = RetryPolicy {
            max_attempts: 1,
            ..policy()
        };
        let decided = once.decide(&attempt(1));
        assert_eq!(decided, Decision::GiveUp(Why::Attempts));
    }

    #[test]
    fn the_longest_wait_doubles_up_to_its_cap() {
        let generous = RetryPolicy {
            max_attempts: u32::MAX,
            ..policy()
        };
        for (number, outcome, seconds) in [
            (1, Outcome::Transient, 1),
            (2, Outcome::Transient, 2),
            (3, Outcome::TimedOut, 4),
            (4, Outcome::Transient, 8),
            (5, Outcome::Transient, 8),
            (u32::MAX - 1, Outcome::Transient, 8),
            (1, Outcome::Throttled, 5),
            (2, Outcome::Throttled, 8),
        ] {
            let attempt = Attempt {
                number,
                outcome,
                ..failed()
            };
            let wait = Duration::from_secs(seconds);
            assert_eq!(generous.decide(&attempt), Decision::Again(wait), "{number}");
        }
    }

    #[test]
    fn the_jitter_is_full() {
        for (random, milliseconds) in [(0.0, 0), (0.25, 250), (0.5, 500)] {
            let attempt = Attempt { random, ..failed() };
            let wait = Duration::from_millis(milliseconds);
            assert_eq!(policy().decide(&attempt), Decision::Again(wait));
        }
    }

    #[test]
    fn what_the_server_wishes_is_the_shortest_wait() {
        for (wish, random, seconds) in [(0, 1.0, 1), (3, 1.0, 3), (20, 0.0, 20)] {
            let attempt = Attempt {
                retry_after: Some(Duration::from_secs(wish)),
                random,
                ..failed()
            };
            let wait = Duration::from_secs(seconds);
            assert_eq!(policy().decide(&attempt), Decision::Again(wait));
        }
    }

    #[test]
    fn it_gives_up_on_what_would_fail_again_and_when_attempts_or_time_are_over() {
        let late = Duration::from_secs(29);
        for (attempt, why) in [
            (
                Attempt {
                    outcome: Outcome::Final,
                    ..failed()
                },
                Why::Final,
            ),
            (
                Attempt {
                    number: 4,
                    ..failed()
                },
                Why::Attempts,
            ),
            (
                Attempt {
                    elapsed: late,
                    ..failed()
                },
                Why::Time,
            ),
            (
                Attempt {
                    retry_after: Some(Duration::from_secs(30)),
                    ..failed()
                },
                Why::Time,
            ),
            (
                Attempt {
                    retry_after: Some(Duration::MAX),
                    ..failed()
                },
                Why::Time,
            ),
        ] {
            assert_eq!(policy().decide(&attempt), Decision::GiveUp(why));
        }
    }

    #[test]
    fn one_attempt_is_no_retry() {
        let once = RetryPolicy {
            max_attempts: 1,
            ..policy()
        };
        assert_eq!(once.decide(&failed()), Decision::GiveUp(Why::Attempts));
    }

    #[test]
    fn no_policy_overflows() {
        let boundless = RetryPolicy {
            max_attempts: u32::MAX,
            timeout: Duration::MAX,
            base_delay: Duration::MAX,
            max_delay: Duration::from_secs(u64::MAX / 4),
        };
        for number in [1, 31, 32, 33, u32::MAX - 1] {
            let attempt = Attempt {
                number,
                outcome: Outcome::Throttled,
                random: 0.5,
                ..failed()
            };
            assert!(matches!(boundless.decide(&attempt), Decision::Again(_)));
        }
    }

    #[test]
    fn the_budget_ends_and_comes_back_with_success() {
        let budget = Budget::new();
        let mut spent = 0;
        while let Some(cost) = budget.spend(Outcome::Transient) {
            spent += cost;
        }
        assert_eq!(spent, Budget::CAPACITY);
        budget.succeeded(Some(Budget::TIMEOUT));
        assert_eq!(budget.spend(Outcome::TimedOut), Some(Budget::TIMEOUT));
        for _ in 0..Budget::RETRY {
            assert_eq!(budget.spend(Outcome::Transient), None);
            budget.succeeded(None);
        }
        assert_eq!(budget.spend(Outcome::Throttled), Some(Budget::RETRY));
        for _ in 0..1000 {
            budget.succeeded(None);
        }
        let mut retries = 0;
        while budget.spend(Outcome::Transient).is_some() {
            retries += 1;
        }
        assert_eq!(retries, Budget::CAPACITY / Budget::RETRY);
    }

    #[test]
    fn random_numbers_differ_and_are_in_range() {
        let drawn: Vec<f64> = (0..100).map(|_| random()).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        assert!(drawn.iter().any(|number| *number < 0.5));
        assert!(drawn.iter().any(|number| *number >= 0.5));
    }
}
