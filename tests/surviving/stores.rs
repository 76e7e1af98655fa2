//! Differences between stores, and how they are detected.

use std::io::{Seek as _, SeekFrom, Write as _};

use s3fs::S3FsBuilder;
use s3fs::{CopyOptions, ErrorKind, File as _, FileSystem as _, FileSystemExt as _, S3Fs};
use test_server::{Answer, BUCKET, Builder, Fault, LoggedRequest, Rule, Server, synthetic_bytes};

use super::impatient;
use crate::common;

/// Part size in these tests.
const PART: u64 = 16;

/// A store that accepts parts of any size.
fn small_parts() -> Builder {
    Server::builder().min_part_size(1)
}

fn builder(server: &Server) -> S3FsBuilder {
    impatient(server).min_part_size(1).part_size(PART)
}

fn count(requests: &[LoggedRequest], operation: &str) -> usize {
    let of = |request: &&LoggedRequest| request.operation == operation;
    requests.iter().filter(of).count()
}

/// A change of an object of 500 bytes, and of the expected content.
type Change = fn(&S3Fs, &mut Vec<u8>) -> s3fs::Result<()>;

const CHANGES: [(&str, Change); 4] = [
    ("in the middle", |fs, content| {
        let mut file = fs.openbin("file", "r+")?;
        file.seek(SeekFrom::Start(201))?;
        file.write_all(b"xxxx")?;
        content[201..205].copy_from_slice(b"xxxx");
        file.close()
    }),
    ("more than a part at the end", |fs, content| {
        content.extend_from_slice(&[7; 100]);
        fs.appendbytes("file", &[7; 100])
    }),
    ("cut off, and longer again", |fs, content| {
        let mut file = fs.openbin("file", "r+")?;
        file.set_len(300)?;
        file.set_len(700)?;
        content.truncate(300);
        content.resize(700, 0);
        file.close()
    }),
    ("many bytes", |fs, content| {
        let mut file = fs.openbin("file", "r+")?;
        for at in (0..500).step_by(90) {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(b"!")?;
            content[at as usize] = b'!';
        }
        file.close()
    }),
];

#[test]
fn a_change_is_stored_in_equal_parts_where_the_store_requires_them() {
    for (name, change) in CHANGES {
        let server = small_parts().want_equal_parts(true).start();
        let bucket = server.bucket(BUCKET);
        let old = synthetic_bytes(1, 0, 500);
        let mut expected = old.clone();
        bucket.put("file", old.clone());
        let fs = builder(&server).build().unwrap();
        change(&fs, &mut expected).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bucket.get("file").unwrap().bytes() == expected, "{name}");
        let requests = server.take_requests();
        assert_eq!(count(&requests, "CompleteMultipartUpload"), 2, "{name}");
        assert_eq!(count(&requests, "AbortMultipartUpload"), 1, "{name}");
        assert!(count(&requests, "UploadPartCopy") > 0, "{name}");
        assert!(bucket.uploads().is_empty(), "{name}");

        // All clones use the correction from then on.
        let mut expected = old.clone();
        bucket.put("file", old);
        change(&fs.clone(), &mut expected).unwrap();
        assert!(bucket.get("file").unwrap().bytes() == expected, "{name}");
        let requests = server.take_requests();
        assert_eq!(count(&requests, "CompleteMultipartUpload"), 1, "{name}");
    }
}

#[test]
fn equal_parts_that_did_not_help_are_not_kept() {
    let server = small_parts().start();
    let bucket = server.bucket(BUCKET);
    let fs = builder(&server).build().unwrap();
    let (_, change) = CHANGES[0];
    let try_it = || {
        let mut expected = synthetic_bytes(1, 0, 500);
        bucket.put("file", expected.clone());
        server.take_requests();
        let changed = change(&fs, &mut expected);
        assert!(changed.is_err() || bucket.get("file").unwrap().bytes() == expected);
        let requests = server.take_requests();
        let parts = count(&requests, "UploadPart") + count(&requests, "UploadPartCopy");
        (
            changed.is_ok(),
            parts,
            count(&requests, "CompleteMultipartUpload"),
        )
    };
    let (is_ok, parts, completed) = try_it();
    assert!(is_ok && completed == 1);
    let on_complete = |code: &str, message: &str| {
        let document = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let answer = Answer::new(400, document).header("content-type", "application/xml");
        let rule = Rule::on("CompleteMultipartUpload");
        server.faults().add(rule, Fault::Answer(answer));
    };
    let refuse_sizes = || on_complete("InvalidPart", "All parts must have the same length.");
    // Parts of one size are refused too.
    refuse_sizes();
    on_complete("InvalidPart", "One of the parts is not there.");
    let (is_ok, _, completed) = try_it();
    assert!(!is_ok && completed == 2);
    assert_eq!(try_it(), (true, parts, 1));
    // They are accepted once, and refused later.
    refuse_sizes();
    let (is_ok, _, completed) = try_it();
    assert!(is_ok && completed == 2);
    let (is_ok, equal_parts, completed) = try_it();
    assert!(is_ok && completed == 1 && equal_parts != parts);
    on_complete("InvalidPart", "One of the parts is not there.");
    assert!(!try_it().0);
    assert_eq!(try_it(), (true, parts, 1));
    assert!(bucket.uploads().is_empty());
}

#[test]
fn the_parameter_equal_parts_avoids_the_rejection() {
    let server = small_parts().want_equal_parts(true).start();
    let bucket = server.bucket(BUCKET);
    let fs = builder(&server)
        .equal_parts(true)
        .max_parts(100)
        .build()
        .unwrap();
    for (name, change) in CHANGES {
        let mut expected = synthetic_bytes(1, 0, 500);
        bucket.put("file", expected.clone());
        change(&fs, &mut expected).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(bucket.get("file").unwrap().bytes() == expected, "{name}");
    }
    // The maximum number of parts, of a total size that is unknown in advance.
    let long = synthetic_bytes(2, 0, 100 * PART as usize);
    fs.write_with("long", |file| file.write_all(&long)).unwrap();
    assert!(bucket.get("long").unwrap().bytes() == long);
    let requests = server.take_requests();
    let completed = count(&requests, "CompleteMultipartUpload");
    assert_eq!(completed, CHANGES.len() + 1);
    assert_eq!(count(&requests, "AbortMultipartUpload"), 0);
    let longer = [long.as_slice(), b"!"].concat();
    let error = fs
        .write_with("long", |file| file.write_all(&longer))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(bucket.get("long").unwrap().bytes() == long);
}

#[test]
fn a_long_stream_starts_with_equal_parts_and_its_error_has_a_hint() {
    let server = small_parts().want_equal_parts(true).start();
    let bucket = server.bucket(BUCKET);
    bucket.put("file", "old");
    let fs = builder(&server).max_parts(100).build().unwrap();
    let stream = |parts: usize| {
        let content = synthetic_bytes(3, 0, parts * PART as usize);
        let written = fs.write_with("file", |file| file.write_all(&content));
        (content, written)
    };
    let (content, written) = stream(45);
    written.unwrap();
    assert!(bucket.get("file").unwrap().bytes() == content);
    let (_, refused) = stream(60);
    let error = refused.unwrap_err();
    assert!(error.to_string().contains("equal_parts"), "{error}");
    assert!(bucket.get("file").unwrap().bytes() == content);
    assert!(bucket.uploads().is_empty());
    // From now on the correction is used.
    let (content, written) = stream(60);
    written.unwrap();
    assert!(bucket.get("file").unwrap().bytes() == content);
}

#[test]
fn an_error_about_too_many_parts_names_max_parts_which_is_respected() {
    let server = small_parts().max_parts(20).start();
    let bucket = server.bucket(BUCKET);
    let content = synthetic_bytes(4, 0, 50 * PART as usize);
    let fs = builder(&server).build().unwrap();
    let error = fs.writebytes("file", &content).unwrap_err();
    assert!(error.to_string().contains("max_parts"), "{error}");
    assert!(bucket.get("file").is_none() && bucket.uploads().is_empty());

    let fs = builder(&server).max_parts(20).build().unwrap();
    let size = content.len() as u64;
    let mut source = content.as_slice();
    fs.upload_sized("sized", &mut source, size).unwrap();
    fs.write_with("stream", |file| file.write_all(&content))
        .unwrap();
    fs.writebytes("append", &content).unwrap();
    fs.appendbytes("append", &content).unwrap();
    for key in ["sized", "stream"] {
        assert!(bucket.get(key).unwrap().bytes() == content, "{key}");
    }
    let twice = content.repeat(2);
    assert!(bucket.get("append").unwrap().bytes() == twice);
}

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
    fs.copy_with("a b", "c", &overwrite).unwrap();
    let copy = common::asked(&server, "CopyObject").pop().unwrap();
    assert_eq!(copy.path, "/acme%3Abucket/c");
    let source = copy.header("x-amz-copy-source");
    assert_eq!(source, Some("/acme%3Abucket/a%20b"));
}

#[test]
fn an_unknown_host_is_not_retried() {
    // A label has at most 63 bytes, so that no server is queried for this one.
    let endpoint = format!("http://{}.localhost", "x".repeat(200));
    let fs = S3Fs::builder(BUCKET)
        .endpoint_url(endpoint)
        .aws_access_key_id("key")
        .aws_secret_access_key("secret")
        .region("us-east-1")
        .build()
        .unwrap();
    let error = fs.readbytes("file").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{error}");
    assert!(error.to_string().contains("name"), "{error}");
    assert_eq!(fs.stats().retries, 0, "{error}");
}

/// Runs in a separate process with a different environment.
#[test]
fn an_error_names_the_proxy_without_its_password() {
    if common::given_to_child().is_some() {
        let builder = S3Fs::builder(BUCKET)
            .endpoint_url("http://127.0.0.1:9")
            .aws_access_key_id("key")
            .aws_secret_access_key("other")
            .region("us-east-1")
            .max_attempts(1);
        let error = builder.build().unwrap().readbytes("file").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the proxy 127.0.0.1:1)"), "{text}");
        assert!(text.contains("http://127.0.0.1:9"), "{text}");
        assert!(!text.contains("pass") && !text.contains("user"), "{text}");
        return;
    }
    let test = "surviving::stores::an_error_names_the_proxy_without_its_password";
    let proxy = [
        ("HTTP_PROXY", "http://user:pass@127.0.0.1:1"),
        ("NO_PROXY", ""),
        ("no_proxy", ""),
    ];
    common::in_child(test, "/", &proxy);
}
