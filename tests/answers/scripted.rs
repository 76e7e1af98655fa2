//! A small S3 server on a loopback port that responds to reads in unusual ways, and to everything else like S3. It
//! ignores signatures.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use s3fs::{S3Fs, S3FsBuilder};

/// The status of a response to a GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 206 for a range, 200 without one.
    AsAsked,
    Always200,
    Always206,
    /// 416 for a range that ends after the end of the object.
    EndRefused,
    /// 416 for every range.
    RangeRefused,
    /// 203: an intermediary has changed the content.
    Transformed,
}

/// The `Content-Range` of a response to a GET. The body contains the range that it declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentRange {
    Right,
    /// With `*` for the size of the object.
    Unsized,
    Missing,
    /// A range that begins elsewhere.
    Other,
    /// The first half of the requested range.
    Short,
}

/// The way in which the body of a response to a GET ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunked,
    Closed,
}

/// The ETag of a response to a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ETag {
    Same,
    Weak,
    Missing,
    /// The object is replaced by one of the same size before the response to the second GET.
    Other,
}

/// Whether reads respect `If-Match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conditions {
    Honoured,
    Ignored,
}

/// A combination of unusual properties.
#[derive(Clone, Copy, Debug)]
pub struct Odd {
    pub status: Status,
    pub content_range: ContentRange,
    pub framing: Framing,
    pub e_tag: ETag,
    pub conditions: Conditions,
    /// Whether a HEAD has the size.
    pub head_has_length: bool,
    /// Whether the body of the first GET is cut in the middle.
    pub is_cut: bool,
    pub size: usize,
}

const STATUSES: [Status; 6] = [
    Status::AsAsked,
    Status::Always200,
    Status::Always206,
    Status::EndRefused,
    Status::RangeRefused,
    Status::Transformed,
];
const CONTENT_RANGES: [ContentRange; 5] = [
    ContentRange::Right,
    ContentRange::Unsized,
    ContentRange::Missing,
    ContentRange::Other,
    ContentRange::Short,
];
const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunked, Framing::Closed];
const E_TAGS: [(ETag, Conditions); 5] = [
    (ETag::Same, Conditions::Honoured),
    (ETag::Weak, Conditions::Honoured),
    (ETag::Missing, Conditions::Honoured),
    (ETag::Other, Conditions::Honoured),
    (ETag::Other, Conditions::Ignored),
];

impl Odd {
    /// Every combination except for cuts and unusual HEADs.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for status in STATUSES {
            for content_range in CONTENT_RANGES {
                for framing in FRAMINGS {
                    for (e_tag, conditions) in E_TAGS {
                        all.push(Self {
                            status,
                            content_range,
                            framing,
                            e_tag,
                            conditions,
                            head_has_length: true,
                            is_cut: false,
                            // Smaller than a first window where this matters.
                            size: match status {
                                Status::EndRefused => 40_000,
                                _ => 300_000,
                            },
                        });
                    }
                }
            }
        }
        all
    }

    /// Returns `count` random combinations.
    pub fn random(seed: u64, count: usize) -> Vec<Self> {
        let mut state = seed;
        // SplitMix64.
        let mut below = move |count: usize| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut number = state;
            number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((number ^ (number >> 31)) % count as u64) as usize
        };
        let mut random = || {
            let (e_tag, conditions) = E_TAGS[below(E_TAGS.len())];
            Self {
                status: STATUSES[below(STATUSES.len())],
                content_range: CONTENT_RANGES[below(CONTENT_RANGES.len())],
                framing: FRAMINGS[below(FRAMINGS.len())],
                e_tag,
                conditions,
                head_has_length: below(2) == 0,
                is_cut: below(2) == 0,
                size: [0, 1, 40_000, 300_000, below(500_000)][below(5)],
            }
        };
        (0..count).map(|_| random()).collect()
    }
}

#[derive(Default)]
struct Store {
    objects: BTreeMap<String, (Vec<u8>, String)>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// The object that replaces another one at its second GET.
    replacement: Option<(String, Vec<u8>)>,
    gets: usize,
    versions: u32,
    weak_conditions: Vec<String>,
    deleted: Option<Vec<u8>>,
}

impl Store {
    fn put(&mut self, key: &str, content: Vec<u8>) -> String {
        self.versions += 1;
        let e_tag = format!("\"{:032x}\"", self.versions);
        self.objects.insert(key.into(), (content, e_tag.clone()));
        e_tag
    }
}

struct Shared {
    odd: Odd,
    store: Mutex<Store>,
    is_over: AtomicBool,
}

pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    pub fn start(odd: Odd) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        let shared = Arc::new(Shared {
            odd,
            store: Mutex::default(),
            is_over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&serving);
                // A client that disconnects is no failure.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self {
            port,
            shared,
            thread: Some(thread),
        }
    }

    pub fn builder(&self) -> S3FsBuilder {
        S3Fs::builder("bucket")
            .endpoint_url(format!("http://127.0.0.1:{}", self.port))
            .region("us-east-1")
            .aws_access_key_id("key")
            .aws_secret_access_key("secret")
            .retry_base_delay(Duration::from_millis(1))
            .strict(false)
            .min_part_size(1)
            .part_size(64 << 10)
            .first_window(64 << 10)
    }

    pub fn open(&self) -> S3Fs {
        self.builder().build().expect("parameters that can be")
    }

    pub fn put(&self, key: &str, content: Vec<u8>) {
        self.store().put(key, content);
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let store = self.store();
        store.objects.get(key).map(|(content, _)| content.clone())
    }

    pub fn replace_at_second_read(&self, key: &str, content: Vec<u8>) {
        if self.shared.odd.e_tag == ETag::Other {
            self.store().replacement = Some((key.to_owned(), content));
        }
    }

    /// The content of the object that was deleted last.
    pub fn deleted(&self) -> Option<Vec<u8>> {
        self.store().deleted.clone()
    }

    /// Conditions that were sent with a weak ETag.
    pub fn weak_conditions(&self) -> Vec<String> {
        self.store().weak_conditions.clone()
    }

    fn store(&self) -> std::sync::MutexGuard<'_, Store> {
        self.shared.store.lock().expect("no panic in the server")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    framing: Framing,
    /// Number of bytes of the body after which the connection ends.
    cut: Option<usize>,
    has_length: bool,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            framing: Framing::Length,
            cut: None,
            has_length: true,
        }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn error(status: u16, code: &str) -> Self {
        Self::new(
            status,
            format!("<Error><Code>{code}</Code><Message>no</Message></Error>"),
        )
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let mut words = line.split_whitespace();
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default().to_owned();
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        if headers.contains_key("expect") {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let length = headers.get("content-length");
        let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let request = Request {
            key: path
                .trim_start_matches("/bucket")
                .trim_start_matches('/')
                .to_owned(),
            query: pairs
                .map(|(name, value)| (name.to_owned(), value.replace("%2F", "/")))
                .collect(),
            method,
            headers,
            body,
        };
        let answer = {
            let mut store = shared.store.lock().expect("no panic in the server");
            handle(&request, &mut store, &shared.odd)
        };
        if send(&mut stream, &request, &answer)? {
            return Ok(());
        }
    }
}

/// Sends a response, and returns whether the connection ends with it.
fn send(stream: &mut TcpStream, request: &Request, answer: &Answer) -> std::io::Result<bool> {
    let mut head = format!("HTTP/1.1 {} Odd\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let is_head = request.method == "HEAD";
    let closes = answer.cut.is_some() || answer.framing == Framing::Closed;
    match answer.framing {
        Framing::Length if answer.has_length => {
            head.push_str(&format!("content-length: {}\r\n", answer.body.len()));
        }
        Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
        Framing::Length | Framing::Closed => {}
    }
    if closes {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !is_head && answer.status != 204 {
        let body = &answer.body[..answer.cut.unwrap_or(answer.body.len())];
        match answer.framing {
            Framing::Chunked => {
                for chunk in body.chunks(50_000) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).as_bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                if answer.cut.is_none() {
                    bytes.extend(b"0\r\n\r\n");
                }
            }
            Framing::Length | Framing::Closed => bytes.extend(body),
        }
    }
    stream.write_all(&bytes)?;
    Ok(closes)
}

fn handle(request: &Request, store: &mut Store, odd: &Odd) -> Answer {
    for name in ["if-match", "x-amz-copy-source-if-match"] {
        let weak = request.header(name).filter(|value| value.contains("W/"));
        store.weak_conditions.extend(weak.map(str::to_owned));
    }
    let query = |name: &str| request.query.get(name);
    match (request.method.as_str(), request.key.is_empty()) {
        ("GET", true) => list(request, store),
        ("GET" | "HEAD", false) => read(request, store, odd),
        ("POST", true) => {
            let text = String::from_utf8_lossy(&request.body).into_owned();
            let mut refused = String::new();
            for object in text.split("<Object>").skip(1) {
                let value = |name: &str| {
                    let (_, rest) = object.split_once(&format!("<{name}>"))?;
                    Some(rest.split_once("</")?.0.replace("&quot;", "\""))
                };
                let key = value("Key").unwrap_or_default();
                let condition = value("ETag");
                let weak = condition.clone().filter(|value| value.contains("W/"));
                store.weak_conditions.extend(weak);
                if holds(condition.as_deref(), store, &key) {
                    let deleted = store.objects.remove(&key);
                    store.deleted = deleted.map(|(content, _)| content).or(store.deleted.take());
                } else {
                    refused.push_str(&format!(
                        "<Error><Key>{key}</Key><Code>PreconditionFailed</Code></Error>"
                    ));
                }
            }
            Answer::new(200, format!("<DeleteResult>{refused}</DeleteResult>"))
        }
        ("DELETE", false) if query("uploadId").is_some() => Answer::new(204, ""),
        ("DELETE", false) => {
            if !holds(request.header("if-match"), store, &request.key) {
                return Answer::error(412, "PreconditionFailed");
            }
            let deleted = store.objects.remove(&request.key);
            store.deleted = deleted.map(|(content, _)| content);
            Answer::new(204, "")
        }
        ("POST", false) => complete_or_create(request, store),
        ("PUT", false) => write(request, store),
        _ => Answer::error(501, "NotImplemented"),
    }
}

fn holds(condition: Option<&str>, store: &Store, key: &str) -> bool {
    let e_tag = store.objects.get(key).map(|(_, e_tag)| e_tag.as_str());
    condition.is_none_or(|condition| Some(condition) == e_tag)
}

fn write(request: &Request, store: &mut Store) -> Answer {
    let content = match request.header("x-amz-copy-source") {
        None => request.body.clone(),
        Some(source) => {
            let key = source.trim_start_matches("/bucket/").replace("%2F", "/");
            let condition = request.header("x-amz-copy-source-if-match");
            if !holds(condition, store, &key) {
                return Answer::error(412, "PreconditionFailed");
            }
            let Some((content, _)) = store.objects.get(&key) else {
                return Answer::error(404, "NoSuchKey");
            };
            match range_of(request.header("x-amz-copy-source-range"), content.len()) {
                Some((start, end)) => content[start..end].to_vec(),
                None => content.clone(),
            }
        }
    };
    let e_tag = match (
        request.query.get("uploadId"),
        request.query.get("partNumber"),
    ) {
        (Some(upload), Some(number)) => {
            let parts = store.uploads.entry(upload.clone()).or_default();
            parts.insert(number.parse().expect("a number"), content);
            format!("\"{number}\"")
        }
        _ => {
            if !holds(request.header("if-match"), store, &request.key) {
                return Answer::error(412, "PreconditionFailed");
            }
            if request.header("if-none-match").is_some() && store.objects.contains_key(&request.key)
            {
                return Answer::error(412, "PreconditionFailed");
            }
            store.put(&request.key, content)
        }
    };
    match request.header("x-amz-copy-source") {
        None => Answer::new(200, "").header("etag", e_tag),
        Some(_) if request.query.contains_key("uploadId") => Answer::new(
            200,
            format!("<CopyPartResult><ETag>{e_tag}</ETag></CopyPartResult>"),
        ),
        Some(_) => Answer::new(
            200,
            format!("<CopyObjectResult><ETag>{e_tag}</ETag></CopyObjectResult>"),
        ),
    }
}

fn complete_or_create(request: &Request, store: &mut Store) -> Answer {
    let Some(upload) = request.query.get("uploadId") else {
        return Answer::new(
            200,
            "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
        );
    };
    if !holds(request.header("if-match"), store, &request.key) {
        return Answer::error(412, "PreconditionFailed");
    }
    let parts = store.uploads.remove(upload).unwrap_or_default();
    let e_tag = store.put(&request.key, parts.into_values().flatten().collect());
    Answer::new(
        200,
        format!(
            "<CompleteMultipartUploadResult><ETag>{e_tag}</ETag></CompleteMultipartUploadResult>"
        ),
    )
}

fn list(request: &Request, store: &Store) -> Answer {
    let prefix = request.query.get("prefix").map_or("", String::as_str);
    let mut document = "<ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    let mut folded = None;
    for (key, (content, e_tag)) in &store.objects {
        let Some(rest) = key.strip_prefix(prefix) else {
            continue;
        };
        match rest.split_once('/') {
            Some((name, _)) if request.query.contains_key("delimiter") => {
                folded = Some(format!("{prefix}{name}/"));
            }
            _ => document.push_str(&format!(
                "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>\
                 <ETag>{e_tag}</ETag><Size>{}</Size></Contents>",
                content.len()
            )),
        }
    }
    if let Some(folded) = folded {
        document.push_str(&format!(
            "<CommonPrefixes><Prefix>{folded}</Prefix></CommonPrefixes>"
        ));
    }
    document.push_str("</ListBucketResult>");
    Answer::new(200, document)
}

fn range_of(header: Option<&str>, size: usize) -> Option<(usize, usize)> {
    let (start, last) = header?.strip_prefix("bytes=")?.split_once('-')?;
    let end = last
        .parse()
        .map_or(size, |last: usize| last.saturating_add(1));
    Some((start.parse().ok()?, end))
}

fn read(request: &Request, store: &mut Store, odd: &Odd) -> Answer {
    let is_get = request.method == "GET";
    if is_get {
        store.gets += 1;
        if store.gets == 2
            && let Some((key, content)) = store.replacement.take()
        {
            store.put(&key, content);
        }
    }
    let Some((content, e_tag)) = store.objects.get(&request.key) else {
        return Answer::error(404, "NoSuchKey");
    };
    let e_tag = match odd.e_tag {
        ETag::Weak => format!("W/{e_tag}"),
        _ => e_tag.clone(),
    };
    let condition = request.header("if-match");
    let condition = condition.filter(|_| odd.conditions == Conditions::Honoured);
    // Weak ETags never match.
    if condition.is_some_and(|condition| condition != e_tag || condition.starts_with("W/")) {
        return Answer::error(412, "PreconditionFailed");
    }
    let named = |answer: Answer| match odd.e_tag {
        ETag::Missing => answer,
        _ => answer.header("etag", e_tag.clone()),
    };
    let dated =
        |answer: Answer| named(answer).header("last-modified", "Thu, 01 Jan 2026 00:00:00 GMT");
    if !is_get {
        let mut answer = dated(Answer::new(200, content.clone()));
        answer.has_length = odd.head_has_length;
        return answer;
    }
    let asked = range_of(request.header("range"), content.len());
    let is_refused = match (odd.status, asked) {
        (Status::RangeRefused, Some(_)) => true,
        (Status::EndRefused, Some((_, end))) if end > content.len() => true,
        (_, Some((start, _))) => start >= content.len(),
        (_, None) => false,
    };
    if is_refused {
        return Answer::error(416, "InvalidRange");
    }
    let status = match odd.status {
        Status::Always200 => 200,
        Status::Always206 => 206,
        Status::Transformed => 203,
        _ if asked.is_some() => 206,
        _ => 200,
    };
    let (mut start, mut end) = asked.unwrap_or((0, content.len()));
    end = end.min(content.len());
    // A 200 without Content-Range that has a part looks the same as one that has all.
    if status == 200 && odd.content_range == ContentRange::Missing {
        (start, end) = (0, content.len());
    }
    let says_range = odd.content_range != ContentRange::Missing
        && (asked.is_some() || matches!(odd.status, Status::Always200 | Status::Always206));
    if says_range && start < end {
        match odd.content_range {
            ContentRange::Other if start + 1 < end => start += 1,
            ContentRange::Short => end = start + (end - start).div_ceil(2),
            _ => {}
        }
    }
    let mut answer = dated(Answer::new(status, &content[start..end]));
    if says_range && start < end {
        let size = match odd.content_range {
            ContentRange::Unsized => "*".to_owned(),
            _ => content.len().to_string(),
        };
        answer = answer.header("content-range", format!("bytes {start}-{}/{size}", end - 1));
    }
    answer.framing = odd.framing;
    if odd.is_cut && store.gets == 1 {
        answer.cut = Some(answer.body.len() / 2);
    }
    answer
}
