//! No output of the library has a secret in it: no error, no `Debug`, no log line, whatever fails, and whatever the
//! server sends.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use log::Record;
use s3fs::{
    DownloadArgs, Error, FileSystem, FileSystemExt as _, FsUrl, Namespaces, OpenOptions, Result,
    S3Fs, S3FsBuilder, SseCustomerKey, UploadArgs, open_fs,
};
use test_server::{self, Answer, Fault, LoggedRequest, Rule, Server};

#[cfg(feature = "aws-chain")]
use crate::credentials::{Home, Source};
use crate::every_operation;
use crate::logged;

const ACCESS_KEY: &str = "AKIAOFTHESECRETSTEST";
const SECRET_KEY: &str = "secretOfTheTest+bPxRfiCYEXAMPLEKEY/abc==";
const TOKEN: &str = "tokenOfTheTest//////////wEXAMPLE+jr1q==";
const CUSTOMER_KEY: [u8; 32] = *b"customers-key-of-the-secret-test";
/// The customer key in base64.
const CUSTOMER_KEY_BASE64: &str = "Y3VzdG9tZXJzLWtleS1vZi10aGUtc2VjcmV0LXRlc3Q=";

/// The start of each secret of these and all other tests, as far as encodings leave it unchanged, and text that occurs
/// only in signed URLs.
const NEEDLES: [&str; 12] = [
    "wJalrXUtnFEMI",
    ACCESS_KEY,
    "secretOfTheTest",
    "tokenOfTheTest",
    "Y3VzdG9tZXJz",
    "customers-key",
    "99, 117, 115, 116",
    // Of proxies: plain, percent-encoded and in base64.
    "proxys pass",
    "proxys%20pass",
    "dUByOnByb3h5cyBwYX",
    "X-Amz-Signature=0",
    "X-Amz-Security-Token=t",
];

/// Text that no log line may contain, whatever the request.
const SIGNED: [&str; 3] = [
    "X-Amz-Signature=",
    "X-Amz-Security-Token=",
    "X-Amz-Credential=",
];

/// Returns a secret in the text, with some context. A hidden value begins with a bracket.
fn leak(text: &str) -> Option<String> {
    let signed = SIGNED
        .iter()
        .flat_map(|name| text.match_indices(name))
        .filter(|(at, name)| !text[at + name.len()..].starts_with('['))
        .map(|(at, _)| at);
    let named = NEEDLES.iter().filter_map(|needle| text.find(needle));
    let at = signed.chain(named).min()?;
    let from = text
        .char_indices()
        .map(|(at, _)| at)
        .rfind(|from| from + 60 < at);
    Some(text[from.unwrap_or(0)..].chars().take(160).collect())
}

#[test]
fn a_leak_is_detected() {
    for secret in [
        ACCESS_KEY,
        SECRET_KEY,
        TOKEN,
        CUSTOMER_KEY_BASE64,
        test_server::SECRET_KEY,
    ] {
        assert!(leak(&format!("{:é<100}{secret}", "")).is_some());
    }
    assert!(leak(&format!("{CUSTOMER_KEY:?}")).is_some());
    assert!(leak("http://h/k?X-Amz-Signature=0a1b").is_some());
    assert!(leak("http://h/k?X-Amz-Signature=[hidden]&X-Amz-Security-Token=tok").is_some());
    assert!(leak("X-Amz-Credential=[hidden]&X-Amz-Signature=[hidden]").is_none());
}

/// Number of records of each crate.
static SEEN: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());

fn seen() -> MutexGuard<'static, BTreeMap<String, usize>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether ureq has logged an address that it connects to.
static CONNECTED: AtomicBool = AtomicBool::new(false);

/// Checks a record of any crate as soon as it is logged, from the first to the last of the run, in any test and on
/// any thread. A secret in one of them ends the process: a test that has passed cannot fail any more.
pub fn look_at(record: &Record<'_>) {
    let target = record.target();
    if let Some(address) = beyond_loopback(target, &record.args().to_string()) {
        let _ = writeln!(io::stderr(), "a test is about to connect to {address}");
        process::exit(102);
    }
    if let Some(leak) = leak(&record.args().to_string()) {
        let _ = writeln!(io::stderr(), "the log shows a secret: {target}: {leak}");
        process::exit(101);
    }
    if record.args().to_string().contains(", arr: [127.0.0.1:") {
        CONNECTED.store(true, Ordering::Relaxed);
    }
    let name = target.split(':').next().unwrap_or(target);
    *seen().entry(name.to_owned()).or_default() += 1;
}

/// Returns the address beyond loopback that ureq is about to connect to; ureq logs it in advance.
fn beyond_loopback(target: &str, text: &str) -> Option<String> {
    let (_, list) = text.strip_prefix("Resolved: ")?.split_once('[')?;
    let (list, _) = list.rsplit_once(']')?;
    let is_loopback = |text: &str| {
        let address = text.parse::<SocketAddr>();
        address.is_ok_and(|address| address.ip().is_loopback())
    };
    let beyond = list.split(", ").find(|text| !is_loopback(text))?;
    target.starts_with("ureq").then(|| beyond.to_owned())
}

#[test]
fn a_connection_beyond_loopback_is_detected() {
    let seen = |text: &str| beyond_loopback("ureq::unversioned::resolver", text);
    for (text, expected) in [
        (
            "Resolved: ArrayVec { len: 2, arr: [[::1]:80, 127.0.0.1:80] }",
            None,
        ),
        ("Resolved: [127.0.0.1:80, 10.0.0.1:80]", Some("10.0.0.1:80")),
        (
            "Resolved: ArrayVec { len: 1, arr: [169.254.169.254:80] }",
            Some("169.254.169.254:80"),
        ),
    ] {
        assert_eq!(seen(text).as_deref(), expected, "{text}");
    }
}

/// ureq logs addresses in the expected form.
#[test]
fn every_connection_is_checked() {
    watch_the_log();
    let server = server();
    ask_everything(&server.endpoint());
    assert!(CONNECTED.load(Ordering::Relaxed), "ureq names no address");
}

/// Checks everything that this process logs from here on, including the records of other tests.
fn watch_the_log() {
    logged::install();
}

/// Checks that there were records. Each of them was checked when it was logged.
fn nothing_was_logged_that_is_secret() {
    let seen = seen();
    for name in ["s3fs", "ureq"] {
        assert!(seen.contains_key(name), "{name} logged nothing");
    }
}

/// Formats an error in all the ways in which a program may show it.
fn shown(error: &Error) -> String {
    let mut text = format!(
        "{error} {error:?} {error:#?} {:?} {:?}",
        error.s3(),
        error.message()
    );
    add_sources(&mut text, error);
    let converted = io::Error::from(error.clone());
    write!(text, " {converted} {converted:?} {converted:#?}").expect("a string takes it");
    add_sources(&mut text, &converted);
    text
}

fn add_sources(text: &mut String, error: &dyn StdError) {
    let mut source = error.source();
    while let Some(cause) = source {
        write!(text, " {cause} {cause:?} {cause:#?}").expect("a string takes it");
        source = cause.source();
    }
}

fn is_safe(what: &str, text: &str) {
    if let Some(leak) = leak(text) {
        panic!("{what} shows a secret: {leak}");
    }
}

fn fails_safely<T>(what: &str, result: Result<T>) {
    match result {
        Ok(_) => panic!("{what}: it should fail"),
        Err(error) => is_safe(what, &shown(&error)),
    }
}

/// Checks an operation that may succeed or fail.
fn is_safe_either_way<T>(what: &str, result: Result<T>) {
    if let Err(error) = result {
        is_safe(what, &shown(&error));
    }
}

fn shows_nothing(what: &str, value: &impl Debug) {
    is_safe(what, &format!("{value:?} {value:#?}"));
}

fn server() -> Server {
    let builder = Server::builder().credentials(ACCESS_KEY, SECRET_KEY);
    builder.token(TOKEN).start()
}

fn customer_key() -> SseCustomerKey {
    SseCustomerKey::new(CUSTOMER_KEY)
}

/// A filesystem with every kind of secret.
fn builder(endpoint: &str) -> S3FsBuilder {
    S3Fs::builder("bucket")
        .aws_access_key_id(ACCESS_KEY)
        .aws_secret_access_key(SECRET_KEY)
        .aws_session_token(TOKEN)
        .region("us-east-1")
        .endpoint_url(endpoint)
        .upload_args(UploadArgs::new().sse_customer_key(customer_key()))
        .download_args(DownloadArgs::new().sse_customer_key(customer_key()))
        .response_timeout(Duration::from_secs(10))
        .retry_base_delay(Duration::from_millis(1))
}

fn both(endpoint: &str) -> [S3Fs; 2] {
    [true, false].map(|strict| {
        builder(endpoint)
            .strict(strict)
            .build()
            .expect("a filesystem")
    })
}

/// Runs every operation, on existing, missing and impossible paths.
fn do_everything(endpoint: &str) {
    for fs in both(endpoint) {
        is_safe_either_way("writebytes", fs.writebytes("file", b"content"));
        is_safe_either_way("makedir", fs.makedir("dir"));
        for path in [
            "file",
            "absent",
            "dir",
            "dir/new",
            "no/new",
            "file/below",
            "",
            "..",
            "\0",
        ] {
            for operation in every_operation::all() {
                is_safe_either_way(operation.name, operation.on(&fs, path));
            }
        }
        is_safe_either_way("create_bucket", fs.create_bucket());
        is_safe_either_way("delete_bucket", fs.delete_bucket());
        is_safe_either_way("mode", fs.openbin("file", "q").map(drop));
        let by_version = OpenOptions::new().version_id("none");
        is_safe_either_way("version", fs.readbytes_with("file", &by_version));
        if let Ok(mut file) = fs.openbin("dropped", "w") {
            file.write_all(b"content").expect("a buffer takes it");
        }
        fs.close().expect("closing cannot fail");
        fails_safely("closed", fs.listdir(""));
    }
}

/// Runs operations that together send every kind of request and read every kind of response.
fn ask_everything(endpoint: &str) {
    const ENOUGH: [&str; 9] = [
        "getinfo",
        "isdir",
        "scandir s3",
        "readbytes",
        "openbin r",
        "writebytes",
        "openbin a",
        "remove",
        "setinfo",
    ];
    let fs = builder(endpoint)
        .strict(false)
        .build()
        .expect("a filesystem");
    for operation in every_operation::asking().filter(|one| ENOUGH.contains(&one.name)) {
        is_safe_either_way(operation.name, operation.on(&fs, "file"));
    }
}

/// Like [`ask_everything`], while every request meets these faults, one after the other.
fn ask_everything_under(faults: impl IntoIterator<Item = Fault>) {
    watch_the_log();
    let server = server();
    server.bucket("bucket").put("file", "content");
    for fault in faults {
        server.faults().clear();
        server.faults().add(Rule::any().always(), fault);
        ask_everything(&server.endpoint());
    }
    nothing_was_logged_that_is_secret();
}

#[test]
fn no_operation_shows_a_secret() {
    watch_the_log();
    let server = server();
    do_everything(&server.endpoint());
    assert!(server.requests().iter().any(carries_customer_key));
    nothing_was_logged_that_is_secret();
}

#[test]
fn no_refusal_shows_a_secret() {
    watch_the_log();
    let servers = [
        Server::builder()
            .credentials("AKIAOTHER", SECRET_KEY)
            .token(TOKEN),
        Server::builder()
            .credentials(ACCESS_KEY, "other")
            .token(TOKEN),
        Server::builder()
            .credentials(ACCESS_KEY, SECRET_KEY)
            .token("other"),
        Server::builder().credentials(ACCESS_KEY, SECRET_KEY),
        Server::builder()
            .credentials(ACCESS_KEY, SECRET_KEY)
            .token(TOKEN)
            .bucket("other"),
    ];
    for server in servers {
        let server = server.start();
        for fs in both(&server.endpoint()) {
            fails_safely("listdir", fs.listdir(""));
        }
        ask_everything(&server.endpoint());
    }
    nothing_was_logged_that_is_secret();
}

#[test]
fn no_broken_connection_shows_a_secret() {
    ask_everything_under([Fault::DropBefore, Fault::DropAfter, Fault::Truncate(3)]);
    // Dropping the server closes its port.
    let endpoint = server().endpoint();
    ask_everything(&endpoint);
    nothing_was_logged_that_is_secret();
}

#[test]
#[cfg(feature = "rustls")]
fn no_failed_tls_connection_shows_a_secret() {
    watch_the_log();
    let server = server();
    ask_everything(&server.endpoint().replace("http:", "https:"));
    nothing_was_logged_that_is_secret();
}

#[test]
fn no_timeout_shows_a_secret() {
    watch_the_log();
    let server = server();
    server.faults().add(Rule::any().always(), Fault::Stall);
    let fs = builder(&server.endpoint())
        .response_timeout(Duration::from_millis(20))
        .build()
        .expect("a filesystem");
    for operation in every_operation::asking() {
        fails_safely(operation.name, operation.on(&fs, "file"));
    }
    nothing_was_logged_that_is_secret();
}

/// Parts of a request that a server could quote.
fn quotes() -> Vec<String> {
    let url = format!(
        "http://h/bucket/k?X-Amz-Credential={ACCESS_KEY}%2F20261122%2Fus-east-1%2Fs3%2Faws4_request\
         &X-Amz-Security-Token=tokenOfTheTest%2F%2F%2Fw%3D%3D&X-Amz-Signature=0a1b2c"
    );
    vec![
        format!("key {ACCESS_KEY}, secret {SECRET_KEY}, token {TOKEN}"),
        url.replace('&', "&amp;"),
        url.to_ascii_lowercase()
            .replace(&ACCESS_KEY.to_ascii_lowercase(), "akia"),
        url.replace('%', "%25")
            .replace('&', "%26")
            .replace('=', "%3D")
            .replace('?', "%3F"),
    ]
}

#[test]
fn no_error_document_that_quotes_the_request_shows_a_secret() {
    let answer = |quote: &String, status| {
        let document = format!(
            "<Error><Code>{quote}</Code><Message>{quote}</Message><RequestId>{quote}</RequestId>\
             <Region>{quote}</Region><Endpoint>{quote}</Endpoint><StringToSign>{quote}\
             </StringToSign></Error>"
        );
        Fault::Answer(Answer::new(status, document))
    };
    for status in [200, 301, 400, 403, 404, 412, 500] {
        ask_everything_under(quotes().iter().map(|quote| answer(quote, status)));
    }
}

/// With any response of STS, a container, metadata or a program, and any request to them.
#[test]
#[cfg(feature = "aws-chain")]
fn no_source_of_credentials_shows_a_secret() {
    watch_the_log();
    let server = server();
    let quote = format!("{ACCESS_KEY} {SECRET_KEY} {TOKEN}");
    let json = format!(
        r#"{{"AccessKeyId":"{ACCESS_KEY}","SecretAccessKey":"{SECRET_KEY}","Token":"{TOKEN}","Expiration":"{TOKEN}"}}"#
    );
    let document = format!(
        "<ErrorResponse><Error><Code>{quote}</Code><Message>{quote}</Message></Error></ErrorResponse>"
    );
    let home = Home::with(&format!(
        "[profile role]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = keys\n\
         [profile keys]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n\
         aws_session_token = {TOKEN}\n\
         [profile web]\nrole_arn = arn:aws:iam::1:role/r\nweb_identity_token_file = TOKEN_FILE\n\
         [profile process]\ncredential_process = /bin/echo '{json}'\n\
         [profile broken]\naws_access_key_id = {ACCESS_KEY}\n  {SECRET_KEY}\n\
         [profile none]\nregion = us-east-1\n"
    ));
    home.write("token", TOKEN);
    let file = home.path().join("token").display().to_string();
    home.write(
        ".aws/config",
        &std::fs::read_to_string(home.path().join(".aws/config"))
            .expect("a file")
            .replace("TOKEN_FILE", &file),
    );
    for (status, body) in [
        (200, quote.clone()),
        (200, json.clone()),
        (200, document.clone()),
        (400, document),
        (403, quote),
        (500, json),
    ] {
        // A server can quote the request, and only a web identity sends its token.
        let source = Source::start(move |_, sent, _| match sent.contains("WebIdentityToken") {
            true => (status, body.replace(ACCESS_KEY, "").replace(SECRET_KEY, "")),
            false => (status, body.clone()),
        });
        let url = source.url();
        let full = format!("{url}/{SECRET_KEY}");
        for profile in ["role", "web", "process", "broken", "none"] {
            let variables = [
                ("AWS_PROFILE", profile),
                ("AWS_ENDPOINT_URL_STS", &*url),
                ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*full),
                ("AWS_CONTAINER_AUTHORIZATION_TOKEN", TOKEN),
            ];
            let fs = home.builder(&server, &variables).build();
            let fails = fs.and_then(|fs| fs.listdir("/").map(drop));
            fails_safely(profile, fails);
        }
        let variables = [
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*url),
            ("AWS_PROFILE", "none"),
        ];
        let fs = home.builder(&server, &variables).build();
        fails_safely("metadata", fs.and_then(|fs| fs.listdir("/").map(drop)));
    }
    nothing_was_logged_that_is_secret();
}

fn carries_customer_key(request: &LoggedRequest) -> bool {
    request
        .header("x-amz-server-side-encryption-customer-key")
        .is_some()
}

#[test]
fn a_response_that_quotes_the_customer_key_does_not_show_it() {
    let server = server();
    server.bucket("bucket").put("file", "content");
    let quote = format!("x-amz-server-side-encryption-customer-key: {CUSTOMER_KEY_BASE64}");
    for answer in [
        Answer::new(
            400,
            format!("<Error><Code>x</Code><Message>{quote}</Message></Error>"),
        ),
        Answer::html(200, &format!("<!DOCTYPE html>{quote}")),
    ] {
        server.faults().clear();
        let rule = Rule::any().when(carries_customer_key).always();
        server.faults().add(rule, Fault::Answer(answer));
        for fs in both(&server.endpoint()) {
            fails_safely("readbytes", fs.readbytes("file"));
            fails_safely("writebytes", fs.writebytes("file", b"new"));
            fails_safely("openbin", fs.openbin("file", "r+").map(drop));
        }
    }
}

#[test]
fn no_header_that_quotes_the_request_shows_a_secret() {
    let answer = |quote: &String, status| {
        let answer = Answer::new(status, "x")
            .header("location", quote)
            .header("x-amz-request-id", quote)
            .header("x-amz-bucket-region", quote)
            .header("content-range", quote)
            .header("etag", "\"e\"");
        Fault::Answer(answer)
    };
    for status in [200, 206, 307, 400, 500] {
        ask_everything_under(quotes().iter().map(|quote| answer(quote, status)));
    }
}

/// The log of ureq shows the type of every response unchanged; an error of this crate does not.
#[test]
fn no_content_type_that_quotes_the_request_shows_a_secret() {
    let server = server();
    let page = Answer::new(500, "<html>").header("content-type", "x-amz-signature=0a1b2c");
    server
        .faults()
        .add(Rule::any().always(), Fault::Answer(page));
    for fs in both(&server.endpoint()) {
        let error = fs.listdir("").expect_err("a page is no listing");
        let text = shown(&error);
        assert!(
            text.contains("x-amz-signature=[hidden]") && !text.contains("0a1b2c"),
            "{text}"
        );
    }
}

#[test]
fn no_page_that_quotes_the_request_shows_a_secret() {
    let pages = |quote: &String| {
        [
            format!("<!DOCTYPE html><p>{quote}</p>"),
            format!("<html><a href=\"{quote}\"></a></html>"),
            format!("{{\"asked\": \"{quote}\"}}"),
            quote.clone(),
        ]
    };
    for status in [200, 302, 403, 500] {
        let answer = |page: String| Fault::Answer(Answer::html(status, &page));
        ask_everything_under(quotes().iter().flat_map(pages).map(answer));
    }
}

#[test]
fn no_malformed_document_that_quotes_the_request_shows_a_secret() {
    let documents = |quote: &String| {
        [
            format!("<IsTruncated>{quote}</IsTruncated>"),
            format!("<EncodingType>{quote}</EncodingType>"),
            format!("<Contents><Key>k</Key><Size>{quote}</Size></Contents>"),
            format!("&{quote};"),
            format!("<Contents><Key><{quote}></Key></Contents>"),
            // Well-formed, but not the requested document.
            format!("<Contents><Key>{quote}</Key><Size>1</Size></Contents>"),
            format!("<CommonPrefixes><Prefix>{quote}</Prefix></CommonPrefixes>"),
        ]
    };
    ask_everything_under(quotes().iter().flat_map(documents).map(|inside| {
        let document = format!("<ListBucketResult>{inside}</ListBucketResult>");
        Fault::Answer(Answer::new(200, document).header("etag", "\"e\""))
    }));
}

#[test]
fn the_reason_of_a_failed_delete_shows_no_secret() {
    watch_the_log();
    let server = server();
    server.bucket("bucket").put("dir/file", "content");
    let fs = builder(&server.endpoint()).build().expect("a filesystem");
    for quote in quotes() {
        for key in ["dir/file", &quote] {
            let error = format!(
                "<Error><Key>{key}</Key><Code>{quote}</Code><Message>{quote}</Message></Error>"
            );
            let answer = Answer::new(200, format!("<DeleteResult>{error}</DeleteResult>"));
            server.faults().clear();
            server
                .faults()
                .add(Rule::on("DeleteObjects").always(), Fault::Answer(answer));
            fails_safely("removetree", fs.removetree("dir"));
        }
    }
}

#[test]
fn no_printed_value_shows_a_secret() {
    watch_the_log();
    let server = server();
    let unfinished = builder(&server.endpoint());
    shows_nothing("builder", &unfinished);
    let fs = unfinished.build().expect("a filesystem");
    shows_nothing("S3Fs", &fs);
    is_safe("S3Fs", &fs.to_string());
    fs.writebytes("dir", b"content").expect("a file");

    shows_nothing("SseCustomerKey", &customer_key());
    let upload = UploadArgs::new().sse_customer_key(customer_key());
    let download = DownloadArgs::new().sse_customer_key(customer_key());
    shows_nothing("UploadArgs", &upload);
    shows_nothing("DownloadArgs", &download);
    shows_nothing(
        "OpenOptions",
        &OpenOptions::new()
            .upload_args(upload)
            .download_args(download),
    );

    shows_nothing("Presign", &fs.presign("dir").expect("a presigned URL"));
    let info = fs
        .getinfo("dir", Namespaces::S3 | Namespaces::URLS)
        .expect("a file");
    assert!(info.url("download").is_some_and(|url| leak(url).is_some()));
    shows_nothing("Info", &info);
    shows_nothing("RawInfo", &info.raw());
    let listed: Vec<_> = fs
        .scandir("", Namespaces::URLS)
        .expect("the root")
        .collect();
    assert!(matches!(&listed[..], [Ok(one)] if one.url("download").is_some()));
    shows_nothing("listed", &listed);

    shows_nothing(
        "S3Reader",
        &fs.open_read("dir", &OpenOptions::new()).expect("a file"),
    );
    is_safe(
        "the FS URL of a path",
        &fs.geturl_for("dir", "fs").expect("an FS URL"),
    );
    nothing_was_logged_that_is_secret();
}

#[test]
fn no_fs_url_shows_its_secrets() {
    watch_the_log();
    let credentials = format!("{ACCESS_KEY}:{SECRET_KEY}");
    let token = "aws_session_token=tokenOfTheTest%2F%2F";
    let url = format!("s3://{credentials}@bucket/dir?region=us-east-1&{token}");
    shows_nothing("FsUrl", &FsUrl::parse(&url).expect("an FS URL"));
    is_safe("redacted", &s3fs::redacted(&url));
    for broken in [
        format!("s3://{credentials}@bucket?{token}&colour=red"),
        format!("s3://{credentials}@bucket?{token}&region=eu%20west"),
        format!("s3://{credentials}@bucket?{token}&endpoint_url=http%3A%2F%2F{credentials}%40h"),
        format!("s3://{credentials}@bucket?{token}&endpoint_url={credentials}"),
        format!("s3://{credentials}@bucket?{token}&endpoint_url=http://h/%3F{token}"),
        format!("s3://{credentials}%zz@bucket?{token}"),
        format!("s3://{credentials}?@bucket"),
        format!("s3://{credentials}!@bucket"),
        format!("s3://{credentials}"),
        format!("s3://{credentials}/bucket"),
        format!("s3://:{SECRET_KEY}@bucket"),
        format!("s3://{ACCESS_KEY}@bucket?region=us-east-1"),
        format!("gopher://{credentials}@bucket?{token}"),
        format!("//{credentials}@bucket?{token}"),
        format!("{credentials}@bucket"),
    ] {
        fails_safely(
            &broken.replace(SECRET_KEY, "..."),
            open_fs(&broken).map(drop),
        );
    }
    let endpoint = format!("http://{credentials}@127.0.0.1");
    fails_safely("endpoint_url", builder(&endpoint).build());
    fails_safely("bucket", S3Fs::builder(SECRET_KEY).anonymous(true).build());
}
