//! [`PartialSuccess`]: retries after a partial success, such as some failed keys of a batch; and [`Breaks`]:
//! continues reading after an answer broke off.

use std::time::{Duration, Instant};

use crate::cancel;
use crate::error::{Error, ErrorKind};
use crate::s3::client::failure::{Failure, Refused};
use crate::s3::client::retry::Outcome;
use crate::s3::client::{Client, Operation};

/// The remaining retries of one call.
pub(crate) struct PartialSuccess<'a> {
    client: &'a Client,
    operation: Operation,
    failed: Option<Instant>,
    deadline: Option<Instant>,
    attempt: u32,
    cost: Option<u32>,
}

impl Client {
    /// Returns the retries of a call that begins now.
    pub(crate) fn partial_success(&self, operation: Operation) -> PartialSuccess<'_> {
        PartialSuccess {
            client: self,
            operation,
            failed: None,
            deadline: self.timeouts.deadline(None),
            attempt: 1,
            cost: None,
        }
    }
}

/// Consecutive interruptions of the answers to one reader, none of which delivered much.
#[derive(Default)]
pub(crate) struct Breaks {
    count: u32,
    first: Option<Instant>,
    cost: Option<u32>,
}

impl Breaks {
    /// Records an interruption. Returns the wait before the rest is requested, or `None` to give up.
    pub(crate) fn wait(&mut self, client: &Client, error: &Error) -> Option<Duration> {
        self.count += 1;
        client.counters.failure();
        let wait = client.wait(
            Operation::GetObject,
            &Failure::lost(error.clone(), false),
            self.count,
            *self.first.get_or_insert_with(Instant::now),
            None,
            &mut self.cost,
        );
        match wait {
            Some(_) => client.counters.retry(),
            // A caller that continues anyway starts with a new count.
            None => *self = Self::default(),
        }
        wait
    }

    /// Records that an answer delivered enough: the next interruption is counted as the first.
    pub(crate) fn end(&mut self, client: &Client) {
        if let Self {
            cost: cost @ Some(_),
            ..
        } = std::mem::take(self)
        {
            client.budget.succeeded(cost);
        }
    }
}

impl PartialSuccess<'_> {
    /// Records that no failures are left, and returns the cost of the last retry to the budget.
    pub(crate) fn succeeded(self) {
        if self.cost.is_some() {
            self.client.budget.succeeded(self.cost);
        }
    }

    /// Returns true if a failure with this S3 code may be temporary.
    pub(crate) fn is_passing(&self, code: &str) -> bool {
        failed(code).outcome(self.operation) != Outcome::Final
    }

    /// Waits before the next attempt. Returns `false` if there is none.
    pub(crate) fn wait(&mut self, code: &str) -> bool {
        let client = self.client;
        let failure = failed(code);
        let attempt = self.attempt;
        let wait = client.wait(
            self.operation,
            &failure,
            attempt,
            *self.failed.get_or_insert_with(Instant::now),
            self.deadline,
            &mut self.cost,
        );
        let Some(wait) = wait else {
            return false;
        };
        let (name, milliseconds) = (self.operation.name(), wait.as_millis());
        log::warn!("{name} is retried in {milliseconds} ms for the keys that failed with {code:?}");
        client.counters.retry();
        self.attempt += 1;
        cancel::sleep(wait).is_ok()
    }
}

/// Creates a failure with that code, within an answer that is a success.
fn failed(code: &str) -> Failure {
    let refused = Refused {
        status: 200,
        code: code.to_owned(),
        ..Refused::default()
    };
    Failure::refused(Error::new(ErrorKind::OperationFailed), refused)
}
