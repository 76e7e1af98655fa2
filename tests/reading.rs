//! Files opened for reading: their requests, the transferred bytes, and their behavior after failures.

use std::io::{BufRead, Cursor, Read, Seek, SeekFrom};
use std::thread;
use std::time::{Duration, Instant};

use s3fs::{
    Error, ErrorKind, FileSystem, FileSystemExt, OpenOptions, S3Fs, S3Reader, TransferOptions,
    open_fs,
};
use test_server::{Answer, BUCKET, Fault, Hold, LoggedRequest, Rule, Server, synthetic_bytes};

use crate::common;
use crate::local::Directory;
use crate::logged::warnings;

const MIB: u64 = 1 << 20;

/// A server with one object `f` of `size` bytes, and its filesystem.
fn with_object(size: u64) -> (Server, S3Fs) {
    let server = Server::start();
    server.bucket(BUCKET).put_synthetic("f", 1, size);
    let fs = common::open(&server);
    (server, fs)
}

fn window(bytes: u64) -> OpenOptions {
    OpenOptions::new().first_window(bytes)
}

#[track_caller]
fn open(fs: &S3Fs, options: &OpenOptions) -> S3Reader {
    fs.open_read("f", options).unwrap()
}

/// Returns the `Range` headers, in order, or the operation for requests without one.
fn ranges(requests: &[LoggedRequest]) -> Vec<&str> {
    let range = |request| LoggedRequest::header(request, "range").unwrap_or(request.operation);
    requests.iter().map(range).collect()
}

fn moved(server: &Server) -> u64 {
    server
        .requests()
        .iter()
        .map(|request| request.bytes_out)
        .sum()
}

fn kind(result: std::io::Result<usize>) -> ErrorKind {
    Error::from(result.expect_err("an error")).kind()
}

/// A pseudo-random generator with the same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[test]
fn reads_and_seeks_have_the_same_results_as_in_memory() {
    let size = 9 * MIB + 777;
    let (_server, fs) = with_object(size);
    let content = synthetic_bytes(1, 0, size as usize);
    let windows = [0, 1, 1000, 65_536, MIB, 20 * MIB];
    for (round, (first, ahead)) in windows
        .into_iter()
        .flat_map(|first| [(first, 0), (first, 2)])
        .enumerate()
    {
        let mut file = open(&fs, &window(first).read_ahead(ahead));
        let mut model = Cursor::new(&content);
        let mut dice = Dice(round as u64);
        for step in 0..40 {
            let told = format!("step {step} with a window of {first} and {ahead} ahead");
            match dice.below(6) {
                0 => {
                    let to = SeekFrom::Start(dice.below(size + 1000));
                    assert_eq!(file.seek(to).unwrap(), model.seek(to).unwrap(), "{told}");
                }
                1 => {
                    let by = dice.below(200_000) as i64 - 70_000;
                    let to = SeekFrom::Current(by);
                    assert_eq!(file.seek(to).ok(), model.seek(to).ok(), "{told}");
                }
                2 => {
                    let there = file.fill_buf().unwrap();
                    let expected = model.fill_buf().unwrap();
                    assert_eq!(there.is_empty(), expected.is_empty(), "{told}");
                    assert!(expected.starts_with(there), "{told}");
                    let used = there.len() / 2;
                    file.consume(used);
                    model.consume(used);
                }
                3 => {
                    // Long reads reach the end of windows.
                    let mut bytes = vec![0; dice.below(3 * MIB) as usize];
                    let rest = size
                        .saturating_sub(model.position())
                        .min(bytes.len() as u64);
                    let bytes = &mut bytes[..rest as usize];
                    let mut expected = bytes.to_vec();
                    file.read_exact(bytes).unwrap();
                    model.read_exact(&mut expected).unwrap();
                    assert!(*bytes == expected, "{told}");
                }
                _ => {
                    let mut bytes = vec![0; dice.below(20_000) as usize];
                    let mut expected = bytes.clone();
                    let count = file.read(&mut bytes).unwrap();
                    assert_eq!(
                        count == 0,
                        bytes.is_empty() || model.position() >= size,
                        "{told}"
                    );
                    model.read_exact(&mut expected[..count]).unwrap();
                    assert!(bytes == expected, "{told}");
                }
            }
            assert_eq!(file.stream_position().unwrap(), model.position(), "{told}");
        }
        let (mut rest, mut expected) = (Vec::new(), Vec::new());
        file.read_to_end(&mut rest).unwrap();
        model.read_to_end(&mut expected).unwrap();
        assert!(rest == expected, "a window of {first} and {ahead} ahead");
    }
}

#[test]
fn a_whole_read_is_one_request_within_the_first_window_and_otherwise_two() {
    for (size, first, expected) in [
        (0, MIB, &["bytes=0-1048575"] as &[&str]),
        (1, MIB, &["bytes=0-1048575"]),
        (MIB, MIB, &["bytes=0-1048575"]),
        (MIB + 1, MIB, &["bytes=0-1048575", "bytes=1048576-"]),
        (40 * MIB, MIB, &["bytes=0-1048575", "bytes=1048576-"]),
        (3000, 1000, &["bytes=0-999", "bytes=1000-"]),
        (0, 0, &["HeadObject"]),
        (3000, 0, &["HeadObject", "bytes=0-"]),
    ] {
        let (server, fs) = with_object(size);
        let mut file = open(&fs, &window(first));
        assert_eq!(file.size(), size);
        let count = std::io::copy(&mut file, &mut std::io::sink()).unwrap();
        assert_eq!(count, size);
        assert_eq!(
            ranges(&server.requests()),
            expected,
            "{size} bytes, window {first}"
        );
        if size > 0 {
            assert_eq!(moved(&server), size);
        }
    }
}

#[test]
fn reading_a_gibibyte_from_its_start_takes_two_requests() {
    let (server, fs) = with_object(1 << 30);
    let mut file = open(&fs, &OpenOptions::new());
    // The second request is for the whole rest, of which a part is read.
    let read = std::io::copy(&mut (&mut file).take(100 * MIB), &mut std::io::sink());
    assert_eq!(read.unwrap(), 100 * MIB);
    assert_eq!(
        ranges(&server.requests()),
        ["bytes=0-1048575", "bytes=1048576-"]
    );
}

#[test]
fn reading_the_head_or_tail_of_a_large_object_transfers_little() {
    let (server, fs) = with_object(1 << 30);
    let mut header = [0; 100];
    open(&fs, &OpenOptions::new())
        .read_exact(&mut header)
        .unwrap();
    assert_eq!(header[..], synthetic_bytes(1, 0, 100));
    assert!(moved(&server) <= MIB + MIB / 4, "{}", moved(&server));

    let size = 5 << 30;
    for (first, limit) in [(MIB, MIB + 65_536), (0, 72 << 10)] {
        let (server, fs) = with_object(size);
        let mut file = open(&fs, &window(first));
        assert_eq!(file.seek(SeekFrom::End(-65_536)).unwrap(), size - 65_536);
        let mut end = Vec::new();
        file.read_to_end(&mut end).unwrap();
        crate::common::assert_same_bytes(
            end,
            synthetic_bytes(1, size - 65_536, 65_536),
            "the content",
        );
        assert!(
            moved(&server) <= limit,
            "{} with a window of {first}",
            moved(&server)
        );
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn windows_grow_after_a_seek_until_the_rest_is_requested() {
    let (server, fs) = with_object(64 * MIB);
    let mut file = open(&fs, &window(0));
    file.seek(SeekFrom::Start(100)).unwrap();
    std::io::copy(&mut file, &mut std::io::sink()).unwrap();
    let starts = [100, 65_636, 327_780, 1_376_356, 5_570_660, 22_347_876];
    let mut expected = vec!["HeadObject".to_owned()];
    expected.extend(
        starts
            .windows(2)
            .map(|pair| format!("bytes={}-{}", pair[0], pair[1] - 1)),
    );
    expected.push("bytes=22347876-".to_owned());
    assert_eq!(ranges(&server.requests()), expected);
}

#[test]
fn a_large_read_requests_its_whole_length() {
    let (server, fs) = with_object(8 * MIB);
    let mut file = open(&fs, &window(0));
    file.seek(SeekFrom::Start(MIB)).unwrap();
    file.read_exact(&mut vec![0; 3 << 20]).unwrap();
    assert_eq!(
        ranges(&server.requests()),
        ["HeadObject", "bytes=1048576-4194303"]
    );
}

#[test]
fn a_short_seek_forward_reads_on_and_a_long_one_sends_a_request() {
    let (server, fs) = with_object(4 * MIB);
    let mut file = open(&fs, &OpenOptions::new());
    let mut byte = [0];
    for to in [0, 10_000, 70_000, 130_000] {
        file.seek(SeekFrom::Start(to)).unwrap();
        file.read_exact(&mut byte).unwrap();
        assert_eq!(byte[..], synthetic_bytes(1, to, 1));
    }
    assert_eq!(server.take_requests().len(), 1);
    file.seek(SeekFrom::Start(2 * MIB)).unwrap();
    file.read_exact(&mut byte).unwrap();
    // The byte read last is still in the buffer.
    file.seek(SeekFrom::Current(-1)).unwrap();
    file.read_exact(&mut byte).unwrap();
    assert_eq!(byte[..], synthetic_bytes(1, 2 * MIB, 1));
    assert_eq!(ranges(&server.take_requests()), ["bytes=2097152-2162687"]);
    // A seek alone sends no request.
    file.seek(SeekFrom::End(0)).unwrap();
    assert_eq!(file.read(&mut byte).unwrap(), 0);
    assert!(server.take_requests().is_empty());
}

#[test]
fn scattered_reads_share_one_connection() {
    let (server, fs) = with_object(8 * MIB);
    let mut file = open(&fs, &window(0));
    for number in 0..20 {
        file.seek(SeekFrom::Start(number * 7 % 20 * 300_000))
            .unwrap();
        file.read_exact(&mut [0; 100]).unwrap();
    }
    assert_eq!(server.requests().len(), 21);
    assert_eq!(server.connections(), 1);
}

#[test]
fn every_request_after_the_first_requires_the_same_version() {
    let (server, fs) = with_object(4 * MIB);
    server.bucket(BUCKET).enable_versioning();
    server.bucket(BUCKET).put_synthetic("f", 2, 4 * MIB);
    let version = server.bucket(BUCKET).versions("f")[0].id.clone();
    let options = window(1000).read_ahead(1).version_id(version.clone());
    let mut file = open(&fs, &options);
    std::io::copy(&mut file, &mut std::io::sink()).unwrap();
    file.seek(SeekFrom::Start(10)).unwrap();
    file.read_exact(&mut [0; 10_000]).unwrap();
    let requests = server.take_requests();
    assert_eq!(requests.len(), 3);
    let e_tag = requests[1].header("if-match").expect("a condition");
    for (number, request) in requests.iter().enumerate() {
        assert_eq!(request.query("versionId"), Some(version.as_str()));
        assert_eq!(request.header("if-match"), (number > 0).then_some(e_tag));
    }
}

#[test]
fn a_replaced_object_is_reported_and_never_mixed() {
    // The way to open the file, and the action after the object is replaced.
    type Then = fn(&mut S3Reader) -> std::io::Result<usize>;
    fn to_end(file: &mut S3Reader) -> std::io::Result<usize> {
        file.read_to_end(&mut Vec::new())
    }
    fn elsewhere(file: &mut S3Reader) -> std::io::Result<usize> {
        file.seek(SeekFrom::End(-9))?;
        file.read(&mut [0; 9])
    }
    let table: [(OpenOptions, Then); 5] = [
        (window(MIB), to_end),
        (window(MIB), elsewhere),
        (window(0), to_end),
        (window(MIB).read_ahead(2), to_end),
        (window(0).read_ahead(2), elsewhere),
    ];
    for (number, (options, then)) in table.into_iter().enumerate() {
        // The new object has the same size, or another one.
        for size in [20 * MIB, 19 * MIB] {
            let (server, fs) = with_object(20 * MIB);
            let mut file = open(&fs, &options);
            let mut start = [0; 1000];
            file.read_exact(&mut start).unwrap();
            assert_eq!(start[..], synthetic_bytes(1, 0, 1000));
            server.bucket(BUCKET).put_synthetic("f", 2, size);
            assert_eq!(
                kind(then(&mut file)),
                ErrorKind::ResourceChanged,
                "{number}"
            );
            // The next attempt does not bring it back either.
            assert_eq!(
                kind(then(&mut file)),
                ErrorKind::ResourceChanged,
                "{number}"
            );
        }
    }
}

#[test]
fn a_read_continues_where_the_connection_broke() {
    let size = 3 * MIB;
    let content = synthetic_bytes(1, 0, size as usize);
    // The first response that breaks, and the offsets at which it and the following ones break.
    let table: [(usize, &[u64]); 7] = [
        (1, &[0]),
        (1, &[1]),
        (1, &[1000]),
        (1, &[MIB - 1]),
        (2, &[0, 1, 100_000]),
        (2, &[2 * MIB - 1]),
        (1, &[0, 0, 0, 0]),
    ];
    for (first, breaks) in table {
        let (server, fs) = with_object(size);
        let mut nth = first;
        for at in breaks {
            let rule = Rule::on("GetObject").nth(nth);
            server.faults().add(rule, Fault::Truncate(*at));
            nth = 1;
        }
        let mut bytes = Vec::new();
        let warned = warnings(|| {
            let mut file = open(&fs, &OpenOptions::new());
            file.read_to_end(&mut bytes).unwrap();
        });
        assert!(bytes == content, "{breaks:?}");
        assert_eq!(server.faults().pending(), 0, "{breaks:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 2 + breaks.len(), "{breaks:?}");
        let mut later = requests.iter().skip(1);
        assert!(later.all(|request| request.header("if-match").is_some()));
        assert_eq!(warned.len(), breaks.len(), "{warned:?}");
        assert!(warned[0].contains("\"f\"") && warned[0].contains("resuming at byte"));
    }
}

#[test]
fn windows_read_ahead_continue_where_the_connection_broke() {
    let (server, fs) = with_object(20 * MIB);
    for at in [0, 1000, 3 * MIB] {
        let rule = Rule::on("GetObject").nth(2);
        server.faults().add(rule, Fault::Truncate(at));
    }
    let mut bytes = Vec::new();
    open(&fs, &OpenOptions::new().read_ahead(2))
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes == synthetic_bytes(1, 0, 20 << 20));
    assert_eq!(server.faults().pending(), 0);
    assert_eq!(server.requests().len(), 1 + 5 + 3);
}

#[test]
fn a_read_fails_if_connections_keep_breaking() {
    for at in [0, 1, 60_000] {
        let (server, fs) = with_object(3 * MIB);
        let rule = Rule::on("GetObject").always();
        server.faults().add(rule, Fault::Truncate(at));
        let mut file = open(&fs, &OpenOptions::new());
        let mut bytes = Vec::new();
        let error = Error::from(file.read_to_end(&mut bytes).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::RemoteConnection);
        assert_eq!(error.path(), Some("f"));
        assert_eq!(bytes.len() as u64, 5 * at);
        assert_eq!(server.requests().len(), 5);
        // Later reads succeed once the server works again.
        server.faults().clear();
        file.read_to_end(&mut bytes).unwrap();
        assert!(bytes == synthetic_bytes(1, 0, 3 << 20));
    }
}

#[test]
fn an_object_replaced_after_a_broken_connection_is_reported() {
    let (server, fs) = with_object(3 * MIB);
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::Truncate(1000));
    let mut file = open(&fs, &OpenOptions::new());
    server.bucket(BUCKET).put_synthetic("f", 2, 3 * MIB);
    let mut bytes = Vec::new();
    let error = Error::from(file.read_to_end(&mut bytes).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::ResourceChanged);
    assert_eq!(bytes, synthetic_bytes(1, 0, bytes.len()));
}

#[test]
fn a_stalled_response_is_requested_again() {
    let (server, _) = with_object(3 * MIB);
    server
        .faults()
        .add(Rule::on("GetObject"), Fault::StallBody(1000));
    let fs = common::builder(&server)
        .stall_timeout(Duration::from_secs(2))
        .build()
        .unwrap();
    let mut bytes = Vec::new();
    open(&fs, &OpenOptions::new())
        .read_to_end(&mut bytes)
        .unwrap();
    assert!(bytes == synthetic_bytes(1, 0, 3 << 20));
    assert_eq!(ranges(&server.requests())[1], "bytes=1000-1048575");
}

#[test]
fn an_idle_reader_continues_after_its_connection_is_closed() {
    let (server, _) = with_object(40 * MIB);
    let timeout = Duration::from_secs(2);
    let fs = common::builder(&server)
        .stall_timeout(timeout)
        .build()
        .unwrap();
    let mut file = open(&fs, &OpenOptions::new());
    let mut bytes = vec![0; 2 << 20];
    file.read_exact(&mut bytes).unwrap();
    thread::sleep(timeout * 2);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).unwrap();
    assert_eq!((bytes.len() + rest.len()) as u64, 40 * MIB);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_seek_ends_the_requests_of_unneeded_windows() {
    const AHEAD: usize = 3;
    let (server, _) = with_object(64 * MIB);
    let fs = common::builder(&server).build().unwrap();
    // Windows after the current one get no response.
    let is_behind = |request: &LoggedRequest| {
        let range = request.header("range").unwrap_or_default();
        let start = range.trim_start_matches("bytes=").split('-').next();
        let start: u64 = start.unwrap_or_default().parse().unwrap_or_default();
        !matches!(start % (8 * MIB), 0 | 65_536)
    };
    server
        .faults()
        .add(Rule::on("GetObject").when(is_behind).always(), Fault::Stall);
    let mut file = open(&fs, &window(0).read_ahead(AHEAD));
    server.take_requests();
    let mut bytes = vec![0; 65_536 + 10];
    let began = Instant::now();
    // Reading ahead starts again once no thread of the last time is left. Without cancellation, each would wait a minute.
    let (mut begun, mut number) = (0, 0);
    while begun < 3 {
        assert!(began.elapsed() < Duration::from_secs(20));
        let position = number % 6 * 8 * MIB;
        file.seek(SeekFrom::Start(position)).unwrap();
        let (small, more) = bytes.split_at_mut(65_536);
        file.read_exact(small).unwrap();
        file.read_exact(more).unwrap();
        assert!(bytes == synthetic_bytes(1, position, bytes.len()));
        let first = position + 65_536;
        let window = format!("bytes={first}-{}", first + 4 * MIB - 1);
        let is_window = |request: &LoggedRequest| request.header("range") == Some(&window);
        match server.take_requests().iter().any(is_window) {
            true => begun += 1,
            false => thread::sleep(Duration::from_millis(10)),
        }
        number += 1;
    }
}

#[test]
fn a_dropped_reader_ends_the_requests_of_windows_read_ahead() {
    const AHEAD: usize = 3;
    let (server, fs) = with_object(64 * MIB);
    // The window that is read first arrives, and the following ones do not.
    let is_behind = |request: &LoggedRequest| {
        let range = request.header("range").unwrap_or_default();
        !range.starts_with("bytes=0-") && !range.starts_with("bytes=65536-")
    };
    server
        .faults()
        .add(Rule::on("GetObject").when(is_behind).always(), Fault::Stall);
    let mut file = open(&fs, &window(65_536).read_ahead(AHEAD));
    file.read_exact(&mut [0; 65_537]).unwrap();
    common::wait_until("the windows behind are asked for", || {
        server.requests().len() >= 2 + AHEAD
    });
    assert!(server.open_connections() >= AHEAD);
    drop(file);
    // Without cancellation, each connection would stay open until the response times out after a minute.
    let dropped = Instant::now();
    common::wait_until("nothing waits for them any more", || {
        server.open_connections() <= 1
    });
    assert!(dropped.elapsed() < Duration::from_secs(30));
}

#[test]
fn windows_are_read_ahead_in_parallel_within_the_configured_number() {
    const AHEAD: usize = 3;
    let size = 30 * MIB;
    let (server, _) = with_object(size);
    let fs = common::open(&server);
    let mut file = open(&fs, &OpenOptions::new().read_ahead(AHEAD));
    let mut bytes = vec![0; 1 << 20];
    file.read_exact(&mut bytes).unwrap();
    assert_eq!(server.requests().len(), 1);
    // The first window stalls: the others arrive anyway, and not more than configured.
    let is_first =
        |request: &LoggedRequest| request.header("range") == Some("bytes=1048576-5242879");
    let hold = Hold::new();
    server.faults().add(
        Rule::on("GetObject").when(is_first),
        Fault::Hold(hold.clone()),
    );
    thread::scope(|scope| {
        let reads = scope.spawn(move || {
            file.read_to_end(&mut bytes).unwrap();
            bytes
        });
        common::wait_until("all windows are asked for", || {
            server.requests().len() > AHEAD
        });
        // An additional, unexpected request would arrive now.
        thread::sleep(Duration::from_millis(100));
        let requests = server.requests();
        let mut asked = ranges(&requests[1..]);
        asked.sort_unstable();
        assert_eq!(
            asked,
            [
                "bytes=1048576-5242879",
                "bytes=5242880-9437183",
                "bytes=9437184-13631487"
            ]
        );
        hold.open();
        assert!(reads.join().unwrap() == synthetic_bytes(1, 0, size as usize));
    });
    assert_eq!(server.requests().len(), 1 + 8);
}

#[test]
fn reading_ahead_follows_the_reader() {
    const AHEAD: usize = 2;
    let (server, fs) = with_object(41 * MIB);
    let mut file = open(&fs, &OpenOptions::new().read_ahead(AHEAD));
    let mut bytes = vec![0; 1 << 20];
    for read in 1..=41 {
        file.read_exact(&mut bytes).unwrap();
        let windows_begun = (read as usize + 2) / 4;
        assert!(
            server.requests().len() <= 1 + windows_begun + AHEAD,
            "after {read} MiB"
        );
    }
    assert_eq!(server.requests().len(), 11);
    // A seek does not start reading ahead.
    server.take_requests();
    file.seek(SeekFrom::Start(3)).unwrap();
    file.read_exact(&mut [0; 10]).unwrap();
    assert_eq!(ranges(&server.take_requests()), ["bytes=3-65538"]);
}

#[test]
fn a_failed_window_is_reported_and_can_be_read_again() {
    let (server, fs) = with_object(20 * MIB);
    let mut file = open(&fs, &OpenOptions::new().read_ahead(2));
    let mut bytes = vec![0; 1 << 20];
    file.read_exact(&mut bytes).unwrap();
    server.faults().add(
        Rule::on("GetObject")
            .when(|request| request.header("range") == Some("bytes=5242880-9437183")),
        Fault::error(403, "AccessDenied"),
    );
    let error = Error::from(file.read_to_end(&mut bytes).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(bytes.len() as u64, 5 * MIB);
    file.read_to_end(&mut bytes).unwrap();
    assert!(bytes == synthetic_bytes(1, 0, 20 << 20));
}

#[test]
fn lines_are_read_without_an_additional_buffer() {
    let server = Server::start();
    let text: String = (0..3000).map(|n| format!("line {n}\n")).collect();
    server.bucket(BUCKET).put("f", text.clone());
    let fs = common::open(&server);
    let lines: Vec<String> = open(&fs, &window(1000))
        .lines()
        .map(Result::unwrap)
        .collect();
    assert_eq!(lines.len(), 3000);
    assert_eq!(lines[2999], "line 2999");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn the_windows_can_be_set_for_the_filesystem_and_in_its_url() {
    let (server, _) = with_object(100);
    let read = |fs: &dyn FileSystem| {
        let mut file = fs.openbin("f", "r").unwrap();
        std::io::copy(&mut file, &mut std::io::sink()).unwrap();
        let requests = server.take_requests();
        let ranges = ranges(&requests).into_iter().map(str::to_owned);
        ranges.collect::<Vec<_>>()
    };
    let fs = common::builder(&server).first_window(10).build().unwrap();
    assert_eq!(read(&fs), ["bytes=0-9", "bytes=10-"]);
    let mut file = open(&fs, &window(0));
    assert_eq!(file.read(&mut [0; 10]).unwrap(), 10);
    assert_eq!(ranges(&server.take_requests()), ["HeadObject", "bytes=0-"]);
    let fs = open_fs(&common::fs_url(&server, "", "&first_window=0&read_ahead=2")).unwrap();
    assert_eq!(read(&*fs), ["HeadObject", "bytes=0-"]);
    let error = open_fs("s3://bucket?first_window=all")
        .err()
        .expect("an error");
    assert_eq!(error.kind(), ErrorKind::ParseUrl);
}

#[test]
fn an_impossible_object_size_is_an_error() {
    let server = Server::start();
    let fs = common::open_lenient(&server);
    let directory = Directory::new();
    let local = directory.join("local");
    let answer = || {
        Answer::new(206, vec![0; 100])
            .header("etag", "\"1\"")
            .header("content-range", "bytes 0-99/18446744073709551615")
    };
    server
        .faults()
        .add(Rule::any().always(), Fault::Answer(answer()));
    for result in [
        fs.open_read("f", &OpenOptions::new()).map(drop),
        fs.openbin("f", "r+").map(drop),
        fs.download_file("f", &local, &TransferOptions::new())
            .map(drop),
    ] {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OperationFailed, "{error}");
        assert!(
            error.to_string().contains("18446744073709551615"),
            "{error}"
        );
    }
    assert!(!local.exists());
}
