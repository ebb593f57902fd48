//! `rec-market certs`.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use testkit::Market;

/// Every file in a directory: its mode and its text.
fn files(directory: &Path) -> BTreeMap<String, (u32, String)> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let file = |entry: std::fs::DirEntry| {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o7777;
        (entry.file_name().into_string().unwrap(), (mode, std::fs::read_to_string(entry.path()).unwrap()))
    };
    entries.map(file).collect()
}

fn certificate(file: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(file).unwrap()
}

/// A handshake in memory, by the files alone: Transactions calls the market.
fn shake_hands(directory: &Path, name: &'static str) -> Result<(), tokio_rustls::rustls::Error> {
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let mut roots = RootCertStore::empty();
    roots.add(certificate(&directory.join("ca_crt.pem"))).unwrap();
    let roots = Arc::new(roots);
    let chain = |who: &str| vec![certificate(&directory.join(format!("{who}_crt.pem")))];
    let key = |who: &str| PrivateKeyDer::from_pem_file(directory.join(format!("{who}_key.pem"))).unwrap();
    let clients = WebPkiClientVerifier::builder(Arc::clone(&roots)).build().unwrap();
    let server = ServerConfig::builder().with_client_cert_verifier(clients);
    let server = server.with_single_cert(chain("market"), key("market")).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots);
    let client = client.with_client_auth_cert(chain("client"), key("client")).unwrap();
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name).unwrap())?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(())
}

#[test]
fn it_writes_eight_files_that_fit_and_only_the_owner_reads_keys() {
    let market = Market::new("");
    let ran = market.run(&["certs", "--name", "market.example.org", "--days", "30"]).ends_with(0);
    let directory = market.path("secrets");
    let found = files(&directory);
    let names: Vec<&str> = found.keys().map(String::as_str).collect();
    let names_of = |name: &str| [format!("{name}_crt.pem"), format!("{name}_key.pem")];
    let expected = ["ca", "client", "market", "operator"].map(names_of).concat();
    assert_eq!(names, expected);
    for (name, (mode, text)) in &found {
        let (expected, begins) = match name.ends_with("_key.pem") {
            true => (0o600, "-----BEGIN PRIVATE KEY-----"),
            false => (0o644, "-----BEGIN CERTIFICATE-----"),
        };
        assert_eq!(*mode, expected, "{name}");
        assert!(text.starts_with(begins), "{name}: {text}");
        assert!(ran.out.contains(&format!("secrets/{name}")), "{}", ran.out);
    }
    for name in ["market", "localhost", "127.0.0.1", "::1", "market.example.org"] {
        assert_eq!(shake_hands(&directory, name), Ok(()), "{name}");
    }
    assert!(shake_hands(&directory, "example.org").is_err());
}

#[test]
fn what_it_prints_is_a_configuration_that_is_right() {
    let market = Market::new("");
    let ran = market.run(&["certs"]).ends_with(0);
    let tls = &ran.out[ran.out.find("[tls]").unwrap()..];
    let configuration = format!(
        "{}\n[[community]]\nname = \"aveiro\"\nmeters = \"http://127.0.0.1:1\"\n",
        tls.replace("# client", "client")
    );
    market.configure(&configuration);
    market.run(&["config", "check"]).ends_with(0);
}

#[test]
fn files_that_are_there_are_replaced_only_by_force() {
    let market = Market::new("");
    market.run(&["certs"]).ends_with(0);
    let directory = market.path("secrets");
    let first = files(&directory);
    market.run(&["certs"]).ends_with(2).says("has ca_crt.pem, ca_key.pem, market_crt.pem").says("--force");
    assert_eq!(files(&directory), first);
    // One that is there is reason enough: it would not fit the others.
    for name in first.keys().filter(|name| *name != "market_key.pem") {
        std::fs::remove_file(directory.join(name)).unwrap();
    }
    market.run(&["certs"]).ends_with(2).says("secrets already has market_key.pem");
    assert_eq!(files(&directory).len(), 1);
    // The mode of a file that is replaced is not kept, and a link is not followed.
    let key = directory.join("market_key.pem");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(market.path("elsewhere"), "untouched").unwrap();
    symlink("../elsewhere", directory.join("ca_key.pem")).unwrap();
    market.run(&["certs", "--force"]).ends_with(0);
    let second = files(&directory);
    assert_eq!(second.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>());
    assert_ne!(second["market_key.pem"].1, first["market_key.pem"].1);
    assert_eq!((second["market_key.pem"].0, second["ca_key.pem"].0), (0o600, 0o600));
    assert_eq!(std::fs::read_to_string(market.path("elsewhere")).unwrap(), "untouched");
    assert_eq!(shake_hands(&directory, "market"), Ok(()));
}

#[test]
fn what_no_certificate_can_have_is_refused_before_anything_is_written() {
    let market = Market::new("");
    market.run(&["certs", "--name", "a b"]).ends_with(2).says("\"a b\" is not a server name");
    market.run(&["certs", "--days", "0"]).ends_with(2);
    assert!(!market.path("secrets").exists());
    std::fs::write(market.path("file"), "").unwrap();
    market.run(&["certs", "--directory", "file"]).ends_with(2).says("cannot create file");
    market.run(&["certs", "--directory", "a/b"]).ends_with(0);
    assert_eq!(files(&market.path("a/b")).len(), 8);
}
