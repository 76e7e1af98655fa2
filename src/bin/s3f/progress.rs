//! Progress on a terminal: one line on standard error, redrawn in place. Without a terminal, nothing is shown.
//!
//! The program draws it itself, because a crate for it would bring five others for one line.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::text;

/// Minimum time between two drawings of the line.
const PAUSE: Duration = Duration::from_millis(100);

pub struct Progress {
    /// Whether the line is drawn at all.
    is_shown: bool,
    state: Mutex<State>,
}

struct State {
    counts: Counts,
    began: Instant,
    drawn: Option<Instant>,
}

/// The progress so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    pub files: u64,
    pub bytes: u64,
    /// Total number of bytes, if it is known.
    pub total: u64,
}

impl Progress {
    pub fn new(quiet: bool) -> Self {
        Self {
            is_shown: !quiet && io::stderr().is_terminal(),
            state: Mutex::new(State {
                counts: Counts::default(),
                began: Instant::now(),
                drawn: None,
            }),
        }
    }

    /// Returns true if the progress is shown. The summary is shown only in this case, too.
    pub fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Counts a finished file.
    pub fn file(&self) {
        let mut state = self.state();
        state.counts.files += 1;
        self.draw(&mut state);
    }

    /// Counts `bytes` more transferred bytes.
    pub fn more(&self, bytes: u64) {
        let mut state = self.state();
        state.counts.bytes = state.counts.bytes.saturating_add(bytes);
        self.draw(&mut state);
    }

    /// Adds `bytes` to the total.
    pub fn expect(&self, bytes: u64) {
        let mut state = self.state();
        state.counts.total = state.counts.total.saturating_add(bytes);
    }

    /// Returns the progress so far.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Removes the line, before something else is printed.
    pub fn clear(&self) {
        if self.state().drawn.take().is_some() {
            let _ = write!(io::stderr().lock(), "\r\x1b[K");
        }
    }

    fn draw(&self, state: &mut State) {
        let is_early = state.drawn.is_some_and(|drawn| drawn.elapsed() < PAUSE);
        if !self.is_shown || is_early || state.began.elapsed() < PAUSE {
            return;
        }
        state.drawn = Some(Instant::now());
        let line = line(state.counts, state.began.elapsed());
        let _ = write!(io::stderr().lock(), "\r{line}\x1b[K");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the line: bytes, rate, remaining time, files.
fn line(counts: Counts, elapsed: Duration) -> String {
    let Counts {
        files,
        bytes,
        total,
    } = counts;
    let rate = bytes as f64 / elapsed.as_secs_f64().max(0.001);
    let mut line = text::human(bytes);
    if total > 0 {
        line += &format!(" of {}", text::human(total));
    }
    line += &format!(", {}/s", text::human(rate as u64));
    if total > bytes && rate >= 1.0 {
        let seconds = ((total - bytes) as f64 / rate) as u64;
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        line += &format!(", {minutes}:{seconds:02} left");
    }
    line + &format!(", {files} files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_has_bytes_rate_remaining_time_and_files() {
        let counts = Counts {
            files: 3,
            bytes: 10 << 20,
            total: 40 << 20,
        };
        let shown = line(counts, Duration::from_secs(10));
        assert_eq!(shown, "10 MiB of 40 MiB, 1.0 MiB/s, 0:30 left, 3 files");
        assert_eq!(
            line(Counts::default(), Duration::ZERO),
            "0 B, 0 B/s, 0 files"
        );
    }
}
