//! [`PartQueue`]: a multipart upload whose parts are sent by threads while the caller prepares the next part.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use crate::cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::s3::api::{NewUpload, Objects, Upload, UploadedPart};
use crate::s3::checksum;
use crate::s3::client::{Payload, ReadAt};
use crate::s3::key::Key;
use crate::threads::{Begun, begin};

/// A multipart upload in progress. If it is dropped before [`take`](Self::take), it ends its threads and aborts the
/// upload.
pub(in crate::s3) struct PartQueue {
    objects: Arc<Objects>,
    upload: Arc<Upload>,
    /// Threads that send parts, the oldest first.
    running: VecDeque<JoinHandle<Option<Sent>>>,
    done: Vec<UploadedPart>,
    spare: Spare,
    next: u32,
    /// The total size of all started parts.
    size: u64,
    ended: bool,
}

/// The result of sending a part, and the buffer of the part.
struct Sent {
    part: Result<UploadedPart>,
    buffer: Vec<u8>,
}

impl PartQueue {
    /// Starts an upload. Makes one request.
    pub(in crate::s3) fn begin(objects: &Arc<Objects>, key: &Key, new: NewUpload) -> Result<Self> {
        let upload = objects.create_upload(key, new)?;
        Ok(Self {
            objects: Arc::clone(objects),
            upload: Arc::new(upload),
            running: VecDeque::new(),
            done: Vec::new(),
            spare: Spare::default(),
            next: 1,
            size: 0,
            ended: false,
        })
    }

    /// Returns the total size of all started parts.
    pub(in crate::s3) fn size(&self) -> u64 {
        self.size
    }

    /// Returns the number of the next part.
    pub(in crate::s3) fn next_number(&self) -> u32 {
        self.next
    }

    /// Returns an empty buffer for a part of `size` bytes, after waiting until at most `on_their_way` parts are being
    /// sent.
    ///
    /// # Errors
    ///
    /// The error of an earlier part.
    pub(in crate::s3) fn buffer(&mut self, size: u64, on_their_way: usize) -> Result<Vec<u8>> {
        self.collect(on_their_way)?;
        Ok(self.spare.take(size))
    }

    /// Sends the next part on a thread, with at most `on_their_way` parts being sent. With 0, sends it before returning.
    /// Makes one request, now or later.
    ///
    /// # Errors
    ///
    /// Also the error of an earlier part.
    pub(in crate::s3) fn send(&mut self, bytes: Vec<u8>, on_their_way: usize) -> Result<()> {
        let objects = Arc::clone(&self.objects);
        let upload = Arc::clone(&self.upload);
        let number = self.take_number()?;
        self.size = self.size.saturating_add(bytes.len() as u64);
        self.run(on_their_way, move || {
            let algorithm = upload.checksum;
            let digest = algorithm.map(|algorithm| checksum::digest(algorithm, &bytes));
            let source = Part {
                bytes: &bytes,
                upload: &upload,
            };
            let payload = Payload::Section {
                source: &source,
                start: 0,
                length: bytes.len() as u64,
            };
            let part = objects.send_part(&upload, number, payload, digest);
            Sent {
                part,
                buffer: bytes,
            }
        })
    }

    /// Creates the next part, of `length` bytes, on a thread as [`send`](Self::send) does. `make` gets the upload and the
    /// number of the part.
    ///
    /// # Errors
    ///
    /// Those of [`send`](Self::send).
    pub(in crate::s3) fn add(
        &mut self,
        length: u64,
        on_their_way: usize,
        make: impl FnOnce(&Arc<Objects>, &Upload, u32) -> Result<UploadedPart> + Send + 'static,
    ) -> Result<()> {
        let objects = Arc::clone(&self.objects);
        let upload = Arc::clone(&self.upload);
        let number = self.take_number()?;
        self.size = self.size.saturating_add(length);
        self.run(on_their_way, move || Sent {
            part: make(&objects, &upload, number),
            buffer: Vec::new(),
        })
    }

    /// Reserves the number of the next part.
    ///
    /// # Errors
    ///
    /// `Unsupported` if the upload has its maximum number of parts.
    pub(in crate::s3) fn take_number(&mut self) -> Result<u32> {
        let max_parts = self.objects.part_sizes().max_parts();
        if self.next > max_parts {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_message(format!("an upload has at most {max_parts} parts"))
                .with_hint("pass the size in advance, or make the parts larger with part_size"));
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    fn run(
        &mut self,
        on_their_way: usize,
        work: impl FnOnce() -> Sent + Send + 'static,
    ) -> Result<()> {
        let upload = Arc::clone(&self.upload);
        let work = move || {
            let sent = upload.while_wanted(work);
            Sent {
                part: upload.watch(sent.part),
                ..sent
            }
        };
        self.spare.most = on_their_way.max(1);
        self.collect(on_their_way.saturating_sub(1))?;
        if on_their_way == 0 {
            return self.note(work());
        }
        match begin(self.objects.threads.named("s3fs-part"), work) {
            Begun::Running(handle) => {
                self.running.push_back(handle);
                Ok(())
            }
            Begun::Done(sent) => self.note(sent.ok_or_else(panicked)?),
        }
    }

    /// Waits until at most `left` parts are being sent, and collects all finished ones.
    fn collect(&mut self, left: usize) -> Result<()> {
        while let Some(first) = self.running.front() {
            if self.running.len() <= left && !first.is_finished() {
                break;
            }
            let Some(first) = self.running.pop_front() else {
                break;
            };
            let sent = first.join().ok().flatten();
            self.note(sent.ok_or_else(panicked)?)?;
        }
        Ok(())
    }

    fn note(&mut self, sent: Sent) -> Result<()> {
        self.done.push(sent.part?);
        self.spare.keep(sent.buffer, self.running.len());
        Ok(())
    }

    /// Waits for all parts.
    pub(in crate::s3) fn wait(&mut self) -> Result<()> {
        self.spare = Spare::default();
        self.collect(0)
    }

    /// Returns the upload and its parts, for the caller to complete. The upload is not aborted after that.
    pub(in crate::s3) fn take(mut self) -> (Arc<Upload>, Vec<UploadedPart>) {
        self.ended = true;
        (Arc::clone(&self.upload), std::mem::take(&mut self.done))
    }

    /// Registers parts that the caller sent itself, and their total size, instead of [`send`](Self::send).
    pub(in crate::s3) fn have(&mut self, parts: Vec<UploadedPart>, size: u64) {
        self.done = parts;
        self.size = size;
    }

    /// The upload.
    pub(in crate::s3) fn upload(&self) -> &Upload {
        &self.upload
    }
}

impl Drop for PartQueue {
    /// Waits for the threads before the abort, because a part that arrives after the abort would remain in the store.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.upload.give_up();
        for thread in self.running.drain(..) {
            // The result of an unneeded part does not matter.
            let _ = thread.join();
        }
        self.objects.abandon_upload(&self.upload);
    }
}

/// Returns the error for a part whose thread panicked.
fn panicked() -> Error {
    Error::new(ErrorKind::OperationFailed).with_message("sending a part panicked")
}

/// Reusable buffers of parts that were sent.
#[derive(Default)]
struct Spare {
    buffers: Vec<Vec<u8>>,
    /// Maximum number of buffers, including those of parts being sent.
    most: usize,
}

impl Spare {
    /// Returns an empty buffer, reused if it is large enough. Smaller buffers are dropped, because they would take memory
    /// in addition to the needed ones.
    fn take(&mut self, size: u64) -> Vec<u8> {
        self.buffers
            .retain(|buffer| buffer.capacity() as u64 >= size);
        self.buffers.pop().unwrap_or_default()
    }

    /// Keeps a buffer, if it and the buffers of parts being sent do not exceed the maximum.
    fn keep(&mut self, mut buffer: Vec<u8>, on_their_way: usize) {
        if buffer.capacity() > 0 && self.buffers.len() + on_their_way < self.most {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

/// The bytes of a part, readable until the upload is given up.
struct Part<'a> {
    bytes: &'a [u8],
    upload: &'a Upload,
}

impl ReadAt for Part<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if self.upload.is_given_up() {
            // The reason is in the error of another part, or the call was cancelled.
            return Err(cancel::cancelled().into());
        }
        self.bytes.read_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
    use crate::ext::FileSystemExt as _;
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Condvar, Mutex};
    use std::thread;

    use super::*;
    use crate::filesystem::file::File as _;
    use crate::s3::S3Fs;
    use crate::threads::Spawner;

    const PART: usize = 64;
    const PARTS: usize = 6;

    /// A store that joins the parts in the order of the list. It responds to the parts before `first` only after that
    /// one.
    struct Store {
        listener: TcpListener,
        first: usize,
        answered: (Mutex<bool>, Condvar),
        /// The body of the request that completed the upload.
        listed: Mutex<String>,
    }

    impl Store {
        fn new(first: usize) -> Arc<Self> {
            Arc::new(Self {
                listener: TcpListener::bind(("127.0.0.1", 0)).unwrap(),
                first,
                answered: (Mutex::new(false), Condvar::new()),
                listed: Mutex::default(),
            })
        }

        /// Opens the filesystem on this store, with a limited number of threads of the system.
        fn open(&self, threads: usize) -> S3Fs {
            let mut fs = S3Fs::builder("bucket")
                .endpoint_url(format!("http://{}", self.listener.local_addr().unwrap()))
                .region("us-east-1")
                .aws_access_key_id("key")
                .aws_secret_access_key("secret")
                .strict(false)
                .part_size(PART as u64)
                .min_part_size(1)
                .max_attempts(1)
                .build()
                .unwrap();
            let shared = Arc::get_mut(&mut fs.shared).unwrap();
            let objects = Arc::get_mut(&mut shared.objects).unwrap();
            objects.threads = Spawner::refused_after(threads);
            fs
        }

        /// Responds to a number of requests, each on its own connection.
        fn serve(self: Arc<Self>, requests: usize) {
            let serving: Vec<_> = (0..requests)
                .map(|_| {
                    let (stream, _) = self.listener.accept().unwrap();
                    let store = Arc::clone(&self);
                    thread::spawn(move || store.answer(stream))
                })
                .collect();
            for thread in serving {
                thread.join().unwrap();
            }
        }

        fn answer(&self, mut stream: TcpStream) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let (mut header, mut length) = (String::new(), 0);
            while header != "\r\n" {
                header.clear();
                reader.read_line(&mut header).unwrap();
                let named = header.split_once(':');
                if let Some((_, value)) = named.filter(|(name, _)| *name == "content-length") {
                    length = value.trim().parse().unwrap();
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let number = line.split("partNumber=").nth(1).map(|rest| {
                let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap();
                digits.parse::<usize>().unwrap()
            });
            let status = match line.starts_with("HEAD") {
                true => "404 Not Found",
                false => "200 OK",
            };
            let document = match number {
                Some(number) => {
                    self.wait_for_turn(number);
                    ""
                }
                None if line.contains("uploadId=") => {
                    *self.listed.lock().unwrap() = String::from_utf8(body).unwrap();
                    "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>"
                }
                None if line.starts_with("HEAD") => "",
                None => {
                    "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
                     </InitiateMultipartUploadResult>"
                }
            };
            let length = document.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\netag: \"e\"\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{document}"
            )
            .unwrap();
        }

        fn wait_for_turn(&self, number: usize) {
            let (answered, changed) = &self.answered;
            let mut answered = answered.lock().unwrap();
            *answered |= number >= self.first;
            changed.notify_all();
            drop(changed.wait_while(answered, |answered| !*answered).unwrap());
        }

        /// Returns the numbers of the parts in the order of the list.
        fn listed(&self) -> Vec<usize> {
            let listed = self.listed.lock().unwrap();
            let numbers = listed.split("<PartNumber>").skip(1);
            numbers
                .map(|rest| rest.split('<').next().unwrap().parse().unwrap())
                .collect()
        }
    }

    #[test]
    fn parts_keep_their_order_wherever_the_system_runs_out_of_threads() {
        let content: Vec<u8> = (0..PART * PARTS).map(|at| (at / PART) as u8).collect();
        for mode in ["w", "x", "w+", "x+"] {
            for threads in 0..=PARTS {
                // The store responds to the part without a thread before all earlier ones. But a writer waits for the
                // earlier parts before it sends the last one.
                let refused = threads + 1;
                let store = Store::new(if refused < PARTS { refused } else { 1 });
                let fs = store.open(threads);
                let exclusive = mode.starts_with('x');
                // If the object must be new, one request checks right before the end.
                let requests = PARTS + 2 + usize::from(exclusive);
                let serving = Arc::clone(&store);
                let serving = thread::spawn(move || serving.serve(requests));
                let mut file = fs.openbin("file", mode).unwrap();
                file.write_all(&content).unwrap();
                let closed = file.close();
                closed.unwrap_or_else(|error| panic!("{mode}, {threads} threads: {error}"));
                serving.join().unwrap();
                let expected: Vec<usize> = (1..=PARTS).collect();
                assert_eq!(store.listed(), expected, "{mode}, {threads} threads");
            }
        }
    }

    #[test]
    fn small_buffers_are_not_held_beside_larger_ones() {
        let mut spare = Spare {
            most: 4,
            ..Spare::default()
        };
        for _ in 0..3 {
            spare.keep(Vec::with_capacity(8), 0);
        }
        assert!(spare.take(8).capacity() >= 8);
        assert_eq!(spare.buffers.len(), 2);
        spare.keep(Vec::with_capacity(16), 0);
        assert!(spare.take(16).capacity() >= 16);
        assert_eq!(spare.buffers.len(), 0);
        assert_eq!(spare.take(16).capacity(), 0);
    }

    #[test]
    fn no_more_buffers_are_kept_than_parts_may_be_in_flight() {
        let mut spare = Spare {
            most: 2,
            ..Spare::default()
        };
        spare.keep(vec![1], 1);
        spare.keep(vec![2], 1);
        assert_eq!(spare.buffers, [Vec::<u8>::new()]);
        spare.keep(vec![3], 0);
        spare.keep(vec![4], 0);
        spare.keep(Vec::new(), 0);
        assert_eq!(spare.buffers.len(), 2);
        assert!(spare.take(1).is_empty());
    }
}
