//! Log lines of the library on standard error: warnings, and with `-vv` each request.

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::args::Words;
use crate::report;

struct Stderr;

pub fn install(words: &Words) {
    let level = match (words.has("quiet"), words.count("verbose")) {
        (true, _) => LevelFilter::Off,
        (_, 0 | 1) => LevelFilter::Warn,
        // Never trace: the HTTP client logs signed URLs there.
        _ => LevelFilter::Debug,
    };
    if log::set_logger(&Stderr).is_ok() {
        log::set_max_level(level);
    }
}

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        target == "s3fs" || target.starts_with("s3fs::")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let level = match record.level() {
            Level::Error => "error",
            Level::Warn => "warning",
            Level::Info => "info",
            Level::Debug | Level::Trace => "debug",
        };
        report::say(&format!("s3f: {level}: {}", record.args()));
    }

    fn flush(&self) {}
}
