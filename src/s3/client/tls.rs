//! Whom https endpoints have to be certified by.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::error::{Error, ErrorKind, Result};

/// The largest file of certificates that is read: that of a whole system has a quarter of a MiB.
const MAX_BUNDLE_BYTES: u64 = 16 << 20;

/// The certificates in that file, and no others; without one those of Mozilla, or with the feature
/// `platform-verifier` what the system trusts.
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
            .with_hint("it is a file of certificates in PEM form")
    };
    let unreadable = |error| failed("cannot be read").with_source(error);
    // A pipe or a device may never end, or never begin.
    if !fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(failed("is no regular file"));
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
        // Not quoted: a wrong file may hold a private key.
        match item.map_err(|_| failed("has something in it that is broken"))? {
            PemItem::Certificate(certificate) => certificates.push(certificate),
            _ => continue,
        }
    }
    if certificates.is_empty() {
        return Err(failed("has no certificate in it"));
    }
    Ok(RootCerts::from(certificates))
}
