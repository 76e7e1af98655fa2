//! Conditions on servers that compare an ETag without its quotes.
//!
//! Some stores (Ceph's, of writes) answer 412 to a condition that holds, unless the ETag comes bare.
//! So a 412 is looked at: one HEAD tells whether the object is still the one that was meant.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{Client, Learned, Operation, Refused, Request};

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
    fn flag(&self, operation: Operation) -> &AtomicBool {
        if operation.changes() {
            &self.writes
        } else {
            &self.reads
        }
    }

    /// The value of a header as this server takes it.
    pub(super) fn as_sent<'v>(&self, operation: Operation, name: &str, value: &'v str) -> &'v str {
        if name == IF_MATCH && self.flag(operation).load(Ordering::Relaxed) {
            return bare(value).unwrap_or(value);
        }
        value
    }
}

/// The ETag without its quotes, if it is a strong one in quotes.
fn bare(e_tag: &str) -> Option<&str> {
    e_tag.strip_prefix('"')?.strip_suffix('"')
}

impl Client {
    /// Whether a condition failed on its quotes only: then the request is worth making again.
    pub(super) fn learn_quotes(
        &self,
        request: &Request<'_>,
        refused: &Refused,
        learned: &mut Learned,
    ) -> bool {
        if refused.status != 412 {
            return false;
        }
        let flag = self.bare_e_tags.flag(request.operation);
        let condition = request.headers.iter().find(|(name, _)| name == IF_MATCH);
        let Some(e_tag) = condition.map(|(_, e_tag)| e_tag.as_str()) else {
            return false;
        };
        if std::mem::replace(&mut learned.quotes, true) {
            // Without its quotes it is not taken either.
            flag.store(false, Ordering::Relaxed);
            return false;
        }
        let already_bare = flag.load(Ordering::Relaxed);
        if already_bare || bare(e_tag).is_none() || !self.is_still(request, e_tag) {
            return false;
        }
        log::debug!("the server compares ETags without their quotes");
        flag.store(true, Ordering::Relaxed);
        true
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
