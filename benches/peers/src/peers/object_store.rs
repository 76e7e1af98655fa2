//! `object_store`, on a runtime of one thread.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::Path as LocalPath;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _, WriteMultipart};
use tokio::runtime::{Builder, Runtime};

use super::Peer;
use crate::{FILES, GIB, KEYS, MIB, Outcome, SMALL, WORKERS, file_name};
use test_server::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};

pub struct ObjectStore {
    store: AmazonS3,
    runtime: Runtime,
}

impl ObjectStore {
    pub fn new(endpoint: &str) -> Outcome<Self> {
        let store = AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(endpoint)
            .with_allow_http(true)
            .with_region(REGION)
            .with_access_key_id(ACCESS_KEY)
            .with_secret_access_key(SECRET_KEY)
            .build()?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { store, runtime })
    }

    fn get(&self, mut sink: impl FnMut(Bytes) -> Outcome) -> Outcome {
        self.runtime.block_on(async {
            let mut stream = self.store.get(&Path::from("large")).await?.into_stream();
            let mut came = 0;
            while let Some(bytes) = stream.next().await {
                let bytes = bytes?;
                came += bytes.len() as u64;
                sink(bytes)?;
            }
            assert_eq!(came, GIB);
            Ok(())
        })
    }
}

impl Peer for ObjectStore {
    fn get_to_sink(&self) -> Outcome {
        self.get(|_| Ok(()))
    }

    fn get_to_file(&self, local: &LocalPath) -> Outcome {
        let mut file = File::create(local)?;
        self.get(|bytes| Ok(file.write_all(&bytes)?))
    }

    fn put_from_file(&self, local: &LocalPath) -> Outcome {
        self.runtime.block_on(async {
            let mut file = File::open(local)?;
            let upload = self.store.put_multipart(&Path::from("sent")).await?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, 8 * MIB);
            loop {
                let mut part = vec![0; 8 * MIB];
                let count = file.read(&mut part)?;
                if count == 0 {
                    break;
                }
                part.truncate(count);
                upload.wait_for_capacity(1).await?;
                upload.put(part.into());
            }
            upload.finish().await?;
            Ok(())
        })
    }

    fn directory_up(&self, local: &LocalPath) -> Outcome {
        self.runtime.block_on(async {
            let sent = stream::iter(0..FILES).map(|number| async move {
                let content = fs::read(local.join(file_name(number)))?;
                let path = Path::from(format!("sent files/{}", file_name(number)));
                self.store.put(&path, content.into()).await?;
                Outcome::Ok(())
            });
            sent.buffer_unordered(WORKERS).try_collect::<()>().await
        })
    }

    fn directory_down(&self, local: &LocalPath) -> Outcome {
        fs::create_dir(local)?;
        self.runtime.block_on(async {
            let files = self.store.list(Some(&Path::from("files")));
            let received = files.map(|meta| async move {
                let path = meta?.location;
                let content = self.store.get(&path).await?.bytes().await?;
                fs::write(local.join(path.filename().ok_or("no name")?), content)?;
                Outcome::Ok(())
            });
            received.buffer_unordered(WORKERS).try_collect::<()>().await
        })?;
        assert_eq!(fs::read_dir(local)?.count(), FILES);
        Ok(())
    }

    fn get_small(&self) -> Outcome {
        self.runtime.block_on(async {
            let content = self.store.get(&Path::from("small")).await?.bytes().await?;
            assert_eq!(content.len(), SMALL);
            Ok(())
        })
    }

    fn put_small(&self, content: &[u8]) -> Outcome {
        let content = content.to_vec();
        self.runtime.block_on(async {
            self.store
                .put(&Path::from("written"), content.into())
                .await?;
            Ok(())
        })
    }

    fn head(&self) -> Outcome {
        self.runtime.block_on(async {
            let meta = self.store.head(&Path::from("small")).await?;
            assert_eq!(meta.size, SMALL as u64);
            Ok(())
        })
    }

    fn list(&self) -> Outcome {
        self.runtime.block_on(async {
            let mut listed = self.store.list(Some(&Path::from("listed")));
            let (mut count, mut size) = (0, 0);
            while let Some(meta) = listed.next().await {
                count += 1;
                size += meta?.size;
            }
            assert_eq!(count, KEYS);
            std::hint::black_box(size);
            Ok(())
        })
    }
}
