//! `rust-s3`, with its blocking interface.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use s3::creds::Credentials;
use s3::{Bucket, Region};

use super::{Peer, on_threads};
use crate::{FILES, KEYS, Outcome, SMALL, file_name};
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

pub struct RustS3(Box<Bucket>);

impl RustS3 {
    pub fn new(endpoint: &str) -> Outcome<Self> {
        let region = Region::Custom {
            region: REGION.to_owned(),
            endpoint: endpoint.to_owned(),
        };
        let credentials = Credentials::new(Some(ACCESS_KEY), Some(SECRET_KEY), None, None, None)?;
        Ok(Self(
            Bucket::new(BUCKET, region, credentials)?.with_path_style(),
        ))
    }
}

impl Peer for RustS3 {
    fn get_to_sink(&self) -> Outcome {
        assert_eq!(self.0.get_object_to_writer("large", &mut io::sink())?, 200);
        Ok(())
    }

    fn get_to_file(&self, local: &Path) -> Outcome {
        self.0
            .get_object_to_writer("large", &mut File::create(local)?)?;
        Ok(())
    }

    fn put_from_file(&self, local: &Path) -> Outcome {
        self.0.put_object_stream(&mut File::open(local)?, "sent")?;
        Ok(())
    }

    fn directory_up(&self, local: &Path) -> Outcome {
        on_threads(|number| {
            let content = fs::read(local.join(file_name(number)))?;
            self.0
                .put_object(format!("sent files/{}", file_name(number)), &content)?;
            Ok(())
        })
    }

    fn directory_down(&self, local: &Path) -> Outcome {
        fs::create_dir(local)?;
        let pages = self.0.list("files/".to_owned(), None)?;
        let keys: Vec<_> = pages
            .iter()
            .flat_map(|page| &page.contents)
            .map(|object| &object.key)
            .collect();
        assert_eq!(keys.len(), FILES);
        on_threads(|number| {
            let content = self.0.get_object(keys[number])?;
            let name = keys[number].rsplit('/').next().unwrap_or_default();
            fs::write(local.join(name), content.as_slice())?;
            Ok(())
        })
    }

    fn get_small(&self) -> Outcome {
        assert_eq!(self.0.get_object("small")?.as_slice().len(), SMALL);
        Ok(())
    }

    fn put_small(&self, content: &[u8]) -> Outcome {
        self.0.put_object("written", content)?;
        Ok(())
    }

    fn head(&self) -> Outcome {
        let (head, _) = self.0.head_object("small")?;
        assert_eq!(head.content_length, Some(SMALL as i64));
        Ok(())
    }

    fn list(&self) -> Outcome {
        let pages = self.0.list("listed/".to_owned(), None)?;
        let objects = pages.iter().flat_map(|page| &page.contents);
        let size: u64 = objects.clone().map(|object| object.size).sum();
        assert_eq!(objects.count(), KEYS as usize);
        std::hint::black_box(size);
        Ok(())
    }
}
