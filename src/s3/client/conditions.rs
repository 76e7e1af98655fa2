//! Conditions on servers that compare an ETag without its quotes.
//!
//! Some stores (Ceph's, of writes) answer 412 to a condition that holds, unless the ETag comes bare.
//! So a 412 is looked at: one HEAD tells whether the object is still the one that was meant.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, ErrorKind};
use crate::s3::client::corrections::Learned;
use crate::s3::client::{Client, Operation, Refused, Request, Signing};

/// The header whose ETag the server compares.
const IF_MATCH: &str = "if-match";

/// The headers that an object cannot be looked at without.
const NEEDED: [&str; 3] = [
    "x-amz-expected-bucket-owner",
    "x-amz-request-payer",
    "x-amz-server-side-encryption-customer-",
];

/// Of which requests the server compares the ETag without its quotes; remembered once it is known.
#[derive(Default)]
pub(super) struct BareETags {
    reads: AtomicBool,
    writes: AtomicBool,
}

impl BareETags {
    /// Whether an attempt of that operation sends them so.
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

/// The value of a header, where the server takes its ETag without the quotes.
pub(super) fn without_quotes<'v>(name: &str, value: &'v str) -> &'v str {
    match bare(value) {
        Some(e_tag) if name == IF_MATCH => e_tag,
        _ => value,
    }
}

/// The ETag without its quotes, if it is a strong one in quotes.
fn bare(e_tag: &str) -> Option<&str> {
    e_tag.strip_prefix('"')?.strip_suffix('"')
}

/// The error of a store that refuses an object's own ETag: what it answers on a condition says nothing.
pub(super) fn unusable(error: Error) -> Error {
    error
        .with_kind(ErrorKind::Unsupported)
        .with_message(
            "the store refuses the ETag that the object has, with its quotes and without them: its \
             conditions cannot be used",
        )
        .with_hint("leave if_match out")
}

impl Client {
    /// Whether a condition may have failed on the form of its ETag only: then the request is worth making
    /// again in the other form.
    pub(super) fn learn_quotes(
        &self,
        request: &Request<'_>,
        refused: &Refused,
        signing: &Signing,
        learned: &mut Learned,
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
            // It may refuse what it took before.
            flag.store(false, Ordering::Relaxed);
        }
        // What another request has learned since this attempt was sent is not asked again.
        let is_known = !signing.bare_e_tags && flag.load(Ordering::Relaxed);
        let is_first = learned.bare_e_tags.is_none();
        let may_be_its_form = is_first && is_known || self.is_still(request, e_tag);
        if !may_be_its_form {
            return false;
        }
        // In both forms the ETag was refused, although the object has it.
        learned.no_condition_holds = !is_first;
        learned.bare_e_tags = Some(!signing.bare_e_tags);
        is_first
    }

    /// Keeps the correction that ETags are sent without their quotes, once a request on such a
    /// condition has succeeded: an object that changes to and fro looks like a server that needs it.
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

    /// Whether the object has that ETag.
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
