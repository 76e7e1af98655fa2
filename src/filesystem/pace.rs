//! [`Pace`]: the bandwidth limit of a call.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::cancel;
use crate::error::Result;

/// Number of pieces in which the bytes of one second pass. It keeps the limit within a fraction of a second, also with many
/// threads.
const PIECES_PER_SECOND: u64 = 8;

/// Maximum number of bytes per second for all threads of a call together.
pub(crate) struct Pace {
    /// `None` if there is no limit.
    bytes_per_second: Option<u64>,
    /// Time at which the next bytes may pass.
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// Creates a limit of `bytes_per_second`. 0 means no limit.
    pub(crate) fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second: Some(bytes_per_second).filter(|bytes| *bytes > 0),
            next: Mutex::new(None),
        }
    }

    /// Number of bytes to transfer at a time: at least 1 and at most `wanted`.
    pub(crate) fn step(&self, wanted: usize) -> usize {
        let Some(bytes) = self.bytes_per_second else {
            return wanted;
        };
        let piece = usize::try_from(bytes / PIECES_PER_SECOND).unwrap_or(usize::MAX);
        wanted.min(piece.max(1))
    }

    /// Waits until `count` bytes may pass.
    ///
    /// # Errors
    ///
    /// `Cancelled`, as soon as the call is cancelled.
    pub(crate) fn wait(&self, count: u64) -> Result<()> {
        let Some(bytes) = self.bytes_per_second else {
            return Ok(());
        };
        let now = Instant::now();
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let (begin, end) = turn(*next, now, time_of(count, bytes));
            *next = Some(end);
            begin
        };
        match begin.saturating_duration_since(now) {
            Duration::ZERO => Ok(()),
            time => cancel::sleep(time),
        }
    }
}

/// Time that `count` bytes take.
fn time_of(count: u64, bytes_per_second: u64) -> Duration {
    let nanoseconds = u128::from(count) * 1_000_000_000 / u128::from(bytes_per_second.max(1));
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

/// Returns when bytes that take `takes` may begin to pass, and when the next bytes may. Idle time does not accumulate.
fn turn(next: Option<Instant>, now: Instant, takes: Duration) -> (Instant, Instant) {
    let begin = next.map_or(now, |next| next.max(now));
    (begin, begin.checked_add(takes).unwrap_or(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_follow_each_other_and_idle_time_earns_no_credit() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let takes = Duration::from_millis(100);
        assert_eq!(turn(None, at(0), takes), (at(0), at(100)));
        assert_eq!(turn(Some(at(100)), at(20), takes), (at(100), at(200)));
        assert_eq!(turn(Some(at(100)), at(900), takes), (at(900), at(1000)));
    }

    #[test]
    fn the_time_of_bytes_follows_from_the_limit() {
        assert_eq!(time_of(500, 1000), Duration::from_millis(500));
        assert_eq!(time_of(0, 1), Duration::ZERO);
        assert_eq!(time_of(u64::MAX, 1), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_step_is_an_eighth_of_a_second_and_at_least_one_byte() {
        assert_eq!(Pace::new(0).step(4096), 4096);
        assert_eq!(Pace::new(8000).step(4096), 1000);
        assert_eq!(Pace::new(80_000).step(4096), 4096);
        assert_eq!(Pace::new(1).step(4096), 1);
    }

    #[test]
    fn a_limit_slows_transfers_and_no_limit_does_not() {
        let began = Instant::now();
        let pace = Pace::new(1000);
        for _ in 0..4 {
            pace.wait(50).unwrap();
        }
        assert!(began.elapsed() >= Duration::from_millis(150));
        Pace::new(0).wait(u64::MAX).unwrap();
    }
}
