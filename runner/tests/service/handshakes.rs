//! Callers that do not come through the TLS port are counted by reason, shown, and told of in the log without end of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::Value;
use testkit::*;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};
use wire::MatchesFilter;

use crate::first_start::tls;

/// How many handshakes failed for a reason, as `/metrics` says.
pub fn failed(service: &Service, reason: &str) -> u64 {
    let name = format!("rec_market_tls_handshakes_failed_total{{reason=\"{reason}\"}} ");
    let metrics = service.get("/metrics").1;
    metrics.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

/// The value of a metric that is a time.
fn time_of(service: &Service, name: &str) -> u64 {
    let metrics = service.get("/metrics").1;
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap()
}

/// What `/status` says of callers over TLS.
pub fn shown(service: &Service) -> Value {
    serde_json::from_str::<Value>(&service.get("/status").1).unwrap()["tls"].take()
}

/// A handshake that trusts this authority's file; the connection is closed at once.
async fn shake(service: &Service, trusted: &str) -> std::io::Result<()> {
    let mut roots = RootCertStore::empty();
    CertificateDer::pem_slice_iter(trusted.as_bytes()).for_each(|root| roots.add(root.unwrap()).unwrap());
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_protocol_versions(&[&version::TLS13]).unwrap().with_root_certificates(roots);
    let mut config = config.with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = tokio::net::TcpStream::connect(service.tls).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map(drop)
}

#[test]
fn callers_that_do_not_come_through_are_counted_by_reason() {
    let market = Market::serving(&Meters::silent(), "", "");
    let service = Service::start(&market);
    let reasons = [
        "untrusted",
        "left",
        "incompatible",
        "client_certificate",
        "plaintext",
        "closed",
        "late",
        "crowded",
        "invalid",
    ];
    for reason in reasons {
        assert_eq!(failed(&service, reason), 0);
    }
    assert_eq!(shown(&service), serde_json::json!({ "last_request_at": null, "failed_handshakes": [] }));
    let runtime = runtime();
    runtime.block_on(async { shake(&service, &Authority::new().pem()).await.unwrap_err() });
    eventually("it is not trusted", || failed(&service, "untrusted") == 1);
    runtime.block_on(async { shake(&service, &market.text("ca_crt.pem")).await.unwrap() });
    eventually("it is left", || failed(&service, "left") == 1);
    let mut plaintext = TcpStream::connect(service.tls).unwrap();
    plaintext.write_all(b"GET / HTTP/1.1\r\nhost: market\r\n\r\n").unwrap();
    let _ = plaintext.read_to_end(&mut Vec::new());
    eventually("it hears plaintext", || failed(&service, "plaintext") == 1);
    drop(TcpStream::connect(service.tls).unwrap());
    eventually("a door is knocked at", || failed(&service, "closed") == 1);

    let tls_status = shown(&service);
    assert_eq!(tls_status["last_request_at"], Value::Null);
    let failures = tls_status["failed_handshakes"].as_array().unwrap();
    let found: Vec<&str> = failures.iter().map(|failure| failure["reason"].as_str().unwrap()).collect();
    assert_eq!(found, ["closed", "left", "plaintext", "untrusted"]);
    for failure in failures {
        assert_eq!((&failure["count"], &failure["last_from"]), (&1.into(), &"127.0.0.0/24".into()), "{failure}");
        failure["last_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(failure["meaning"].as_str().unwrap().len() > 20, "{failure}");
    }
    // The alert compares these: when a handshake failed last, and when somebody came through.
    let came = "rec_market_tls_request_timestamp_seconds";
    let failed_at = time_of(&service, "rec_market_tls_handshake_failed_timestamp_seconds{reason=\"untrusted\"}");
    assert_eq!(time_of(&service, came), 0);
    runtime.block_on(async {
        tls(&market, &service).await.retrieve_matches(MatchesFilter::default()).await.unwrap();
    });
    assert!(time_of(&service, came) >= failed_at && failed_at > 1_700_000_000);
    assert_ne!(shown(&service)["last_request_at"], Value::Null);
    service.terminate().ends_with(0);
}

#[test]
fn a_flood_of_failures_is_one_line_of_the_log() {
    let market = Market::serving(&Meters::silent(), "", "");
    let service = Service::start(&market);
    for _ in 0..40 {
        let mut plaintext = TcpStream::connect(service.tls).unwrap();
        plaintext.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let _ = plaintext.read_to_end(&mut Vec::new());
    }
    eventually("all are counted", || failed(&service, "plaintext") == 40);
    assert_eq!(shown(&service)["failed_handshakes"][0]["count"], 40);
    let log = market.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("did not come through")).collect();
    assert!(lines.len() == 1 && lines[0].contains("it does not speak TLS; plaintext has its own port"), "{lines:#?}");
    service.terminate().ends_with(0);
}
