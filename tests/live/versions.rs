//! Old versions on the real server, in a separate bucket, which is removed at the end.

use std::time::{Duration, SystemTime};

use rusty_s3::Method;
use s3fs::{FileSystem as _, FileSystemExt as _, OpenOptions, S3Fs};

use super::Live;

/// Enables versioning of the bucket, which the library does not offer.
fn enable_versioning(live: &Live, bucket: &str) {
    let url = format!("{}/{bucket}", live.endpoint.trim_end_matches('/'));
    let signed = rusty_s3::signing::sign(
        &SystemTime::now().try_into().unwrap(),
        Method::Put,
        url.parse().unwrap(),
        &live.access_key,
        &live.secret_key,
        None,
        &live.region,
        300,
        [("versioning", "")].into_iter(),
        std::iter::empty(),
    );
    let body = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <Status>Enabled</Status></VersioningConfiguration>";
    ureq::put(signed.as_str()).send(body).unwrap();
}

/// Returns which versions are delete markers, from the newest to the oldest.
fn markers(fs: &S3Fs, path: &str) -> Vec<bool> {
    let versions = fs.versions(path).unwrap().into_iter();
    versions.map(|version| version.is_delete_marker).collect()
}

#[test]
fn old_versions_are_listed_read_restored_and_removed() {
    let Some(live) = Live::from_environment("versions") else {
        return;
    };
    let bucket = live.directory.clone();
    let fs = S3Fs::builder(&bucket)
        .endpoint_url(&live.endpoint)
        .region(&live.region)
        .aws_access_key_id(&live.access_key)
        .aws_secret_access_key(&live.secret_key)
        .build()
        .unwrap();
    fs.create_bucket().unwrap();
    enable_versioning(&live, &bucket);
    let name = "tides 2026 ä+b%41.csv";
    for content in ["first", "second", "third"] {
        fs.writetext(name, content).unwrap();
        // Stores list times in whole seconds, and some sort by them.
        std::thread::sleep(Duration::from_millis(1100));
    }
    fs.writetext(&format!("{name}.bak"), "another").unwrap();

    let versions = fs.versions(name).unwrap();
    let latest: Vec<bool> = versions.iter().map(|version| version.is_latest).collect();
    assert_eq!(latest, [true, false, false]);
    let sizes: Vec<_> = versions.iter().map(|version| version.info.size()).collect();
    assert_eq!(sizes, [Some(5), Some(6), Some(5)]);
    let second = OpenOptions::new().version_id(&versions[1].version_id);
    assert_eq!(fs.readbytes_with(name, &second).unwrap(), b"second");

    fs.remove(name).unwrap();
    assert_eq!(markers(&fs, name), [true, false, false, false]);
    assert!(!fs.exists(name).unwrap());
    assert!(fs.undelete(name).unwrap());
    assert_eq!(fs.readtext(name).unwrap(), "third");
    assert!(!fs.undelete(name).unwrap());

    std::thread::sleep(Duration::from_millis(1100));
    fs.restore_version(name, &versions[2].version_id).unwrap();
    assert_eq!(fs.readtext(name).unwrap(), "first");
    assert_eq!(markers(&fs, name), [false; 4]);
    let restored = fs.versions(name).unwrap().remove(0);
    fs.remove_version(name, &restored.version_id).unwrap();
    assert_eq!(fs.readtext(name).unwrap(), "third");

    for version in fs.versions_below("/").unwrap() {
        let version = version.unwrap();
        fs.remove_version(&version.path, &version.version_id)
            .unwrap();
    }
    // A bucket with a version cannot be removed.
    fs.delete_bucket().unwrap();
}
