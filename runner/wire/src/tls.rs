//! TLS for clients: whom they trust, and how they authenticate.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

/// How the address of a server with TLS begins.
const HTTPS: &str = "https://";
/// Maximum time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A client's PEM files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// The certificate authorities that the client trusts; `None` for the system's.
    pub ca: Option<PathBuf>,
    /// The client's certificate chain and its private key; `None` if the server asks for no client certificate.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Why no connection can be attempted.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file that was read.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The address begins with something else.
    #[error("cannot connect to {address:?}, which does not begin with {scheme}")]
    Scheme {
        /// The address as given.
        address: String,
        /// How it should begin.
        scheme: &'static str,
    },
    /// The address or a file's content is invalid.
    #[error("cannot connect to {address:?} (an address and PEM files are expected)")]
    Unusable {
        /// The address as given.
        address: String,
        /// What is invalid.
        source: tonic::transport::Error,
    },
}

impl ClientTls {
    /// Makes an endpoint for an `https://` address. It reads the files on every call, so renewed certificates take
    /// effect.
    ///
    /// # Errors
    /// If a file cannot be read or is not PEM, or if the address is invalid or not `https://`.
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, TlsError> {
        let unusable = |source| TlsError::Unusable { address: address.to_owned(), source };
        if !address.starts_with(HTTPS) {
            return Err(TlsError::Scheme { address: address.to_owned(), scheme: HTTPS });
        }
        let mut tls = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(unusable)?;
        endpoint.connect_timeout(CONNECT_TIMEOUT).tls_config(tls).map_err(unusable)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}
