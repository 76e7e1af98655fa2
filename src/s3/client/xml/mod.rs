//! S3's XML: parses answers; [`body`] writes the bodies of requests.
//!
//! Elements are matched by their local names, in any namespace or none. Unknown elements are skipped, and
//! missing ones are tolerated where possible. Content that would lead to a wrong key, or end a listing too
//! early, is an error.

pub(crate) mod body;
mod document;

use std::borrow::Cow;
use std::fmt;

use time::OffsetDateTime;

use crate::dates::iso_date;
use document::{Document, clip};

type Result<T, E = XmlError> = std::result::Result<T, E>;

/// Reason why an answer could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum XmlError {
    /// The document is an `<Error>`. S3 sends it with status 200, too, when a long [copy][1] or
    /// complete fails after its header was sent.
    ///
    /// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    Refused(Box<ErrorAnswer>),
    /// The answer is not the requested document.
    Malformed {
        /// The path of elements to the fault, such as `<ListBucketResult><Contents>`.
        place: String,
        /// Description of the fault.
        what: String,
    },
}

impl XmlError {
    fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed {
            place: String::new(),
            what: what.into(),
        }
    }

    /// Adds the name of the enclosing element to the place of the error.
    fn within(mut self, name: &str) -> Self {
        if let Self::Malformed { place, .. } = &mut self {
            place.insert_str(0, &format!("<{}>", clip(name)));
        }
        self
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(answer) => {
                write!(f, "the server returned the error {}", answer.code)?;
                if answer.message.is_empty() {
                    return Ok(());
                }
                write!(f, ": {}", answer.message)
            }
            Self::Malformed { place, what } if place.is_empty() => {
                write!(f, "the response cannot be read: {what}")
            }
            Self::Malformed { place, what } => {
                write!(f, "the response cannot be read: {what}, in {place}")
            }
        }
    }
}

impl std::error::Error for XmlError {}

/// One page of [ListObjectsV2][1], with keys and prefixes decoded.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListPage {
    pub(crate) objects: Vec<ListedObject>,
    pub(crate) prefixes: Vec<String>,
    /// The bytes of the prefixes that are not UTF-8.
    pub(crate) unreadable_prefixes: Vec<Vec<u8>>,
    /// The token to request the next page; none on the last one.
    pub(crate) next_token: Option<String>,
}

/// One object of a listing. Stores may leave out everything but the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// The key. If it is not UTF-8, only its readable beginning: see [`is`](Self::is).
    pub(crate) key: String,
    /// The bytes of a key that is not UTF-8. No path and no request can represent it.
    pub(crate) unreadable: Option<Box<[u8]>>,
    pub(crate) size: u64,
    pub(crate) last_modified: Option<OffsetDateTime>,
    /// As returned by the store, including its quotation marks.
    pub(crate) etag: Option<String>,
    pub(crate) storage_class: Option<Cow<'static, str>>,
}

impl ListedObject {
    /// Returns true if the object has that key.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.unreadable.is_none() && self.key == key
    }

    /// Returns the bytes of its key.
    pub(crate) fn key_bytes(&self) -> &[u8] {
        self.unreadable.as_deref().unwrap_or(self.key.as_bytes())
    }

    /// Returns its key for display.
    pub(crate) fn shown_key(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.key_bytes())
    }
}

/// Parses a page of the listing of that prefix.
///
/// A key that is not UTF-8 is marked as such. It does not prevent the other keys from being read.
pub(crate) fn list_page(body: &[u8], prefix: &str) -> Result<ListPage> {
    let (readable, mark) = readable(body)?;
    let mut page = ListPage::default();
    let mut truncated = None;
    let mut encoded = false;
    read_text(&readable, &["ListBucketResult"], |document, name| {
        match name {
            "Contents" => page.objects.push(listed_object(document)?),
            "CommonPrefixes" => document.children(|document, name| {
                if name == "Prefix" {
                    page.prefixes.push(document.text()?.to_owned());
                }
                Ok(())
            })?,
            "IsTruncated" => truncated = Some(boolean(document.text()?)?),
            "NextContinuationToken" => page.next_token = kept(document.text()?),
            "EncodingType" => encoded = url_encoding(document.text()?)?,
            _ => {}
        }
        Ok(())
    })?;
    match truncated {
        Some(true) if page.next_token.is_none() => {
            return Err(XmlError::malformed(
                "the listing is truncated, but has no NextContinuationToken; the store may not \
                 support ListObjectsV2",
            ));
        }
        Some(false) => page.next_token = None,
        Some(true) | None => {}
    }
    // The names are decoded at the end because some stores send EncodingType after the keys.
    let names = page.objects.iter().map(|object| &object.key);
    let names: Vec<&str> = names.chain(&page.prefixes).map(String::as_str).collect();
    let encoded = encoded && are_encoded(&names, prefix);
    let is_as_listed = |name: &str| mark.is_none() && (!encoded || !name.bytes().any(is_encoding));
    for object in &mut page.objects {
        if is_as_listed(&object.key) {
            continue;
        }
        let key = key_bytes(std::mem::take(&mut object.key), encoded, mark)?;
        match String::from_utf8(key) {
            Ok(key) => object.key = key,
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let bytes = error.into_bytes();
                let beginning = bytes.get(..valid).unwrap_or_default();
                object.key = String::from_utf8_lossy(beginning).into_owned();
                object.unreadable = Some(bytes.into());
            }
        }
    }
    for name in std::mem::take(&mut page.prefixes) {
        match String::from_utf8(key_bytes(name, encoded, mark)?) {
            Ok(name) => page.prefixes.push(name),
            Err(error) => page.unreadable_prefixes.push(error.into_bytes()),
        }
    }
    Ok(page)
}

/// Returns true if the names of a page are URL-encoded, as its `EncodingType` declares. Some stores declare it, but send
/// the names unencoded. Evidence for that is a character that is always encoded, or a key that has the prefix only in
/// its unencoded form.
fn are_encoded(names: &[&str], prefix: &str) -> bool {
    let is_never_sent = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'<' | b'>');
    let mut fit_decoded = true;
    for name in names {
        match url_decoded(name) {
            Ok(decoded) if !name.bytes().any(is_never_sent) => {
                fit_decoded &= decoded.starts_with(prefix.as_bytes());
            }
            _ => return false,
        }
    }
    fit_decoded || !names.iter().all(|name| name.starts_with(prefix))
}

/// An otherwise unused character that does not occur in the body. It precedes each byte that is not UTF-8, which is
/// written in hexadecimal after it.
type Mark = Option<char>;

/// Converts the body to UTF-8.
fn readable(body: &[u8]) -> Result<(Cow<'_, str>, Mark)> {
    let not_utf8 = match utf8(body) {
        Ok(text) => return Ok((text.into(), None)),
        Err(error) => error,
    };
    let is_absent = |mark: &char| {
        let mut utf8 = [0; 4];
        let utf8 = mark.encode_utf8(&mut utf8).as_bytes();
        !body.windows(utf8.len()).any(|window| window == utf8)
    };
    let Some(mark) = ('\u{FDD0}'..='\u{FDEF}').find(is_absent) else {
        return Err(not_utf8);
    };
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("{mark}{byte:02X}"));
        }
    }
    Ok((text.into(), Some(mark)))
}

/// Returns the bytes of a listed key or prefix.
fn key_bytes(text: String, encoded: bool, mark: Mark) -> Result<Vec<u8>> {
    let Some(mark) = mark.filter(|mark| text.contains(*mark)) else {
        if encoded && let Cow::Owned(decoded) = url_decoded(&text)? {
            return Ok(decoded);
        }
        return Ok(text.into_bytes());
    };
    let mut pieces = text.split(mark);
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2).unwrap_or(("", piece));
        bytes.extend(u8::from_str_radix(digits, 16).ok());
        bytes.extend(rest.as_bytes());
    }
    Ok(bytes)
}

fn listed_object(document: &mut Document<'_>) -> Result<ListedObject> {
    let mut object = ListedObject::default();
    let mut named = false;
    document.children(|document, name| {
        match name {
            "Key" => {
                object.key = document.text()?.to_owned();
                named = true;
            }
            "Size" => object.size = number(document.text()?)?,
            "LastModified" => object.last_modified = iso_date(document.text()?.trim_ascii()),
            "ETag" => object.etag = kept(document.text()?.trim_ascii()),
            "StorageClass" => object.storage_class = class(document.text()?.trim_ascii()),
            _ => {}
        }
        Ok(())
    })?;
    if named {
        Ok(object)
    } else {
        Err(XmlError::malformed("an object without a Key"))
    }
}

/// The server's description of an [error][1].
///
/// The rest of the document is dropped, because it may quote the request's token and signature.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorAnswer {
    pub(crate) code: String,
    /// Google's `Details` are appended to it.
    pub(crate) message: String,
    pub(crate) request_id: String,
    pub(crate) host_id: String,
    /// The region of the bucket: `Region`, or the region in the name of Amazon's `Endpoint`.
    pub(crate) region: Option<String>,
    /// The host to which the request should be sent.
    pub(crate) endpoint: Option<String>,
    /// The headers that were sent without a signature.
    pub(crate) headers_not_signed: Option<String>,
    /// The header that the store does not implement.
    pub(crate) header: Option<String>,
    /// Time of the server's clock, if the request's time is wrong.
    pub(crate) server_time: Option<OffsetDateTime>,
    /// The size of the object, if the range is beyond it.
    pub(crate) object_size: Option<u64>,
}

/// Parses an error document. Returns `None` if the body is anything else, such as a proxy's HTML.
///
/// If the document is incomplete or broken, the fields before the fault are returned.
pub(crate) fn error_answer(body: &[u8]) -> Option<ErrorAnswer> {
    let text = String::from_utf8_lossy(body);
    let (mut document, root) = Document::open(&text).ok()?;
    is_error(root.local_name().into_inner()).then(|| read_error(&mut document))
}

/// Returns true if the body is an XML document that is neither an error nor a web page.
pub(crate) fn is_other_document(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    Document::open(&text).is_ok_and(|(_, root)| {
        let root = root.local_name().into_inner();
        !is_error(root) && !root.eq_ignore_ascii_case("html")
    })
}

/// Returns true if the root element is that of an error. STS, and stores that resemble it, use `ErrorResponse` with
/// the same fields.
fn is_error(root: &str) -> bool {
    matches!(root, "Error" | "ErrorResponse")
}

fn read_error(document: &mut Document<'_>) -> ErrorAnswer {
    let mut answer = ErrorAnswer::default();
    let mut details = String::new();
    // If the error document itself is broken, the fields read before are returned.
    let _ = error_fields(document, &mut answer, &mut details);
    if !details.is_empty() {
        if !answer.message.is_empty() {
            answer.message.push(' ');
        }
        answer.message.push_str(&details);
    }
    if answer.region.is_none() {
        let region = answer.endpoint.as_deref().and_then(region_of_endpoint);
        answer.region = region.map(str::to_owned);
    }
    answer
}

fn error_fields(
    document: &mut Document<'_>,
    answer: &mut ErrorAnswer,
    details: &mut String,
) -> Result<()> {
    document.children(|document, name| {
        match name {
            "Error" => error_fields(document, answer, details)?,
            "Code" => document.words()?.clone_into(&mut answer.code),
            "Message" => document.words()?.clone_into(&mut answer.message),
            "Details" => document.words()?.clone_into(details),
            "RequestId" | "RequestID" => document.words()?.clone_into(&mut answer.request_id),
            "HostId" => document.words()?.clone_into(&mut answer.host_id),
            "Region" => answer.region = kept(document.words()?),
            "Endpoint" => answer.endpoint = kept(document.words()?),
            "HeadersNotSigned" => answer.headers_not_signed = kept(document.words()?),
            "Header" => answer.header = kept(document.words()?),
            "ServerTime" => answer.server_time = iso_date(document.words()?),
            "ActualObjectSize" => answer.object_size = document.words()?.parse().ok(),
            _ => {}
        }
        Ok(())
    })
}

/// Returns the region in an endpoint's host name, such as `eu-west-1` in `bucket.s3.eu-west-1.amazonaws.com` and in
/// the older `bucket.s3-eu-west-1...`.
///
/// The global `s3.amazonaws.com` contains no region, and `s3-external-1` is not one.
fn region_of_endpoint(host: &str) -> Option<&str> {
    let host = host.strip_suffix(".cn").unwrap_or(host);
    let host = host.strip_suffix(".amazonaws.com")?;
    let (before, last) = host.rsplit_once('.').unwrap_or(("", host));
    let region = match last.strip_prefix("s3-") {
        Some(region) => region,
        None => before
            .rsplit('.')
            .next()
            .filter(|service| matches!(*service, "s3" | "s3-fips" | "dualstack"))
            .map(|_| last)?,
    };
    let (area, _) = region.split_once('-')?;
    (area.len() == 2).then_some(region)
}

/// The answer to CopyObject or UploadPartCopy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CopyResult {
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<OffsetDateTime>,
    /// The checksums, with the names of their elements.
    pub(crate) checksums: Vec<(String, String)>,
}

/// Parses the answer to [CopyObject][1] or [UploadPartCopy][2].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
/// [2]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html
pub(crate) fn copy_result(body: &[u8]) -> Result<CopyResult> {
    let mut result = CopyResult::default();
    read(
        body,
        &["CopyObjectResult", "CopyPartResult"],
        |document, name| {
            match name {
                "ETag" => result.etag = kept(document.text()?.trim_ascii()),
                "LastModified" => result.last_modified = iso_date(document.text()?.trim_ascii()),
                "ChecksumType" => {}
                name if name.starts_with("Checksum") => {
                    let name = name.to_owned();
                    let digest = document.text()?.trim_ascii().to_owned();
                    result.checksums.push((name, digest));
                }
                _ => {}
            }
            Ok(())
        },
    )?;
    Ok(result)
}

/// The credentials of a role.
#[cfg(feature = "aws-chain")]
pub(crate) struct AssumedRole {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) expiration: OffsetDateTime,
}

/// Parses the answer of STS to [AssumeRole][1] and to AssumeRoleWithWebIdentity.
///
/// [1]: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
#[cfg(feature = "aws-chain")]
pub(crate) fn assumed_role(body: &[u8]) -> Result<AssumedRole> {
    const ROOTS: [&str; 2] = ["AssumeRoleResponse", "AssumeRoleWithWebIdentityResponse"];
    let (mut key, mut secret, mut token, mut expiration) = (None, None, None, None);
    read(body, &ROOTS, |document, name| {
        if !matches!(name, "AssumeRoleResult" | "AssumeRoleWithWebIdentityResult") {
            return Ok(());
        }
        document.children(|document, name| {
            if name != "Credentials" {
                return Ok(());
            }
            document.children(|document, name| {
                match name {
                    "AccessKeyId" => key = kept(document.text()?.trim_ascii()),
                    "SecretAccessKey" => secret = kept(document.text()?.trim_ascii()),
                    "SessionToken" => token = kept(document.text()?.trim_ascii()),
                    "Expiration" => expiration = iso_date(document.text()?.trim_ascii()),
                    _ => {}
                }
                Ok(())
            })
        })
    })?;
    let missing = |name: &str| XmlError::malformed(format!("no {name}"));
    Ok(AssumedRole {
        access_key_id: key.ok_or_else(|| missing("AccessKeyId"))?,
        secret_access_key: secret.ok_or_else(|| missing("SecretAccessKey"))?,
        session_token: token.ok_or_else(|| missing("SessionToken"))?,
        expiration: expiration.ok_or_else(|| missing("Expiration"))?,
    })
}

/// Parses the upload id in the answer to [CreateMultipartUpload][1].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html
pub(crate) fn created_upload(body: &[u8]) -> Result<String> {
    let mut id = None;
    read(
        body,
        &["InitiateMultipartUploadResult"],
        |document, name| {
            if name == "UploadId" {
                id = kept(document.text()?);
            }
            Ok(())
        },
    )?;
    id.ok_or_else(|| XmlError::malformed("no UploadId"))
}

/// Checks that an answer is one to [ListParts][1]. Its parts are not needed.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListParts.html
pub(crate) fn listed_parts(body: &[u8]) -> Result<()> {
    read(body, &["ListPartsResult"], |_, _| Ok(()))
}

/// One page of [ListMultipartUploads][1], with keys decoded.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct UploadsPage {
    pub(crate) uploads: Vec<ListedUpload>,
    /// The key and the id after which the next page starts; none on the last one.
    pub(crate) next: Option<(String, String)>,
}

/// An upload that is neither completed nor aborted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedUpload {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) initiated: Option<OffsetDateTime>,
}

/// Parses a page of uploads.
pub(crate) fn uploads_page(body: &[u8]) -> Result<UploadsPage> {
    let mut page = UploadsPage::default();
    let mut truncated = false;
    let mut encoded = false;
    let mut next = (String::new(), String::new());
    read(body, &["ListMultipartUploadsResult"], |document, name| {
        match name {
            "Upload" => page.uploads.push(listed_upload(document)?),
            "IsTruncated" => truncated = boolean(document.text()?)?,
            "NextKeyMarker" => document.text()?.clone_into(&mut next.0),
            "NextUploadIdMarker" => document.text()?.clone_into(&mut next.1),
            "EncodingType" => encoded = url_encoding(document.text()?)?,
            _ => {}
        }
        Ok(())
    })?;
    if encoded {
        let keys = page.uploads.iter_mut().map(|upload| &mut upload.key);
        for key in keys.chain([&mut next.0]) {
            url_decode(key)?;
        }
    }
    if truncated {
        if next.0.is_empty() {
            return Err(XmlError::malformed(
                "the list of uploads is truncated, but has no NextKeyMarker",
            ));
        }
        page.next = Some(next);
    }
    Ok(page)
}

fn listed_upload(document: &mut Document<'_>) -> Result<ListedUpload> {
    let mut upload = ListedUpload::default();
    document.children(|document, name| {
        match name {
            "Key" => document.text()?.clone_into(&mut upload.key),
            "UploadId" => document.text()?.clone_into(&mut upload.id),
            "Initiated" => upload.initiated = iso_date(document.text()?.trim_ascii()),
            _ => {}
        }
        Ok(())
    })?;
    if upload.key.is_empty() || upload.id.is_empty() {
        return Err(XmlError::malformed("an upload without its Key or UploadId"));
    }
    Ok(upload)
}

/// One page of [ListObjectVersions][1], with keys decoded.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectVersions.html
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct VersionsPage {
    /// Sorted by key, and the versions of each key from the newest to the oldest.
    pub(crate) versions: Vec<ListedVersion>,
    /// Number of versions whose key is not UTF-8. No path and no request can represent them.
    pub(crate) unreadable: usize,
    /// The key and the version id after which the next page starts; none on the last one.
    pub(crate) next: Option<(String, String)>,
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedVersion {
    pub(crate) object: ListedObject,
    /// `null` if versioning was not enabled when it was stored.
    pub(crate) version_id: String,
    pub(crate) is_latest: bool,
    pub(crate) is_delete_marker: bool,
}

/// Parses a page of the versions of keys that begin with that prefix.
pub(crate) fn versions_page(body: &[u8], prefix: &str) -> Result<VersionsPage> {
    let (readable, mark) = readable(body)?;
    let mut versions = Vec::new();
    let mut truncated = false;
    let mut encoded = false;
    let mut next = (String::new(), String::new());
    read_text(&readable, &["ListVersionsResult"], |document, name| {
        match name {
            "Version" | "DeleteMarker" => {
                versions.push(listed_version(document, name == "DeleteMarker")?);
            }
            "IsTruncated" => truncated = boolean(document.text()?)?,
            "NextKeyMarker" => document.text()?.clone_into(&mut next.0),
            "NextVersionIdMarker" => document.text()?.clone_into(&mut next.1),
            "EncodingType" => encoded = url_encoding(document.text()?)?,
            _ => {}
        }
        Ok(())
    })?;
    let names = versions.iter().map(|version| version.object.key.as_str());
    let names: Vec<&str> = names.collect();
    let encoded = encoded && are_encoded(&names, prefix);
    let mut page = VersionsPage::default();
    for mut version in versions {
        let key = std::mem::take(&mut version.object.key);
        match String::from_utf8(key_bytes(key, encoded, mark)?) {
            Ok(key) => {
                version.object.key = key;
                page.versions.push(version);
            }
            Err(_) => page.unreadable += 1,
        }
    }
    interleave(&mut page.versions);
    if truncated {
        next.0 = String::from_utf8(key_bytes(next.0, encoded, mark)?)
            .map_err(|_| XmlError::malformed("the NextKeyMarker is not UTF-8"))?;
        if next.0.is_empty() {
            return Err(XmlError::malformed(
                "the list of versions is truncated, but has no NextKeyMarker",
            ));
        }
        page.next = Some(next);
    }
    Ok(page)
}

/// Moves delete markers to their place if the store lists all of them after the versions. S3 lists both in one order,
/// which is kept: times alone do not determine it, since a multipart upload has the time of its beginning.
fn interleave(versions: &mut [ListedVersion]) {
    let first_marker = versions.iter().position(|version| version.is_delete_marker);
    let last_version = versions
        .iter()
        .rposition(|version| !version.is_delete_marker);
    let are_apart = first_marker
        .zip(last_version)
        .is_some_and(|(marker, last)| last < marker);
    if are_apart {
        versions.sort_by(|one, other| {
            let keys = one.object.key.cmp(&other.object.key);
            keys.then(other.is_latest.cmp(&one.is_latest))
                .then(other.object.last_modified.cmp(&one.object.last_modified))
                // Within one second, the order is unknown.
                .then(other.is_delete_marker.cmp(&one.is_delete_marker))
        });
    }
}

fn listed_version(document: &mut Document<'_>, is_delete_marker: bool) -> Result<ListedVersion> {
    let mut version = ListedVersion {
        is_delete_marker,
        ..ListedVersion::default()
    };
    let object = &mut version.object;
    document.children(|document, name| {
        match name {
            "Key" => document.text()?.clone_into(&mut object.key),
            "VersionId" => document.text()?.clone_into(&mut version.version_id),
            "IsLatest" => version.is_latest = boolean(document.text()?)?,
            "LastModified" => object.last_modified = iso_date(document.text()?.trim_ascii()),
            "Size" => object.size = number(document.text()?)?,
            "ETag" => object.etag = kept(document.text()?.trim_ascii()),
            "StorageClass" => object.storage_class = class(document.text()?.trim_ascii()),
            _ => {}
        }
        Ok(())
    })?;
    if version.object.key.is_empty() {
        return Err(XmlError::malformed("a version without its Key"));
    }
    if version.version_id.is_empty() {
        version.version_id = "null".to_owned();
    }
    Ok(version)
}

/// One page of [ListBuckets][1].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BucketsPage {
    pub(crate) buckets: Vec<ListedBucket>,
    /// The token to request the next page; none on the last one.
    pub(crate) next_token: Option<String>,
}

/// One bucket of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListedBucket {
    pub(crate) name: String,
    pub(crate) created: Option<OffsetDateTime>,
    pub(crate) region: Option<String>,
}

pub(crate) fn buckets_page(body: &[u8]) -> Result<BucketsPage> {
    let mut page = BucketsPage::default();
    read(body, &["ListAllMyBucketsResult"], |document, name| {
        match name {
            "Buckets" => document.children(|document, name| {
                if name == "Bucket" {
                    page.buckets.push(listed_bucket(document)?);
                }
                Ok(())
            })?,
            "ContinuationToken" => page.next_token = kept(document.text()?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(page)
}

fn listed_bucket(document: &mut Document<'_>) -> Result<ListedBucket> {
    let mut bucket = ListedBucket::default();
    document.children(|document, name| {
        match name {
            "Name" => document.text()?.clone_into(&mut bucket.name),
            "CreationDate" => bucket.created = iso_date(document.text()?.trim_ascii()),
            "BucketRegion" => bucket.region = kept(document.text()?.trim_ascii()),
            _ => {}
        }
        Ok(())
    })?;
    if bucket.name.is_empty() {
        return Err(XmlError::malformed("a bucket without its Name"));
    }
    Ok(bucket)
}

/// The answer to CompleteMultipartUpload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CompletedUpload {
    /// Empty for some stores.
    pub(crate) etag: Option<String>,
}

/// Parses the answer to [CompleteMultipartUpload][1].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
pub(crate) fn completed_upload(body: &[u8]) -> Result<CompletedUpload> {
    let mut upload = CompletedUpload::default();
    read(
        body,
        &["CompleteMultipartUploadResult"],
        |document, name| {
            if name == "ETag" {
                upload.etag = kept(document.text()?.trim_ascii());
            }
            Ok(())
        },
    )?;
    Ok(upload)
}

/// Parses the tags, as keys and values, in the answer to [GetObjectTagging][1].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html
pub(crate) fn tagging(body: &[u8]) -> Result<Vec<(String, String)>> {
    let mut tags = Vec::new();
    read(body, &["Tagging"], |document, name| {
        if name != "TagSet" {
            return Ok(());
        }
        document.children(|document, name| {
            if name == "Tag" {
                tags.push(tag(document)?);
            }
            Ok(())
        })
    })?;
    Ok(tags)
}

fn tag(document: &mut Document<'_>) -> Result<(String, String)> {
    let (mut key, mut value) = (None, String::new());
    document.children(|document, name| {
        match name {
            "Key" => key = kept(document.text()?),
            "Value" => document.text()?.clone_into(&mut value),
            _ => {}
        }
        Ok(())
    })?;
    let key = key.ok_or_else(|| XmlError::malformed("a tag without a Key"))?;
    Ok((key, value))
}

/// A key that DeleteObjects did not delete, with the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeleteFailure {
    pub(crate) key: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Parses the failures in the answer to [DeleteObjects][1], in quiet mode or not.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
pub(crate) fn delete_failures(body: &[u8]) -> Result<Vec<DeleteFailure>> {
    let mut failures = Vec::new();
    read(body, &["DeleteResult"], |document, name| {
        if name == "Error" {
            failures.push(delete_failure(document)?);
        }
        Ok(())
    })?;
    Ok(failures)
}

fn delete_failure(document: &mut Document<'_>) -> Result<DeleteFailure> {
    let mut failure = DeleteFailure::default();
    document.children(|document, name| {
        match name {
            "Key" => document.text()?.clone_into(&mut failure.key),
            "Code" => document.words()?.clone_into(&mut failure.code),
            "Message" => document.words()?.clone_into(&mut failure.message),
            _ => {}
        }
        Ok(())
    })?;
    Ok(failure)
}

/// Parses a document whose root is one of `roots`, passing each of its children to `child`.
fn read(
    body: &[u8],
    roots: &[&str],
    child: impl FnMut(&mut Document<'_>, &str) -> Result<()>,
) -> Result<()> {
    read_text(utf8(body)?, roots, child)
}

fn utf8(body: &[u8]) -> Result<&str> {
    std::str::from_utf8(body).map_err(|error| {
        let position = error.valid_up_to();
        XmlError::malformed(format!("it is not UTF-8 at byte {position}"))
    })
}

/// Like [`read`], but for a document that is already text.
fn read_text(
    text: &str,
    roots: &[&str],
    child: impl FnMut(&mut Document<'_>, &str) -> Result<()>,
) -> Result<()> {
    let (mut document, root) = Document::open(text)?;
    let root = root.local_name().into_inner();
    if is_error(root) {
        return Err(XmlError::Refused(Box::new(read_error(&mut document))));
    }
    if !roots.contains(&root) {
        let (root, wanted) = (clip(root), roots.join("> or <"));
        let what = format!("the root element is <{root}>, not <{wanted}>");
        return Err(XmlError::malformed(what));
    }
    document
        .children(child)
        .map_err(|error| error.within(root))?;
    document.finish()
}

fn kept(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Returns a storage class. Classes of most objects are not copied.
fn class(text: &str) -> Option<Cow<'static, str>> {
    const CLASSES: [&str; 7] = [
        "STANDARD",
        "STANDARD_IA",
        "INTELLIGENT_TIERING",
        "ONEZONE_IA",
        "GLACIER",
        "GLACIER_IR",
        "DEEP_ARCHIVE",
    ];
    match CLASSES.iter().find(|class| **class == text) {
        Some(class) => Some(Cow::Borrowed(class)),
        None => kept(text).map(Cow::Owned),
    }
}

/// Parses a number of bytes; an empty element is 0.
fn number(text: &str) -> Result<u64> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
        .map_err(|_| XmlError::malformed(format!("\"{}\" is not a size", clip(text))))
}

fn boolean(text: &str) -> Result<bool> {
    match text.trim_ascii() {
        "true" | "True" | "1" => Ok(true),
        "false" | "False" | "0" => Ok(false),
        text => Err(XmlError::malformed(format!(
            "\"{}\" is neither true nor false",
            clip(text)
        ))),
    }
}

/// Returns true if the keys are URL-encoded. An unknown encoding is an error, because it would lead to wrong keys.
fn url_encoding(text: &str) -> Result<bool> {
    match text.trim_ascii() {
        "" => Ok(false),
        text if text.eq_ignore_ascii_case("url") => Ok(true),
        text => Err(XmlError::malformed(format!(
            "the encoding \"{}\" is unknown",
            clip(text)
        ))),
    }
}

fn url_decode(text: &mut String) -> Result<()> {
    let decoded = url_decoded(text)?.into_owned();
    *text = String::from_utf8(decoded).map_err(|_| wrongly_encoded())?;
    Ok(())
}

fn wrongly_encoded() -> XmlError {
    XmlError::malformed("a key or prefix is not URL-encoded, although EncodingType requires it")
}

/// Returns true for the bytes that decoding changes.
fn is_encoding(byte: u8) -> bool {
    matches!(byte, b'%' | b'+')
}

/// Decodes `encoding-type=url`: a plus is a space, then %XX.
fn url_decoded(text: &str) -> Result<Cow<'_, [u8]>> {
    if !text.bytes().any(is_encoding) {
        return Ok(text.as_bytes().into());
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        decoded.push(match (*first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => {
                rest = after;
                hex(*high)
                    .zip(hex(*low))
                    .map(|(high, low)| high << 4 | low)
                    .ok_or_else(wrongly_encoded)?
            }
            (b'%', _) => return Err(wrongly_encoded()),
            (byte, _) => byte,
        });
    }
    Ok(decoded.into())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;
