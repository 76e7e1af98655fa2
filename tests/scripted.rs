//! A server that sends exactly the bytes of a test: for responses that the embedded server cannot send.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use s3fs::{S3Fs, S3FsBuilder};

/// A server on a free port, with a thread per connection. A connection stays open until its client closes it.
pub struct Scripted {
    port: u16,
    stopped: Arc<AtomicBool>,
    heard: Arc<Mutex<Vec<String>>>,
}

/// The header of a request, and its connection.
pub struct Heard<'a> {
    /// As in `PUT UploadPart`.
    pub operation: &'static str,
    header: Vec<String>,
    reader: &'a mut BufReader<TcpStream>,
}

impl Scripted {
    /// Starts a server that responds to each request with `answer`, which reads the body, or leaves it.
    pub fn start(answer: impl Fn(&mut Heard<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let (stopped, heard) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let server = Self {
            port,
            stopped: Arc::clone(&stopped),
            heard: Arc::clone(&heard),
        };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::Acquire) {
                    break;
                }
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                let stream = stream.expect("a connection");
                thread::spawn(move || serve(stream, &*answer, &heard));
            }
        });
        server
    }

    /// A builder for a filesystem on a bucket of this server, not strict.
    pub fn builder(&self) -> S3FsBuilder {
        S3Fs::builder("bucket")
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .region("us-east-1")
            .aws_access_key_id("AKIAIOSFODNN7EXAMPLE")
            .aws_secret_access_key("secret")
            .strict(false)
    }

    /// Returns the operations that were requested so far.
    pub fn operations(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(stream: TcpStream, answer: &dyn Fn(&mut Heard<'_>), heard: &Mutex<Vec<String>>) {
    stream.set_nodelay(true).expect("a socket");
    let mut reader = BufReader::new(stream);
    while let Some(header) = header(&mut reader) {
        let operation = operation(&header[0]);
        heard.lock().unwrap().push(operation.to_owned());
        answer(&mut Heard {
            operation,
            header,
            reader: &mut reader,
        });
    }
}

/// Reads the lines of the next header; `None` once the client closes the connection.
fn header(reader: &mut BufReader<TcpStream>) -> Option<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => return Some(lines),
            line => lines.push(line.to_owned()),
        }
    }
}

fn operation(line: &str) -> &'static str {
    let is = |method: &str, part: &str| line.starts_with(method) && line.contains(part);
    match () {
        () if is("POST ", "uploads") => "CreateMultipartUpload",
        () if is("POST ", "uploadId=") => "CompleteMultipartUpload",
        () if is("POST ", "delete") => "DeleteObjects",
        () if is("PUT ", "partNumber=") => "UploadPart",
        () if is("PUT ", "") => "PutObject",
        () if is("DELETE ", "uploadId=") => "AbortMultipartUpload",
        () if is("DELETE ", "") => "DeleteObject",
        () if is("GET ", "list-type=2") => "ListObjectsV2",
        () if is("GET ", "") => "GetObject",
        () => "HeadObject",
    }
}

impl Heard<'_> {
    /// The first line.
    pub fn line(&self) -> &str {
        &self.header[0]
    }

    /// The value of a header.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.header.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Whether the client waits for a 100 Continue before it sends its body.
    pub fn expects(&self) -> bool {
        self.value("expect").is_some()
    }

    /// Sends bytes at once. A disconnected client is ignored.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.reader.get_mut().write_all(bytes.as_ref());
    }

    /// Sends each piece separately.
    pub fn send_in(&mut self, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) {
        for piece in pieces {
            self.send(piece);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Reads the body, after a 100 Continue if the client waits for it. Returns the length.
    pub fn take_body(&mut self) -> u64 {
        if self.expects() {
            self.send("HTTP/1.1 100 Continue\r\n\r\n");
        }
        self.take_body_unasked()
    }

    /// Reads the body without a 100 Continue. Returns the length.
    pub fn take_body_unasked(&mut self) -> u64 {
        let length = self.value("content-length").map(|value| value.parse());
        let length = length.map_or(0, |length| length.expect("a number"));
        let mut body = self.reader.by_ref().take(length);
        std::io::copy(&mut body, &mut std::io::sink()).unwrap_or_default()
    }

    /// Responds as a store does to that operation, but keeps nothing.
    pub fn succeed(&mut self) {
        self.take_body();
        match self.operation {
            "CreateMultipartUpload" => self.send(answer(
                "200 OK",
                "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>",
            )),
            "AbortMultipartUpload" | "DeleteObject" => self.send("HTTP/1.1 204 No Content\r\n\r\n"),
            "HeadObject" => self.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
            _ => self.send("HTTP/1.1 200 OK\r\nETag: \"tag\"\r\nContent-Length: 0\r\n\r\n"),
        }
    }
}

/// A response with a body of XML, after which the connection stays open.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// A rejection, in the form of [`answer`].
pub fn refusal(status: &str, code: &str) -> String {
    let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    answer(status, &body)
}
