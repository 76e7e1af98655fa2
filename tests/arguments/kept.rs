//! Properties of objects of other clients that changes keep: the encryption, and metadata of any form.

use std::collections::BTreeMap;

use s3fs::{
    CopyOptions, ErrorKind, FileSystem, FileSystemExt as _, RawInfo, S3Fs, TransferOptions,
    UploadArgs,
};
use test_server::{BUCKET, Content, Object, Server};

use super::s3_info;
use crate::common;

const ENCRYPTION: &str = "x-amz-server-side-encryption";

/// The kinds of encryption with keys of the store.
fn encryptions() -> [BTreeMap<String, String>; 3] {
    let of = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter();
        pairs
            .map(|(end, value)| (format!("{ENCRYPTION}{end}"), (*value).to_owned()))
            .collect()
    };
    [
        of(&[
            ("", "aws:kms"),
            ("-aws-kms-key-id", "arn:aws:kms:eu-west-1:1:key/k"),
            ("-bucket-key-enabled", "true"),
        ]),
        of(&[("", "aws:kms:dsse"), ("-aws-kms-key-id", "key-2")]),
        of(&[("", "AES256")]),
    ]
}

fn encrypted(content: impl Into<Content>, encryption: &BTreeMap<String, String>) -> Object {
    let mut object = Object::new(content);
    object.headers.extend(encryption.clone());
    object.storage_class = "STANDARD_IA".into();
    object.tags = vec![("team".into(), "x".into())];
    object
}

/// Returns the encryption headers of an object.
fn encryption_of(object: &Object) -> BTreeMap<String, String> {
    let headers = object.headers.iter();
    headers
        .filter(|(name, _)| name.starts_with(ENCRYPTION))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A small object, one of several parts, and one that no single request copies.
fn contents() -> [(&'static str, Content); 3] {
    [
        ("file", Content::from(vec![7; 9])),
        ("large", Content::synthetic(1, 12 << 20)),
        ("huge", Content::synthetic(1, (5 << 30) + 1)),
    ]
}

type Work = fn(&S3Fs) -> s3fs::Result<()>;

/// Calls on these objects, with the key that is checked afterwards.
const WORKS: [(&str, &str, Work); 9] = [
    ("copy", "copy", |fs| fs.copy("file", "copy")),
    ("copy over", "copy", |fs| {
        fs.copy_with("file", "copy", &CopyOptions::new().overwrite(true))
    }),
    ("movefile", "copy", |fs| fs.movefile("file", "copy")),
    ("setinfo", "file", |fs| {
        fs.setinfo(
            "file",
            &RawInfo::new().with("s3", "content_type", "text/csv"),
        )
    }),
    ("appendbytes", "file", |fs| fs.appendbytes("file", b"more")),
    ("appendbytes in parts", "large", |fs| {
        fs.appendbytes("large", b"more")
    }),
    ("copy in parts", "copy", |fs| fs.copy("huge", "copy")),
    ("movefile in parts", "copy", |fs| {
        fs.movefile("huge", "copy")
    }),
    ("copy_file between two handles", "copy", |fs| {
        let options = TransferOptions::new();
        s3fs::copy::copy_file(fs, "file", &fs.clone(), "copy", &options).map(drop)
    }),
];

#[test]
fn files_keep_their_encryption() {
    for encryption in encryptions() {
        for (name, key, work) in WORKS {
            let server = Server::start();
            let bucket = server.bucket(BUCKET);
            for (key, content) in contents() {
                bucket.put_with(key, encrypted(content, &encryption));
            }
            let fs = common::builder(&server).strict(false).build().unwrap();
            work(&fs).unwrap_or_else(|error| panic!("{name}: {error}"));
            let object = bucket.get(key).unwrap();
            assert_eq!(encryption_of(&object), encryption, "{name}");
            assert_eq!(object.storage_class, "STANDARD_IA", "{name}");
            let tags = [("team".to_owned(), "x".to_owned())];
            assert_eq!(object.tags, tags, "{name}");
        }
    }
}

#[test]
fn the_arguments_of_the_filesystem_override_the_encryption_of_the_source() {
    let [kms, ..] = encryptions();
    for name in ["file", "huge"] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        for (key, content) in contents() {
            bucket.put_with(key, encrypted(content, &kms));
        }
        let args = UploadArgs::new().server_side_encryption("AES256");
        let fs = common::builder(&server).upload_args(args).build().unwrap();
        fs.copy(name, "copy").unwrap();
        let expected = [(ENCRYPTION.to_owned(), "AES256".to_owned())].into();
        let copy = bucket.get("copy").unwrap();
        assert_eq!(encryption_of(&copy), expected, "{name}");
    }
}

#[test]
fn keep_encryption_keeps_the_encryption_of_trees_with_one_head_per_key() {
    let [kms, ..] = encryptions();
    for (keeps, moves) in [(false, false), (false, true), (true, false), (true, true)] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        for key in ["a/1", "a/2", "a/b/3"] {
            bucket.put_with(key, encrypted(vec![7; 9], &kms));
        }
        let builder = common::builder(&server).keep_encryption(keeps);
        let fs = builder.build().unwrap();
        let options = CopyOptions::new().create(true);
        let done = match moves {
            true => fs.movedir_with("a", "c", &options),
            false => fs.copydir_with("a", "c", &options),
        };
        done.unwrap();
        let looked = common::asked(&server, "HeadObject");
        let looked = looked.iter().filter(|head| head.key.starts_with("a/"));
        assert_eq!(looked.count(), if keeps { 3 } else { 0 });
        for key in ["c/1", "c/2", "c/b/3"] {
            let copy = bucket.get(key).unwrap();
            assert_eq!(encryption_of(&copy) == kms, keeps, "{key}");
            assert_eq!(copy.storage_class, "STANDARD_IA");
        }
    }
}

/// Metadata as other clients write it, and the text that it represents.
const ENTRIES: [(&str, &str, &str); 4] = [
    ("utf8", "café → 日本", "café → 日本"),
    ("words", "=?UTF-8?Q?caf=C3=A9_au_lait?=", "café au lait"),
    ("base64", "=?UTF-8?B?Y2Fmw6k=?=", "café"),
    ("spaces", "two  and   three", "two  and   three"),
];

fn texts() -> BTreeMap<String, String> {
    let texts = ENTRIES.iter();
    texts
        .map(|(name, _, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}

fn foreign(content: impl Into<Content>) -> Object {
    let mut object = Object::new(content);
    for (name, value, _) in ENTRIES {
        object = object.header(&format!("x-amz-meta-{name}"), value);
    }
    object
}

#[test]
fn metadata_of_other_clients_is_read_as_text_and_kept_by_every_change() {
    for raw in [false, true] {
        for (name, key, work) in WORKS {
            let server = Server::builder().answer_raw(raw).start();
            let bucket = server.bucket(BUCKET);
            for (key, content) in contents() {
                bucket.put_with(key, foreign(content));
            }
            let fs = common::builder(&server).strict(false).build().unwrap();
            assert_eq!(s3_info(&fs, "file").metadata, texts());
            work(&fs).unwrap_or_else(|error| panic!("{name}, {raw}: {error}"));
            assert_eq!(s3_info(&fs, key).metadata, texts(), "{name}, {raw}");
            let object = bucket.get(key).unwrap();
            for (entry, value, _) in ENTRIES {
                // If the store returns raw metadata as encoded words, encoded words are stored again.
                if raw || value.is_ascii() {
                    let kept = &object.headers[&format!("x-amz-meta-{entry}")];
                    assert_eq!(kept, value, "{name}, {raw}");
                }
            }
        }
    }
}

#[test]
fn an_entry_can_be_added_to_metadata_of_other_clients() {
    for raw in [false, true] {
        let server = Server::builder().answer_raw(raw).start();
        server.bucket(BUCKET).put_with("file", foreign("content"));
        let fs = common::open(&server);
        let mut entries = s3_info(&fs, "file").metadata;
        entries.insert("new".into(), "entry".into());
        let changed = RawInfo::new().with("s3", "metadata", entries.clone());
        fs.setinfo("file", &changed).unwrap();
        assert_eq!(s3_info(&fs, "file").metadata, entries);
    }
}

#[test]
fn metadata_that_no_header_carries_is_kept_by_a_copy_and_never_lost() {
    // In a signature it counts as a plain space.
    let value = "no\u{a0}break";
    let server = Server::builder().answer_raw(true).start();
    let bucket = server.bucket(BUCKET);
    bucket.put_with(
        "file",
        Object::new("content").header("x-amz-meta-odd", value),
    );
    let fs = common::open(&server);
    assert_eq!(s3_info(&fs, "file").metadata["odd"], value);
    let set = |key: &str, value: &str| fs.setinfo("file", &RawInfo::new().with("s3", key, value));
    let odd = |key: &str| bucket.get(key).unwrap().headers["x-amz-meta-odd"].clone();

    set("storage_class", "STANDARD_IA").unwrap();
    assert_eq!(bucket.get("file").unwrap().storage_class, "STANDARD_IA");
    assert_eq!(odd("file"), value);
    fs.copy("file", "copy").unwrap();
    assert_eq!(odd("copy"), value);

    for (what, result) in [
        ("setinfo", set("content_type", "text/csv")),
        ("appendbytes", fs.appendbytes("file", b"more")),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{what}: {error}");
        let text = error.to_string();
        assert!(text.contains("x-amz-meta-odd"), "{what}: {text}");
    }
    assert_eq!(odd("file"), value);
    assert_eq!(bucket.get("file").unwrap().bytes(), b"content");
}
