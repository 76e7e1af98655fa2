//! A home directory for tests, and the environment of the user who lives there.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Environment;

/// A directory of its own, gone when this is dropped.
pub(in crate::s3) struct Home(PathBuf);

impl Home {
    pub(in crate::s3) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("s3fs-credentials-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// A home with those two files.
    pub(in crate::s3) fn with(credentials: &str, config: &str) -> Self {
        let home = Self::new();
        home.write(".aws/credentials", credentials);
        home.write(".aws/config", config);
        home
    }

    pub(in crate::s3) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(in crate::s3) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// `HOME` and those variables.
    pub(in crate::s3) fn environment<const N: usize>(
        &self,
        pairs: [(&str, &str); N],
    ) -> Environment {
        let home = ("HOME", self.0.to_str().unwrap());
        Environment::from_pairs(pairs.into_iter().chain([home]))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
