//! Versions and delete markers.

use test_server::client::{base64, delete, get, list, md5, put};
use test_server::{Object, Server};

#[test]
fn versions_are_kept_and_marked_deleted() {
    let server = Server::start();
    put(&server, "a", "0").send().ok();
    server.bucket("bucket").enable_versioning();
    let first = put(&server, "a", "1")
        .send()
        .ok()
        .header("x-amz-version-id")
        .to_owned();
    let second = put(&server, "a", "2")
        .send()
        .ok()
        .header("x-amz-version-id")
        .to_owned();
    let read = |version: &str| get(&server, "a").query("versionId", version).send();
    assert_eq!(
        (read("null").body, read(&first).body, read(&second).body),
        (b"0".into(), b"1".into(), b"2".into())
    );
    read("unknown").refused(404, "NoSuchVersion");

    let reply = delete(&server, "a").send().ok();
    let marker = reply.header("x-amz-version-id").to_owned();
    assert_eq!(reply.header("x-amz-delete-marker"), "true");
    let reply = get(&server, "a").send().refused(404, "NoSuchKey");
    assert_eq!(reply.header("x-amz-delete-marker"), "true");
    let reply = read(&marker).refused(405, "MethodNotAllowed");
    assert_eq!(reply.header("x-amz-delete-marker"), "true");
    assert_eq!(list(&server).send().ok().xml("KeyCount"), "0");
    let versions = get(&server, "").query("versions", "").send().ok();
    assert_eq!(
        (
            versions.all_xml("Version").len(),
            versions.all_xml("DeleteMarker").len()
        ),
        (3, 1)
    );

    delete(&server, "a").query("versionId", &marker).send().ok();
    assert_eq!(get(&server, "a").send().ok().body, b"2");
    delete(&server, "a").query("versionId", &second).send().ok();
    assert_eq!(get(&server, "a").send().ok().body, b"1");
    put(&server, "b", "")
        .header("x-amz-copy-source", "bucket/a?versionId=null")
        .send()
        .ok();
    assert_eq!(get(&server, "b").send().ok().body, b"0");
}

#[test]
fn versions_are_listed_in_pages() {
    let server = Server::builder().bucket("bucket").page_size(2).start();
    let bucket = server.bucket("bucket");
    bucket.enable_versioning();
    for content in ["1", "2", "3"] {
        bucket.put("a+b", content);
    }
    bucket.put("c", "1");
    bucket.remove("c");
    let mut pages = Vec::new();
    let (mut key, mut id) = (String::new(), String::new());
    loop {
        let mut call = get(&server, "")
            .query("versions", "")
            .query("encoding-type", "url");
        if !key.is_empty() {
            call = call
                .query("key-marker", &key)
                .query("version-id-marker", &id);
        }
        let page = call.send().ok();
        pages.push((
            page.all_xml("Version").len(),
            page.all_xml("DeleteMarker").len(),
        ));
        if page.xml("IsTruncated") == "false" {
            break;
        }
        key = page.xml("NextKeyMarker").replace("%2B", "+");
        id = page.xml("NextVersionIdMarker").to_owned();
    }
    assert_eq!(pages, [(2, 0), (1, 1), (1, 0)]);
    bucket.put("c", "2");
    bucket.remove("c");
    let all = get(&server, "").query("versions", "").query("prefix", "c");
    let page = all.query("max-keys", "9").send().ok();
    let kinds = page.text().match_indices("<IsLatest>").count();
    let kind = |text: &str| text.starts_with("<Version>");
    let elements = page.text().split_inclusive("</Version>");
    let elements = elements.flat_map(|text| text.split_inclusive("</DeleteMarker>"));
    let found = elements.filter_map(|text| {
        text.find("<Version>")
            .or(text.find("<DeleteMarker>"))
            .map(|at| kind(&text[at..]))
    });
    let order: Vec<bool> = found.collect();
    assert_eq!((kinds, order), (2, vec![false, true]));
    let call = get(&server, "")
        .query("versions", "")
        .query("version-id-marker", &id);
    call.send().refused(400, "InvalidArgument");
}

#[test]
fn a_bucket_that_keeps_no_versions_has_one_of_each_key() {
    let server = Server::start();
    put(&server, "a", "0").send().ok();
    put(&server, "a", "1").send().ok();
    let versions = server.bucket("bucket").versions("a");
    assert_eq!((versions.len(), versions[0].id.as_str()), (1, "null"));
    let reply = get(&server, "a").send().ok();
    assert_eq!((reply.text(), reply.header("x-amz-version-id")), ("1", ""));
    assert_eq!(
        delete(&server, "a").send().header("x-amz-delete-marker"),
        ""
    );
    assert!(server.bucket("bucket").versions("a").is_empty());
}

#[test]
fn a_bucket_with_versions_suspended_replaces_its_null_version() {
    let server = Server::start();
    server.bucket("bucket").enable_versioning();
    put(&server, "a", "kept").send().ok();
    let status = "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>";
    put(&server, "", status)
        .query("versioning", "")
        .header("content-md5", base64(&md5(status.as_bytes())))
        .send()
        .ok();
    put(&server, "a", "1").send().ok();
    put(&server, "a", "2").send().ok();
    let versions = server.bucket("bucket").versions("a");
    let bytes = versions
        .iter()
        .map(|version| version.object.as_ref().map(Object::bytes));
    assert_eq!(
        bytes.collect::<Vec<_>>(),
        [Some(b"kept".to_vec()), Some(b"2".to_vec())]
    );
    assert_eq!(
        delete(&server, "a").send().header("x-amz-version-id"),
        "null"
    );
    assert_eq!(server.bucket("bucket").versions("a").len(), 2);
}
