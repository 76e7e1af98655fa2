//! What some stores do otherwise than the rest, and how that is found out.

use s3fs::{CopyOptions, FileSystem as _};

use crate::common;
use crate::support::{Answer, Fault, Rule, Server};

#[test]
fn a_bucket_of_a_tenant_is_encoded_in_paths_and_as_the_source_of_a_copy() {
    let server = Server::start();
    let object = Answer::new(200, "content").header("etag", "\"e\"");
    let copied = Answer::new(200, "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>");
    let faults = server.faults();
    faults.add(Rule::on("HeadObject").always(), Fault::Answer(object));
    faults.add(Rule::on("CopyObject").always(), Fault::Answer(copied));
    let builder = common::builder_of(&server, "acme:bucket").strict(false);
    let fs = builder.build().unwrap();
    let overwrite = CopyOptions::new().overwrite(true);
    fs.copy_with("a b", "c", overwrite).unwrap();
    let copy = common::asked(&server, "CopyObject").pop().unwrap();
    assert_eq!(copy.path, "/acme%3Abucket/c");
    let source = copy.header("x-amz-copy-source");
    assert_eq!(source, Some("/acme%3Abucket/a%20b"));
}
