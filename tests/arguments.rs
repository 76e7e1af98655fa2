//! Arguments that a call or a filesystem sets on an object: the server receives and returns them, and changes keep them.

mod encryption;
mod kept;
mod open_files;
mod setinfo;
mod uploads;
mod versions;

use std::collections::BTreeMap;

use s3fs::{FileSystem, Info, Namespaces, S3Fs, S3Info, UploadArgs};
use test_server::Object;

/// An object as another program may have stored it, with everything that changes must keep.
fn rich_object(content: &str) -> Object {
    let mut object = Object::new(content.to_owned());
    for (name, value) in KEPT {
        object = object.header(name, value);
    }
    object.storage_class = "STANDARD_IA".into();
    object.tags = vec![("a b".into(), "c&d=é+".into()), ("e".into(), String::new())];
    object
}

/// The headers of that object.
const KEPT: [(&str, &str); 13] = [
    ("cache-control", "max-age=60"),
    ("content-disposition", "attachment; filename=\"a.txt\""),
    ("content-encoding", "x-own"),
    ("content-language", "de, en"),
    ("content-type", "text/x-rich"),
    ("expires", "Wed, 21 Oct 2037 07:28:00 GMT"),
    ("x-amz-meta-colour", "red"),
    ("x-amz-meta-empty-ish", "-"),
    ("x-amz-website-redirect-location", "/elsewhere"),
    ("x-amz-server-side-encryption", "aws:kms"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "key-1"),
    ("x-amz-server-side-encryption-bucket-key-enabled", "true"),
    ("x-amz-object-lock-legal-hold", "OFF"),
];

/// The headers, class and tags of an object: everything except its content.
type Outside = (BTreeMap<String, String>, String, Vec<(String, String)>);

fn outside(object: &Object) -> Outside {
    let headers = object.headers.clone();
    (headers, object.storage_class.clone(), object.tags.clone())
}

fn info(fs: &dyn FileSystem, path: &str) -> Info {
    fs.getinfo(path, Namespaces::DETAILS | Namespaces::S3)
        .unwrap()
}

fn s3_info(fs: &S3Fs, path: &str) -> S3Info {
    info(fs, path).s3().unwrap().clone()
}

fn metadata(name: &str, value: &str) -> UploadArgs {
    UploadArgs::new().metadata(name, value)
}
