//! Unbounded responses end with a clear error, and do not exhaust memory or time.

use s3fs::{ErrorKind, FileSystem, FileSystemExt as _, Namespaces, S3Fs};
use test_server::{Answer, BUCKET, Fault, Rule, Server};

use super::open;

#[test]
fn a_header_with_too_many_bytes_or_lines_is_an_error_at_once() {
    for (lines, length) in [(70, 1000), (140, 1)] {
        let server = Server::start();
        let mut answer = Answer::new(200, "content").header("etag", "\"e\"");
        for number in 0..lines {
            answer = answer.header(&format!("x-filler-{number}"), &"x".repeat(length));
        }
        server
            .faults()
            .add(Rule::any().always(), Fault::Answer(answer));
        let error = open(&server).readbytes("file").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
        assert!(error.to_string().contains("header"), "{error}");
        assert_eq!(server.take_requests().len(), 1, "{lines} lines");
    }
}

#[test]
fn a_listing_that_is_too_long_is_an_error() {
    let server = Server::start();
    let filler = "<!-- -->".repeat((17 << 20) / 8);
    let document = format!("<ListBucketResult>{filler}</ListBucketResult>");
    server.faults().add(
        Rule::any().always(),
        Fault::Answer(Answer::new(200, document)),
    );
    let error = open(&server).listdir("").unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
    assert_eq!(server.take_requests().len(), 1);
}

#[test]
fn only_the_start_of_a_long_error_body_is_read() {
    let server = Server::start();
    let filler = "x".repeat(4 << 20);
    let document = format!("<Error><Code>AccessDenied</Code><Filler>{filler}</Filler></Error>");
    server
        .faults()
        .add(Rule::any(), Fault::Answer(Answer::new(403, document)));
    let fs = open(&server);
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.s3().unwrap().code, "AccessDenied");
    assert!(fs.stats().bytes_in <= 64 << 10, "{:?}", fs.stats());
}

#[test]
fn a_list_of_uploads_with_repeated_markers_ends() {
    let server = Server::start();
    let document = "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
                    <NextKeyMarker>a</NextKeyMarker></ListMultipartUploadsResult>";
    server.faults().add(
        Rule::any().always(),
        Fault::Answer(Answer::new(200, document)),
    );
    let stale = open(&server).stale_uploads("/", std::time::Duration::ZERO);
    assert!(stale.unwrap_err().to_string().contains("does not end"));
    assert!(server.take_requests().len() < 5);
}

/// An empty page of a listing that is not the last one.
fn empty_page(token: &str) -> Fault {
    Fault::Answer(Answer::new(
        200,
        format!(
            "<ListBucketResult><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>"
        ),
    ))
}

#[test]
fn an_empty_page_is_not_the_end_of_a_listing() {
    // The server's token for the page at the start.
    const FROM_THE_START: &str = "1B2M2Q==";
    type Asks = fn(&S3Fs) -> s3fs::Result<bool>;
    let asks: [(&str, Asks); 7] = [
        ("isdir", |fs| fs.isdir("dir")),
        ("exists", |fs| fs.exists("dir")),
        ("getinfo", |fs| {
            Ok(fs.getinfo("dir", Namespaces::BASIC)?.is_dir())
        }),
        ("isempty", |fs| Ok(!fs.isempty("dir")?)),
        ("listdir", |fs| Ok(fs.listdir("dir")? == ["file"])),
        ("removedir", |fs| {
            let refused = fs.removedir("dir");
            Ok(refused.is_err_and(|error| error.kind() == ErrorKind::DirectoryNotEmpty))
        }),
        ("removetree", |fs| fs.removetree("dir").map(|()| true)),
    ];
    for (name, ask) in asks {
        let server = Server::start();
        server.bucket(BUCKET).put("dir/", "");
        server.bucket(BUCKET).put("dir/file", "content");
        let page = empty_page(FROM_THE_START);
        server.faults().add(Rule::on("ListObjectsV2"), page);
        assert!(ask(&open(&server)).unwrap(), "{name}");
        assert_eq!(server.faults().pending(), 0, "{name}");
    }
}

#[test]
fn a_directory_may_have_more_keys_than_a_page_of_one_key() {
    let server = Server::builder().page_size(1).start();
    server.bucket(BUCKET).put("dir/", "");
    server.bucket(BUCKET).put("dir/file", "content");
    let fs = open(&server);
    let error = fs.removedir("dir").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    assert!(!fs.isempty("dir").unwrap());
}

#[test]
fn endless_empty_pages_of_a_listing_are_an_error() {
    let server = Server::start();
    for number in 0..1100 {
        let page = empty_page(&format!("token-{number}"));
        server.faults().add(Rule::any(), page);
    }
    let fs = open(&server);
    let error = fs.listdir("").unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
    assert_eq!(error.path(), Some(""));
    assert_eq!(server.take_requests().len(), 1000);
}
