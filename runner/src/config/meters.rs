//! Addresses of Meters services.

use tonic::transport::Uri;

/// What tells one Meters service from another: scheme, host and port of its address, however it is written.
pub(super) fn service(address: &str) -> String {
    let parts = address.parse::<Uri>().ok().and_then(|uri| {
        let scheme = uri.scheme_str()?.to_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "https" { 443 } else { 80 });
        Some(format!("{scheme}://{}:{port}", uri.host()?.to_lowercase()))
    });
    parts.unwrap_or_else(|| address.to_owned())
}
