//! Certificates: an authority that signs anything, and the development set of `rec-market certs`.

use std::path::{Path, PathBuf};

use demo::certificates::{Certificates, development};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SignatureAlgorithm, date_time_ymd};
use rec_market::clock::{Clock, SystemClock};
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
    #[allow(clippy::new_without_default, reason = "each is another one")]
    pub fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "an authority for tests");
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    fn sign(&self, name: &str, (from, to): (i32, i32), algorithm: &'static SignatureAlgorithm) -> Pair {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.pem() + &self.pem(), key: key.serialize_pem() }
    }

    /// A certificate that is valid in these years.
    pub fn issue_for(&self, name: &str, years: (i32, i32)) -> Pair {
        self.sign(name, years, &rcgen::PKCS_ECDSA_P256_SHA256)
    }

    /// A certificate for `market` that is valid now.
    pub fn issue(&self) -> Pair {
        self.issue_for("market", (2000, 4000))
    }

    /// As [`Authority::issue`], of every kind of key that rcgen makes with ring.
    pub fn issue_each(&self) -> [Pair; 3] {
        [&rcgen::PKCS_ECDSA_P256_SHA256, &rcgen::PKCS_ECDSA_P384_SHA384, &rcgen::PKCS_ED25519]
            .map(|algorithm| self.sign("market", (2000, 4000), algorithm))
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
    /// A certificate for this name that nobody else signed.
    pub fn self_signed(name: &str) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        Pair { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// For clients that show it.
    pub fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }

    /// Writes both files.
    pub fn write(&self, files: &TlsConfig) {
        write_file(&files.certificate, &self.certificate);
        write_file(&files.key, &self.key);
    }
}

/// A market's files in a directory, without an authority for clients.
pub fn tls_files(directory: &Path) -> TlsConfig {
    let file = |name: &str| directory.join(name);
    TlsConfig { certificate: file("market_crt.pem"), key: file("market_key.pem"), client_ca: None }
}

/// A file with that text, replaced at once if it is there.
pub fn write_file(path: &Path, text: &str) -> PathBuf {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
    path.to_owned()
}

/// Writes the files that `rec-market certs` writes, but the authority's key.
pub fn write_development_certificates(directory: &Path) -> Certificates {
    let made = development(SystemClock.now(), &[""; 0], 1).unwrap();
    std::fs::write(directory.join("ca_crt.pem"), &made.authority.certificate).unwrap();
    for (name, issued) in [("market", &made.market), ("client", &made.client), ("operator", &made.operator)] {
        std::fs::write(directory.join(format!("{name}_crt.pem")), &issued.certificate).unwrap();
        std::fs::write(directory.join(format!("{name}_key.pem")), &issued.key).unwrap();
    }
    made
}
