//! Old versions and delete markers of files in a bucket: listed, restored and removed.

use s3fs::{ErrorKind, FileSystem, FileSystemExt, FileVersion, OpenOptions, Result, S3Fs};
use test_server::{BUCKET, Bucket, Fault, LoggedRequest, Object, Rule, Server};

use crate::common;
use crate::logged;
use crate::scripted::{Heard, Scripted, answer};

/// A bucket with versioning, and a filesystem on it.
fn versioned() -> (Server, Bucket, S3Fs) {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    let fs = common::open(&server);
    (server, bucket, fs)
}

/// `f` with these contents, the oldest first.
fn with_contents(contents: &[&str]) -> (Server, Bucket, S3Fs) {
    let (server, bucket, fs) = versioned();
    for content in contents {
        bucket.put("f", (*content).to_owned());
    }
    (server, bucket, fs)
}

/// Returns the content of each version on the server, or `None` for a delete marker, from the newest to the oldest.
fn kept(bucket: &Bucket, key: &str) -> Vec<Option<String>> {
    let versions = bucket.versions(key).into_iter().rev();
    let content = |object: Object| String::from_utf8(object.bytes()).unwrap();
    versions
        .map(|version| version.object.map(content))
        .collect()
}

fn ids(bucket: &Bucket, key: &str) -> Vec<String> {
    let versions = bucket.versions(key).into_iter().rev();
    versions.map(|version| version.id).collect()
}

fn operations(server: &Server) -> Vec<&'static str> {
    let requests = server.take_requests().into_iter();
    requests.map(|request| request.operation).collect()
}

#[test]
fn the_versions_of_a_file_are_listed_from_the_newest_to_the_oldest() {
    let (server, bucket, fs) = with_contents(&["1", "22"]);
    bucket.remove("f");
    bucket.put("f", "4444");
    for other in ["f2", "f/below", "e", "g"] {
        bucket.put(other, "other");
    }
    server.take_requests();
    let versions = fs.versions("f").unwrap();
    assert_eq!(operations(&server), ["ListObjectVersions"]);
    let told: Vec<_> = versions
        .iter()
        .map(|it| {
            (
                it.version_id.as_str(),
                it.is_latest,
                it.is_delete_marker,
                it.info.size(),
            )
        })
        .collect();
    let ids = ids(&bucket, "f");
    assert_eq!(
        told,
        [
            (ids[0].as_str(), true, false, Some(4)),
            (ids[1].as_str(), false, true, Some(0)),
            (ids[2].as_str(), false, false, Some(2)),
            (ids[3].as_str(), false, false, Some(1)),
        ]
    );
    for version in &versions {
        assert_eq!((version.path.as_str(), version.info.name()), ("/f", "f"));
        assert!(version.info.modified().is_some() && version.info.is_file());
        let has_content = !version.is_delete_marker;
        assert_eq!(version.e_tag.is_some(), has_content);
        assert_eq!(version.storage_class.is_some(), has_content);
    }
    let oldest = OpenOptions::new().version_id(&versions[3].version_id);
    assert_eq!(fs.readbytes_with("f", &oldest).unwrap(), b"1");
}

#[test]
fn versions_are_listed_in_as_few_pages_as_possible() {
    let server = Server::builder().page_size(3).start();
    let bucket = server.bucket(BUCKET);
    bucket.enable_versioning();
    let fs = common::builder(&server).dir_path("d").build().unwrap();
    for content in ["1", "2", "3", "4", "5"] {
        bucket.put("d/a+b", content);
    }
    for number in 0..20 {
        bucket.put(&format!("d/a+b/{number:02}"), "below");
    }
    server.take_requests();
    let versions = fs.versions("a+b").unwrap();
    let listed: Vec<&String> = versions.iter().map(|version| &version.version_id).collect();
    let ids = ids(&bucket, "d/a+b");
    assert_eq!(listed, ids.iter().collect::<Vec<_>>());
    assert_eq!(operations(&server).len(), 2);
    let all = fs
        .versions_below("/")
        .unwrap()
        .map(|version| version.unwrap().path);
    let all: Vec<String> = all.collect();
    assert_eq!(
        (all.len(), all[4].as_str(), all[24].as_str()),
        (25, "/a+b", "/a+b/19")
    );
    assert_eq!(operations(&server).len(), 9);
}

#[test]
fn a_bucket_that_keeps_no_versions_has_one_of_each_file() {
    let server = Server::start();
    server.bucket(BUCKET).put("f", "content");
    let fs = common::open(&server);
    let versions = fs.versions("f").unwrap();
    assert_eq!(
        (versions.len(), versions[0].version_id.as_str()),
        (1, "null")
    );
    assert!(versions[0].is_latest && !versions[0].is_delete_marker);
    fs.remove_version("f", "null").unwrap();
    assert!(!fs.exists("f").unwrap());
}

#[test]
fn a_path_that_is_no_file_has_no_versions() {
    let (_server, bucket, fs) = with_contents(&["content"]);
    bucket.put("d/f", "content");
    for (path, kind) in [
        ("none", ErrorKind::ResourceNotFound),
        ("d", ErrorKind::FileExpected),
        ("/", ErrorKind::FileExpected),
        ("../f", ErrorKind::IllegalBackReference),
    ] {
        let error = fs.versions(path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, Some(path)), "{error}");
        let error = fs.undelete(path).unwrap_err();
        assert_eq!((error.kind(), error.path()), (kind, Some(path)), "{error}");
    }
    fs.close().unwrap();
    assert_eq!(
        fs.versions("f").unwrap_err().kind(),
        ErrorKind::FilesystemClosed
    );
}

#[test]
fn versions_below_a_directory_include_existing_and_removed_files() {
    let (_server, bucket, fs) = versioned();
    bucket.put("d/", "");
    bucket.put("d/a", "1");
    bucket.put("d/a", "2");
    bucket.put("d/sub/b", "1");
    bucket.put("d2/c", "1");
    bucket.put("d", "the file");
    fs.removetree("d").unwrap();
    let below = |path: &str| -> Vec<(String, bool, bool)> {
        let versions = fs.versions_below(path).unwrap();
        let told = |it: FileVersion| (it.path, it.is_latest, it.is_delete_marker);
        versions.map(|version| told(version.unwrap())).collect()
    };
    let expected = [
        ("/d/a", true, true),
        ("/d/a", false, false),
        ("/d/a", false, false),
        ("/d/sub/b", true, true),
        ("/d/sub/b", false, false),
    ];
    let expected: Vec<_> = expected
        .map(|(path, one, two)| (path.to_owned(), one, two))
        .into();
    assert_eq!(below("d"), expected);
    assert_eq!(below("none"), []);
    assert_eq!(below("/").len(), 7);
    let sub = common::builder(&_server).dir_path("d/sub").build().unwrap();
    let paths = sub
        .versions_below("/")
        .unwrap()
        .map(|version| version.unwrap().path);
    assert_eq!(paths.collect::<Vec<_>>(), ["/b", "/b"]);
}

#[test]
fn versions_of_keys_without_a_path_are_left_out_with_a_warning() {
    let (_server, bucket, fs) = versioned();
    for key in ["a//b", "a/..", "ok"] {
        bucket.put(key, "content");
    }
    let mut paths = Vec::new();
    let warnings = logged::warnings(|| {
        paths.extend(
            fs.versions_below("/")
                .unwrap()
                .map(|version| version.unwrap().path),
        );
    });
    assert_eq!(paths, ["/ok"]);
    assert_eq!(
        warnings,
        ["skipped 2 keys below \"\" that no path can name"]
    );
}

#[test]
fn a_version_that_a_page_repeats_is_listed_once() {
    let version = |id: u32| {
        format!(
            "<Version><Key>f</Key><VersionId>v{id}</VersionId><IsLatest>{}</IsLatest><Size>1</Size></Version>",
            id == 3
        )
    };
    let page = |ids: [u32; 2], rest: &str| {
        let versions = ids.map(version).concat();
        format!("<ListVersionsResult>{versions}{rest}</ListVersionsResult>")
    };
    let first = page(
        [3, 2],
        "<IsTruncated>true</IsTruncated><NextKeyMarker>f</NextKeyMarker><NextVersionIdMarker>v2</NextVersionIdMarker>",
    );
    let last = page([2, 1], "<IsTruncated>false</IsTruncated>");
    let server = Scripted::start(move |heard: &mut Heard<'_>| {
        let is_last = heard.line().contains("version-id-marker=v2");
        heard.send(answer("200 OK", if is_last { &last } else { &first }));
    });
    let fs = server.builder().build().unwrap();
    let ids = |versions: Vec<FileVersion>| {
        let ids = versions.into_iter().map(|version| version.version_id);
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(fs.versions("f").unwrap()), ["v3", "v2", "v1"]);
    let below: Result<_> = fs.versions_below("/").unwrap().collect();
    assert_eq!(ids(below.unwrap()), ["v3", "v2", "v1"]);
}

#[test]
fn versions_of_keys_outside_the_prefix_are_an_error() {
    // A request for `a b` that returns `a+b` must not be reported as no versions.
    for key in ["a+b", "other"] {
        let page = format!(
            "<ListVersionsResult><Version><Key>{key}</Key><VersionId>v</VersionId><IsLatest>true</IsLatest>\
             <Size>1</Size></Version><IsTruncated>false</IsTruncated></ListVersionsResult>"
        );
        let server = Scripted::start(move |heard: &mut Heard<'_>| {
            heard.send(answer("200 OK", &page));
        });
        let fs = server.builder().build().unwrap();
        let below: Result<Vec<_>> = fs.versions_below("a b").unwrap().collect();
        for error in [
            fs.versions("a b").unwrap_err(),
            fs.undelete("a b").unwrap_err(),
            below.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
            assert!(error.to_string().contains("not requested"), "{error}");
        }
        assert!(server.operations().iter().all(|asked| asked == "GetObject"));
    }
}

#[test]
fn an_error_ends_the_listing() {
    let (server, bucket, fs) = with_contents(&["content"]);
    bucket.put("g", "content");
    server.faults().add(
        Rule::on("ListObjectVersions"),
        Fault::error(403, "AccessDenied"),
    );
    let mut versions = fs.versions_below("/").unwrap();
    let error = versions.next().unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error.to_string().contains("s3:ListBucketVersions"),
        "{error}"
    );
    assert!(versions.next().is_none());
}

#[test]
fn a_restored_version_becomes_current_unchanged() {
    let (server, bucket, fs) = versioned();
    let old = Object {
        tags: vec![("colour".into(), "red".into())],
        storage_class: "STANDARD_IA".into(),
        ..Object::new("old")
            .header("content-type", "text/x-old")
            .header("x-amz-meta-of", "old")
    };
    bucket.put_with("d/ä?b", old);
    bucket.put("d/ä?b", "new");
    let id = ids(&bucket, "d/ä?b").pop().unwrap();
    server.take_requests();
    fs.restore_version("d/ä?b", &id).unwrap();
    assert_eq!(operations(&server), ["HeadObject", "CopyObject"]);
    let old = Some("old".to_owned());
    assert_eq!(
        kept(&bucket, "d/ä?b"),
        [old.clone(), Some("new".to_owned()), old]
    );
    let object = bucket.get("d/ä?b").unwrap();
    assert_eq!(object.headers["content-type"], "text/x-old");
    assert_eq!(object.headers["x-amz-meta-of"], "old");
    assert_eq!(object.tags, [("colour".into(), "red".into())]);
    assert_eq!(object.storage_class, "STANDARD_IA");
}

#[test]
fn a_removed_file_is_restored_with_its_directory() {
    let (_server, bucket, fs) = versioned();
    bucket.put("d/f", "content");
    bucket.remove("d/f");
    assert!(!fs.isdir("d").unwrap());
    let id = ids(&bucket, "d/f").pop().unwrap();
    fs.restore_version("d/f", &id).unwrap();
    assert_eq!(fs.readtext("d/f").unwrap(), "content");
    assert!(fs.isdir("d").unwrap());
}

#[test]
fn an_old_version_above_5_gib_is_restored_in_parts() {
    let (server, bucket, fs) = versioned();
    let size = (5 << 30) + 1;
    bucket.put_synthetic("f", 1, size);
    bucket.put_synthetic("f", 2, size);
    let id = ids(&bucket, "f").pop().unwrap();
    fs.restore_version("f", &id).unwrap();
    let requests = server.take_requests();
    let is_part = |request: &&LoggedRequest| request.operation == "UploadPartCopy";
    let parts: Vec<_> = requests.iter().filter(is_part).collect();
    assert!(parts.len() > 1);
    assert_eq!(requests.len(), parts.len() + 5);
    for part in parts {
        let source = part.header("x-amz-copy-source").unwrap();
        assert_eq!(source, format!("/bucket/f?versionId={id}"));
    }
    let (restored, first) = (bucket.get("f").unwrap(), bucket.versions("f").remove(0));
    let first = first.object.unwrap();
    assert_eq!(restored.len(), size);
    let at = |object: &Object| object.content.slice(0..64).to_vec();
    assert_eq!(at(&restored), at(&first));
}

#[test]
fn a_failed_restore_changes_nothing() {
    let (server, bucket, fs) = with_contents(&["1"]);
    bucket.remove("f");
    bucket.put("f", "2");
    let ids = ids(&bucket, "f");
    let before = kept(&bucket, "f");
    for (id, words) in [
        (ids[1].as_str(), "delete marker"),
        ("0000000000000000000000ff", "does not exist"),
    ] {
        let error = fs.restore_version("f", id).unwrap_err();
        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::ResourceNotFound, Some("f"))
        );
        assert!(error.to_string().contains(words), "{error}");
    }
    server.take_requests();
    for result in [fs.restore_version("f", ""), fs.remove_version("f", "")] {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.path()),
            (ErrorKind::InvalidArgument, Some("f"))
        );
    }
    let read_only = common::builder(&server).read_only(true).build().unwrap();
    for result in [
        read_only.restore_version("f", &ids[2]),
        read_only.remove_version("f", &ids[2]),
        read_only.undelete("f").map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), ErrorKind::ResourceReadOnly);
    }
    assert_eq!(operations(&server), [""; 0]);
    assert_eq!(kept(&bucket, "f"), before);
}

#[test]
fn an_archived_version_is_not_restored_by_a_copy() {
    let (_server, bucket, fs) = versioned();
    let archived = Object {
        storage_class: "GLACIER".into(),
        ..Object::new("cold")
    };
    bucket.put_with("f", archived);
    bucket.put("f", "warm");
    let id = ids(&bucket, "f").pop().unwrap();
    let error = fs.restore_version("f", &id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ArchivedObject, "{error}");
    assert_eq!(kept(&bucket, "f").len(), 2);
}

#[test]
fn removing_a_version_is_permanent_and_makes_the_previous_one_current() {
    let (server, bucket, fs) = with_contents(&["1", "2", "3"]);
    let ids = ids(&bucket, "f");
    server.take_requests();
    fs.remove_version("f", &ids[1]).unwrap();
    assert_eq!(operations(&server), ["DeleteObject"]);
    let texts = |texts: &[&str]| -> Vec<Option<String>> {
        texts.iter().map(|text| Some((*text).to_owned())).collect()
    };
    assert_eq!(kept(&bucket, "f"), texts(&["3", "1"]));
    fs.remove_version("f", &ids[0]).unwrap();
    assert_eq!(fs.readtext("f").unwrap(), "1");
    // The second removal: the version is already gone.
    fs.remove_version("f", &ids[0]).unwrap();
    assert_eq!(kept(&bucket, "f"), texts(&["1"]));
}

#[test]
fn an_error_about_removing_a_version_names_the_missing_permission() {
    let (_server, bucket, fs) = with_contents(&["1"]);
    bucket.refuse_delete("f");
    let id = ids(&bucket, "f").remove(0);
    let error = fs.remove_version("f", &id).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(
        error.to_string().contains("s3:DeleteObjectVersion"),
        "{error}"
    );
}

#[test]
fn an_undeleted_file_is_its_last_version() {
    let (server, bucket, fs) = with_contents(&["1", "2"]);
    let before = ids(&bucket, "f");
    fs.remove("f").unwrap();
    server.take_requests();
    assert!(fs.undelete("f").unwrap());
    assert_eq!(operations(&server), ["ListObjectVersions", "DeleteObject"]);
    assert_eq!(fs.readtext("f").unwrap(), "2");
    assert_eq!(ids(&bucket, "f"), before);
    server.take_requests();
    assert!(!fs.undelete("f").unwrap());
    assert_eq!(operations(&server), ["ListObjectVersions"]);
}

#[test]
fn every_delete_marker_that_hides_a_file_is_removed_and_no_other() {
    let (server, bucket, fs) = with_contents(&["1"]);
    bucket.remove("f");
    bucket.put("f", "2");
    let other = "f/below";
    bucket.put(other, "other");
    bucket.remove(other);
    for _ in 0..3 {
        // The server adds another marker each time.
        let lenient = common::open_lenient(&server);
        lenient.remove("f").unwrap();
    }
    assert_eq!(kept(&bucket, "f").len(), 6);
    // After a failure on the way the file is hidden as before, and another call undeletes it.
    let refused = Fault::error(403, "AccessDenied");
    server
        .faults()
        .add(Rule::on("DeleteObject").nth(2), refused);
    assert_eq!(
        fs.undelete("f").unwrap_err().kind(),
        ErrorKind::PermissionDenied
    );
    assert!(!fs.exists("f").unwrap());
    assert!(fs.undelete("f").unwrap());
    let expected = [Some("2".to_owned()), None, Some("1".to_owned())];
    assert_eq!(kept(&bucket, "f"), expected);
    assert_eq!(kept(&bucket, other), [None, Some("other".to_owned())]);
}

#[test]
fn a_file_with_only_delete_markers_cannot_be_undeleted() {
    let (_server, bucket, fs) = versioned();
    bucket.remove("f");
    let before = kept(&bucket, "f");
    assert_eq!(before, [None]);
    let error = fs.undelete("f").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceNotFound);
    assert_eq!(kept(&bucket, "f"), before);
    assert!(fs.versions("f").unwrap()[0].is_delete_marker);
}
