//! Objects that are larger than memory.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use test_server::client::{get, head, hex, md5, put};
use test_server::{Content, Server, synthetic_bytes};

#[test]
fn a_synthetic_object_has_the_same_bytes_at_every_offset() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("big", 7, 3 << 30);
    assert_eq!(
        head(&server, "big").send().header("content-length"),
        (3_u64 << 30).to_string()
    );
    let at = (2_u64 << 30) + 5;
    let range = format!("bytes={at}-{}", at + 199_999);
    let reply = get(&server, "big").unsigned("range", range).send().ok();
    assert!(reply.body == synthetic_bytes(7, at, 200_000));
    for (at, len) in [(0, 1), (63, 2), (65_535, 70_000), (at, 0)] {
        let whole = synthetic_bytes(7, at - at % 64, len + 64);
        let skip = usize::try_from(at % 64).expect("small");
        assert!(
            synthetic_bytes(7, at, len) == whole[skip..skip + len],
            "{at} {len}"
        );
    }
    assert_ne!(synthetic_bytes(7, 0, 100), synthetic_bytes(8, 0, 100));
    assert_ne!(synthetic_bytes(7, 0, 100), synthetic_bytes(7, 65_536, 100));
    let joined = Content::Joined(vec![Content::from("ab"), Content::synthetic(7, 100)]);
    assert_eq!(
        joined.slice(1..11).to_vec(),
        [b"b".as_slice(), &synthetic_bytes(7, 0, 9)].concat()
    );
}

#[test]
fn a_client_that_closes_the_connection_gets_little_more_than_it_read() {
    let server = Server::start();
    server.bucket("bucket").put_synthetic("big", 7, 3 << 30);
    let path = get(&server, "big").signed_url();
    let path = &path[url::Position::BeforePath..];
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n",
        server.port()
    )
    .expect("sent");
    stream.read_exact(&mut [0; 65_536]).expect("a beginning");
    drop(stream);
    std::thread::sleep(Duration::from_millis(100));
    let sent = server.requests()[0].bytes_out;
    assert!((65_000..32 << 20).contains(&sent), "{sent}");
}

#[test]
fn a_large_upload_can_be_counted_without_being_kept() {
    let server = Server::builder().discard_over(1000).start();
    let reply = put(&server, "a", vec![b'x'; 5000]).send().ok();
    let etag = hex(&md5(&[b'x'; 5000]));
    assert_eq!(reply.header("etag"), format!("\"{etag}\""));
    assert_eq!(
        server.bucket("bucket").get("a").expect("an object").len(),
        5000
    );
    assert!(get(&server, "a").send().ok().body == vec![0; 5000]);
}
