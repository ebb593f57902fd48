//! Certificates: none that callers would refuse is served, each message says what to do, and a renewed one is taken
//! while callers are connected.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rec_market::config::{CallerConfig, Right};
use testkit::{Authority, Pair, eventually_async, listener, write_file};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tonic::transport::{Channel, ClientTlsConfig};
use wire::MatchesFilter;

use crate::log;
use crate::setting::*;

/// PEM around bytes that are no certificate.
const NO_CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nbm90IGEgY2VydGlmaWNhdGU=\n-----END CERTIFICATE-----\n";
/// What `openssl x509 -req` makes of a request if nobody names a version or extensions.
const VERSION_ONE: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBHjCBxQIUbi1yedm5YmJyautBTFVJrUoUoS8wCgYIKoZIzj0EAwIwETEPMA0G\n\
A1UEAwwGbWFya2V0MCAXDTI2MTEyOTIwNTQzOVoYDzIxMjYxMTA1MjA1NDM5WjAR\n\
MQ8wDQYDVQQDDAZtYXJrZXQwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARpu4ec\n\
vCCDVHkQrAJ9zZ0Fg3hQ/gx+lxWpdOAu5LvjRJLtjoq4Dx1+Tvnj89aUUsX/ZUey\n\
5zPEZrD4XvUpeBsKMAoGCCqGSM49BAMCA0gAMEUCIQC3AjWN7ZmSl6wYhB/Fvkzn\n\
Lk8857MnBeDa7gTXk+52GQIgAiAmR+1b3oNkjO3jJVKZG6uzd32Ii6n6EPSYueQd\n\
a/c=\n\
-----END CERTIFICATE-----\n";
/// What `openssl` writes with a password, without its content.
const LOCKED: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";

/// Why a market with these files does not start.
async fn refusal(setting: &Setting) -> String {
    let error = setting.start().await.err().unwrap().to_string();
    let usable =
        rec_market::adapter::grpc::check_certificate(setting.tls.clone(), Arc::new(setting.clock.clone())).await;
    assert_eq!(usable.unwrap_err().to_string(), error, "asking before it starts says the same");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_does_not_start_with_files_that_are_missing_or_not_what_they_should_be() {
    let good = Authority::new().issue();
    let cut = &good.certificate[..good.certificate.len() / 3];
    let cases = [
        ("certificate", None, "cannot be read: No such file or directory"),
        ("certificate", Some(""), "has no certificate (a PEM file with BEGIN CERTIFICATE is expected)"),
        ("certificate", Some("not PEM\n"), "has no certificate (a PEM file"),
        ("certificate", Some(&*good.key), "has a private key, but no certificate"),
        ("certificate", Some(cut), "is damaged: "),
        ("certificate", Some(NO_CERTIFICATE), "has a certificate that cannot be read: "),
        (
            "certificate",
            Some(VERSION_ONE),
            "has a certificate of X.509 version 1, which TLS clients refuse (have one of",
        ),
        ("key", None, "cannot be read: No such file or directory"),
        ("key", Some("not PEM\n"), "has no private key (a PEM file with BEGIN PRIVATE KEY is expected)"),
        ("key", Some(&*good.certificate), "has no private key"),
        ("key", Some(LOCKED), "is encrypted (write it without a password: openssl pkey -in FILE)"),
        ("key", Some(&*good.key), "is not the key of the certificate "),
        ("client_ca", None, "cannot be read: No such file or directory"),
        ("client_ca", Some("not PEM\n"), "has no certificate"),
        ("client_ca", Some(NO_CERTIFICATE), "has a certificate that is not an authority: "),
    ];
    for (name, text, message) in cases {
        let mut setting = Setting::new();
        let file = match name {
            "certificate" => setting.tls.certificate.clone(),
            "key" => setting.tls.key.clone(),
            _ => setting.tls.client_ca.insert(setting.books.path("client_ca.pem")).clone(),
        };
        match text {
            Some(text) => drop(write_file(&file, text)),
            None if file.exists() => std::fs::remove_file(&file).unwrap(),
            None => {}
        }
        let error = refusal(&setting).await;
        assert!(error.starts_with(&format!("tls.{name} {}: {message}", file.display())), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_market_does_not_start_with_a_certificate_that_is_not_valid_now() {
    let setting = Setting::new();
    setting.authority.issue_for("market", (2000, 2023)).write(&setting.tls);
    let error = refusal(&setting).await;
    assert!(error.ends_with("expired at 2023-01-01T00:00:00Z (have a new one issued)"), "{error}");
    setting.authority.issue_for("market", (2024, 4000)).write(&setting.tls);
    let error = refusal(&setting).await;
    assert!(error.ends_with("is valid only from 2024-01-01T00:00:00Z on (is this machine's clock right?)"), "{error}");
    // It is the service's clock that counts.
    setting.clock.set("2024-01-01T00:00:00Z");
    asks(&setting.open().await, ClientTlsConfig::new()).await.unwrap();
}

/// Whether a client that trusts the setting's authority, and whatever else `config` says, is answered.
async fn asks(open: &Open, config: ClientTlsConfig) -> Result<(), String> {
    let trusting = config.ca_certificate(open.setting.authority.trusted()).domain_name("market");
    let channel = open.tls_channel(trusting).await.map_err(|error| format!("{error:?}"))?;
    answered(channel).await
}

/// Whether a request is answered on a connection. With TLS 1.3 a caller only then hears that it was refused.
async fn answered(channel: Channel) -> Result<(), String> {
    let answer = claiming(channel).retrieve_matches(MatchesFilter::default()).await;
    answer.map(drop).map_err(|status| format!("{status:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_usual_kind_of_key_is_served() {
    let open = Setting::new().open().await;
    for pair in open.setting.authority.issue_each() {
        pair.write(&open.setting.tls);
        open.serving.reload().await.unwrap();
        asks(&open, ClientTlsConfig::new()).await.unwrap();
    }
}

/// A TLS handshake as rustls makes it, and the caller's address.
async fn handshake(
    open: &Open,
    authority: &Authority,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> (SocketAddr, std::io::Result<TlsStream<TcpStream>>) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let mut config =
        builder.with_protocol_versions(versions).unwrap().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let tcp = TcpStream::connect(open.serving.tls_address()).await.unwrap();
    let address = tcp.local_addr().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    (address, connector.connect("market".try_into().unwrap(), tcp).await)
}

/// A client whose connection is made by `handshake`, as far as one request goes.
async fn answered_over(stream: TlsStream<TcpStream>) -> Result<(), String> {
    let listener = listener().await;
    let address = format!("http://{}", listener.local_addr().unwrap());
    let mut stream = stream;
    let carry = async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        // OK because it ends with an error when the client goes away.
        let _ = tokio::io::copy_bidirectional(&mut tcp, &mut stream).await;
        std::future::pending::<()>().await;
    };
    let ask = async { answered(Channel::from_shared(address).unwrap().connect().await.unwrap()).await };
    tokio::select! {
        () = carry => unreachable!("it never ends"),
        answer = ask => answer,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_1_2_and_1_3_are_spoken_and_nothing_but_http_2_inside() {
    log::keep();
    let open = Setting::new().open().await;
    let authority = &open.setting.authority;
    for (versions, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let (_, stream) = handshake(&open, authority, &[versions], &["http/1.1", "h2"]).await;
        let stream = stream.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(expected));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        answered_over(stream).await.unwrap();
    }
    let (address, refused) = handshake(&open, authority, &[&version::TLS13], &["http/1.1"]).await;
    assert!(refused.unwrap_err().to_string().contains("NoApplicationProtocol"));
    log::told_of(address, "did not come through: it has no version, cipher or protocol of TLS in common").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_trust_the_certificate_goes_away_and_the_log_says_why() {
    log::keep();
    let open = Setting::new().open().await;
    let other = Authority::new();
    let wrong = ClientTlsConfig::new().ca_certificate(other.trusted()).domain_name("market");
    let error = format!("{:?}", open.tls_channel(wrong).await.unwrap_err());
    assert!(error.contains("BadSignature") || error.contains("UnknownIssuer"), "{error}");
    let name = open.trusting().domain_name("elsewhere");
    let error = format!("{:?}", open.tls_channel(name).await.unwrap_err());
    assert!(error.contains("NotValidForName"), "{error}");
    for version in [&version::TLS12, &version::TLS13] {
        let open = Setting::new().open().await;
        let (address, refused) = handshake(&open, &other, &[version], &["h2"]).await;
        refused.unwrap_err();
        log::told_of(address, "did not come through: it does not trust our certificate").await;
    }
    asks(&open, ClientTlsConfig::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_verified_where_it_is_shown_and_asked_for_where_a_right_depends_on_it() {
    let mut setting = Setting::new();
    let callers = Authority::new();
    let ca = setting.books.path("client_ca.pem");
    setting.tls.client_ca = Some(write_file(&ca, &callers.pem()));
    let open = setting.open().await;
    let shown = |pair: &Pair| ClientTlsConfig::new().identity(pair.identity());
    // Callers from this machine need none.
    asks(&open, ClientTlsConfig::new()).await.unwrap();
    asks(&open, shown(&callers.issue())).await.unwrap();
    // One that is shown must be right, even where none is needed.
    let unconnected = async |pair: Pair| {
        let error = asks(&open, shown(&pair)).await.unwrap_err();
        assert!(!error.contains("PermissionDenied") && !error.contains("Unauthenticated"), "{error}");
    };
    unconnected(Authority::new().issue()).await;
    unconnected(open.setting.authority.issue()).await;
    unconnected(callers.issue_for("market", (2000, 2023))).await;
    // Another authority's callers, from the next handshake on.
    let others = Authority::new();
    write_file(&ca, &others.pem());
    assert!(open.serving.reload().await.unwrap());
    asks(&open, shown(&others.issue())).await.unwrap();
    unconnected(callers.issue()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_depends_on_a_certificate_is_that_of_its_name() {
    let mut setting = Setting::new();
    let callers = Authority::new();
    setting.tls.client_ca = Some(write_file(&setting.books.path("client_ca.pem"), &callers.pem()));
    setting.callers = vec![CallerConfig {
        name: "transactions".to_owned(),
        roles: [Right::Settle].into(),
        from: Vec::new(),
        certificate: Some("transactions".to_owned()),
        token_file: None,
    }];
    let open = setting.open().await;
    let shown = |name: &str| ClientTlsConfig::new().identity(callers.issue_for(name, (2000, 4000)).identity());
    asks(&open, shown("transactions")).await.unwrap();
    for (config, code, says) in [
        (ClientTlsConfig::new(), "Unauthenticated", "does not know who asks from 127.0.0.1"),
        (shown("gateway"), "PermissionDenied", "this client certificate is of no caller"),
    ] {
        let error = asks(&open, config).await.unwrap_err();
        let takes = "RetrieveMatches takes the right \\\"settle\\\"";
        assert!([code, says, takes].iter().all(|text| error.contains(text)), "{error}");
    }
}

/// A market that reads its certificate again only when it is told to.
async fn told_to_reload() -> Open {
    let mut setting = Setting::new();
    setting.limits.reload = Duration::from_secs(3600);
    setting.open().await
}

/// Whether a new caller is answered that trusts this authority only.
async fn trusted(open: &Open, authority: &Authority) -> bool {
    let config = ClientTlsConfig::new().ca_certificate(authority.trusted()).domain_name("market");
    match open.tls_channel(config).await {
        Ok(channel) => answered(channel).await.is_ok(),
        Err(_) => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewed_certificate_is_taken_and_who_is_connected_stays_so() {
    let open = told_to_reload().await;
    let connected = open.tls_channel(open.trusting()).await.unwrap();
    answered(connected.clone()).await.unwrap();
    assert!(!open.serving.reload().await.unwrap(), "nothing changed");
    let next = Authority::new();
    next.issue().write(&open.setting.tls);
    assert!(!trusted(&open, &next).await);
    assert!(open.serving.reload().await.unwrap());
    assert!(trusted(&open, &next).await);
    assert!(!trusted(&open, &open.setting.authority).await, "new callers see the new one");
    answered(connected).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_pair_that_cannot_be_used_leaves_the_one_before() {
    let open = told_to_reload().await;
    let files = &open.setting.tls;
    let next = Authority::new();
    let expired = next.issue_for("market", (2000, 2023));
    let (one, other) = (next.issue(), next.issue());
    let unusable = [
        (Pair { certificate: "not PEM".to_owned(), key: one.key.clone() }, "has no certificate"),
        (Pair { certificate: one.certificate.clone(), key: String::new() }, "has no private key"),
        (Pair { certificate: one.certificate.clone(), key: other.key }, "is not the key of the certificate"),
        (expired, "expired at 2023-01-01T00:00:00Z"),
    ];
    for (pair, message) in unusable {
        pair.write(files);
        // As long as it is there, whoever asks is told.
        for _ in 0..2 {
            let error = open.serving.reload().await.unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        assert!(trusted(&open, &open.setting.authority).await, "{message}");
    }
    std::fs::remove_file(&files.key).unwrap();
    let error = open.serving.reload().await.unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    // Whoever renews writes one file, then the other.
    write_file(&files.certificate, &one.certificate);
    write_file(&files.key, &one.key);
    assert!(open.serving.reload().await.unwrap());
    assert!(trusted(&open, &next).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_came_too_early_is_taken_in_its_time() {
    let open = told_to_reload().await;
    let next = Authority::new();
    next.issue_for("market", (2024, 4000)).write(&open.setting.tls);
    let error = open.serving.reload().await.unwrap_err().to_string();
    assert!(error.contains("is valid only from 2024-01-01T00:00:00Z on"), "{error}");
    open.setting.clock.set("2024-01-01T00:00:00Z");
    assert!(open.serving.reload().await.unwrap());
    assert!(trusted(&open, &next).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_looked_at_without_being_told() {
    let mut setting = Setting::new();
    setting.limits.reload = Duration::from_millis(5);
    let open = setting.open().await;
    let next = Authority::new();
    next.issue().write(&open.setting.tls);
    eventually_async("a new certificate is shown", async || trusted(&open, &next).await).await;
}
