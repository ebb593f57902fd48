//! Certificates: what is refused at the start and why, who gets through the handshake, and what happens when they change.

use std::sync::Arc;
use std::time::Duration;

use rec_market::config::TlsConfig;
use rec_market::proto::MatchesFilter;
use rec_market::proto::authenticated_market_service_client::AuthenticatedMarketServiceClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion, version};
use tonic::transport::ClientTlsConfig;

use crate::authority::{Authority, write};
use crate::setting::*;

/// Why a market does not start with these files.
async fn refused(change: impl FnOnce(&Authority, &mut TlsConfig)) -> String {
    let mut setting = Setting::new();
    change(&setting.authority, &mut setting.tls);
    let directory = format!("{}/", setting.directory.path().display());
    match setting.start().await {
        Ok(_) => panic!("it starts"),
        Err(error) => error.to_string().replace(&directory, ""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_used_is_told_at_the_start() {
    let p256 = &rcgen::PKCS_ECDSA_P256_SHA256;
    let missing = refused(|_, tls| tls.certificate.set_file_name("none.pem")).await;
    assert!(missing.starts_with("tls.certificate none.pem: cannot be read: No such file or directory"), "{missing}");
    let missing = refused(|_, tls| tls.key.set_file_name("none.pem")).await;
    assert!(missing.starts_with("tls.key none.pem: cannot be read: No such file or directory"), "{missing}");
    assert_eq!(
        refused(|_, tls| drop(write(&tls.certificate, "hello"))).await,
        "tls.certificate crt.pem: has no certificate (a PEM file with BEGIN CERTIFICATE is expected)"
    );
    assert_eq!(
        refused(|authority, tls| drop(write(&tls.certificate, &authority.issue().key))).await,
        "tls.certificate crt.pem: has a private key, but no certificate (a PEM file with BEGIN CERTIFICATE is expected)"
    );
    let damaged = refused(|authority, tls| {
        let cut = authority.issue().certificate;
        write(&tls.certificate, &cut[..200]);
    });
    let damaged = damaged.await;
    assert!(damaged.starts_with("tls.certificate crt.pem: is damaged: missing section end marker"), "{damaged}");
    let text = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let unreadable = refused(|_, tls| drop(write(&tls.certificate, text))).await;
    assert!(unreadable.starts_with("tls.certificate crt.pem: has a certificate that cannot be read"), "{unreadable}");
    assert_eq!(
        refused(|_, tls| drop(write(&tls.key, ""))).await,
        "tls.key key.pem: has no private key (a PEM file with BEGIN PRIVATE KEY is expected)"
    );
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(
        refused(|_, tls| drop(write(&tls.key, encrypted))).await,
        "tls.key key.pem: is encrypted (write it without a password: openssl pkey -in FILE)"
    );
    assert_eq!(
        refused(|authority, tls| drop(write(&tls.key, &authority.issue().key))).await,
        "tls.key key.pem: is not the key of the certificate crt.pem (use the key it was issued for)"
    );
    assert_eq!(
        refused(|authority, tls| authority.issue_for(2000, 2020, p256).write(tls)).await,
        "tls.certificate crt.pem: expired at 2020-01-01T00:00:00Z (have a new one issued)"
    );
    assert_eq!(
        refused(|authority, tls| authority.issue_for(2030, 2040, p256).write(tls)).await,
        "tls.certificate crt.pem: is valid only from 2030-01-01T00:00:00Z on (is this machine's clock right?)"
    );
    let client_ca = |text: &'static str| {
        refused(move |_, tls| tls.client_ca = Some(write(&tls.certificate.with_file_name("ca.pem"), text)))
    };
    assert_eq!(
        client_ca("").await,
        "tls.client_ca ca.pem: has no certificate (a PEM file with BEGIN CERTIFICATE is expected)"
    );
    let no_authority = client_ca(text).await;
    assert!(no_authority.starts_with("tls.client_ca ca.pem: has a certificate that is no authority"), "{no_authority}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_key_is_served() {
    for pair in Authority::new().issue_each() {
        let setting = Setting::new();
        pair.write(&setting.tls);
        assert!(setting.start().await.is_ok());
    }
}

/// Whether a client with that configuration gets an answer, and if not why.
async fn asks(open: &Open, config: ClientTlsConfig) -> Result<(), String> {
    let channel = open.tls_channel(config).await.map_err(|error| format!("{error:?}"))?;
    // In TLS 1.3 a client learns only by the first answer that its certificate was refused.
    let answer = AuthenticatedMarketServiceClient::new(channel).retrieve_matches(MatchesFilter::default()).await;
    answer.map(drop).map_err(|status| format!("{status:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_trusts_another_authority_or_name_does_not_connect() {
    let open = Setting::new().open().await;
    asks(&open, open.trusting()).await.unwrap();
    let stranger = ClientTlsConfig::new().ca_certificate(Authority::new().trusted()).domain_name("market");
    let refused = asks(&open, stranger).await.unwrap_err();
    assert!(refused.contains("UnknownIssuer") || refused.contains("BadSignature"), "{refused}");
    let refused = asks(&open, open.trusting().domain_name("gateway")).await.unwrap_err();
    assert!(refused.contains("NotValidForName"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_client_authority_only_its_clients_are_answered() {
    let mut setting = Setting::new();
    let clients = Authority::new();
    setting.tls.client_ca = Some(write(&setting.directory.path().join("ca.pem"), &clients.pem()));
    let open = setting.open().await;
    let p256 = &rcgen::PKCS_ECDSA_P256_SHA256;
    asks(&open, open.trusting().identity(clients.issue().identity())).await.unwrap();
    let nobody = asks(&open, open.trusting()).await.unwrap_err();
    assert!(nobody.contains("CertificateRequired"), "{nobody}");
    let stranger = asks(&open, open.trusting().identity(Authority::new().issue().identity())).await.unwrap_err();
    assert!(stranger.contains("DecryptError") || stranger.contains("UnknownCA"), "{stranger}");
    // By the service's clock, which says 2023.
    for (from, to) in [(2000, 2020), (2024, 4000)] {
        let identity = clients.issue_for(from, to, p256).identity();
        let late = asks(&open, open.trusting().identity(identity)).await.unwrap_err();
        assert!(late.contains("CertificateExpired"), "{late}");
    }
    asks(&open, open.trusting().identity(clients.issue().identity())).await.unwrap();
}

/// Begins HTTP/2 over one version of TLS; answers the version and protocol that were agreed on.
async fn speaks(open: &Open, version: &'static SupportedProtocolVersion) -> (Option<ProtocolVersion>, Option<Vec<u8>>) {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(open.setting.authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let tcp = TcpStream::connect(open.serving.tls_address()).await.unwrap();
    let name = ServerName::try_from("market").unwrap();
    let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
    // The preface, and empty settings; the server's settings come back.
    tls.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut frame = [0; 9];
    tls.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "{frame:?}");
    let agreed = tls.get_ref().1;
    (agreed.protocol_version(), agreed.alpn_protocol().map(<[u8]>::to_vec))
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_on_50051_speaks_1_2_and_1_3() {
    let open = Setting::new().open().await;
    let h2 = || Some(b"h2".to_vec());
    assert_eq!(speaks(&open, &version::TLS12).await, (Some(ProtocolVersion::TLSv1_2), h2()));
    assert_eq!(speaks(&open, &version::TLS13).await, (Some(ProtocolVersion::TLSv1_3), h2()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_used_from_the_next_connection_on() {
    let open = Setting::new().open().await;
    let mut connected = open.tls().await;
    let next = Authority::new();
    let trusting_next = || ClientTlsConfig::new().ca_certificate(next.trusted()).domain_name("market");
    assert!(!open.serving.reload().await.unwrap());
    next.issue().write(&open.setting.tls);
    assert!(open.serving.reload().await.unwrap());
    assert!(!open.serving.reload().await.unwrap());
    asks(&open, trusting_next()).await.unwrap();
    asks(&open, open.trusting()).await.unwrap_err();
    // Who is connected stays so.
    connected.retrieve_matches(MatchesFilter::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_new_pair_keeps_the_old_one_until_it_is_mended() {
    let open = Setting::new().open().await;
    let next = Authority::new();
    let trusting_next = || ClientTlsConfig::new().ca_certificate(next.trusted()).domain_name("market");
    let pair = next.issue();
    write(&open.setting.tls.certificate, &pair.certificate);
    let error = open.serving.reload().await.unwrap_err().to_string();
    assert!(error.contains("is not the key of the certificate"), "{error}");
    asks(&open, open.trusting()).await.unwrap();
    std::fs::remove_file(&open.setting.tls.key).unwrap();
    let error = open.serving.reload().await.unwrap_err().to_string();
    assert!(error.contains("cannot be read"), "{error}");
    asks(&open, open.trusting()).await.unwrap();
    write(&open.setting.tls.key, &pair.key);
    assert!(open.serving.reload().await.unwrap());
    asks(&open, trusting_next()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_files_are_found_without_being_told() {
    let mut setting = Setting::new();
    setting.limits.reload = Duration::from_millis(10);
    let open = setting.open().await;
    let next = Authority::new();
    let trusting_next = || ClientTlsConfig::new().ca_certificate(next.trusted()).domain_name("market");
    next.issue().write(&open.setting.tls);
    until("the new certificate is shown", || async { asks(&open, trusting_next()).await.is_ok() }).await;
    asks(&open, open.trusting()).await.unwrap_err();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_authority_of_clients_is_taken_with_the_rest() {
    let mut setting = Setting::new();
    let (first, second) = (Authority::new(), Authority::new());
    let file = write(&setting.directory.path().join("ca.pem"), &first.pem());
    setting.tls.client_ca = Some(file.clone());
    let open = setting.open().await;
    let of = |authority: &Authority| open.trusting().identity(authority.issue().identity());
    asks(&open, of(&first)).await.unwrap();
    asks(&open, of(&second)).await.unwrap_err();
    write(&file, &second.pem());
    assert!(open.serving.reload().await.unwrap());
    asks(&open, of(&first)).await.unwrap_err();
    asks(&open, of(&second)).await.unwrap();
}
