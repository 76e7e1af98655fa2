//! Responses that no S3 server sends, or sends only when something is wrong.

use std::io::Read as _;

use s3fs::{
    CopyOptions, Error, ErrorKind, FileSystem as _, FileSystemExt as _, MemoryFs, Namespaces,
    RawInfo, TransferOptions, copy, mirror,
};
use test_server::{Answer, Content, Fault, Object, Rule, synthetic_bytes};

use super::scene::{Refused, Scene};
use crate::every_operation;
use crate::local::Directory;

const PAGE: &str = "<!DOCTYPE html><html><body>Welcome to <b>the portal</b></body></html>";
const BARE_PAGE: &str = "<html><body>It works!</body></html>";

/// Asserts that every operation refuses this response to all of its requests.
fn every_operation_is_wary_of(answer: &Answer, except: &[&str], kind: ErrorKind, words: &str) {
    let scene = Scene::new();
    let always = Fault::Answer(answer.clone());
    scene.server.faults().add(Rule::any().always(), always);
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        for operation in every_operation::asking() {
            let excepted = except.contains(&operation.name);
            // In strict mode, operations check existing files first.
            if !excepted || (strict && operation.name == "remove") {
                scene
                    .refuses(&fs, operation, "dir/./child")
                    .kind_or_unknown(kind, operation.is_exclusive())
                    .says([words]);
            }
        }
    }
}

#[test]
fn every_operation_reports_an_html_page_with_status_200() {
    for page in [PAGE, BARE_PAGE] {
        let words = "check that the endpoint is an S3 server";
        every_operation_is_wary_of(
            &Answer::html(200, page),
            &[],
            ErrorKind::OperationFailed,
            words,
        );
    }
}

#[test]
fn an_html_page_with_status_200_is_quoted_with_its_host() {
    let scene = Scene::new();
    let page = Fault::Answer(Answer::html(200, PAGE));
    scene.server.faults().add(Rule::any().always(), page);
    let fs = scene.fs();
    for result in [
        fs.readbytes("file").map(drop),
        fs.writebytes("file", b"new"),
    ] {
        scene
            .refused("a page", result)
            .says([&scene.server.endpoint(), "200", "text/html"]);
    }
    scene
        .refused("listdir", fs.listdir("dir"))
        .says(["DOCTYPE html"]);
}

#[test]
fn every_operation_reports_an_html_page_with_status_500() {
    let answer = Answer::html(500, PAGE);
    every_operation_is_wary_of(&answer, &[], ErrorKind::OperationFailed, "500");
}

#[test]
fn every_operation_reports_a_json_response() {
    for status in [200, 500] {
        let json = Answer::new(status, "{\"message\": \"Missing Authentication Token\"}")
            .header("content-type", "application/json");
        let words = status.to_string();
        every_operation_is_wary_of(&json, &[], ErrorKind::OperationFailed, &words);
    }
}

#[test]
fn every_operation_but_a_blind_delete_reports_an_empty_response() {
    let nothing = Answer::new(200, "");
    let words = "S3";
    every_operation_is_wary_of(&nothing, &["remove"], ErrorKind::OperationFailed, words);
}

#[test]
fn every_operation_but_a_blind_delete_reports_foreign_xml() {
    let feed = Answer::new(200, "<?xml version=\"1.0\"?><feed><entry/></feed>")
        .header("content-type", "application/xml");
    every_operation_is_wary_of(&feed, &["remove"], ErrorKind::OperationFailed, "S3");
}

#[test]
fn a_404_page_is_not_mistaken_for_an_empty_bucket() {
    for answer in [Answer::new(404, ""), Answer::html(404, PAGE)] {
        let scene = Scene::new();
        let always = Fault::Answer(answer);
        scene.server.faults().add(Rule::any().always(), always);
        let fs = scene.fs();
        let results = [
            ("exists", fs.exists("file").map(drop)),
            ("isdir", fs.isdir("file").map(drop)),
            ("listdir", fs.listdir("file").map(drop)),
            ("getinfo", fs.getinfo("file", Namespaces::BASIC).map(drop)),
            ("remove", fs.remove("file")),
            ("writebytes", fs.writebytes("file", b"new")),
        ];
        for (what, result) in results {
            scene
                .refused(what, result)
                .is(ErrorKind::OperationFailed)
                .about("file")
                .says([&scene.server.endpoint(), "404"]);
        }
    }
}

#[test]
fn an_error_with_status_200_fails_setinfo() {
    let scene = Scene::new();
    let late = Fault::error(200, "InternalError");
    scene
        .server
        .faults()
        .add(Rule::on("CopyObject").always(), late);
    let changes = RawInfo::new().with("s3", "content_type", "text/csv");
    scene
        .refused("setinfo", scene.fs().setinfo("dir/../file", &changes))
        .is(ErrorKind::OperationFailed)
        .about("dir/../file")
        .says(["CopyObject", "InternalError", "A fault made by the test"]);
}

#[test]
fn an_error_with_status_200_fails_a_write() {
    let scene = Scene::new();
    for operation in ["PutObject", "DeleteObject"] {
        let late = Fault::error(200, "InternalError");
        scene
            .server
            .faults()
            .add(Rule::on(operation).always(), late);
    }
    let fs = scene.built(|builder| builder.strict(false));
    for (what, result) in [
        ("writebytes", fs.writebytes("file", b"new")),
        ("remove", fs.remove("file")),
    ] {
        let refused = scene.refused(what, result).about("file");
        refused
            .is(ErrorKind::OperationFailed)
            .says(["InternalError"]);
    }
}

fn listing(keys: &[&str], next: Option<&str>) -> Answer {
    let contents: String = keys
        .iter()
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
        .collect();
    let token = next.map_or(String::new(), |token| {
        format!("<NextContinuationToken>{token}</NextContinuationToken>")
    });
    Answer::new(
        200,
        format!(
            "<ListBucketResult><IsTruncated>{}</IsTruncated>{token}{contents}</ListBucketResult>",
            next.is_some()
        ),
    )
}

fn listed(scene: &Scene, what: &str, path: &str) -> Refused {
    let fs = scene.fs();
    let scanned: Result<Vec<_>, Error> = fs
        .scandir(path, Namespaces::BASIC)
        .and_then(Iterator::collect);
    scene.refused(what, scanned).about(path);
    scene.refused(what, fs.listdir(path)).about(path)
}

#[test]
fn a_listing_with_keys_outside_the_prefix_is_an_error() {
    let scene = Scene::new();
    let foreign = Fault::Answer(listing(&["dir/child", "other/x"], None));
    scene
        .server
        .faults()
        .add(Rule::on("ListObjectsV2").always(), foreign);
    let words = ["\"dir/\"", "\"other/x\"", "not requested"];
    listed(&scene, "a listing", "dir")
        .is(ErrorKind::OperationFailed)
        .says(words);
    for operation in ["isdir", "isempty", "removedir", "makedir", "writebytes"] {
        let operation = every_operation::asking().find(|o| o.name == operation);
        scene.refuses(&scene.fs(), operation.expect("that operation"), "dir/sub");
    }
}

#[test]
fn a_listing_whose_tokens_repeat_ends_with_an_error() {
    for tokens in [
        &["a"][..],
        &["a", "b"],
        &["a", "b", "c"],
        &["a", "b", "c", "d", "e"],
    ] {
        let scene = Scene::new();
        for (at, token) in tokens.iter().enumerate() {
            let next = tokens.get(at + 1).copied().unwrap_or(tokens[0]);
            let page = Fault::Answer(listing(&["dir/child"], Some(next)));
            let asks = move |asked: Option<&str>| asked == Some(token);
            let rule = Rule::on("ListObjectsV2")
                .when(move |request| asks(request.query("continuation-token")))
                .always();
            scene.server.faults().add(rule, page);
        }
        let first = Fault::Answer(listing(&["dir/child"], Some(tokens[0])));
        scene
            .server
            .faults()
            .add(Rule::on("ListObjectsV2").always(), first);
        listed(&scene, "a listing", "dir")
            .is(ErrorKind::OperationFailed)
            .says(["does not end", "continuation token repeats"]);
    }
}

#[test]
fn a_truncated_listing_without_a_token_is_an_error() {
    let scene = Scene::new();
    let page = "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>";
    let page = Fault::Answer(Answer::new(200, page));
    scene
        .server
        .faults()
        .add(Rule::on("ListObjectsV2").always(), page);
    listed(&scene, "a listing", "dir")
        .is(ErrorKind::OperationFailed)
        .says(["NextContinuationToken"]);
}

#[test]
fn an_incomplete_listing_is_an_error() {
    let scene = Scene::new();
    scene
        .server
        .faults()
        .add(Rule::on("ListObjectsV2").always(), Fault::Truncate(50));
    listed(&scene, "a listing", "dir").is(ErrorKind::RemoteConnection);
}

#[test]
fn an_incomplete_body_is_an_error() {
    const SIZE: u64 = 3 << 20;
    for at in [0, 1, 100_000, (1 << 20) + 1] {
        let scene = Scene::new().and("large", Object::new(Content::synthetic(7, SIZE)));
        scene
            .server
            .faults()
            .add(Rule::on("GetObject").always(), Fault::Truncate(at));
        let fs = scene.built(|builder| builder.max_attempts(5));
        // If each response has many bytes, the read continues to the end.
        let read = fs.readbytes("dir/../large");
        if at < 65_536 {
            scene
                .refused("readbytes", read)
                .is(ErrorKind::RemoteConnection)
                .about("dir/../large")
                .says(["interrupted"]);
        } else {
            assert_eq!(read.unwrap().len() as u64, SIZE);
        }

        let mut bytes = Vec::new();
        let read = fs.openbin("dir/../large", "r").and_then(|mut file| {
            file.read_to_end(&mut bytes)?;
            file.close()
        });
        if at < 65_536 {
            scene
                .refused("openbin", read)
                .is(ErrorKind::RemoteConnection)
                .about("dir/../large");
        } else {
            read.unwrap();
            assert_eq!(bytes.len() as u64, SIZE);
        }
        assert_eq!(
            bytes,
            synthetic_bytes(7, 0, bytes.len()),
            "what came is right"
        );

        // Opening a file for a change reads the first 32 KiB.
        for mode in ["a", "r+"] {
            let opened = fs.openbin("large", mode).map(drop);
            if at > 100 {
                opened.unwrap();
                continue;
            }
            let refused = scene.refused(mode, opened);
            refused.is(ErrorKind::RemoteConnection).about("large");
        }
    }
}

/// Numbers from a server are never added without a check.
#[test]
fn an_overflowing_sum_of_listed_sizes_does_not_panic() {
    let scene = Scene::new();
    let fs = scene.built(|builder| builder.strict(false));
    let object = |name: &str| {
        format!(
            "<Contents><Key>big/{name}</Key><Size>{}</Size></Contents>",
            u64::MAX
        )
    };
    let (a, b, c) = (object("a"), object("b"), object("c"));
    let page =
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{a}{b}{c}</ListBucketResult>");
    let always = Fault::Answer(Answer::new(200, page));
    scene
        .server
        .faults()
        .add(Rule::on("ListObjectsV2").always(), always);
    for name in ["a", "b", "c"] {
        scene
            .server
            .bucket("bucket")
            .put(&format!("big/{name}"), "four");
    }
    assert_eq!(fs.glob("**/*").path("big").count().unwrap().data, u64::MAX);
    let sizes = fs.walk().info("big", Namespaces::DETAILS);
    assert!(
        sizes
            .map(|entry| entry.unwrap().1.size())
            .all(|size| size == Some(u64::MAX))
    );
    let directory = Directory::new();
    let mut most = 0;
    let options = TransferOptions::new().progress(|_, total| {
        most = most.max(total);
        Ok(())
    });
    fs.download_dir("big", &directory, &options).unwrap();
    drop(options);
    assert_eq!(std::fs::read(directory.join("b")).unwrap(), b"four");
    let options = TransferOptions::new();
    copy::copy_dir(&fs, "big", &MemoryFs::new(), "x", &options).unwrap();
    mirror::mirror(&fs.opendir("big").unwrap(), &MemoryFs::new(), &options).unwrap();
    // No object is so large: no request for its parts is sent.
    let create = CopyOptions::new().create(true);
    let copied = fs.copydir_with("big", "copy", &create);
    assert_eq!(copied.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(most, u64::MAX);
}
