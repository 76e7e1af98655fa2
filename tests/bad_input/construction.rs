//! Errors that are reported when a filesystem is opened.

use s3fs::{ErrorKind, Result, S3Fs, open_fs};

use super::scene::{Refused, builder, refused};

const NOWHERE: &str = "http://127.0.0.1:9";

fn opened(url: &str) -> Refused {
    refused(url, open_fs(url).map(drop))
}

#[test]
fn an_incomplete_credential_is_an_error_that_names_the_missing_half() {
    let half = || {
        S3Fs::builder("bucket")
            .region("us-east-1")
            .endpoint_url(NOWHERE)
    };
    let built: [(Result<S3Fs>, [&str; 2]); 3] = [
        (
            half().aws_access_key_id("key").build(),
            ["aws_access_key_id", "not aws_secret_access_key"],
        ),
        (
            half().aws_secret_access_key("secret").build(),
            ["aws_secret_access_key", "not aws_access_key_id"],
        ),
        (
            half().aws_session_token("token").build(),
            ["aws_session_token", "aws_access_key_id"],
        ),
    ];
    for (result, words) in built {
        refused("build", result)
            .is(ErrorKind::CreateFailed)
            .says(words);
    }
    opened("s3://key@bucket?region=us-east-1")
        .is(ErrorKind::CreateFailed)
        .about("s3://***@bucket?region=***")
        .says(["aws_secret_access_key"]);
}

#[test]
fn a_blank_credential_is_an_error() {
    for (key, secret, words) in [
        ("", "secret", "aws_access_key_id"),
        ("key", "", "aws_secret_access_key"),
        (" ", "secret", "aws_access_key_id"),
    ] {
        let built = builder(NOWHERE)
            .aws_access_key_id(key)
            .aws_secret_access_key(secret)
            .build();
        refused("build", built)
            .is(ErrorKind::CreateFailed)
            .says([words, "blank"]);
    }
}

#[test]
fn anonymous_with_an_access_key_is_an_error() {
    refused("build", builder(NOWHERE).anonymous(true).build())
        .is(ErrorKind::CreateFailed)
        .says(["`anonymous`", "access key", "pass only one of them"]);
}

#[test]
fn an_error_about_a_malformed_fs_url_has_the_reason() {
    for (url, shown, words) in [
        ("://bucket", "***", "protocol://"),
        ("s3://:secret@bucket", "s3://***@bucket", "user name"),
        ("s3://k:50%s@bucket", "s3://***@bucket", "`%25`"),
        ("s3://k:s@bucket/%ff", "s3://***@bucket/%ff", "not UTF-8"),
        (
            "s3://bucket/a%00b",
            "s3://bucket/a%00b",
            "control character",
        ),
        ("s3://bucket?=x", "s3://bucket?=***", "no name"),
        (
            "s3://bucket?strict=0&strict=1",
            "s3://bucket?strict=***&strict=***",
            "appears twice",
        ),
    ] {
        opened(url)
            .is(ErrorKind::ParseUrl)
            .about(shown)
            .says([words]);
    }
}

#[test]
fn an_fs_url_without_a_valid_bucket_is_an_error() {
    for url in [
        "s3://k:s@",
        "s3://k:s@/dir",
        "s3://k:s@buck%20et",
        "s3://k:s@..",
        "s3://k:s@b*",
    ] {
        opened(url)
            .is(ErrorKind::InvalidArgument)
            .says(["bucket name", "letters, digits"]);
    }
}

#[test]
fn an_error_about_a_bucket_name_names_the_right_function() {
    for (name, words) in [
        ("s3://bucket", ["S3Fs::from_url", "open_fs"]),
        ("s3://k:s@bucket/dir", ["S3Fs::from_url", "open_fs"]),
        (
            "bucket/dir",
            ["only the name", "S3Fs::builder(name).dir_path"],
        ),
        ("bucket/", ["only the name", "S3Fs::builder(name).dir_path"]),
        ("https://host/bucket", ["only the name", "endpoint_url"]),
    ] {
        refused(name, S3Fs::new(name))
            .is(ErrorKind::InvalidArgument)
            .says(["bucket name"])
            .says(words);
    }
}

#[test]
fn an_unknown_protocol_is_reported_with_the_known_ones() {
    opened("gopher://bucket")
        .is(ErrorKind::UnsupportedProtocol)
        .about("gopher://bucket")
        .says(["\"gopher\"", "the supported protocols are", "s3"]);
}

#[test]
fn an_unknown_or_invalid_parameter_is_named() {
    for (parameter, kind, words) in [
        (
            "colour=red",
            ErrorKind::ParseUrl,
            "unknown parameter \"colour\"",
        ),
        (
            "strict=maybe",
            ErrorKind::ParseUrl,
            "\"strict\" is neither 1 nor 0",
        ),
        ("max_workers=many", ErrorKind::ParseUrl, "max_workers"),
        ("max_workers=0", ErrorKind::InvalidArgument, "max_workers"),
        ("stall_timeout=soon", ErrorKind::ParseUrl, "stall_timeout"),
        ("stall_timeout=-1", ErrorKind::ParseUrl, "stall_timeout"),
        ("stall_timeout=NaN", ErrorKind::ParseUrl, "stall_timeout"),
        (
            "addressing_style=ip",
            ErrorKind::ParseUrl,
            "addressing_style",
        ),
        ("profile=default", ErrorKind::ParseUrl, "profile"),
        (
            "checksum_algorithm=MD4",
            ErrorKind::InvalidArgument,
            "CRC32",
        ),
        ("acl=%C3%A9", ErrorKind::InvalidArgument, "x-amz-acl"),
        ("delimiter=", ErrorKind::InvalidArgument, "delimiter"),
        (
            "user_agent_suffix=%C3%A9",
            ErrorKind::InvalidArgument,
            "user-agent",
        ),
    ] {
        let url = format!("s3://k:s@bucket?endpoint_url={NOWHERE}&region=us-east-1&{parameter}");
        let name = parameter.split('=').next().expect("a name");
        let shown = format!("s3://***@bucket?endpoint_url=***&region=***&{name}=***");
        opened(&url).is(kind).about(&shown).says([words]);
    }
}

#[test]
fn an_endpoint_that_is_no_server_url_is_an_error() {
    for (endpoint, kind) in [
        ("127.0.0.1:9000", ErrorKind::InvalidArgument),
        ("localhost:9000", ErrorKind::InvalidArgument),
        ("ftp://127.0.0.1", ErrorKind::InvalidArgument),
        ("http://", ErrorKind::InvalidArgument),
        ("http://127.0.0.1:99999", ErrorKind::InvalidArgument),
        ("http://user:pw@127.0.0.1", ErrorKind::InvalidArgument),
        ("http://127.0.0.1?x=y", ErrorKind::InvalidArgument),
        ("", ErrorKind::CreateFailed),
        ("http://127.0.0.1 :9", ErrorKind::CreateFailed),
    ] {
        refused(endpoint, builder(endpoint).build())
            .is(kind)
            .says(["endpoint"]);
    }
}

#[test]
fn a_region_that_cannot_be_part_of_a_host_is_an_error() {
    for region in ["", "eu west", "eu/west", "eu.west@evil", "é"] {
        let built = builder(NOWHERE).region(region).build();
        refused(region, built)
            .is(ErrorKind::CreateFailed)
            .says(["region"]);
    }
}

/// Directory buckets list in no order, and require another signature.
#[test]
fn a_directory_bucket_is_refused_by_name() {
    for name in ["logs--usw2-az1--x-s3", "logs--usw2-az1--xa-s3"] {
        let error = S3Fs::builder(name).anonymous(true).build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
        assert!(error.to_string().contains("directory bucket"), "{error}");
        assert!(s3fs::open_fs(&format!("s3://{name}?anonymous=true")).is_err());
    }
    for name in ["logs--x-s3x", "x-s3", "logs-x-s3"] {
        let built = S3Fs::builder(name)
            .anonymous(true)
            .endpoint_url(NOWHERE)
            .region("eu-west-1")
            .build();
        assert!(built.is_ok(), "{name}");
    }
}
