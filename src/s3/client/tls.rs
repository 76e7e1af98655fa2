//! Trusted root certificates for https endpoints.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::{Error, ErrorKind, Result};

/// Maximum size of a file of certificates. That of a whole system has a quarter of a MiB.
const MAX_BUNDLE_BYTES: u64 = 16 << 20;

/// Returns a configuration that trusts only the certificates in that file. Without a file, it trusts Mozilla's root
/// certificates, or those of the system if the feature `platform-verifier` is on.
pub(crate) fn trusting(ca_bundle: Option<&Path>) -> Result<TlsConfig> {
    let roots = match ca_bundle {
        Some(file) => read(file)?,
        None if cfg!(feature = "platform-verifier") => RootCerts::PlatformVerifier,
        None => RootCerts::WebPki,
    };
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn read(file: &Path) -> Result<RootCerts> {
    let failed = |what: &str| {
        Error::new(ErrorKind::CreateFailed)
            .with_message(format!("the ca_bundle {} {what}", file.display()))
            .with_hint("it must be a file of certificates in PEM format")
    };
    let unreadable = |error| failed("cannot be read").with_source(error);
    // Reading a pipe or a device could block forever, or never end.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(failed("is not a regular file"));
    }
    let mut pem = Vec::new();
    fs::File::open(file)
        .and_then(|file| file.take(MAX_BUNDLE_BYTES + 1).read_to_end(&mut pem))
        .map_err(unreadable)?;
    if pem.len() as u64 > MAX_BUNDLE_BYTES {
        return Err(failed("is too large for certificates"));
    }
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        // The error is not quoted: a wrong file may contain a private key.
        match item.map_err(|_| failed("contains invalid PEM data"))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => continue,
        }
    }
    if certificates.is_empty() {
        return Err(failed("contains no certificate"));
    }
    Ok(RootCerts::from(certificates))
}
