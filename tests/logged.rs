//! The only logger of this test program: it collects the log records of the library, and checks every record
//! for secrets.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::secrets;

/// Installs the logger, from debug level on.
pub fn install() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&Logger).expect("no other logger in this program");
        log::set_max_level(LevelFilter::Debug);
    });
}

/// Returns the warnings that this thread logs during the work.
pub fn warnings(work: impl FnOnce()) -> Vec<String> {
    let lines = lines(work).into_iter();
    lines
        .filter(|line| line.level <= Level::Warn)
        .map(|line| line.text)
        .collect()
}

/// Returns all records of the library that this thread logs during the work.
pub fn lines(work: impl FnOnce()) -> Vec<Line> {
    install();
    LINES.set(Some(Vec::new()));
    work();
    LINES.take().unwrap_or_default()
}

/// A record and its level.
#[derive(Debug)]
pub struct Line {
    pub level: Level,
    pub text: String,
}

thread_local! {
    /// `None` for threads that do not collect records.
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
        // Records of ureq itself below warnings are left out.
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
