//! S3's error documents and the headers of every response.
//!
//! Source: "Error responses", Amazon S3 API Reference.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{Body, S3Error, S3ErrorCode};

use super::content::mix;

/// An error response that the server creates itself, before `s3s` gets the request.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    /// Elements that only this error has, such as `<Region>`.
    pub details: String,
    pub headers: Vec<(&'static str, String)>,
}

impl Refusal {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: String::new(),
            headers: Vec::new(),
        }
    }

    /// Adds an element of the error document.
    pub fn detail(mut self, element: &str, text: &str) -> Self {
        self.details += &format!("<{element}>{}</{element}>", escape(text));
        self
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub fn into_response(self) -> Response<Body> {
        let xml = document(self.code, &self.message, &self.details);
        let mut response = Response::new(Body::from(xml));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header_value("application/xml"));
        for (name, value) in &self.headers {
            headers.insert(*name, header_value(value));
        }
        response
    }
}

/// An S3 error document, without the request id, which is added to every response later.
pub fn document(code: &str, message: &str, details: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{}</Message>{details}</Error>",
        escape(message)
    )
}

/// An `s3s` error with S3's own message for its code.
pub fn error(code: S3ErrorCode) -> S3Error {
    let message = match &code {
        S3ErrorCode::NoSuchKey => "The specified key does not exist.",
        S3ErrorCode::NoSuchBucket => "The specified bucket does not exist",
        S3ErrorCode::NoSuchVersion => "The specified version does not exist.",
        S3ErrorCode::NoSuchUpload => {
            "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
        }
        S3ErrorCode::BucketNotEmpty => "The bucket you tried to delete is not empty",
        S3ErrorCode::PreconditionFailed => {
            "At least one of the pre-conditions you specified did not hold"
        }
        S3ErrorCode::InvalidRange => "The requested range is not satisfiable",
        S3ErrorCode::InvalidPart => {
            "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
        }
        S3ErrorCode::InvalidPartOrder => {
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        }
        S3ErrorCode::EntityTooSmall => {
            "Your proposed upload is smaller than the minimum allowed size"
        }
        S3ErrorCode::MethodNotAllowed => {
            "The specified method is not allowed against this resource."
        }
        S3ErrorCode::InvalidObjectState => {
            "The operation is not valid for the object's storage class"
        }
        S3ErrorCode::MalformedXML => {
            "The XML you provided was not well-formed or did not validate against our published schema"
        }
        S3ErrorCode::InvalidAccessKeyId => {
            "The AWS Access Key Id you provided does not exist in our records."
        }
        S3ErrorCode::InvalidBucketName => "The specified bucket is not valid.",
        S3ErrorCode::KeyTooLongError => "Your key is too long",
        S3ErrorCode::BucketAlreadyOwnedByYou => {
            "Your previous request to create the named bucket succeeded and you already own it."
        }
        S3ErrorCode::SignatureDoesNotMatch => {
            "The request signature we calculated does not match the signature you provided. Check your key and signing method."
        }
        _ => return S3Error::new(code),
    };
    S3Error::with_message(code, message)
}

/// An `s3s` error with a custom message.
pub fn error_with(code: S3ErrorCode, message: impl Into<String>) -> S3Error {
    S3Error::with_message(code, message.into())
}

/// An `s3s` error with a code that is unknown to `s3s`, or with a different status than in `s3s`.
pub fn error_custom(status: StatusCode, code: &'static str, message: &'static str) -> S3Error {
    let mut error = error_with(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    error
}

/// An id in the form of S3: sixteen hexadecimal digits, different for each request.
pub fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:016X}", mix(NEXT.fetch_add(1, Ordering::Relaxed)))
}

/// Adds the elements that every error document of S3 has: a message, the resource, and the ids.
pub fn complete_document(xml: &str, resource: &str, id: &str) -> String {
    let mut xml = xml.to_owned();
    if !xml.contains("<Message>")
        && let Some(code) = element(&xml, "Code").map(str::to_owned)
    {
        let standard = S3ErrorCode::from_bytes(code.as_bytes()).map(error);
        let message = standard
            .as_ref()
            .and_then(S3Error::message)
            .unwrap_or(&code);
        let end = format!("<Message>{}</Message></Error>", escape(message));
        xml = xml.replace("</Error>", &end);
    }
    let tail = format!(
        "<Resource>{}</Resource><RequestId>{id}</RequestId><HostId>{}</HostId></Error>",
        escape(resource),
        host_id(id)
    );
    xml.replace("</Error>", &tail)
}

/// Returns the document in the form of S3: quotes of ETags and control characters as references.
pub fn as_s3_writes(xml: &str) -> String {
    let (declaration, rest) = xml.split_at(xml.find("?>").map_or(0, |end| end + 2));
    let mut written = String::with_capacity(xml.len() + xml.len() / 16);
    written.push_str(declaration);
    let mut done = 0;
    // The characters from U+0080 to U+009F begin with the byte 0xC2.
    let is_special = |byte: &u8| matches!(byte, 0..b' ' | b'"' | 0x7f | 0xc2);
    while let Some(before) = rest.as_bytes()[done..].iter().position(is_special) {
        let at = done + before;
        written.push_str(&rest[done..at]);
        let (before, tail) = rest.split_at(at);
        let c = tail.chars().next().expect("the character was found");
        done = at + c.len_utf8();
        let is_of_etag = || before.ends_with("<ETag>") || tail[1..].starts_with("</ETag>");
        if c.is_control() {
            written.push_str(&format!("&#x{:x};", u32::from(c)));
        } else if c == '"' && is_of_etag() {
            written.push_str("&quot;");
        } else {
            written.push(c);
        }
    }
    written.push_str(&rest[done..]);
    written
}

/// Returns the text of the first `<name>` element.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

/// Adds `x-amz-request-id`, `x-amz-id-2`, `Date` and `Server`, which every response has.
pub fn add_common_headers(headers: &mut HeaderMap, id: &str, now: SystemTime) {
    headers.insert("x-amz-request-id", header_value(id));
    headers.insert("x-amz-id-2", header_value(&host_id(id)));
    headers.insert(header::SERVER, HeaderValue::from_static("AmazonS3"));
    headers
        .entry(header::DATE)
        .or_insert_with(|| header_value(&http_date(now)));
}

fn host_id(id: &str) -> String {
    super::checksum::base64(id.as_bytes())
}

/// Formats a date for HTTP headers.
pub fn http_date(time: SystemTime) -> String {
    let mut text = Vec::new();
    Timestamp::from(time)
        .format(TimestampFormat::HttpDate, &mut text)
        .expect("a date of our time can be written");
    String::from_utf8_lossy(&text).into_owned()
}

pub fn header_value(text: &str) -> HeaderValue {
    HeaderValue::from_bytes(text.as_bytes()).unwrap_or(HeaderValue::from_static(""))
}

/// Escapes text for XML; control characters have the form of S3, `&#x1;`.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut xml, c| {
        match c {
            '&' => xml += "&amp;",
            '<' => xml += "&lt;",
            '>' => xml += "&gt;",
            '"' => xml += "&quot;",
            c if c.is_control() => xml += &format!("&#x{:x};", u32::from(c)),
            c => xml.push(c),
        }
        xml
    })
}
