//! Who may do what, as the file says it.

use super::*;

/// A caller that is known by its networks.
pub(super) fn from(name: &str, roles: &[Right], networks: &[&str]) -> CallerConfig {
    CallerConfig {
        name: name.to_owned(),
        roles: roles.iter().copied().collect(),
        from: networks.iter().map(|network| network.parse().unwrap()).collect(),
        certificate: None,
        token_file: None,
    }
}

/// The callers of a file with these keys at its top, in a directory with a file `token`, or its problems.
fn callers_of(keys: &str) -> Result<Vec<CallerConfig>, Vec<String>> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("token"), "").unwrap();
    let read = parse(&format!("{keys}\n[[community]]\nname = \"a\"\n"), directory.path(), &[]);
    read.map(|config| config.callers).map_err(|found| found.iter().map(Problem::to_string).collect())
}

#[test]
fn every_mistake_of_callers_is_told() {
    let callers = "[[caller]]\nname = \"rec-market\"\nroles = [\"operate\"]\ntoken_file = \"no\"\n[[caller]]\n
[[caller]]\nname = \"a\"\nroles = []\nfrom = []\n[[caller]]\nname = \"c\"\nrole = \"read\"\ncertificate = \"a b\"\n
[[caller]]\nname = \"b\"\nroles = [\"read\"]\ncertificate = \"b\"
[[caller]]\nname = \"b\"\nroles = [\"read\"]\ncertificate = \"b\"\ntoken_file = \"token\"\nfrom = [\"10.0.1.7/24\", 7]";
    let found = callers_of(callers).unwrap_err();
    let expected = [
        "line 2: caller.name is \"rec-market\", but a name of 1 to 64 visible characters",
        "line 3: caller.roles is \"operate\", but \"read\", \"prices\", \"settle\", \"inspect\" or \"administer\" is expected",
        "line 4: caller.token_file: there is no file \"no\"",
        "line 5: a caller has no name",
        "line 5: a caller has no roles (add roles = [\"…\"], with any of read, prices, settle, inspect, administer)",
        "line 5: a caller has neither networks (from), nor a certificate, nor a token_file",
        "line 7: a caller has no roles",
        "line 7: a caller has neither networks (from), nor a certificate, nor a token_file",
        // How it was called before the first release.
        "line 11: a caller has no roles (add roles = [\"…\"], with any of read, prices",
        "line 13: caller.role is not a known key (known here: certificate, from, name, roles, token_file)",
        "line 14: caller.certificate is \"a b\", but the DNS name",
        "line 19: caller.certificate is set, but tls.client_ca is not",
        "line 20: two callers are called \"b\"",
        "line 20: callers \"b\" and \"b\" have the same certificate",
        "line 23: caller.certificate is set, but tls.client_ca is not",
        "line 25: caller.from is \"10.0.1.7/24\", but an address, or a network with zeros behind its prefix",
        "line 25: caller.from is 7, but an address",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, start) in found.iter().zip(expected) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
}

#[test]
fn a_caller_is_what_the_file_says() {
    let text =
        "[[caller]]\nname = \"b\"\nroles = [\"prices\", \"administer\", \"read\", \"settle\"]\ntoken_file = \"token\"
from = [\"10.0.1.0/24\", \"::1\"]";
    let [caller] = callers_of(text).unwrap().try_into().unwrap();
    let roles = [Right::Read, Right::Prices, Right::Settle, Right::Administer];
    let expected = from("b", &roles, &["10.0.1.0/24", "::1/128"]);
    assert_eq!(CallerConfig { token_file: None, ..caller.clone() }, expected);
    assert!(caller.token_file.unwrap().ends_with("token"));
    // Who administers may look.
    assert!(Right::ALL.into_iter().all(|right| expected.may(right)));
    assert!(!from("c", &[Right::Inspect], &[]).may(Right::Administer));
}

#[test]
fn networks_are_those_of_ipv4_and_ipv6_and_single_addresses() {
    let read = |network: &str| {
        let callers = callers_of(&format!("[[caller]]\nname = \"b\"\nroles = [\"read\"]\nfrom = [\"{network}\"]"))?;
        Ok::<String, Vec<String>>(callers[0].from[0].to_string())
    };
    for (text, expected) in [
        ("10.0.1.0/24", "10.0.1.0/24"),
        ("10.0.1.7", "10.0.1.7/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("fd00:1::/64", "fd00:1::/64"),
        ("::1", "::1/128"),
        ("::/0", "::/0"),
        ("::ffff:10.0.1.0/120", "10.0.1.0/24"),
        ("::ffff:10.0.1.7", "10.0.1.7/32"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
    ] {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }
    for text in
        ["", "10.0.1.0/33", "10.0.1.7/24", "10.0.1", "10.0.1.0/", "10.0.1.0/24 ", "RECNetwork", "fd00::1/64", "::/129"]
    {
        let found = read(text).unwrap_err();
        assert!(found.len() == 1 && found[0].starts_with("line 4: caller.from is "), "{text}: {found:?}");
    }
}

#[test]
fn this_machine_has_the_rights_that_nobody_was_given() {
    use Right::{Administer, Prices, Read, Settle};
    let usual = |roles: &[Right]| from("loopback", roles, &["127.0.0.0/8", "::1/128"]);
    let given =
        |name: &str, roles: &str| format!("[[caller]]\nname = {name:?}\nroles = {roles}\nfrom = [\"10.0.1.0/24\"]\n");
    let of = |name: &str, roles: &[Right]| from(name, roles, &["10.0.1.0/24"]);
    assert_eq!(usual_callers(), [usual(&[Read, Prices, Settle])]);
    for (file, expected) in [
        (String::new(), vec![usual(&[Read, Prices, Settle])]),
        (given("a", "[\"administer\"]"), vec![of("a", &[Administer]), usual(&[Read, Prices, Settle])]),
        (given("a", "[\"settle\"]"), vec![of("a", &[Settle]), usual(&[Read, Prices])]),
        (
            given("a", "[\"settle\"]") + &given("b", "[\"read\", \"settle\"]"),
            vec![of("a", &[Settle]), of("b", &[Read, Settle]), usual(&[Prices])],
        ),
        (given("a", "[\"read\", \"prices\", \"settle\"]"), vec![of("a", &[Read, Prices, Settle])]),
        // Who names it means it.
        (given("loopback", "[\"read\"]"), vec![of("loopback", &[Read])]),
    ] {
        assert_eq!(callers_of(&file).unwrap(), expected, "{file}");
    }
}

#[test]
fn a_network_of_this_machine_is_no_foreign_one() {
    let networks = ["127.0.0.0/8", "127.0.0.2/32", "::1/128", "126.0.0.0/7", "0.0.0.0/0", "10.0.1.0/24", "::/0"];
    let caller = from("a", &[Right::Settle], &networks);
    let foreign: Vec<String> = caller.foreign_networks().map(ToString::to_string).collect();
    assert_eq!(foreign, networks[3..]);
}
