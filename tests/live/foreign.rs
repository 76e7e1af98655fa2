//! Objects of other programs on the real server: metadata in every form, and buckets of tenants.

use std::env;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use s3fs::{FileSystem as _, FileSystemExt as _, Namespaces, PresignMethod, RawInfo, S3Fs};
use url::Url;

use super::Live;

/// Stores an object with exactly these bytes as metadata. The URL is signed without the metadata.
fn put_raw(fs: &S3Fs, path: &str, metadata: &[(&str, &[u8])]) -> String {
    let url = fs.presign(path).unwrap().method(PresignMethod::Put);
    let url = Url::parse(url.url().unwrap().as_str()).unwrap();
    let host = url.host_str().unwrap();
    let port = url.port_or_known_default().unwrap();
    let target = &url[url::Position::BeforePath..];
    let mut request = format!(
        "PUT {target} HTTP/1.1\r\nhost: {host}:{port}\r\nconnection: close\r\ncontent-length: 3\r\n"
    )
    .into_bytes();
    for (name, value) in metadata {
        request.extend(format!("x-amz-meta-{name}: ").as_bytes());
        request.extend(*value);
        request.extend(b"\r\n");
    }
    request.extend(b"\r\nold");
    let mut stream = TcpStream::connect((host, port)).unwrap();
    stream.write_all(&request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    answer.lines().next().unwrap_or_default().to_owned()
}

/// The metadata of a file, as text.
fn metadata(fs: &S3Fs, path: &str) -> Vec<(String, String)> {
    let info = fs.getinfo(path, Namespaces::S3).unwrap();
    let entries = info.s3().unwrap().metadata.clone();
    entries
        .into_iter()
        .filter(|(name, _)| name.starts_with("foreign"))
        .collect()
}

#[test]
fn metadata_of_other_programs_is_read_and_kept() {
    let Some(live) = Live::from_environment("metadata") else {
        return;
    };
    let fs = live.open();
    // Raw UTF-8, an encoded word, and a run of spaces.
    for (name, value, text) in [
        ("foreign-utf8", "é 日本".as_bytes(), "é 日本"),
        ("foreign-word", b"=?UTF-8?B?w6k=?=", "é"),
        ("foreign-spaces", b"a   b", "a   b"),
    ] {
        let status = put_raw(&fs, name, &[(name, value)]);
        if !status.contains(" 200 ") {
            println!("{} refuses {name}: {status}", live.store);
            continue;
        }
        let expected = [(name.to_owned(), text.to_owned())];
        // A store may convert the metadata. The form that it returns is the one that is kept.
        let given = metadata(&fs, name);
        match live.is("radosgw") {
            true => assert_eq!(given, expected),
            false => println!("{} gives {given:?} for {name}", live.store),
        }
        fs.appendbytes(name, b" and new").unwrap();
        assert_eq!(metadata(&fs, name), given, "{name} after an append");
        let csv = RawInfo::new().with("s3", "content_type", "text/csv");
        fs.setinfo(name, &csv).unwrap();
        assert_eq!(metadata(&fs, name), given, "{name} after setinfo");
        let copy = format!("{name}-copy");
        fs.copy(name, &copy).unwrap();
        assert_eq!(metadata(&fs, &copy), given, "{name} after a copy");
        assert_eq!(fs.readtext(&copy).unwrap(), "old and new");
    }
}

/// A user of a tenant names the bucket with the tenant, as users of other tenants must.
#[test]
fn a_bucket_of_a_tenant_is_named_with_its_tenant() {
    let Some(live) = Live::from_environment("tenant") else {
        return;
    };
    let get = |name: &str| env::var(format!("S3FS_TEST_TENANT{name}"));
    let (Ok(tenant), Ok(access_key), Ok(secret_key)) =
        (get(""), get("_ACCESS_KEY"), get("_SECRET_KEY"))
    else {
        return println!(
            "not tested: S3FS_TEST_TENANT names no tenant of {}",
            live.store
        );
    };
    let open = |bucket: &str| {
        S3Fs::builder(bucket)
            .endpoint_url(&live.endpoint)
            .region(&live.region)
            .aws_access_key_id(&access_key)
            .aws_secret_access_key(&secret_key)
            .dir_path(&live.directory)
            .build()
            .unwrap()
    };
    let plain = open(&live.bucket);
    plain.create_bucket().unwrap();
    let named = open(&format!("{tenant}:{}", live.bucket));
    plain.writetext("a +%é", "by its own name").unwrap();
    assert_eq!(named.readtext("a +%é").unwrap(), "by its own name");
    assert_eq!(named.listdir("/").unwrap(), ["a +%é"]);
    named.copy("a +%é", "copy").unwrap();
    named.movefile("copy", "moved").unwrap();
    named.writebytes("large", &vec![7; 12 << 20]).unwrap();
    let presigned = named.presign("moved").unwrap().url().unwrap();
    let answer = ureq::get(presigned.as_str()).call().unwrap();
    let text = answer.into_body().read_to_string().unwrap();
    assert_eq!(text, "by its own name");
    assert_eq!(plain.getsize("large").unwrap(), 12 << 20);
    // The bucket with that name and without a tenant is another one.
    assert!(!live.open().exists("moved").unwrap());
    named.removetree("/").unwrap();
}
