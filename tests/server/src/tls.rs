//! The server's own certificate, which only clients with its root certificate trust.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate of a server, and the root certificate for its clients.
pub struct Identity {
    pub acceptor: TlsAcceptor,
    pub ca_pem: String,
}

impl Identity {
    /// Creates a certificate authority, and a certificate signed by it for these names.
    pub fn new(names: &[&str]) -> Self {
        let ca_key = KeyPair::generate().expect("a key");
        let mut ca = CertificateParams::new(Vec::new()).expect("no names");
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // With the name that a certificate has by default, that of the server would seem to be signed by itself.
        ca.distinguished_name
            .push(DnType::CommonName, "certificate authority of the tests");
        let ca_pem = ca.self_signed(&ca_key).expect("a certificate").pem();

        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let server = CertificateParams::new(names).expect("names that can be");
        let certificate = server
            .signed_by(&key, &Issuer::new(ca, ca_key))
            .expect("a certificate");
        Self::with(&certificate.pem(), &key.serialize_pem(), ca_pem)
    }

    /// Creates a certificate of an authority that the server also uses as its own, as `openssl req -x509` does: it is also
    /// the root certificate of the client.
    pub fn of_authority(names: &[&str]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names that can be");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self::with(&pem, &key.serialize_pem(), pem.clone())
    }

    /// Uses a certificate and its key in PEM, and the root certificate for clients.
    pub fn with(certificate: &str, key: &str, ca_pem: String) -> Self {
        let certificates = CertificateDer::pem_slice_iter(certificate.as_bytes());
        let certificates = certificates.collect::<Result<Vec<_>, _>>();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions that ring has")
            .with_no_client_auth()
            .with_single_cert(certificates.expect("certificates"), key)
            .expect("a key that fits");
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            ca_pem,
        }
    }
}
