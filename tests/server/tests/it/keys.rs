//! Keys, especially odd ones.

use test_server::Server;
use test_server::client::{decode, delete, get, list, put, raw};

pub fn odd_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        " ",
        "a b",
        " lead",
        "trail ",
        "a+b",
        "a%b",
        "a%2Fb",
        "a%2fb",
        "a%20b",
        "%",
        "a?b",
        "a#b",
        "a&b",
        "a=b",
        "a\"b",
        "a'b",
        "a<b>c",
        "a\\b",
        "a:b",
        "a;b",
        "a,b",
        "a@b",
        "a*b",
        "a|b",
        "a~b",
        "a$b",
        "a!b",
        "a(b)",
        "[a]",
        "{a}",
        "`",
        "^",
        "é",
        "e\u{301}",
        "日本語",
        "😀",
        "\u{7f}",
        "\u{80}",
        "\u{fffd}",
        "\u{feff}",
        "\u{10ffff}",
        "a//b",
        "//",
        "/lead",
        "//lead",
        "trail/",
        "trail//",
        "/",
        "a",
        "a/",
        "a/b",
        "...",
        "a/...",
        ".a",
        "a.",
        "bucket",
        "a\tb",
        "a\nb",
        "a\rb",
        "&amp;",
        "]]>",
        "<Key>",
        "%00",
        "a&#x1;b",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.extend((1..=31).map(|byte| format!("control-{}-", char::from(byte))));
    keys.push("k".repeat(1024));
    keys.push("日".repeat(341));
    keys
}

#[test]
fn odd_keys_survive_put_get_list_delete() {
    let server = Server::start();
    let mut keys = odd_keys();
    keys.sort();
    for key in &keys {
        put(&server, key, key.as_bytes()).send().ok();
        assert_eq!(get(&server, key).send().ok().text(), key);
        assert_eq!(
            server
                .requests()
                .last()
                .map(|request| request.key.clone())
                .as_ref(),
            Some(key)
        );
    }
    assert_eq!(server.bucket("bucket").keys(), keys);
    let listed = list(&server).query("encoding-type", "url").send().ok();
    let decoded: Vec<_> = listed.all_xml("Key").into_iter().map(decode).collect();
    assert_eq!(decoded, keys);
    for key in &keys {
        assert_eq!(delete(&server, key).send().status, 204);
    }
    assert!(server.bucket("bucket").keys().is_empty());
}

#[test]
fn dot_segments_and_slashes_are_not_normalized() {
    let server = Server::builder().public_read(true).start();
    for key in [
        ".",
        "..",
        "a/./b",
        "a/../b",
        "../other/x",
        "a/..",
        "./a",
        "a//b",
        "//",
        "/a",
    ] {
        server.bucket("bucket").put(key, key.to_owned());
        let request =
            format!("GET /bucket/{key} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
        let reply = raw(&server, &request);
        assert!(
            reply.starts_with("HTTP/1.1 200") && reply.ends_with(&format!("\r\n\r\n{key}")),
            "{key}: {reply}"
        );
    }
}

#[test]
fn a_key_of_1025_bytes_is_too_long() {
    let server = Server::start();
    put(&server, &"k".repeat(1025), "x")
        .send()
        .refused(400, "KeyTooLongError");
}
