//! Pages over TLS, with a certificate of their own.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;

#[test]
fn a_certificate_makes_pages_and_cookies_for_tls_alone() {
    let authority = Authority::new();
    let meters = Meters::telling(&["a 12:00 0 0", "b 12:00 0 0", "a 12:15 0 100", "b 12:15 60 0"]);
    let keys = format!("[web]\ncertificate = \"web.pem\"\nkey = \"web_key.pem\"\n{VIEWERS}");
    let market = Market::serving(&meters, &keys, "");
    let Pair { certificate, key } = authority.issue_for("energy.example", (2000, 4000));
    for (name, text) in [("web.pem", &*certificate), ("web_key.pem", &*key), ("ana.token", ANA), ("bea.token", BEA)] {
        market.file(name, text);
    }
    let served = Served::start(market, [meters]);
    // Plaintext gets nothing.
    assert!(
        crate::http::send(served.web, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").is_none_or(|answer| answer.status >= 400)
    );
    let body = format!("token={ANA}");
    let log_in = format!(
        "POST /login HTTP/1.1\r\nhost: energy.example\r\nconnection: close\r\norigin: https://energy.example\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = ask(&served, &authority, &log_in).is(303);
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.starts_with("__Host-session=")
            && set.contains("; Path=/; ")
            && set.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{set}"
    );
    let page = format!(
        "GET /c/aveiro HTTP/1.1\r\nhost: energy.example\r\nconnection: close\r\ncookie: {}\r\n\r\n",
        cookie(&answer)
    );
    is_signed_in(&ask(&served, &authority, &page).is(200), "Ana");
}

/// What the service answers over TLS to a request.
fn ask(served: &Served, authority: &Authority, request: &str) -> Answer {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let name = ServerName::try_from("energy.example").unwrap();
    let client = ClientConnection::new(Arc::new(config.with_no_client_auth()), name).unwrap();
    let mut stream = StreamOwned::new(client, TcpStream::connect(served.web).unwrap());
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    Answer::parse(&answer).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&answer)))
}
