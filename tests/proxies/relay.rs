//! Small proxies on loopback: one for HTTP, and one for SOCKS.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// A proxy on a free port, with a thread per connection.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    /// User and password, if required.
    wanted: Option<String>,
    asked: Mutex<Vec<String>>,
    connections: AtomicUsize,
    /// Requests to a URL that contains this are refused because of expired credentials.
    expired: Mutex<Option<String>>,
    is_stopped: AtomicBool,
}

type Serve = fn(TcpStream, &Shared) -> io::Result<()>;

impl Relay {
    /// A proxy for `CONNECT` and for requests in absolute form.
    pub fn http(wanted: Option<&str>) -> Self {
        Self::start(wanted, serve_http)
    }

    /// A proxy for SOCKS 4, 4a and 5.
    pub fn socks(wanted: Option<&str>) -> Self {
        Self::start(wanted, serve_socks)
    }

    fn start(wanted: Option<&str>, serve: Serve) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            wanted: wanted.map(str::to_owned),
            asked: Mutex::default(),
            connections: AtomicUsize::new(0),
            expired: Mutex::default(),
            is_stopped: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.is_stopped.load(Ordering::Acquire) {
                    break;
                }
                of_thread.connections.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&of_thread);
                // A client may disconnect at any time.
                thread::spawn(move || stream.and_then(|stream| serve(stream, &shared)));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL with user and password, percent-encoded.
    pub fn url_with(&self, user: &str) -> String {
        format!("http://{user}@{}", self.address)
    }

    /// Returns the method and target of each request, or the address of a SOCKS request, since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.asked.lock().unwrap())
    }

    /// From now on, requests to a URL that contains this are refused, as S3 refuses expired credentials.
    #[cfg(feature = "aws-chain")]
    pub fn expire(&self, part: &str) {
        *self.shared.expired.lock().unwrap() = Some(part.to_owned());
    }

    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Release);
        drop(TcpStream::connect(self.address));
    }
}

impl Shared {
    fn log(&self, asked: impl Into<String>) {
        self.asked.lock().unwrap().push(asked.into());
    }
}

/// Connects to a server on loopback, and to no other.
fn connect(target: &str) -> io::Result<TcpStream> {
    let address: SocketAddr = target
        .parse()
        .map_err(|_| io::Error::other("an address is asked for in these tests"))?;
    assert!(address.ip().is_loopback(), "{target} is not loopback");
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Forwards bytes until one side ends.
fn join(mut one: impl Read, mut other: TcpStream) {
    let _ = io::copy(&mut one, &mut other);
    let _ = other.shutdown(Shutdown::Both);
}

fn tunnel(client: BufReader<TcpStream>, server: TcpStream) -> io::Result<()> {
    let (back, to_client) = (server.try_clone()?, client.get_ref().try_clone()?);
    let answers = thread::spawn(move || join(back, to_client));
    join(client, server);
    let _ = answers.join();
    Ok(())
}

fn serve_http(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = BufReader::new(stream);
    // The connection to a server, reused for further requests to it.
    let mut server: Option<(String, TcpStream)> = None;
    while let Some(lines) = head(&mut client)? {
        let mut words = lines[0].split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        shared.log(format!("{method} {target}"));
        let wanted = shared.wanted.as_ref().map(|pair| {
            let pair = BASE64_STANDARD.encode(pair);
            format!("Basic {pair}")
        });
        let given = value(&lines, "proxy-authorization");
        if wanted
            .as_deref()
            .is_some_and(|wanted| given != Some(wanted))
        {
            let answer = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                          Proxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\
                          Connection: close\r\n\r\nno\n";
            client.get_mut().write_all(answer.as_bytes())?;
            return client.get_ref().shutdown(Shutdown::Write);
        }
        let expired = shared.expired.lock().unwrap().clone();
        if expired.is_some_and(|part| target.contains(&part)) {
            let body = "<Error><Code>ExpiredToken</Code></Error>";
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            client.get_mut().write_all(answer.as_bytes())?;
            return client.get_ref().shutdown(Shutdown::Write);
        }
        if method == "CONNECT" {
            let server = connect(target)?;
            client
                .get_mut()
                .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            return tunnel(client, server);
        }
        let Some((authority, path)) = target
            .strip_prefix("http://")
            .map(|rest| rest.split_at(rest.find('/').unwrap_or(rest.len())))
        else {
            let answer = "HTTP/1.1 400 Not for a proxy\r\nContent-Length: 0\r\n\r\n";
            client.get_mut().write_all(answer.as_bytes())?;
            continue;
        };
        if server.as_ref().is_none_or(|(is, _)| is != authority) {
            let stream = connect(authority)?;
            let (back, to_client) = (stream.try_clone()?, client.get_ref().try_clone()?);
            thread::spawn(move || join(back, to_client));
            server = Some((authority.to_owned(), stream));
        }
        let (_, upstream) = server.as_mut().expect("just made");
        let mut request = format!("{method} {path} HTTP/1.1\r\n");
        for line in &lines[1..] {
            if !line.to_ascii_lowercase().starts_with("proxy-") {
                request += &format!("{line}\r\n");
            }
        }
        upstream.write_all((request + "\r\n").as_bytes())?;
        let length = value(&lines, "content-length").and_then(|length| length.parse().ok());
        io::copy(&mut client.by_ref().take(length.unwrap_or(0)), upstream)?;
    }
    if let Some((_, server)) = server {
        server.shutdown(Shutdown::Both)?;
    }
    Ok(())
}

/// Reads the lines of the next header; `None` at the end of the connection.
fn head(client: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if client.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(lines)),
            line => lines.push(line.to_owned()),
        }
    }
}

fn value<'a>(lines: &'a [String], name: &str) -> Option<&'a str> {
    lines.iter().find_map(|line| {
        let (is, value) = line.split_once(':')?;
        is.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Source: RFC 1928 and RFC 1929, and the memos on SOCKS 4 and 4a.
fn serve_socks(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut client = BufReader::new(stream);
    // The responses include an address, which is ignored here.
    let (target, answer): (String, &[u8]) = match bytes::<1>(&mut client)? {
        [4] => {
            let [_, high, low, a, b, c, d] = bytes::<7>(&mut client)?;
            let port = u16::from_be_bytes([high, low]);
            text_to_zero(&mut client)?;
            let host = match [a, b, c] {
                // The host name follows the user.
                [0, 0, 0] => text_to_zero(&mut client)?,
                _ => Ipv4Addr::new(a, b, c, d).to_string(),
            };
            (format!("{host}:{port}"), &[0, 90, 0, 0, 0, 0, 0, 0])
        }
        _ => {
            let [methods] = bytes::<1>(&mut client)?;
            let mut offered = vec![0; methods.into()];
            client.read_exact(&mut offered)?;
            if let Some(wanted) = &shared.wanted {
                client.get_mut().write_all(&[5, 2])?;
                bytes::<1>(&mut client)?;
                let pair = format!("{}:{}", text(&mut client)?, text(&mut client)?);
                let is_right = pair == *wanted;
                client.get_mut().write_all(&[1, u8::from(!is_right)])?;
                if !is_right {
                    return Ok(());
                }
            } else {
                client.get_mut().write_all(&[5, 0])?;
            }
            let [_, _, _, kind] = bytes::<4>(&mut client)?;
            let host = match kind {
                1 => Ipv4Addr::from(bytes::<4>(&mut client)?).to_string(),
                4 => format!("[{}]", Ipv6Addr::from(bytes::<16>(&mut client)?)),
                _ => text(&mut client)?,
            };
            let port = u16::from_be_bytes(bytes::<2>(&mut client)?);
            (format!("{host}:{port}"), &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
        }
    };
    shared.log(&*target);
    let server = connect(&target)?;
    client.get_mut().write_all(answer)?;
    tunnel(client, server)
}

fn bytes<const N: usize>(client: &mut BufReader<TcpStream>) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text that follows its length.
fn text(client: &mut BufReader<TcpStream>) -> io::Result<String> {
    let [length] = bytes::<1>(client)?;
    let mut text = vec![0; length.into()];
    client.read_exact(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn text_to_zero(client: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut text = Vec::new();
    client.read_until(0, &mut text)?;
    text.pop();
    Ok(String::from_utf8_lossy(&text).into_owned())
}
