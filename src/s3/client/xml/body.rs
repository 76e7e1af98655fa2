//! The XML bodies of requests, without a declaration, which S3 accepts.
//!
//! Quotation marks are not escaped: XML does not require it in text, and the most common clients do not escape
//! those of an ETag either.

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// An uploaded part of a multipart upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompletedPart<'a> {
    /// From 1 to 10,000.
    pub(crate) number: u32,
    /// ETag as returned by the server, including its quotation marks.
    pub(crate) etag: &'a str,
    /// Name of the checksum's XML element, such as `ChecksumCRC32C`, and the checksum in base64.
    pub(crate) checksum: Option<(&'static str, &'a str)>,
}

/// An object to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deletion<'a> {
    pub(crate) key: &'a str,
    /// The required ETag, as in a listing, including its quotation marks.
    pub(crate) e_tag: Option<&'a str>,
}

impl<'a> Deletion<'a> {
    /// Creates an unconditional deletion.
    pub(crate) fn of(key: &'a str) -> Self {
        Self { key, e_tag: None }
    }
}

/// Returns the body of [CompleteMultipartUpload][1], for parts in ascending order.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
pub(crate) fn complete_upload(parts: &[CompletedPart<'_>]) -> String {
    document("CompleteMultipartUpload", |body| {
        for part in parts {
            element(body, "Part", |body| {
                field(body, "PartNumber", &part.number.to_string());
                field(body, "ETag", part.etag);
                if let Some((name, value)) = part.checksum {
                    field(body, name, value);
                }
            });
        }
    })
}

/// Returns the body of [CreateBucket][1]. It is empty for a bucket in `us-east-1`, which S3 does not accept as a
/// location.
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
pub(crate) fn create_bucket(region: &str) -> String {
    if matches!(region, "" | "us-east-1") {
        return String::new();
    }
    document("CreateBucketConfiguration", |body| {
        field(body, "LocationConstraint", region);
    })
}

/// Returns the body of [DeleteObjects][1] in quiet mode, so that the answer lists only the failures. All keys must
/// satisfy [`xml_can_carry`].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
pub(crate) fn delete(objects: &[Deletion<'_>]) -> String {
    document("Delete", |body| {
        field(body, "Quiet", "true");
        for object in objects {
            element(body, "Object", |body| {
                field(body, "Key", object.key);
                if let Some(e_tag) = object.e_tag {
                    field(body, "ETag", e_tag);
                }
            });
        }
    })
}

/// Returns the body of [RestoreObject][1].
///
/// [1]: https://docs.aws.amazon.com/AmazonS3/latest/API/API_RestoreObject.html
pub(crate) fn restore(days: Option<u32>, tier: &str) -> String {
    document("RestoreRequest", |body| {
        if let Some(days) = days {
            field(body, "Days", &days.to_string());
        }
        element(body, "GlacierJobParameters", |body| {
            field(body, "Tier", tier)
        });
    })
}

/// Returns true if [XML 1.0](https://www.w3.org/TR/xml/#charsets) can represent all characters of the text.
///
/// An object whose key fails this is deleted by a request of its own.
pub(crate) fn xml_can_carry(text: &str) -> bool {
    let carries = |character| match character {
        '\t' | '\n' | '\r' => true,
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => false,
        _ => true,
    };
    text.chars().all(carries)
}

fn document(root: &str, content: impl FnOnce(&mut String)) -> String {
    let mut body = format!("<{root} xmlns=\"{NAMESPACE}\">");
    content(&mut body);
    close(&mut body, root);
    body
}

fn element(body: &mut String, name: &str, content: impl FnOnce(&mut String)) {
    body.push('<');
    body.push_str(name);
    body.push('>');
    content(body);
    close(body, name);
}

fn close(body: &mut String, name: &str) {
    body.push_str("</");
    body.push_str(name);
    body.push('>');
}

fn field(body: &mut String, name: &str, text: &str) {
    element(body, name, |body| {
        for character in text.chars() {
            match character {
                '&' => body.push_str("&amp;"),
                '<' => body.push_str("&lt;"),
                '>' => body.push_str("&gt;"),
                // A parser would convert an unescaped one to a line feed.
                '\r' => body.push_str("&#13;"),
                _ => body.push(character),
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_request_has_days_unless_the_class_forbids_them() {
        let job = "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters></RestoreRequest>";
        let root = "<RestoreRequest xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
        let with_days = format!("{root}<Days>7</Days>{job}");
        assert_eq!(restore(Some(7), "Bulk"), with_days);
        assert_eq!(restore(None, "Bulk"), format!("{root}{job}"));
    }

    #[test]
    fn parts_are_written_as_s3_documents_them() {
        let parts = [
            CompletedPart {
                number: 1,
                etag: "\"a54357aff0632cce46d942af68356b38\"",
                checksum: None,
            },
            CompletedPart {
                number: 10_000,
                etag: "\"0c78aef83f66abc1fa1e8477f296d394\"",
                checksum: Some(("ChecksumCRC32C", "yZRlqg==")),
            },
        ];
        assert_eq!(
            complete_upload(&parts),
            "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Part><PartNumber>1</PartNumber>\
             <ETag>\"a54357aff0632cce46d942af68356b38\"</ETag></Part>\
             <Part><PartNumber>10000</PartNumber>\
             <ETag>\"0c78aef83f66abc1fa1e8477f296d394\"</ETag>\
             <ChecksumCRC32C>yZRlqg==</ChecksumCRC32C></Part>\
             </CompleteMultipartUpload>"
        );
    }

    #[test]
    fn keys_to_delete_are_escaped() {
        assert_eq!(
            delete(&[Deletion::of("a&b<c>\"'"), Deletion::of(" x\r\n\t")]),
            "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Quiet>true</Quiet>\
             <Object><Key>a&amp;b&lt;c&gt;\"'</Key></Object>\
             <Object><Key> x&#13;\n\t</Key></Object></Delete>"
        );
    }

    #[test]
    fn a_key_that_xml_cannot_carry_is_an_error() {
        for key in ["a\0", "\u{7}", "\u{1f}", "x\u{fffe}", "\u{ffff}y"] {
            assert!(!xml_can_carry(key), "{key:?}");
        }
        for key in ["", " ", "\t\n\r", "\u{7f}\u{85}", "é\u{fffd}\u{10ffff}"] {
            assert!(xml_can_carry(key), "{key:?}");
        }
    }

    #[test]
    fn text_is_escaped_and_a_carriage_return_survives() {
        let part = CompletedPart {
            number: 1,
            etag: "a&b<c>\"' x\r\n\t",
            checksum: None,
        };
        assert!(complete_upload(&[part]).contains("<ETag>a&amp;b&lt;c&gt;\"' x&#13;\n\t</ETag>"));
    }

    #[test]
    fn us_east_1_is_never_named() {
        assert_eq!(create_bucket("us-east-1"), "");
        assert_eq!(create_bucket(""), "");
        assert_eq!(
            create_bucket("eu-west-1"),
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>"
        );
    }
}
