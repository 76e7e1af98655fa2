//! A thousand files to the server and back, on the server that the environment names for the live tests of the library.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::scene::{Ran, Scene, bare};

#[test]
fn a_thousand_files_are_synced_there_and_back() {
    let scene = Scene::new();
    let get = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let live = get("S3FS_TEST_ENDPOINT");
    assert!(
        live.is_some() || get("S3FS_TEST_REQUIRE").as_deref() != Some("1"),
        "S3FS_TEST_REQUIRE is 1, and S3FS_TEST_ENDPOINT is not set"
    );
    let is_live = live.is_some();
    let endpoint = live.unwrap_or_else(|| scene.server.endpoint());
    let key = get("S3FS_TEST_ACCESS_KEY").unwrap_or_else(|| scene.server.access_key().to_owned());
    let secret =
        get("S3FS_TEST_SECRET_KEY").unwrap_or_else(|| scene.server.secret_key().to_owned());
    let region = get("S3FS_TEST_REGION").unwrap_or_else(|| "us-east-1".to_owned());
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let bucket = format!("s3f-{now}");
    let s3f = |words: &[&str]| {
        let mut command = bare(&scene.directory);
        command
            .args(words)
            .env("AWS_ACCESS_KEY_ID", &key)
            .env("AWS_SECRET_ACCESS_KEY", &secret)
            .env("AWS_ENDPOINT_URL_S3", &endpoint)
            .env("AWS_REGION", &region);
        Ran::of(command.output().unwrap())
    };
    let bucket_url = format!("s3://{bucket}");
    let tree = format!("{bucket_url}/tree");
    s3f(&["mb", &bucket_url]).ok();
    assert!(s3f(&["ls"]).ok().lines().any(|name| name == bucket));
    for number in 0..1000 {
        let name = format!("d/{}/sub {}/file-{number}é.txt", number % 7, number % 3);
        scene.write(&name, format!("content of {number}"));
    }
    s3f(&["sync", "./d", &tree, "--workers", "16"]).ok();
    let count = s3f(&["find", &tree, "-t", "f"]).ok().lines().count();
    assert_eq!(count, 1000);
    // A file stored in this second may change within it, and would be copied once more.
    std::thread::sleep(std::time::Duration::from_secs(4));
    s3f(&["sync", &tree, "./e", "--workers", "16"]).ok();
    for path in scene.local().iter().filter(|path| path.starts_with("d/")) {
        assert_eq!(scene.read(path), scene.read(&path.replacen("d/", "e/", 1)));
    }
    assert_eq!(scene.local().len(), 2000);
    // The second call has nothing to do, with each way to compare.
    for how in [&[][..], &["--size-only"], &["--checksum"]] {
        let words = [&["sync", "--dry-run", "--delete", &tree, "./e"][..], how].concat();
        assert_eq!(s3f(&words).ok(), "", "{how:?}");
    }
    std::fs::remove_dir_all(scene.directory.join("e/3")).unwrap();
    scene.write("e/new", "new");
    s3f(&["sync", "--delete", "./e", &tree]).ok();
    let left = s3f(&["du", &tree]).ok();
    let files = (0..1000).filter(|number| number % 7 != 3).count() + 1;
    assert_eq!(
        left.split_whitespace().nth(1),
        Some(&*files.to_string()),
        "{left}"
    );
    s3f(&["rm", "-r", &tree]).ok();
    s3f(&["rb", &bucket_url]).ok();
    println!(
        "on {}",
        if is_live {
            "the live server"
        } else {
            "the embedded server"
        }
    );
}
