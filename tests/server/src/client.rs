//! A small S3 client: it signs with `rusty_s3`, sends with `ureq`, and returns the response unchanged.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use rusty_s3::{Map, Method};
use ureq::http::{HeaderMap, Request};
use url::Url;

use crate::Server;

/// A request under construction; `send` signs it for the server's credentials by default.
pub struct Call<'a> {
    pub server: &'a Server,
    pub method: Method,
    pub bucket: String,
    pub key: String,
    pub query: Map<'static>,
    pub headers: Map<'static>,
    pub unsigned: Vec<(&'static str, String)>,
    pub body: Option<Vec<u8>>,
    pub access_key: String,
    pub secret_key: String,
    pub token: Option<String>,
    pub region: String,
    pub expires: u64,
    pub at: SystemTime,
}

pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

pub fn call<'a>(server: &'a Server, method: Method, key: &str) -> Call<'a> {
    Call {
        server,
        method,
        bucket: "bucket".into(),
        key: key.into(),
        query: Map::new(),
        headers: Map::new(),
        unsigned: Vec::new(),
        body: None,
        access_key: server.access_key().into(),
        secret_key: server.secret_key().into(),
        token: server.token().map(str::to_owned),
        region: server.region().into(),
        expires: 300,
        at: SystemTime::now(),
    }
}

pub fn get<'a>(server: &'a Server, key: &str) -> Call<'a> {
    call(server, Method::Get, key)
}

pub fn head<'a>(server: &'a Server, key: &str) -> Call<'a> {
    call(server, Method::Head, key)
}

pub fn put<'a>(server: &'a Server, key: &str, body: impl Into<Vec<u8>>) -> Call<'a> {
    call(server, Method::Put, key).body(body)
}

pub fn post<'a>(server: &'a Server, key: &str, body: impl Into<Vec<u8>>) -> Call<'a> {
    call(server, Method::Post, key).body(body)
}

pub fn delete<'a>(server: &'a Server, key: &str) -> Call<'a> {
    call(server, Method::Delete, key)
}

pub fn list(server: &Server) -> Call<'_> {
    get(server, "").query("list-type", "2")
}

impl Call<'_> {
    pub fn bucket(mut self, bucket: &str) -> Self {
        self.bucket = bucket.into();
        self
    }

    pub fn query(mut self, name: &'static str, value: &str) -> Self {
        self.query.insert(name, value.to_owned());
        self
    }

    /// Adds a signed header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.insert(name, value.into());
        self
    }

    /// Adds a header that is not signed.
    pub fn unsigned(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.unsigned.push((name, value.into()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    pub fn url(&self) -> Url {
        let key = encode(&self.key);
        let path = format!("{}/{key}", self.bucket);
        let path = if path == "/" { "" } else { &path };
        let url = format!("{}/{path}", self.server.endpoint());
        Url::parse(&url).expect("an encoded key")
    }

    pub fn signed_url(&self) -> Url {
        let at = self.at.try_into().expect("a time in range");
        rusty_s3::signing::sign(
            &at,
            self.method,
            self.url(),
            &self.access_key,
            &self.secret_key,
            self.token.as_deref(),
            &self.region,
            self.expires,
            self.query.iter(),
            self.headers.iter(),
        )
    }

    pub fn send(self) -> Reply {
        self.try_send(self.signed_url().as_str())
            .expect("an answer")
    }

    pub fn send_anonymous(self) -> Reply {
        let mut url = self.url();
        for (name, value) in self.query.iter() {
            url.query_pairs_mut().append_pair(name, value);
        }
        self.try_send(url.as_str()).expect("an answer")
    }

    pub fn try_send(&self, url: &str) -> Result<Reply, ureq::Error> {
        self.try_send_with(&agent(), url)
    }

    pub fn try_send_with(&self, agent: &ureq::Agent, url: &str) -> Result<Reply, ureq::Error> {
        let method = match self.method {
            Method::Head => "HEAD",
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in self.headers.iter() {
            request = request.header(name, value);
        }
        for (name, value) in &self.unsigned {
            request = request.header(*name, value);
        }
        let mut response = match &self.body {
            Some(body) => agent.run(request.body(body.as_slice()).expect("a request"))?,
            None => agent.run(request.body(()).expect("a request"))?,
        };
        let body = response.body_mut().with_config().limit(1 << 30);
        Ok(Reply {
            body: body.read_to_vec()?,
            status: response.status().as_u16(),
            headers: response.headers().clone(),
        })
    }
}

impl Reply {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!((200..300).contains(&self.status), "{}", self.text());
        self
    }

    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!(
            (self.status, self.xml("Code")),
            (status, code),
            "{}",
            self.text()
        );
        self
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or("(not text)")
    }

    /// Returns the text of the first element of this name; empty if there is none.
    pub fn xml(&self, name: &str) -> &str {
        self.all_xml(name).first().copied().unwrap_or_default()
    }

    pub fn all_xml(&self, name: &str) -> Vec<&str> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let found = self.text().split(&open).skip(1);
        found
            .filter_map(|rest| Some(rest.split_once(&close)?.0))
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(Duration::from_secs(20)))
        .build()
        .new_agent()
}

pub fn encode(key: &str) -> String {
    key.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
        text
    })
}

/// Decodes a key of a listing with `encoding-type=url`.
pub fn decode(text: &str) -> String {
    let pair = format!("key={}", text.replace('&', "%26"));
    let mut pairs = url::form_urlencoded::parse(pair.as_bytes());
    pairs.next().expect("one pair").1.into_owned()
}

/// Sends the bytes unchanged and reads until the server closes the connection.
pub fn raw(server: &Server, request: &str) -> String {
    String::from_utf8_lossy(&raw_bytes(server, request)).into_owned()
}

/// Returns a signed GET request as text.
pub fn raw_get(server: &Server, key: &str) -> String {
    let url = get(server, key).signed_url();
    let path = &url[url::Position::BeforePath..];
    let port = server.port();
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n")
}

pub fn raw_bytes(server: &Server, request: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", server.port())).expect("a connection");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    // A connection that a fault cuts ends with an error; the bytes before it count.
    let _ = stream.read_to_end(&mut answer);
    answer
}

pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn md5(bytes: &[u8]) -> [u8; 16] {
    use s3s::crypto::Checksum as _;
    s3s::crypto::Md5::checksum(bytes)
}

/// Uploads these parts without completing the upload: returns the id and the body of the completion.
pub fn upload_parts(server: &Server, key: &str, parts: &[&[u8]]) -> (String, String) {
    let created = post(server, key, "").query("uploads", "").send().ok();
    let id = created.xml("UploadId").to_owned();
    let mut body = String::from("<CompleteMultipartUpload>");
    for (at, part) in parts.iter().enumerate() {
        let number = (at + 1).to_string();
        let sent = put(server, key, *part)
            .query("partNumber", &number)
            .query("uploadId", &id)
            .send()
            .ok();
        let etag = sent.header("etag");
        body += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    (id, body + "</CompleteMultipartUpload>")
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
