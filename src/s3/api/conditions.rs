//! [`Conditions`]: the store's handling of the conditions of a PUT. Some stores (Garage) ignore them and
//! answer 200. Only a test PUT to a key of the filesystem's own detects that.

use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use crate::cancel;
use crate::error::{Error, Result};
use crate::filesystem::options::UploadArgs;
use crate::nonce::nonce;
use crate::s3::api::multipart::ABORT_TIMEOUT;
use crate::s3::api::{Condition, Objects, condition_failed, is_locked};
use crate::s3::client::{Operation, Request, Response};
use crate::s3::key::Key;

/// A store's handling of the conditions of a PUT (`If-None-Match`, `If-Match`). See
/// [`S3FsBuilder::conditions`](crate::S3FsBuilder::conditions).
///
/// ```
/// use s3fs::{ConditionalWrites, S3Fs};
///
/// let builder = S3Fs::builder("mybucket").conditions(ConditionalWrites::Ignored);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConditionalWrites {
    /// The store rejects a PUT whose condition does not hold.
    Honoured,
    /// The store may store the object although the condition does not hold, as Garage does.
    Ignored,
}

/// The store's handling of the conditions of a PUT, as far as the filesystem has determined it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    Honoured,
    /// The store ignores them, or its behaviour could not be determined.
    Ignored,
    /// The store rejects every request that has a condition.
    Refused,
}

/// The handling of PUT conditions, shared by all clones of a filesystem.
pub(super) struct Conditions {
    known: OnceLock<Handling>,
    /// Held by the thread that runs the test.
    finding: Mutex<()>,
    /// Prefix of the test key.
    prefix: String,
}

/// Interval at which a thread that waits for another thread's test checks whether the test has ended or
/// the call was cancelled.
const POLL: Duration = Duration::from_millis(5);

impl Conditions {
    /// Creates the state. AWS is known to honour conditions; any other store is unknown at first.
    pub(super) fn new(is_aws: bool) -> Self {
        Self {
            known: match is_aws {
                true => OnceLock::from(Handling::Honoured),
                false => OnceLock::new(),
            },
            finding: Mutex::new(()),
            prefix: String::new(),
        }
    }

    /// Sets the caller's setting, if there is one, and the prefix of all keys of the filesystem.
    pub(super) fn with(self, given: Option<ConditionalWrites>, prefix: String) -> Self {
        let given = given.map(|given| match given {
            ConditionalWrites::Honoured => Handling::Honoured,
            ConditionalWrites::Ignored => Handling::Ignored,
        });
        Self {
            known: given.map_or(self.known, OnceLock::from),
            prefix,
            ..self
        }
    }

    /// Evaluates the error of a PUT that had to create a new object: a failed condition shows that the store
    /// supports conditions. A handling that is already set, such as the caller's, does not change.
    pub(super) fn learn(&self, condition: Condition<'_>, error: &Error) {
        if condition == Condition::Absent && condition_failed(error) {
            let _ = self.known.set(Handling::Honoured);
        }
    }

    fn turn(&self) -> Result<MutexGuard<'_, ()>> {
        loop {
            match self.finding.try_lock() {
                Ok(turn) => return Ok(turn),
                Err(TryLockError::Poisoned(turn)) => return Ok(turn.into_inner()),
                Err(TryLockError::WouldBlock) => cancel::sleep(POLL)?,
            }
        }
    }
}

impl Objects {
    /// Returns the store's handling of the conditions of a PUT, or `None` if it is not known. Sends no request.
    pub(crate) fn known_handling(&self) -> Option<Handling> {
        self.conditions.known.get().copied()
    }

    /// Returns the store's handling of the conditions of a PUT. If it is not known, tests it with three requests
    /// (one more where both test objects have a version id), once for all clones.
    ///
    /// # Errors
    ///
    /// Returns the error of a test that was inconclusive; the next call tests again.
    pub(crate) fn handling(&self) -> Result<Handling> {
        if let Some(known) = self.known_handling() {
            return Ok(known);
        }
        let _turn = self.conditions.turn()?;
        if let Some(known) = self.known_handling() {
            return Ok(known);
        }
        let (found, why) = self.try_conditions()?;
        let known = *self.conditions.known.get_or_init(|| found);
        if known != Handling::Honoured {
            log::warn!(
                "{why}: creating a new file exclusively and small updates send one more request, \
                 which checks the object right before it is stored; an object that another writer \
                 stores between the two is overwritten"
            );
        }
        Ok(known)
    }

    /// Stores a test object, stores it again on the condition that it does not exist, and deletes it.
    fn try_conditions(&self) -> Result<(Handling, String)> {
        let args = self.upload_args(&UploadArgs::new());
        if is_locked(&args.to_headers()?) {
            let why = "this was not tested, because a locked object could not be deleted again";
            return Ok((Handling::Ignored, unknown(why)));
        }
        let name = format!("{}.s3fs-{}", self.conditions.prefix, nonce());
        let Ok(key) = Key::new(name) else {
            let why = "dir_path is too long for the key of a test object";
            return Ok((Handling::Ignored, unknown(why)));
        };
        let put = |condition| self.put_for_answer(&key, b"", &args, &[], condition);
        let first = put(Condition::Any);
        let first = match first {
            Ok(first) => first,
            Err(error) if error.is_unsure() => {
                self.delete_tried(&key, None, Some(ABORT_TIMEOUT));
                return Err(error);
            }
            Err(error) if is_refusal(&error) => {
                return Ok((Handling::Ignored, unknown(&error.to_string())));
            }
            Err(error) => return Err(error),
        };
        let second = put(Condition::Absent);
        let hurry = match &second {
            Err(error) if !is_refusal(error) => Some(ABORT_TIMEOUT),
            _ => None,
        };
        let version = |answer: &Response| {
            let version = answer.header("x-amz-version-id");
            version
                .filter(|version| *version != "null")
                .map(str::to_owned)
        };
        let versions = [Some(&first), second.as_ref().ok()].map(|answer| answer.and_then(version));
        self.delete_tried(&key, versions[0].as_deref(), hurry);
        if let [Some(_), Some(second)] = &versions {
            self.delete_tried(&key, Some(second), hurry);
        }
        match second {
            Ok(_) => Ok((
                Handling::Ignored,
                "the store ignores the conditions of PUT requests".to_owned(),
            )),
            Err(error) if condition_failed(&error) => Ok((Handling::Honoured, String::new())),
            // 403 may mean that the bucket forbids replacing objects.
            Err(error) if is_denied(&error) => Ok((Handling::Ignored, unknown(&error.to_string()))),
            Err(error) if is_refusal(&error) => Ok((
                Handling::Refused,
                "the store rejects the conditions of PUT requests".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    /// Deletes the test object, even if the call was cancelled. One request.
    fn delete_tried(&self, key: &Key, version: Option<&str>, time: Option<Duration>) {
        let time = time.or_else(|| cancel::is_cancelled().then_some(ABORT_TIMEOUT));
        let delete = || {
            let request = Request::object(Operation::DeleteObject, key)
                .query_if("versionId", version)
                .headers(self.download.request_headers()?)
                .within(time);
            self.client.tell(&request)
        };
        if let Err(error) = cancel::regardless(delete) {
            log::warn!(
                "the empty object {:?}, which tested whether the store supports conditional \
                 requests, may remain: {error}",
                key.as_str()
            );
        }
    }
}

fn unknown(why: &str) -> String {
    format!("it is unknown whether the store supports the conditions of PUT requests ({why})")
}

/// Returns true if the store has answered, and a retry would get the same answer.
fn is_refusal(error: &Error) -> bool {
    let status = error.s3().map(|s3| s3.status);
    !error.is_unsure() && matches!(status, Some(400 | 403 | 405 | 409 | 412 | 501))
}

fn is_denied(error: &Error) -> bool {
    error.s3().is_some_and(|s3| s3.status == 403)
}
