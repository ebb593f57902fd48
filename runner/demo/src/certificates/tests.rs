//! Tests that rustls accepts the certificates in their roles, and in no others.

use std::sync::Arc;

use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, RootCertStore};

use super::*;

/// The time at which the certificates are made.
fn now() -> Timestamp {
    "2024-05-06T12:00:00Z".parse().unwrap()
}

const NONE: [&str; 0] = [];

fn der(issued: &Issued) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()
}

fn roots(made: &Certificates) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(der(&made.authority)).unwrap();
    Arc::new(roots)
}

/// Verifies `issued` as the certificate of a server with this name at this time, trusting the authority of `made`.
fn as_server(made: &Certificates, issued: &Issued, name: &str, at: Timestamp) -> Result<(), Error> {
    let verifier = WebPkiServerVerifier::builder_with_provider(roots(made), Arc::new(default_provider()));
    let verifier = verifier.build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(&der(issued), &[], &name, &[], unix(at)).map(drop)
}

fn as_client(made: &Certificates, issued: &Issued, at: Timestamp) -> Result<(), Error> {
    let verifier = WebPkiClientVerifier::builder_with_provider(roots(made), Arc::new(default_provider()));
    verifier.build().unwrap().verify_client_cert(&der(issued), &[], unix(at)).map(drop)
}

fn unix(at: Timestamp) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().unwrap()))
}

fn days(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

#[test]
fn the_market_is_a_server_under_its_names_and_not_a_client() {
    let made = development(now(), &["market.example.org", "*.rec.local", "192.0.2.7", "localhost"], 30).unwrap();
    let names = ["market", "localhost", "127.0.0.1", "::1", "market.example.org", "a.rec.local", "192.0.2.7"];
    for name in names {
        assert_eq!(as_server(&made, &made.market, name, days(0)), Ok(()), "{name}");
    }
    for name in ["transactions", "example.org", "192.0.2.8"] {
        assert!(as_server(&made, &made.market, name, days(0)).is_err(), "{name}");
    }
    assert!(as_client(&made, &made.market, days(0)).is_err());
}

#[test]
fn transactions_is_a_client_and_a_server_under_its_own_names() {
    let made = development(now(), &NONE, 30).unwrap();
    assert_eq!(as_client(&made, &made.client, days(0)), Ok(()));
    for name in ["transactions", "localhost", "127.0.0.1", "::1"] {
        assert_eq!(as_server(&made, &made.client, name, days(0)), Ok(()), "{name}");
    }
    assert!(as_server(&made, &made.client, "market", days(0)).is_err());
}

#[test]
fn an_administrator_is_a_client_and_not_a_server() {
    let made = development(now(), &NONE, 30).unwrap();
    assert_eq!(as_client(&made, &made.operator, days(0)), Ok(()));
    assert!(as_server(&made, &made.operator, "operator", days(0)).is_err());
}

#[test]
fn another_authority_is_not_trusted() {
    let (made, other) = (development(now(), &NONE, 30).unwrap(), development(now(), &NONE, 30).unwrap());
    assert!(as_server(&other, &made.market, "market", days(0)).is_err());
    assert!(as_client(&other, &made.client, days(0)).is_err());
}

#[test]
fn certificates_are_valid_for_the_requested_days() {
    let made = development(now(), &NONE, 30).unwrap();
    assert_eq!(as_server(&made, &made.market, "market", days(29)), Ok(()));
    assert!(as_server(&made, &made.market, "market", days(31)).is_err());
    assert!(as_server(&made, &made.market, "market", days(-1)).is_err());
    let expired = valid(&NONE, days(-10), days(-1)).unwrap();
    assert!(as_server(&expired, &expired.market, "market", days(0)).is_err());
    assert_eq!(as_server(&expired, &expired.market, "market", days(-5)), Ok(()));
}

#[test]
fn each_key_matches_its_certificate() {
    let made = development(now(), &NONE, 30).unwrap();
    for issued in [&made.authority, &made.market, &made.client] {
        let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
        let pair = CertifiedKey::from_der(vec![der(issued)], key, &default_provider()).unwrap();
        assert_eq!(pair.keys_match(), Ok(()));
    }
    let text = format!("{made:?}");
    assert!(!text.contains("PRIVATE KEY"), "{text}");
}

#[test]
fn invalid_names_and_validities_are_refused() {
    for name in ["", " ", "a b", "http://market", "market:50051", "café", "*", "a.*.b", &"x".repeat(300)] {
        let error = development(now(), &[name], 30).unwrap_err();
        assert!(matches!(&error, CertificateError::Name(refused) if refused == name), "{name:?}: {error}");
    }
    let (early, late) = ("1969-12-31T00:00:00Z".parse().unwrap(), days(1));
    for (from, until) in [(early, late), (late, late), (late, days(0))] {
        assert!(matches!(valid(&NONE, from, until), Err(CertificateError::Validity { .. })), "{from} {until}");
    }
    assert!(valid(&NONE, days(0), Timestamp::MAX).is_ok());
}
