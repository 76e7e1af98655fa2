//! The shared state of a call: its common options, its open buckets, its progress, and its cancellation.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use s3fs::{CancelToken, FileSystem, FsUrl, OsFs, OsFsOptions, S3Fs, S3FsBuilder};

use crate::args::{Usage, Words};
use crate::place::Place;
use crate::progress::Progress;
use crate::report::Failure;
use crate::text;

/// Default number of files at a time, equal to the library's default number of parallel requests.
const DEFAULT_WORKERS: usize = 10;

pub struct Session {
    endpoint_url: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    ca_bundle: Option<PathBuf>,
    anonymous: bool,
    strict: bool,
    globs: bool,
    names_files: bool,
    workers: usize,
    cancel: CancelToken,
    progress: Progress,
    /// The open buckets, by their URLs without the path.
    open: Mutex<Vec<(FsUrl, S3Fs)>>,
}

/// An open filesystem, and a path in it.
#[derive(Clone)]
pub struct Located {
    pub fs: Root,
    pub path: String,
    /// Prefix of paths of the filesystem in output.
    base: String,
}

/// The filesystem of a bucket, or of a directory of the local disk.
#[derive(Clone)]
pub enum Root {
    S3(S3Fs),
    Local(Arc<OsFs>),
}

impl Root {
    pub fn as_dyn(&self) -> &dyn FileSystem {
        match self {
            Self::S3(fs) => fs,
            Self::Local(fs) => &**fs,
        }
    }
}

impl Located {
    pub fn fs(&self) -> &dyn FileSystem {
        self.fs.as_dyn()
    }

    /// Returns another path of the same filesystem.
    pub fn with_path(&self, path: impl Into<String>) -> Self {
        Self {
            fs: self.fs.clone(),
            path: path.into(),
            base: self.base.clone(),
        }
    }

    /// Returns the root of a filesystem, with `shown` as its prefix in output.
    pub fn as_base(&self, shown: &str) -> Self {
        Self {
            fs: self.fs.clone(),
            path: "/".to_owned(),
            base: shown.to_owned(),
        }
    }

    /// Returns the last name of the path, or an empty string for the root.
    pub fn name(&self) -> &str {
        s3fs::path::basename(&self.path)
    }

    /// Returns a path of the filesystem for output, which can be used as an operand.
    pub fn shown_path(&self, path: &str) -> String {
        let path = path.trim_start_matches('/');
        match (&self.fs, path) {
            (_, "") => self.base.clone(),
            (Root::S3(_), path) => format!("{}/{}", self.base, text::url_path(path)),
            (Root::Local(_), path) => {
                format!("{}/{path}", self.base.trim_end_matches('/'))
            }
        }
    }

    /// Returns the text for output.
    pub fn shown(&self) -> String {
        self.shown_path(&self.path)
    }
}

impl Session {
    pub fn new(words: &Words) -> Result<Self, Usage> {
        let workers = words.number("workers")?.unwrap_or(DEFAULT_WORKERS);
        if !(1..=1000).contains(&workers) {
            return Err(Usage::new("--workers must be between 1 and 1,000"));
        }
        let text = |name| words.value(name).map(str::to_owned);
        Ok(Self {
            endpoint_url: text("endpoint-url"),
            region: text("region"),
            profile: text("profile"),
            ca_bundle: text("ca-bundle").map(PathBuf::from),
            anonymous: words.has("no-sign-request"),
            strict: words.has("strict"),
            globs: !words.has("no-glob"),
            names_files: words.has("verbose") || words.has("dry-run"),
            workers,
            cancel: CancelToken::new(),
            progress: Progress::new(words.has("quiet")),
            open: Mutex::new(Vec::new()),
        })
    }

    pub fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Returns the maximum number of files that are processed at a time.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Returns true if `*`, `?` and `[` in URLs are wildcards.
    pub fn globs(&self) -> bool {
        self.globs
    }

    /// Returns true if each processed file is printed.
    pub fn names_files(&self) -> bool {
        self.names_files
    }

    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref()
    }

    /// Returns the builder for the bucket of a URL. Parameters of the URL have precedence over options.
    pub fn builder(&self, url: &FsUrl) -> Result<S3FsBuilder, Failure> {
        let builder = S3FsBuilder::from_url(url, false);
        let mut builder = builder.map_err(|error| Usage::new(error.to_string()))?;
        let is_free = |name: &str| url.param(name).is_none();
        if let Some(endpoint) = self
            .endpoint_url
            .as_ref()
            .filter(|_| is_free("endpoint_url"))
        {
            builder = builder.endpoint_url(endpoint);
        }
        if let Some(region) = self.region.as_ref().filter(|_| is_free("region")) {
            builder = builder.region(region);
        }
        if let Some(profile) = &self.profile {
            builder = builder.profile(profile);
        }
        if let Some(file) = &self.ca_bundle {
            builder = builder.ca_bundle(file);
        }
        if self.anonymous && url.username().is_none() {
            builder = builder.anonymous(true);
        }
        if is_free("strict") {
            builder = builder.strict(self.strict);
        }
        Ok(builder.dir_path("/").user_agent_suffix("s3f"))
    }

    /// Returns the bucket of a place, opened at its root.
    pub fn bucket(&self, place: &Place) -> Result<S3Fs, Failure> {
        let Place::S3 { url, .. } = place else {
            let message = format!(
                "{:?} is not in a bucket: write s3://BUCKET/PATH",
                place.shown()
            );
            return Err(Usage::new(message).into());
        };
        let Some(bucket) = place.bucket() else {
            return Err(Usage::new("the URL has no bucket: write s3://BUCKET/PATH").into());
        };
        let is_one = |other: &FsUrl| {
            other.resource().split('/').next() == Some(bucket)
                && other.params().eq(url.params())
                && (other.username(), other.password()) == (url.username(), url.password())
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fs)) = open.iter().find(|(other, _)| is_one(other)) {
            return Ok(fs.clone());
        }
        let builder = self.builder(url)?;
        let fs = builder.build().map_err(Failure::at(place.shown()))?;
        open.push((url.clone(), fs.clone()));
        Ok(fs)
    }

    /// Opens the filesystem of an operand. A local operand has its parent as the root.
    pub fn locate(&self, place: &Place) -> Result<Located, Failure> {
        self.locate_with(place, &OsFsOptions::new())
    }

    /// Like [`locate`](Self::locate), but creates the parent of a local file if it does not exist. A dry run does not.
    pub fn locate_target(&self, place: &Place, dry_run: bool) -> Result<Located, Failure> {
        match dry_run {
            true => self.locate_missing(place),
            false => self.locate_with(place, &OsFsOptions::new().create(true)),
        }
    }

    /// Like [`locate`](Self::locate), but the parent of a local path need not exist: the root is the lowest directory above
    /// it that exists.
    pub fn locate_missing(&self, place: &Place) -> Result<Located, Failure> {
        let Place::Local { path, .. } = place else {
            return self.locate(place);
        };
        let is_open = |path: &&Path| path.as_os_str().is_empty() || path.is_dir();
        let root = path.ancestors().skip(1).find(is_open);
        let below = root.and_then(|root| path.strip_prefix(root).ok()?.to_str());
        match (root, below) {
            (Some(root), Some(below)) if !below.contains("..") => {
                in_directory(root, &OsFsOptions::new(), below)
            }
            _ => self.locate(place),
        }
    }

    fn locate_with(&self, place: &Place, options: &OsFsOptions) -> Result<Located, Failure> {
        match place {
            Place::Stream => Err(Usage::new("`-` cannot be used here").into()),
            Place::S3 { path, .. } => self.in_bucket(place, path),
            Place::Local { path, .. } => {
                let name = path.file_name().and_then(|name| name.to_str());
                match (name, path.parent()) {
                    (Some(name), Some(parent)) => in_directory(parent, options, name),
                    _ => in_directory(path, options, "/"),
                }
            }
        }
    }

    /// Opens a directory. A local one is itself the root. If it is a target, symbolic links in it are not followed.
    pub fn locate_directory(&self, place: &Place, is_target: bool) -> Result<Located, Failure> {
        match place {
            Place::Local { path, .. } => {
                let options = OsFsOptions::new();
                let options = match is_target {
                    true => options.create(true).follow_links(false),
                    false => options,
                };
                in_directory(path, &options, "/")
            }
            place => self.locate(place),
        }
    }

    /// Opens a directory as a root. In a bucket it need not exist.
    pub fn root_at(&self, place: &Place, is_target: bool) -> Result<Located, Failure> {
        let Place::S3 { url, path, .. } = place else {
            let directory = self.locate_directory(place, is_target)?;
            return Ok(directory.as_base(&place.shown()));
        };
        if place.bucket().is_none() {
            return Err(Usage::new("the URL has no bucket: write s3://BUCKET/PATH").into());
        }
        let fs = self.builder(url)?.dir_path(path).build();
        Ok(Located {
            fs: Root::S3(fs.map_err(Failure::at(place.shown()))?),
            path: "/".to_owned(),
            base: place.shown(),
        })
    }

    fn in_bucket(&self, place: &Place, path: &str) -> Result<Located, Failure> {
        Ok(Located {
            fs: Root::S3(self.bucket(place)?),
            path: format!("/{path}"),
            base: format!("s3://{}", place.bucket().unwrap_or_default()),
        })
    }
}

fn in_directory(directory: &Path, options: &OsFsOptions, path: &str) -> Result<Located, Failure> {
    let directory = match directory.as_os_str().is_empty() {
        true => Path::new("."),
        false => directory,
    };
    let base = directory.display().to_string();
    let fs = OsFs::new_with(directory, options).map_err(Failure::at(""))?;
    Ok(Located {
        fs: Root::Local(Arc::new(fs)),
        path: s3fs::path::abspath(path).into_owned(),
        base,
    })
}
