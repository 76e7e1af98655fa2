//! ListObjectsV2, and ListObjects before it.
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

pub fn v2(
    service: &Service,
    req: S3Request<ListObjectsV2Input>,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let input = req.input;
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
    let page = service
        .store
        .with(&input.bucket, |bucket| Ok(query.page(bucket)))?;
    let encoding = encoding(service, input.encoding_type);
    let name = |key: String| encode_if(encoding.is_some(), key);
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

/// The encoding that the answer has and says it has.
pub fn encoding(service: &Service, asked: Option<EncodingType>) -> Option<EncodingType> {
    asked.filter(|_| !service.settings.ignore_encoding_type)
}

pub fn encode_if(encodes: bool, key: String) -> String {
    if encodes { encode(&key) } else { key }
}

fn entry(key: String, object: &store::Object, owner: Option<Owner>) -> Object {
    let algorithms = object.checksums.keys();
    let algorithms: Vec<_> = algorithms.map(|name| name.to_uppercase().into()).collect();
    let checksum_type = object.checksum_type.to_owned();
    Object {
        key: Some(key),
        checksum_type: (!algorithms.is_empty()).then(|| checksum_type.into()),
        checksum_algorithm: Some(algorithms),
        e_tag: Some(ETag::Strong(object.etag.clone())),
        last_modified: Some(object.modified.into()),
        owner,
        size: Some(size(&object.content)),
        storage_class: Some(object.storage_class.clone().into()),
        ..Object::default()
    }
}

/// How many entries a page has, if that many are asked for.
fn most(service: &Service, asked: Option<i32>) -> S3Result<usize> {
    let most = service.settings.page_size;
    usize::try_from(asked.unwrap_or(most).min(most)).map_err(|_| {
        let message = "Argument maxKeys must be an integer between 0 and 2147483647";
        error_with(S3ErrorCode::InvalidArgument, message)
    })
}

/// What a listing asks for.
struct Query {
    prefix: String,
    delimiter: Option<String>,
    /// Entries up to here, keys and common prefixes, have been listed or are to be skipped.
    after: String,
    most: usize,
}

/// One page of a listing.
#[derive(Default)]
struct Page {
    objects: Vec<(String, store::Object)>,
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
        for (key, object) in bucket.live_from(start) {
            if !key.starts_with(&self.prefix) {
                break;
            }
            let common = self.common_prefix(&key);
            let entry = common.unwrap_or(&key);
            // Every key below a common prefix is the same entry.
            if *entry <= *self.after || (common.is_some() && *entry == *last) {
                continue;
            }
            if page.objects.len() + page.prefixes.len() == self.most {
                page.next = Some(last);
                break;
            }
            entry.clone_into(&mut last);
            match common {
                Some(prefix) => page.prefixes.push(prefix.to_owned()),
                None => page.objects.push((key.into_owned(), object.clone())),
            }
        }
        page
    }

    /// The key up to the first delimiter after the prefix.
    fn common_prefix<'a>(&self, key: &'a str) -> Option<&'a str> {
        let delimiter = self.delimiter.as_ref()?;
        let at = key[self.prefix.len()..].find(delimiter.as_str())?;
        Some(&key[..self.prefix.len() + at + delimiter.len()])
    }
}

impl Page {
    /// The elements of the answer.
    fn entries(
        self,
        name: impl Fn(String) -> String,
        owner: Option<&Owner>,
    ) -> (Vec<Object>, Vec<CommonPrefix>) {
        let objects = self.objects.into_iter();
        let objects = objects.map(|(key, object)| entry(name(key), &object, owner.cloned()));
        let prefixes = self.prefixes.into_iter().map(|prefix| CommonPrefix {
            prefix: Some(name(prefix)),
        });
        (objects.collect(), prefixes.collect())
    }
}

/// An opaque token: clients must send it back as it is, whatever is in it.
fn token(last: &str) -> String {
    let sum = checksum::md5(last.as_bytes());
    checksum::base64(&[&sum[..4], last.as_bytes()].concat())
}

fn untoken(token: &str) -> Option<String> {
    let bytes = checksum::unbase64(token)?;
    let (sum, last) = bytes.split_at_checked(4)?;
    (checksum::md5(last)[..4] == *sum).then(|| String::from_utf8(last.to_vec()).ok())?
}

/// `encoding-type=url` as S3 does it: like a form, but slashes stay.
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
