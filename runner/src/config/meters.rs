//! Where readings come from.

use std::fmt;

use tonic::transport::Uri;

/// Where a community's readings come from. The text forms are an address and `store`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetersSource {
    /// A Meters service at this address.
    Service(String),
    /// The store: readings that were imported, or sent to the Meters service of this program.
    Store,
}

impl MetersSource {
    /// What tells one Meters service from another: scheme, host and port of its address, however it is written.
    pub fn service(&self) -> String {
        let MetersSource::Service(address) = self else { return self.to_string() };
        let parts = address.parse::<Uri>().ok().and_then(|uri| {
            let scheme = uri.scheme_str()?.to_lowercase();
            let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
            Some(format!("{scheme}://{}:{port}", uri.host()?.to_lowercase()))
        });
        parts.unwrap_or_else(|| address.clone())
    }
}

impl fmt::Display for MetersSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MetersSource::Service(address) => f.write_str(address),
            MetersSource::Store => f.write_str("store"),
        }
    }
}
