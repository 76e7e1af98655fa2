//! Buckets.

use test_server::Server;
use test_server::client::{delete, get, head, list, put};

#[test]
fn buckets_are_created_and_deleted() {
    let server = Server::builder()
        .region("eu-west-1")
        .bucket("other")
        .start();
    get(&server, "a").send().refused(404, "NoSuchBucket");
    put(&server, "a", "x").send().refused(404, "NoSuchBucket");
    list(&server).send().refused(404, "NoSuchBucket");
    let location = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>";
    put(&server, "", location).send().ok();
    put(&server, "", location)
        .send()
        .refused(409, "BucketAlreadyOwnedByYou");
    let listed = get(&server, "").bucket("").send().ok();
    assert_eq!(listed.all_xml("Name"), ["bucket", "other"]);
    let located = get(&server, "").query("location", "").send().ok();
    assert!(located.text().contains("eu-west-1"), "{}", located.text());
    assert_eq!(
        head(&server, "").send().ok().header("x-amz-bucket-region"),
        "eu-west-1"
    );
    put(&server, "a", "x").send().ok();
    delete(&server, "").send().refused(409, "BucketNotEmpty");
    delete(&server, "a").send().ok();
    assert_eq!(delete(&server, "").send().status, 204);
    delete(&server, "").send().refused(404, "NoSuchBucket");
}
