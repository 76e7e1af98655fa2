//! A home directory for tests, the environment of its user, and a server that answers by a script.

// The scripted servers are for the sources that send requests.
#![cfg_attr(not(feature = "aws-chain"), allow(dead_code))]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use super::Environment;

/// A temporary directory, removed when this is dropped.
pub(in crate::s3) struct Home(PathBuf);

impl Home {
    pub(in crate::s3) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("s3fs-credentials-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Creates a home directory with those two files.
    pub(in crate::s3) fn with(credentials: &str, config: &str) -> Self {
        let home = Self::new();
        home.write(".aws/credentials", credentials);
        home.write(".aws/config", config);
        home
    }

    pub(in crate::s3) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(in crate::s3) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Returns an environment with `HOME` and those variables. Instance metadata is disabled.
    pub(in crate::s3) fn environment<const N: usize>(
        &self,
        pairs: [(&str, &str); N],
    ) -> Environment {
        let off = ("AWS_EC2_METADATA_DISABLED", "true");
        let home = ("HOME", self.0.to_str().unwrap());
        Environment::from_pairs(pairs.into_iter().chain([off, home]))
    }

    /// Returns an environment with `HOME` and those variables. Instance metadata is enabled.
    pub(in crate::s3) fn with_metadata<const N: usize>(
        &self,
        pairs: [(&str, &str); N],
    ) -> Environment {
        let home = ("HOME", self.0.to_str().unwrap());
        Environment::from_pairs(pairs.into_iter().chain([home]))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An answer of a [`Script`].
pub(in crate::s3) struct Reply(Option<(u16, Vec<u8>)>);

impl Reply {
    pub(in crate::s3) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self(Some((status, body.into())))
    }

    /// Sends no answer, and keeps the connection open.
    pub(in crate::s3) fn never() -> Self {
        Self(None)
    }
}

/// A request that a [`Script`] received.
#[derive(Clone)]
pub(in crate::s3) struct Received {
    pub(in crate::s3) line: String,
    headers: Vec<(String, String)>,
    pub(in crate::s3) body: String,
}

impl Received {
    pub(in crate::s3) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find_map(|(is, value)| (is == name).then_some(value.as_str()))
    }

    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            let Some((name, value)) = header.trim_end().split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut received = Self {
            line: line.trim_end().to_owned(),
            headers,
            body: String::new(),
        };
        let length = received
            .header("content-length")
            .unwrap_or("0")
            .parse()
            .ok()?;
        reader
            .take(length)
            .read_to_string(&mut received.body)
            .ok()?;
        Some(received)
    }
}

/// A server on loopback that answers by a script. It stops when this is dropped.
pub(in crate::s3) struct Script {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
    thread: Option<JoinHandle<()>>,
}

impl Script {
    /// Answers by the number of the request.
    pub(in crate::s3) fn start(answer: impl Fn(usize) -> Reply + Send + 'static) -> Self {
        Self::answering(move |number, _| answer(number))
    }

    /// Answers by the path of the request.
    pub(in crate::s3) fn by_path(answer: impl Fn(&str) -> Reply + Send + 'static) -> Self {
        Self::answering(move |_, request| {
            let path = request.line.split(' ').nth(1).unwrap_or_default();
            answer(path.split('?').next().unwrap_or_default())
        })
    }

    pub(in crate::s3) fn answering(
        answer: impl Fn(usize, &Received) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Received>>> = Arc::default();
        let log = Arc::clone(&requests);
        let thread = thread::spawn(move || {
            let mut open = Vec::new();
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                // Dropping the server opens a connection without sending a request.
                let Some(request) = Received::read(&stream) else {
                    return;
                };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(request.clone());
                    log.len()
                };
                match answer(number, &request).0 {
                    None => open.push(stream),
                    Some((status, body)) => {
                        let head = format!(
                            "HTTP/1.1 {status} Status\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                            body.len()
                        );
                        let _ = stream.write_all(head.as_bytes());
                        let _ = stream.write_all(&body);
                    }
                }
            }
        });
        Self {
            address,
            requests,
            thread: Some(thread),
        }
    }

    pub(in crate::s3) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(in crate::s3) fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Returns an answer of STS to that action.
#[cfg(feature = "aws-chain")]
pub(in crate::s3) fn assumed(action: &str, key: &str) -> Reply {
    Reply::new(
        200,
        format!(
            "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
             <AssumedRoleUser><AssumedRoleId>id</AssumedRoleId><Arn>arn</Arn></AssumedRoleUser>\
             <Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>hidden</SecretAccessKey>\
             <SessionToken>hidden</SessionToken><Expiration>2126-11-28T12:00:00Z</Expiration>\
             </Credentials></{action}Result><ResponseMetadata><RequestId>r</RequestId>\
             </ResponseMetadata></{action}Response>"
        ),
    )
}

/// Returns the credentials that the chain returns on first use.
#[cfg(feature = "aws-chain")]
pub(in crate::s3) fn given(environment: &Environment) -> crate::error::Result<super::Credentials> {
    let resolved = super::resolve(&super::Settings::default(), environment)?;
    let credentials = resolved.provider.get()?;
    Ok((*credentials.expect("the chain is never anonymous")).clone())
}
