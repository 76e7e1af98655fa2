//! The one logger of this test program: it keeps what the library warns of, and lets every record be
//! looked at for secrets.

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
    install();
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
        metadata.level() <= Level::Debug
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        secrets::look_at(record);
        if record.level() > Level::Warn {
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
