//! Whole reads: continued after a broken connection, and verified if the store keeps a digest.

use s3fs::{ChecksumAlgorithm, ErrorKind, FileSystem, FileSystemExt as _, S3Fs};
use test_server::{Answer, BUCKET, Fault, Rule, Server, synthetic_bytes};

use super::{impatient, open};
use crate::common;

const SIZE: usize = 3_000_000;

fn with_object() -> (Server, Vec<u8>) {
    let server = Server::start();
    server.bucket(BUCKET).put_synthetic("file", 1, SIZE as u64);
    (server, synthetic_bytes(1, 0, SIZE))
}

fn downloaded(fs: &S3Fs, path: &str) -> s3fs::Result<Vec<u8>> {
    let mut content = Vec::new();
    let count = fs.download(path, &mut content)?;
    assert_eq!(count, content.len() as u64);
    Ok(content)
}

type Way = fn(&S3Fs) -> s3fs::Result<Vec<u8>>;

const WAYS: [(&str, Way); 2] = [
    ("readbytes", |fs| fs.readbytes("file")),
    ("download", |fs| downloaded(fs, "file")),
];

#[test]
fn a_broken_connection_is_replaced_from_the_byte_where_it_broke() {
    for (name, read) in WAYS {
        let (server, content) = with_object();
        let faults = server.faults();
        faults.add(Rule::on("GetObject"), Fault::Truncate(1_000_000));
        faults.add(Rule::on("GetObject"), Fault::ResetBody(500_000));
        faults.add(Rule::on("GetObject"), Fault::Truncate(0));
        let fs = open(&server);
        assert!(read(&fs).unwrap() == content, "{name}");
        assert_eq!(server.faults().pending(), 0, "{name}");
        let requests = common::asked(&server, "GetObject");
        let ranges: Vec<_> = requests.iter().map(|r| r.header("range")).collect();
        assert_eq!(ranges[0], None, "{name}");
        assert_eq!(ranges[1], Some("bytes=1000000-"), "{name}");
        assert!(requests[1].header("if-match").is_some(), "{name}");
        assert_eq!(ranges.len(), 4, "{name}");
    }
}

#[test]
fn an_object_replaced_during_a_read_is_reported_and_not_mixed() {
    for (name, read) in WAYS {
        let (server, _) = with_object();
        let replaced = server.bucket(BUCKET);
        let replace = move |_: &_| {
            replaced.put_synthetic("file", 2, SIZE as u64);
            true
        };
        let faults = server.faults();
        faults.add(Rule::on("GetObject"), Fault::Truncate(1_000_000));
        let never = Fault::Answer(Answer::error(500, "InternalError"));
        faults.add(Rule::on("GetObject").when(replace), never);
        let error = read(&open(&server)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ResourceChanged, "{name}: {error}");
    }
}

#[test]
fn connections_that_repeatedly_bring_nothing_are_an_error() {
    for (name, read) in WAYS {
        let (server, _) = with_object();
        server
            .faults()
            .add(Rule::on("GetObject").always(), Fault::Truncate(100));
        let error = read(&open(&server)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RemoteConnection, "{name}: {error}");
        assert_eq!(error.path(), Some("file"), "{name}");
        assert!(server.take_requests().len() < 10, "{name}");
    }
}

fn verifying(server: &Server, algorithm: ChecksumAlgorithm) -> S3Fs {
    impatient(server).checksum(algorithm).build().unwrap()
}

const ALGORITHMS: [ChecksumAlgorithm; 4] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32c,
    ChecksumAlgorithm::Crc64nvme,
    ChecksumAlgorithm::Sha256,
];

#[test]
fn content_damaged_in_transit_is_read_again_or_reported() {
    for algorithm in ALGORITHMS {
        let server = Server::start();
        let fs = verifying(&server, algorithm);
        fs.writebytes("file", &[7; 100_000]).unwrap();
        let damage = Rule::on("GetObject");
        server.faults().add(damage, Fault::Corrupt(50_000));
        assert_eq!(fs.readbytes("file").unwrap(), [7; 100_000]);
        assert_eq!(common::asked(&server, "GetObject").len(), 2);

        let damage = Rule::on("GetObject").times(3);
        server.faults().add(damage, Fault::Corrupt(50_000));
        let error = fs.readbytes("file").unwrap_err();
        assert!(error.to_string().contains(algorithm.name()), "{error}");
        let error = downloaded(&fs, "file").unwrap_err();
        assert!(error.to_string().contains(algorithm.name()), "{error}");
        assert_eq!(downloaded(&fs, "file").unwrap(), [7; 100_000]);
    }
}

#[test]
fn a_read_continued_after_a_break_is_verified_as_a_whole() {
    let server = Server::start();
    let fs = verifying(&server, ChecksumAlgorithm::Crc32);
    fs.writebytes("file", &[7; 300_000]).unwrap();
    let faults = server.faults();
    faults.add(Rule::on("GetObject"), Fault::Truncate(100_000));
    assert_eq!(fs.readbytes("file").unwrap(), [7; 300_000]);
    faults.add(Rule::on("GetObject"), Fault::Truncate(100_000));
    faults.add(Rule::on("GetObject"), Fault::Corrupt(10));
    downloaded(&fs, "file").unwrap_err();
}

#[test]
fn an_object_of_parts_is_also_verified() {
    let server = Server::start();
    let fs = verifying(&server, ChecksumAlgorithm::Crc64nvme);
    let content = synthetic_bytes(1, 0, 9 << 20);
    let mut file = fs.openbin("file", "w").unwrap();
    std::io::Write::write_all(&mut file, &content).unwrap();
    file.close().unwrap();
    assert!(!common::asked(&server, "UploadPart").is_empty());
    assert!(fs.readbytes("file").unwrap() == content);
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::Corrupt(8 << 20));
    downloaded(&fs, "file").unwrap_err();
}

#[test]
fn a_composite_checksum_is_not_mistaken_for_a_full_object_checksum() {
    let server = Server::start();
    let fs = verifying(&server, ChecksumAlgorithm::Sha256);
    let content = synthetic_bytes(1, 0, 9 << 20);
    let mut file = fs.openbin("file", "w").unwrap();
    std::io::Write::write_all(&mut file, &content).unwrap();
    file.close().unwrap();
    assert!(fs.readbytes("file").unwrap() == content);
}

#[test]
fn checksums_are_off_where_the_endpoint_is_not_aws() {
    let server = Server::start();
    let fs = open(&server);
    fs.writebytes("file", b"content").unwrap();
    fs.readbytes("file").unwrap();
    for request in server.take_requests() {
        let names = ["x-amz-checksum-mode", "x-amz-checksum-crc32"];
        assert!(names.iter().all(|name| request.header(name).is_none()));
    }
}

#[test]
fn a_url_can_set_the_checksum() {
    let server = Server::start();
    for (value, header) in [("SHA256", Some("x-amz-checksum-sha256")), ("off", None)] {
        let url = common::fs_url(&server, "", &format!("&strict=0&checksum={value}"));
        let fs = s3fs::open_fs(&url).unwrap();
        fs.writebytes("file", b"content").unwrap();
        let request = server.take_requests().pop().unwrap();
        let sent = request.header("x-amz-checksum-sha256").is_some();
        assert_eq!(sent, header.is_some(), "{value}");
    }
}
