//! Golden documents from real stores, and all the ways in which they can be broken.

use crate::s3::client::xml::*;

const AWS_LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>quotes</Name><Prefix>E/</Prefix><StartAfter>ExampleGuide.pdf</StartAfter><ContinuationToken>old%2Btoken</ContinuationToken><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=%2B+</NextContinuationToken><KeyCount>2</KeyCount><MaxKeys>2147483648</MaxKeys><Delimiter>%2F</Delimiter><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated><Contents><Key>E/a+b%2Bc%26%C3%A9.txt</Key><LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><Size>434234</Size><Owner><ID>75aa</ID><DisplayName>mtd&amp;co</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents><Contents><Key>E/%07bell</Key><LastModified>2009-10-12T17:50:31.000Z</LastModified><ETag>&quot;00000000000000000000000000000000-3&quot;</ETag><Size>0</Size><StorageClass>GLACIER</StorageClass><RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus></Contents><CommonPrefixes><Prefix>E/photos+2026/</Prefix></CommonPrefixes><CommonPrefixes><Prefix>E/z/</Prefix></CommonPrefixes></ListBucketResult>"#;

const RADOSGW_LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated><Contents><Key>a%2Fb%20c</Key><LastModified>2026-01-02T03:04:05.678Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>0</Size><StorageClass>STANDARD</StorageClass><Owner><ID>testid</ID><DisplayName>M. Tester</DisplayName></Owner><Type>Normal</Type></Contents><CommonPrefixes><Prefix>dir%2F</Prefix></CommonPrefixes><KeyCount>2</KeyCount></ListBucketResult>"#;

const MOTO_LIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name>
  <Prefix></Prefix>
  <MaxKeys>1000</MaxKeys>
  <KeyCount>1</KeyCount>
  <IsTruncated>false</IsTruncated>
  <Contents>
    <Key> a+b%41 </Key>
    <LastModified>2026-01-02T03:04:05.000Z</LastModified>
    <ETag>"0cc175b9c0f1b6a831c399e269772661"</ETag>
    <Size> 1 </Size>
    <StorageClass>STANDARD</StorageClass>
  </Contents>
</ListBucketResult>"#;

const GCS_LIST: &str = r"<?xml version='1.0' encoding='UTF-8'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'><Name>b</Name><Prefix/><IsTruncated>false</IsTruncated><Contents><Key>x</Key><Generation>1393</Generation><MetaGeneration>1</MetaGeneration><LastModified>2026-01-02T03:04:05.123Z</LastModified><Size>7</Size></Contents></ListBucketResult>";

const AWS_ERROR: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>PermanentRedirect</Code><Message>The bucket you are attempting to access must be addressed using the specified endpoint.</Message><Endpoint>b.s3-eu-west-1.amazonaws.com</Endpoint><Bucket>b</Bucket><RequestId>4442587FB7D0A2F9</RequestId><HostId>ioN4/x=</HostId></Error>"#;

const COPY: &str = r#"<CopyObjectResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag></CopyObjectResult>"#;

const CREATED: &str = r#"<?xml version="1.0" encoding="UTF-8"?><InitiateMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Bucket>b</Bucket><Key>a&#x7;b</Key><UploadId>VXBsb2FkIElE.x_</UploadId></InitiateMultipartUploadResult>"#;

const COMPLETED: &str = r#"<?xml version="1.0" encoding="UTF-8"?>

  <CompleteMultipartUploadResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Location>http://b.s3.amazonaws.com/k</Location><Bucket>b</Bucket><Key>k</Key><ETag>"3858f62230ac3c915f300c664312c11f-9"</ETag></CompleteMultipartUploadResult>"#;

const DELETED: &str = r#"<DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Deleted><Key>sample1.txt</Key></Deleted><Error><Key> sample2&#13;.txt</Key><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>"#;
const TAGGING: &str = r#"<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag><Key>k&amp;1</Key><Value> v </Value></Tag><Tag><Key>empty</Key><Value/></Tag></TagSet></Tagging>"#;

fn listing(content: &str) -> Result<ListPage> {
    list_page(
        format!("<ListBucketResult>{content}</ListBucketResult>").as_bytes(),
        "",
    )
}

fn key(content: &str) -> Result<String> {
    let mut page = listing(&format!("<Contents><Key>{content}</Key></Contents>"))?;
    Ok(page.objects.remove(0).key)
}

fn encoded_key(content: &str) -> Result<String> {
    let mut page = listing(&format!(
        "<Contents><Key>{content}</Key></Contents><EncodingType>url</EncodingType>"
    ))?;
    Ok(page.objects.remove(0).key)
}

fn fault<T: fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_listing_of_amazon_is_read_and_decoded() {
    let page = list_page(AWS_LIST.as_bytes(), "").unwrap();
    assert_eq!(
        page.objects,
        [
            ListedObject {
                key: "E/a b+c&é.txt".into(),
                unreadable: None,
                size: 434_234,
                last_modified: iso_date("2009-10-12T17:50:30Z"),
                etag: Some("\"fba9dede5f27731c9771645a39863328\"".into()),
                storage_class: Some("STANDARD".into()),
            },
            ListedObject {
                key: "E/\u{7}bell".into(),
                unreadable: None,
                size: 0,
                last_modified: iso_date("2009-10-12T17:50:31Z"),
                etag: Some("\"00000000000000000000000000000000-3\"".into()),
                storage_class: Some("GLACIER".into()),
            },
        ]
    );
    assert!(page.objects[0].last_modified.is_some());
    assert_eq!(page.prefixes, ["E/photos 2026/", "E/z/"]);
}

#[test]
fn the_token_is_never_decoded() {
    let page = list_page(AWS_LIST.as_bytes(), "").unwrap();
    let token = "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=%2B+";
    assert_eq!(page.next_token.as_deref(), Some(token));
}

#[test]
fn a_listing_of_radosgw_is_read() {
    let page = list_page(RADOSGW_LIST.as_bytes(), "").unwrap();
    assert_eq!(page.objects[0].key, "a/b c");
    assert_eq!(page.prefixes, ["dir/"]);
    assert_eq!(page.next_token, None);
}

#[test]
fn a_listing_of_moto_is_read_and_only_insignificant_space_is_trimmed() {
    let page = list_page(MOTO_LIST.as_bytes(), "").unwrap();
    assert_eq!(page.objects.len(), 1);
    assert_eq!(page.objects[0].key, " a+b%41 ");
    assert_eq!(page.objects[0].size, 1);
}

#[test]
fn a_listing_of_google_without_etag_and_class_is_read() {
    let page = list_page(GCS_LIST.as_bytes(), "").unwrap();
    let object = &page.objects[0];
    assert_eq!((object.key.as_str(), object.size), ("x", 7));
    assert_eq!((&object.etag, &object.storage_class), (&None, &None));
}

#[test]
fn a_prefix_of_the_namespace_makes_no_difference() {
    let plain = list_page(AWS_LIST.as_bytes(), "").unwrap();
    let prefixed = AWS_LIST
        .replace("</", "</s3:")
        .replace('<', "<s3:")
        .replace("<s3:/s3:", "</s3:")
        .replace("<s3:?xml", "<?xml");
    assert!(prefixed.contains("<s3:Key>"));
    assert_eq!(list_page(prefixed.as_bytes(), "").unwrap(), plain);
}

#[test]
fn keys_are_decoded_only_if_the_response_declares_an_encoding() {
    let raw = "<Contents><Key>a+b%41</Key></Contents>";
    assert_eq!(listing(raw).unwrap().objects[0].key, "a+b%41");
    let empty = format!("<EncodingType/>{raw}");
    assert_eq!(listing(&empty).unwrap().objects[0].key, "a+b%41");
    let after = format!("{raw}<EncodingType>url</EncodingType>");
    assert_eq!(listing(&after).unwrap().objects[0].key, "a bA");
    let before = format!("<EncodingType>url</EncodingType>{raw}");
    assert_eq!(listing(&before).unwrap().objects[0].key, "a bA");
    let unknown = format!("<EncodingType>base64</EncodingType>{raw}");
    assert!(fault(listing(&unknown)).contains("\"base64\""));
}

#[test]
fn a_key_wrongly_declared_as_encoded_is_unchanged() {
    assert_eq!(encoded_key("%c3%A9%2f/~").unwrap(), "é//~");
    for plain in ["%", "a%4", "%zz", "%+1", "%41é"] {
        assert_eq!(encoded_key(plain).unwrap(), plain);
    }
}

#[test]
fn an_encoded_key_that_is_not_utf_8_is_listed_as_its_bytes() {
    for (encoded, bytes) in [
        ("%C3", b"\xC3".as_slice()),
        ("%FF", b"\xFF"),
        ("a%C3b", b"a\xC3b"),
    ] {
        let content = format!("<Contents><Key>{encoded}</Key></Contents>");
        let page = listing(&format!("{content}<EncodingType>url</EncodingType>")).unwrap();
        assert_eq!(page.objects[0].unreadable.as_deref(), Some(bytes));
    }
}

#[test]
fn a_key_in_pieces_is_one_key() {
    assert_eq!(key("a&amp;b").unwrap(), "a&b");
    assert_eq!(key("&lt;&gt;&amp;&apos;&quot;").unwrap(), "<>&'\"");
    assert_eq!(
        key("a<![CDATA[<&amp;>]]>b<!-- no -->c").unwrap(),
        "a<&amp;>bc"
    );
    assert_eq!(key("<![CDATA[a]]>&#98;<![CDATA[]]>").unwrap(), "ab");
    assert_eq!(key("&#x1F600;&#233;").unwrap(), "😀é");
    assert_eq!(key("").unwrap(), "");
}

#[test]
fn every_character_of_a_key_survives() {
    assert_eq!(key("&#x7;a&#xFFFE;").unwrap(), "\u{7}a\u{fffe}");
    assert_eq!(key("a\u{1}\u{7f}").unwrap(), "a\u{1}\u{7f}");
    assert_eq!(key("&#13;&#10;a&#13;").unwrap(), "\r\na\r");
    assert_eq!(key("a\r\nb").unwrap(), "a\r\nb");
    assert_eq!(key("  a \t\n").unwrap(), "  a \t\n");
}

#[test]
fn plain_elements_are_read_like_all_others() {
    let plain =
        "<Contents><Key>a&amp;b&#x41;>c</Key><Size>7</Size><ETag>&quot;e&quot;</ETag></Contents>";
    let read = listing(plain).unwrap();
    assert_eq!(read.objects[0].key, "a&bA>c");
    for other in [
        plain.replace("<Key>", "<Key lang='en'>"),
        plain
            .replace("</", "\n</")
            .replace("\n</Contents", "</Contents"),
        plain
            .replace("Key>", "s3:Key>")
            .replace("Size>", "s3:Size>"),
        plain
            .replace("</Key>", "</Key >")
            .replace("<Size>", "\n\t<Size>"),
        plain.replace("<Key>", "<!-- a comment --><Key><?target data?>"),
        plain.replace("<Size>", "<Owner/><Size><![CDATA[]]>"),
        // A reference of an element that is not needed.
        plain.replace("<Size>", "<DisplayName>&unknown;</DisplayName><Size>"),
    ] {
        let mut other_read = listing(&other).unwrap();
        let object = &mut other_read.objects[0];
        object.key = object.key.trim_end().to_owned();
        assert_eq!(other_read, read, "{other}");
    }
}

#[test]
fn an_empty_element_has_no_children() {
    for content in [
        "<Contents/><Key>a</Key>",
        "<Contents></Contents><Key>a</Key>",
        "<Contents>text</Contents><Key>a</Key>",
    ] {
        assert!(
            fault(listing(content)).contains("without a Key"),
            "{content}"
        );
    }
    let empty = listing("<Contents><Owner/><Key/><Size/></Contents><CommonPrefixes/>").unwrap();
    assert_eq!((&*empty.objects[0].key, empty.objects[0].size), ("", 0));
    let inside = "<Contents><Key>a<Owner/></Key></Contents>";
    assert!(fault(listing(inside)).contains("unexpected element <Owner>"));
}

#[test]
fn a_reference_that_names_no_character_is_an_error() {
    for wrong in [
        "&nbsp;",
        "&#0;",
        "&#xD800;",
        "&#x110000;",
        "&#-1;",
        "&#;",
        "&;",
    ] {
        assert!(fault(key(wrong)).contains("unknown reference &"), "{wrong}");
    }
    for wrong in ["a&b", "&", "&amp", "a & b;"] {
        assert!(key(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn no_entity_is_ever_expanded() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaa\">]><ListBucketResult/>";
    assert!(fault(list_page(bomb.as_bytes(), "")).contains("document type declaration"));
    let inside = listing("<!DOCTYPE x>");
    assert!(fault(inside).contains("document type declaration"));
}

#[test]
fn unknown_elements_are_skipped_at_any_depth() {
    let page = listing(
        "<New><Contents><Key>no</Key></Contents></New>text<Contents a='>'><Key>yes</Key>\
         <Owner><Key>no</Key><Size>x</Size></Owner><New/></Contents><?pi?><!-- -->",
    )
    .unwrap();
    assert_eq!(page.objects.len(), 1);
    assert_eq!(page.objects[0].key, "yes");
}

#[test]
fn depth_is_bounded() {
    let deep = |n: usize| listing(&format!("{}{}", "<a>".repeat(n), "</a>".repeat(n)));
    assert!(deep(31).is_ok());
    assert!(fault(deep(32)).contains("32 deep"));
}

#[test]
fn the_length_of_a_key_is_bounded() {
    assert_eq!(key(&"k".repeat(8192)).unwrap().len(), 8192);
    let error = fault(key(&"k".repeat(8193)));
    assert!(error.contains("8193 bytes"), "{error}");
    assert!(
        error.ends_with("in <ListBucketResult><Contents><Key>"),
        "{error}"
    );
    let pieces = "&amp;".repeat(8193);
    assert!(key(&pieces).is_err());
}

#[test]
fn an_element_within_a_key_is_an_error() {
    assert!(fault(key("a<b/>c")).contains("unexpected element <b> in a text"));
}

#[test]
fn an_object_without_a_key_is_an_error() {
    let error = fault(listing("<Contents><Size>1</Size></Contents>"));
    assert!(error.contains("without a Key"), "{error}");
}

#[test]
fn a_bad_date_does_not_fail_the_page() {
    let page = listing(
        "<Contents><Key>k</Key><LastModified>99999-01-01T00:00:00Z</LastModified></Contents>\
         <Contents><Key>k</Key><LastModified/></Contents>",
    );
    let dates: Vec<_> = page
        .unwrap()
        .objects
        .iter()
        .map(|o| o.last_modified)
        .collect();
    assert_eq!(dates, [None, None]);
}

#[test]
fn a_size_is_a_number_or_missing() {
    let size = |text: &str| {
        let page = listing(&format!("<Contents><Key>k</Key>{text}</Contents>"));
        page.map(|page| page.objects[0].size)
    };
    assert_eq!(size(""), Ok(0));
    assert_eq!(size("<Size/>"), Ok(0));
    assert_eq!(size("<Size>\n18446744073709551615 </Size>"), Ok(u64::MAX));
    for wrong in ["-1", "1.5", "12x", "18446744073709551616"] {
        let error = fault(size(&format!("<Size>{wrong}</Size>")));
        assert!(
            error.contains(&format!("\"{wrong}\" is not a size")),
            "{error}"
        );
    }
}

#[test]
fn a_truncated_listing_needs_a_token() {
    let truncated = "<IsTruncated> true\n</IsTruncated>";
    for token in ["", "<NextContinuationToken/>", "<NextMarker>m</NextMarker>"] {
        let error = fault(listing(&format!("{truncated}{token}")));
        assert!(
            error.contains("no NextContinuationToken"),
            "{token}: {error}"
        );
    }
    let token = "<NextContinuationToken> t </NextContinuationToken>";
    let page = listing(&format!("{truncated}{token}")).unwrap();
    assert_eq!(page.next_token.as_deref(), Some(" t "));
    let page = listing(&format!("<IsTruncated>false</IsTruncated>{token}")).unwrap();
    assert_eq!(page.next_token, None);
    let page = listing(token).unwrap();
    assert_eq!(page.next_token.as_deref(), Some(" t "));
    assert!(fault(listing("<IsTruncated>maybe</IsTruncated>")).contains("\"maybe\""));
}

#[test]
fn an_error_about_an_unexpected_document_describes_it() {
    for (body, words) in [
        ("", "the response is empty"),
        (" \n", "the response is empty"),
        ("<?xml version=\"1.0\"?>", "the response is empty"),
        ("{\"message\": \"no\"}", "not XML"),
        (
            "<html><body>502</body></html>",
            "<html>, not <ListBucketResult>",
        ),
        ("<!DOCTYPE html><html></html>", "document type declaration"),
        ("<ListBucketResult>", "ends within an element"),
        (
            "<ListBucketResult><Contents></ListBucketResult>",
            "broken XML at byte",
        ),
        ("<ListBucketResult/><b/>", "data follows"),
        ("<ListBucketResult/>x", "data follows"),
    ] {
        let error = fault(list_page(body.as_bytes(), ""));
        assert!(error.contains(words), "{body}: {error}");
    }
    // A name that is not UTF-8 does not make the listing fail.
    let latin = b"<ListBucketResult><Name>\xe9</Name></ListBucketResult>";
    assert_eq!(list_page(latin, ""), Ok(ListPage::default()));
}

#[test]
fn a_byte_order_mark_and_an_empty_root_are_read() {
    let page = list_page("\u{feff}<ListBucketResult/>".as_bytes(), "");
    assert_eq!(page, Ok(ListPage::default()));
}

#[test]
fn errors_never_quote_at_length() {
    let long = "\u{1b}x".repeat(10_000);
    for body in [
        format!("<{long}/>"),
        format!("<ListBucketResult></{long}>"),
        format!("<ListBucketResult><IsTruncated>{long}</IsTruncated></ListBucketResult>"),
        format!("<ListBucketResult><EncodingType>&{long};</EncodingType></ListBucketResult>"),
    ] {
        let error = fault(list_page(body.as_bytes(), ""));
        assert!(error.len() < 1000 && !error.contains('\u{1b}'), "{error}");
    }
}

#[test]
fn a_redirect_names_its_region_and_endpoint() {
    let answer = error_answer(AWS_ERROR.as_bytes()).unwrap();
    assert_eq!(answer.code, "PermanentRedirect");
    assert!(answer.message.starts_with("The bucket you are"));
    assert_eq!(answer.request_id, "4442587FB7D0A2F9");
    assert_eq!(answer.host_id, "ioN4/x=");
    assert_eq!(
        answer.endpoint.as_deref(),
        Some("b.s3-eu-west-1.amazonaws.com")
    );
    assert_eq!(answer.region.as_deref(), Some("eu-west-1"));
}

#[test]
fn an_explicit_region_comes_first() {
    let answer = error_answer(
        b"<Error><Code>AuthorizationQueryParametersError</Code><Region>ap-south-1</Region>\
          <Endpoint>s3.eu-west-1.amazonaws.com</Endpoint></Error>",
    );
    assert_eq!(answer.unwrap().region.as_deref(), Some("ap-south-1"));
}

#[test]
fn the_region_of_an_endpoint_is_found_in_every_form() {
    for (host, region) in [
        ("b.s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
        ("s3.eu-west-1.amazonaws.com", Some("eu-west-1")),
        ("s3-eu-west-1.amazonaws.com", Some("eu-west-1")),
        ("b.s3.dualstack.us-east-2.amazonaws.com", Some("us-east-2")),
        ("b.s3.cn-north-1.amazonaws.com.cn", Some("cn-north-1")),
        ("b.s3.amazonaws.com", None),
        ("s3.amazonaws.com", None),
        ("s3.s3.amazonaws.com", None),
        ("eu-west-1.amazonaws.com", None),
        ("s3-external-1.amazonaws.com", None),
        ("b.s3-accelerate.amazonaws.com", None),
        ("b.s3.eu-west-1.example.com", None),
        ("", None),
    ] {
        assert_eq!(region_of_endpoint(host), region, "{host}");
    }
}

#[test]
fn the_resource_of_an_error_is_read() {
    let answer = error_answer(
        b"<Error><Code> AccessDenied\n</Code><Message>There were headers present in the request \
          which were not signed</Message><HeadersNotSigned>x-amz-acl, x-amz-meta-a\
          </HeadersNotSigned><Header>If-None-Match</Header>\
          <ServerTime>2009-10-12T17:50:30Z</ServerTime></Error>",
    )
    .unwrap();
    assert_eq!(answer.code, "AccessDenied");
    let headers = answer.headers_not_signed.as_deref();
    assert_eq!(headers, Some("x-amz-acl, x-amz-meta-a"));
    assert_eq!(answer.header.as_deref(), Some("If-None-Match"));
    assert_eq!(answer.server_time, iso_date("2009-10-12T17:50:30Z"));
}

#[test]
fn details_of_google_and_the_wrapper_of_sts_are_read() {
    let google = error_answer(
        b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code>\
          <Message>Access denied.</Message><Details>Anonymous caller &quot;x&quot;</Details></Error>",
    );
    assert_eq!(
        google.unwrap().message,
        "Access denied. Anonymous caller \"x\""
    );
    let sts = error_answer(
        b"<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
          <Type>Sender</Type><Code>ExpiredTokenException</Code><Message>old</Message></Error>\
          <RequestId>c6104cbe</RequestId></ErrorResponse>",
    )
    .unwrap();
    assert_eq!(sts.code, "ExpiredTokenException");
    assert_eq!(
        (sts.message.as_str(), sts.request_id.as_str()),
        ("old", "c6104cbe")
    );
}

#[test]
fn a_token_quoted_in_an_error_is_not_kept() {
    let answer = error_answer(
        b"<Error><Code>ExpiredToken</Code><Message>expired</Message><Token-0>SECRET</Token-0>\
          <StringToSign>SECRET</StringToSign><AWSAccessKeyId>SECRET</AWSAccessKeyId></Error>",
    );
    assert!(!format!("{answer:?}").contains("SECRET"));
}

#[test]
fn a_truncated_or_broken_error_document_is_read_as_far_as_possible() {
    for body in [
        &b"<Error><Code>SlowDown</Code><Message>Please re"[..],
        b"<Error><Code>SlowDown</Code><Message>\xff\xfe</Message></Error>",
        b"<Error><Code>SlowDown</Code></Wrong>",
        b"<Error><Code>SlowDown</Code></Error>trailing",
    ] {
        assert_eq!(error_answer(body).unwrap().code, "SlowDown");
    }
}

#[test]
fn a_long_message_is_cut_and_markup_in_it_dropped() {
    let long = format!(
        "<Error><Message>{}</Message><Code>C</Code></Error>",
        "é".repeat(9_000)
    );
    let answer = error_answer(long.as_bytes()).unwrap();
    assert_eq!(answer.message, "é".repeat(4096));
    assert_eq!(answer.code, "C");
    let odd = "x".to_owned() + &"é".repeat(9_000);
    let long = format!("<Error><Message>{odd}</Message></Error>");
    let answer = error_answer(long.as_bytes()).unwrap();
    assert_eq!(answer.message.len(), 8191);
    let marked = b"<Error><Message>do <b>not</b> &amp; go</Message><Code>C</Code></Error>";
    let answer = error_answer(marked).unwrap();
    assert_eq!(
        (answer.message.as_str(), answer.code.as_str()),
        ("do  & go", "C")
    );
}

#[test]
fn a_document_that_is_no_error_is_none() {
    for body in [
        "",
        " ",
        "Service Unavailable",
        "{\"Error\": 1}",
        "<html><Error/></html>",
        "<!DOCTYPE html><html></html>",
        "<",
        AWS_LIST,
    ] {
        assert_eq!(error_answer(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn every_parser_recognizes_an_error_with_status_200() {
    let body = AWS_ERROR.as_bytes();
    let whole = error_answer(body).unwrap();
    let faults = [
        list_page(body, "").unwrap_err(),
        copy_result(body).unwrap_err(),
        created_upload(body).unwrap_err(),
        completed_upload(body).unwrap_err(),
        tagging(body).unwrap_err(),
        delete_failures(body).unwrap_err(),
    ];
    for fault in faults {
        assert_eq!(fault, XmlError::Refused(Box::new(whole.clone())));
    }
    let white = format!("<?xml version=\"1.0\"?>\n \n<Error>{}", &AWS_ERROR[46..]);
    assert!(matches!(
        completed_upload(white.as_bytes()),
        Err(XmlError::Refused(_))
    ));
    let words = XmlError::Refused(Box::new(whole)).to_string();
    assert!(words.contains("PermanentRedirect: The bucket"), "{words}");
}

#[test]
fn copies_of_objects_and_parts_are_read() {
    let part = COPY.replace("CopyObjectResult", "CopyPartResult");
    for body in [COPY, &part] {
        let result = copy_result(body.as_bytes()).unwrap();
        let etag = result.etag.as_deref();
        assert_eq!(etag, Some("\"9b2cf535f27731c974343645a3985328\""));
        assert_eq!(result.last_modified, iso_date("2009-10-12T17:50:30Z"));
    }
    assert_eq!(copy_result(b"<CopyPartResult/>"), Ok(CopyResult::default()));
    assert!(copy_result(COPY.replace("CopyObject", "Other").as_bytes()).is_err());
}

#[test]
fn an_upload_id_is_found_beside_a_key_that_xml_cannot_carry() {
    assert_eq!(
        created_upload(CREATED.as_bytes()).unwrap(),
        "VXBsb2FkIElE.x_"
    );
    let nul = CREATED.replace("&#x7;", "&#0;");
    assert_eq!(created_upload(nul.as_bytes()).unwrap(), "VXBsb2FkIElE.x_");
    let none = CREATED.replace("VXBsb2FkIElE.x_", "");
    assert!(fault(created_upload(none.as_bytes())).contains("no UploadId"));
}

#[test]
fn a_completed_upload_may_have_an_empty_etag() {
    let upload = completed_upload(COMPLETED.as_bytes()).unwrap();
    let etag = upload.etag.as_deref();
    assert_eq!(etag, Some("\"3858f62230ac3c915f300c664312c11f-9\""));
    // radosgw
    let empty = b"<CompleteMultipartUploadResult><ETag></ETag></CompleteMultipartUploadResult>";
    assert_eq!(completed_upload(empty), Ok(CompletedUpload { etag: None }));
}

#[test]
fn tags_are_read_untrimmed() {
    let tags = tagging(TAGGING.as_bytes()).unwrap();
    assert_eq!(
        tags,
        [
            ("k&1".into(), " v ".into()),
            ("empty".into(), String::new())
        ]
    );
    assert_eq!(tagging(b"<Tagging><TagSet/></Tagging>"), Ok(Vec::new()));
    let nameless = b"<Tagging><TagSet><Tag><Value>v</Value></Tag></TagSet></Tagging>";
    assert!(fault(tagging(nameless)).ends_with("in <Tagging><TagSet><Tag>"));
}

#[test]
fn keys_that_were_not_deleted_are_named_with_their_reason() {
    assert_eq!(
        delete_failures(DELETED.as_bytes()).unwrap(),
        [DeleteFailure {
            key: " sample2\r.txt".into(),
            code: "AccessDenied".into(),
            message: "Access Denied".into(),
        }]
    );
    assert_eq!(delete_failures(b"<DeleteResult/>"), Ok(Vec::new()));
}

/// A small random number generator, with the same sequence in every run.
struct Random(u64);

impl Random {
    /// [xorshift64](https://www.jstatsoft.org/article/view/v008i14).
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn mutate(&mut self, document: &mut Vec<u8>) {
        const PIECES: [&[u8]; 16] = [
            b"<",
            b">",
            b"&",
            b";",
            b"</",
            b"/>",
            b"<![CDATA[",
            b"]]>",
            b"<!--",
            b"<!DOCTYPE a",
            b"&#x",
            b"\xff",
            b"\0",
            b"%",
            b"<?",
            b"'",
        ];
        let at = self.below(document.len() + 1);
        match self.below(5) {
            0 => document.truncate(at),
            1 if at < document.len() => document[at] ^= 1 << self.below(8),
            2 => {
                let piece = PIECES[self.below(PIECES.len())];
                document.splice(at..at, piece.iter().copied());
            }
            3 => {
                let end = (at + self.below(20)).min(document.len());
                document.drain(at..end);
            }
            _ => {
                let end = (at + self.below(200)).min(document.len());
                let copy = document[at..end].to_vec();
                let to = self.below(document.len() + 1);
                document.splice(to..to, copy);
            }
        }
    }
}

fn read_as_everything(body: &[u8]) -> [bool; 7] {
    [
        list_page(body, "").is_ok(),
        error_answer(body).is_some(),
        copy_result(body).is_ok(),
        created_upload(body).is_ok(),
        completed_upload(body).is_ok(),
        tagging(body).is_ok(),
        delete_failures(body).is_ok(),
    ]
}

#[test]
fn no_bytes_make_a_parser_panic() {
    let documents = [
        AWS_LIST,
        RADOSGW_LIST,
        MOTO_LIST,
        GCS_LIST,
        AWS_ERROR,
        COPY,
        CREATED,
        COMPLETED,
        DELETED,
        TAGGING,
    ];
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut read, mut refused) = (0, 0);
    for round in 0..10_000 {
        let mut document = documents[round % documents.len()].as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            random.mutate(&mut document);
        }
        if read_as_everything(&document).contains(&true) {
            read += 1;
        } else {
            refused += 1;
        }
    }
    // The mutations are neither all harmless nor all fatal.
    assert!(
        read > 1_000 && refused > 1_000,
        "{read} read, {refused} refused"
    );
}

#[test]
fn a_document_cut_anywhere_is_an_error() {
    for document in [AWS_LIST, MOTO_LIST, GCS_LIST] {
        for end in 0..document.len() {
            assert!(list_page(&document.as_bytes()[..end], "").is_err(), "{end}");
        }
    }
}

#[test]
fn uploads_are_read_with_their_markers() {
    let page = uploads_page(
        b"<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
          <NextKeyMarker>b%2Bc</NextKeyMarker><NextUploadIdMarker>id+2</NextUploadIdMarker>\
          <EncodingType>url</EncodingType>\
          <Upload><Key>a%20b</Key><UploadId>id 1</UploadId>\
          <Initiated>2026-11-26T21:10:00.000Z</Initiated></Upload>\
          <Upload><Key>b%2Bc</Key><UploadId>id+2</UploadId></Upload>\
          </ListMultipartUploadsResult>",
    )
    .unwrap();
    let keys: Vec<_> = page.uploads.iter().map(|u| u.key.as_str()).collect();
    assert_eq!(keys, ["a b", "b+c"]);
    assert_eq!(page.uploads[0].id, "id 1");
    assert!(page.uploads[0].initiated.is_some() && page.uploads[1].initiated.is_none());
    assert_eq!(page.next, Some(("b+c".to_owned(), "id+2".to_owned())));
}

#[test]
fn a_page_of_uploads_that_ends_too_early_is_an_error() {
    for body in [
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><Upload><Key>a</Key></Upload></ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><Upload><UploadId>a</UploadId></Upload>\
         </ListMultipartUploadsResult>",
        "<ListMultipartUploadsResult><Upload>",
    ] {
        assert!(uploads_page(body.as_bytes()).is_err(), "{body}");
    }
    let last = "<ListMultipartUploadsResult><NextKeyMarker>a</NextKeyMarker>\
                </ListMultipartUploadsResult>";
    assert_eq!(
        uploads_page(last.as_bytes()).unwrap(),
        UploadsPage::default()
    );
}

/// Returns a document with each version given as `key id kind seconds`: `v` is a version, `m` a delete marker, a
/// capital letter the latest.
fn versions_document(versions: &[&str], after: &str) -> String {
    let element = |text: &&str| {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap();
        let (key, id, kind, second) = (word(), word(), word(), word());
        let name = match kind.to_lowercase().as_str() {
            "v" => "Version",
            _ => "DeleteMarker",
        };
        let is_latest = kind.to_uppercase() == kind;
        format!(
            "<{name}><Key>{key}</Key><VersionId>{id}</VersionId><IsLatest>{is_latest}</IsLatest>\
             <LastModified>2026-11-26T21:10:{second}.000Z</LastModified></{name}>"
        )
    };
    let versions: String = versions.iter().map(element).collect();
    format!("<ListVersionsResult>{versions}{after}</ListVersionsResult>")
}

fn version_ids(document: &str, prefix: &str) -> Vec<String> {
    let page = versions_page(document.as_bytes(), prefix).unwrap();
    let ids = page.versions.iter();
    ids.map(|it| format!("{} {}", it.object.key, it.version_id))
        .collect()
}

#[test]
fn versions_are_read_in_the_order_of_the_store() {
    let after = "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>\
                 <NextKeyMarker>b%2Bc</NextKeyMarker><NextVersionIdMarker>7</NextVersionIdMarker>";
    // A multipart upload has the time of its beginning, so the times are not in descending order.
    let listed = ["a+b 3 V 01", "a+b 2 m 05", "a+b 1 v 03", "b%2Bc 7 M 09"];
    let document = versions_document(&listed, after);
    assert_eq!(
        version_ids(&document, ""),
        ["a b 3", "a b 2", "a b 1", "b+c 7"]
    );
    let page = versions_page(document.as_bytes(), "").unwrap();
    assert_eq!(page.next, Some(("b+c".to_owned(), "7".to_owned())));
    let kinds = page
        .versions
        .iter()
        .map(|it| (it.is_latest, it.is_delete_marker));
    assert_eq!(
        kinds.collect::<Vec<_>>(),
        [(true, false), (false, true), (false, false), (true, true)]
    );
}

#[test]
fn delete_markers_listed_separately_are_sorted_in() {
    let listed = ["a 3 v 06", "a 1 v 03", "b 1 V 04", "a 4 M 06", "a 2 m 04"];
    let document = versions_document(&listed, "");
    assert_eq!(
        version_ids(&document, ""),
        ["a 4", "a 3", "a 2", "a 1", "b 1"]
    );
}

#[test]
fn a_version_without_an_id_is_the_null_version() {
    let document = "<ListVersionsResult><Version><Key>a</Key><VersionId/><Size>7</Size></Version>\
                    </ListVersionsResult>";
    let page = versions_page(document.as_bytes(), "a").unwrap();
    assert_eq!(page.versions[0].version_id, "null");
    assert_eq!(page.versions[0].object.size, 7);
    assert_eq!(page.next, None);
}

#[test]
fn a_key_that_is_not_utf_8_is_counted_among_the_versions() {
    let document = versions_document(
        &["%E9 1 V 01", "a 1 V 01"],
        "<EncodingType>url</EncodingType>",
    );
    let page = versions_page(document.as_bytes(), "").unwrap();
    assert_eq!((page.versions.len(), page.unreadable), (1, 1));
}

#[test]
fn a_page_of_versions_that_ends_too_early_is_an_error() {
    for body in [
        "<ListVersionsResult><IsTruncated>true</IsTruncated></ListVersionsResult>",
        "<ListVersionsResult><Version><VersionId>1</VersionId></Version></ListVersionsResult>",
        "<ListVersionsResult><Version>",
        "<ListBucketResult></ListBucketResult>",
    ] {
        assert!(versions_page(body.as_bytes(), "").is_err(), "{body}");
    }
}
