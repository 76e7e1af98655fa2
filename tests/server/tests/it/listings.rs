//! Listings.

use test_server::Server;
use test_server::client::{get, list};

pub fn stock(server: &Server, keys: &[&str]) {
    for key in keys {
        server.bucket("bucket").put(key, "x");
    }
}

#[test]
fn a_listing_has_prefix_delimiter_and_the_properties_of_each_object() {
    let server = Server::start();
    stock(&server, &["a/1", "a/2", "a/b/3", "a/c/4", "b"]);
    let reply = list(&server)
        .query("prefix", "a/")
        .query("delimiter", "/")
        .send()
        .ok();
    assert_eq!(reply.all_xml("Key"), ["a/1", "a/2"]);
    let prefixes: Vec<_> = reply.all_xml("CommonPrefixes");
    assert_eq!(prefixes, ["<Prefix>a/b/</Prefix>", "<Prefix>a/c/</Prefix>"]);
    assert_eq!(reply.xml("KeyCount"), "4");
    assert_eq!(reply.xml("IsTruncated"), "false");
    assert_eq!(reply.xml("Name"), "bucket");
    assert_eq!(reply.xml("Size"), "1");
    assert_eq!(reply.xml("StorageClass"), "STANDARD");
    assert_eq!(
        reply.xml("ETag"),
        "&quot;9dd4e461268c8034f5c8564e155c67a6&quot;"
    );
    assert!(
        reply.xml("LastModified").ends_with(".000Z"),
        "{}",
        reply.xml("LastModified")
    );
    assert!(reply.all_xml("EncodingType").is_empty() && reply.all_xml("Owner").is_empty());
    let reply = list(&server).query("fetch-owner", "true").send().ok();
    assert_eq!(reply.all_xml("Owner").len(), 5);
}

#[test]
fn pages_have_a_thousand_keys_and_continue_where_they_ended() {
    let server = Server::start();
    for n in 0..2050 {
        server.bucket("bucket").put(&format!("{n:04}"), "");
    }
    let (mut keys, mut token, mut pages) = (Vec::new(), String::new(), Vec::new());
    loop {
        let mut call = list(&server).query("max-keys", "5000");
        if !token.is_empty() {
            call = call.query("continuation-token", &token);
        }
        let reply = call.send().ok();
        pages.push(reply.xml("KeyCount").to_owned());
        assert!(pages.len() < 10, "the listing goes on and on");
        keys.extend(reply.all_xml("Key").into_iter().map(str::to_owned));
        token = reply.xml("NextContinuationToken").to_owned();
        if reply.xml("IsTruncated") == "false" {
            break;
        }
    }
    assert_eq!(pages, ["1000", "1000", "50"]);
    assert_eq!(keys, server.bucket("bucket").keys());
    list(&server)
        .query("continuation-token", "made up")
        .send()
        .refused(400, "InvalidArgument");
}

#[test]
fn common_prefixes_count_and_are_not_repeated_on_the_next_page() {
    let server = Server::start();
    stock(&server, &["a/1", "a/2", "b", "c/1", "c/2", "c/3", "d"]);
    let page = |token: &str| {
        let call = list(&server).query("delimiter", "/").query("max-keys", "1");
        let call = if token.is_empty() {
            call
        } else {
            call.query("continuation-token", token)
        };
        call.send().ok()
    };
    let (mut entries, mut token) = (Vec::new(), String::new());
    loop {
        let reply = page(&token);
        assert_eq!(reply.xml("KeyCount"), "1");
        assert!(entries.len() < 10, "the listing goes on and on");
        let prefixes = reply.all_xml("CommonPrefixes");
        let mut names = reply.all_xml("Key");
        names.extend(prefixes.iter().map(|prefix| &prefix[8..prefix.len() - 9]));
        entries.extend(names.into_iter().map(str::to_owned));
        token = reply.xml("NextContinuationToken").to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(entries, ["a/", "b", "c/", "d"]);
    let none = list(&server).query("max-keys", "0").send().ok();
    assert_eq!(
        (none.xml("KeyCount"), none.xml("IsTruncated")),
        ("0", "false")
    );
}

#[test]
fn start_after_inside_a_common_prefix_hides_it() {
    let server = Server::start();
    stock(&server, &["a/1", "a/2", "b"]);
    let reply = list(&server)
        .query("delimiter", "/")
        .query("start-after", "a/1")
        .send()
        .ok();
    assert_eq!(
        (reply.all_xml("Key"), reply.all_xml("CommonPrefixes").len()),
        (vec!["b"], 0)
    );
    let reply = list(&server).query("start-after", "a/1").send().ok();
    assert_eq!(reply.all_xml("Key"), ["a/2", "b"]);
}

#[test]
fn keys_are_listed_in_order_of_their_bytes() {
    let server = Server::start();
    // U+FFFD comes before U+1F600 in UTF-8, and after it in UTF-16.
    stock(
        &server,
        &["\u{1f600}", "\u{fffd}", "Z", "a", "a-", "a/", "a0"],
    );
    let reply = list(&server).send().ok();
    assert_eq!(
        reply.all_xml("Key"),
        ["Z", "a", "a-", "a/", "a0", "\u{fffd}", "\u{1f600}"]
    );
}

#[test]
fn names_are_encoded_like_s3_on_request() {
    let server = Server::start();
    stock(&server, &["a b/c+d%é~*\u{1}"]);
    let reply = list(&server).query("encoding-type", "url").send().ok();
    assert_eq!(reply.xml("Key"), "a+b/c%2Bd%25%C3%A9%7E*%01");
    assert_eq!(reply.xml("EncodingType"), "url");
    let reply = list(&server)
        .query("encoding-type", "url")
        .query("delimiter", "+")
        .query("prefix", "a ")
        .send()
        .ok();
    assert_eq!(reply.xml("CommonPrefixes"), "<Prefix>a+b/c%2B</Prefix>");
    assert_eq!((reply.xml("Prefix"), reply.xml("Delimiter")), ("a+", "%2B"));
}

#[test]
fn the_first_version_of_listings_continues_from_a_marker() {
    let server = Server::start();
    stock(&server, &["a/1", "a/2", "b", "c"]);
    let call = || {
        get(&server, "")
            .query("delimiter", "/")
            .query("max-keys", "2")
    };
    let reply = call().send().ok();
    assert_eq!(
        (reply.all_xml("Key"), reply.xml("NextMarker")),
        (vec!["b"], "b")
    );
    let reply = call().query("marker", "b").send().ok();
    assert_eq!(
        (reply.all_xml("Key"), reply.xml("IsTruncated")),
        (vec!["c"], "false")
    );
    assert_eq!(server.requests()[0].operation, "ListObjects");
}

#[test]
fn a_server_may_ignore_encoding_type() {
    let server = Server::builder().ignore_encoding_type(true).start();
    stock(&server, &["a+b c"]);
    let reply = list(&server).query("encoding-type", "url").send().ok();
    assert_eq!((reply.xml("Key"), reply.xml("EncodingType")), ("a+b c", ""));
}
