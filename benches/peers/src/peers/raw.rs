//! A `TcpStream` that transfers the bytes: the minimum for any client.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::iter;
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use rusty_s3::Method;
use rusty_s3::signing::sign;
use s3fs::PresignMethod;
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
use url::Url;

use super::{Peer, on_threads, s3fs::open};
use crate::{FILE_SIZE, FILES, GIB, KEYS, MIB, Outcome, SMALL, file_name};

pub struct Raw {
    address: String,
    idle: Mutex<Vec<TcpStream>>,
    /// The request targets, with their signatures.
    get_large: String,
    put_large: String,
    get_small: String,
    put_small: String,
    head: String,
    get_files: Vec<String>,
    put_files: Vec<String>,
    bucket: Url,
}

impl Raw {
    pub fn new(endpoint: &str) -> Outcome<Self> {
        let fs = open(endpoint)?;
        let signed = |path: &str, method| -> Outcome<String> {
            let url = fs.presign(path)?.method(method).url()?;
            Ok(url
                .strip_prefix(endpoint)
                .ok_or("another server")?
                .to_owned())
        };
        let files = |directory: &str, method: PresignMethod| -> Outcome<Vec<String>> {
            (0..FILES)
                .map(|number| signed(&format!("{directory}/{}", file_name(number)), method))
                .collect()
        };
        Ok(Self {
            address: endpoint.trim_start_matches("http://").to_owned(),
            idle: Mutex::default(),
            get_large: signed("large", PresignMethod::Get)?,
            put_large: signed("sent", PresignMethod::Put)?,
            get_small: signed("small", PresignMethod::Get)?,
            put_small: signed("written", PresignMethod::Put)?,
            head: signed("small", PresignMethod::Head)?,
            get_files: files("files", PresignMethod::Get)?,
            put_files: files("sent files", PresignMethod::Put)?,
            bucket: format!("{endpoint}/{BUCKET}").parse()?,
        })
    }

    /// Sends the request, and passes the body to `sink`.
    fn request(
        &self,
        method: &str,
        target: &str,
        body: impl FnOnce(&mut TcpStream) -> Outcome,
        length: u64,
        buffer: &mut [u8],
        mut sink: impl FnMut(&[u8]) -> Outcome,
    ) -> Outcome<u64> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let mut stream = match idle {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address)?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        let address = &self.address;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        body(&mut stream)?;
        let mut filled = 0;
        let end = loop {
            match stream.read(&mut buffer[filled..])? {
                0 => return Err("the answer ended".into()),
                count => filled += count,
            }
            let end = buffer[..filled]
                .windows(4)
                .position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        if !head.starts_with("http/1.1 200") {
            return Err(head.into());
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let expected: u64 = match (method, length) {
            ("HEAD", _) => 0,
            (_, Some(length)) => length.parse()?,
            _ => return Err("no length".into()),
        };
        sink(&buffer[end..filled])?;
        let mut came = (filled - end) as u64;
        while came < expected {
            match stream.read(buffer)? {
                0 => return Err("the answer ended".into()),
                count => {
                    sink(&buffer[..count])?;
                    came += count as u64;
                }
            }
        }
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(stream);
        Ok(came)
    }

    fn get(&self, target: &str, sink: impl FnMut(&[u8]) -> Outcome, buffer: usize) -> Outcome<u64> {
        self.request("GET", target, |_| Ok(()), 0, &mut vec![0; buffer], sink)
    }

    fn put(&self, target: &str, content: &[u8]) -> Outcome {
        let send = |stream: &mut TcpStream| Ok(stream.write_all(content)?);
        let length = content.len() as u64;
        self.request("PUT", target, send, length, &mut [0; 4096], |_| Ok(()))?;
        Ok(())
    }
}

impl Peer for Raw {
    fn get_to_sink(&self) -> Outcome {
        assert_eq!(self.get(&self.get_large, |_| Ok(()), MIB)?, GIB);
        Ok(())
    }

    fn get_to_file(&self, local: &Path) -> Outcome {
        let mut file = File::create(local)?;
        self.get(&self.get_large, |bytes| Ok(file.write_all(bytes)?), MIB)?;
        Ok(())
    }

    fn put_from_file(&self, local: &Path) -> Outcome {
        let send = |stream: &mut TcpStream| -> Outcome {
            let mut file = File::open(local)?;
            let mut buffer = vec![0; MIB];
            while let count @ 1.. = file.read(&mut buffer)? {
                stream.write_all(&buffer[..count])?;
            }
            Ok(())
        };
        self.request(
            "PUT",
            &self.put_large,
            send,
            GIB,
            &mut [0; 4096],
            |_| Ok(()),
        )?;
        Ok(())
    }

    fn directory_up(&self, local: &Path) -> Outcome {
        on_threads(|number| {
            self.put(
                &self.put_files[number],
                &fs::read(local.join(file_name(number)))?,
            )
        })
    }

    fn directory_down(&self, local: &Path) -> Outcome {
        fs::create_dir(local)?;
        on_threads(|number| {
            let mut file = File::create(local.join(file_name(number)))?;
            let sink = |bytes: &[u8]| Ok(file.write_all(bytes)?);
            self.get(&self.get_files[number], sink, 2 * FILE_SIZE)?;
            Ok(())
        })
    }

    fn get_small(&self) -> Outcome {
        assert_eq!(
            self.get(&self.get_small, |_| Ok(()), 2 * SMALL)?,
            SMALL as u64
        );
        Ok(())
    }

    fn put_small(&self, content: &[u8]) -> Outcome {
        self.put(&self.put_small, content)
    }

    fn head(&self) -> Outcome {
        self.request(
            "HEAD",
            &self.head,
            |_| Ok(()),
            0,
            &mut [0; 4096],
            |_| Ok(()),
        )?;
        Ok(())
    }

    /// Reads the token of the next page from each page, and counts the keys.
    fn list(&self) -> Outcome {
        let (mut buffer, mut count, mut token) = (vec![0; MIB], 0, None);
        loop {
            // In the order that signatures require.
            let mut query =
                Vec::from_iter(token.as_deref().map(|token| ("continuation-token", token)));
            query.extend([("list-type", "2"), ("prefix", "listed/")]);
            let url = sign(
                &SystemTime::now().try_into()?,
                Method::Get,
                self.bucket.clone(),
                ACCESS_KEY,
                SECRET_KEY,
                None,
                REGION,
                60,
                query.into_iter(),
                iter::empty(),
            );
            let target = &url[url::Position::BeforePath..];
            let mut page = Vec::new();
            let sink = |bytes: &[u8]| {
                page.extend_from_slice(bytes);
                Ok(())
            };
            self.request("GET", target, |_| Ok(()), 0, &mut buffer, sink)?;
            let page = std::str::from_utf8(&page)?;
            count += page.matches("<Key>").count();
            token = page
                .split_once("<NextContinuationToken>")
                .and_then(|(_, rest)| rest.split_once('<').map(|(token, _)| token.to_owned()));
            if token.is_none() {
                assert_eq!(count, KEYS as usize);
                return Ok(());
            }
        }
    }
}
