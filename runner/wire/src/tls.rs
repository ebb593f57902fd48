//! How a client connects over TLS: whom it believes, and what it shows.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::status::innermost;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// PEM files of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// The authorities of the server's certificate; none for the machine's own.
    pub ca: Option<PathBuf>,
    /// The client's own certificate with those above it, and its key; none if the server asks for none.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// A connection that cannot even be tried.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The address or the files' contents are wrong.
    #[error("cannot connect to {address:?}: {reason} (an https:// address and PEM files are expected)")]
    Unusable {
        /// The address.
        address: String,
        /// Why not.
        reason: String,
    },
}

impl ClientTls {
    /// What is at an `https://` address, to be connected to. Reads the files anew each time.
    ///
    /// # Errors
    /// If a file cannot be read, or is no PEM, or the address is none or not `https://`.
    pub fn endpoint(&self, address: &str) -> Result<Endpoint, TlsError> {
        let unusable = |reason: String| TlsError::Unusable { address: address.to_owned(), reason };
        if !address.starts_with("https://") {
            return Err(unusable("it is not https://".to_owned()));
        }
        let mut tls = match &self.ca {
            Some(ca) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?)),
            None => ClientTlsConfig::new().with_enabled_roots(),
        };
        if let Some((certificate, key)) = &self.identity {
            tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
        }
        let endpoint = Endpoint::from_shared(address.to_owned()).map_err(|error| unusable(innermost(&error)))?;
        endpoint.connect_timeout(CONNECT_TIMEOUT).tls_config(tls).map_err(|error| unusable(innermost(&error)))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File { path: path.to_owned(), reason: error.to_string() })
}
