//! Every way to be known, and every right, as a table.

use axum::http::HeaderValue;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tonic::Code;

use super::*;
use crate::clock::{Clock, SystemClock};
use crate::config::usual_callers;

const TOKEN: &str = "0123456789abcdef";

fn caller(name: &str, roles: &[Right]) -> CallerConfig {
    let roles = roles.iter().copied().collect();
    CallerConfig { name: name.to_owned(), roles, from: Vec::new(), certificate: None, token_file: None }
}

fn from(name: &str, roles: &[Right], networks: &[&str]) -> CallerConfig {
    let from = networks.iter().map(|network| network.parse().unwrap()).collect();
    CallerConfig { from, ..caller(name, roles) }
}

fn calling_from<'r>(address: &str) -> Shown<'r> {
    Shown { address: Some(address.parse().unwrap()), certificate: None, token: Token::Missing }
}

/// The rights that whoever shows this has, with the name under which it does.
async fn rights(callers: &[CallerConfig], shown: &Shown<'_>) -> Vec<String> {
    let callers = Callers::new(callers.to_vec());
    let mut rights = Vec::new();
    for right in Right::ALL {
        match callers.permit(right, "Method", shown.clone()).await {
            Ok(caller) => rights.push(format!("{} {right}", caller.name)),
            Err(status) => {
                let says = format!("Method takes the right \"{right}\"");
                assert!(status.message().contains(&says), "{status}");
                assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status}");
            }
        }
    }
    rights
}

#[tokio::test]
async fn by_default_this_machine_has_three_rights_and_nobody_else_any() {
    let usual = usual_callers();
    let three = ["loopback read", "loopback prices", "loopback settle"];
    for address in ["127.0.0.1", "127.0.0.2", "127.255.255.255", "::1"] {
        assert_eq!(rights(&usual, &calling_from(address)).await, three, "{address}");
    }
    for address in
        ["0.0.0.0", "128.0.0.1", "10.0.0.7", "192.168.0.1", "172.18.0.1", "::", "fe80::1", "fd00::1", "::7f00:1"]
    {
        assert!(rights(&usual, &calling_from(address)).await.is_empty(), "{address}");
    }
    let nowhere = Shown { address: None, ..calling_from("::1") };
    assert!(rights(&usual, &nowhere).await.is_empty());
}

#[tokio::test]
async fn a_network_is_a_caller_for_all_of_it_and_no_more() {
    let callers = [
        from("platform", &[Right::Read, Right::Settle], &["10.0.1.0/24", "fd00:1::/64"]),
        from("ops", &[Right::Inspect], &["10.0.1.7/32"]),
    ];
    let platform = ["platform read", "platform settle"];
    for (address, expected) in [
        ("10.0.1.0", &platform[..]),
        ("10.0.1.255", &platform),
        ("fd00:1::ffff:1", &platform),
        ("10.0.1.7", &["platform read", "platform settle", "ops inspect"]),
        ("10.0.2.0", &[]),
        ("10.0.0.255", &[]),
        ("fd00:1:0:1::", &[]),
        ("127.0.0.1", &[]),
        ("::1", &[]),
    ] {
        assert_eq!(rights(&callers, &calling_from(address)).await, expected, "{address}");
    }
}

/// What a request shows on a connection from this address.
fn shown_on<'r>(peer: &str, headers: &'r HeaderMap) -> Shown<'r> {
    let mut connection = Extensions::new();
    connection.insert(TcpConnectInfo { local_addr: None, remote_addr: Some(peer.parse().unwrap()) });
    Shown::by(headers, &connection)
}

#[tokio::test]
async fn an_ipv4_address_within_ipv6_is_that_address_and_no_header_makes_another() {
    let none = HeaderMap::new();
    let three = 3;
    assert_eq!(rights(&usual_callers(), &shown_on("[::ffff:127.0.0.1]:1", &none)).await.len(), three);
    let callers = [from("platform", &[Right::Read], &["10.0.1.0/24"])];
    assert_eq!(rights(&callers, &shown_on("[::ffff:10.0.1.7]:1", &none)).await, ["platform read"]);
    assert!(rights(&callers, &shown_on("[::ffff:10.0.2.7]:1", &none)).await.is_empty());
    let mut lies = HeaderMap::new();
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1;host=localhost"),
        ("x-client-ip", "127.0.0.1"),
        ("host", "localhost"),
    ] {
        lies.insert(name, HeaderValue::from_static(value));
    }
    assert!(rights(&usual_callers(), &shown_on("10.0.0.7:1", &lies)).await.is_empty());
}

#[tokio::test]
async fn a_token_is_its_caller_from_wherever_it_comes() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path)
    };
    let by_token =
        CallerConfig { token_file: file("token", &format!(" {TOKEN}\n")), ..caller("ada", &[Right::Administer]) };
    let short = CallerConfig { token_file: file("short", &TOKEN[1..]), ..caller("short", &[Right::Settle]) };
    let missing = CallerConfig { token_file: Some(directory.path().join("no")), ..caller("no", &[Right::Settle]) };
    let callers = [missing, short, by_token, from("near", &[Right::Read, Right::Inspect], &["10.0.1.0/24"])];
    let showing = |token, address| Shown { token, ..calling_from(address) };
    let given = Token::Given;
    for (token, address, expected) in [
        (given(TOKEN), "192.0.2.7", &["ada inspect", "ada administer"][..]),
        // A network counts beside it, and the name that tells more is the token's.
        (given(TOKEN), "10.0.1.7", &["near read", "ada inspect", "ada administer"]),
        (given("another token of 16 or more"), "10.0.1.7", &["near read", "near inspect"]),
        (Token::Malformed, "10.0.1.7", &["near read", "near inspect"]),
        (given("another token of 16 or more"), "192.0.2.7", &[]),
        (given(&TOKEN[1..]), "192.0.2.7", &[]),
        (given("0123456789abcdefg"), "192.0.2.7", &[]),
        (Token::Malformed, "192.0.2.7", &[]),
    ] {
        assert_eq!(rights(&callers, &showing(token, address)).await, expected, "{token:?} {address}");
    }
    // What is missing decides the code: who one is, or what one may.
    let callers = Callers::new(callers.to_vec());
    let refusal = async |token, address| {
        callers.permit(Right::Prices, "UpdatePrices", showing(token, address)).await.unwrap_err()
    };
    let cases = [
        (
            given(TOKEN),
            "192.0.2.7",
            Code::PermissionDenied,
            "UpdatePrices takes the right \"prices\", which ada does not",
        ),
        (given("another token of 16 or more"), "10.0.1.7", Code::Unauthenticated, "no caller has this token, and Up"),
        (Token::Malformed, "10.0.1.7", Code::Unauthenticated, "the authorization is no token (authorization: Bearer"),
        (Token::Missing, "10.0.1.7", Code::Unauthenticated, "the market does not know who asks from 10.0.1.7, and Up"),
    ];
    for (token, address, code, says) in cases {
        let status = refusal(token, address).await;
        assert_eq!(status.code(), code, "{status}");
        assert!(status.message().starts_with(says), "{status}");
    }
}

#[test]
fn a_token_stands_behind_its_scheme() {
    for (value, expected) in [
        (Some("Bearer 0123456789abcdef"), "Given(\"0123456789abcdef\")"),
        (Some("Bearer  0123456789abcdef "), "Given(\"0123456789abcdef\")"),
        (Some("Bearer "), "Malformed"),
        (Some("Basic 0123456789abcdef"), "Malformed"),
        (Some("0123456789abcdef"), "Malformed"),
        (Some("Bearer \u{e9}"), "Malformed"),
        (None, "Missing"),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert(AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        assert_eq!(format!("{:?}", Token::of(&headers)), expected, "{value:?}");
    }
}

#[tokio::test]
async fn a_certificate_is_the_caller_of_its_name() {
    let named =
        |name: &str, roles: &[Right]| CallerConfig { certificate: Some(name.to_owned()), ..caller(name, roles) };
    let callers = [named("transactions", &[Right::Settle]), named("operator", &[Right::Administer])];
    let certificates = demo::certificates::development(SystemClock.now(), &[""; 0], 1).unwrap();
    let showing = |pem: &str| Shown {
        certificate: Some(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()),
        ..calling_from("192.0.2.7")
    };
    assert_eq!(rights(&callers, &showing(&certificates.client.certificate)).await, ["transactions settle"]);
    let operator = ["operator inspect", "operator administer"];
    assert_eq!(rights(&callers, &showing(&certificates.operator.certificate)).await, operator);
    assert!(rights(&callers, &showing(&certificates.market.certificate)).await.is_empty());
    let callers = Callers::new(callers.to_vec());
    for (pem, says) in [
        (&certificates.client.certificate, "GetPrices takes the right \"read\", which transactions does not have"),
        (&certificates.market.certificate, "this client certificate is of no caller, and GetPrices takes the right"),
    ] {
        let status = callers.permit(Right::Read, "GetPrices", showing(pem)).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(status.message().starts_with(says), "{status}");
    }
}
