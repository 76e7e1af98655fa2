//! Shared by the tests of this directory: a bucket that must not change, and an error with the required details.

use std::collections::BTreeMap;
use std::fmt::Debug;

use s3fs::{Error, ErrorKind, Result, S3Fs, S3FsBuilder};
use test_server::{ACCESS_KEY, BUCKET, Bucket, Object, REGION, SECRET_KEY, Server};

use crate::every_operation::Operation;

/// A bucket with `file`, `dir/` that holds `child`, and `empty/`.
pub struct Scene {
    pub server: Server,
    before: BTreeMap<String, String>,
}

impl Scene {
    pub fn new() -> Self {
        Self::on(Server::start())
    }

    pub fn on(server: Server) -> Self {
        let bucket = server.bucket(BUCKET);
        bucket.put("file", "content");
        bucket.put("dir/", "");
        bucket.put("dir/child", "content");
        bucket.put("empty/", "");
        let before = everything(&bucket);
        Self { server, before }
    }

    /// Adds an object to the bucket.
    pub fn and(mut self, key: &str, object: Object) -> Self {
        self.bucket().put_with(key, object);
        self.note();
        self
    }

    /// Records the current content as the content that must not change.
    pub fn note(&mut self) {
        self.before = everything(&self.bucket());
    }

    pub fn bucket(&self) -> Bucket {
        self.server.bucket(BUCKET)
    }

    /// A correctly configured filesystem.
    pub fn fs(&self) -> S3Fs {
        self.built(|builder| builder)
    }

    /// A filesystem with a changed configuration.
    pub fn built(&self, change: impl FnOnce(S3FsBuilder) -> S3FsBuilder) -> S3Fs {
        change(builder(&self.server.endpoint()))
            .build()
            .expect("a filesystem")
    }

    /// Returns the error of a call that must fail and not change the bucket.
    pub fn refused<T: Debug>(&self, what: &str, result: Result<T>) -> Refused {
        self.unchanged(what);
        refused(what, result)
    }

    pub fn unchanged(&self, what: &str) {
        assert_eq!(everything(&self.bucket()), self.before, "{what}");
        assert!(self.bucket().uploads().is_empty(), "{what}");
    }

    /// Like `refused`, for an operation on a path, which the error must name unchanged.
    pub fn refuses(&self, fs: &S3Fs, operation: &Operation, path: &str) -> Refused {
        let strict = if fs.is_strict() { "" } else { ", not strict" };
        let what = format!("{} {path:?}{strict}", operation.name);
        self.refused(&what, operation.on(fs, path)).about(path)
    }

    /// Asserts that no request was sent since the last check.
    pub fn asked_nothing(&self, what: &str) {
        let requests = self.server.take_requests();
        assert!(requests.is_empty(), "{what}: {requests:?}");
    }
}

/// A builder with all settings, so that it reads neither the environment nor a file.
pub fn builder(endpoint: &str) -> S3FsBuilder {
    S3Fs::builder(BUCKET)
        .aws_access_key_id(ACCESS_KEY)
        .aws_secret_access_key(SECRET_KEY)
        .region(REGION)
        .endpoint_url(endpoint)
        .max_attempts(1)
}

/// An error, with a description of the call for the assertions.
pub struct Refused {
    what: String,
    pub error: Error,
}

/// Returns the error of a call that must fail.
pub fn refused<T: Debug>(what: &str, result: Result<T>) -> Refused {
    match result {
        Ok(value) => panic!("{what}: it should fail, and answers {value:?}"),
        Err(error) => Refused {
            what: what.to_owned(),
            error,
        },
    }
}

impl Refused {
    pub fn is(self, kind: ErrorKind) -> Self {
        assert_eq!(self.error.kind(), kind, "{}: {}", self.what, self.error);
        self
    }

    /// Like `is`, for an operation whose outcome may also be unknown.
    pub fn kind_or_unknown(self, kind: ErrorKind, exclusive: bool) -> Self {
        if exclusive && self.error.is(ErrorKind::OutcomeUnknown) {
            return self;
        }
        self.is(kind)
    }

    pub fn about(self, path: &str) -> Self {
        let told = self.error.path();
        assert_eq!(told, Some(path), "{}: {}", self.what, self.error);
        self
    }

    pub fn says<const N: usize>(self, words: [&str; N]) -> Self {
        let text = self.error.to_string();
        for word in words {
            assert!(
                text.contains(word),
                "{}: {text:?} lacks {word:?}",
                self.what
            );
        }
        self
    }
}

/// Returns the whole content of a bucket, in a form that can be compared and read.
fn everything(bucket: &Bucket) -> BTreeMap<String, String> {
    let objects = bucket.keys().into_iter().map(|key| {
        let object = bucket.get(&key).map(|object| {
            format!(
                "{} {:?} {:?} {:?} {} {:?}",
                object.etag,
                object.len(),
                object.modified,
                object.headers,
                object.storage_class,
                object.tags,
            )
        });
        (key, object.unwrap_or_default())
    });
    objects.collect()
}
