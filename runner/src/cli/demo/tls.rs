//! Certificates of the demo: made for it, in a directory that nobody else can read, and removed with it.

use std::fs;
use std::io;

use demo::certificates::{self, Certificates, Issued};
use tempfile::TempDir;
use tokio::net::TcpListener;
use wire::tls::ClientTls;

use crate::clock::{Clock, SystemClock};
use crate::config::TlsConfig;

/// Longer than the time before the end at which the market warns.
const CERTIFICATE_DAYS: u16 = 30;

pub(super) struct Tls {
    pub(super) certificates: Certificates,
    /// What the market serves with. It verifies client certificates, so that both sides know each other.
    pub(super) market: TlsConfig,
    pub(super) transactions: ClientTls,
    pub(super) administrator: ClientTls,
    _files: TempDir,
}

impl Tls {
    pub(super) fn new() -> anyhow::Result<Tls> {
        let certificates = certificates::development(SystemClock.now(), &[""; 0], CERTIFICATE_DAYS)?;
        let files = tempfile::tempdir()?;
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            fs::write(&path, text).map(|()| path)
        };
        let ca = write("ca.pem", &certificates.authority.certificate)?;
        let client = |name: &str, Issued { certificate, key }: &Issued| -> io::Result<ClientTls> {
            let identity = (write(&format!("{name}.pem"), certificate)?, write(&format!("{name}_key.pem"), key)?);
            Ok(ClientTls { ca: Some(ca.clone()), identity: Some(identity) })
        };
        Ok(Tls {
            market: TlsConfig {
                certificate: write("market.pem", &certificates.market.certificate)?,
                key: write("market_key.pem", &certificates.market.key)?,
                client_ca: Some(ca.clone()),
            },
            transactions: client("client", &certificates.client)?,
            administrator: client("operator", &certificates.operator)?,
            certificates,
            _files: files,
        })
    }
}

pub(super) async fn loopback() -> io::Result<TcpListener> {
    TcpListener::bind(("127.0.0.1", 0)).await
}
