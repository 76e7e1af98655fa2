//! Content types that uploads guess, and upload arguments for each file of a tree.

use s3fs::prelude::*;
use s3fs::{ErrorKind, S3Fs, TransferOptions, UploadArgs, guess_content_type};
use test_server::{BUCKET, Server};

use crate::common;
use crate::local::Directory;

fn header(server: &Server, key: &str, name: &str) -> Option<String> {
    let object = server.bucket(BUCKET).get(key).expect("that object");
    object.headers.get(name).cloned()
}

#[test]
fn uploads_guess_as_the_public_function_does_and_add_a_charset_on_request() {
    let server = Server::start();
    let plain = common::open_lenient(&server);
    let utf8 = common::builder(&server).strict(false).text_charset("utf-8");
    let utf8 = utf8.build().unwrap();
    for name in ["a.html", "a.csv.gz", "a.json", "a.png", "README"] {
        let guessed = guess_content_type(name).unwrap_or("binary/octet-stream");
        plain.writebytes(name, b"x").unwrap();
        let stored = || header(&server, name, "content-type").expect("a type");
        assert_eq!(stored(), guessed);
        utf8.writebytes(name, b"x").unwrap();
        let expected = match guessed.starts_with("text/") {
            true => format!("{guessed}; charset=utf-8"),
            false => guessed.to_owned(),
        };
        assert_eq!(stored(), expected);
    }
    let own = UploadArgs::new().content_type("text/html").into();
    utf8.writebytes_with("own.html", b"x", &own).unwrap();
    let stored = header(&server, "own.html", "content-type");
    assert_eq!(stored.as_deref(), Some("text/html"));
    utf8.writebytes("large.txt", &vec![b'x'; 9 << 20]).unwrap();
    let stored = header(&server, "large.txt", "content-type");
    assert_eq!(stored.as_deref(), Some("text/plain; charset=utf-8"));
    let wrong = S3Fs::builder("b").anonymous(true).text_charset("a\nb");
    let wrong = wrong.endpoint_url("http://127.0.0.1:9").build();
    assert_eq!(wrong.unwrap_err().kind(), ErrorKind::InvalidArgument);
}

#[test]
fn each_file_of_an_uploaded_tree_can_have_its_own_arguments() {
    let (server, directory) = (Server::start(), Directory::new());
    for name in ["index.html", "logo.png"] {
        std::fs::write(directory.join(name), "x").unwrap();
    }
    let fs = common::open(&server);
    let options = || {
        TransferOptions::new()
            .upload_args(UploadArgs::new().cache_control("none").metadata("a", "b"))
            .upload_args_for(|path| match path {
                "/site/index.html" => UploadArgs::new().cache_control("max-age=60"),
                _ => UploadArgs::new(),
            })
    };
    fs.upload_dir(&directory, "site", &options()).unwrap();
    let cached = |key| header(&server, key, "cache-control");
    assert_eq!(cached("site/index.html").as_deref(), Some("max-age=60"));
    assert_eq!(cached("site/logo.png").as_deref(), Some("none"));
    let metadata = header(&server, "site/index.html", "x-amz-meta-a");
    assert_eq!(metadata.as_deref(), Some("b"));
    fs.remove("site/index.html").unwrap();
    let local = directory.join("index.html");
    fs.upload_file(local, "site/index.html", &options())
        .unwrap();
    assert_eq!(cached("site/index.html").as_deref(), Some("max-age=60"));
}
