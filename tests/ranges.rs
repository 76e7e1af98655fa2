//! Reads at any offset of an open file: the right bytes of one version, and the number of requests.
#![allow(clippy::single_range_in_vec_init)]

use std::io::{Read, Seek, SeekFrom};

use s3fs::{ErrorKind, File, OpenOptions, S3Fs, S3Reader};
use test_server::{BUCKET, Fault, Rule, Server, synthetic_bytes};

use crate::common;

const SIZE: u64 = 3 << 20;

fn opened(window: u64) -> (Server, S3Fs, S3Reader) {
    let server = Server::start();
    server.bucket(BUCKET).put_synthetic("f", 1, SIZE);
    let fs = common::open(&server);
    let options = OpenOptions::new().first_window(window);
    let reader = fs.open_read("f", &options).unwrap();
    server.take_requests();
    (server, fs, reader)
}

fn bytes(start: u64, end: u64) -> Vec<u8> {
    synthetic_bytes(1, start, (end - start) as usize)
}

#[test]
fn a_read_at_an_offset_is_one_request_and_keeps_the_position() {
    let (server, _, mut reader) = opened(0);
    reader.seek(SeekFrom::Start(7)).unwrap();
    let mut buffer = [0; 100];
    assert_eq!(reader.read_at(1_000_000, &mut buffer).unwrap(), 100);
    assert_eq!(buffer[..], bytes(1_000_000, 1_000_100));
    assert_eq!(server.take_requests().len(), 1);
    assert_eq!(reader.read_at(SIZE - 10, &mut buffer).unwrap(), 10);
    assert_eq!(buffer[..10], bytes(SIZE - 10, SIZE));
    assert_eq!(server.take_requests().len(), 1);
    for (offset, length) in [(SIZE, 100), (u64::MAX, 100), (5, 0)] {
        assert_eq!(reader.read_at(offset, &mut buffer[..length]).unwrap(), 0);
    }
    assert!(server.take_requests().is_empty());
    assert_eq!(reader.stream_position().unwrap(), 7);
    let mut next = [0; 3];
    reader.read_exact(&mut next).unwrap();
    assert_eq!(next[..], bytes(7, 10));
}

#[test]
fn ranges_are_returned_in_order_and_adjacent_ones_share_a_request() {
    let (server, _, reader) = opened(0);
    let ranges = [
        2_000_000..2_000_100,
        0..10,
        20..30,
        5..25,
        7..7,
        SIZE - 1..SIZE,
    ];
    let read = reader.read_ranges(&ranges).unwrap();
    for (range, read) in ranges.iter().zip(&read) {
        assert_eq!(read, &bytes(range.start, range.end), "{range:?}");
    }
    let mut asked: Vec<String> = server
        .take_requests()
        .iter()
        .map(|request| request.header("range").unwrap().to_owned())
        .collect();
    asked.sort();
    let last = format!("bytes={}-", SIZE - 1);
    assert_eq!(
        asked,
        ["bytes=0-29", "bytes=2000000-2000099", last.as_str()]
    );
    assert!(reader.read_ranges(&[]).unwrap().is_empty());
    assert!(server.take_requests().is_empty());
}

#[test]
fn invalid_ranges_are_refused_before_any_request() {
    let (server, _, reader) = opened(0);
    #[allow(clippy::reversed_empty_ranges)]
    for wrong in [0..SIZE + 1, SIZE + 1..SIZE + 1, 10..5, 0..u64::MAX] {
        let error = reader.read_ranges(&[0..10, wrong.clone()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{wrong:?}");
        assert_eq!(error.path(), Some("f"));
    }
    assert!(server.take_requests().is_empty());
}

#[test]
fn reads_at_any_offset_are_of_the_opened_version() {
    let (server, _, reader) = opened(0);
    let copy = reader.try_clone().unwrap();
    server.bucket(BUCKET).put_synthetic("f", 2, SIZE);
    let mut buffer = [0; 10];
    for error in [
        reader.read_at(0, &mut buffer).unwrap_err(),
        reader
            .read_ranges(&[0..10, 1_000_000..1_000_010])
            .unwrap_err(),
        copy.read_at(5, &mut buffer).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::ResourceChanged);
        assert_eq!(error.path(), Some("f"));
    }
}

#[test]
fn a_clone_has_its_own_position() {
    let (server, _, mut reader) = opened(1000);
    let mut start = [0; 100];
    reader.read_exact(&mut start).unwrap();
    let mut copy = reader.try_clone().unwrap();
    assert!(server.take_requests().is_empty());
    let (mut first, mut second) = (Vec::new(), Vec::new());
    let thread = std::thread::spawn(move || {
        copy.read_to_end(&mut second).unwrap();
        second
    });
    reader.read_to_end(&mut first).unwrap();
    assert_eq!(first, bytes(100, SIZE));
    assert_eq!(thread.join().unwrap(), bytes(100, SIZE));
    reader.close().unwrap();
    assert!(reader.try_clone().is_err());
    assert!(reader.read_at(0, &mut start).is_err());
    assert!(reader.read_ranges(&[0..1]).is_err());
}

#[test]
fn a_range_continues_after_a_broken_connection() {
    let (server, _, reader) = opened(0);
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::Truncate(200_000));
    let read = reader.read_ranges(&[0..1_000_000]).unwrap();
    assert_eq!(read[0], bytes(0, 1_000_000));
    assert_eq!(server.take_requests().len(), 2);
}
