//! The certificate that the service shows: read, checked, and read again when its files change.
//!
//! Nothing starts with a pair that callers would refuse. Later, a pair that cannot be used leaves the one before.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::Digest;
use jiff::Timestamp;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig, version};
use x509_parser::certificate::{Validity, X509Certificate};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::clock::Clock;
use crate::config::TlsConfig;

/// How long before its end a certificate is warned of.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often that is said.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate, key or authority that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("tls.{key} {}: {problem}", path.display())]
pub struct UnusableCertificate {
    key: &'static str,
    path: PathBuf,
    problem: String,
}

/// The certificate in use, and the files that it came from.
pub(super) struct Certificates {
    files: TlsConfig,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    used: RwLock<Used>,
}

/// What handshakes are made with.
struct Used {
    config: Arc<ServerConfig>,
    chain: Arc<[CertificateDer<'static>]>,
    /// Of the files that they came from.
    from: Digest,
}

/// The files' bytes.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Certificates {
    /// Reads and checks the files. Blocks for as long as that takes.
    ///
    /// # Errors
    /// If a file is missing or is not what it should be, if the key is another certificate's, or if the certificate is
    /// not valid now.
    pub(super) fn load(files: TlsConfig, clock: Arc<dyn Clock>) -> Result<Certificates, UnusableCertificate> {
        let provider = Arc::new(ring::default_provider());
        let read = Files::read(&files)?;
        let (config, chain) = read.check(&files, &clock, &provider)?;
        let used = RwLock::new(Used { config, chain, from: read.digest() });
        Ok(Certificates { files, clock, provider, used })
    }

    /// What the next handshake is made with.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.used.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// Reads the files again, and uses them from now on if they changed; answers whether they did. Blocks.
    ///
    /// # Errors
    /// As [`Certificates::load`]; then what was used before is used on.
    pub(super) fn reload(&self) -> Result<bool, UnusableCertificate> {
        let read = Files::read(&self.files)?;
        let digest = read.digest();
        if self.used.read().unwrap_or_else(PoisonError::into_inner).from == digest {
            return Ok(false);
        }
        // Files that could not be used are tried again: a certificate may have come before its time.
        let (config, chain) = read.check(&self.files, &self.clock, &self.provider)?;
        *self.used.write().unwrap_or_else(PoisonError::into_inner) = Used { config, chain, from: digest };
        Ok(true)
    }

    /// Looks after the files for ever: takes what changed, tells what cannot be used once, and reminds of the end.
    pub(super) async fn watch(self: Arc<Self>, every: Duration) {
        let mut remind_at = self.clock.now();
        let mut told = None;
        loop {
            let certificates = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || certificates.reload()).await {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!(certificate = %self.files.certificate.display(), "took a new certificate");
                        remind_at = self.clock.now();
                    }
                    told = None;
                }
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if told.as_ref() != Some(&error) {
                        tracing::error!(error, "kept the certificate in use, because the new one cannot be used");
                    }
                    told = Some(error);
                }
                Err(error) => tracing::error!(%error, "the certificate could not be read again"),
            }
            let now = self.clock.now();
            if now >= remind_at {
                self.remind(now);
                remind_at = now.checked_add(REMINDER).unwrap_or(Timestamp::MAX);
            }
            tokio::time::sleep(every).await;
        }
    }

    fn remind(&self, now: Timestamp) {
        let chain = Arc::clone(&self.used.read().unwrap_or_else(PoisonError::into_inner).chain);
        let then = now.checked_add(NOTICE).unwrap_or(Timestamp::MAX);
        for certificate in chain.iter() {
            if let Err(problem) = check_time(certificate, then) {
                let certificate = self.files.certificate.display();
                tracing::warn!(%certificate, "the certificate will not do in {} days: {problem}", NOTICE.as_secs() / 86_400);
            }
        }
    }
}

impl Files {
    fn read(files: &TlsConfig) -> Result<Files, UnusableCertificate> {
        let read = |key, path: &Path| {
            std::fs::read(path).map_err(|error| {
                let problem = format!("cannot be read: {error} (name a PEM file in the configuration, under [tls])");
                UnusableCertificate { key, path: path.to_owned(), problem }
            })
        };
        Ok(Files {
            certificate: read("certificate", &files.certificate)?,
            key: read("key", &files.key)?,
            client_ca: files.client_ca.as_deref().map(|path| read("client_ca", path)).transpose()?,
        })
    }

    fn digest(&self) -> Digest {
        let parts = [Some(&self.certificate), Some(&self.key), self.client_ca.as_ref()];
        let digests = parts.map(|part| part.map_or([0; 32], |bytes| *Digest::of(bytes).as_bytes()));
        Digest::of(&digests.concat())
    }

    fn check(
        &self,
        files: &TlsConfig,
        clock: &Arc<dyn Clock>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Arc<ServerConfig>, Arc<[CertificateDer<'static>]>), UnusableCertificate> {
        let unusable = |key, path: &Path| {
            let path = path.to_owned();
            move |problem| UnusableCertificate { key, path, problem }
        };
        let chain = certificates(&self.certificate).map_err(unusable("certificate", &files.certificate))?;
        let now = clock.now();
        let in_time = chain.iter().try_for_each(|certificate| check_time(certificate, now));
        in_time.map_err(unusable("certificate", &files.certificate))?;
        let key = private_key(&self.key).map_err(unusable("key", &files.key))?;
        let certified = CertifiedKey::from_der(chain.clone(), key, provider);
        let certified = certified.map_err(|error| not_a_pair(&error, files)).map_err(unusable("key", &files.key))?;
        let time = Arc::new(ClockTime(Arc::clone(clock)));
        let builder = ServerConfig::builder_with_details(Arc::clone(provider), time)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| unusable("key", &files.key)(error.to_string()))?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(bytes), Some(path)) => {
                let roots = authorities(bytes).map_err(unusable("client_ca", path))?;
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider)).build();
                let verifier = verifier.map_err(|error| unusable("client_ca", path)(error.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok((Arc::new(config), chain.into()))
    }
}

/// The certificates of a PEM file, of which there must be one.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| format!("is damaged: {error} (a PEM file is expected)"))?;
    if found.is_empty() {
        let held = if PrivateKeyDer::from_pem_slice(bytes).is_ok() { "a private key, but no" } else { "no" };
        return Err(format!("has {held} certificate (a PEM file with BEGIN CERTIFICATE is expected)"));
    }
    Ok(found)
}

fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        if encrypted {
            "is encrypted (write it without a password: openssl pkey -in FILE)".to_owned()
        } else {
            "has no private key (a PEM file with BEGIN PRIVATE KEY is expected)".to_owned()
        }
    })
}

fn authorities(bytes: &[u8]) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes)? {
        roots.add(certificate).map_err(|error| format!("has a certificate that is no authority: {error}"))?;
    }
    Ok(roots)
}

/// Checks that a certificate is valid at an instant.
fn check_time(certificate: &CertificateDer<'_>, at: Timestamp) -> Result<(), String> {
    let parsed = match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => parsed,
        Ok(_) => return Err("has a certificate that cannot be read: more bytes follow it".to_owned()),
        Err(error) => return Err(format!("has a certificate that cannot be read: {error}")),
    };
    let Validity { not_before, not_after } = parsed.validity();
    // The years that a certificate can have are those that a `Timestamp` has, but for the last day.
    let date = |time: &ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX);
    if at.as_second() > not_after.timestamp() {
        return Err(format!("expired at {} (have a new one issued)", date(not_after)));
    }
    if at.as_second() < not_before.timestamp() {
        return Err(format!("is valid only from {} on (is this machine's clock right?)", date(not_before)));
    }
    Ok(())
}

fn not_a_pair(error: &Error, files: &TlsConfig) -> String {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            let certificate = files.certificate.display();
            format!("is not the key of the certificate {certificate} (use the key it was issued for)")
        }
        error => {
            format!("cannot be used with the certificate: {error} (use RSA, or ECDSA on P-256 or P-384, or Ed25519)")
        }
    }
}

/// The clock, for whom it is asked in rustls's words.
#[derive(Clone)]
struct ClockTime(Arc<dyn Clock>);

impl std::fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.0.now()))
    }
}

fn unix_time(at: Timestamp) -> UnixTime {
    // Before 1970 nothing is valid anyway.
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default()))
}
