//! The one logger of this test program: it keeps what the library says, and lets every record be looked at
//! for secrets.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::secrets;

/// From here on records are logged, from debug level on.
pub fn install() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&Logger).expect("no other logger in this program");
        log::set_max_level(LevelFilter::Debug);
    });
}

/// What is warned of while `work` runs, by this thread and no other.
pub fn warnings(work: impl FnOnce()) -> Vec<String> {
    let lines = lines(work).into_iter();
    lines
        .filter(|line| line.level <= Level::Warn)
        .map(|line| line.text)
        .collect()
}

/// All that the library says while `work` runs, by this thread and no other.
pub fn lines(work: impl FnOnce()) -> Vec<Line> {
    install();
    LINES.set(Some(Vec::new()));
    work();
    LINES.take().unwrap_or_default()
}

/// What was said, and how loud.
#[derive(Debug)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

thread_local! {
    /// Nothing is kept for a thread that did not ask for it.
    static LINES: RefCell<Option<Vec<Line>>> = const { RefCell::new(None) };
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        secrets::look_at(record);
        // What ureq says of its own is not ours.
        if record.level() > Level::Warn && !record.target().starts_with("s3fs") {
            return;
        }
        LINES.with_borrow_mut(|lines| {
            if let Some(lines) = lines {
                lines.push(Line {
                    level: record.level(),
                    text: record.args().to_string(),
                });
            }
        });
    }

    fn flush(&self) {}
}
