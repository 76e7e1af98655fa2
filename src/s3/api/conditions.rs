//! [`Conditions`]: what the store does with the conditions of a PUT. Some stores (Garage) ignore them and
//! answer 200, which only a try on a key of our own can tell.

use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};
use std::time::Duration;

use crate::cancel;
use crate::error::{Error, Result};
use crate::filesystem::options::UploadArgs;
use crate::s3::api::multipart::ABORT_TIMEOUT;
use crate::s3::api::{Condition, Objects, condition_failed, is_locked, nonce};
use crate::s3::client::{Operation, Request, Response};
use crate::s3::key::Key;

/// What a store does with the conditions of a PUT (`If-None-Match`, `If-Match`). See
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
    /// The store refuses a PUT whose condition does not hold.
    Honoured,
    /// The store may store the object although the condition does not hold, as Garage does.
    Ignored,
}

/// What is known about the conditions of a PUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handling {
    Honoured,
    /// As if they were not there, or nobody knows.
    Ignored,
    /// The store refuses a request that has one.
    Refused,
}

/// What all clones of a filesystem know about the conditions of a PUT.
pub(super) struct Conditions {
    known: OnceLock<Handling>,
    /// Held by the thread that finds it out.
    finding: Mutex<()>,
    /// What the key of a try begins with.
    prefix: String,
}

/// How often a thread that waits for another's try looks whether it has ended, or was cancelled.
const POLL: Duration = Duration::from_millis(5);

impl Conditions {
    /// Of AWS it is known that conditions hold.
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

    /// With the caller's setting, and the prefix of all keys of the filesystem.
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

    /// Looks at the error of a PUT that had to make a new object: a refusal shows that the store looks at the
    /// condition. What the caller said of it stands.
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
    /// What the store does with the conditions of a PUT, if that is known. No request.
    pub(crate) fn known_handling(&self) -> Option<Handling> {
        self.conditions.known.get().copied()
    }

    /// What the store does with the conditions of a PUT. Three requests where it is not known: once for all
    /// clones.
    ///
    /// # Errors
    ///
    /// That of a try which says nothing of the conditions; the next call tries again.
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
                "{why}: a file that must be new, and a small update, cost one more request, which looks right \
                 before they are stored; what another writer stores between the two is replaced"
            );
        }
        Ok(known)
    }

    /// Stores an object of its own, and again on the condition that there is none; deletes it.
    fn try_conditions(&self) -> Result<(Handling, String)> {
        let args = self.upload_args(&UploadArgs::new());
        if is_locked(&args.to_headers()?) {
            let why = "a locked object could not be deleted again, so nothing was tried";
            return Ok((Handling::Ignored, unknown(why)));
        }
        let name = format!("{}.s3fs-{}", self.conditions.prefix, nonce());
        let Ok(key) = Key::new(name) else {
            let why = "dir_path is too long for one more key";
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
                "the store ignores the conditions of a PUT".to_owned(),
            )),
            Err(error) if condition_failed(&error) => Ok((Handling::Honoured, String::new())),
            // It may be that nothing may be replaced there.
            Err(error) if is_denied(&error) => Ok((Handling::Ignored, unknown(&error.to_string()))),
            Err(error) if is_refusal(&error) => Ok((
                Handling::Refused,
                "the store refuses the conditions of a PUT".to_owned(),
            )),
            Err(error) => Err(error),
        }
    }

    /// Deletes what was tried, although the call was cancelled. One request.
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
                "the empty object {:?}, by which it was tried whether the store looks at conditions, may stay \
                 behind: {error}",
                key.as_str()
            );
        }
    }
}

fn unknown(why: &str) -> String {
    format!("it is not known whether the store looks at the conditions of a PUT ({why})")
}

/// Whether the store has answered, and will answer the same again.
fn is_refusal(error: &Error) -> bool {
    let status = error.s3().map(|s3| s3.status);
    !error.is_unsure() && matches!(status, Some(400 | 403 | 405 | 409 | 412 | 501))
}

fn is_denied(error: &Error) -> bool {
    error.s3().is_some_and(|s3| s3.status == 403)
}
