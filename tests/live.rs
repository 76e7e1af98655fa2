//! The conformance suite on a real S3 server, selected by environment variables.
//!
//! `S3FS_TEST_ENDPOINT`, `S3FS_TEST_ACCESS_KEY` and `S3FS_TEST_SECRET_KEY` are required;
//! `S3FS_TEST_REGION` defaults to `us-east-1`, and `S3FS_TEST_BUCKET` to `s3fs-live`, which is
//! created if it does not exist. `S3FS_TEST_STORE` names the store, for its known limits. Without any
//! of these variables nothing is tested here, which is an error if `S3FS_TEST_REQUIRE` is 1. Everything
//! happens in a separate directory, which is removed at the end.

mod foreign;
mod open_files;
mod transfers;
mod versions;

use std::env;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use s3fs::conformance::{self, Exception};
use s3fs::{
    CopyOptions, ErrorKind, FileSystem, FileSystemExt, Namespaces, OpenOptions, PresignMethod,
    RawInfo, S3Fs, S3FsBuilder, Search, UploadArgs,
};

use crate::operations::NOT_STRICT;

/// Names that a store does not support. A test fails if the store does support them.
struct NameLimit {
    store: &'static str,
    applies: fn(&str) -> bool,
    reason: &'static str,
}

/// A case that a store does not pass. A test fails if the store does pass it.
struct CaseLimit {
    store: &'static str,
    strict: bool,
    exception: Exception,
}

const CASE_LIMITS: &[CaseLimit] = &[CaseLimit {
    store: "seaweedfs",
    strict: false,
    exception: Exception {
        case: "two_directories_of_one_filesystem_are_two_filesystems",
        reason: "a directory without a marker stays in listings for minutes after its last key has gone",
    },
}];

const NAME_LIMITS: &[NameLimit] = &[
    NameLimit {
        store: "seaweedfs",
        applies: |name| name.len() > 255,
        reason: "a name has at most 255 bytes (KeyTooLongError), because it is one of a file",
    },
    NameLimit {
        store: "seaweedfs",
        applies: |name| name.contains('\\'),
        reason: "a backslash in a key becomes a slash",
    },
];

/// A real store, and a directory in it.
struct Live {
    endpoint: String,
    access_key: String,
    secret_key: String,
    region: String,
    bucket: String,
    store: String,
    directory: String,
}

impl Live {
    /// Returns the store that the environment names, if any.
    fn from_environment(test: &str) -> Option<Self> {
        let get = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        let Some(endpoint) = get("S3FS_TEST_ENDPOINT") else {
            assert!(
                env::var("S3FS_TEST_REQUIRE").as_deref() != Ok("1"),
                "S3FS_TEST_REQUIRE is 1, and S3FS_TEST_ENDPOINT is not set"
            );
            assert!(
                get("S3FS_TEST_ACCESS_KEY").is_none() && get("S3FS_TEST_SECRET_KEY").is_none(),
                "the live tests need S3FS_TEST_ENDPOINT, too"
            );
            println!("not tested: S3FS_TEST_ENDPOINT names no store");
            return None;
        };
        let need = |name: &str| get(name).unwrap_or_else(|| panic!("the live tests need {name}"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let live = Self {
            endpoint,
            access_key: need("S3FS_TEST_ACCESS_KEY"),
            secret_key: need("S3FS_TEST_SECRET_KEY"),
            region: get("S3FS_TEST_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            bucket: get("S3FS_TEST_BUCKET").unwrap_or_else(|| "s3fs-live".to_owned()),
            store: get("S3FS_TEST_STORE").unwrap_or_default(),
            directory: format!("s3fs-live-{test}-{}", now.as_nanos()),
        };
        let fs = live.builder().build().unwrap();
        match fs.exists("any") {
            Ok(_) => {}
            Err(error) if error.s3().is_some_and(|s3| s3.code == "NoSuchBucket") => {
                // Another test may have created it in the meantime.
                let made = fs.create_bucket();
                fs.exists("any").unwrap_or_else(|_| panic!("{made:?}"));
            }
            Err(error) => panic!("{error}"),
        }
        Some(live)
    }

    fn builder(&self) -> S3FsBuilder {
        S3Fs::builder(&self.bucket)
            .endpoint_url(&self.endpoint)
            .region(&self.region)
            .aws_access_key_id(&self.access_key)
            .aws_secret_access_key(&self.secret_key)
    }

    fn open(&self) -> S3Fs {
        self.builder().dir_path(&self.directory).build().unwrap()
    }

    fn holds(&self, configure: fn(S3FsBuilder) -> S3FsBuilder, exceptions: &[Exception]) {
        let number = AtomicUsize::new(0);
        let open = |case: &str| -> Box<dyn FileSystem> {
            let number = number.fetch_add(1, Ordering::Relaxed);
            let dir_path = format!("{}/{number}-{case}", self.directory);
            Box::new(
                configure(self.builder().dir_path(dir_path))
                    .build()
                    .unwrap(),
            )
        };
        // Collects all failures, so that one run shows them.
        let held = |case: &conformance::Case| {
            let check = || (case.check)(&*open(case.name));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_ok()
        };
        let is_excepted =
            |case: &conformance::Case| exceptions.iter().any(|it| it.case == case.name);
        conformance::check_exceptions(exceptions);
        let cases = conformance::cases().filter(|case| !is_excepted(case));
        let failed: Vec<&str> = cases
            .filter(|case| !held(case))
            .map(|case| case.name)
            .collect();
        let strict = configure(self.builder()).build().unwrap().is_strict();
        let limits = CASE_LIMITS.iter();
        let limits = limits.filter(|limit| self.is(limit.store) && limit.strict == strict);
        let expected: Vec<&str> = limits.clone().map(|limit| limit.exception.case).collect();
        limits.for_each(|limit| println!("{}: {}", limit.store, limit.exception.reason));
        assert_eq!(
            failed, expected,
            "the cases that fail, and those that are known to"
        );
    }

    /// Returns the reason why the store does not support that name, if there is one.
    fn cannot_name(&self, name: &str) -> Option<&'static str> {
        let mut limits = NAME_LIMITS.iter();
        let limit = limits.find(|limit| self.is(limit.store) && (limit.applies)(name));
        limit.map(|limit| limit.reason)
    }

    fn is(&self, store: &str) -> bool {
        self.store == store
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Files that were created with another delimiter have keys of another form.
        for delimiter in ["/", "|"] {
            let fs = self.builder().dir_path(&self.directory);
            let fs = fs.delimiter(delimiter).build();
            if let Err(error) = fs.and_then(|fs| fs.removetree("/")) {
                eprintln!("{:?} stays behind: {error}", self.directory);
            }
        }
    }
}

#[test]
fn the_strict_filesystem_passes_every_conformance_case() {
    if let Some(live) = Live::from_environment("strict") {
        live.holds(|builder| builder, &[]);
    }
}

#[test]
fn a_filesystem_with_another_delimiter_passes_every_conformance_case() {
    if let Some(live) = Live::from_environment("delimiter") {
        live.holds(|builder| builder.delimiter("|"), &[]);
    }
}

#[test]
fn without_strict_every_case_except_the_checks_passes() {
    if let Some(live) = Live::from_environment("lenient") {
        live.holds(|builder| builder.strict(false), NOT_STRICT);
    }
}

/// More than one page, in one directory.
#[test]
fn a_listing_of_several_pages_is_complete() {
    let Some(live) = Live::from_environment("pages") else {
        return;
    };
    let fs = live.builder().dir_path(&live.directory).strict(false);
    let fs = fs.build().unwrap();
    let write = |numbers: std::ops::Range<usize>| {
        let fs = fs.clone();
        move || {
            for number in numbers {
                fs.writebytes(&format!("many/{number:04}"), b"x").unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(write(worker * 260..(worker + 1) * 260));
        }
    });
    let mut names = fs.listdir("many").unwrap();
    assert_eq!(names.len(), 1040);
    names.sort();
    assert!(
        names
            .iter()
            .enumerate()
            .all(|(n, name)| *name == format!("{n:04}"))
    );
    let infos = fs.scandir("many", Namespaces::S3).unwrap();
    assert_eq!(
        infos
            .filter(|info| info.as_ref().unwrap().s3().is_some())
            .count(),
        1040
    );
    // Excluded directories are skipped in the middle of a page, and once more where the listing is of one
    // directory: the following entries are found.
    fs.copydir_with("many", "more", &CopyOptions::new().create(true))
        .unwrap();
    for path in ["a", "zoo/a/f", "zoo/more/f", "zoo/z"] {
        fs.writebytes(path, b"x").unwrap();
    }
    let walker = fs.walk().exclude_dirs(["many", "more"]);
    let files: Vec<String> = walker.files("/").map(|file| file.unwrap()).collect();
    assert_eq!(files, ["/a", "/zoo/a/f", "/zoo/z"]);
    let walker = fs.walk().search(Search::Depth).max_depth(1);
    let dirs: Vec<String> = walker.dirs("/").map(|file| file.unwrap()).collect();
    assert_eq!(dirs, ["/many", "/more", "/zoo"]);
}

/// Names that are damaged by careless handling of URLs or XML.
#[test]
fn odd_names_are_exact() {
    let Some(live) = Live::from_environment("names") else {
        return;
    };
    let directory = format!("{}/names", live.directory);
    let fs = live.builder().dir_path(&directory).build().unwrap();
    let long = "x".repeat(1024 - directory.len() - 1);
    let names = [
        " lead",
        "trail ",
        "a+b",
        "a%20b",
        "a?b#c",
        "a&b=c",
        "'\"<>",
        "back\\slash",
        "日本",
        "🐚",
        "e\u{301}",
        "\u{1}\u{1f}",
        "tab\t",
        "~.-_",
        "...",
        "*",
        "a:b@c!d",
        &long,
    ];
    let (names, impossible): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .partition(|name| live.cannot_name(name).is_none());
    // In another directory: the names that they become instead may stay there for a while.
    let other = live.builder().dir_path(format!("{}/other", live.directory));
    let other = other.build().unwrap();
    for name in impossible {
        let reason = live.cannot_name(name).unwrap();
        let is_kept = other.writebytes(name, b"x").is_ok()
            && other.listdir("/").unwrap().iter().any(|it| it == name);
        assert!(!is_kept, "{name:?} is possible after all: {reason}");
        println!("not tested on {}: {reason}", live.store);
    }
    for name in &names {
        fs.writebytes(name, name.as_bytes()).unwrap();
    }
    let mut expected: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    expected.sort();
    let mut listed = fs.listdir("/").unwrap();
    listed.sort();
    assert_eq!(listed, expected);
    for name in names {
        assert_eq!(fs.readbytes(name).unwrap(), name.as_bytes(), "{name:?}");
        let url = fs.geturl(name).unwrap();
        let body = ureq::get(&url).call().unwrap().body_mut().read_to_vec();
        assert_eq!(body.unwrap(), name.as_bytes(), "{name:?}");
        fs.remove(name).unwrap();
    }
    assert!(fs.isempty("/").unwrap());
}

#[test]
fn attributes_of_an_upload_are_kept_and_changed_by_setinfo() {
    let Some(live) = Live::from_environment("info") else {
        return;
    };
    let fs = live.open();
    let args = UploadArgs::new()
        .cache_control("max-age=60")
        .content_disposition("inline")
        .metadata("origin", "tide gauge")
        .tag("team", "harbour");
    fs.writebytes_with("f.csv", b"1,2\n", &OpenOptions::from(args))
        .unwrap();
    let change = RawInfo::new().with("s3", "content_type", "text/plain");
    fs.setinfo("f.csv", &change).unwrap();
    let mut file = fs.openbin("f.csv", "a").unwrap();
    file.write_all(b"3,4\n").unwrap();
    file.close().unwrap();
    let info = fs.getinfo("f.csv", Namespaces::S3).unwrap();
    let s3 = info.s3().unwrap();
    assert_eq!(s3.content_type.as_deref(), Some("text/plain"));
    assert_eq!(s3.cache_control.as_deref(), Some("max-age=60"));
    assert_eq!(s3.content_disposition.as_deref(), Some("inline"));
    assert_eq!(s3.metadata["origin"], "tide gauge");
    assert_eq!(s3.content_length, Some(8));
    assert_eq!(fs.readbytes("f.csv").unwrap(), b"1,2\n3,4\n");
    if live.is("moto") || live.is("radosgw") {
        println!("{}: tag count {:?}", live.store, s3.tag_count);
    }
}

#[test]
fn a_presigned_url_stores_and_deletes() {
    let Some(live) = Live::from_environment("presign") else {
        return;
    };
    let fs = live.open();
    let put = fs.presign("new").unwrap().method(PresignMethod::Put);
    ureq::put(&put.url().unwrap())
        .send(&b"content"[..])
        .unwrap();
    assert_eq!(fs.readbytes("new").unwrap(), b"content");
    let delete = fs.presign("new").unwrap().method(PresignMethod::Delete);
    ureq::delete(&delete.url().unwrap()).call().unwrap();
    assert!(!fs.exists("new").unwrap());
}

#[test]
fn a_concurrently_changed_object_is_not_overwritten() {
    let Some(live) = Live::from_environment("changed") else {
        return;
    };
    let fs = live.open();
    fs.writebytes("f", b"old").unwrap();
    let mut file = fs.openbin("f", "r+").unwrap();
    file.write_all(b"mine").unwrap();
    fs.writebytes("f", b"theirs").unwrap();
    let error = file.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
    assert_eq!(fs.readbytes("f").unwrap(), b"theirs");
}

#[test]
fn one_of_sixteen_creates_a_file() {
    let Some(live) = Live::from_environment("race") else {
        return;
    };
    let fs = live.builder().dir_path(&live.directory).strict(false);
    let fs = fs.build().unwrap();
    let winners = AtomicUsize::new(0);
    let create = || {
        let mut file = fs.openbin("f", "x").unwrap();
        match file.close() {
            Ok(()) => drop(winners.fetch_add(1, Ordering::Relaxed)),
            Err(error) => assert_eq!(error.kind(), ErrorKind::FileExists, "{error}"),
        }
    };
    if live.is("moto") {
        // moto checks first and stores later, on several threads: two of them may find no file.
        (0..16).for_each(|_| create());
    } else {
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(create);
            }
        });
    }
    assert_eq!(winners.into_inner(), 1);
    // Each of these stores respects conditions. The probe of the first write detected that and left nothing behind.
    assert_eq!(fs.honours_conditions(), Some(true));
    assert_eq!(fs.listdir("/").unwrap(), ["f"]);
}

/// moto does not check signatures.
#[test]
fn a_wrong_secret_is_reported_as_such() {
    let Some(live) = Live::from_environment("secret") else {
        return;
    };
    if live.is("moto") {
        println!("not tested: moto checks no signature");
        return;
    }
    let wrong = live
        .builder()
        .aws_secret_access_key("wrong")
        .build()
        .unwrap();
    for result in [
        wrong.exists("f").map(|_| ()),
        wrong.isfile("f").map(|_| ()),
        wrong.listdir("/").map(|_| ()),
        wrong.writebytes("f", b"x"),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("secret"), "{error}");
    }
}

/// A body that is sent after a 100 Continue, on a connection that the server keeps open.
#[test]
fn a_large_body_with_a_wrong_secret_is_refused_and_does_not_time_out() {
    let Some(live) = Live::from_environment("refused") else {
        return;
    };
    if live.is("moto") {
        println!("not tested: moto checks no signature");
        return;
    }
    let wrong = live.builder().aws_secret_access_key("wrong").strict(false);
    let wrong = wrong.max_attempts(1).build().unwrap();
    for _ in 0..10 {
        let error = wrong.writebytes("f", &[7; 4 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    }
}

#[test]
fn a_missing_bucket_is_reported_by_name() {
    let Some(live) = Live::from_environment("bucket") else {
        return;
    };
    let missing = S3Fs::builder("s3fs-no-such-bucket")
        .endpoint_url(&live.endpoint)
        .region(&live.region)
        .aws_access_key_id(&live.access_key)
        .aws_secret_access_key(&live.secret_key)
        .build()
        .unwrap();
    for result in [
        missing.exists("f").map(|_| ()),
        missing.listdir("/").map(|_| ()),
        missing.readbytes("f").map(|_| ()),
        missing.writebytes("f", b"x"),
        missing.makedir("d"),
    ] {
        let error = result.unwrap_err();
        assert!(error.to_string().contains("s3fs-no-such-bucket"), "{error}");
    }
}

/// With a profile as a user would write it: a role of the store's own STS, with a request signed in a header, and then
/// S3 with the session token.
#[test]
#[cfg(feature = "aws-chain")]
fn a_role_from_sts_reads_and_writes() {
    let Some(live) = Live::from_environment("sts") else {
        return;
    };
    let (Ok(endpoint), Ok(role)) = (
        env::var("S3FS_TEST_STS_ENDPOINT"),
        env::var("S3FS_TEST_STS_ROLE"),
    ) else {
        println!("not tested: S3FS_TEST_STS_ENDPOINT and S3FS_TEST_STS_ROLE name no STS");
        return;
    };
    let config = |secret: &str| {
        format!(
            "[default]\nrole_arn = {role}\nsource_profile = keys\nduration_seconds = 900\nregion = {}\n\
             endpoint_url = {endpoint}\n[profile keys]\naws_access_key_id = {}\n\
             aws_secret_access_key = {secret}\n",
            live.region, live.access_key
        )
    };
    let home = crate::credentials::Home::with(&config(&live.secret_key));
    let open = || {
        S3Fs::builder(&live.bucket)
            .environment([("HOME", home.path().to_str().unwrap())])
            .dir_path(&live.directory)
            .build()
            .unwrap()
    };
    let fs = open();
    fs.writetext("by-the-role.txt", "hello").unwrap();
    assert_eq!(live.open().readtext("by-the-role.txt").unwrap(), "hello");
    assert_eq!(fs.listdir("/").unwrap(), ["by-the-role.txt"]);
    let signed = fs.presign("by-the-role.txt").unwrap();
    let signed = signed.expires(std::time::Duration::from_secs(3600));
    let end = signed.sign().unwrap().expires_at().unwrap();
    let left = end.duration_since(SystemTime::now()).unwrap();
    assert!(
        left.as_secs() <= 900,
        "the role is given for 900 s, and the URL for {left:?}"
    );
    fs.remove("by-the-role.txt").unwrap();

    // A relay counts the requests to STS, and shortens the lifetime of the credentials: that of the store is 900 s.
    let relay = crate::proxies::relay::Relay::http(None);
    let through = [
        ("HOME", home.path().to_str().unwrap()),
        ("HTTP_PROXY", &*relay.url()),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let fs = S3Fs::builder(&live.bucket)
        .environment(through)
        .dir_path(&live.directory)
        .strict(false)
        .build()
        .unwrap();
    let eight_at_once = || {
        let barrier = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (fs, barrier) = (&fs, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    fs.writetext(&format!("{number}"), "hello").unwrap();
                });
            }
        });
        let asked = relay.take_asked();
        let of_sts = asked.iter().filter(|line| line.starts_with("POST "));
        of_sts.count()
    };
    assert_eq!(eight_at_once(), 1);
    let signed = fs.geturl("0").unwrap();
    let (_, key) = signed.split_once("X-Amz-Credential=").unwrap();
    relay.expire(key.split_once("%2F").unwrap().0);
    assert_eq!(eight_at_once(), 1, "one refresh for all that were refused");
    assert_eq!(eight_at_once(), 0);
    fs.removetree("/").unwrap();

    home.write(".aws/config", &config("wrong"));
    let error = open().listdir("/").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("STS returned an error for AssumeRole"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
}
