//! Conditions on servers that compare an ETag without its quotes.
//!
//! Some stores (Ceph, for writes) answer 412 to a condition that holds, unless the ETag is sent without
//! quotes. So after a 412, one HEAD request checks whether the object still has the expected ETag.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind};
use crate::s3::client::corrections::Corrections;
use crate::s3::client::{Client, Operation, Refused, Request, Signing};

/// The header whose ETag may be sent without quotes.
const IF_MATCH: &str = "if-match";

/// The headers that a HEAD request for the object needs, too.
const NEEDED: [&str; 3] = [
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-server-side-encryption-customer-",
];

/// Whether the server compares ETags without their quotes, in reads and in writes.
#[derive(Default)]
pub(super) struct BareETags {
    reads: AtomicBool,
    writes: AtomicBool,
}

impl BareETags {
    /// Returns true if attempts of that operation send ETags without quotes.
    pub(super) fn are_sent(&self, operation: Operation) -> bool {
        self.flag(operation).load(Ordering::Relaxed)
    }

    fn flag(&self, operation: Operation) -> &AtomicBool {
        if operation.changes() {
            &self.writes
        } else {
            &self.reads
        }
    }
}

/// Returns the value of a header, without the quotes if it is the ETag of a condition.
pub(super) fn without_quotes<'v>(name: &str, value: &'v str) -> &'v str {
    match bare(value) {
        Some(e_tag) if name == IF_MATCH => e_tag,
        _ => value,
    }
}

/// Returns the ETag without its quotes, if it is a strong one in quotes.
fn bare(e_tag: &str) -> Option<&str> {
    e_tag.strip_prefix('"')?.strip_suffix('"')
}

/// Returns the error for a store that rejects an object's own ETag: its answers to conditions are meaningless.
pub(super) fn unusable(error: Error) -> Error {
    error
        .with_kind(ErrorKind::Unsupported)
        .with_message(
            "the store rejects the current ETag of the object, both with and without quotes, so \
             conditional requests cannot be used",
        )
        .with_hint("remove if_match")
}

impl Client {
    /// Returns true if a condition may have failed only because of the form of its ETag. The request should then be
    /// retried with the other form.
    pub(super) fn correct_quotes(
        &self,
        request: &Request<'_>,
        refused: &Refused,
        signing: &Signing,
        corrections: &mut Corrections,
    ) -> bool {
        if refused.status != 412 {
            return false;
        }
        let flag = self.bare_e_tags.flag(request.operation);
        let condition = request.headers.iter().find(|(name, _)| name == IF_MATCH);
        let condition = condition.filter(|(_, e_tag)| bare(e_tag).is_some());
        let Some((_, e_tag)) = condition else {
            return false;
        };
        if signing.bare_e_tags {
            // The server may reject the form that it accepted before.
            flag.store(false, Ordering::Relaxed);
        }
        // A correction that another request has made since this attempt was sent needs no HEAD request.
        let is_known = !signing.bare_e_tags && flag.load(Ordering::Relaxed);
        let is_first = corrections.bare_e_tags.is_none();
        let may_be_its_form = is_first && is_known || self.is_still(request, e_tag);
        if !may_be_its_form {
            return false;
        }
        // The ETag was rejected in both forms, although the object has it.
        corrections.no_condition_holds = !is_first;
        corrections.bare_e_tags = Some(!signing.bare_e_tags);
        is_first
    }

    /// Keeps the correction that ETags are sent without quotes, once a request with such a condition has succeeded. An
    /// object that changes back and forth can look like a server that needs the correction.
    pub(super) fn keep_quotes(&self, request: &Request<'_>, signing: &Signing) {
        let has_condition = request
            .headers
            .iter()
            .any(|(name, e_tag)| name == IF_MATCH && bare(e_tag).is_some());
        let flag = self.bare_e_tags.flag(request.operation);
        if signing.bare_e_tags && has_condition && !flag.swap(true, Ordering::Relaxed) {
            log::debug!("the server compares ETags without their quotes");
        }
    }

    /// Returns true if the object has that ETag. One request.
    fn is_still(&self, request: &Request<'_>, e_tag: &str) -> bool {
        let Some(key) = request.key else {
            return false;
        };
        let needed = |name: &str| NEEDED.iter().any(|needed| name.starts_with(needed));
        let mut look = Request::object(Operation::HeadObject, key);
        look.query = request.query.clone();
        look.query.retain(|(name, _)| *name == "versionId");
        look.headers = request.headers.clone();
        look.headers.retain(|(name, _)| needed(name));
        let head = self.send(&look);
        head.is_ok_and(|head| head.header("etag") == Some(e_tag))
    }
}
