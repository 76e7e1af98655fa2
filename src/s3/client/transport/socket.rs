//! [`Socket`]: the socket of a connection, which another thread can shut down.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use ureq::Error;
use ureq::unversioned::transport::ShutdownHandle;

use crate::cancel;
use crate::threads::lock;

/// The socket of a connection, and whether the call that uses it may shut it down.
#[derive(Clone, Default)]
pub(super) struct Socket(Arc<Mutex<State>>);

#[derive(Default)]
pub(super) struct State {
    pub(super) handle: Option<Weak<dyn ShutdownHandle>>,
    pub(super) is_in_use: bool,
    pub(super) is_interrupted: bool,
}

impl Socket {
    /// Shuts the socket down if the call still uses it.
    pub(super) fn interrupt(&self) {
        let mut state = self.lock();
        if !state.is_in_use {
            return;
        }
        state.is_interrupted = true;
        if let Some(handle) = state.handle.as_ref().and_then(Weak::upgrade) {
            handle.shutdown();
        }
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.lock().is_interrupted
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

/// Returns the error for a request whose call was cancelled. The kind `ConnectionRefused` means that no connection was
/// made.
pub(super) fn interrupted(kind: io::ErrorKind) -> Error {
    io::Error::new(kind, cancel::cancelled()).into()
}
