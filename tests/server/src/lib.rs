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
//! The modules, in the order of a request:
//!
//! - `http`: connections, the steps of each request; `wire` and `bodies`: the bytes in transit, counted,
//!   slowed down, cut; `tls`: the certificate of an https server
//! - `request`: the bucket, key and operation of a request; `log`: the requests, for the assertions of tests
//! - `faults`: faults on demand
//! - `auth`: permissions; `clock`: the time; `answers`: S3's error documents
//! - `service`: the supported operations, each of which is in `buckets`, `objects`, `deletes`, `copy`,
//!   `multipart`, `listing`, `versioning` or `tagging`, with `attributes`, `conditions`, `checksum`, `directories`
//!   and `upload` as their helpers
//! - `store`: the stored data; `content`: the bytes; `numbered`: keys that are only counted
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
pub use self::memory::{cpu_time, peak_memory};
pub use self::store::{Object, Part, Upload, Version};
pub use self::tls::Identity;

use self::auth::{Keys, Policy};
use self::clock::Clock;
use self::http::{Network, Shared};
use self::numbered::Numbered;
pub use self::numbered::Shape;
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
    /// Keeps the port while the server is stopped.
    reserved: Option<TcpSocket>,
}

impl Server {
    /// Starts a server for most tests: region `us-east-1`, one empty bucket named `bucket`.
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

    /// `http://127.0.0.1:PORT`, for path-style requests; `https` if the server was started with TLS.
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

    /// Returns every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.requests()
    }

    /// Returns the requests since the last call, so that a test can count the requests of one call.
    pub fn take_requests(&self) -> Vec<LoggedRequest> {
        self.shared.log.take()
    }

    /// Number of accepted connections.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Acquire)
    }

    /// Number of open connections.
    pub fn open_connections(&self) -> usize {
        self.shared.open_connections.load(Ordering::Acquire)
    }

    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Whether a PUT with a failed condition is refused.
    pub fn honours_conditions(&self) -> bool {
        self.honours_conditions
    }

    /// The root certificate of an https server, as PEM; empty for an http server.
    pub fn ca_pem(&self) -> &str {
        self.ca_pem.as_deref().unwrap_or_default()
    }

    /// Makes the initial credentials expire now.
    pub fn expire_token(&self) {
        self.shared.policy.changed().expired = true;
    }

    /// Adds credentials, which are accepted from now on.
    pub fn add_credentials(&self, access_key: &str, secret_key: &str, token: Option<&str>) {
        self.shared.policy.changed().more.push(Keys {
            access_key: access_key.into(),
            secret_key: secret_key.into(),
            token: token.map(str::to_owned),
        });
    }

    /// From now on, the server's clock is `seconds` ahead of the machine's, or behind it if negative.
    pub fn set_clock_ahead(&self, seconds: i64) {
        self.shared.policy.clock.set_ahead(seconds);
    }

    /// Closes all connections and accepts no more, until `restart`. Meanwhile the port stays reserved.
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
            // A panic on the server's thread has already been printed; dropping must not panic too.
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

    /// Returns a bucket of the store, without HTTP. A missing bucket is created.
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

/// Configures a server.
pub struct Builder {
    policy: Policy,
    settings: Settings,
    network: Network,
    ca_pem: Option<String>,
    buckets: Vec<String>,
}

impl Builder {
    /// The region that signatures must have.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.policy.region = region.into();
        self
    }

    /// A bucket to start with, instead of `bucket`. Can be called more than once.
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

    /// Makes the credentials temporary: every request must have this session token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.policy.keys.token = Some(token.into());
        self
    }

    /// Allows anonymous reads and listings.
    #[must_use]
    pub fn public_read(mut self, public: bool) -> Self {
        self.policy.public_read = public;
        self
    }

    /// Minimum size of all parts except the last. Defaults to 5 MiB.
    #[must_use]
    pub fn min_part_size(mut self, bytes: u64) -> Self {
        self.settings.min_part_size = bytes;
        self
    }

    /// Behaves like servers that do not support `encoding-type=url`.
    #[must_use]
    pub fn ignore_encoding_type(mut self, ignore: bool) -> Self {
        self.settings.ignore_encoding_type = ignore;
        self
    }

    /// Behaves like servers that do not support `start-after`.
    #[must_use]
    pub fn ignore_start_after(mut self, ignore: bool) -> Self {
        self.settings.ignore_start_after = ignore;
        self
    }

    /// Sets differences of listings from those of S3.
    #[must_use]
    pub fn listings(mut self, manners: ListingManners) -> Self {
        self.settings.listings = manners;
        self
    }

    /// Maximum number of entries in a page of a listing. Defaults to 1,000.
    #[must_use]
    pub fn page_size(mut self, entries: i32) -> Self {
        self.settings.page_size = entries;
        self
    }

    /// Keeps only the length and the digests of larger bodies, so that a test can upload gigabytes.
    #[must_use]
    pub fn discard_over(mut self, bytes: u64) -> Self {
        self.settings.discard_over = bytes;
        self
    }

    /// Limits every connection to this many bytes per second, in each direction.
    #[must_use]
    pub fn throttle(mut self, bytes_per_second: u64) -> Self {
        self.network.rate = Some(bytes_per_second);
        self
    }

    /// Delays every request by this time.
    #[must_use]
    pub fn latency(mut self, time: Duration) -> Self {
        self.network.latency = time;
        self
    }

    /// Number of threads that handle requests. Defaults to 1.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.network.threads = threads;
        self
    }

    /// Closes every connection after its first response, which announces it.
    #[must_use]
    pub fn close_connections(mut self, closes: bool) -> Self {
        self.network.closes = closes;
        self
    }

    /// Uses https, with a certificate for `127.0.0.1` and `localhost` that only `ca_pem` certifies.
    #[must_use]
    pub fn tls(self) -> Self {
        self.identity(Identity::new(&["127.0.0.1", "localhost", "*.localhost"]))
    }

    /// Uses https with that certificate.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.network.tls = Some(identity.acceptor);
        self.ca_pem = Some(identity.ca_pem);
        self
    }

    /// The server's clock is `seconds` ahead of the machine's, or behind it if negative.
    #[must_use]
    pub fn clock_ahead(self, seconds: i64) -> Self {
        self.policy.clock.set_ahead(seconds);
        self
    }

    /// Ignores the conditions of these requests.
    #[must_use]
    pub fn ignore_conditions(mut self, of: impl IntoIterator<Item = Guarded>) -> Self {
        self.settings.conditions.ignored.extend(of);
        self
    }

    /// Refuses the conditions of these requests with 501.
    #[must_use]
    pub fn refuse_conditions(mut self, of: impl IntoIterator<Item = Guarded>) -> Self {
        self.settings.conditions.refused.extend(of);
        self
    }

    /// Refuses a quoted `If-Match` of a write with 412, whatever the object's ETag; one without quotes works.
    #[must_use]
    pub fn quoted_etags_never_match(mut self, never: bool) -> Self {
        self.settings.conditions.quoted_never_matches = never;
        self
    }

    /// Refuses CompleteMultipartUpload if it leaves out an uploaded part.
    #[must_use]
    pub fn want_every_part(mut self, wants: bool) -> Self {
        self.settings.wants_every_part = wants;
        self
    }

    /// Leaves the ETag out of the response to CompleteMultipartUpload.
    #[must_use]
    pub fn complete_without_etag(mut self, without: bool) -> Self {
        self.settings.completes_without_etag = without;
        self
    }

    /// Refuses multipart uploads with 501.
    #[must_use]
    pub fn without_multipart(mut self, without: bool) -> Self {
        self.settings.lacks_multipart = without;
        self
    }

    /// Refuses parts of different sizes in CompleteMultipartUpload, like Cloudflare's R2.
    #[must_use]
    pub fn want_equal_parts(mut self, wants: bool) -> Self {
        self.settings.wants_equal_parts = wants;
        self
    }

    /// Returns metadata that is not ASCII as it was stored, like Ceph's radosgw and moto.
    #[must_use]
    pub fn answer_raw(mut self, raw: bool) -> Self {
        self.settings.answers_raw = raw;
        self
    }

    /// Maximum number of parts of an upload. Defaults to 10,000.
    #[must_use]
    pub fn max_parts(mut self, parts: i32) -> Self {
        self.settings.max_parts = parts;
        self
    }

    /// Removes the open uploads of a key with PutObject, like Garage.
    #[must_use]
    pub fn put_drops_uploads(mut self, drops: bool) -> Self {
        self.settings.put_drops_uploads = drops;
        self
    }

    /// The ETag of an object of parts reveals only the number of parts, as for encrypted objects.
    #[must_use]
    pub fn etags_of_its_own(mut self, has: bool) -> Self {
        self.settings.has_etags_of_its_own = has;
        self
    }

    /// Responds to AbortMultipartUpload with 204, whatever the state of the upload.
    #[must_use]
    pub fn abort_anything(mut self, aborts: bool) -> Self {
        self.settings.aborts_anything = aborts;
        self
    }

    /// Decodes the key of the source of UploadPartCopy twice, like Ceph's radosgw 16.2.
    #[must_use]
    pub fn decode_copy_source_twice(mut self, decodes: bool) -> Self {
        self.settings.decodes_copy_source_twice = decodes;
        self
    }

    /// All differences of Ceph's radosgw in writes.
    #[must_use]
    pub fn like_radosgw(self) -> Self {
        use Guarded::{Complete, Copy, CopySource, Delete};
        self.ignore_conditions([Complete, Copy, CopySource, Delete])
            .quoted_etags_never_match(true)
            .want_every_part(true)
            .complete_without_etag(true)
            .decode_copy_source_twice(true)
    }

    /// All differences of SeaweedFS in directories and buckets: HEAD and GET of the key `d/` of a directory without a marker
    /// succeed, and listings do not include it; a conditional PUT of it fails, and one without a condition destroys a file
    /// `d`; a directory whose marker is deleted before its contents stays; a marker cannot be copied; a PUT creates the
    /// bucket; and creating an owned bucket again is refused.
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

/// Reserves a port without a listener.
fn reserve(port: u16) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Because of the connections that were just closed.
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

/// Runs the server on its own thread until the sender of `stopped` is dropped. Running requests, including stalled ones,
/// end with it.
fn run(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> JoinHandle<()> {
    let serve = move || {
        let mut builder = match shared.network.threads {
            0 | 1 => tokio::runtime::Builder::new_current_thread(),
            _ => tokio::runtime::Builder::new_multi_thread(),
        };
        let threads = shared.network.threads.max(1);
        let runtime = builder.worker_threads(threads).enable_all().build();
        let runtime = runtime.expect("a runtime");
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

/// A bucket of the store without HTTP, to arrange and to check content. Its methods are not logged and cannot fail.
pub struct Bucket {
    store: Arc<Store>,
    name: String,
}

impl Bucket {
    /// Puts an object like a plain PUT.
    pub fn put(&self, key: &str, content: impl Into<Content>) {
        self.put_with(key, Object::new(content));
    }

    /// Puts an object with metadata, tags, a storage class, another time ...
    pub fn put_with(&self, key: &str, mut object: Object) {
        object.modified = store::whole_seconds(object.modified);
        self.with(|bucket| bucket.push(key, Some(object)));
    }

    /// Puts `len` bytes that take no memory; `synthetic_bytes(seed, ..)` returns them.
    pub fn put_synthetic(&self, key: &str, seed: u64, len: u64) {
        self.put(key, Content::synthetic(seed, len));
    }

    /// Adds this many keys with the same small object, up to a million, which take no memory: 100 files in each directory of
    /// 100 in each of 100.
    pub fn number(&self, prefix: &str, count: u32) {
        self.number_as(prefix, count, Shape::Levels);
    }

    /// Adds this many keys, with names of another shape.
    pub fn number_as(&self, prefix: &str, count: u32, shape: Shape) {
        self.with(|bucket| bucket.number(Numbered::new(prefix, count, shape)));
    }

    /// Makes room for copies of numbered objects to this many keys, which take no memory.
    pub fn room_for(&self, prefix: &str, count: u32, shape: Shape) {
        self.with(|bucket| bucket.number(Numbered::empty(prefix, count, shape)));
    }

    /// Returns the number of keys with a prefix, without those that end with a slash.
    pub fn count(&self, prefix: &str) -> usize {
        self.with(|bucket| {
            let keys = bucket.live_from(prefix);
            let keys = keys.take_while(|(key, _)| key.starts_with(prefix));
            keys.filter(|(key, _)| !key.ends_with('/')).count()
        })
    }

    /// Returns the current object, if there is one.
    pub fn get(&self, key: &str) -> Option<Object> {
        self.with(|bucket| bucket.current(key).cloned())
    }

    /// Returns all keys with an object, in order of their UTF-8 bytes.
    pub fn keys(&self) -> Vec<String> {
        self.with(|bucket| bucket.live().map(|(key, _)| key.into_owned()).collect())
    }

    /// Removes an object, or marks it deleted if versions are kept. Returns whether it existed.
    pub fn remove(&self, key: &str) -> bool {
        let existed = self.get(key).is_some();
        self.with(|bucket| deletes::delete_current(bucket, key));
        existed
    }

    /// Returns the multipart uploads that are neither completed nor aborted.
    pub fn uploads(&self) -> Vec<Upload> {
        self.with(|bucket| bucket.uploads.values().cloned().collect())
    }

    /// Aborts all multipart uploads, as another client may.
    pub fn drop_uploads(&self) {
        self.with(|bucket| bucket.uploads.clear());
    }

    /// Returns all versions of a key, oldest first.
    pub fn versions(&self, key: &str) -> Vec<Version> {
        self.with(|bucket| bucket.keys.get(key).cloned().unwrap_or_default())
    }

    /// Makes every deletion of this key fail with AccessDenied, alone and inside DeleteObjects.
    pub fn refuse_delete(&self, key: &str) {
        self.with(|bucket| bucket.undeletable.insert(key.to_owned()));
    }

    /// Returns the directories that exist without any key, on a store with real directories.
    pub fn stuck(&self) -> Vec<String> {
        self.with(|bucket| bucket.stuck.iter().cloned().collect())
    }

    pub fn enable_versioning(&self) {
        self.with(|bucket| bucket.versioning = Some("Enabled".into()));
    }

    fn with<T>(&self, work: impl FnOnce(&mut BucketData) -> T) -> T {
        let mut buckets = self.store.buckets();
        // A test may have deleted the bucket over HTTP; its handle then creates it again.
        work(
            buckets
                .entry(self.name.clone())
                .or_insert_with(BucketData::new),
        )
    }
}
