//! The certificates of the servers: each read, checked, and read again when its files change.
//!
//! The servers do not start with a certificate that callers would refuse. Later, one that cannot be used does not replace the
//! one in use.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::Digest;
use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use tokio_rustls::rustls::server::{Acceptor, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::time_provider::TimeProvider;
use tokio_rustls::rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig, version};
use tokio_rustls::server::TlsStream;
use x509_parser::certificate::{Validity, X509Certificate};
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::X509Version;

use crate::clock::Clock;
use crate::config::TlsConfig;
use crate::ports::Failure;

/// How long before its expiry the log warns of a certificate.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
/// How often the log repeats that.
const REMINDER: Duration = Duration::from_secs(24 * 60 * 60);

/// A certificate, key or authority that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{table}.{key} {}: {problem}", path.display())]
pub struct UnusableCertificate {
    table: &'static str,
    key: &'static str,
    path: PathBuf,
    problem: Problem,
}

/// The end of a sentence that begins with the name of a file.
#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be read: {0} (name a PEM file in the configuration)")]
    Unreadable(io::Error),
    #[error("is damaged: {0} (a PEM file is expected)")]
    Damaged(pem::Error),
    #[error("has no certificate (a PEM file with BEGIN CERTIFICATE is expected)")]
    NoCertificate,
    #[error("has a private key, but no certificate (a PEM file with BEGIN CERTIFICATE is expected)")]
    KeyInstead,
    #[error("has a certificate that cannot be read: {0}")]
    UnreadableCertificate(String),
    #[error(
        "has a certificate of X.509 version 1, which TLS clients refuse (have one of version 3 issued, with the name that \
         clients call; for development: rec-market certs)"
    )]
    VersionOne,
    #[error("expired at {0} (have a new one issued)")]
    Expired(Timestamp),
    #[error("is valid only from {0} on (is this machine's clock right?)")]
    NotValidYet(Timestamp),
    #[error("is encrypted (write it without a password: openssl pkey -in FILE)")]
    EncryptedKey,
    #[error("has no private key (a PEM file with BEGIN PRIVATE KEY is expected)")]
    NoKey,
    #[error("is not the key of the certificate {} (use the key it was issued for)", .0.display())]
    OtherKey(PathBuf),
    #[error("cannot be used with the certificate: {0} (use RSA, or ECDSA on P-256 or P-384, or Ed25519)")]
    UnusableKey(Error),
    #[error("has a certificate that is not an authority: {0}")]
    NoAuthority(Error),
    #[error("{0}")]
    Verifier(VerifierBuilderError),
}

/// Whose certificate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// The gRPC port's, `[tls]` in the configuration.
    Grpc,
    /// That of the pages for people, `[web]`.
    Pages,
}

impl Server {
    fn table(self) -> &'static str {
        match self {
            Server::Grpc => "tls",
            Server::Pages => "web",
        }
    }

    /// What is spoken over TLS (RFC 7301).
    fn protocol(self) -> &'static [u8] {
        match self {
            Server::Grpc => b"h2",
            Server::Pages => b"http/1.1",
        }
    }
}

/// The certificate in use and its files.
pub struct Certificates {
    server: Server,
    files: TlsConfig,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
}

/// What handshakes use.
struct Current {
    config: Arc<ServerConfig>,
    chain: Arc<[CertificateDer<'static>]>,
    /// Digest of the files.
    digest: Digest,
}

/// The contents of the files.
struct Files {
    certificate: Vec<u8>,
    key: Vec<u8>,
    client_ca: Option<Vec<u8>>,
}

impl Certificates {
    /// Reads and checks the files. Blocks.
    ///
    /// # Errors
    /// If a file is missing or invalid, if the key does not match the certificate, or if the certificate is not valid now.
    pub fn load(server: Server, files: TlsConfig, clock: Arc<dyn Clock>) -> Result<Certificates, UnusableCertificate> {
        let provider = Arc::new(ring::default_provider());
        let read = Files::read(server, &files)?;
        let (config, chain) = read.check(server, &files, &clock, &provider)?;
        let current = RwLock::new(Current { config, chain, digest: read.digest() });
        Ok(Certificates { server, files, clock, provider, current })
    }

    /// The configuration for the next handshake.
    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).config)
    }

    /// What opens connections, each with the certificate that is current when it is accepted.
    pub fn handshake(
        self: Arc<Self>,
    ) -> impl Fn(TcpStream) -> Pin<Box<dyn Future<Output = io::Result<TlsStream<TcpStream>>> + Send>> + Send + Sync
    {
        move |tcp| {
            let config = self.current();
            Box::pin(async move {
                // In two steps, to know whether a caller that goes away has seen the certificate.
                let hello = LazyConfigAcceptor::new(Acceptor::default(), tcp).await?;
                hello.into_stream(config).await.map_err(Failure::after_certificate)
            })
        }
    }

    /// Reads the files again and uses them if they changed; returns whether they did. Blocks.
    ///
    /// # Errors
    /// As [`Certificates::load`]; the old files stay in use.
    pub fn reload(&self) -> Result<bool, UnusableCertificate> {
        let read = Files::read(self.server, &self.files)?;
        let digest = read.digest();
        if self.current.read().unwrap_or_else(PoisonError::into_inner).digest == digest {
            return Ok(false);
        }
        // Also files that were refused before: the certificate may have become valid since.
        let (config, chain) = read.check(self.server, &self.files, &self.clock, &self.provider)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Current { config, chain, digest };
        Ok(true)
    }

    /// Watches the files for ever: uses changed ones, logs unusable ones once, and warns before the expiry.
    pub async fn watch(self: Arc<Self>, every: Duration) {
        let mut remind_at = self.clock.now();
        let mut logged = None;
        loop {
            let certificates = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || certificates.reload()).await {
                Ok(Ok(changed)) => {
                    if changed {
                        tracing::info!(certificate = %self.files.certificate.display(), "using a new certificate");
                        remind_at = self.clock.now();
                    }
                    logged = None;
                }
                Ok(Err(error)) => {
                    let error = error.to_string();
                    if logged.as_ref() != Some(&error) {
                        tracing::error!(error, "cannot use the new certificate; keeping the one in use");
                    }
                    logged = Some(error);
                }
                Err(error) => tracing::error!(%error, "cannot read the certificate again"),
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
        let chain = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner).chain);
        let then = now.checked_add(NOTICE).unwrap_or(Timestamp::MAX);
        for certificate in chain.iter() {
            if let Err(problem) = check_usable(certificate, then) {
                let certificate = self.files.certificate.display();
                tracing::warn!(%certificate, "the certificate will be unusable in {} days: {problem}", NOTICE.as_secs() / 86_400);
            }
        }
    }
}

impl Files {
    fn read(server: Server, files: &TlsConfig) -> Result<Files, UnusableCertificate> {
        let read = |key, path: &Path| {
            std::fs::read(path).map_err(|error| {
                let problem = Problem::Unreadable(error);
                UnusableCertificate { table: server.table(), key, path: path.to_owned(), problem }
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
        server: Server,
        files: &TlsConfig,
        clock: &Arc<dyn Clock>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<(Arc<ServerConfig>, Arc<[CertificateDer<'static>]>), UnusableCertificate> {
        let unusable = |key, path: &Path| {
            let path = path.to_owned();
            move |problem| UnusableCertificate { table: server.table(), key, path, problem }
        };
        let chain = certificates(&self.certificate).map_err(unusable("certificate", &files.certificate))?;
        let now = clock.now();
        let usable = chain.iter().try_for_each(|certificate| check_usable(certificate, now));
        usable.map_err(unusable("certificate", &files.certificate))?;
        let key = private_key(&self.key).map_err(unusable("key", &files.key))?;
        let certified = CertifiedKey::from_der(chain.clone(), key, provider);
        let certified = certified.map_err(|error| key_problem(error, files)).map_err(unusable("key", &files.key))?;
        let time = Arc::new(ClockTime(Arc::clone(clock)));
        let builder = ServerConfig::builder_with_details(Arc::clone(provider), time)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| unusable("key", &files.key)(Problem::UnusableKey(error)))?;
        let builder = match (&self.client_ca, &files.client_ca) {
            (Some(bytes), Some(path)) => {
                let roots = authorities(bytes).map_err(unusable("client_ca", path))?;
                // Verified where shown; the guard asks for one only where a right depends on it.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
                let verifier = verifier.allow_unauthenticated().build();
                let verifier = verifier.map_err(Problem::Verifier).map_err(unusable("client_ca", path))?;
                builder.with_client_cert_verifier(verifier)
            }
            _ => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![server.protocol().to_vec()];
        Ok((Arc::new(config), chain.into()))
    }
}

/// The certificates of a PEM file; at least one.
fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let found = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>().map_err(Problem::Damaged)?;
    match found.is_empty() {
        false => Ok(found),
        true if PrivateKeyDer::from_pem_slice(bytes).is_ok() => Err(Problem::KeyInstead),
        true => Err(Problem::NoCertificate),
    }
}

fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Problem> {
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let is_encrypted = bytes.windows(9).any(|window| window == b"ENCRYPTED");
        if is_encrypted { Problem::EncryptedKey } else { Problem::NoKey }
    })
}

fn authorities(bytes: &[u8]) -> Result<RootCertStore, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(bytes)? {
        roots.add(certificate).map_err(Problem::NoAuthority)?;
    }
    Ok(roots)
}

/// Checks that a certificate has a version that clients accept, and is valid at an instant.
fn check_usable(certificate: &CertificateDer<'_>, at: Timestamp) -> Result<(), Problem> {
    let parsed = match X509Certificate::from_der(certificate) {
        Ok(([], parsed)) => parsed,
        Ok(_) => return Err(Problem::UnreadableCertificate("more bytes follow it".to_owned())),
        Err(error) => return Err(Problem::UnreadableCertificate(error.to_string())),
    };
    if parsed.version() == X509Version::V1 {
        return Err(Problem::VersionOne);
    }
    let Validity { not_before, not_after } = parsed.validity();
    // The years that a certificate can have are those that a `Timestamp` has, but for the last day.
    let date = |time: &ASN1Time| Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX);
    if at.as_second() > not_after.timestamp() {
        return Err(Problem::Expired(date(not_after)));
    }
    if at.as_second() < not_before.timestamp() {
        return Err(Problem::NotValidYet(date(not_before)));
    }
    Ok(())
}

fn key_problem(error: Error, files: &TlsConfig) -> Problem {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Problem::OtherKey(files.certificate.clone()),
        error => Problem::UnusableKey(error),
    }
}

/// The clock, as rustls asks for the time.
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
    // No certificate is valid before 1970.
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default()))
}
