//! Hashes of files.

use super::{Case, fails};
use crate::error::ErrorKind;
use crate::ext::FileSystemExt as _;
use crate::filesystem::FileSystem;

pub(super) const CASES: &[Case] = &[
    Case {
        name: "hash_is_the_digest_of_the_content",
        check: hash_is_the_digest_of_the_content,
    },
    Case {
        name: "hash_needs_a_file_and_a_known_name",
        check: hash_needs_a_file_and_a_known_name,
    },
];

fn hash_is_the_digest_of_the_content(fs: &dyn FileSystem) {
    // The hashes from Python's hashlib.
    const HASHES: [(&str, &str); 6] = [
        ("md5", "9e107d9d372bb6826bd81d3542a419d6"),
        ("sha1", "2fd4e1c67a2d28fced849ee1bb76e7391b93eb12"),
        (
            "sha224",
            "730e109bd7a8a32b1cb9d9a09aa2325d2430587ddbc0c38bad911525",
        ),
        (
            "sha256",
            "d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02d0bf37c9e592",
        ),
        (
            "sha384",
            "ca737f1014a48f4c0b6dd43cb177b0afd9e5169367544c494011e3317dbf9a509cb1e5dc1e85a941bbee3d7f2afbc9b1",
        ),
        (
            "sha512",
            "07e547d9586f6a73f73fbac0435ed76951218fb7d0c8d788a309d785436bbb642e93a252a954f23912547d1e8a3b5ed6e1bfd7097821233fa0538f3db854fee6",
        ),
    ];
    let content = "The quick brown fox jumps over the lazy dog";
    fs.writetext("f", content).unwrap();
    for (name, expected) in HASHES {
        if name == "sha1" && !cfg!(feature = "sha1") {
            continue;
        }
        assert_eq!(fs.hash("f", name).unwrap(), expected, "{name}");
    }
    fs.writebytes("empty", b"").unwrap();
    let empty = "d41d8cd98f00b204e9800998ecf8427e";
    assert_eq!(fs.hash("empty", "md5").unwrap(), empty);
}

fn hash_needs_a_file_and_a_known_name(fs: &dyn FileSystem) {
    fs.makedir("d").unwrap();
    fs.writebytes("f", b"x").unwrap();
    fails(fs.hash("x", "md5"), ErrorKind::ResourceNotFound, "x");
    fails(fs.hash("d", "md5"), ErrorKind::FileExpected, "d");
    fails(fs.hash("f", "crc32"), ErrorKind::UnsupportedHash, "f");
    fails(
        fs.hash("../f", "md5"),
        ErrorKind::IllegalBackReference,
        "../f",
    );
    let sha1 = fs.hash("f", "sha1");
    if !cfg!(feature = "sha1") {
        fails(sha1, ErrorKind::UnsupportedHash, "f");
    }
}
