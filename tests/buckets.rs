//! The buckets of an endpoint: listed, created and removed.

use s3fs::{BucketInfo, ErrorKind, FileSystem, S3Fs};
use test_server::{BUCKET, Fault, Rule, Server};

use crate::common::{self, asked};
use crate::scripted::{Heard, Scripted, answer};

fn names(buckets: &[BucketInfo]) -> Vec<&str> {
    buckets.iter().map(|bucket| bucket.name.as_str()).collect()
}

#[test]
fn one_request_lists_the_buckets_of_an_endpoint_whatever_the_bucket() {
    let server = Server::builder().bucket("first").bucket("second").start();
    for named in ["", "none", "not a name"] {
        let builder = common::builder_of(&server, named).dir_path("../odd");
        let buckets = builder.list_buckets().unwrap();
        assert_eq!(names(&buckets), ["first", "second"]);
        assert!(buckets.iter().all(|bucket| bucket.created.is_some()));
        assert_eq!(asked(&server, "ListBuckets").len(), 1);
    }
    let anonymous = S3Fs::builder("")
        .endpoint_url(server.endpoint())
        .anonymous(true);
    let error = anonymous.list_buckets().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    let wrong = common::builder_of(&server, "").aws_secret_access_key("other");
    let error = wrong.list_buckets().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    server
        .faults()
        .add(Rule::on("ListBuckets"), Fault::error(403, "AccessDenied"));
    let error = common::builder_of(&server, "").list_buckets().unwrap_err();
    let hint = error.hint().unwrap();
    assert!(
        hint.contains("s3:ListAllMyBuckets") && !hint.contains("key"),
        "{hint}"
    );
}

#[test]
fn all_pages_of_buckets_are_listed_and_endless_pages_are_an_error() {
    let page = |name: &str, token: &str| {
        format!(
            "<ListAllMyBucketsResult><Buckets><Bucket><Name>{name}</Name><BucketRegion>eu-west-1</BucketRegion>\
             </Bucket></Buckets><ContinuationToken>{token}</ContinuationToken></ListAllMyBucketsResult>"
        )
    };
    let (first, last) = (page("first", "t+1"), page("last", ""));
    let server = Scripted::start(move |heard: &mut Heard<'_>| {
        let is_last = heard.line().contains("continuation-token=t%2B1");
        heard.send(answer("200 OK", if is_last { &last } else { &first }));
    });
    let buckets = server.builder().list_buckets().unwrap();
    assert_eq!(names(&buckets), ["first", "last"]);
    assert_eq!(buckets[0].region.as_deref(), Some("eu-west-1"));
    assert_eq!(buckets[0].created, None);

    // A bucket that the next page repeats counts once.
    let (first, last) = (page("first", "t+1"), page("first", ""));
    let server = Scripted::start(move |heard: &mut Heard<'_>| {
        let is_last = heard.line().contains("continuation-token=t%2B1");
        heard.send(answer("200 OK", if is_last { &last } else { &first }));
    });
    let buckets = server.builder().list_buckets().unwrap();
    assert_eq!(names(&buckets), ["first"]);

    let again = page("again", "the same");
    let server = Scripted::start(move |heard: &mut Heard<'_>| heard.send(answer("200 OK", &again)));
    let error = server.builder().list_buckets().unwrap_err();
    assert!(error.to_string().contains("does not end"), "{error}");
}

#[test]
fn a_bucket_is_removed_once_it_is_empty() {
    let server = Server::start();
    server.bucket(BUCKET).put("file", "content");
    let fs = common::open(&server);
    let error = fs.delete_bucket().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    assert_eq!(error.path(), Some("/"));
    fs.remove("file").unwrap();
    server.take_requests();
    fs.delete_bucket().unwrap();
    assert_eq!(server.take_requests().len(), 1);
    let error = fs.delete_bucket().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BucketNotFound);
    let io_error = std::io::Error::from(error.clone());
    assert_eq!(io_error.kind(), std::io::ErrorKind::NotFound);
    assert!(error.to_string().contains("does not exist"), "{error}");
    let buckets = common::builder(&server).list_buckets().unwrap();
    assert!(buckets.is_empty());
}

#[test]
fn the_removal_of_a_bucket_succeeds_if_its_response_is_lost() {
    let server = Server::start();
    server
        .faults()
        .add(Rule::on("DeleteBucket"), Fault::DropAfter);
    common::open(&server).delete_bucket().unwrap();
    assert_eq!(asked(&server, "DeleteBucket").len(), 2);
}
