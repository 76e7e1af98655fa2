//! Objects with a customer key (SSE-C): every request that needs the key has it, and the key is never lost.

use std::io::{Read, Seek, SeekFrom, Write};

use s3fs::{
    CopyOptions, DownloadArgs, ErrorKind, FileSystem, FileSystemExt, OpenOptions, RawInfo, S3Fs,
    SseCustomerKey, UploadArgs, Value,
};
use test_server::{BUCKET, Content, Object, Server};

use super::s3_info;
use crate::common;

fn key(byte: u8) -> SseCustomerKey {
    SseCustomerKey::new([byte; 32])
}

/// Options to write and read with that key.
fn both(byte: u8) -> OpenOptions {
    OpenOptions::new()
        .upload_args(UploadArgs::new().sse_customer_key(key(byte)))
        .download_args(DownloadArgs::new().sse_customer_key(key(byte)))
}

/// A filesystem whose objects all have that key.
fn encrypted(server: &Server, byte: u8) -> S3Fs {
    let builder = common::builder(server)
        .upload_args(UploadArgs::new().sse_customer_key(key(byte)))
        .download_args(DownloadArgs::new().sse_customer_key(key(byte)));
    builder.build().unwrap()
}

#[track_caller]
fn stored(server: &Server, name: &str) -> Object {
    server
        .bucket(BUCKET)
        .get(name)
        .expect("the object is there")
}

#[test]
fn an_object_with_a_customer_key_is_read_only_with_that_key() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writebytes_with("f", b"secret", &both(1)).unwrap();
    assert!(stored(&server, "f").customer_key_md5.is_some());
    assert_eq!(fs.readbytes_with("f", &both(1)).unwrap(), b"secret");
    let mut read = String::new();
    let mut file = fs.openbin_with("f", "r", &both(1)).unwrap();
    file.seek(SeekFrom::Start(2)).unwrap();
    file.read_to_string(&mut read).unwrap();
    assert_eq!(read, "cret");
    for options in [OpenOptions::new(), both(2)] {
        let error = fs.readbytes_with("f", &options).unwrap_err();
        assert_eq!(error.s3().unwrap().status, 400, "{error}");
        assert!(fs.openbin_with("f", "r", &options).is_err());
    }
}

#[test]
fn a_filesystem_with_a_customer_key_works_like_any_other() {
    let server = Server::start();
    let fs = encrypted(&server, 1);
    fs.makedir("d").unwrap();
    fs.writebytes("d/f", b"content").unwrap();
    assert!(fs.isfile("d/f").unwrap());
    assert_eq!(fs.readbytes("d/f").unwrap(), b"content");
    let info = s3_info(&fs, "d/f");
    assert_eq!(info.sse_customer_algorithm.as_deref(), Some("AES256"));
    assert_eq!(
        info.sse_customer_key_md5,
        stored(&server, "d/f").customer_key_md5
    );
    assert!(!fs.create("d/f", false).unwrap());
    fs.remove("d/f").unwrap();
    fs.removedir("d").unwrap();
}

#[test]
fn an_update_keeps_the_customer_key_of_the_read() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writebytes_with("f", b"secret", &both(1)).unwrap();
    let digest = stored(&server, "f").customer_key_md5;
    let reads = OpenOptions::from(DownloadArgs::new().sse_customer_key(key(1)));
    for mode in ["r+", "a", "a+"] {
        let mut file = fs.openbin_with("f", mode, &reads).unwrap();
        file.seek(SeekFrom::End(0)).unwrap();
        file.write_all(b"!").unwrap();
        file.close().unwrap();
        assert_eq!(stored(&server, "f").customer_key_md5, digest, "{mode}");
    }
    assert_eq!(fs.readbytes_with("f", &both(1)).unwrap(), b"secret!!!");
}

#[test]
fn an_update_may_change_the_encryption() {
    let server = Server::start();
    let fs = common::open(&server);
    let kms = UploadArgs::new()
        .server_side_encryption("aws:kms")
        .ssekms_key_id("key-1")
        .bucket_key_enabled(true);
    let update = |options: &OpenOptions| {
        let mut file = fs.openbin_with("f", "r+", options).unwrap();
        file.write_all(b"N").unwrap();
        file.close().unwrap();
        stored(&server, "f")
    };
    // S3 refuses two kinds of encryption in one request: the old kind must not be sent too.
    fs.writebytes_with("f", b"old", &kms.clone().into())
        .unwrap();
    let customer = UploadArgs::new().sse_customer_key(key(1));
    let object = update(&customer.into());
    assert!(object.customer_key_md5.is_some());
    assert!(
        !object
            .headers
            .keys()
            .any(|name| name.contains("encryption"))
    );

    fs.writebytes_with("f", b"old", &kms.into()).unwrap();
    let aes = UploadArgs::new().server_side_encryption("AES256");
    let headers = update(&aes.into()).headers;
    assert_eq!(headers["x-amz-server-side-encryption"], "AES256");
    assert!(!headers.contains_key("x-amz-server-side-encryption-aws-kms-key-id"));
    assert!(!headers.contains_key("x-amz-server-side-encryption-bucket-key-enabled"));
}

#[test]
fn setinfo_may_change_the_encryption() {
    let server = Server::start();
    let fs = common::open(&server);
    let kms = UploadArgs::new().server_side_encryption("aws:kms");
    let kms = kms.ssekms_key_id("key-1").bucket_key_enabled(true);
    fs.writebytes_with("f", b"x", &kms.into()).unwrap();
    let aes = RawInfo::new().with("s3", "server_side_encryption", "AES256");
    fs.setinfo("f", &aes).unwrap();
    let headers = stored(&server, "f").headers;
    assert_eq!(headers["x-amz-server-side-encryption"], "AES256");
    // Key ids and bucket keys belong to KMS: S3 refuses them with AES256.
    assert!(!headers.contains_key("x-amz-server-side-encryption-aws-kms-key-id"));
    assert!(!headers.contains_key("x-amz-server-side-encryption-bucket-key-enabled"));
    let kms = RawInfo::new()
        .with("s3", "server_side_encryption", "aws:kms")
        .with("s3", "ssekms_key_id", "key-2");
    fs.setinfo("f", &kms).unwrap();
    let info = s3_info(&fs, "f");
    assert_eq!(info.server_side_encryption.as_deref(), Some("aws:kms"));
    assert_eq!(info.ssekms_key_id.as_deref(), Some("key-2"));
}

#[test]
fn setinfo_keeps_an_object_under_the_customers_key() {
    let server = Server::start();
    let fs = encrypted(&server, 1);
    fs.writebytes("f", b"secret").unwrap();
    let digest = stored(&server, "f").customer_key_md5;
    let change = RawInfo::new().with("s3", "content_type", "text/x");
    fs.setinfo("f", &change).unwrap();
    let object = stored(&server, "f");
    assert_eq!(object.headers["content-type"], "text/x");
    assert_eq!(object.customer_key_md5, digest);
    assert_eq!(fs.readbytes("f").unwrap(), b"secret");
}

#[test]
fn setinfo_keeps_a_huge_object_under_the_customers_key() {
    let server = Server::start();
    let fs = encrypted(&server, 1);
    fs.writebytes("f", b"").unwrap();
    let digest = stored(&server, "f").customer_key_md5;
    let mut huge = Object::new(Content::synthetic(1, 6 << 30));
    huge.customer_key_md5.clone_from(&digest);
    server.bucket(BUCKET).put_with("huge", huge);
    let change = RawInfo::new().with("s3", "cache_control", "no-store");
    fs.setinfo("huge", &change).unwrap();
    let object = stored(&server, "huge");
    assert_eq!(object.headers["cache-control"], "no-store");
    assert_eq!(object.customer_key_md5, digest);
    assert_eq!(object.len(), 6 << 30);
}

#[test]
fn a_copy_of_a_huge_object_has_the_encryption_of_the_filesystem() {
    const HUGE: u64 = 6 << 30;
    let server = Server::start();
    let fs = encrypted(&server, 1);
    fs.writebytes("f", b"").unwrap();
    let digest = stored(&server, "f").customer_key_md5;
    let mut huge = Object::new(Content::synthetic(1, HUGE));
    huge.customer_key_md5.clone_from(&digest);
    server.bucket(BUCKET).put_with("huge", huge);
    let read = DownloadArgs::new().sse_customer_key(key(1));
    let store = |upload| {
        let builder = common::builder(&server).download_args(read.clone());
        builder.upload_args(upload).build().unwrap()
    };
    let rekeyed = store(UploadArgs::new().sse_customer_key(key(2)));
    for (fs, is_same) in [
        (&fs, true),
        (&store(UploadArgs::new()), true),
        (&rekeyed, false),
    ] {
        fs.copy_with("huge", "copy", &CopyOptions::new().overwrite(true))
            .unwrap();
        let object = stored(&server, "copy");
        assert!(object.customer_key_md5.is_some());
        assert_eq!(object.customer_key_md5 == digest, is_same);
        assert_eq!(object.len(), HUGE);
    }
    // S3 allows only one kind of encryption.
    let under_kms = Object::new(Content::synthetic(2, HUGE))
        .header("x-amz-server-side-encryption", "aws:kms")
        .header("x-amz-server-side-encryption-aws-kms-key-id", "key-1");
    server.bucket(BUCKET).put_with("kms", under_kms);
    let plain = UploadArgs::new().server_side_encryption("AES256");
    let fs = common::builder(&server).upload_args(plain).build().unwrap();
    fs.copy("kms", "aes").unwrap();
    let headers = stored(&server, "aes").headers;
    assert_eq!(headers["x-amz-server-side-encryption"], "AES256");
    assert!(!headers.contains_key("x-amz-server-side-encryption-aws-kms-key-id"));
}

#[test]
fn setinfo_may_switch_to_encryption_with_s3_managed_keys() {
    let server = Server::start();
    let fs = encrypted(&server, 1);
    fs.writebytes("f", b"secret").unwrap();
    let change = RawInfo::new().with("s3", "server_side_encryption", "AES256");
    fs.setinfo("f", &change).unwrap();
    assert_eq!(stored(&server, "f").customer_key_md5, None);
    assert_eq!(common::open(&server).readbytes("f").unwrap(), b"secret");
}

#[test]
fn a_concurrent_change_is_distinguished_from_a_missing_key() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writebytes_with("f", b"secret", &both(1)).unwrap();
    let mut file = fs.openbin_with("f", "a", &both(1)).unwrap();
    file.write_all(b"mine").unwrap();
    fs.writebytes_with("f", b"theirs", &both(1)).unwrap();
    let error = file.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{error}");
    assert_eq!(fs.readbytes_with("f", &both(1)).unwrap(), b"theirs");
}

#[test]
fn without_the_key_an_object_exists_and_can_be_removed() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.makedir("d").unwrap();
    fs.writebytes_with("d/f", b"secret", &both(1)).unwrap();
    assert!(fs.isfile("d/f").unwrap() && fs.exists("d/f").unwrap());
    assert!(!fs.isfile("d/f2").unwrap() && !fs.exists("d/f2").unwrap());
    assert_eq!(fs.listdir("d").unwrap(), ["f"]);
    let error = fs.openbin_with("d/f", "x", &both(1)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::FileExists, "{error}");
    fs.remove("d/f").unwrap();
    assert_eq!(server.bucket(BUCKET).keys(), ["d/"]);
}

#[test]
fn a_missing_key_is_named_in_the_error() {
    let server = Server::start();
    let fs = common::open(&server);
    fs.writebytes_with("f", b"secret", &both(1)).unwrap();
    let error = fs.getsize("f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("sse_customer_key"), "{error}");
}

#[test]
fn null_metadata_removes_all_entries_and_encryption_stays() {
    let server = Server::start();
    let fs = encrypted(&server, 1);
    let args = UploadArgs::new().metadata("a", "1");
    fs.writebytes_with("f", b"x", &args.into()).unwrap();
    let change = RawInfo::new().with("s3", "metadata", Value::Null);
    fs.setinfo("f", &change).unwrap();
    assert!(s3_info(&fs, "f").metadata.is_empty());
    assert!(stored(&server, "f").customer_key_md5.is_some());
}
