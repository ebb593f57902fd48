//! The TLS port as the platform's Transactions service calls it: with the gRPC client of Node, which trusts the one file that
//! the platform mounts.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::{Authority, Market, Meters, Pair, Service, eventually, tls_files};

use crate::handshakes::{failed, shown};

/// A file of this repository.
fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

/// Asks for trades over TLS, trusting this file alone; the number of trades, or why there is none.
fn retrieve(market: &Market, service: &Service, trusted: &str) -> Result<String, String> {
    let mut command = Command::new("node");
    command.arg(repository("tests/node/retrieve.cjs")).arg(service.tls.to_string());
    command.arg(market.path(trusted)).arg(repository("proto/market.proto"));
    let output = command.env("NODE_PATH", repository("target/tools/bin/node_modules")).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[needs::node]
#[test]
fn transactions_trusts_the_one_file_that_the_market_shows() {
    let meters = Meters::silent();
    let market = Market::serving(&meters, "", "");
    market.run(&["certs", "--directory", ".", "--force"]).ends_with(0);
    let service = Service::start(&market);
    assert_eq!(retrieve(&market, &service, "market_crt.pem"), Ok("0".to_owned()));
    // What the file was before: the market's certificate alone.
    let text = market.text("market_crt.pem");
    let end = "-----END CERTIFICATE-----\n";
    service.terminate().ends_with(0);
    market.file("market_crt.pem", &text[..text.find(end).unwrap() + end.len()]);
    let service = Service::start(&market);
    let refused = retrieve(&market, &service, "market_crt.pem").unwrap_err();
    assert!(refused.contains("unable to verify the first certificate"), "{refused}");
    // Node sends no alert: nothing but a caller that leaves shows that the certificate is refused.
    eventually("the market notices", || failed(&service, "left") > 0);
    let callers = shown(&service);
    assert_eq!(
        (&callers["last_request_at"], &callers["failed_handshakes"][0]["reason"]),
        (&Value::Null, &"left".into())
    );
    assert!(market.log().contains("as clients of Node do that do not trust it"), "{}", market.log());
}

#[needs::node]
#[test]
fn a_self_signed_certificate_works_too() {
    let meters = Meters::silent();
    let market = Market::serving(&meters, "", "");
    Pair::self_signed("127.0.0.1").write(&tls_files(&market.path("")));
    let service = Service::start(&market);
    assert_eq!(retrieve(&market, &service, "market_crt.pem"), Ok("0".to_owned()));
    market.file("other.pem", Authority::new().pem());
    assert!(retrieve(&market, &service, "other.pem").is_err());
}
