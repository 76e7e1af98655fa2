//! Ctrl-C and SIGTERM. The first signal cancels the call, so that open uploads are aborted. The second one ends the
//! program at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use s3fs::CancelToken;

use crate::report::{self, CANCELLED};

/// Time limit for a cancelled call to end. The library promises two seconds for its own part.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn cancel_on_signals(cancel: &CancelToken) {
    let cancel = cancel.clone();
    let is_second = Arc::new(AtomicBool::new(false));
    let handled = ctrlc::set_handler(move || {
        if is_second.swap(true, Ordering::SeqCst) {
            std::process::exit(i32::from(CANCELLED));
        }
        cancel.cancel();
        // A blocked reader of standard output cannot be cancelled.
        let end = || {
            thread::sleep(PATIENCE);
            std::process::exit(i32::from(CANCELLED));
        };
        if thread::Builder::new().spawn(end).is_err() {
            // The system has no thread left. In this case, a second signal waits, too.
            end();
        }
    });
    if let Err(error) = handled {
        report::say(&format!(
            "s3f: signals end the program at once, because they cannot be handled: {error}"
        ));
    }
}
