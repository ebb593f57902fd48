//! Who may do what: nobody is told anything before it is known who asks.

use std::path::Path;

use demo::certificates;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rec_market_tests::guests;
use tonic::Code;

use crate::common::*;
use crate::desk::*;
use crate::running::{Running, market};

type Answers = Vec<Result<(), tonic::Status>>;

/// Everything that there is to ask: what readers may, and what takes an administrator.
fn ask_everything(desk: &Desk) -> (Answers, Answers) {
    let read = vec![
        desk.list().map(drop),
        desk.show("uniform").map(drop),
        desk.download("uniform").map(drop),
        desk.changes().map(drop),
    ];
    let administer = vec![
        desk.upload(guests::GRID_ONLY).map(drop),
        desk.activate("uniform", "").map(drop),
        desk.start_shadow("uniform", "").map(drop),
        desk.end_shadow().map(drop),
        desk.roll_back("aveiro").map(drop),
    ];
    (read, administer)
}

#[test]
fn a_token_is_a_caller_with_a_role() {
    let meters = Meters::telling(&[]);
    let market = market_with_callers(&meters, "");
    let service = Running::start(&market);
    let desk = |token| Desk::with(service.tls, tls(&market.path(""), None), token);
    for (token, says) in [
        (None, "does not know who asks"),
        (Some("another token"), "no caller has this token"),
        (Some(""), "Bearer TOKEN is expected"),
        // The beginning of one.
        (Some(&ADMINISTRATOR[..20]), "no caller has this token"),
    ] {
        let (read, administer) = ask_everything(&desk(token));
        for answer in read.into_iter().chain(administer) {
            refused(answer, Code::Unauthenticated, &[says]);
        }
    }
    let (read, administer) = ask_everything(&desk(Some(READER)));
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    for answer in administer {
        refused(answer, Code::PermissionDenied, &["rea may only read", "administer"]);
    }
    // Nothing of all that left a trace.
    assert_eq!(desk(Some(READER)).done(), [""; 0]);
    let (read, administer) = ask_everything(&desk(Some(ADMINISTRATOR)));
    assert!(read.iter().chain(&administer).all(Result::is_ok), "{read:?} {administer:?}");
    // A token that is replaced holds at once, and the one before no more.
    std::fs::write(market.path("rea.token"), "quite another token").unwrap();
    assert!(desk(Some("quite another token")).list().is_ok());
    refused(desk(Some(READER)).list(), Code::Unauthenticated, &[]);
    // One that is too short to be secret is nobody's.
    std::fs::write(market.path("rea.token"), "short").unwrap();
    refused(desk(Some("short")).list(), Code::Unauthenticated, &[]);
}

/// A market that wants client certificates, with these keys more.
fn market_of_certificates(meters: &Meters, keys: &str) -> Market {
    let market = market(meters, keys, "");
    let made = certificates::development(jiff::Timestamp::now(), &[""; 0], 1).unwrap();
    for (file, text) in [
        ("ca_crt.pem", made.authority.certificate.as_str()),
        ("market_crt.pem", &made.market.certificate),
        ("market_key.pem", &made.market.key),
        ("client_crt.pem", &made.client.certificate),
        ("client_key.pem", &made.client.key),
        ("operator_crt.pem", &made.operator.certificate),
        ("operator_key.pem", &made.operator.key),
    ] {
        std::fs::write(market.path(file), text).unwrap();
    }
    let with_ca = |text: String| text.replace("market_key.pem\" }", "market_key.pem\", client_ca = \"ca_crt.pem\" }");
    let file = market.path("market.toml");
    std::fs::write(&file, with_ca(std::fs::read_to_string(&file).unwrap())).unwrap();
    market
}

fn with_certificate(market: &Market, service: &Running, name: &str) -> Desk {
    let (certificate, key) = (format!("{name}_crt.pem"), format!("{name}_key.pem"));
    Desk::with(service.tls, tls(&market.path(""), Some((&certificate, &key))), None)
}

#[test]
fn a_client_certificate_is_a_caller_with_a_role() {
    let meters = Meters::telling(&[]);
    let market = market_of_certificates(&meters, "");
    let service = Running::start(&market);
    let operator = with_certificate(&market, &service, "operator");
    assert!(operator.list().is_ok());
    operator.accepted(guests::GRID_ONLY);
    assert_eq!(operator.done(), ["operator uploaded guest"]);
    // Transactions has a certificate of the same authority, and may claim trades, but nothing here.
    let transactions = with_certificate(&market, &service, "client");
    let (read, administer) = ask_everything(&transactions);
    for answer in read.into_iter().chain(administer) {
        refused(answer, Code::PermissionDenied, &["the holder of this client certificate may do nothing here"]);
    }
    // No certificate, no connection.
    let nobody = Desk::with(service.tls, tls(&market.path(""), None), Some(ADMINISTRATOR));
    unconnected(nobody.list());
}

#[test]
fn callers_may_be_named_by_their_certificates() {
    let meters = Meters::telling(&[]);
    let callers = "[[caller]]\nname = \"payments\"\nrole = \"read\"\ncertificate = \"transactions\"\n";
    let market = market_of_certificates(&meters, callers);
    let service = Running::start(&market);
    let transactions = with_certificate(&market, &service, "client");
    assert!(transactions.list().is_ok());
    refused(transactions.upload(guests::GRID_ONLY), Code::PermissionDenied, &["payments may only read"]);
    // Who is named takes the place of who is usual.
    refused(with_certificate(&market, &service, "operator").list(), Code::PermissionDenied, &[]);
}

/// A certificate for `operator` of an authority of this name's file, valid in these years.
fn forge(directory: &Path, authority: Option<&Issuer<'_, KeyPair>>, years: (i32, i32)) {
    let own = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other = Issuer::new(params, own);
    let mut params = CertificateParams::new(vec!["operator".to_owned()]).unwrap();
    params.not_before = date_time_ymd(years.0, 1, 1);
    params.not_after = date_time_ymd(years.1, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = match authority {
        Some(authority) => params.signed_by(&key, authority).unwrap(),
        None => params.signed_by(&key, &other).unwrap(),
    };
    std::fs::write(directory.join("forged_crt.pem"), certificate.pem()).unwrap();
    std::fs::write(directory.join("forged_key.pem"), key.serialize_pem()).unwrap();
}

#[test]
fn a_wrong_authority_an_expired_certificate_and_plaintext_are_refused() {
    let meters = Meters::telling(&[]);
    let market = market_of_certificates(&meters, "");
    // An authority whose key is here, so that it can sign what has expired.
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    std::fs::write(market.path("clients.pem"), authority).unwrap();
    let file = market.path("market.toml");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("client_ca = \"ca_crt.pem\"", "client_ca = \"clients.pem\"");
    std::fs::write(&file, text).unwrap();
    let service = Running::start(&market);
    let forged = || with_certificate(&market, &service, "forged");
    forge(&market.path(""), Some(&issuer), (2000, 4000));
    assert!(forged().list().is_ok());
    for (authority, years) in [(None, (2000, 4000)), (Some(&issuer), (2000, 2001)), (Some(&issuer), (3000, 4000))] {
        forge(&market.path(""), authority, years);
        unconnected(forged().list());
    }
    // The plaintext port knows nothing of algorithms, and the TLS port nothing of plaintext.
    for address in [service.plain, service.tls] {
        let runtime = runtime();
        let answer = runtime.block_on(async {
            let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
            let client = wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient::new;
            let mut client = client(channel.connect_lazy());
            client.list_algorithms(wire::rec_market_v1::ListAlgorithmsRequest {}).await
        });
        let code = answer.unwrap_err().code();
        assert!(matches!(code, Code::Unimplemented | Code::Unavailable | Code::Unknown | Code::Internal), "{code:?}");
    }
}

#[test]
fn without_callers_nobody_may_do_anything() {
    let meters = Meters::telling(&[]);
    let market = market(&meters, "", "");
    let service = Running::start(&market);
    let desk = |token| Desk::with(service.tls, tls(&market.path(""), None), token);
    refused(desk(None).list(), Code::Unauthenticated, &["does not know who asks"]);
    refused(desk(Some(ADMINISTRATOR)).list(), Code::Unauthenticated, &["no caller has this token"]);
}
