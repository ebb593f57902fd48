//! Who may do what: nobody is told anything before it is known who asks.

use std::net::SocketAddr;

use rec_market_tests::guests;
use tonic::Code;
use tonic::transport::Endpoint;
use wire::rec_market_v1::ListAlgorithmsRequest;
use wire::rec_market_v1::algorithm_service_client::AlgorithmServiceClient;

use crate::caller::*;
use crate::money::activation;
use testkit::*;

type Answers = Vec<Result<(), tonic::Status>>;

/// Everything that there is to ask: what readers may, and what takes an administrator.
fn ask_everything(caller: &Caller) -> (Answers, Answers) {
    let read = vec![
        caller.list().map(drop),
        caller.show("uniform").map(drop),
        caller.download("uniform").map(drop),
        caller.changes().map(drop),
    ];
    let administer = vec![
        caller.upload(guests::GRID_ONLY).map(drop),
        caller.preview(activation("uniform", false)).map(drop),
        caller.activate("uniform", "").map(drop),
        caller.start_shadow("uniform", "").map(drop),
        caller.end_shadow().map(drop),
        caller.roll_back("aveiro").map(drop),
    ];
    (read, administer)
}

#[test]
fn a_token_is_a_caller_with_a_right() {
    let meters = Meters::silent();
    let (market, service, _) = serve(&meters, "");
    let caller = |token| Caller::with(service.tls, tls(&market.path(""), None), token);
    for (token, says) in [
        (None, "does not know who asks from 127.0.0.1"),
        (Some("another token"), "no caller has this token"),
        (Some(""), "Bearer TOKEN is expected"),
        // The beginning of one.
        (Some(&ADMINISTRATOR[..20]), "no caller has this token"),
    ] {
        let (read, administer) = ask_everything(&caller(token));
        for answer in read.into_iter().chain(administer) {
            refused(answer, Code::Unauthenticated, &[says]);
        }
    }
    let (read, administer) = ask_everything(&caller(Some(READER)));
    assert!(read.iter().all(Result::is_ok), "{read:?}");
    for answer in administer {
        refused(answer, Code::PermissionDenied, &["takes the right \"administer\", which rea does not have"]);
    }
    // Nothing of all that left a trace.
    assert_eq!(caller(Some(READER)).done(), [""; 0]);
    let (read, administer) = ask_everything(&caller(Some(ADMINISTRATOR)));
    assert!(read.iter().chain(&administer).all(Result::is_ok), "{read:?} {administer:?}");
    // A token that is replaced holds at once, and the one before no more.
    market.file("rea.token", "quite another token");
    assert!(caller(Some("quite another token")).list().is_ok());
    refused(caller(Some(READER)).list(), Code::Unauthenticated, &[]);
    // One that is too short to be secret is nobody's.
    market.file("rea.token", "short");
    refused(caller(Some("short")).list(), Code::Unauthenticated, &[]);
}

/// The administrator's certificate, as a configuration.
const OPERATOR: &str = "[[caller]]\nname = \"operator\"\nroles = [\"administer\"]\ncertificate = \"operator\"\n";

/// A market that verifies client certificates, with these keys more.
fn market_of_certificates(meters: &Meters, keys: &str) -> Market {
    let market = Market::serving(meters, keys, "");
    market.reconfigure("market_key.pem\" }", "market_key.pem\", client_ca = \"ca_crt.pem\" }");
    market
}

fn with_certificate(market: &Market, service: &Service, name: &str) -> Caller {
    let (certificate, key) = (format!("{name}_crt.pem"), format!("{name}_key.pem"));
    Caller::with(service.tls, tls(&market.path(""), Some((&certificate, &key))), None)
}

#[test]
fn a_client_certificate_is_a_caller_with_a_right() {
    let meters = Meters::silent();
    let market = market_of_certificates(&meters, OPERATOR);
    let service = Service::start(&market);
    let operator = with_certificate(&market, &service, "operator");
    assert!(operator.list().is_ok());
    operator.accepted(guests::GRID_ONLY);
    assert_eq!(operator.done(), ["operator uploaded guest"]);
    // Transactions has a certificate of the same authority, and may claim trades, but nothing here.
    let transactions = with_certificate(&market, &service, "client");
    let (read, administer) = ask_everything(&transactions);
    for answer in read.into_iter().chain(administer) {
        refused(answer, Code::PermissionDenied, &["this client certificate is of no caller"]);
    }
    // Who shows none is nobody.
    let nobody = |token| Caller::with(service.tls, tls(&market.path(""), None), token);
    refused(nobody(None).list(), Code::Unauthenticated, &["takes the right \"inspect\""]);
    refused(nobody(Some(ADMINISTRATOR)).list(), Code::Unauthenticated, &["no caller has this token"]);
}

#[test]
fn callers_may_be_named_by_their_certificates() {
    let meters = Meters::silent();
    let callers = "[[caller]]\nname = \"payments\"\nroles = [\"inspect\"]\ncertificate = \"transactions\"\n";
    let market = market_of_certificates(&meters, callers);
    let service = Service::start(&market);
    let transactions = with_certificate(&market, &service, "client");
    assert!(transactions.list().is_ok());
    refused(transactions.upload(guests::GRID_ONLY), Code::PermissionDenied, &["which payments does not have"]);
    // Who is not named is nobody, whatever the name of the certificate.
    refused(with_certificate(&market, &service, "operator").list(), Code::PermissionDenied, &[]);
}

#[test]
fn a_wrong_authority_an_expired_certificate_and_plaintext_are_refused() {
    let meters = Meters::silent();
    let market = market_of_certificates(&meters, OPERATOR);
    let (authority, other) = (Authority::new(), Authority::new());
    market.file("clients.pem", authority.pem());
    market.reconfigure("client_ca = \"ca_crt.pem\"", "client_ca = \"clients.pem\"");
    let forge = |authority: &Authority, years: (i32, i32)| {
        let Pair { certificate, key } = authority.issue_for("operator", years);
        market.file("forged_crt.pem", certificate);
        market.file("forged_key.pem", key);
    };
    let service = Service::start(&market);
    let forged = || with_certificate(&market, &service, "forged");
    forge(&authority, (2000, 4000));
    assert!(forged().list().is_ok());
    for (authority, years) in [(&other, (2000, 4000)), (&authority, (2000, 2001)), (&authority, (3000, 4000))] {
        forge(authority, years);
        unconnected(forged().list());
    }
    // The plaintext port knows nothing of algorithms, and the TLS port nothing of plaintext.
    let ask_in_plaintext = |address: SocketAddr| {
        runtime().block_on(async {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
            let mut client = AlgorithmServiceClient::new(endpoint.connect_lazy());
            client.list_algorithms(ListAlgorithmsRequest {}).await.unwrap_err().code()
        })
    };
    assert_eq!(ask_in_plaintext(service.plain), Code::Unimplemented);
    assert_ne!(ask_in_plaintext(service.tls), Code::Unauthenticated, "it is not even understood");
}

#[test]
fn without_callers_nobody_may_do_anything() {
    let meters = Meters::silent();
    let market = Market::serving(&meters, "", "");
    let service = Service::start(&market);
    let caller = |token| Caller::with(service.tls, tls(&market.path(""), None), token);
    refused(caller(None).list(), Code::Unauthenticated, &["does not know who asks"]);
    refused(caller(Some(ADMINISTRATOR)).list(), Code::Unauthenticated, &["no caller has this token"]);
}
