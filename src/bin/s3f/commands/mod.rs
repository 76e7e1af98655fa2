//! The commands, one file for each command or pair of related commands.

pub mod bucket;
pub mod cat;
pub mod check;
pub mod copy;
pub mod du;
pub mod exists;
pub mod find;
pub mod ls;
pub mod meta;
pub mod mkdir;
pub mod presign;
pub mod put;
pub mod rm;
pub mod stat;
pub mod sync;
pub mod tree;
pub mod uploads;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use s3fs::Info;

use crate::args::{Usage, Words};
use crate::expand::{self, Entry};
use crate::json::Object;
use crate::report::{Failure, Tally};
use crate::session::{Located, Root, Session};
use crate::spec::Flag;

/// Returns an entry of a listing as JSON. `path` is absolute in the filesystem of `at`.
fn json(at: &Located, path: &str, info: &Info) -> Object {
    let object = Object::new().text("name", info.name());
    let object = match &at.fs {
        Root::S3(_) => object.text("path", path).text("url", &at.shown_path(path)),
        Root::Local(_) => object.text("path", &at.shown_path(path)),
    }
    .text("type", kind(info));
    match info.is_dir() {
        true => object,
        false => object.number("size", info.size().unwrap_or_default()),
    }
    .time_if("modified", info.modified())
}

fn kind(info: &Info) -> &'static str {
    if info.is_dir() { "directory" } else { "file" }
}

/// Processes all items, several at a time, and counts failures. A failure that ends the command stops the
/// others, too.
fn each<T: Sync>(
    session: &Session,
    items: &[T],
    work: impl Fn(&T) -> Result<(), Failure> + Sync,
) -> Result<Tally, Failure> {
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Ok(Tally::default()));
    let threads = session.workers().min(items.len());
    // Each thread is bound to the cancel token explicitly, because the binding of the call applies only to the main
    // thread.
    let work_on = || {
        session.cancel().run(|| {
            while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = work(item);
                let mut tally = tally
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner);
                let Ok(counts) = tally.as_mut() else { return };
                if let Err(failure) = counts.count(result) {
                    *tally = Err(failure);
                    next.store(items.len(), Ordering::Relaxed);
                    return;
                }
            }
        });
    };
    thread::scope(|scope| {
        // The main thread is one of the workers, and the only one if the system has no more threads.
        let begins = |_: &usize| thread::Builder::new().spawn_scoped(scope, work_on).is_ok();
        (1..threads).take_while(begins).for_each(drop);
        work_on();
    });
    tally
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Processes all entries of the operands, one after the other.
fn each_entry(
    session: &Session,
    words: &Words,
    mut work: impl FnMut(&Entry) -> Result<(), Failure>,
) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for operand in words.operands() {
        match expand::entries(session, operand, true) {
            Ok(entries) => {
                for entry in &entries {
                    tally.count(work(entry))?;
                }
            }
            Err(failure) => tally.count(Err(failure))?,
        }
    }
    Ok(tally)
}

/// The options of uploads.
const UPLOAD: [Flag; 8] = [
    Flag::of(
        "content-type",
        "TYPE",
        "the Content-Type; defaults to a guess from the extension of the name",
    ),
    Flag::of("cache-control", "VALUE", "the Cache-Control"),
    Flag::of(
        "content-encoding",
        "VALUE",
        "the Content-Encoding of content that is already encoded",
    ),
    Flag::of("content-disposition", "VALUE", "the Content-Disposition"),
    Flag::of(
        "storage-class",
        "CLASS",
        "the storage class, such as STANDARD_IA",
    ),
    Flag::of("acl", "ACL", "the canned ACL, such as public-read"),
    Flag::of("metadata", "NAME=VALUE", "user metadata; may be repeated"),
    Flag::of("tag", "NAME=VALUE", "a tag; may be repeated"),
];

/// The option to keep times.
const PRESERVE: Flag = Flag::new(
    "preserve",
    "keep the time of the last change; objects store it in their metadata as mtime",
)
.short('p');

/// The option for the maximum bandwidth.
const MAX_BANDWIDTH: Flag = Flag::of(
    "max-bandwidth",
    "SIZE",
    "send to and read from buckets at most this many bytes per second, such as 2M",
);

/// Returns the values of these options.
fn upload_args(words: &Words) -> Result<s3fs::UploadArgs, Usage> {
    let mut args = s3fs::UploadArgs::new();
    if let Some(value) = words.value("content-type") {
        args = args.content_type(value);
    }
    if let Some(value) = words.value("cache-control") {
        args = args.cache_control(value);
    }
    if let Some(value) = words.value("content-encoding") {
        args = args.content_encoding(value);
    }
    if let Some(value) = words.value("content-disposition") {
        args = args.content_disposition(value);
    }
    if let Some(value) = words.value("storage-class") {
        args = args.storage_class(value);
    }
    if let Some(value) = words.value("acl") {
        args = args.acl(value);
    }
    for (name, value) in words.pairs("metadata")? {
        args = args.metadata(name, value);
    }
    for (name, value) in words.pairs("tag")? {
        args = args.tag(name, value);
    }
    Ok(args)
}
