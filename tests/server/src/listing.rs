//! ListObjectsV2, and the older ListObjects.
//!
//! Source: ListObjectsV2, Amazon S3 API Reference.

use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result};

use super::answers::error_with;
use super::buckets::owner;
use super::checksum;
use super::objects::size;
use super::service::Service;
use super::store::{self, BucketData};

/// How listings of the second version differ from those of S3.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manners {
    pub order: ListOrder,
    pub start_after: StartAfter,
    pub encoding: Encoding,
    /// Each page begins with the last entry of the one before.
    pub repeats: bool,
    /// Each page has a key outside of the requested prefix, if it can have one.
    pub has_foreign_keys: bool,
    /// Keys are listed in Latin-1: `é` as `%E9`.
    pub is_latin_1: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ListOrder {
    #[default]
    Bytes,
    /// In the order of the names between the slashes.
    Segments,
    /// In no order that a client can derive.
    Scattered,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum StartAfter {
    /// In the order of the listing.
    #[default]
    Honoured,
    /// Only entries with greater bytes, whatever the order of the listing.
    ByBytes,
    Ignored,
    /// The response is empty.
    Empty,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Encoding {
    /// As requested.
    #[default]
    Asked,
    /// Keys are encoded, and the response does not declare it.
    Unsaid,
    /// The response declares encoded keys, but they are not encoded.
    OnlySaid,
}

impl Manners {
    fn is_default(&self) -> bool {
        self.order == ListOrder::Bytes
            && self.start_after == StartAfter::Honoured
            && !self.repeats
            && !self.has_foreign_keys
    }

    /// Returns the sort key of an entry.
    fn rank(&self, key: &str) -> Vec<u8> {
        match self.order {
            ListOrder::Bytes => key.as_bytes().to_vec(),
            ListOrder::Segments => key.bytes().map(|b| if b == b'/' { 0 } else { b }).collect(),
            ListOrder::Scattered => {
                let hash = key
                    .bytes()
                    .fold(7_u64, |hash, b| hash * 31 % 1_000_003 + u64::from(b));
                let mut rank = (hash * 7919 % 1_000_003).to_be_bytes().to_vec();
                rank.extend(key.bytes());
                rank
            }
        }
    }

    /// Returns a page of the entries in this order; `after` comes from a token if `goes_on`.
    fn page(&self, query: &Query, bucket: &BucketData, goes_on: bool) -> Page {
        let mut entries: Vec<(Vec<u8>, String, Option<Object>)> = Vec::new();
        for (key, object) in bucket.live_from(&query.prefix) {
            if !key.starts_with(&query.prefix) {
                break;
            }
            let common = query.common_prefix(&key);
            let entry = common.unwrap_or(&key).to_owned();
            if entries.last().is_none_or(|(_, last, _)| *last != entry) {
                let object = common.is_none().then(|| listed(object));
                entries.push((self.rank(&entry), entry, object));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let after = self.rank(&query.after);
        let is_asked = !query.after.is_empty();
        match self.start_after {
            _ if !is_asked => {}
            _ if goes_on => entries.retain(|(rank, ..)| match self.repeats {
                true => *rank >= after,
                false => *rank > after,
            }),
            StartAfter::Honoured => entries.retain(|(rank, ..)| *rank > after),
            StartAfter::ByBytes => entries.retain(|(_, entry, _)| *entry > query.after),
            StartAfter::Ignored => {}
            StartAfter::Empty => entries.clear(),
        }
        let mut page = Page::default();
        if entries.len() > query.most {
            entries.truncate(query.most);
            page.next = entries.last().map(|(_, entry, _)| entry.clone());
        }
        for (_, entry, object) in entries {
            match object {
                Some(object) => page.objects.push((entry, object)),
                None => page.prefixes.push(entry),
            }
        }
        if self.has_foreign_keys && !query.prefix.is_empty() {
            page.objects.push((
                "~foreign".to_owned(),
                listed(&store::Object::new("foreign")),
            ));
        }
        page
    }
}

pub fn v2(
    service: &Service,
    req: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = req.input;
    let manners = service.settings.listings;
    let after = match &input.continuation_token {
        Some(token) => untoken(token).ok_or_else(|| {
            let message = "The continuation token provided is incorrect";
            error_with(S3ErrorCode::InvalidArgument, message)
        })?,
        None if service.settings.ignore_start_after => String::new(),
        None => input.start_after.clone().unwrap_or_default(),
    };
    let most = most(service, input.max_keys)?;
    let query = Query::new(input.prefix, input.delimiter, after, most);
    let page = service.store.with(&input.bucket, |bucket| {
        Ok(match manners.is_default() {
            true => query.page(bucket),
            false => manners.page(&query, bucket, input.continuation_token.is_some()),
        })
    })?;
    let encoding = encoding(service, input.encoding_type);
    let encodes = encoding.is_some() && manners.encoding != Encoding::OnlySaid;
    let name = |key: String| match encodes && manners.is_latin_1 {
        true => latin_1(&key),
        false => encode_if(encodes, key),
    };
    let encoding = encoding.filter(|_| manners.encoding != Encoding::Unsaid);
    let owner = (input.fetch_owner == Some(true)).then(owner);
    let next = page.next.as_deref().map(token);
    let (contents, prefixes) = page.entries(name, owner.as_ref());
    Ok(S3Response::new(ListObjectsV2Output {
        key_count: i32::try_from(contents.len() + prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        name: Some(input.bucket),
        prefix: Some(name(query.prefix)),
        delimiter: query.delimiter.map(name),
        max_keys: i32::try_from(query.most).ok(),
        is_truncated: Some(next.is_some()),
        continuation_token: input.continuation_token,
        next_continuation_token: next,
        start_after: input.start_after.map(name),
        encoding_type: encoding,
        ..ListObjectsV2Output::default()
    }))
}

/// The first version, for clients that still use it. Without a delimiter S3 leaves out the next marker.
pub fn v1(
    service: &Service,
    req: S3Request<ListObjectsInput>,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let input = req.input;
    let after = input.marker.clone().unwrap_or_default();
    let most = most(service, input.max_keys)?;
    let query = Query::new(input.prefix, input.delimiter, after, most);
    let page = service
        .store
        .with(&input.bucket, |bucket| Ok(query.page(bucket)))?;
    let encoding = encoding(service, input.encoding_type);
    let name = |key: String| encode_if(encoding.is_some(), key);
    let next = page.next.clone();
    let (contents, prefixes) = page.entries(name, Some(&owner()));
    Ok(S3Response::new(ListObjectsOutput {
        contents: Some(contents),
        common_prefixes: Some(prefixes),
        name: Some(input.bucket),
        prefix: Some(name(query.prefix)),
        marker: Some(name(query.after)),
        is_truncated: Some(next.is_some()),
        next_marker: next.filter(|_| query.delimiter.is_some()).map(name),
        delimiter: query.delimiter.map(name),
        max_keys: i32::try_from(query.most).ok(),
        encoding_type: encoding,
        ..ListObjectsOutput::default()
    }))
}

/// Returns the encoding that the response uses and declares.
pub fn encoding(service: &Service, asked: Option<EncodingType>) -> Option<EncodingType> {
    asked.filter(|_| !service.settings.ignore_encoding_type)
}

/// Encodes a key as if it were in Latin-1, whose characters are the first of Unicode.
fn latin_1(key: &str) -> String {
    key.chars()
        .map(|c| match u8::try_from(u32::from(c)) {
            Ok(byte) if byte >= 0x80 => format!("%{byte:02X}"),
            _ => encode(&c.to_string()),
        })
        .collect()
}

pub fn encode_if(encodes: bool, key: String) -> String {
    if encodes { encode(&key) } else { key }
}

/// Returns the element of an object, without its key.
fn listed(object: &store::Object) -> Object {
    let algorithms = object.checksums.keys();
    let algorithms: Vec<_> = algorithms.map(|name| name.to_uppercase().into()).collect();
    let checksum_type = object.checksum_type.to_owned();
    Object {
        checksum_type: (!algorithms.is_empty()).then(|| checksum_type.into()),
        checksum_algorithm: Some(algorithms),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(object.modified.into()),
        size: Some(size(&object.content)),
        storage_class: Some(object.storage_class.clone().into()),
        ..Object::default()
    }
}

/// Returns the maximum number of entries in a page, for the requested maximum.
pub fn most(service: &Service, asked: Option<i32>) -> S3Result<usize> {
    let most = service.settings.page_size;
    usize::try_from(asked.unwrap_or(most).min(most)).map_err(|_| {
        let message = "Argument maxKeys must be an integer between 0 and 2147483647";
        error_with(S3ErrorCode::InvalidArgument, message)
    })
}

/// The parameters of a listing.
struct Query {
    prefix: String,
    delimiter: Option<String>,
    /// Entries up to here, keys and common prefixes, have been listed or are skipped.
    after: String,
    most: usize,
}

/// One page of a listing.
#[derive(Default)]
struct Page {
    objects: Vec<(String, Object)>,
    prefixes: Vec<String>,
    /// The last entry of the page, if there are more.
    next: Option<String>,
}

impl Query {
    fn new(prefix: Option<String>, delimiter: Option<String>, after: String, most: usize) -> Self {
        Self {
            prefix: prefix.unwrap_or_default(),
            delimiter: delimiter.filter(|text| !text.is_empty()),
            after,
            most,
        }
    }

    fn page(&self, bucket: &BucketData) -> Page {
        let mut page = Page::default();
        if self.most == 0 {
            return page;
        }
        let mut last = String::new();
        let start = self.prefix.as_str().max(&self.after);
        for (key, object) in bucket.listed_from(start) {
            if !key.starts_with(&self.prefix) {
                break;
            }
            let common = self.common_prefix(&key);
            let entry = common.unwrap_or(&key);
            // All keys below a common prefix are the same entry.
            if *entry <= *self.after || (common.is_some() && *entry == *last) {
                continue;
            }
            if common.is_none() && object.is_none() {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == self.most {
                page.next = Some(last);
                break;
            }
            entry.clone_into(&mut last);
            match (common, object) {
                (Some(prefix), _) => page.prefixes.push(prefix.to_owned()),
                (None, Some(object)) => page.objects.push((key.into_owned(), listed(object))),
                (None, None) => {}
            }
        }
        page
    }

    /// Returns the key up to the first delimiter after the prefix.
    fn common_prefix<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_ref()?;
        let at = key[self.prefix.len()..].find(delimiter.as_str())?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }
}

impl Page {
    /// Returns the elements of the response.
    fn entries(
        self,
        name: impl Fn(String) -> String,
        owner: Option<&Owner>,
    ) -> (Vec<Object>, Vec<CommonPrefix>) {
        let objects = self.objects.into_iter();
        let objects = objects.map(|(key, object)| Object {
            key: Some(name(key)),
            owner: owner.cloned(),
            ..object
        });
        let prefixes = self.prefixes.into_iter().map(|prefix| CommonPrefix {
            prefix: Some(name(prefix)),
        });
        (objects.collect(), prefixes.collect())
    }
}

/// An opaque token: clients must send it back unchanged.
fn token(last: &str) -> String {
    let sum = checksum::md5(last.as_bytes());
    checksum::base64(&[&sum[..4], last.as_bytes()].concat())
}

fn untoken(token: &str) -> Option<String> {
    let bytes = checksum::unbase64(token)?;
    let (sum, last) = bytes.split_at_checked(4)?;
    (checksum::md5(last)[..4] == *sum).then(|| String::from_utf8(last.to_vec()).ok())?
}

/// Encodes a key like S3 with `encoding-type=url`: like a form, but with unchanged slashes.
pub fn encode(key: &str) -> String {
    key.bytes().fold(String::new(), |mut encoded, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                encoded.push(char::from(byte));
            }
            b' ' => encoded.push('+'),
            _ => encoded += &format!("%{byte:02X}"),
        }
        encoded
    })
}
