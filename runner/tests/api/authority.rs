//! A certificate authority for tests, and the files that it writes.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    SignatureAlgorithm, date_time_ymd,
};
use rec_market::config::TlsConfig;
use tonic::transport::{Certificate, Identity};

/// An authority.
pub struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for `market`, valid in these years.
    pub fn issue_for(&self, from: i32, to: i32, algorithm: &'static SignatureAlgorithm) -> Pair {
        let mut params = CertificateParams::new(vec!["market".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem() + &self.pem(), key: key.serialize_pem() }
    }

    /// A certificate for `market` that is valid now.
    pub fn issue(&self) -> Pair {
        self.issue_for(2000, 4000, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// Of every kind of key that rcgen makes with ring.
    pub fn issue_each(&self) -> [Pair; 3] {
        [&rcgen::PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519]
            .map(|algorithm| self.issue_for(2000, 4000, algorithm))
    }

    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// For clients that trust it.
    pub fn trusted(&self) -> Certificate {
        Certificate::from_pem(self.pem())
    }
}

impl Pair {
    /// For clients that show it.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }

    /// Writes both files, each at once.
    pub fn write(&self, files: &TlsConfig) {
        write(&files.certificate, &self.certificate);
        write(&files.key, &self.key);
    }
}

/// Where the files are in a directory, without an authority for clients.
pub fn files(directory: &Path) -> TlsConfig {
    TlsConfig { certificate: directory.join("crt.pem"), key: directory.join("key.pem"), client_ca: None }
}

/// A file with that text, replaced at once if it is there.
pub fn write(path: &Path, text: &str) -> PathBuf {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
    path.to_owned()
}
