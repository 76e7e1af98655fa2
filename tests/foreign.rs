//! A bucket written by other tools: no markers, and any key that S3 accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use s3fs::{
    ErrorKind, FileSystem, FileSystemExt, MakedirOptions, Namespaces, S3Fs, S3FsBuilder, path,
};
use test_server::{BUCKET, Bucket, Server};

use crate::common::{self, changes, fetch};
use crate::logged::warnings;

/// Paths of files that another tool may have stored, relative to the root; many differ from another one only in a detail
/// that a careless client would change.
fn odd_paths() -> Vec<String> {
    let mut paths: Vec<String> = [
        "plain.txt",
        "with space",
        " leading",
        "trailing ",
        " ",
        "two  spaces",
        "a+b",
        "a b",
        "a%20b",
        "a%2Bb",
        "a%2Fb",
        "a%b",
        "100%",
        "%",
        "%00",
        "%2e%2e",
        "%41",
        "A",
        "a?b",
        "a#b",
        "a&b=c",
        "a;b,c",
        "a:b",
        "http:",
        "user@host",
        "$!*()[]{}^`~",
        "'single'",
        "\"double\"",
        "<angle>",
        "&amp;",
        "back\\slash",
        "..\\up",
        "a|b",
        "a::b",
        "?list-type=2",
        "caf\u{e9}",
        "cafe\u{301}",
        "日本語",
        "🦀🏴\u{200d}☠\u{fe0f}",
        "\u{202e}right to left",
        "\u{feff}bom",
        "\u{a0}",
        "\u{85}",
        "\u{fffd}",
        "\u{ffff}",
        "\u{10ffff}",
        "...",
        "....",
        ".hidden",
        "..a",
        "a..",
        "-",
        "Case",
        "case",
        "CASE",
        "x",
        "x/below",
        "x/y/z",
        "x-y",
        "x.y",
        " dir / file ",
        "dir%2F/a+b",
        "dot/real",
        "a/real",
        "marker/real",
    ]
    .map(str::to_owned)
    .into();
    paths.extend(controls().map(String::from));
    paths
}

/// The characters that XML cannot carry, and the few control characters that it can.
fn controls() -> impl Iterator<Item = char> {
    (1..=0x1f_u8).chain([0x7f]).map(char::from)
}

/// Keys without a path, with `/` as the delimiter.
const UNNAMEABLE: [&str; 21] = [
    "/",
    "//",
    "/lead",
    "//lead",
    "a//b",
    "a//",
    "a///b",
    "dot/./f",
    "dot/../f",
    "dot/.",
    "dot/..",
    "dot/./",
    ".",
    "..",
    "./f",
    "../up",
    "x/../x",
    "trail//",
    "nul\0",
    "a/nul\0/f",
    "marker/",
];

/// Keys without a path, with that delimiter.
fn unnameable(root: &str, delimiter: &str) -> Vec<String> {
    let mut keys: BTreeSet<_> = UNNAMEABLE.map(|key| key.replace('/', delimiter)).into();
    if delimiter != "/" {
        let slashed = ["a/b", "/", "x/y", "dot{}a/b", "a/b{}c", "../up"];
        keys.extend(slashed.map(|key| key.replace("{}", delimiter)));
    }
    keys.iter().map(|key| format!("{root}{key}")).collect()
}

fn last(path: &str) -> char {
    path.chars().next_back().unwrap()
}

/// A foreign bucket, and a filesystem on it.
struct Foreign {
    server: Server,
    fs: S3Fs,
    /// The prefix of the keys of the filesystem.
    root: String,
    delimiter: &'static str,
    paths: Vec<String>,
    unnameable: Vec<String>,
}

impl Foreign {
    /// The odd paths and the unnameable keys in a bucket, below `dir_path` and with that delimiter.
    fn new(dir_path: &str, delimiter: &'static str) -> Self {
        let server = Server::start();
        let builder = common::builder(&server).dir_path(dir_path);
        let fs = builder.delimiter(delimiter).build().unwrap();
        let mut root = dir_path.replace('/', delimiter);
        if !root.is_empty() {
            root += delimiter;
        }
        let mut paths = odd_paths();
        if root.is_empty() && delimiter == "/" {
            paths.extend(controls().map(|control| format!("control/{control}in{control}")));
        }
        // A name that contains the delimiter, or would merge with a following one, is not valid.
        let runs_into = |path: &str| path.contains(delimiter) || delimiter.starts_with(last(path));
        paths.retain(|path| delimiter == "/" || !runs_into(path));
        let longest = 1024 - root.len();
        paths.extend(["k".repeat(longest), "é".repeat(longest / 2)]);
        let foreign = Self {
            unnameable: unnameable(&root, delimiter),
            server,
            fs,
            root,
            delimiter,
            paths,
        };
        let paths = foreign.paths.iter().map(|path| foreign.key(path));
        for key in paths.chain(foreign.unnameable.clone()) {
            foreign.bucket().put(&key, content(&key));
        }
        foreign
    }

    fn plain() -> Self {
        Self::new("", "/")
    }

    fn bucket(&self) -> Bucket {
        self.server.bucket(BUCKET)
    }

    fn key(&self, path: &str) -> String {
        format!("{}{}", self.root, path.replace('/', self.delimiter))
    }

    /// Checks that every way to reach a file under its path reaches that object and no other.
    fn check_files(&self) {
        for path in &self.paths {
            let expected = content(&self.key(path));
            let info = self.fs.getinfo(path, Namespaces::DETAILS).unwrap();
            assert!(info.is_file(), "{path:?}");
            assert_eq!(info.name(), path::basename(path));
            assert_eq!(info.size(), Some(expected.len() as u64), "{path:?}");
            assert!(self.fs.isfile(path).unwrap(), "{path:?}");
            assert!(self.fs.readbytes(path).unwrap() == expected, "{path:?}");
            let mut read = Vec::new();
            let mut file = self.fs.openbin(path, "r").unwrap();
            file.read_to_end(&mut read).unwrap();
            assert!(read == expected, "{path:?}");
            let url = self.fs.geturl(path).unwrap();
            assert!(fetch(&self.server, &url).ok().body == expected, "{path:?}");
        }
    }

    /// Checks that every directory exists, and that all of them together list exactly the files.
    fn check_listings(&self) {
        let mut listed = BTreeSet::new();
        let mut directories = vec!["/".to_owned()];
        while let Some(directory) = directories.pop() {
            assert!(self.fs.isdir(&directory).unwrap(), "{directory:?}");
            assert!(self.fs.exists(&directory).unwrap(), "{directory:?}");
            let infos = self.fs.scandir(&directory, Namespaces::BASIC).unwrap();
            let infos: Vec<_> = infos.map(Result::unwrap).collect();
            let names: BTreeSet<_> = infos.iter().map(|info| info.name().to_owned()).collect();
            let named: Vec<_> = self.fs.listdir(&directory).unwrap();
            assert_eq!(named.len(), names.len(), "{directory:?}");
            assert_eq!(BTreeSet::from_iter(named), names, "{directory:?}");
            for info in infos {
                let path = info.make_path(&directory).unwrap();
                if info.is_dir() {
                    directories.push(path);
                } else {
                    assert!(listed.insert(path), "{directory:?} has a name twice");
                }
            }
        }
        let paths = self.paths.iter().map(|path| format!("/{path}"));
        assert_eq!(listed, paths.collect());
    }

    /// Returns the newest version of every key, which detects a rewritten object.
    fn snapshot(&self) -> BTreeMap<String, String> {
        let bucket = self.bucket();
        let newest = |key: &String| bucket.versions(key).pop().unwrap().id;
        let keys = bucket.keys().into_iter();
        keys.map(|key| (key.clone(), newest(&key))).collect()
    }
}

/// The content of the object of that key, and of no other.
fn content(key: &str) -> Vec<u8> {
    format!("the content of {key:?}").into_bytes()
}

fn check_all(foreign: &Foreign) {
    foreign.check_listings();
    foreign.check_files();
    for request in foreign.server.take_requests() {
        assert!(
            !foreign.unnameable.contains(&request.key),
            "{} was asked for {:?}",
            request.operation,
            request.key
        );
    }
}

#[test]
fn every_nameable_key_and_no_other_is_reached_under_its_exact_name() {
    check_all(&Foreign::plain());
}

#[test]
fn exact_names_reach_every_key_below_a_dir_path() {
    let foreign = Foreign::new("a b/%2F+é", "/");
    for key in ["a b/", "a b/%2F+é", "a b/%2F+é.txt", "real", "a b//x"] {
        foreign.bucket().put(key, content(key));
    }
    check_all(&foreign);
}

#[test]
fn exact_names_reach_every_key_with_another_delimiter() {
    check_all(&Foreign::new("", "|"));
    check_all(&Foreign::new("d/e", "::"));
}

#[test]
fn exact_names_reach_every_key_without_encoded_listings() {
    let server = Server::builder().ignore_encoding_type(true).start();
    let bucket = server.bucket(BUCKET);
    let names = ["%41", "A", "a b", "a%20b", "a%2Fb", "a&b<c>", "a+b", "é"];
    for name in names {
        bucket.put(&format!("d/{name}"), content(name));
        bucket.put(&format!("d/{name}/below"), content("below"));
    }
    let fs = common::open(&server);
    assert_eq!(fs.listdir("d").unwrap(), names);
    for info in fs.scandir("d", Namespaces::BASIC).unwrap() {
        let path = info.unwrap().make_path("d").unwrap();
        assert_eq!(fs.readbytes(&path).unwrap(), content(&path[2..]));
        assert_eq!(fs.listdir(&path).unwrap(), ["below"]);
    }
}

#[test]
fn a_directory_of_thousands_without_a_marker_is_listed_completely() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let names: Vec<_> = (0..2500).map(|n| format!("{n:05}")).collect();
    for name in &names {
        bucket.put(&format!("big/{name}"), "x");
    }
    let fs = common::open(&server);
    assert!(fs.isdir("big").unwrap() && !fs.isempty("big").unwrap());
    assert_eq!(fs.listdir("big").unwrap(), names);
    let infos = fs.scandir("big", Namespaces::DETAILS).unwrap();
    let infos: Vec<_> = infos.map(Result::unwrap).collect();
    assert!(infos.iter().map(s3fs::Info::name).eq(&names));
    assert!(infos.iter().all(|info| info.size() == Some(1)));
}

#[test]
fn an_object_and_the_keys_below_its_name_are_a_file_and_a_directory() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    bucket.put("x", "file");
    bucket.put("x/y", "below");
    let fs = common::open(&server);
    assert!(fs.isfile("x").unwrap() && fs.isdir("x").unwrap());
    assert!(fs.getinfo("x", Namespaces::BASIC).unwrap().is_file());
    assert_eq!(fs.listdir("/").unwrap(), ["x"]);
    let kinds = fs.scandir("/", Namespaces::BASIC).unwrap();
    let kinds: Vec<_> = kinds.map(|info| info.unwrap().is_dir()).collect();
    assert_eq!(kinds, [false, true]);
    assert_eq!(fs.listdir("x").unwrap(), ["y"]);
    fs.writebytes("x", b"again").unwrap();
    assert_eq!(fs.readbytes("x/y").unwrap(), b"below");
    fs.remove("x").unwrap();
    assert_eq!(bucket.keys(), ["x/y"]);
}

#[test]
fn a_path_is_normalized_and_does_not_reach_the_key_spelled_like_it() {
    let foreign = Foreign::plain();
    let fs = &foreign.fs;
    for spelled in ["a//b", "/lead", "dot/./f", "x/../x/../lead", "trail//"] {
        assert!(!fs.isfile(spelled).unwrap(), "{spelled:?}");
    }
    assert_eq!(fs.readbytes("x/../x").unwrap(), content("x"));
    assert_eq!(
        fs.readbytes("marker//real").unwrap(),
        content("marker/real")
    );
    for above in ["..", "../up", "dot/../../up"] {
        let error = fs.readbytes(above).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IllegalBackReference);
    }
}

#[test]
fn a_directory_with_unnameable_keys_is_not_empty() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    for key in ["twice//f", "dot/.", "up/../f", "content/", "nul/\0"] {
        bucket.put(key, "x");
        let (directory, _) = key.split_once('/').unwrap();
        for fs in [common::open(&server), common::open_lenient(&server)] {
            assert!(fs.isdir(directory).unwrap(), "{key:?}");
            assert!(fs.listdir(directory).unwrap().is_empty(), "{key:?}");
            assert!(!fs.isempty(directory).unwrap(), "{key:?}");
            let error = fs.removedir(directory).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty, "{key:?}");
        }
        assert!(bucket.get(key).is_some());
    }
}

#[test]
fn a_listing_warns_once_of_the_keys_that_it_leaves_out() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    // On two pages.
    for number in 0..1100 {
        bucket.put(&format!("d/f{number}"), "");
    }
    let listing = || {
        assert_eq!(fs.listdir("d").unwrap().len(), 1100);
        let infos = fs.scandir("d", Namespaces::BASIC).unwrap();
        assert_eq!(infos.count(), 1100);
    };
    assert!(warnings(listing).is_empty());
    for key in ["d/", "d//", "d/.", "d/z/../f", "d/.."] {
        bucket.put(key, "x");
    }
    bucket.remove("d/z/../f");
    let warnings = warnings(listing);
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for warning in warnings {
        assert!(warning.contains("4 keys below \"d/\""), "{warning}");
    }
}

#[test]
fn operations_beside_odd_keys_do_not_change_them() {
    for (dir_path, delimiter) in [("", "/"), ("d/e", "/"), ("", "|"), ("d", "::")] {
        let foreign = Foreign::new(dir_path, delimiter);
        foreign.bucket().enable_versioning();
        let before = foreign.snapshot();
        let fs = &foreign.fs;
        for file in [
            "a/b",
            "dot/f",
            "dot/new",
            "lead",
            "x/new",
            "marker/new",
            "f",
        ] {
            fs.writebytes(file, b"1").unwrap();
            fs.openbin(file, "a").unwrap().close().unwrap();
            assert_eq!(fs.readbytes(file).unwrap(), b"1");
            fs.remove(file).unwrap();
        }
        for directory in ["a/new", "dot/new", "dir%2F/new", "marker/new"] {
            fs.makedir(directory).unwrap();
            assert!(fs.isempty(directory).unwrap());
            fs.removedir(directory).unwrap();
        }
        for directory in ["a", "dot", "marker", "trail", "x"] {
            assert!(fs.makedir(directory).is_err());
            assert!(fs.removedir(directory).is_err());
            let again = MakedirOptions::new().recreate(true);
            fs.makedir_with(directory, &again).unwrap();
        }
        assert_eq!(foreign.snapshot(), before, "{dir_path:?} {delimiter:?}");
    }
}

#[test]
fn a_slash_in_a_key_is_no_separator_with_another_delimiter() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    for key in ["a/b", "a/", "d|e/f", "d|g"] {
        bucket.put(key, content(key));
    }
    let fs = common::builder(&server).delimiter("|").build().unwrap();
    assert_eq!(fs.listdir("/").unwrap(), ["d"]);
    assert_eq!(fs.listdir("d").unwrap(), ["g"]);
    for path in ["a", "a/b", "d/e", "d/e/f"] {
        assert!(!fs.exists(path).unwrap(), "{path:?}");
    }
    fs.makedir("a").unwrap();
    fs.writebytes("a/b", b"mine").unwrap();
    assert_eq!(bucket.get("a/b").unwrap().bytes(), content("a/b"));
    assert_eq!(bucket.get("a|b").unwrap().bytes(), b"mine");
    let error = fs.writebytes("a|b", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidCharsInPath);
}

/// Runs the check with both kinds of filesystem, below a directory and not, each on its own server.
fn each_kind(check: impl Fn(&Server, &Bucket, &S3Fs, bool)) {
    for strict in [true, false] {
        let server = Server::start();
        let fs = common::builder(&server).strict(strict).build().unwrap();
        check(&server, &server.bucket(BUCKET), &fs, strict);
    }
}

#[test]
fn makedir_never_overwrites_a_marker_with_content() {
    each_kind(|server, bucket, fs, _| {
        bucket.put("d/", "content");
        let error = fs.makedir("d").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryExists);
        fs.makedir_with("d", &MakedirOptions::new().recreate(true))
            .unwrap();
        assert_eq!(bucket.get("d/").unwrap().bytes(), b"content");
        fs.makedir("e").unwrap();
        let put = common::asked(server, "PutObject").pop().unwrap();
        assert_eq!(put.header("if-none-match"), Some("*"));
    });
}

#[test]
fn removedir_refuses_a_marker_with_content() {
    each_kind(|server, bucket, fs, _| {
        bucket.put("d/", "content");
        let error = fs.removedir("d").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
        assert!(error.to_string().contains("has content"), "{error}");
        assert_eq!(bucket.keys(), ["d/"]);
        assert!(changes(server).is_empty());
    });
}

#[test]
fn a_directory_stays_without_its_last_child_only_if_strict() {
    each_kind(|server, bucket, fs, strict| {
        bucket.put("d/f", "x");
        fs.remove("d/f").unwrap();
        let made = changes(server);
        bucket.put("d/e/", "");
        bucket.remove("d/");
        fs.removedir("d/e").unwrap();
        if strict {
            // The marker comes first: the directory exists at all times.
            assert_eq!(made, ["PutObject d/", "DeleteObject d/f"]);
            assert_eq!(changes(server), ["PutObject d/", "DeleteObject d/e/"]);
            assert_eq!(bucket.keys(), ["d/"]);
            assert!(fs.isempty("d").unwrap());
        } else {
            assert_eq!(made, ["DeleteObject d/f"]);
            assert!(bucket.keys().is_empty());
            assert!(!fs.exists("d").unwrap());
        }
    });
}

#[test]
fn a_directory_with_another_child_or_a_marker_gets_no_marker() {
    let server = Server::start();
    let bucket = server.bucket(BUCKET);
    let fs = common::open(&server);
    for other in ["d/", "d/g", "d//", "d/f/below"] {
        bucket.put("d/f", "x");
        bucket.put(other, "");
        fs.remove("d/f").unwrap();
        assert_eq!(changes(&server), ["DeleteObject d/f"], "{other:?}");
        bucket.remove(other);
    }
}

#[test]
fn the_root_gets_no_marker() {
    let in_root: fn(S3FsBuilder) -> S3FsBuilder = |builder| builder;
    for (configure, root) in [
        (in_root, ""),
        (|builder| builder.dir_path("r/s"), "r/s/"),
        (|builder| builder.dir_path("r/s").delimiter("|"), "r|s|"),
    ] {
        let server = Server::start();
        let bucket = server.bucket(BUCKET);
        let fs = configure(common::builder(&server)).build().unwrap();
        fs.writebytes("f", b"x").unwrap();
        assert_eq!(bucket.keys(), [format!("{root}f")]);
        fs.remove("f").unwrap();
        fs.makedir("d").unwrap();
        fs.removedir("d").unwrap();
        assert!(bucket.keys().is_empty(), "{:?}", bucket.keys());
        assert!(fs.listdir("/").unwrap().is_empty());
    }
}
