//! URLs for clients without this library, fetched with a plain HTTP client.

use std::thread;
use std::time::{Duration, SystemTime};

use s3fs::{
    AddressingStyle, Credentials, ErrorKind, FileSystem, FileSystemExt, PresignMethod, S3Fs,
    S3FsBuilder, open_fs,
};
use test_server::client;
use test_server::{BUCKET, Object, Server};
use time::OffsetDateTime;

use crate::common::{self, fetch};

/// Names whose URLs a careless client would encode wrongly.
const ODD: [&str; 14] = [
    "a b",
    "a+b",
    "a%20b",
    "a?b#c",
    "a&b=c",
    "é",
    "e\u{301}",
    "🦀",
    "\"'<>\\",
    " lead and trail ",
    "...",
    "!*'();:@,[]",
    "a!b",
    "user:pass@host",
];

#[test]
fn geturl_gives_a_download_url_without_a_request() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for name in ODD {
        bucket.put(&format!("d/{name}"), name.as_bytes());
        let url = fs.geturl(&format!("d/{name}")).unwrap();
        assert!(server.take_requests().is_empty());
        assert_eq!(fetch(&server, &url).ok().body, name.as_bytes());
        assert_eq!(server.take_requests().len(), 1);
        assert_eq!(fs.geturl_for(name, "download").is_ok(), fs.hasurl(name));
    }
    // The file need not exist.
    let url = fs.geturl("missing").unwrap();
    fetch(&server, &url).refused(404, "NoSuchKey");
}

#[test]
fn a_url_allows_only_its_own_method() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for name in ODD {
        let url = |method| fs.presign(name).unwrap().method(method).url().unwrap();
        let put = url(PresignMethod::Put);
        let stored = client::put(&server, "", name.as_bytes());
        stored
            .unsigned("content-type", "text/x")
            .try_send(&put)
            .unwrap()
            .ok();
        let object = bucket.get(name).unwrap();
        assert_eq!(object.bytes(), name.as_bytes());
        assert_eq!(object.headers["content-type"], "text/x");

        let head = client::head(&server, "").try_send(&url(PresignMethod::Head));
        assert_eq!(head.unwrap().ok().header("content-type"), "text/x");
        assert_eq!(
            fetch(&server, &url(PresignMethod::Get)).ok().body,
            name.as_bytes()
        );

        fetch(&server, &put).refused(403, "SignatureDoesNotMatch");
        let get = url(PresignMethod::Get);
        let deleted = client::delete(&server, "").try_send(&get).unwrap();
        deleted.refused(403, "SignatureDoesNotMatch");

        let delete = url(PresignMethod::Delete);
        client::delete(&server, "").try_send(&delete).unwrap().ok();
        assert!(bucket.get(name).is_none(), "{name:?}");
    }
}

#[test]
fn headers_of_the_response_can_be_set() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put_with("f", Object::new("x").header("cache-control", "no-store"));
    let fs = common::open(&server);
    let when = OffsetDateTime::from_unix_timestamp(2_139_722_880).unwrap();
    let presign = fs.presign("f").unwrap();
    let presign = presign
        .content_type("text/html; charset=utf-8")
        .content_disposition("attachment; filename=\"a+b é.txt\"")
        .content_encoding("x-own")
        .content_language("de, en")
        .cache_control("max-age=60")
        .response_expires(when);
    let answer = fetch(&server, &presign.url().unwrap()).ok();
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    // S3 returns text that is not ASCII as an encoded word.
    let disposition = client::base64("attachment; filename=\"a+b é.txt\"".as_bytes());
    let word = format!("=?UTF-8?B?{disposition}?=");
    assert_eq!(answer.header("content-disposition"), word);
    assert_eq!(answer.header("content-encoding"), "x-own");
    assert_eq!(answer.header("content-language"), "de, en");
    assert_eq!(answer.header("cache-control"), "max-age=60");
    assert_eq!(answer.header("expires"), "Wed, 21 Oct 2037 07:28:00 GMT");
    let twice = fs
        .presign("f")
        .unwrap()
        .content_type("a/a")
        .content_type("b/b");
    let answer = fetch(&server, &twice.url().unwrap()).ok();
    assert_eq!(answer.header("content-type"), "b/b");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[test]
fn a_url_expires_as_requested() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "x");
    let fs = common::open(&server);
    let of = |seconds| fs.presign("f").unwrap().expires(seconds).url();
    let short = of(Duration::from_secs(1)).unwrap();
    let week = of(Duration::from_secs(7 * 24 * 3600)).unwrap();
    thread::sleep(Duration::from_millis(2100));
    fetch(&server, &short).refused(403, "AccessDenied");
    fetch(&server, &week).ok();
    for wrong in [
        Duration::ZERO,
        Duration::from_millis(1500),
        Duration::from_secs(7 * 24 * 3600 + 1),
        Duration::MAX,
    ] {
        let error = of(wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong:?}");
        assert_eq!(error.path(), Some("f"));
    }
}

#[test]
fn a_version_can_be_named() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    bucket.put("f", "old");
    bucket.put("f", "new");
    let old = &bucket.versions("f")[0].id;
    let fs = common::open(&server);
    let url = fs.presign("f").unwrap().version_id(old).url().unwrap();
    assert_eq!(fetch(&server, &url).ok().body, b"old");
}

#[test]
fn a_session_token_is_part_of_the_url() {
    let server = Server::builder().token("a/session+token=").start();
    server.bucket(BUCKET).put("f", "x");
    let builder = common::builder(&server).aws_session_token("a/session+token=");
    let url = builder.build().unwrap().geturl("f").unwrap();
    assert_eq!(fetch(&server, &url).ok().body, b"x");
}

#[test]
fn virtual_hosted_urls_are_fetched_as_well() {
    let server = Server::start();
    server.bucket(BUCKET).put("d/a b", "x");
    let fs = common::builder(&server)
        .endpoint_url(server.host_endpoint())
        .addressing_style(AddressingStyle::VirtualHost)
        .build()
        .unwrap();
    let url = fs.geturl("d/a b").unwrap();
    assert!(url.starts_with("http://bucket.localhost:"), "{url}");
    // Not every machine resolves that name: the request sends it as the signed host.
    let host = format!("bucket.localhost:{}", server.port());
    let reached = url.replacen("bucket.localhost", "127.0.0.1", 1);
    let call = client::get(&server, "").unsigned("host", host);
    assert_eq!(call.try_send(&reached).unwrap().ok().body, b"x");
}

#[test]
fn an_anonymous_filesystem_gives_unsigned_urls() {
    let server = Server::builder().public_read(true).start();
    let bucket = server.bucket(BUCKET);
    let fs = s3fs::S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .anonymous(true)
        .build()
        .unwrap();
    bucket.enable_versioning();
    for name in ODD {
        bucket.put(name, name.as_bytes());
        let url = fs.geturl(name).unwrap();
        assert!(!url.contains('?'), "{url}");
        assert_eq!(fetch(&server, &url).ok().body, name.as_bytes());
        assert_eq!(fs.readbytes(name).unwrap(), name.as_bytes());
    }
    let id = &bucket.versions("🦀")[0].id;
    bucket.put("🦀", "new");
    let url = fs.presign("🦀").unwrap().version_id(id).url().unwrap();
    assert_eq!(fetch(&server, &url).ok().body, "🦀".as_bytes());
    let error = fs.presign("f").unwrap().content_type("text/x").url();
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

/// Returns properties that distinguish a filesystem from another.
fn look(fs: &dyn FileSystem) -> (Vec<String>, bool, bool) {
    let names = fs.listdir("/").unwrap();
    let strict = fs.writebytes("no such/parent", b"").is_err();
    (names, strict, fs.getmeta().read_only)
}

/// Opens the FS URL of a path, with the server's credentials added.
fn reopened(server: &Server, fs: &dyn FileSystem, path: &str) -> Box<dyn FileSystem> {
    let url = fs.geturl_for(path, "fs").unwrap();
    assert!(
        !url.contains(server.secret_key()),
        "an FS URL tells no secret"
    );
    let user = format!(
        "s3://{}:{}@",
        client::encode(server.access_key()),
        client::encode(server.secret_key()).replace('/', "%2F")
    );
    open_fs(&url.replacen("s3://", &user, 1)).unwrap()
}

#[test]
fn an_fs_url_opens_the_same_directory_again() {
    let configurations: [fn(S3FsBuilder) -> S3FsBuilder; 9] = [
        |builder| builder,
        |builder| builder.dir_path("a b/%2F+é"),
        |builder| builder.dir_path("/r//s/"),
        |builder| builder.delimiter("|"),
        |builder| builder.delimiter("&=").dir_path("r"),
        |builder| builder.delimiter("%+ ").dir_path("r/s"),
        |builder| builder.strict(false),
        |builder| builder.region("eu-west-1"),
        |builder| builder.addressing_style(AddressingStyle::Path),
    ];
    for (number, configure) in configurations.into_iter().enumerate() {
        let region = if number == 7 {
            "eu-west-1"
        } else {
            "us-east-1"
        };
        let server = Server::builder().region(region).start();
        let fs = configure(common::builder(&server)).build().unwrap();
        let names = ODD.iter().filter(|name| fs.validatepath(name).is_ok());
        for name in names.filter(|name| fs.validatepath(&format!("{name}/x")).is_ok()) {
            fs.makedir(name).unwrap();
            let file = format!("{name}/file in {name}");
            fs.writetext(&file, name).unwrap();
            let again = reopened(&server, &fs, name);
            let names = vec![format!("file in {name}")];
            assert_eq!(look(&*again), (names, fs.is_strict(), false), "{name:?}");
            assert_eq!(again.readtext(&format!("file in {name}")).unwrap(), *name);
            again.writetext("back", "and forth").unwrap();
            assert_eq!(fs.readtext(&format!("{name}/back")).unwrap(), "and forth");
        }
    }
}

#[test]
fn an_fs_url_keeps_the_connection_settings() {
    let server = Server::start();
    server.bucket(BUCKET).put("d/f", "x");
    let fs = common::builder(&server).read_only(true).build().unwrap();
    let again = reopened(&server, &fs, "d");
    assert_eq!(look(&*again), (vec!["f".to_owned()], true, true));

    let fs = common::builder(&server)
        .endpoint_url(server.host_endpoint())
        .addressing_style(AddressingStyle::VirtualHost)
        .build()
        .unwrap();
    let url = reopened(&server, &fs, "d").geturl("f").unwrap();
    assert!(url.starts_with("http://bucket.localhost:"), "{url}");

    let server = Server::builder().public_read(true).start();
    server.bucket(BUCKET).put("d/f", "x");
    let fs = s3fs::S3Fs::builder(BUCKET)
        .endpoint_url(server.endpoint())
        .region(server.region())
        .anonymous(true)
        .build()
        .unwrap();
    let again = open_fs(&fs.geturl_for("d", "fs").unwrap()).unwrap();
    assert_eq!(again.readtext("f").unwrap(), "x");
}

#[test]
fn paths_without_a_url_give_an_error() {
    let server = Server::start();
    let fs = common::open(&server);
    let no_url = |result: s3fs::Result<String>| {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::NoUrl);
    };
    for root in ["", "/", "d/.."] {
        no_url(fs.geturl(root));
        no_url(fs.geturl_for(root, "fs"));
        no_url(fs.presign(root).map(|_| String::new()));
        assert!(!fs.hasurl(root) && !fs.hasurl_for(root, "fs"));
    }
    no_url(fs.geturl_for("f", "upload"));
    no_url(fs.geturl_for("f", ""));
    assert!(!fs.hasurl_for("f", "upload"));
    assert!(fs.hasurl("f") && fs.hasurl_for("f", "fs") && fs.hasurl_for("f", "download"));
    // No FS URL can carry a control character.
    no_url(fs.geturl_for("a\u{1}b", "fs"));
    assert!(fs.hasurl("a\u{1}b") && !fs.hasurl_for("a\u{1}b", "fs"));
    let error = fs.geturl("../f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IllegalBackReference);
    fs.close().unwrap();
    let error = fs.geturl("f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FilesystemClosed);
    assert!(!fs.hasurl("f"));
    assert!(server.take_requests().is_empty());
}

#[test]
fn debug_shows_no_signature() {
    let server = Server::start();
    let fs = common::open(&server);
    let text = format!("{:?}", fs.presign("f").unwrap().content_type("text/x"));
    assert!(text.contains("\"f\""), "{text}");
    assert!(!text.contains(server.secret_key()) && !text.contains(server.access_key()));
}

#[test]
fn a_url_never_outlives_its_credentials() {
    for (lives, expected) in [(-10_000_i64, None), (900, Some(1)), (30_500, Some(30))] {
        let now = SystemTime::now();
        let expiry = match lives < 0 {
            true => now - Duration::from_millis(10_000),
            false => now + Duration::from_millis(lives as u64),
        };
        let fs = S3Fs::builder("bucket")
            .endpoint_url("http://127.0.0.1:9")
            .region("us-east-1")
            .credentials_provider(
                Credentials::new("key", "secret")
                    .with_session_token("token")
                    .with_expiry(expiry),
            )
            .build()
            .unwrap();
        match (fs.presign("a").unwrap().sign(), expected) {
            (Ok(signed), Some(seconds)) => {
                assert!(signed.expires_at().unwrap() <= expiry, "{lives}");
                let expires = signed.as_str().split("X-Amz-Expires=").nth(1).unwrap();
                let expires = expires.split('&').next().unwrap().parse::<u64>().unwrap();
                assert!((1..=seconds).contains(&expires), "{lives}: {expires}");
            }
            // On a busy machine they may have expired before they were used.
            (Err(error), _) => {
                assert!(now.elapsed().unwrap() >= Duration::from_millis(lives.max(0) as u64));
                assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            }
            (Ok(signed), None) => panic!("{lives}: {:?}", signed.expires_at()),
        }
    }
}
