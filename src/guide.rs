//! Pages that go beyond single items.

/// Opening a bucket, and where its credentials come from.
#[doc = include_str!("guide/credentials.md")]
pub mod credentials {}

/// Servers with certificates of your own.
#[doc = include_str!("guide/tls.md")]
pub mod tls {}
