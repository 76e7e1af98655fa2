//! Upload arguments are sent as headers, however they are set, and are returned where S3 returns them.

use std::collections::BTreeSet;
use std::io::Write;

use s3fs::{
    ChecksumAlgorithm, DownloadArgs, ErrorKind, FileSystem, FileSystemExt, OpenOptions,
    RestoreTier, S3Fs, TransferOptions, UploadArgs, Value, open_fs,
};
use test_server::client::encode;
use test_server::{BUCKET, Fault, Rule, Server};
use time::OffsetDateTime;

use super::{info, metadata, s3_info};
use crate::common::{self, asked};
use crate::local::Directory;

/// An argument: its name and value in a URL, its setter, its header, and its entry in the result of `getinfo`.
struct Argument {
    name: &'static str,
    value: &'static str,
    set: fn(UploadArgs) -> UploadArgs,
    header: (&'static str, &'static str),
    told: Option<(&'static str, Value)>,
}

fn in_2037() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(2_139_722_880).unwrap()
}

/// Every argument; all of them can be used in one request.
fn arguments() -> Vec<Argument> {
    let argument = |name, value, set, header, told| Argument {
        name,
        value,
        set,
        header,
        told,
    };
    // Returned under its own name and with the same value.
    let told = |name, value, set, header| {
        argument(
            name,
            value,
            set,
            (header, value),
            Some((name, value.into())),
        )
    };
    let untold = |name, value, set, header| argument(name, value, set, (header, value), None);
    vec![
        untold("acl", "private", |a| a.acl("private"), "x-amz-acl"),
        argument(
            "bucket_key_enabled",
            "true",
            |a| a.bucket_key_enabled(true),
            ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
            Some(("bucket_key_enabled", true.into())),
        ),
        told(
            "cache_control",
            "max-age=60, public",
            |a| a.cache_control("max-age=60, public"),
            "cache-control",
        ),
        told(
            "content_disposition",
            "attachment; filename=\"a b.txt\"",
            |a| a.content_disposition("attachment; filename=\"a b.txt\""),
            "content-disposition",
        ),
        told(
            "content_encoding",
            "x-own",
            |a| a.content_encoding("x-own"),
            "content-encoding",
        ),
        told(
            "content_language",
            "de, en",
            |a| a.content_language("de, en"),
            "content-language",
        ),
        told(
            "content_type",
            "text/x-own; charset=utf-8",
            |a| a.content_type("text/x-own; charset=utf-8"),
            "content-type",
        ),
        untold(
            "expected_bucket_owner",
            "111122223333",
            |a| a.expected_bucket_owner("111122223333"),
            "x-amz-expected-bucket-owner",
        ),
        told(
            "expires",
            "Wed, 21 Oct 2037 07:28:00 GMT",
            |a| a.expires(in_2037()),
            "expires",
        ),
        untold(
            "grant_full_control",
            "id=\"1\"",
            |a| a.grant_full_control("id=\"1\""),
            "x-amz-grant-full-control",
        ),
        untold(
            "grant_read",
            "id=\"2\"",
            |a| a.grant_read("id=\"2\""),
            "x-amz-grant-read",
        ),
        untold(
            "grant_read_acp",
            "id=\"3\"",
            |a| a.grant_read_acp("id=\"3\""),
            "x-amz-grant-read-acp",
        ),
        untold(
            "grant_write_acp",
            "id=\"4\"",
            |a| a.grant_write_acp("id=\"4\""),
            "x-amz-grant-write-acp",
        ),
        told(
            "object_lock_legal_hold_status",
            "ON",
            |a| a.object_lock_legal_hold_status("ON"),
            "x-amz-object-lock-legal-hold",
        ),
        told(
            "object_lock_mode",
            "GOVERNANCE",
            |a| a.object_lock_mode("GOVERNANCE"),
            "x-amz-object-lock-mode",
        ),
        argument(
            "object_lock_retain_until_date",
            "2037-10-21T07:28:00Z",
            |a| a.object_lock_retain_until_date(in_2037()),
            (
                "x-amz-object-lock-retain-until-date",
                "2037-10-21T07:28:00Z",
            ),
            Some(("object_lock_retain_until_date", in_2037().into())),
        ),
        untold(
            "request_payer",
            "requester",
            |a| a.request_payer("requester"),
            "x-amz-request-payer",
        ),
        told(
            "server_side_encryption",
            "aws:kms",
            |a| a.server_side_encryption("aws:kms"),
            "x-amz-server-side-encryption",
        ),
        untold(
            "ssekms_encryption_context",
            "e30=",
            |a| a.ssekms_encryption_context("e30="),
            "x-amz-server-side-encryption-context",
        ),
        told(
            "ssekms_key_id",
            "key-1",
            |a| a.ssekms_key_id("key-1"),
            "x-amz-server-side-encryption-aws-kms-key-id",
        ),
        told(
            "storage_class",
            "STANDARD_IA",
            |a| a.storage_class("STANDARD_IA"),
            "x-amz-storage-class",
        ),
        told(
            "website_redirect_location",
            "/elsewhere",
            |a| a.website_redirect_location("/elsewhere"),
            "x-amz-website-redirect-location",
        ),
        argument(
            "metadata.Origin",
            "tide gauge",
            |a| a.metadata("Origin", "tide gauge"),
            ("x-amz-meta-origin", "tide gauge"),
            Some((
                "metadata",
                Value::Map([("origin".to_owned(), "tide gauge".into())].into()),
            )),
        ),
        argument(
            "tag.a b",
            "c&d=é+",
            |a| a.tag("a b", "c&d=é+"),
            ("x-amz-tagging", "a%20b=c%26d%3D%C3%A9%2B"),
            Some(("tag_count", 1_u64.into())),
        ),
        argument(
            "checksum_algorithm",
            "CRC32",
            |a| a.checksum_algorithm(ChecksumAlgorithm::Crc32),
            ("x-amz-checksum-crc32", "NhCmhg=="),
            Some(("checksum_crc32", "NhCmhg==".into())),
        ),
    ]
}

fn all_arguments() -> UploadArgs {
    let arguments = arguments().into_iter();
    arguments.fold(UploadArgs::new(), |args, argument| (argument.set)(args))
}

/// Writes `hello` to `f` with `write`; the request and the object must have every argument.
#[track_caller]
fn check(server: &Server, fs: &dyn FileSystem, write: impl FnOnce()) {
    write();
    let put = asked(server, "PutObject").pop().expect("a PutObject");
    let told = info(fs, "f").raw();
    for argument in arguments() {
        let (name, value) = argument.header;
        assert_eq!(put.header(name), Some(value), "{}", argument.name);
        if let Some((name, value)) = argument.told {
            let mut told = told.get("s3", name).cloned();
            if let Some(Value::Map(map)) = &mut told {
                // A created object has the mark of its writer.
                map.remove("s3fs-nonce");
            }
            assert_eq!(told, Some(value), "{name}");
        }
    }
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.bytes(), b"hello");
    assert_eq!(object.tags, [("a b".into(), "c&d=é+".into())]);
    server.bucket(BUCKET).remove("f");
}

#[test]
fn every_argument_of_the_filesystem_is_stored_and_returned() {
    let server = Server::start();
    let builder = common::builder(&server).upload_args(all_arguments());
    let fs = builder.build().unwrap();
    check(&server, &fs, || fs.writebytes("f", b"hello").unwrap());
    check(&server, &fs, || fs.writetext("f", "hello").unwrap());
    check(&server, &fs, || {
        fs.write_with("f", |file| file.write_all(b"hello")).unwrap();
    });
}

#[test]
fn every_argument_of_a_call_is_stored_and_returned() {
    let server = Server::start();
    let fs = common::open(&server);
    let options = OpenOptions::new().upload_args(all_arguments());
    check(&server, &fs, || {
        fs.writebytes_with("f", b"hello", &options).unwrap();
    });
    check(&server, &fs, || {
        fs.write_with_options("f", &options, |file| file.write_all(b"hello"))
            .unwrap();
    });
    for mode in ["w", "x", "w+", "x+", "a", "a+"] {
        check(&server, &fs, || {
            let mut file = fs.openbin_with("f", mode, &options).unwrap();
            file.write_all(b"hello").unwrap();
            file.close().unwrap();
        });
    }
    for mode in ["r+", "a", "a+"] {
        check(&server, &fs, || {
            server
                .bucket(BUCKET)
                .put("f", if mode == "r+" { "HELLO" } else { "" });
            let mut file = fs.openbin_with("f", mode, &options).unwrap();
            file.write_all(b"hello").unwrap();
            file.close().unwrap();
        });
    }
}

#[test]
fn every_argument_of_an_fs_url_is_stored_and_returned() {
    let server = Server::start();
    let parameters = arguments().into_iter().map(|argument| {
        let (name, value) = (encode(argument.name), encode(argument.value));
        format!("&{name}={value}")
    });
    let url = common::fs_url(&server, "", &parameters.collect::<String>());
    let fs = open_fs(&url).unwrap();
    check(&server, &fs, || fs.writebytes("f", b"hello").unwrap());
}

#[test]
fn markers_and_empty_files_have_the_arguments_of_the_filesystem() {
    let server = Server::start();
    let args = metadata("a", "1").server_side_encryption("AES256");
    let builder = common::builder(&server).upload_args(args).acl("private");
    let fs = builder.build().unwrap();
    fs.makedir("d").unwrap();
    fs.create("d/new", false).unwrap();
    fs.create("d/wiped", true).unwrap();
    fs.touch("d/touched").unwrap();
    let puts = asked(&server, "PutObject");
    assert_eq!(puts.len(), 4);
    for put in puts {
        assert_eq!(put.header("x-amz-acl"), Some("private"), "{}", put.key);
        assert_eq!(put.header("x-amz-meta-a"), Some("1"), "{}", put.key);
        let encryption = put.header("x-amz-server-side-encryption");
        assert_eq!(encryption, Some("AES256"), "{}", put.key);
    }
}

#[test]
fn the_shortcuts_of_the_builder_are_upload_arguments() {
    let server = Server::start();
    let builder = common::builder(&server)
        .upload_args(metadata("a", "1"))
        .cache_control("no-store")
        .acl("public-read")
        .upload_args(UploadArgs::new().content_language("fr"));
    let fs = builder.build().unwrap();
    fs.writebytes("f", b"").unwrap();
    let put = asked(&server, "PutObject").pop().unwrap();
    assert_eq!(put.header("cache-control"), Some("no-store"));
    assert_eq!(put.header("x-amz-acl"), Some("public-read"));
    assert_eq!(put.header("x-amz-meta-a"), Some("1"));
    assert_eq!(put.header("content-language"), Some("fr"));
    let url = common::fs_url(&server, "", "&acl=public-read&cache_control=no-store");
    open_fs(&url).unwrap().writebytes("f", b"").unwrap();
    let put = asked(&server, "PutObject").pop().unwrap();
    assert_eq!(put.header("cache-control"), Some("no-store"));
    assert_eq!(put.header("x-amz-acl"), Some("public-read"));
}

#[test]
fn the_arguments_of_a_call_override_those_of_the_filesystem() {
    let server = Server::start();
    let own = metadata("a", "1").tag("a", "1").content_type("text/a");
    let builder = common::builder(&server).upload_args(own.cache_control("no-store"));
    let fs = builder.build().unwrap();
    let call = metadata("b", "2").tag("b", "2").content_type("text/b");
    fs.writebytes_with("f", b"", &call.into()).unwrap();
    let object = server.bucket(BUCKET).get("f").unwrap();
    assert_eq!(object.headers["content-type"], "text/b");
    assert_eq!(object.headers["cache-control"], "no-store");
    assert_eq!(object.headers["x-amz-meta-b"], "2");
    assert!(!object.headers.contains_key("x-amz-meta-a"));
    assert_eq!(object.tags, [("b".into(), "2".into())]);
    fs.writebytes("f", b"").unwrap();
    assert_eq!(s3_info(&fs, "f").content_type.as_deref(), Some("text/a"));
}

#[test]
fn the_content_type_is_guessed_from_the_name_by_default() {
    let server = Server::start();
    let fs = common::builder(&server).delimiter("|").build().unwrap();
    let fs = [common::open(&server), fs];
    for (name, expected) in [
        ("a.html", "text/html"),
        ("a.PNG", "image/png"),
        ("a.tar.gz", "application/x-tar"),
        ("a b.csv", "text/csv"),
        ("json", "binary/octet-stream"),
        (".json", "binary/octet-stream"),
        ("a.unheard-of", "binary/octet-stream"),
    ] {
        for fs in &fs {
            fs.writebytes(name, b"").unwrap();
            assert_eq!(s3_info(fs, name).content_type.as_deref(), Some(expected));
            fs.makedir_with("x.html", &s3fs::MakedirOptions::new().recreate(true))
                .unwrap();
            let below = format!("x.html/{name}");
            fs.openbin(&below, "w+").unwrap().close().unwrap();
            let info = s3_info(fs, &below);
            assert_eq!(info.content_type.as_deref(), Some(expected), "{below}");
        }
    }
    let said = UploadArgs::new().content_type("text/plain").into();
    fs[0].writebytes_with("a.html", b"", &said).unwrap();
    let info = s3_info(&fs[0], "a.html");
    assert_eq!(info.content_type.as_deref(), Some("text/plain"));
}

#[test]
fn each_checksum_is_sent_verified_and_reported() {
    type Told = fn(&s3fs::S3Info) -> &Option<String>;
    let server = Server::start();
    let table: [(ChecksumAlgorithm, &str, Told); 4] = [
        (ChecksumAlgorithm::Crc32, "crc32", |i| &i.checksum_crc32),
        (ChecksumAlgorithm::Crc32c, "crc32c", |i| &i.checksum_crc32c),
        (ChecksumAlgorithm::Crc64nvme, "crc64nvme", |i| {
            &i.checksum_crc64nvme
        }),
        (ChecksumAlgorithm::Sha256, "sha256", |i| &i.checksum_sha256),
    ];
    for (algorithm, name, told) in table {
        let args = UploadArgs::new().checksum_algorithm(algorithm);
        let fs = common::builder(&server).upload_args(args).build().unwrap();
        for content in [&b""[..], b"hello", &[7; 100_000]] {
            // The server refuses a digest that does not match the body.
            fs.writebytes(name, content).unwrap();
            let put = asked(&server, "PutObject").pop().unwrap();
            let sent = put.header(&format!("x-amz-checksum-{name}"));
            assert!(sent.is_some(), "{name}");
            let info = s3_info(&fs, name);
            assert_eq!(told(&info).as_deref(), sent, "{name}");
            assert_eq!(info.checksum_type.as_deref(), Some("FULL_OBJECT"));
        }
        let mut file = fs.openbin(name, "a").unwrap();
        file.write_all(b"more").unwrap();
        file.close().unwrap();
        assert!(told(&s3_info(&fs, name)).is_some());
    }
}

#[test]
fn a_damaged_upload_is_refused_and_reported() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "old");
    let fs = common::builder(&server).max_attempts(2).build().unwrap();
    let refused = Fault::error(400, "BadDigest");
    server.faults().add(Rule::on("PutObject").times(2), refused);
    let error = fs.writebytes("f", b"new").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OperationFailed);
    assert_eq!(error.s3().unwrap().code, "BadDigest");
    assert_eq!(fs.readbytes("f").unwrap(), b"old");
}

#[test]
fn a_value_that_no_header_carries_is_refused_before_any_request() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    for value in ["é", "a\r\nb: c", " a", "a  b", ""] {
        let options = metadata("a", value).into();
        let write = fs.writebytes_with("f", b"", &options).unwrap_err();
        let open = fs.openbin_with("f", "w", &options).err().unwrap();
        let builder = common::builder(&server).upload_args(metadata("a", value));
        for error in [write, open, builder.build().unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{value:?}");
        }
    }
    assert!(server.take_requests().is_empty());
}

/// Three filesystems that send the request payer and the expected owner with every request: made by the builder, by a
/// URL, and by a URL with boto3's name of the argument.
fn with_payer_and_owner(server: &Server) -> [S3Fs; 3] {
    let built = common::builder(server)
        .requester_pays(true)
        .expected_bucket_owner("111122223333")
        .build()
        .unwrap();
    let of_url = |parameters: &str| {
        let url = common::fs_url(
            server,
            "",
            &format!("&{parameters}&expected_bucket_owner=111122223333"),
        );
        let url = s3fs::FsUrl::parse(&url).unwrap();
        s3fs::S3Opener::new().open(&url).unwrap()
    };
    [
        built,
        of_url("requester_pays=1"),
        of_url("request_payer=requester"),
    ]
}

/// Sends every kind of request.
fn do_everything(server: &Server, fs: &S3Fs) {
    let bucket = server.bucket(BUCKET);
    fs.makedir("d").unwrap();
    let tagged = UploadArgs::new().tag("a", "1").into();
    fs.writebytes_with("d/f", b"x", &tagged).unwrap();
    info(fs, "d/f");
    fs.listdir("d").unwrap();
    fs.readbytes("d/f").unwrap();
    drop(fs.openbin("d/f", "r").unwrap());
    let mut file = fs.openbin("d/f", "a").unwrap();
    file.write_all(b"y").unwrap();
    file.close().unwrap();
    let changed = s3fs::RawInfo::new().with("s3", "content_type", "text/x");
    fs.setinfo("d/f", &changed).unwrap();
    fs.remove("d/f").unwrap();
    fs.removedir("d").unwrap();
    bucket.put_synthetic("huge", 1, (5 << 30) + 1);
    fs.setinfo("huge", &changed).unwrap();
    let refused = Fault::error(403, "AccessDenied");
    server.faults().add(Rule::on("UploadPartCopy"), refused);
    let again = s3fs::RawInfo::new().with("s3", "content_type", "text/y");
    fs.setinfo("huge", &again).unwrap_err();
    fs.writebytes("large", &vec![1; 9 << 20]).unwrap();
    fs.makedirs("more").unwrap();
    fs.writebytes("more/f", b"x").unwrap();
    let create = s3fs::CopyOptions::new().create(true);
    fs.copydir_with("more", "copies", &create).unwrap();
    fs.movedir_with("copies", "moved", &create).unwrap();
    fs.stale_uploads("/", std::time::Duration::ZERO).unwrap();
    fs.versions("more/f").unwrap();
    fs.restore_version("more/f", "null").unwrap();
    fs.restore("more/f", 1, RestoreTier::Bulk).unwrap_err();
    fs.remove_version("more/f", "null").unwrap();
    fs.removetree("/").unwrap();
    fs.delete_bucket().unwrap();
}

#[test]
fn request_payer_and_expected_owner_are_sent_with_every_kind_of_request() {
    for number in 0..3 {
        let server = Server::start();
        let fs = &with_payer_and_owner(&server)[number];
        do_everything(&server, fs);
        let requests = server.take_requests();
        let asked: BTreeSet<&str> = requests.iter().map(|request| request.operation).collect();
        // All operations except CreateBucket and ListBuckets, which have neither header.
        let all = [
            "AbortMultipartUpload",
            "CompleteMultipartUpload",
            "CopyObject",
            "CreateMultipartUpload",
            "DeleteBucket",
            "DeleteObject",
            "DeleteObjects",
            "GetObject",
            "GetObjectTagging",
            "HeadObject",
            "ListMultipartUploads",
            "ListObjectVersions",
            "ListObjectsV2",
            "PutObject",
            "RestoreObject",
            "UploadPart",
            "UploadPartCopy",
        ];
        assert_eq!(asked, BTreeSet::from(all));
        for request in requests {
            let name = request.operation;
            let payer = request.header("x-amz-request-payer");
            assert_eq!(payer, Some("requester"), "{name}");
            let owner = request.header("x-amz-expected-bucket-owner");
            assert_eq!(owner, Some("111122223333"), "{name}");
            if ["CopyObject", "UploadPartCopy"].contains(&name) {
                let owner = request.header("x-amz-source-expected-bucket-owner");
                assert_eq!(owner, Some("111122223333"), "{name}");
            }
        }
    }
}

/// Runs every operation one by one.
#[test]
fn no_operation_leaves_out_request_payer_and_expected_owner() {
    for operation in crate::every_operation::asking() {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        bucket.put("f", "content");
        bucket.put("d/f", "content");
        let fs = &with_payer_and_owner(&server)[0];
        for path in ["f", "d", "new"] {
            // Some of them fail, but send requests anyway.
            let _ = operation.on(fs, path);
        }
        for request in server.take_requests() {
            for header in ["x-amz-request-payer", "x-amz-expected-bucket-owner"] {
                let is_there = request.header(header).is_some();
                assert!(
                    is_there,
                    "{}: {} {header}",
                    operation.name, request.operation
                );
            }
        }
    }
}

#[test]
fn presigned_urls_have_the_request_payer_and_work_without_a_header() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "content");
    let fs = common::builder(&server)
        .requester_pays(true)
        .build()
        .unwrap();
    for url in [
        fs.geturl("f").unwrap(),
        fs.presign("f").unwrap().url().unwrap(),
    ] {
        assert!(url.contains("&x-amz-request-payer=requester"), "{url}");
        assert_eq!(common::fetch(&server, &url).ok().body, b"content");
    }
    let fs = common::builder(&server)
        .requester_pays(false)
        .build()
        .unwrap();
    assert!(!fs.geturl("f").unwrap().contains("payer"));
    fs.readbytes("f").unwrap();
    let requests = server.take_requests();
    assert!(
        requests
            .iter()
            .all(|request| request.header("x-amz-request-payer").is_none())
    );
    let public = S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .anonymous(true)
        .requester_pays(true);
    assert!(!public.build().unwrap().geturl("f").unwrap().contains('?'));
}

#[test]
fn download_arguments_apply_to_reads_listings_and_deletes() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "x");
    let args = DownloadArgs::new().request_payer("requester");
    let builder = common::builder(&server).strict(false);
    let fs = builder.download_args(args.clone()).build().unwrap();
    fs.readbytes("f").unwrap();
    fs.listdir("/").unwrap();
    fs.remove("f").unwrap();
    let payer = |request: &test_server::LoggedRequest| {
        request.header("x-amz-request-payer").map(str::to_owned)
    };
    let paid: Vec<_> = server.take_requests().iter().map(payer).collect();
    assert_eq!(paid, vec![Some("requester".to_owned()); 3]);

    let fs = common::open(&server);
    let tagged = UploadArgs::new().tag("a", "1").into();
    fs.writebytes_with("f", b"x", &tagged).unwrap();
    server.take_requests();
    let options = OpenOptions::from(args.expected_bucket_owner("1"));
    fs.readbytes_with("f", &options).unwrap();
    drop(fs.openbin_with("f", "r", &options).unwrap());
    // Reads the object, and its tags before it is stored again.
    let mut file = fs.openbin_with("f", "r+", &options).unwrap();
    file.write_all(b"y").unwrap();
    file.close().unwrap();
    let mut requests = server.take_requests();
    assert_eq!(requests.pop().unwrap().operation, "PutObject");
    assert_eq!(requests.len(), 4);
    for request in requests {
        assert_eq!(payer(&request).as_deref(), Some("requester"));
        assert_eq!(request.header("x-amz-expected-bucket-owner"), Some("1"));
    }
    fs.readbytes("f").unwrap();
    assert_eq!(payer(&server.take_requests()[0]), None);
}

#[test]
fn uploads_with_an_object_lock_have_a_digest_of_every_body() {
    const PART: usize = 1000;
    let server = Server::builder().min_part_size(PART as u64).start();
    let open = |args: UploadArgs| {
        let builder = common::builder(&server).strict(false).upload_args(args);
        let builder = builder.part_size(PART as u64).min_part_size(PART as u64);
        builder.build().unwrap()
    };
    let (small, large) = (vec![7; 10], vec![7; 3 * PART]);
    let directory = Directory::new();
    let local = directory.join("local");
    std::fs::write(&local, &small).unwrap();
    let locked = UploadArgs::new().object_lock_legal_hold_status("ON");
    let crc32 = ChecksumAlgorithm::Crc32;
    for (args, expected) in [
        (UploadArgs::new(), false),
        (locked.clone(), true),
        (locked.clone().checksum_algorithm(crc32), false),
    ] {
        let fs = open(args);
        // The server refuses a digest that does not match the body.
        fs.writebytes("small", &small).unwrap();
        let options = TransferOptions::new();
        fs.upload_file(&local, "copied", &options).unwrap();
        fs.writebytes("large", &large).unwrap();
        let mut file = fs.openbin("streamed", "w").unwrap();
        file.write_all(&large).unwrap();
        file.close().unwrap();
        let sent = server.take_requests().into_iter();
        let has_body = |operation| matches!(operation, "PutObject" | "UploadPart");
        let with_digest: Vec<_> = sent
            .filter(|request| has_body(request.operation))
            .map(|request| request.header("content-md5").is_some())
            .collect();
        assert_eq!(with_digest, [expected; 8]);
        assert_eq!(server.bucket(BUCKET).get("large").unwrap().bytes(), large);
    }
    // A changed object stays locked.
    open(locked).writebytes("small", &small).unwrap();
    server.take_requests();
    open(UploadArgs::new())
        .appendbytes("small", b"more")
        .unwrap();
    let put = asked(&server, "PutObject").pop().unwrap();
    assert!(put.header("x-amz-object-lock-legal-hold").is_some());
    assert!(put.header("content-md5").is_some());
}
