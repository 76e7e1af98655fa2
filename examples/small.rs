//! Lists a bucket, reads a file, and writes it under another name: `small ENDPOINT BUCKET FROM TO`.
//!
//! `s3fs::guide::small_binaries` is about the size of this program.

use s3fs::{FileSystem, FileSystemExt, Namespaces, S3Fs};

fn main() -> s3fs::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, bucket, from, to] = arguments.as_slice() else {
        eprintln!("usage: small ENDPOINT BUCKET FROM TO");
        std::process::exit(2);
    };
    let fs = S3Fs::builder(bucket).endpoint_url(endpoint).build()?;
    for info in fs.scandir("/", Namespaces::DETAILS)? {
        let info = info?;
        println!("{:>14} {}", info.size().unwrap_or_default(), info.name());
    }
    let content = fs.readbytes(from)?;
    fs.writebytes(to, &content)
}
