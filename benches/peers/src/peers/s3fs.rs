//! This crate.

use std::io;
use std::path::Path;

use s3fs::{FileSystem as _, FileSystemExt as _, Namespaces, S3Fs, TransferOptions};
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

use super::Peer;
use crate::{FILES, GIB, KEYS, Outcome, SMALL, WORKERS};

pub struct S3fs(S3Fs);

impl S3fs {
    pub fn new(endpoint: &str) -> Outcome<Self> {
        Ok(Self(open(endpoint)?))
    }
}

/// The filesystem, not strict: the peers check nothing before they write.
pub fn open(endpoint: &str) -> Outcome<S3Fs> {
    let builder = S3Fs::builder(BUCKET)
        .endpoint_url(endpoint)
        .aws_access_key_id(ACCESS_KEY)
        .aws_secret_access_key(SECRET_KEY)
        .region(REGION);
    Ok(builder.strict(false).build()?)
}

fn workers(count: usize) -> TransferOptions<'static> {
    TransferOptions::new().workers(count)
}

impl Peer for S3fs {
    fn get_to_sink(&self) -> Outcome {
        assert_eq!(self.0.download("large", &mut io::sink())?, GIB);
        Ok(())
    }

    fn get_to_file(&self, local: &Path) -> Outcome {
        self.0.download_file("large", local, &workers(1))?;
        Ok(())
    }

    fn put_from_file(&self, local: &Path) -> Outcome {
        self.0.upload_file(local, "sent", &workers(1))?;
        Ok(())
    }

    fn directory_up(&self, local: &Path) -> Outcome {
        let report = self.0.upload_dir(local, "sent files", &workers(WORKERS))?;
        assert_eq!(report.copied(), FILES);
        Ok(())
    }

    fn directory_down(&self, local: &Path) -> Outcome {
        let report = self.0.download_dir("files", local, &workers(WORKERS))?;
        assert_eq!(report.copied(), FILES);
        Ok(())
    }

    fn get_small(&self) -> Outcome {
        assert_eq!(self.0.readbytes("small")?.len(), SMALL);
        Ok(())
    }

    fn put_small(&self, content: &[u8]) -> Outcome {
        Ok(self.0.writebytes("written", content)?)
    }

    fn head(&self) -> Outcome {
        let info = self.0.getinfo("small", Namespaces::DETAILS)?;
        assert_eq!(info.size(), Some(SMALL as u64));
        Ok(())
    }

    fn list(&self) -> Outcome {
        let (mut count, mut size) = (0, 0);
        for entry in self.0.scantree("listed", Namespaces::DETAILS)? {
            let (_, info) = entry?;
            if info.is_file() {
                count += 1;
                size += info.size().unwrap_or_default();
            }
        }
        assert_eq!(count, KEYS);
        std::hint::black_box(size);
        Ok(())
    }
}
