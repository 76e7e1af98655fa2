//! Memory used by open files and by operations on trees, counted by the allocator of this program. The server of these
//! tests uses almost none.

#[expect(dead_code, reason = "other tests want more of it")]
mod scripted;
#[path = "allocations/trees.rs"]
mod trees;

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3fs::{FileSystemExt as _, OpenOptions, S3Fs};
use scripted::{Heard, Scripted, answer};

const MIB: usize = 1 << 20;

/// Size of the buffers of a connection.
const CONNECTION: usize = 640 << 10;

/// Number of allocated bytes, and their maximum since [`peak`] began.
static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn grew(bytes: usize) {
    let live = LIVE.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(live, Ordering::Relaxed);
}

fn shrank(bytes: usize) {
    LIVE.fetch_sub(bytes, Ordering::Relaxed);
}

// SAFETY: every call is passed unchanged to the allocator of the system.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grew(layout.size());
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        unsafe { System.dealloc(memory, layout) };
        shrank(layout.size());
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both allocations exist while the content is moved.
        grew(size);
        let moved = unsafe { System.realloc(memory, layout, size) };
        shrank(layout.size());
        moved
    }
}

/// Locks out the other tests: the allocator counts the memory of all threads.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the maximum memory allocated during the work, beyond the memory allocated before.
fn peak(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    work();
    PEAK.load(Ordering::Relaxed).saturating_sub(before)
}

/// A server with one object of that size, of which each byte is [`byte`]. It accepts any upload.
fn server(size: usize) -> Scripted {
    Scripted::start(move |heard| match heard.operation {
        "GetObject" => send_range(heard, size),
        "HeadObject" => heard.send(format!(
            "HTTP/1.1 200 OK\r\nETag: \"old\"\r\nContent-Length: {size}\r\n\r\n"
        )),
        "CompleteMultipartUpload" => {
            heard.take_body();
            heard.send(answer(
                "200 OK",
                "<CompleteMultipartUploadResult><ETag>\"new\"</ETag></CompleteMultipartUploadResult>",
            ));
        }
        "UploadPart" if heard.value("x-amz-copy-source").is_some() => heard.send(answer(
            "200 OK",
            "<CopyPartResult><ETag>\"part\"</ETag></CopyPartResult>",
        )),
        _ => heard.succeed(),
    })
}

fn byte(position: usize) -> u8 {
    (position % 251) as u8
}

fn send_range(heard: &mut Heard<'_>, size: usize) {
    let range = heard.value("range").expect("a range");
    let (start, last) = range
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
        .expect("a range of bytes");
    let start: usize = start.parse().expect("a number");
    let end = last.parse().map_or(size, |last: usize| size.min(last + 1));
    heard.send(format!(
        "HTTP/1.1 206 Partial Content\r\nETag: \"old\"\r\nContent-Length: {}\r\n\
         Content-Range: bytes {start}-{}/{size}\r\n\r\n",
        end - start,
        end - 1
    ));
    let mut block = [0; 8 << 10];
    for at in (start..end).step_by(block.len()) {
        let length = block.len().min(end - at);
        for (place, byte_there) in block[..length].iter_mut().enumerate() {
            *byte_there = byte(at + place);
        }
        heard.send(&block[..length]);
    }
}

fn fs(server: &Scripted) -> S3Fs {
    server.builder().build().expect("a filesystem")
}

/// Asserts that a measured figure does not exceed the documented one by more than a tenth.
#[track_caller]
fn takes(what: &str, documented: usize, measured: usize) {
    println!("{what}: {measured} bytes, documented {documented}");
    assert!(measured <= documented + documented / 10, "{what}");
}

/// 16 MiB, and 40 bytes for each written 256 KiB of the file; `close` also takes the memory of a writer.
#[test]
fn a_million_scattered_one_byte_writes_use_the_documented_memory() {
    let _alone = alone();
    for (count, stride) in [(10_000, 16_411), (100_000, 1031), (1_000_000, 67)] {
        let size = count * stride + 5;
        let server = server(size);
        let fs = fs(&server);
        let changes = 16 * MIB + 40 * size.div_ceil(256 << 10);
        let mut file = None;
        let written = peak(|| {
            let mut update = fs.openbin("f", "r+").expect("an update");
            for place in 0..count {
                let position = (place * stride) as u64;
                update.seek(SeekFrom::Start(position)).expect("a place");
                update.write_all(&[255]).expect("a write");
            }
            let position = count / 2 * stride - 1;
            update
                .seek(SeekFrom::Start(position as u64))
                .expect("a place");
            let mut read = [0; 3];
            update.read_exact(&mut read).expect("a mix");
            assert_eq!(read, [byte(position), 255, byte(position + 2)]);
            file = Some(update);
        });
        takes(&format!("{count} writes"), changes, written);
        let held = LIVE.load(Ordering::Relaxed);
        let closed = peak(|| file.take().expect("a file").close().expect("it is stored"));
        takes(
            "storing them",
            changes + 40 * MIB + 5 * CONNECTION,
            held + closed,
        );
    }
}

#[test]
fn reading_ahead_uses_the_documented_memory() {
    let _alone = alone();
    let size = 100 * MIB;
    let server = server(size);
    for windows in [1_usize, 4, 8] {
        let fs = fs(&server);
        let measured = peak(|| {
            let options = OpenOptions::new().read_ahead(windows);
            let mut file = fs.open_read("f", &options).expect("a file");
            let mut buffer = [0; 64 << 10];
            let mut position = 0;
            loop {
                let count = file.read(&mut buffer).expect("bytes");
                if count == 0 {
                    break;
                }
                let right = buffer[..count].iter().enumerate();
                for (place, there) in right.step_by(1009) {
                    assert_eq!(*there, byte(position + place));
                }
                position += count;
            }
            assert_eq!(position, size);
        });
        let documented = (windows + 1) * (4 * MIB + CONNECTION);
        takes(&format!("{windows} windows"), documented, measured);
    }
}
