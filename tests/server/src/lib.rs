//! An S3 server in the test process: real HTTP on a free loopback port, real signatures, an in-memory store.
//!
//! ```
//! use test_server::Server;
//!
//! let server = Server::start();
//! server.bucket("bucket").put("a/b.txt", "hello");
//! // ... let the library talk to server.endpoint() ...
//! assert!(server.requests().is_empty());
//! ```
//!
//! The tour, in the way of a request:
//!
//! - `http`: connections, the steps that each request takes; `wire` and `bodies`: the bytes on their way, counted,
//!   slowed down, cut; `tls`: the certificate of an https server
//! - `request`: which bucket, key and operation it names; `log`: what tests ask about it afterwards
//! - `faults`: what goes wrong on demand
//! - `auth`: who may do what; `clock`: when; `answers`: S3's error documents
//! - `service`: the operations there are, each of which is in `buckets`, `objects`, `deletes`, `copy`,
//!   `multipart`, `listing`, `versioning` or `tagging`, with `attributes`, `conditions`, `checksum`, `directories`
//!   and `upload` as their helpers
//! - `store`: what is kept; `content`: the bytes; `numbered`: keys that are only counted
//!
//! Dropping the server stops it and waits for its thread.
//!
mod answers;
mod attributes;
mod auth;
mod bodies;
mod buckets;
mod checksum;
pub mod client;
mod clock;
mod conditions;
mod content;
mod copy;
mod deletes;
mod directories;
mod faults;
mod http;
mod listing;
mod log;
mod memory;
mod multipart;
mod numbered;
mod objects;
mod request;
mod restore;
mod service;
mod store;
mod tagging;
mod tls;
mod upload;
mod versioning;
mod wire;

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use s3s::host::MultiDomain;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpSocket;
use tokio::sync::oneshot;

pub use self::answers::http_date;
pub use self::conditions::Guarded;
pub use self::content::{Content, synthetic_bytes};
pub use self::faults::{Answer, Fault, Faults, Hold, Rule};
pub use self::listing::{Encoding, ListOrder, Manners as ListingManners, StartAfter};
pub use self::log::LoggedRequest;
pub use self::memory::peak_memory;
pub use self::store::{Object, Part, Upload, Version};
pub use self::tls::Identity;

use self::auth::{Keys, Policy};
use self::clock::Clock;
use self::http::{Network, Shared};
use self::numbered::Numbered;
use self::service::{Service, Settings};
use self::store::{BucketData, Store};

pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub const REGION: &str = "us-east-1";
pub const BUCKET: &str = "bucket";

/// A running server.
pub struct Server {
    port: u16,
    shared: Arc<Shared>,
    store: Arc<Store>,
    /// The certificate authority of an https server.
    ca_pem: Option<String>,
    honours_conditions: bool,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// While it is stopped.
    reserved: Option<TcpSocket>,
}

impl Server {
    /// A server as most tests want it: region `us-east-1`, one empty bucket named `bucket`.
    pub fn start() -> Self {
        Self::builder().start()
    }

    pub fn builder() -> Builder {
        Builder {
            policy: Policy {
                keys: Keys {
                    access_key: ACCESS_KEY.into(),
                    secret_key: SECRET_KEY.into(),
                    token: None,
                },
                region: REGION.into(),
                public_read: false,
                clock: Clock::default(),
                changed: Arc::default(),
            },
            settings: Settings::default(),
            network: Network::default(),
            ca_pem: None,
            buckets: Vec::new(),
        }
    }

    /// `http://127.0.0.1:PORT`, for path-style requests; `https` if the server was started so.
    pub fn endpoint(&self) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// `http://localhost:PORT`, for virtual-hosted requests to `http://bucket.localhost:PORT`.
    pub fn host_endpoint(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn access_key(&self) -> &str {
        &self.shared.policy.keys.access_key
    }

    pub fn secret_key(&self) -> &str {
        &self.shared.policy.keys.secret_key
    }

    pub fn token(&self) -> Option<&str> {
        self.shared.policy.keys.token.as_deref()
    }

    pub fn region(&self) -> &str {
        &self.shared.policy.region
    }

    /// Every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.requests()
    }

    /// The requests since the last time, so that a test can count what one call costs.
    pub fn take_requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.take()
    }

    /// How many connections were accepted.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.shared.open_connections.load(Ordering::Acquire)
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Whether a PUT whose condition does not hold is refused.
    pub fn honours_conditions(&self) -> bool {
        self.honours_conditions
    }

    /// What trusts an https server, as PEM; empty for an http server.
    pub fn ca_pem(&self) -> &str {
        self.ca_pem.as_deref().unwrap_or_default()
    }

    /// The credentials that the server started with expire now.
    pub fn expire_token(&self) {
        self.shared.policy.changed().expired = true;
    }

    /// Other credentials, which are accepted from here on.
    pub fn add_credentials(&self, access_key: &str, secret_key: &str, token: Option<&str>) {
        self.shared.policy.changed().more.push(Keys {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            token: token.map(str::to_owned),
        });
    }

    /// From here on the server's clock is so many seconds ahead of the machine's, behind if negative.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.shared.policy.clock.set_ahead(seconds);
    }

    /// Closes all connections and accepts no more, until `restart`. Nobody else gets the port meanwhile.
    pub fn stop(&mut self) {
        self.end();
        if self.reserved.is_none() {
            let reserved = reserve(self.port);
            self.reserved = Some(reserved.expect("the port that was just given up"));
        }
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic on the server's thread has been printed; dropping must not panic too.
            let _ = thread.join();
        }
    }

    /// Closes all connections and accepts new ones, on the same port, with the same store.
    pub fn restart(&mut self) {
        self.stop();
        let listener = self.reserved.take().map(|reserved| {
            reserved.set_reuseaddr(true)?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
        });
        let listener = listener.expect("`stop` reserves the port");
        self.run(listener.expect("the port that is reserved"));
    }

    fn run(&mut self, listener: TcpListener) {
        let (stop, stopped) = oneshot::channel();
        self.thread = Some(run(listener, Arc::clone(&self.shared), stopped));
        self.stop = Some(stop);
    }

    /// The store behind the server, without HTTP. A bucket that does not exist is made.
    pub fn bucket(&self, name: &str) -> Bucket {
        self.store
            .buckets()
            .entry(name.to_owned())
            .or_insert_with(BucketData::new);
        Bucket {
            store: Arc::clone(&self.store),
            name: name.to_owned(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// What can be different from the usual server.
pub struct Builder {
    policy: Policy,
    settings: Settings,
    network: Network,
    ca_pem: Option<String>,
    buckets: Vec<String>,
}

impl Builder {
    /// The region that signatures must name.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.policy.region = region.into();
        self
    }

    /// A bucket to start with, instead of `bucket`. May be said more than once.
    #[must_use]
    pub fn bucket(mut self, name: &str) -> Self {
        self.buckets.push(name.into());
        self
    }

    #[must_use]
    pub fn credentials(mut self, access_key: &str, secret_key: &str) -> Self {
        self.policy.keys.access_key = access_key.into();
        self.policy.keys.secret_key = secret_key.into();
        self
    }

    /// The credentials are temporary: every request must carry this session token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.policy.keys.token = Some(token.into());
        self
    }

    /// Anyone may read and list.
    #[must_use]
    pub fn public_read(mut self, public: bool) -> Self {
        self.policy.public_read = public;
        self
    }

    /// The smallest part that is not the last, 5 MiB if not said.
    #[must_use]
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.settings.min_part_size = bytes;
        self
    }

    /// Behaves as servers that do not know `encoding-type=url`.
    #[must_use]
    pub fn ignore_encoding_type(mut self, ignore: bool) -> Self {
        self.settings.ignore_encoding_type = ignore;
        self
    }

    /// Behaves as servers that do not know `start-after`.
    #[must_use]
    pub fn ignore_start_after(mut self, ignore: bool) -> Self {
        self.settings.ignore_start_after = ignore;
        self
    }

    /// How listings differ from those of S3.
    #[must_use]
    pub fn listings(mut self, manners: ListingManners) -> Self {
        self.settings.listings = manners;
        self
    }

    /// The most entries of a page of a listing, 1,000 if not said.
    #[must_use]
    pub fn page_size(mut self, entries: i32) -> Self {
        self.settings.page_size = entries;
        self
    }

    /// Of larger bodies only the length and the digests are kept, so that a test can upload gigabytes.
    #[must_use]
    pub fn discard_over(mut self, bytes: u64) -> Self {
        self.settings.discard_over = bytes;
        self
    }

    /// Every connection moves so many bytes a second at most, in each direction.
    #[must_use]
    pub fn throttle(mut self, bytes_per_second: u64) -> Self {
        self.network.rate = Some(bytes_per_second);
        self
    }

    /// Every request is looked at so much later.
    #[must_use]
    pub fn latency(mut self, time: Duration) -> Self {
        self.network.latency = time;
        self
    }

    /// Every connection is closed after its first answer, which says so.
    #[must_use]
    pub fn close_connections(mut self, closes: bool) -> Self {
        self.network.closes = closes;
        self
    }

    /// The server speaks https, with a certificate for `127.0.0.1` and `localhost` that only `ca_pem` vouches for.
    #[must_use]
    pub fn tls(self) -> Self {
        self.identity(Identity::new(&["127.0.0.1", "localhost", "*.localhost"]))
    }

    /// The server speaks https with that certificate.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.network.tls = Some(identity.acceptor);
        self.ca_pem = Some(identity.ca_pem);
        self
    }

    /// The server's clock is so many seconds ahead of the machine's, behind if negative.
    #[must_use]
    pub fn clock_ahead(self, seconds: i64) -> Self {
        self.policy.clock.set_ahead(seconds);
        self
    }

    /// Conditions of these requests are taken for absent.
    #[must_use]
    pub fn ignore_conditions(mut self, of: impl IntoIterator<Item = Guarded>) -> Self {
        self.settings.conditions.ignored.extend(of);
        self
    }

    /// Conditions of these requests are answered 501.
    #[must_use]
    pub fn refuse_conditions(mut self, of: impl IntoIterator<Item = Guarded>) -> Self {
        self.settings.conditions.refused.extend(of);
        self
    }

    /// A quoted `If-Match` of a write is answered 412, whatever the object's ETag; without quotes it is understood.
    #[must_use]
    pub fn quoted_etags_never_match(mut self, never: bool) -> Self {
        self.settings.conditions.quoted_never_matches = never;
        self
    }

    /// CompleteMultipartUpload is refused if it leaves out a part that was uploaded.
    #[must_use]
    pub fn want_every_part(mut self, wants: bool) -> Self {
        self.settings.wants_every_part = wants;
        self
    }

    /// The answer to CompleteMultipartUpload does not tell the ETag.
    #[must_use]
    pub fn complete_without_etag(mut self, without: bool) -> Self {
        self.settings.completes_without_etag = without;
        self
    }

    /// There are no multipart uploads: they are answered 501.
    #[must_use]
    pub fn without_multipart(mut self, without: bool) -> Self {
        self.settings.lacks_multipart = without;
        self
    }

    /// CompleteMultipartUpload refuses parts of several sizes, as Cloudflare's R2 does.
    #[must_use]
    pub fn want_equal_parts(mut self, wants: bool) -> Self {
        self.settings.wants_equal_parts = wants;
        self
    }

    /// Metadata that is not ASCII is answered as it was stored, as Ceph's radosgw and moto do.
    #[must_use]
    pub fn answer_raw(mut self, raw: bool) -> Self {
        self.settings.answers_raw = raw;
        self
    }

    /// The most parts of an upload, 10,000 if not said.
    #[must_use]
    pub fn max_parts(mut self, parts: i32) -> Self {
        self.settings.max_parts = parts;
        self
    }

    /// PutObject removes the open uploads of its key, as Garage does.
    #[must_use]
    pub fn put_drops_uploads(mut self, drops: bool) -> Self {
        self.settings.put_drops_uploads = drops;
        self
    }

    /// The ETag of an object of parts says nothing of them but their number, as where objects are encrypted.
    #[must_use]
    pub fn etags_of_its_own(mut self, has: bool) -> Self {
        self.settings.has_etags_of_its_own = has;
        self
    }

    /// AbortMultipartUpload is answered 204, whatever became of the upload.
    #[must_use]
    pub fn abort_anything(mut self, aborts: bool) -> Self {
        self.settings.aborts_anything = aborts;
        self
    }

    /// UploadPartCopy decodes the key of its source twice, as Ceph's radosgw 16.2 does.
    #[must_use]
    pub fn decode_copy_source_twice(mut self, decodes: bool) -> Self {
        self.settings.decodes_copy_source_twice = decodes;
        self
    }

    /// All that Ceph's radosgw does otherwise with writes.
    #[must_use]
    pub fn like_radosgw(self) -> Self {
        use Guarded::{Complete, Copy, CopySource, Delete};
        self.ignore_conditions([Complete, Copy, CopySource, Delete])
            .quoted_etags_never_match(true)
            .want_every_part(true)
            .complete_without_etag(true)
            .decode_copy_source_twice(true)
    }

    /// What SeaweedFS does otherwise with directories and buckets: the key `d/` of a directory without a marker is
    /// answered for, and not listed; a PUT of it on a condition fails, and one without destroys a file `d`; a
    /// directory whose marker is deleted before what is in it stays; a marker cannot be copied; a PUT makes the
    /// bucket; and to make one's own bucket again is refused.
    #[must_use]
    pub fn like_seaweedfs(mut self) -> Self {
        self.settings.keeps_directories = true;
        self.settings.makes_buckets = true;
        self
    }

    pub fn start(self) -> Server {
        let store = Arc::new(Store::default());
        let names = if self.buckets.is_empty() {
            vec![BUCKET.to_owned()]
        } else {
            self.buckets
        };
        for name in names {
            store.buckets().insert(name, BucketData::new());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free loopback port");
        let port = listener.local_addr().expect("a bound address").port();
        let honours_conditions = !self.settings.conditions.ignored.contains(&Guarded::Put);
        let service = Service {
            store: Arc::clone(&store),
            region: self.policy.region.clone(),
            settings: self.settings,
        };
        let shared = Arc::new(Shared {
            s3: s3_service(service, &self.policy, port),
            policy: self.policy,
            log: log::Log::default(),
            faults: Faults::default(),
            connections: AtomicUsize::new(0),
            open_connections: AtomicUsize::new(0),
            network: self.network,
        });
        let mut server = Server {
            port,
            shared,
            store,
            ca_pem: self.ca_pem,
            honours_conditions,
            stop: None,
            thread: None,
            reserved: None,
        };
        server.run(listener);
        server
    }
}

/// Keeps a port at which nobody listens from all others.
fn reserve(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // For the connections that were just closed.
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
    socket.set_reuseaddr(false)?;
    Ok(socket)
}

fn s3_service(service: Service, policy: &Policy, port: u16) -> s3s::service::S3Service {
    let domains = ["localhost".to_owned(), format!("localhost:{port}")];
    let mut builder = S3ServiceBuilder::new(service);
    builder.set_auth(policy.clone());
    builder.set_access(policy.clone());
    builder.set_host(MultiDomain::new(domains).expect("different domains"));
    builder.build()
}

/// Runs the server on a thread of its own until the sender of `stopped` is dropped. Requests that are still
/// running, stalled ones among them, end with it.
fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> JoinHandle<()> {
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            listener.set_nonblocking(true).expect("a listener of ours");
            let listener = tokio::net::TcpListener::from_std(listener).expect("inside the runtime");
            tokio::spawn(http::accept(listener, shared));
            let _ = stopped.await;
        });
    };
    std::thread::Builder::new()
        .name("s3-server".into())
        .spawn(serve)
        .expect("a thread")
}

/// A bucket of the store, around HTTP: for arranging and asserting. Nothing it does is logged or can fail.
pub struct Bucket {
    store: Arc<Store>,
    name: String,
}

impl Bucket {
    /// Puts an object as a plain PUT would.
    pub fn put(&self, key: &str, content: impl Into<Content>) {
        self.put_with(key, Object::new(content));
    }

    /// Puts an object with metadata, tags, a storage class, another time ...
    pub fn put_with(&self, key: &str, mut object: Object) {
        object.modified = store::whole_seconds(object.modified);
        self.with(|bucket| bucket.push(key, Some(object)));
    }

    /// Puts `len` bytes that take no memory; `synthetic_bytes(seed, ..)` says what they are.
    pub fn put_synthetic(&self, key: &str, seed: u64, len: u64) {
        self.put(key, Content::synthetic(seed, len));
    }

    /// Lists so many keys besides, up to a million, which take no memory: 100 files in each directory of
    /// 100 in each of 100. Nothing else than a listing knows them.
    pub fn number(&self, prefix: &str, count: u32) {
        self.with(|bucket| bucket.numbered = Some(Numbered::new(prefix, count)));
    }

    /// The current object, if there is one.
    pub fn get(&self, key: &str) -> Option<Object> {
        self.with(|bucket| bucket.current(key).cloned())
    }

    /// All keys with an object, in order of their UTF-8 bytes.
    pub fn keys(&self) -> Vec<String> {
        self.with(|bucket| bucket.live().map(|(key, _)| key.into_owned()).collect())
    }

    /// Removes an object, or marks it deleted if versions are kept. Whether it was there.
    pub fn remove(&self, key: &str) -> bool {
        let existed = self.get(key).is_some();
        self.with(|bucket| deletes::delete_current(bucket, key));
        existed
    }

    /// The multipart uploads that are neither completed nor aborted.
    pub fn uploads(&self) -> Vec<Upload> {
        self.with(|bucket| bucket.uploads.values().cloned().collect())
    }

    /// Aborts all multipart uploads, as somebody else may.
    pub fn drop_uploads(&self) {
        self.with(|bucket| bucket.uploads.clear());
    }

    /// All versions of a key, oldest first.
    pub fn versions(&self, key: &str) -> Vec<Version> {
        self.with(|bucket| bucket.keys.get(key).cloned().unwrap_or_default())
    }

    /// Lets every deletion of this key fail with AccessDenied, alone and inside DeleteObjects.
    pub fn refuse_delete(&self, key: &str) {
        self.with(|bucket| bucket.undeletable.insert(key.to_owned()));
    }

    /// The directories that stay although no key is in them, on a store that keeps directories.
    pub fn stuck(&self) -> Vec<String> {
        self.with(|bucket| bucket.stuck.iter().cloned().collect())
    }

    pub fn enable_versioning(&self) {
        self.with(|bucket| bucket.versioning = Some("Enabled".into()));
    }

    fn with<T>(&self, work: impl FnOnce(&mut BucketData) -> T) -> T {
        let mut buckets = self.store.buckets();
        // A test may have deleted the bucket over HTTP; its handle then makes it anew.
        work(
            buckets
                .entry(self.name.clone())
                .or_insert_with(BucketData::new),
        )
    }
}
