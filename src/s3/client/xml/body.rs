//! The XML that requests carry, written without a declaration as S3 takes it.
//!
//! A quotation mark stays as it is: in text it need not be escaped, and the commonest clients
//! write it so in an ETag.

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A part of a multipart upload that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CompletedPart<'a> {
    /// From 1 to 10,000.
    pub(crate) number: u32,
    /// As the answer to the part gave it, quotation marks and all.
    pub(crate) etag: &'a str,
    /// The element of the part's checksum, such as `ChecksumCRC32C`, and its base64.
    pub(crate) checksum: Option<(&'static str, &'a str)>,
}

/// An object to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deletion<'a> {
    pub(crate) key: &'a str,
    /// The one that it must have, as a listing gave it, quotation marks and all.
    pub(crate) e_tag: Option<&'a str>,
}

impl<'a> Deletion<'a> {
    /// Of whatever is there.
    pub(crate) fn of(key: &'a str) -> Self {
        Self { key, e_tag: None }
    }
}

/// The body of [CompleteMultipartUpload][1], for parts in ascending order.
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

/// The body of [CreateBucket][1]; empty where a bucket goes to `us-east-1`, which must not be
/// named.
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

/// The body of [DeleteObjects][1], quiet, so that the answer lists the failures alone, for keys
/// that [`xml_can_carry`].
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

/// The body of [RestoreObject][1].
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

/// Whether [XML 1.0](https://www.w3.org/TR/xml/#charsets) has all characters of that text.
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
                // A parser would read a bare one as a line feed.
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
    fn a_restoration_has_days_unless_the_class_takes_none() {
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
    fn a_key_that_xml_cannot_carry_is_told() {
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
