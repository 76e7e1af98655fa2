//! The traits and names that most programs need: `use s3fs::prelude::*`.
//!
//! ```
//! use s3fs::prelude::*;
//!
//! let fs = s3fs::open_fs("mem://")?;
//! fs.writetext("hello.txt", "hello")?;
//! assert_eq!(fs.readtext("hello.txt")?, "hello");
//! # Ok::<(), s3fs::Error>(())
//! ```

pub use crate::error::ErrorKind;
pub use crate::ext::FileSystemExt;
pub use crate::filesystem::FileSystem;
pub use crate::filesystem::file::File as _;
pub use crate::filesystem::info::Namespaces;
pub use crate::filesystem::options::OpenOptions;
