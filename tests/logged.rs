//! What the library warns of. A process has one logger, and this is the one of this test program.

use std::cell::RefCell;
use std::sync::Once;

use log::{Level, LevelFilter, Log, Metadata, Record};

/// What is warned of while `work` runs, by this thread and no other.
pub fn warnings(work: impl FnOnce()) -> Vec<String> {
    static SET: Once = Once::new();
    SET.call_once(|| {
        log::set_logger(&Logger).expect("no other logger in this program");
        log::set_max_level(LevelFilter::Warn);
    });
    WARNINGS.set(Some(Vec::new()));
    work();
    WARNINGS.take().unwrap_or_default()
}

thread_local! {
    /// Nothing is kept for a thread that did not ask for it.
    static WARNINGS: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        WARNINGS.with_borrow_mut(|warnings| {
            if let Some(warnings) = warnings {
                warnings.push(record.args().to_string());
            }
        });
    }

    fn flush(&self) {}
}
