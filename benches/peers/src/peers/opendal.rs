//! `opendal`, with its blocking interface.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use opendal::blocking::Operator;
use opendal::options::{ListOptions, WriteOptions};
use opendal::services::S3;
use tokio::runtime::{Builder, Runtime};

use super::{Peer, on_threads};
use crate::{FILES, GIB, KEYS, MIB, Outcome, SMALL, file_name};
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

pub struct OpenDal {
    operator: Operator,
    _runtime: Runtime,
}

impl OpenDal {
    pub fn new(endpoint: &str) -> Outcome<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let service = S3::default()
            .bucket(BUCKET)
            .endpoint(endpoint)
            .region(REGION)
            .access_key_id(ACCESS_KEY)
            .secret_access_key(SECRET_KEY)
            .disable_config_load();
        let _entered = runtime.enter();
        let operator = Operator::new(opendal::Operator::new(service)?.finish())?;
        drop(_entered);
        Ok(Self {
            operator,
            _runtime: runtime,
        })
    }

    fn get(&self, mut sink: impl FnMut(&[u8]) -> Outcome) -> Outcome {
        let mut came = 0;
        for bytes in self.operator.reader("large")?.into_bytes_iterator(..)? {
            let bytes = bytes?;
            came += bytes.len() as u64;
            sink(&bytes)?;
        }
        assert_eq!(came, GIB);
        Ok(())
    }
}

impl Peer for OpenDal {
    fn get_to_sink(&self) -> Outcome {
        self.get(|_| Ok(()))
    }

    fn get_to_file(&self, local: &Path) -> Outcome {
        let mut file = File::create(local)?;
        self.get(|bytes| Ok(file.write_all(bytes)?))
    }

    fn put_from_file(&self, local: &Path) -> Outcome {
        let mut file = File::open(local)?;
        let options = WriteOptions {
            chunk: Some(8 * MIB),
            ..WriteOptions::default()
        };
        let mut writer = self.operator.writer_options("sent", options)?;
        loop {
            let mut part = vec![0; 8 * MIB];
            let count = file.read(&mut part)?;
            if count == 0 {
                break;
            }
            part.truncate(count);
            writer.write(part)?;
        }
        writer.close()?;
        Ok(())
    }

    fn directory_up(&self, local: &Path) -> Outcome {
        on_threads(|number| {
            let content = fs::read(local.join(file_name(number)))?;
            self.operator
                .write(&format!("sent files/{}", file_name(number)), content)?;
            Ok(())
        })
    }

    fn directory_down(&self, local: &Path) -> Outcome {
        fs::create_dir(local)?;
        let entries = self.operator.list("files/")?;
        let files: Vec<_> = entries
            .iter()
            .filter(|entry| entry.metadata().is_file())
            .collect();
        assert_eq!(files.len(), FILES);
        on_threads(|number| {
            let content = self.operator.read(files[number].path())?;
            let mut file = File::create(local.join(files[number].name()))?;
            io::copy(&mut content.clone(), &mut file)?;
            Ok(())
        })
    }

    fn get_small(&self) -> Outcome {
        assert_eq!(self.operator.read("small")?.len(), SMALL);
        Ok(())
    }

    fn put_small(&self, content: &[u8]) -> Outcome {
        self.operator.write("written", content.to_vec())?;
        Ok(())
    }

    fn head(&self) -> Outcome {
        assert_eq!(self.operator.stat("small")?.content_length(), SMALL as u64);
        Ok(())
    }

    fn list(&self) -> Outcome {
        let options = ListOptions {
            recursive: true,
            ..ListOptions::default()
        };
        let (mut count, mut size) = (0, 0);
        for entry in self.operator.lister_options("listed/", options)? {
            let entry = entry?;
            if entry.metadata().is_file() {
                count += 1;
                size += entry.metadata().content_length();
            }
        }
        assert_eq!(count, KEYS);
        std::hint::black_box(size);
        Ok(())
    }
}
