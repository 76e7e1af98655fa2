//! Values that S3 does not accept: infos, metadata, expiries, options.

use std::collections::BTreeMap;
use std::time::Duration;

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, OpenOptions, RawInfo, UploadArgs, Value};
use test_server::Object;

use super::scene::{Scene, refused};

fn metadata(name: &str, value: impl Into<Value>) -> Value {
    Value::Map(BTreeMap::from([(name.to_owned(), value.into())]))
}

#[test]
fn setinfo_refuses_a_value_of_the_wrong_type() {
    let scene = Scene::new();
    let fs = scene.fs();
    for (key, value) in [
        ("content_type", Value::Int(1)),
        ("content_type", Value::Bool(true)),
        ("cache_control", Value::List(vec!["no-store".into()])),
        ("expires", Value::Float(1.5)),
        ("bucket_key_enabled", Value::from("maybe")),
        ("metadata", Value::from("a=b")),
        ("metadata", Value::List(Vec::new())),
        ("metadata", metadata("name", Value::Int(1))),
        ("metadata", metadata("name", Value::Null)),
    ] {
        let what = format!("{key} = {value:?}");
        let changes = RawInfo::new().with("s3", key, value);
        scene
            .refused(&what, fs.setinfo("dir/../file", &changes))
            .is(ErrorKind::InvalidArgument)
            .about("dir/../file")
            .says([key]);
    }
    for value in [Value::from("yesterday"), Value::Bool(true)] {
        let changes = RawInfo::new().with("details", "modified", value);
        scene
            .refused("modified", fs.setinfo("file", &changes))
            .is(ErrorKind::InvalidArgument)
            .about("file")
            .says(["modified"]);
    }
}

#[test]
fn setinfo_refuses_unchangeable_attributes() {
    let scene = Scene::new();
    let fs = scene.fs();
    for (namespace, key, value) in [
        ("basic", "name", Value::from("other")),
        ("basic", "is_dir", Value::Bool(true)),
        ("details", "size", Value::Int(1)),
        ("details", "type", Value::Int(1)),
        ("s3", "e_tag", Value::from("\"0\"")),
        ("s3", "content_length", Value::Int(1)),
        ("s3", "version_id", Value::from("1")),
        ("s3", "no_such_key", Value::Null),
        ("no_such_namespace", "key", Value::Int(1)),
    ] {
        let changes = RawInfo::new().with(namespace, key, value);
        scene
            .refused(key, fs.setinfo("dir/./child", &changes))
            .is(ErrorKind::Unsupported)
            .about("dir/./child")
            .says([namespace, key, "is_writeable"]);
    }
}

#[test]
fn setinfo_refuses_permissions_and_owners() {
    let scene = Scene::new();
    for path in ["file", "dir", "/"] {
        for (key, value) in [
            ("permissions", Value::List(vec!["u_r".into()])),
            ("permissions", Value::Int(0o644)),
            ("user", Value::from("root")),
            ("gid", Value::Int(0)),
        ] {
            let changes = RawInfo::new().with("access", key, value);
            scene
                .refused(key, scene.fs().setinfo(path, &changes))
                .is(ErrorKind::Unsupported)
                .about(path)
                .says(["\"access\"", key, "cannot be changed"]);
        }
    }
}

#[test]
fn setinfo_changes_all_or_nothing() {
    let scene = Scene::new();
    let changes = RawInfo::new().with("s3", "content_type", "text/csv").with(
        "s3",
        "cache_control",
        Value::Int(1),
    );
    let result = scene.fs().setinfo("file", &changes);
    scene
        .refused("one of two", result)
        .is(ErrorKind::InvalidArgument);
    let changes = RawInfo::new()
        .with("s3", "content_type", "text/csv")
        .with("access", "user", "root");
    let result = scene.fs().setinfo("file", &changes);
    scene
        .refused("one of two", result)
        .is(ErrorKind::Unsupported);
}

/// Values that no header carries unchanged.
const UNSENDABLE: [&str; 9] = [
    "",
    " led",
    "trailed ",
    "two  spaces",
    "line\nbreak",
    "carriage\rreturn",
    "nul\0",
    "\u{7f}",
    "é",
];

#[test]
fn setinfo_refuses_metadata_that_no_header_carries() {
    let scene = Scene::new();
    for value in UNSENDABLE {
        let changes = RawInfo::new().with("s3", "metadata", metadata("colour", value));
        scene
            .refused(value, scene.fs().setinfo("file", &changes))
            .is(ErrorKind::InvalidArgument)
            .about("file")
            .says(["x-amz-meta-colour", "printable ASCII"]);
    }
    for name in ["", "two words", "a:b", "é", "a\r\nx-amz-acl"] {
        let changes = RawInfo::new().with("s3", "metadata", metadata(name, "value"));
        scene
            .refused(name, scene.fs().setinfo("file", &changes))
            .is(ErrorKind::InvalidArgument)
            .about("file")
            .says([&format!("{name:?}"), "metadata"]);
    }
}

#[test]
fn every_write_refuses_metadata_that_no_header_carries_before_a_request() {
    let scene = Scene::new();
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        for value in UNSENDABLE {
            let args = UploadArgs::new().metadata("colour", value);
            let options = OpenOptions::from(args.clone());
            let writes = ["w", "x", "a", "w+", "r+", "a+"].map(|mode| {
                let opened = fs.openbin_with("dir//child", mode, &options);
                opened.map(drop)
            });
            let whole = fs.writebytes_with("dir//child", b"new", &options);
            for result in writes.into_iter().chain([whole]) {
                scene
                    .refused(value, result)
                    .is(ErrorKind::InvalidArgument)
                    .about("dir//child")
                    .says(["x-amz-meta-colour"]);
            }
            scene.asked_nothing(value);
            let built = super::scene::builder("http://127.0.0.1:9")
                .upload_args(args)
                .build();
            refused(value, built).is(ErrorKind::InvalidArgument);
        }
    }
}

#[test]
fn stored_metadata_that_cannot_be_sent_again_is_not_lost() {
    let odd = Object::new("content").header("x-amz-meta-colour", "a\ttab");
    let scene = Scene::new().and("odd", odd);
    let changes = RawInfo::new().with("s3", "content_type", "text/csv");
    scene
        .refused("setinfo", scene.fs().setinfo("odd", &changes))
        .is(ErrorKind::Unsupported)
        .about("odd")
        .says(["x-amz-meta-colour", "would be lost"]);
    scene
        .refused("append", scene.fs().openbin("odd", "a").map(drop))
        .is(ErrorKind::Unsupported)
        .about("odd");
}

#[test]
fn a_version_can_be_read_and_not_written() {
    let scene = Scene::new();
    let options = OpenOptions::new().version_id("1");
    let fs = scene.fs();
    let results = [
        ("w", fs.openbin_with("file", "w", &options).map(drop)),
        ("r+", fs.openbin_with("file", "r+", &options).map(drop)),
        ("writebytes", fs.writebytes_with("file", b"", &options)),
    ];
    for (what, result) in results {
        let refused = scene.refused(what, result).is(ErrorKind::InvalidArgument);
        refused.about("file").says(["version"]);
    }
}

#[test]
fn a_write_with_a_wrong_if_match_changes_nothing() {
    let scene = Scene::new();
    let options = OpenOptions::new().if_match("\"00000000000000000000000000000000\"");
    for strict in [true, false] {
        let fs = scene.built(|builder| builder.strict(strict));
        let results = [
            ("writebytes", fs.writebytes_with("file", b"new", &options)),
            ("readbytes", fs.readbytes_with("file", &options).map(drop)),
            ("r+", fs.openbin_with("file", "r+", &options).map(drop)),
            (
                "w",
                fs.openbin_with("file", "w", &options)
                    .and_then(|mut file| file.close()),
            ),
        ];
        for (what, result) in results {
            let refused = scene.refused(what, result).is(ErrorKind::ResourceChanged);
            refused.about("file").says(["not the expected one"]);
        }
    }
}

#[test]
fn a_presigned_url_is_valid_for_a_second_to_a_week() {
    let scene = Scene::new();
    let fs = scene.fs();
    let week = Duration::from_secs(7 * 24 * 3600);
    let presigned = |expires| fs.presign("dir//child").unwrap().expires(expires).url();
    for expires in [
        Duration::ZERO,
        Duration::from_millis(500),
        Duration::from_millis(1500),
        week + Duration::from_nanos(1),
        week + Duration::from_secs(1),
        Duration::MAX,
    ] {
        scene
            .refused(&format!("{expires:?}"), presigned(expires))
            .is(ErrorKind::InvalidArgument)
            .about("dir//child")
            .says(["1 s to 7 days", &format!("{expires:?}")]);
    }
    for (expires, seconds) in [(Duration::from_secs(1), "1"), (week, "604800")] {
        let url = presigned(expires).unwrap();
        assert!(url.contains(&format!("X-Amz-Expires={seconds}&")), "{url}");
    }
    scene.asked_nothing("presigning");
}

#[test]
fn a_url_for_an_unknown_purpose_is_refused() {
    let scene = Scene::new();
    scene
        .refused("geturl_for", scene.fs().geturl_for("file", "upload"))
        .is(ErrorKind::NoUrl)
        .about("file")
        .says(["\"upload\"", "\"download\" and \"fs\""]);
    assert!(!scene.fs().hasurl_for("file", "upload"));
}

#[test]
fn an_unsigned_url_cannot_set_headers_of_the_response() {
    let scene = Scene::new();
    let fs = s3fs::S3Fs::builder("bucket")
        .anonymous(true)
        .region("us-east-1")
        .endpoint_url(scene.server.endpoint())
        .build()
        .unwrap();
    let url = fs.presign("file").unwrap().content_type("text/csv").url();
    let refused = scene.refused("presign", url).is(ErrorKind::InvalidArgument);
    refused.about("file").says(["unsigned"]);
}

#[test]
fn readtext_refuses_invalid_utf_8() {
    let scene = Scene::new().and("latin", Object::new(&b"gr\xfcn"[..]));
    scene
        .refused("readtext", scene.fs().readtext("dir/../latin"))
        .is(ErrorKind::OperationFailed)
        .about("dir/../latin")
        .says(["not UTF-8 at byte 2", "readbytes"]);
}
