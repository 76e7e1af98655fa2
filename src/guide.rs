//! Pages that go beyond single items.

/// Servers with certificates of your own.
#[doc = include_str!("guide/tls.md")]
pub mod tls {}
