//! [`Patience`]: trying again what an answer says has failed in part, such as some keys of many; and
//! [`Breaks`]: reading on where an answer broke off.

use std::time::{Duration, Instant};

use crate::cancel;
use crate::error::{Error, ErrorKind};
use crate::s3::client::failure::{Failure, Refused};
use crate::s3::client::retry::Outcome;
use crate::s3::client::{Client, Operation};

/// How much of it is left for one call.
pub(crate) struct Patience<'a> {
    client: &'a Client,
    operation: Operation,
    failed: Option<Instant>,
    deadline: Option<Instant>,
    attempt: u32,
    cost: Option<u32>,
}

impl Client {
    /// That of a call which begins now.
    pub(crate) fn patience(&self, operation: Operation) -> Patience<'_> {
        Patience {
            client: self,
            operation,
            failed: None,
            deadline: self.timeouts.deadline(None),
            attempt: 1,
            cost: None,
        }
    }
}

/// The breaks in a row of the answers to one reader, none of which brought much.
#[derive(Default)]
pub(crate) struct Breaks {
    count: u32,
    first: Option<Instant>,
    cost: Option<u32>,
}

impl Breaks {
    /// The answer broke off. How long to wait before the rest of it is asked for, if it is.
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
            // Who reads on all the same begins anew.
            None => *self = Self::default(),
        }
        wait
    }

    /// An answer brought enough: the next break is the first one.
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

impl Patience<'_> {
    /// Nothing is left that failed: what the last attempt cost comes back.
    pub(crate) fn succeeded(self) {
        if self.cost.is_some() {
            self.client.budget.succeeded(self.cost);
        }
    }

    /// Whether what failed with that code of S3's may succeed later.
    pub(crate) fn is_passing(&self, code: &str) -> bool {
        failed(code).outcome(self.operation) != Outcome::Final
    }

    /// Waits before the next attempt; `false` if there is none.
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
        log::warn!("{name} is tried again in {milliseconds} ms for what failed with {code:?}");
        client.counters.retry();
        self.attempt += 1;
        cancel::sleep(wait).is_ok()
    }
}

/// A failure with that code, within an answer that is a success.
fn failed(code: &str) -> Failure {
    let refused = Refused {
        status: 200,
        code: code.to_owned(),
        ..Refused::default()
    };
    Failure::refused(Error::new(ErrorKind::OperationFailed), refused)
}
