//! The retry policy: decides whether to retry a request, and how long to wait. It is a function of values;
//! the caller does the waiting.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::s3::client::agent::LONGEST;

/// Limits of retries. The default number of attempts is boto3's, and the default time outlasts the restart of a
/// server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RetryPolicy {
    /// Maximum number of attempts of a request, including the first.
    pub(crate) max_attempts: u32,
    /// Retry time, measured from the first failure. No attempt begins later.
    pub(crate) timeout: Duration,
    /// Maximum wait before the second attempt. It doubles with each further attempt.
    pub(crate) base_delay: Duration,
    /// Maximum wait before any attempt, except for waits that the server requests.
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

/// Outcome of a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A retry would fail again.
    Final,
    /// A temporary failure of the network or the server.
    Transient,
    /// The host's name could not be resolved temporarily.
    Unresolved,
    /// A timeout.
    TimedOut,
    /// The server requests a lower request rate.
    Throttled,
}

/// A failed attempt, as input to the policy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attempt {
    /// Number of the attempt, starting at 1.
    pub(super) number: u32,
    pub(super) outcome: Outcome,
    /// Time since the first attempt failed.
    pub(super) elapsed: Duration,
    /// The wait that the server requests.
    pub(super) retry_after: Option<Duration>,
    /// A random number, at least 0 and less than 1.
    pub(super) random: f64,
}

/// Decision after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Retry after that time.
    Again(Duration),
    GiveUp(Why),
}

/// Reason for not retrying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A retry would fail again.
    Final,
    /// The maximum number of attempts is reached.
    Attempts,
    /// The next attempt would begin after the retry time.
    Time,
}

/// Maximum number of attempts for a host whose name cannot be resolved.
const LOOKUPS: u32 = 2;

/// Factor by which the wait after throttling is longer than after another failure.
const THROTTLED_FACTOR: u32 = 5;

impl RetryPolicy {
    /// Limits each time to [`LONGEST`].
    pub(crate) fn bounded(self) -> Self {
        Self {
            max_attempts: self.max_attempts,
            timeout: self.timeout.min(LONGEST),
            base_delay: self.base_delay.min(LONGEST),
            max_delay: self.max_delay.min(LONGEST),
        }
    }

    /// Decides whether to retry: exponential backoff with full jitter, and at least the wait that the server requests.
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

/// The retry budget, shared by all clones of a client. While most requests fail, fewer and fewer are retried, so
/// that a failing server is not overloaded.
///
/// Source: the retry quota of the standard mode, [Retry behavior](https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
pub(super) struct Budget(Mutex<u32>);

impl Budget {
    const CAPACITY: u32 = 500;
    const RETRY: u32 = 5;
    const TIMEOUT: u32 = 10;
    const FIRST_SUCCESS: u32 = 1;

    /// Creates a full budget.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Self::CAPACITY))
    }

    /// Takes the cost of a retry from the budget and returns it. Returns `None` if the budget does not suffice.
    pub(super) fn spend(&self, outcome: Outcome) -> Option<u32> {
        let cost = match outcome {
            Outcome::TimedOut => Self::TIMEOUT,
            _ => Self::RETRY,
        };
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *left = left.checked_sub(cost)?;
        Some(cost)
    }

    /// Records a success: returns the cost of the request's last retry to the budget, or 1 if it had no retry.
    pub(super) fn succeeded(&self, last_cost: Option<u32>) {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let more = last_cost.unwrap_or(Self::FIRST_SUCCESS);
        *left = left.saturating_add(more).min(Self::CAPACITY);
    }
}

/// Returns a number in the range 0 to 1 (exclusive), different for concurrent callers.
pub(super) fn random() -> f64 {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    // The keys of a `RandomState` are random; hashing them with the counter makes each number different.
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

    /// Returns a first attempt that failed temporarily, with the maximum wait.
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
    fn a_failed_name_lookup_is_retried_at_most_once() {
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
    fn retry_after_is_the_minimum_delay() {
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
    fn retries_end_with_a_final_error_the_last_attempt_or_the_timeout() {
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
    fn one_attempt_means_no_retry() {
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
    fn the_retry_budget_runs_out_and_success_refills_it() {
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
